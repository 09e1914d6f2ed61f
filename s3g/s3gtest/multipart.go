package s3gtest

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// minPart is the smallest part that is not the last.
const minPart = 5 << 20

// upload is a multipart upload in the making.
type upload struct {
	c    *Client
	path string // /bucket/key
	id   string
}

// start creates an upload.
func (c *Client) start(path string, header ...string) *upload {
	c.t.Helper()
	var up struct{ Bucket, Key, UploadId string }
	c.ok("POST", path+"?uploads", "", header...).decode(c.t, &up)
	same(c.t, "bucket and key", "/"+up.Bucket+"/"+up.Key, path)
	return &upload{c: c, path: path, id: up.UploadId}
}

// query is the path of the upload with more parameters before its id.
func (u *upload) query(params string) string { return u.path + "?" + params + "uploadId=" + u.id }

func (u *upload) part(n int, body string, header ...string) string {
	u.c.t.Helper()
	a := u.c.ok("PUT", u.query(fmt.Sprintf("partNumber=%d&", n)), body, header...)
	same(u.c.t, "ETag of the part", a.Header.Get("Etag"), quotedMD5(body))
	return a.Header.Get("Etag")
}

// completeDoc is the body of Complete for number, ETag pairs.
func completeDoc(pairs ...any) string {
	var b strings.Builder
	b.WriteString("<CompleteMultipartUpload>")
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&b, "<Part><ETag>%s</ETag><PartNumber>%v</PartNumber></Part>", strings.ReplaceAll(fmt.Sprint(pairs[i+1]), `"`, "&quot;"), pairs[i])
	}
	return b.String() + "</CompleteMultipartUpload>"
}

// binaryETag is AWS's ETag of an object of parts.
func binaryETag(parts ...string) string {
	h := md5.New()
	for _, p := range parts {
		h.Write(sumMD5(p))
	}
	return fmt.Sprintf(`"%s-%d"`, hex.EncodeToString(h.Sum(nil)), len(parts))
}

func filled(n int, with byte) string { return strings.Repeat(string(with), n) }

func crc32Of(body string) string {
	return base64Of(crc32.ChecksumIEEE([]byte(body)))
}

