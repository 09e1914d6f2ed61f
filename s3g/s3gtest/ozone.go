package s3gtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/identity"
)

// testCase is one case of Ozone's smoketest/s3, by suite and number.
type testCase struct {
	name string
	run  func(t *testing.T, c *Client)
}

// ozoneChapter has what Ozone's suite asks and clients were seen to need, in the
// larger steps in which it was first written.
func ozoneChapter(b *book) {
	for _, group := range [][]testCase{bucketCases, conditionCases, copyCases, objectCases, rangeCases, metaCases, listCases, badCases, presignCases, uploadCases} {
		for _, tc := range group {
			op, name, ok := strings.Cut(tc.name, "/")
			if !ok {
				op, name = "more", tc.name
			}
			b.op("Ozone/" + op)
			b.add(name, func(c *Client) { tc.run(c.t.(*testing.T), c) }).modes(Open | Secure | Anonymous)
		}
	}
	b.op("Clients/goofys")
	b.add("its requests in its order", func(c *Client) { Goofys(c.t.(*testing.T), c.tg) }).modes(Open | Anonymous | Secure)
}

// owner is the owner that OC cases call right.
func (c *Client) owner() string {
	if c.tg.AccessKey == "" {
		return "anonymous"
	}
	return c.tg.AccessKey
}

const ownerHeader = "X-Amz-Expected-Bucket-Owner"

// ownerChecked runs a request with a wrong expected owner, then the right one.
func (c *Client) ownerChecked(method, path, body string, header ...string) {
	c.t.Helper()
	c.fails(403, "AccessDenied", method, path, body, append(header, ownerHeader, "wrong-owner")...)
	c.ok(method, path, body, append(header, ownerHeader, c.owner())...)
}

