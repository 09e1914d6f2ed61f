package s3gtest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// queryEscape is what goofys does to a copy source: a space is a plus, a slash is
// escaped too.
func queryEscape(s string) string { return url.QueryEscape(s) }

// Goofys sends what goofys 0.24 was seen to send, in its order and form, and wants
// the answers without which it fails or crashes (clients.md §2).
func Goofys(t *testing.T, tg Target) {
	if tg.AccessKey == "" {
		tg.AccessKey, tg.SecretKey = "goofys", "secret"
	}
	c := NewClient(t, tg)
	b := c.bucket()
	for _, step := range []struct {
		name string
		run  func(*testing.T, *Client, string)
	}{
		{"mount", goofysMount}, {"mkdir and list", goofysDirs}, {"write and read", goofysFiles},
		{"rename", goofysRename}, {"multipart", goofysMultipart}, {"rmdir", goofysRemove},
	} {
		t.Run(step.name, func(t *testing.T) { step.run(t, c.with(t), b) })
	}
}

// goofysMount: unsigned HEAD of the bucket, signed HEAD of a key that is not
// there, list of uploads.
func goofysMount(t *testing.T, c *Client, b string) {
	a := c.anonymous().do("HEAD", "/"+b, "", "User-Agent", "Go-http-client/1.1")
	want := 200
	if c.tg.Secure { // silent, goofys goes on signed
		want = 403
	}
	same(t, "status", a.Status, want)
	if a.Header.Get("X-Amz-Bucket-Region") == "" { // else it drops its credentials
		t.Fatal("bucket without region")
	}
	same(t, "server", a.Header.Get("Server"), "Ozone")
	missing := c.as("").fails(404, "", "HEAD", "/no-such-bucket-at-all", "")
	same(t, "region of no bucket", missing.Header.Get("X-Amz-Bucket-Region"), "")
	c.fails(404, "", "HEAD", "/"+b+"/2f8a7xk1q9w3e5r7t0y2u4i6o8p1a3s5", "")
	uploads := c.ok("GET", "/"+b+"?uploads=", "").Body
	same(t, "document", strings.Contains(uploads, "<ListMultipartUploadsResult"), true)
}

// lookup is goofys' stat: true if one of the three finds something.
func (c *Client) lookup(b, name string) (file, dir bool) {
	c.t.Helper()
	file = c.do("HEAD", "/"+b+"/"+escapeKey(name), "").Status == 200
	marker := c.do("HEAD", "/"+b+"/"+escapeKey(name)+"/", "").Status == 200
	p := c.listV1(b, "delimiter=%2F&max-keys=1&prefix="+queryEscape(name+"/"))
	return file, marker || len(p.Contents)+len(p.CommonPrefixes) > 0
}

func goofysDirs(t *testing.T, c *Client, b string) {
	file, dir := c.lookup(b, "d")
	same(t, "nothing there", file || dir, false)
	c.ok("PUT", "/"+b+"/d/", "", "Content-Md5", contentMD5(""), "X-Amz-Storage-Class", "STANDARD", "Expect", "")
	file, dir = c.lookup(b, "d")
	same(t, "a directory is no file", file, false)
	same(t, "a directory is one", dir, true)
	for _, k := range []string{"d/one", "d/two", "d/sub/three", "d/sub/four", "d/z"} {
		c.ok("PUT", "/"+b+"/"+k, k, "Content-Md5", contentMD5(k), "X-Amz-Storage-Class", "STANDARD")
	}
	p := c.listV1(b, "delimiter=%2F&prefix=d%2F")
	same(t, "keys", p.keys(), "d/ d/one d/two d/z")
	same(t, "prefixes", p.prefixes(), "d/sub/")
	var names []string
	for marker := ""; ; {
		p := c.listV1(b, "delimiter=%2F&max-keys=2&prefix=d%2F&marker="+queryEscape(marker))
		names = append(names, merge(p)...)
		if !p.IsTruncated {
			break
		}
		if marker = p.NextMarker; marker == "" {
			t.Fatal("truncated listing with a delimiter and no NextMarker: goofys loses the rest")
		}
	}
	same(t, "names over pages", strings.Join(names, " "), "d/ d/one d/sub/ d/two d/z")
	same(t, "from a marker", c.listV1(b, "marker=d%2Fsub%2F&prefix=d%2F").keys(), "d/sub/four d/sub/three d/two d/z")
}