var uploadCases = []testCase{
	{"mpu/1,3,4,5 create, parts, complete, get", uploadWhole},
	{"mpu/2 presigned complete in chunks without length", func(t *testing.T, c *Client) {
		u := c.start("/" + c.bucket() + "/k")
		doc := completeDoc(1, u.part(1, "hello"))
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, c.presign("POST", u.query(""), time.Hour, time.Now()), io.MultiReader(strings.NewReader(doc)))
		if err != nil {
			t.Fatal(err)
		}
		same(t, "length", req.ContentLength <= 0, true)
		a := c.send(req)
		same(t, "status", a.Status, 200)
		same(t, "result", strings.Contains(a.Body, "<CompleteMultipartUploadResult") && strings.Contains(a.Body, "<ETag>"), true)
	}},
	{"mpu/5 without parts", func(t *testing.T, c *Client) {
		u := c.start("/" + c.bucket() + "/k")
		for _, doc := range []string{"", "<CompleteMultipartUpload></CompleteMultipartUpload>", "nonsense",
			"<CompleteMultipartUpload><Part></Part></CompleteMultipartUpload>",
			"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>",
			"<CompleteMultipartUpload><Part><ETag>x</ETag></Part></CompleteMultipartUpload>", deleteDoc(false, "k")} {
			c.fails(400, "MalformedXML", "POST", u.query(""), doc)
		}
		c.fails(400, "InvalidArgument", "POST", u.query(""), completeDoc(0, "x"))
		c.fails(400, "InvalidArgument", "POST", u.query(""), completeDoc(10001, "x"))
		c.fails(404, "", "HEAD", u.path, "")
	}},
	{"mpu/6 metadata too large", func(t *testing.T, c *Client) {
		c.fails(400, "MetadataTooLarge", "POST", "/"+c.bucket()+"/k?uploads", "", "X-Amz-Meta-A", filled(3000, 'x'))
	}},
	{"mpu/7 parts too small", func(t *testing.T, c *Client) {
		u := c.start("/" + c.bucket() + "/k")
		e1, e2 := u.part(1, "small"), u.part(2, "too")
		c.fails(400, "EntityTooSmall", "POST", u.query(""), completeDoc(1, e1, 2, e2))
		c.fails(404, "", "HEAD", u.path, "")
	}},
	{"mpu/8 wrong parts and orders", uploadWrongParts},
	{"mpu/9,10,11 abort and unknown ids", uploadAbort},
	{"mpu/12 list parts", uploadListParts},
	{"mpu/14,15,16 part copies", uploadCopies},
	{"mpu/17 list uploads", uploadList},
	{"mpu/18 owners", uploadOwners},
	{"mpu/19,20 content-md5", func(t *testing.T, c *Client) {
		u := c.start("/" + c.bucket() + "/k")
		u.part(1, "hello", "Content-Md5", contentMD5("hello"))
		c.fails(400, "BadDigest", "PUT", u.query("partNumber=2&"), "hello", "Content-Md5", contentMD5("other"))
		c.fails(400, "InvalidDigest", "PUT", u.query("partNumber=2&"), "hello", "Content-Md5", "zzz")
		c.fails(400, "XAmzContentSHA256Mismatch", "PUT", u.query("partNumber=2&"), "hello", "X-Amz-Content-Sha256", filled(64, '0'))
		same(t, "parts", strings.Count(c.ok("GET", u.query(""), "").Body, "<Part>"), 1)
	}},
	{"part numbers", func(t *testing.T, c *Client) {
		u := c.start("/" + c.bucket() + "/k")
		for _, n := range []string{"0", "10001", "-1", "x", "", "1.5", "99999999999999999999"} {
			c.fails(400, "InvalidArgument", "PUT", u.query("partNumber="+n+"&"), "x")
			c.fails(400, "InvalidArgument", "PUT", u.query("partNumber="+n+"&"), "", "X-Amz-Copy-Source", "/b/k")
		}
		u.part(10000, "last")
	}},
	{"upload checksums", uploadChecksums},
	{"conditional complete", uploadConditional},
	{"complete twice", func(t *testing.T, c *Client) {
		u := c.start("/" + c.bucket() + "/k")
		doc := completeDoc(1, u.part(1, "hello"))
		first := c.ok("POST", u.query(""), doc)
		same(t, "answer", c.ok("POST", u.query(""), doc).Body, first.Body)
		c.fails(404, "NoSuchUpload", "POST", u.query(""), completeDoc(1, "other"))
		c.fails(404, "NoSuchUpload", "PUT", u.query("partNumber=1&"), "x")
		c.fails(404, "NoSuchUpload", "GET", u.query(""), "")
	}},
}

// uploadWhole also replaces a part and drops one, over an object that was there.
func uploadWhole(t *testing.T, c *Client) {
	b := c.bucket()
	path := "/" + b + "/dir/k"
	c.ok("PUT", path, "")
	u := c.start(path, "X-Amz-Meta-One", "1", "X-Amz-Meta-Gdprenabled", "true", "X-Amz-Tagging", "a=b&c=d", "Content-Type", "text/x", "Cache-Control", "no-cache")
	other := c.start(path)
	same(t, "two uploads", u.id != other.id, true)
	u.part(1, "to be replaced")
	p1, p3 := filled(minPart, 'a'), "the end"
	e1 := u.part(1, p1)
	u.part(2, "not used")
	e3 := strings.Trim(u.part(3, p3), `"`)
	same(t, "before", c.ok("GET", path, "").Body, "")
	var done struct{ Location, Bucket, Key, ETag string }
	c.ok("POST", u.query(""), completeDoc(1, e1, 3, e3)).decode(t, &done)
	same(t, "ETag", done.ETag, binaryETag(p1, p3))
	same(t, "bucket and key", "/"+done.Bucket+"/"+done.Key, path)
	same(t, "location", strings.HasPrefix(done.Location, "http") && strings.HasSuffix(done.Location, "/dir/k"), true)
	a := c.ok("GET", path, "")
	same(t, "bytes", a.Body == p1+p3, true)
	for name, want := range map[string]string{
		"Etag": done.ETag, "X-Amz-Meta-One": "1", "X-Amz-Meta-Gdprenabled": "", "X-Amz-Tagging-Count": "2", "Content-Type": "text/x",
		"Cache-Control": "no-cache", "X-Amz-Mp-Parts-Count": "2",
	} {
		same(t, name, a.Header.Get(name), want)
	}
	c.ok("DELETE", other.query(""), "")
}