var bucketCases = []testCase{
	{"bucketcreate/1 location", func(t *testing.T, c *Client) {
		b := c.bucket()
		c.ok("DELETE", "/"+b, "")
		a := c.ok("PUT", "/"+b, "")
		same(t, "Location", a.Header.Get("Location"), "/"+b)
	}},
	{"bucketcreate/2 again", func(t *testing.T, c *Client) {
		b := c.bucket()
		if c.tg.RecreateConflict {
			c.fails(409, "BucketAlreadyOwnedByYou", "PUT", "/"+b, "")
		} else {
			c.ok("PUT", "/"+b, "")
		}
		c.other().fails(409, "BucketAlreadyExists", "PUT", "/"+b, "")
	}},
	{"bucketcreate/3 names", func(t *testing.T, c *Client) {
		for _, name := range []string{"invalid_bucket_1", "UPPER", "ab", "-abc", "abc-", "a..b", "a.-b", "192.168.5.4", strings.Repeat("a", 64)} {
			c.fails(400, "InvalidBucketName", "PUT", "/"+name, "")
		}
	}},
	{"bucketcreate/5 names of web endpoints", func(t *testing.T, c *Client) {
		for _, name := range []string{"conf", "jmx", "logs", "logstream", "prof", "prom", "secret", "stacks", "static"} {
			c.ok("PUT", "/"+name, "")
			t.Cleanup(func() { c.drop(name) })
			body := strings.Repeat("x", 64<<10)
			c.ok("PUT", "/"+name+"/testkey", body)
			same(t, "keys", c.list(name, "").keys(), "testkey")
			same(t, "body", c.ok("GET", "/"+name+"/testkey", "").Body, body)
		}
	}},
	{"bucketcreate/location constraint", func(t *testing.T, c *Client) {
		b := c.bucket()
		same(t, "location", strings.Contains(c.ok("GET", "/"+b+"?location", "").Body, "LocationConstraint"), true)
		c.ok("DELETE", "/"+b, "")
		c.ok("PUT", "/"+b, `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>`)
		same(t, "location", strings.Contains(c.ok("GET", "/"+b+"?location", "").Body, ">eu-west-1<"), true)
		same(t, "region", c.ok("HEAD", "/"+b, "").Header.Get("X-Amz-Bucket-Region"), "eu-west-1")
		c.ok("DELETE", "/"+b, "")
		c.fails(400, "MalformedXML", "PUT", "/"+b, "<Create")
		c.fails(400, "InvalidLocationConstraint", "PUT", "/"+b, `<CreateBucketConfiguration><LocationConstraint>no where</LocationConstraint></CreateBucketConfiguration>`)
		c.fails(404, "NoSuchBucket", "HEAD", "/"+b, "")
		c.ok("PUT", "/"+b, "")
	}},
	{"bucketdelete/1,2,4", func(t *testing.T, c *Client) {
		b := c.bucket()
		c.ok("PUT", "/"+b+"/k", "x")
		c.fails(409, "BucketNotEmpty", "DELETE", "/"+b, "")
		c.ok("DELETE", "/"+b+"/k", "")
		c.fails(403, "AccessDenied", "DELETE", "/"+b, "", ownerHeader, "wrong")
		same(t, "status", c.ok("DELETE", "/"+b, "", ownerHeader, c.owner()).Status, 204)
		c.fails(404, "NoSuchBucket", "DELETE", "/"+b, "")
		c.ok("PUT", "/"+b, "")
	}},
	{"bucketdelete/3 open upload", func(t *testing.T, c *Client) {
		b := c.bucket()
		var up struct {
			UploadID string `xml:"UploadId"`
		}
		c.ok("POST", "/"+b+"/k?uploads", "").decode(t, &up)
		if c.tg.UploadsKeepBucket {
			c.fails(409, "BucketNotEmpty", "DELETE", "/"+b, "")
			c.ok("DELETE", "/"+b+"/k?uploadId="+up.UploadID, "")
		}
		c.ok("DELETE", "/"+b, "")
		c.ok("PUT", "/"+b, "")
	}},
	{"buckethead/1,2,3", func(t *testing.T, c *Client) {
		b := c.bucket()
		c.fails(404, "", "HEAD", "/no-such-bucket-at-all", "")
		c.fails(403, "", "HEAD", "/"+b, "", ownerHeader, "wrong")
		same(t, "region", c.ok("HEAD", "/"+b, "", ownerHeader, c.owner()).Header.Get("X-Amz-Bucket-Region"), "us-east-1")
	}},
	{"bucketlist/1", func(t *testing.T, c *Client) {
		b := c.bucket()
		var l struct {
			Owner   struct{ ID, DisplayName string }
			Buckets struct {
				Bucket []struct{ Name, CreationDate string }
			}
		}
		c.ok("GET", "/", "").decode(t, &l)
		found := false
		for _, x := range l.Buckets.Bucket {
			found = found || x.Name == b && x.CreationDate != ""
		}
		same(t, "found", found, true)
		same(t, "owner", l.Owner.ID, identity.CanonicalID(c.tg.AccessKey))
		same(t, "has display name", l.Owner.DisplayName != "", true)
	}},
	{"bucketlist/3 empty access key", func(t *testing.T, c *Client) {
		a := c.as("").fails(400, "AuthorizationHeaderMalformed", "GET", "/", "",
			"Authorization", "AWS4-HMAC-SHA256 Credential=/20260101/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("0", 64),
			"X-Amz-Date", time.Now().UTC().Format("20060102T150405Z"), "X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
		same(t, "message", strings.Contains(a.Body, "The authorization header you provided is invalid"), true)
	}},
	{"bucketlist/paged", func(t *testing.T, c *Client) {
		if !c.tg.Secure { // where any name is a user, one without other buckets
			c = c.as("pager" + strings.ToLower(c.bucket()[2:10]))
		}
		var mine []string
		for range 3 {
			mine = append(mine, c.bucket())
		}
		var names []string
		token := ""
		for {
			p := c.buckets("?max-buckets=2&continuation-token=" + escapeAll(token))
			same(t, "at most two", len(p.Buckets.Bucket) <= 2, true)
			names = append(names, strings.Fields(p.names())...)
			if token = p.ContinuationToken; token == "" {
				break
			}
		}
		for _, name := range mine {
			same(t, "listed "+name, slices.Contains(names, name), true)
		}
		c.fails(400, "InvalidArgument", "GET", "/?max-buckets=0", "")
		c.fails(400, "InvalidArgument", "GET", "/?max-buckets=10001", "")
		c.fails(400, "InvalidArgument", "GET", "/?continuation-token=%21", "")
	}},
}

var conditionCases = []testCase{
	{"conditionalput/1,2,3,4,5", func(t *testing.T, c *Client) {
		k := "/" + c.bucket() + "/k"
		etag := c.ok("PUT", k, "one", "If-None-Match", "*").Header.Get("Etag")
		c.fails(412, "PreconditionFailed", "PUT", k, "two", "If-None-Match", "*")
		next := c.ok("PUT", k, "three", "If-Match", etag).Header.Get("Etag")
		same(t, "other etag", next != etag, true)
		c.fails(412, "PreconditionFailed", "PUT", k, "four", "If-Match", `"wrong"`)
		same(t, "etag", c.ok("HEAD", k, "").Header.Get("Etag"), next)
		c.fails(404, "NoSuchKey", "PUT", k+"-absent", "five", "If-Match", etag)
		c.fails(404, "", "HEAD", k+"-absent", "")
		c.fails(400, "InvalidRequest", "PUT", k, "x", "If-Match", etag, "If-None-Match", "*")
		c.fails(501, "NotImplemented", "PUT", k, "x", "If-None-Match", etag)
		same(t, "body", c.ok("GET", k, "").Body, "three")
	}},
	{"conditionaldelete", func(t *testing.T, c *Client) {
		k := "/" + c.bucket() + "/k"
		etag := c.ok("PUT", k, "one").Header.Get("Etag")
		c.fails(412, "PreconditionFailed", "DELETE", k, "", "If-Match", `"wrong"`)
		c.ok("HEAD", k, "")
		c.ok("DELETE", k, "", "If-Match", etag)
		c.fails(404, "", "HEAD", k, "")
	}},
	{"conditionalget", conditionalGet},
}

// conditionalGet goes through the four headers and their precedence.
func conditionalGet(t *testing.T, c *Client) {
	k := "/" + c.bucket() + "/k"
	etag := c.ok("PUT", k, "one").Header.Get("Etag")
	past, future := time.Now().Add(-time.Hour).UTC().Format(time.RFC1123), time.Now().Add(time.Hour).UTC().Format(time.RFC1123)
	past, future = strings.Replace(past, "UTC", "GMT", 1), strings.Replace(future, "UTC", "GMT", 1)
	now := c.ok("HEAD", k, "").Header.Get("Last-Modified")
	for _, tc := range []struct {
		status int
		header []string
	}{
		{200, []string{"If-Match", etag}},
		{200, []string{"If-Match", "*"}},
		{200, []string{"If-Match", `"a", ` + etag}},
		{412, []string{"If-Match", `"wrong"`}},
		{304, []string{"If-None-Match", etag}},
		{304, []string{"If-None-Match", "W/" + etag}},
		{304, []string{"If-None-Match", "*"}},
		{200, []string{"If-None-Match", `"wrong"`}},
		{200, []string{"If-Modified-Since", past}},
		{304, []string{"If-Modified-Since", now}},
		{200, []string{"If-Modified-Since", future}}, // not a date the server can judge
		{200, []string{"If-Modified-Since", "yesterday"}},
		{200, []string{"If-Unmodified-Since", future}},
		{200, []string{"If-Unmodified-Since", now}},
		{412, []string{"If-Unmodified-Since", past}},
		{200, []string{"If-Match", etag, "If-Unmodified-Since", past}},
		{200, []string{"If-None-Match", `"wrong"`, "If-Modified-Since", now}},
		{304, []string{"If-None-Match", etag, "If-Modified-Since", past}},
		{304, []string{"If-Match", etag, "If-None-Match", etag}},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			a := c.do(method, k, "", tc.header...)
			same(t, fmt.Sprint(method, tc.header), a.Status, tc.status)
			if tc.status == 304 {
				same(t, "etag of 304", a.Header.Get("Etag"), etag)
				same(t, "body of 304", a.Body, "")
			}
		}
	}
}