func goofysFiles(t *testing.T, c *Client, b string) {
	body := strings.Repeat("0123456789abcdef", 1<<16)
	c.ok("PUT", "/"+b+"/f", "", "Content-Md5", contentMD5(""), "X-Amz-Storage-Class", "STANDARD")
	a := c.ok("PUT", "/"+b+"/f", body, "Content-Md5", contentMD5(body), "X-Amz-Storage-Class", "STANDARD", "Expect", "100-Continue")
	same(t, "etag", a.Header.Get("Etag"), quotedMD5(body))
	same(t, "has date", a.Header.Get("Date") != "", true)
	h := c.ok("HEAD", "/"+b+"/f", "").Header
	same(t, "length of HEAD", h.Get("Content-Length"), "1048576")
	a = c.ok("GET", "/"+b+"/f", "", "Accept-Encoding", "identity")
	same(t, "length of GET", a.Header.Get("Content-Length"), "1048576")
	same(t, "whole body", a.Body == body, true)
	a = c.ok("GET", "/"+b+"/f", "", "Range", "bytes=8192-")
	same(t, "status", a.Status, http.StatusPartialContent)
	same(t, "from 8192", a.Body == body[8192:], true)
	a = c.ok("GET", "/"+b+"/f", "", "Range", "bytes=524288-1048575")
	same(t, "piece", a.Body == body[524288:], true)
}

func goofysRename(t *testing.T, c *Client, b string) {
	for _, name := range []string{"plain", "a b", "a+b", "ü"} {
		c.ok("PUT", "/"+b+"/"+escapeKey(name), "old", "X-Amz-Meta-K", "v")
		c.listV1(b, "delimiter=%2F&max-keys=2&prefix="+queryEscape(name+"/"))
		c.ok("HEAD", "/"+b+"/"+escapeKey(name), "")
		c.ok("PUT", "/"+b+"/renamed", "", "X-Amz-Copy-Source", queryEscape(b+"/"+name), "X-Amz-Metadata-Directive", "COPY", "X-Amz-Storage-Class", "STANDARD")
		c.ok("DELETE", "/"+b+"/"+escapeKey(name), "")
		a := c.ok("GET", "/"+b+"/renamed", "")
		same(t, "body", a.Body, "old")
		same(t, "metadata", a.Header.Get("X-Amz-Meta-K"), "v")
		c.fails(404, "NoSuchKey", "GET", "/"+b+"/"+escapeKey(name), "")
	}
	c.ok("PUT", "/"+b+"/renamed", "", "X-Amz-Copy-Source", queryEscape(b+"/renamed"), "X-Amz-Metadata-Directive", "REPLACE", "X-Amz-Meta-X", "grün")
	same(t, "raw metadata", c.ok("HEAD", "/"+b+"/renamed", "").Header.Get("X-Amz-Meta-X"), "grün")
	var keys []string
	for _, o := range c.listV1(b, "prefix=d%2F").Contents { // the marker d/ is one of them
		to := "e" + o.Key[1:]
		c.ok("PUT", "/"+b+"/"+to, "", "X-Amz-Copy-Source", queryEscape(b+"/"+o.Key), "X-Amz-Metadata-Directive", "COPY")
		keys = append(keys, o.Key)
	}
	same(t, "keys moved", len(keys), 6)
	c.deleteAll(b, true, keys...)
	same(t, "old names", c.listV1(b, "prefix=d%2F").keys(), "")
	same(t, "new names", c.listV1(b, "prefix=e%2F").keys(), "e/ e/one e/sub/four e/sub/three e/two e/z")
}

func goofysMultipart(t *testing.T, c *Client, b string) {
	var up struct {
		UploadID string `xml:"UploadId"`
	}
	c.ok("POST", "/"+b+"/big?uploads=", "", "X-Amz-Storage-Class", "STANDARD").decode(t, &up)
	parts := []string{strings.Repeat("p", 5<<20), "tail"}
	doc := `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`
	for i, p := range parts {
		n := string(rune('1' + i))
		etag := c.ok("PUT", "/"+b+"/big?partNumber="+n+"&uploadId="+up.UploadID, p, "Content-Md5", contentMD5(p), "Expect", "100-Continue").Header.Get("Etag")
		doc += "<Part><ETag>" + strings.ReplaceAll(etag, `"`, "&#34;") + "</ETag><PartNumber>" + n + "</PartNumber></Part>"
	}
	uploads := c.ok("GET", "/"+b+"?uploads=", "").Body
	same(t, "has Initiated", strings.Contains(uploads, "<Initiated>"), true)
	c.ok("POST", "/"+b+"/big?uploadId="+up.UploadID, doc+"</CompleteMultipartUpload>")
	a := c.ok("GET", "/"+b+"/big", "")
	same(t, "body", a.Body == parts[0]+parts[1], true)
	same(t, "etag", strings.HasSuffix(a.Header.Get("Etag"), `-2"`), true)
}

func goofysRemove(t *testing.T, c *Client, b string) {
	for _, k := range []string{"e/sub/four", "e/sub/three", "e/one", "e/two", "e/z"} {
		c.ok("DELETE", "/"+b+"/"+k, "")
	}
	p := c.listV1(b, "delimiter=%2F&max-keys=2&prefix=e%2F")
	same(t, "only the marker", p.keys(), "e/")
	same(t, "status", c.ok("DELETE", "/"+b+"/e/", "").Status, http.StatusNoContent)
	_, dir := c.lookup(b, "e")
	same(t, "gone", dir, false)
}