func uploadWrongParts(t *testing.T, c *Client) {
	u := c.start("/" + c.bucket() + "/k")
	for _, doc := range []string{completeDoc(1, "x", 2, "y"), completeDoc(1, "x")} {
		c.fails(400, "InvalidPart", "POST", u.query(""), doc)
	}
	p := filled(minPart, 'a')
	e1, e2, e3 := u.part(1, p), u.part(2, p), u.part(3, "end")
	c.fails(400, "InvalidPart", "POST", u.query(""), completeDoc(1, "x", 2, "y"))
	c.fails(400, "InvalidPart", "POST", u.query(""), completeDoc(1, e1, 2, "y"))
	c.fails(400, "InvalidPartOrder", "POST", u.query(""), completeDoc(2, e2, 1, e1))
	c.fails(400, "InvalidPartOrder", "POST", u.query(""), completeDoc(1, e1, 1, e1))
	c.ok("POST", u.query(""), completeDoc(1, e1, 3, e3))
	same(t, "bytes", c.ok("GET", u.path, "").Body == p+"end", true)
	same(t, "part 3 of the object", c.ok("GET", u.path+"?partNumber=3", "").Body, "end")
}

func uploadAbort(t *testing.T, c *Client) {
	b := c.bucket()
	u := c.start("/"+b+"/k", "X-Amz-Storage-Class", "REDUCED_REDUNDANCY")
	u.part(1, "x")
	same(t, "status", c.ok("DELETE", u.query(""), "").Status, http.StatusNoContent)
	for _, id := range []string{u.id, "random", "", "%00"} {
		at := u.path + "?uploadId=" + id
		c.fails(404, "NoSuchUpload", "DELETE", at, "")
		c.fails(404, "NoSuchUpload", "GET", at, "")
		c.fails(404, "NoSuchUpload", "POST", at, completeDoc(1, "x"))
		c.fails(404, "NoSuchUpload", "PUT", at+"&partNumber=1", "x")
		c.fails(404, "NoSuchUpload", "PUT", at+"&partNumber=1", "", "X-Amz-Copy-Source", b+"/k")
	}
	other := c.start("/" + b + "/k")
	c.fails(404, "NoSuchUpload", "PUT", "/"+b+"/otherkey?partNumber=1&uploadId="+other.id, "x")
	c.ok("DELETE", other.query(""), "")
	c.fails(404, "NoSuchBucket", "POST", "/no-such-bucket-at-all/k?uploads", "")
	c.fails(404, "NoSuchBucket", "GET", "/no-such-bucket-at-all?uploads", "")
	c.fails(400, "InvalidStorageClass", "POST", "/"+b+"/k?uploads", "", "X-Amz-Storage-Class", "GOLD")
}

// partsPage is the answer of ListParts.
type partsPage struct {
	UploadId, StorageClass                           string
	PartNumberMarker, NextPartNumberMarker, MaxParts int
	IsTruncated                                      bool
	Part                                             []struct {
		PartNumber                        int
		ETag, ChecksumCRC32, LastModified string
		Size                              int64
	}
}