var copyCases = []testCase{
	{"objectcopy/1 directives", copyDirectives},
	{"objectcopy/2,4 missing", func(t *testing.T, c *Client) {
		b := c.bucket()
		c.ok("PUT", "/"+b+"/k", "x")
		c.fails(404, "NoSuchBucket", "PUT", "/no-such-bucket-at-all/k", "", "X-Amz-Copy-Source", b+"/k")
		a := c.fails(404, "NoSuchBucket", "PUT", "/"+b+"/c", "", "X-Amz-Copy-Source", "no-such-bucket-at-all/k")
		same(t, "which bucket", strings.Contains(a.Body, "<BucketName>no-such-bucket-at-all<"), true)
		c.fails(404, "NoSuchKey", "PUT", "/"+b+"/c", "", "X-Amz-Copy-Source", b+"/absent")
		for _, bad := range []string{"", "/", b, b + "/", "/" + b, "%zz/k", b + "/%ff"} {
			c.fails(400, "InvalidArgument", "PUT", "/"+b+"/c", "", "X-Amz-Copy-Source", bad)
		}
		same(t, "keys", c.list(b, "").keys(), "k")
	}},
	{"objectcopy/3 onto itself", func(t *testing.T, c *Client) {
		b := c.bucket()
		c.ok("PUT", "/"+b+"/k", "x", "X-Amz-Meta-A", "1")
		a := c.ok("PUT", "/"+b+"/k", "", "X-Amz-Copy-Source", b+"/k", "X-Amz-Storage-Class", "REDUCED_REDUNDANCY")
		same(t, "etag", strings.Contains(a.Body, strings.Trim(quotedMD5("x"), `"`)), true)
		c.fails(400, "InvalidRequest", "PUT", "/"+b+"/k", "", "X-Amz-Copy-Source", b+"/k")
		c.ok("PUT", "/"+b+"/k", "", "X-Amz-Copy-Source", b+"/k", "X-Amz-Metadata-Directive", "REPLACE", "X-Amz-Meta-B", "2")
		h := c.ok("GET", "/"+b+"/k", "").Header
		same(t, "old metadata", h.Get("X-Amz-Meta-A"), "")
		same(t, "new metadata", h.Get("X-Amz-Meta-B"), "2")
	}},
	{"objectcopy/5,6", func(t *testing.T, c *Client) {
		b := c.bucket()
		c.ok("PUT", "/"+b+"/k", "x")
		src := []string{"X-Amz-Copy-Source", b + "/k"}
		c.fails(400, "InvalidArgument", "PUT", "/"+b+"/c", "", append(src, "X-Amz-Metadata-Directive", "INVALID")...)
		c.fails(400, "InvalidArgument", "PUT", "/"+b+"/c", "", append(src, "X-Amz-Tagging-Directive", "INVALID")...)
		c.fails(400, "InvalidRequest", "PUT", "/"+b+"/c", "", append(src, "X-Amz-Checksum-Algorithm", "MD4")...)
		c.fails(400, "MetadataTooLarge", "PUT", "/"+b+"/c", "", append(src, "X-Amz-Metadata-Directive", "REPLACE", "X-Amz-Meta-Big", strings.Repeat("v", 3000))...)
		same(t, "keys", c.list(b, "").keys(), "k")
	}},
	{"objectcopy/7 owners", func(t *testing.T, c *Client) {
		b := c.bucket()
		c.ok("PUT", "/"+b+"/k", "x")
		c.ownerChecked("PUT", "/"+b+"/c", "", "X-Amz-Copy-Source", b+"/k")
		c.fails(403, "AccessDenied", "PUT", "/"+b+"/c", "", "X-Amz-Copy-Source", b+"/k", "X-Amz-Source-Expected-Bucket-Owner", "wrong")
		c.ok("PUT", "/"+b+"/c", "", "X-Amz-Copy-Source", b+"/k", "X-Amz-Source-Expected-Bucket-Owner", c.owner())
	}},
	{"objectcopys3a/1 rename by copy", func(t *testing.T, c *Client) {
		b := c.bucket()
		c.fails(404, "", "HEAD", "/"+b+"/word.txt", "")
		same(t, "keys", c.list(b, "prefix=word.txt/").keys(), "")
		c.ok("PUT", "/"+b+"/word.txt._COPYING_", "words")
		c.ok("HEAD", "/"+b+"/word.txt._COPYING_", "")
		c.ok("PUT", "/"+b+"/word.txt", "", "X-Amz-Copy-Source", "/"+b+"/word.txt._COPYING_")
		c.ok("DELETE", "/"+b+"/word.txt._COPYING_", "")
		c.fails(404, "", "HEAD", "/"+b+"/word.txt._COPYING_", "")
		same(t, "body", c.ok("GET", "/"+b+"/word.txt", "").Body, "words")
	}},
	{"objectcopy/names", func(t *testing.T, c *Client) {
		b := c.bucket()
		for _, k := range []string{"a b", "a+b", "ü/é", "100%", "a?b", "a?versionId", "dir/", "x//y", "../up", "q&a=b;c"} {
			c.ok("PUT", "/"+b+"/"+escapeKey(k), "of "+k)
			same(t, k, c.ok("GET", "/"+b+"/"+escapeKey(k), "").Body, "of "+k)
			for _, src := range []string{b + "/" + escapeKey(k), "/" + b + "/" + escapeKey(k), b + "%2F" + queryEscape(k), b + "/" + escapeKey(k) + "?versionId=null"} {
				c.ok("PUT", "/"+b+"/copy", "", "X-Amz-Copy-Source", src)
				same(t, src, c.ok("GET", "/"+b+"/copy", "").Body, "of "+k)
			}
		}
	}},
	{"objectcopy/conditions", func(t *testing.T, c *Client) {
		b := c.bucket()
		etag := c.ok("PUT", "/"+b+"/k", "x").Header.Get("Etag")
		past, tomorrow := time.Now().Add(-24*time.Hour).UTC().Format(httpTime), time.Now().Add(24*time.Hour).UTC().Format(httpTime)
		for _, tc := range []struct {
			status int
			header []string
		}{
			{200, []string{"X-Amz-Copy-Source-If-Match", etag}},
			{412, []string{"X-Amz-Copy-Source-If-Match", `"wrong"`}},
			{412, []string{"X-Amz-Copy-Source-If-None-Match", etag}},
			{200, []string{"X-Amz-Copy-Source-If-None-Match", `"wrong"`}},
			{200, []string{"X-Amz-Copy-Source-If-Modified-Since", past}},
			{200, []string{"X-Amz-Copy-Source-If-Modified-Since", tomorrow}},
			{412, []string{"X-Amz-Copy-Source-If-Unmodified-Since", past}},
			{200, []string{"X-Amz-Copy-Source-If-Unmodified-Since", tomorrow}},
			{412, []string{"If-None-Match", "*"}},
		} {
			c.do("PUT", "/"+b+"/c", "there")
			a := c.do("PUT", "/"+b+"/c", "", append(tc.header, "X-Amz-Copy-Source", b+"/k")...)
			same(t, fmt.Sprint(tc.header), a.Status, tc.status)
		}
	}},
}