func (p partsPage) numbers() string {
	var out []string
	for _, part := range p.Part {
		out = append(out, fmt.Sprint(part.PartNumber))
	}
	return strings.Join(out, " ")
}

func uploadListParts(t *testing.T, c *Client) {
	u := c.start("/" + c.bucket() + "/k")
	list := func(params string) (p partsPage) {
		c.ok("GET", u.query(params), "").decode(t, &p)
		return p
	}
	same(t, "no parts", list("").numbers(), "")
	for _, n := range []int{7, 1, 3, 10000} {
		u.part(n, filled(n%8, 'x'))
	}
	p := list("")
	same(t, "all", p.numbers(), "1 3 7 10000")
	same(t, "one", fmt.Sprint(p.Part[1].ETag, p.Part[1].Size), quotedMD5("xxx")+"3")
	same(t, "rest", fmt.Sprintf("%v %s %v %d %d", p.UploadId == u.id, p.StorageClass, p.IsTruncated, p.NextPartNumberMarker, p.MaxParts), "true STANDARD false 10000 1000")
	if _, err := time.Parse(time.RFC3339, p.Part[0].LastModified); err != nil {
		t.Error(err)
	}
	p = list("max-parts=2&")
	same(t, "first page", fmt.Sprintf("%s %v %d %d", p.numbers(), p.IsTruncated, p.NextPartNumberMarker, p.MaxParts), "1 3 true 3 2")
	p = list("max-parts=2&part-number-marker=3&")
	same(t, "second page", fmt.Sprintf("%s %v %d", p.numbers(), p.IsTruncated, p.PartNumberMarker), "7 10000 false 3")
	p = list("max-parts=0&")
	same(t, "no page", fmt.Sprintf("%q %v %d", p.numbers(), p.IsTruncated, p.MaxParts), `"" false 0`)
	same(t, "huge", list("max-parts=2147483647&").MaxParts, 1000)
	same(t, "beyond", list("part-number-marker=2147483647&").numbers(), "")
	for _, bad := range []string{"max-parts=-1", "max-parts=x", "max-parts=2147483648", "part-number-marker=x", "part-number-marker=-1", "encoding-type=foo"} {
		c.fails(400, "InvalidArgument", "GET", u.query(bad+"&"), "")
	}
}

func uploadCopies(t *testing.T, c *Client) {
	b := c.bucket()
	src := filled(minPart, 'a') + "0123456789"
	c.ok("PUT", "/"+b+"/src key", src)
	modified, err := http.ParseTime(c.ok("HEAD", "/"+b+"/src key", "").Header.Get("Last-Modified"))
	if err != nil {
		t.Fatal(err)
	}
	etag := quotedMD5(src)
	u := c.start("/" + b + "/k")
	at := func(n int) string { return u.query(fmt.Sprintf("partNumber=%d&", n)) }
	from := func(header ...string) []string {
		return append([]string{"X-Amz-Copy-Source", b + "%2Fsrc+key"}, header...)
	}
	copied := func(n int, header ...string) string {
		t.Helper()
		var res struct{ ETag, LastModified string }
		c.ok("PUT", at(n), "", from(header...)...).decode(t, &res)
		if _, err := time.Parse(time.RFC3339, res.LastModified); err != nil {
			t.Error(err)
		}
		return res.ETag
	}
	const rangeHeader = "X-Amz-Copy-Source-Range"
	e1 := copied(1)
	same(t, "whole", e1, etag)
	e2 := copied(2, rangeHeader, fmt.Sprintf("bytes=%d-%d", minPart+2, minPart+4))
	same(t, "range", e2, quotedMD5("234"))
	for _, bad := range []string{"bytes=0-", "bytes=-5", "0-5", "bytes=5-1", "bytes=a-b", "bytes=0-1,3-4", "bytes 0-1", "bytes=1 - 2",
		fmt.Sprintf("bytes=0-%d", len(src)), "bytes=0-99999999999999999999"} {
		c.fails(400, "InvalidArgument", "PUT", at(3), "", from(rangeHeader, bad)...)
	}
	past, later := modified.Add(-24*time.Hour).UTC().Format(http.TimeFormat), modified.Add(24*time.Hour).UTC().Format(http.TimeFormat)
	const cond = "X-Amz-Copy-Source-If-"
	for _, good := range [][]string{{cond + "Match", etag}, {cond + "Match", etag, cond + "Unmodified-Since", past}, {cond + "None-Match", `"other"`},
		{cond + "None-Match", `"other"`, cond + "Modified-Since", modified.UTC().Format(http.TimeFormat)},
		{cond + "Modified-Since", past}, {cond + "Modified-Since", later}, {cond + "Unmodified-Since", later}} {
		copied(3, append(good, rangeHeader, "bytes=0-0")...)
	}
	for _, bad := range [][]string{{cond + "Match", `"other"`}, {cond + "None-Match", etag}, {cond + "None-Match", "*"},
		{cond + "Unmodified-Since", past}, {cond + "Modified-Since", modified.UTC().Format(http.TimeFormat)}} {
		c.fails(412, "PreconditionFailed", "PUT", at(3), "", from(bad...)...)
	}
	c.fails(404, "NoSuchKey", "PUT", at(3), "", "X-Amz-Copy-Source", b+"/absent")
	c.fails(404, "NoSuchBucket", "PUT", at(3), "", "X-Amz-Copy-Source", "no-such-bucket-at-all/k")
	c.fails(400, "InvalidArgument", "PUT", at(3), "", "X-Amz-Copy-Source", "nokey")
	c.ok("POST", u.query(""), completeDoc(1, e1, 2, e2))
	same(t, "bytes", c.ok("GET", u.path, "").Body == src+"234", true)
}

// uploadsPage is the answer of ListMultipartUploads.
type uploadsPage struct {
	Prefix, Delimiter, KeyMarker, UploadIdMarker, NextKeyMarker, NextUploadIdMarker string
	MaxUploads                                                                      int
	IsTruncated                                                                     bool
	Upload                                                                          []struct{ Key, UploadId, StorageClass, Initiated string }
	CommonPrefixes                                                                  []struct{ Prefix string }
}

func (p uploadsPage) keys() string {
	var out []string
	for _, u := range p.Upload {
		out = append(out, u.Key)
	}
	for _, cp := range p.CommonPrefixes {
		out = append(out, cp.Prefix)
	}
	return strings.Join(out, " ")
}