// httpTime is the form of dates in HTTP.
const httpTime = "Mon, 02 Jan 2006 15:04:05 GMT"

func copyDirectives(t *testing.T, c *Client) {
	b, d := c.bucket(), c.bucket()
	etag := c.ok("PUT", "/"+b+"/k", "body", "X-Amz-Meta-One", "1", "X-Amz-Meta-Two", "2", "X-Amz-Meta-Gdprenabled", "true",
		"X-Amz-Tagging", "t1=a&t2=b", "Content-Type", "text/plain").Header.Get("Etag")
	same(t, "etag", etag, quotedMD5("body"))
	other := []string{"X-Amz-Copy-Source", b + "/k", "X-Amz-Meta-Other", "3", "X-Amz-Tagging", "t3=c", "Content-Type", "text/html"}
	var res struct{ ETag, LastModified string }
	c.ok("PUT", "/"+d+"/k", "", other...).decode(t, &res)
	same(t, "etag", res.ETag, etag)
	same(t, "has date", res.LastModified != "", true)
	h := c.ok("HEAD", "/"+d+"/k", "").Header
	same(t, "metadata", h.Get("X-Amz-Meta-One")+h.Get("X-Amz-Meta-Two")+h.Get("X-Amz-Meta-Other"), "12")
	same(t, "type", h.Get("Content-Type"), "text/plain")
	same(t, "tags", h.Get("X-Amz-Tagging-Count"), "2")
	c.ok("PUT", "/"+d+"/k", "", append(other, "X-Amz-Metadata-Directive", "REPLACE", "X-Amz-Tagging-Directive", "REPLACE")...)
	h = c.ok("GET", "/"+d+"/k", "").Header
	same(t, "metadata", h.Get("X-Amz-Meta-One")+h.Get("X-Amz-Meta-Two")+h.Get("X-Amz-Meta-Other"), "3")
	same(t, "type", h.Get("Content-Type"), "text/html")
	same(t, "tags", h.Get("X-Amz-Tagging-Count"), "1")
	same(t, "keys", c.list(d, "").keys(), "k")
}