func uploadList(t *testing.T, c *Client) {
	b := c.bucket()
	list := func(params string) (p uploadsPage) {
		c.ok("GET", "/"+b+"?uploads"+params, "").decode(t, &p)
		return p
	}
	same(t, "none", list("").keys(), "")
	var ups []*upload
	for _, k := range []string{"b", "a", "d/1", "d/2", "b", "ü"} {
		ups = append(ups, c.start("/"+b+"/"+k))
	}
	p := list("")
	same(t, "all", p.keys(), "a b b d/1 d/2 ü")
	same(t, "older first", p.Upload[1].UploadId == ups[0].id && p.Upload[2].UploadId == ups[4].id, true)
	same(t, "class", p.Upload[0].StorageClass, "STANDARD")
	if _, err := time.Parse(time.RFC3339, p.Upload[0].Initiated); err != nil {
		t.Error(err)
	}
	same(t, "prefix", list("&prefix=d/").keys(), "d/1 d/2")
	same(t, "delimiter", list("&delimiter=/").keys(), "a b b ü d/")
	same(t, "marker", list("&key-marker=b").keys(), "d/1 d/2 ü")
	same(t, "both markers", list("&key-marker=b&upload-id-marker="+ups[0].id).keys(), "b d/1 d/2 ü")
	same(t, "id marker alone", list("&upload-id-marker="+ups[0].id).keys(), "a b b d/1 d/2 ü")
	same(t, "encoded", list("&prefix=%C3%BC&encoding-type=url").keys(), "%C3%BC")
	p = list("&max-uploads=0")
	same(t, "no page", fmt.Sprintf("%q %v %d", p.keys(), p.IsTruncated, p.MaxUploads), `"" false 0`)
	var paged []string
	for marker := ""; ; {
		p = list("&max-uploads=2" + marker)
		paged = append(paged, p.keys())
		if !p.IsTruncated {
			break
		}
		marker = "&key-marker=" + p.NextKeyMarker + "&upload-id-marker=" + p.NextUploadIdMarker
	}
	same(t, "pages", strings.Join(paged, "|"), "a b|b d/1|d/2 ü")
	for _, bad := range []string{"max-uploads=-1", "max-uploads=x", "encoding-type=foo"} {
		c.fails(400, "InvalidArgument", "GET", "/"+b+"?uploads&"+bad, "")
	}
	for _, u := range ups {
		c.ok("DELETE", u.query(""), "")
	}
	same(t, "after the aborts", list("").keys(), "")
}

func uploadOwners(t *testing.T, c *Client) {
	b := c.bucket()
	c.ok("PUT", "/"+b+"/src", "hello")
	c.fails(403, "AccessDenied", "POST", "/"+b+"/k?uploads", "", ownerHeader, "wrong")
	u := c.start("/"+b+"/k", ownerHeader, c.owner())
	c.ownerChecked("PUT", u.query("partNumber=1&"), "hello")
	c.ownerChecked("PUT", u.query("partNumber=1&"), "", "X-Amz-Copy-Source", b+"/src")
	c.fails(403, "AccessDenied", "PUT", u.query("partNumber=1&"), "", "X-Amz-Copy-Source", b+"/src", "X-Amz-Source-Expected-Bucket-Owner", "wrong")
	c.ok("PUT", u.query("partNumber=1&"), "", "X-Amz-Copy-Source", b+"/src", "X-Amz-Source-Expected-Bucket-Owner", c.owner())
	c.ownerChecked("GET", "/"+b+"?uploads", "")
	c.ownerChecked("GET", u.query(""), "")
	c.ownerChecked("POST", u.query(""), completeDoc(1, quotedMD5("hello")))
	u = c.start("/" + b + "/k")
	c.ownerChecked("DELETE", u.query(""), "")
}

func uploadChecksums(t *testing.T, c *Client) {
	b := c.bucket()
	for _, bad := range [][]string{{"X-Amz-Checksum-Algorithm", "MD4"}, {"X-Amz-Checksum-Type", "FULL_OBJECT"},
		{"X-Amz-Checksum-Algorithm", "CRC32", "X-Amz-Checksum-Type", "HALF"},
		{"X-Amz-Checksum-Algorithm", "SHA1", "X-Amz-Checksum-Type", "FULL_OBJECT"},
		{"X-Amz-Checksum-Algorithm", "CRC64NVME", "X-Amz-Checksum-Type", "COMPOSITE"}} {
		c.fails(400, "InvalidRequest", "POST", "/"+b+"/k?uploads", "", bad...)
	}
	for alg, kind := range map[string]string{"crc32": "COMPOSITE", "CRC64NVME": "FULL_OBJECT", "SHA256": "COMPOSITE"} {
		a := c.ok("POST", "/"+b+"/other?uploads", "", "X-Amz-Checksum-Algorithm", alg)
		same(t, "answer", a.Header.Get("X-Amz-Checksum-Algorithm")+" "+a.Header.Get("X-Amz-Checksum-Type"), strings.ToUpper(alg)+" "+kind)
		var up struct{ UploadId string }
		a.decode(t, &up)
		c.ok("DELETE", "/"+b+"/other?uploadId="+up.UploadId, "")
	}
	u := c.start("/"+b+"/k", "X-Amz-Checksum-Algorithm", "CRC32", "X-Amz-Checksum-Type", "FULL_OBJECT")
	const crc = "X-Amz-Checksum-Crc32"
	a := c.ok("PUT", u.query("partNumber=1&"), "hello", crc, crc32Of("hello"))
	same(t, "answer", a.Header.Get(crc), crc32Of("hello"))
	same(t, "computed", c.ok("PUT", u.query("partNumber=1&"), "hello").Header.Get(crc), crc32Of("hello"))
	c.fails(400, "BadDigest", "PUT", u.query("partNumber=1&"), "hello", crc, crc32Of("other"))
	c.fails(400, "InvalidRequest", "PUT", u.query("partNumber=1&"), "hello", "X-Amz-Checksum-Sha1", "qvTGHdzF6KLavt4PO0gs2a6pQ00=")
	var p partsPage
	c.ok("GET", u.query(""), "").decode(t, &p)
	same(t, "listed", p.Part[0].ChecksumCRC32, crc32Of("hello"))
	part := "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + strings.Trim(quotedMD5("hello"), `"`) + "</ETag><ChecksumCRC32>%s</ChecksumCRC32></Part></CompleteMultipartUpload>"
	good := fmt.Sprintf(part, crc32Of("hello"))
	c.fails(400, "InvalidArgument", "POST", u.query(""), fmt.Sprintf(part, "zzz"))
	c.fails(400, "InvalidRequest", "POST", u.query(""), good, crc, "zzz")
	c.fails(400, "InvalidRequest", "POST", u.query(""), good, crc, crc32Of("hello"), "X-Amz-Checksum-Sha1", "qvTGHdzF6KLavt4PO0gs2a6pQ00=")
	c.fails(400, "InvalidRequest", "POST", u.query(""), good, "X-Amz-Checksum-Type", "COMPOSITE")
	c.fails(400, "InvalidRequest", "POST", u.query(""), good, "X-Amz-Checksum-Type", "HALF")
	c.fails(400, "InvalidRequest", "POST", u.query(""), good, "X-Amz-Mp-Object-Size", "x")
	c.fails(400, "InvalidRequest", "POST", u.query(""), good, "X-Amz-Mp-Object-Size", "-1")
	c.fails(400, "InvalidRequest", "POST", u.query(""), good, "X-Amz-Mp-Object-Size", "6")
	c.ok("POST", u.query(""), good, crc, crc32Of("hello"), "X-Amz-Checksum-Type", "FULL_OBJECT", "X-Amz-Mp-Object-Size", "5")
	same(t, "kept", c.ok("HEAD", u.path, "", "X-Amz-Checksum-Mode", "ENABLED").Header.Get(crc), crc32Of("hello"))
}

func uploadConditional(t *testing.T, c *Client) {
	b := c.bucket()
	u := c.start("/" + b + "/k")
	doc := completeDoc(1, u.part(1, "hello"))
	c.fails(404, "NoSuchKey", "POST", u.query(""), doc, "If-Match", `"x"`)
	c.ok("PUT", u.path, "old")
	c.fails(412, "PreconditionFailed", "POST", u.query(""), doc, "If-None-Match", "*")
	c.fails(412, "PreconditionFailed", "POST", u.query(""), doc, "If-Match", `"x"`)
	c.fails(400, "InvalidRequest", "POST", u.query(""), doc, "If-Match", `"x"`, "If-None-Match", "*")
	same(t, "old", c.ok("GET", u.path, "").Body, "old")
	c.ok("POST", u.query(""), doc, "If-Match", quotedMD5("old"))
	same(t, "new", c.ok("GET", u.path, "").Body, "hello")
}

// base64Of is a CRC as S3 writes it.
func base64Of(crc uint32) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc))
}
