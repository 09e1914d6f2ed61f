package s3gtest

import (
	"fmt"
	"strings"
	"testing"
)

// badCases are inputs that must get AWS's error, store nothing and leave the old
// object as it was.
var badCases = []testCase{
	{"bad/bodies", func(t *testing.T, c *Client) {
		k := "/" + c.bucket() + "/k"
		c.ok("PUT", k, "old")
		for _, tc := range []struct {
			status int
			code   string
			header []string
		}{
			{400, "BadDigest", []string{"Content-MD5", contentMD5("other")}},
			{400, "InvalidDigest", []string{"Content-MD5", "short"}},
			{400, "XAmzContentSHA256Mismatch", []string{"X-Amz-Content-Sha256", strings.Repeat("0", 64)}},
			{400, "BadDigest", []string{"X-Amz-Checksum-Crc32", "AAAAAA=="}},
		} {
			c.fails(tc.status, tc.code, "PUT", k, "new", tc.header...)
			same(t, "old object", c.ok("GET", k, "").Body, "old")
		}
	}},
	{"bad/chunked bodies", func(t *testing.T, c *Client) {
		b := c.bucket()
		k := "/" + b + "/k"
		c.ok("PUT", k, "old")
		stream := func(decoded string) []string {
			return []string{"X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "X-Amz-Decoded-Content-Length", decoded,
				"X-Amz-Trailer", "x-amz-checksum-crc32", "Content-Encoding", "aws-chunked"}
		}
		const good = "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
		for _, body := range []string{
			"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n",
			"5\r\nhello\r\n0\r\n\r\n",
			"5\r\nhel", "zz\r\nhello\r\n0\r\n\r\n", "5\r\nhello0\r\n\r\n",
		} {
			if a := c.do("PUT", k, body, stream("5")...); a.Status != 400 {
				t.Fatalf("%q: %d %s", body, a.Status, a.Body)
			}
			same(t, "old object", c.ok("GET", k, "").Body, "old")
		}
		if a := c.do("PUT", k, good, stream("6")...); a.Status != 400 {
			t.Fatalf("short body: %d %s", a.Status, a.Body)
		}
		c.ok("PUT", k, good, stream("5")...)
		a := c.ok("GET", k, "", "X-Amz-Checksum-Mode", "ENABLED")
		same(t, "body", a.Body, "hello")
		same(t, "checksum", a.Header.Get("X-Amz-Checksum-Crc32"), "NhCmhg==")
		same(t, "encoding", a.Header.Get("Content-Encoding"), "")
	}},
	{"bad/lengths", func(t *testing.T, c *Client) {
		b := c.bucket()
		c.ok("PUT", "/"+b+"/k", "old")
		raw := c.dial().request("PUT", "/"+b+"/k", "X-Amz-Meta-A: 1")
		same(t, "no length", firstLine(raw), "HTTP/1.1 411 Length Required")
		same(t, "old object", c.ok("GET", "/"+b+"/k", "").Body, "old")
		up := c.start("/" + b + "/k")
		raw = c.dial().request("PUT", up.query("partNumber=1&"))
		same(t, "part without length", firstLine(raw), "HTTP/1.1 411 Length Required")
		raw = c.dial().request("PUT", up.query("partNumber=1&"), "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0")
		same(t, "chunked part", firstLine(raw), "HTTP/1.1 200 OK")
		raw = c.dial().request("PUT", "/"+b+"/k", "Content-Length: 6000000000000")
		same(t, "too large", firstLine(raw), "HTTP/1.1 400 Bad Request")
		short := c.dial()
		signed := strings.Join(short.signature("PUT", "/"+b+"/k", nil), "\r\n")
		if _, err := fmt.Fprintf(short.conn, "PUT /%s/k HTTP/1.1\r\nHost: %s\r\nContent-Length: 10\r\n%s\r\n\r\nnew", b, short.host, signed); err != nil {
			t.Fatal(err)
		}
		_ = short.conn.Close()
		same(t, "old object", c.ok("GET", "/"+b+"/k", "").Body, "old")
	}},
	{"bad/keys", func(t *testing.T, c *Client) {
		b := c.bucket()
		for _, k := range []string{"..", "../up", "a/../b", "a//b", "//", "trailing/", "a%2Fb", "ünïcödé/日本", strings.Repeat("k", 1024), "%2e%2e%2fetc"} {
			escaped := k
			if !strings.Contains(k, "%") {
				escaped = escapeKey(k)
			}
			c.ok("PUT", "/"+b+"/"+escaped, "of "+k)
			same(t, k, c.ok("GET", "/"+b+"/"+escaped, "").Body, "of "+k)
		}
		n := len(c.list(b, "").Contents)
		c.fails(400, "KeyTooLongError", "PUT", "/"+b+"/"+strings.Repeat("k", 1025), "x")
		for _, k := range []string{"a%00b", "%ff", "a%01", "%c3", "%EF%BF%BE", "a%EF%BF%BF"} {
			c.fails(400, "InvalidURI", "PUT", "/"+b+"/"+k, "x")
		}
		same(t, "keys", len(c.list(b, "").Contents), n)
	}},
	{"bad/documents", func(t *testing.T, c *Client) {
		b := c.bucket()
		c.ok("PUT", "/"+b+"/k", "x")
		for _, doc := range []string{
			"", "<Delete>", "not xml", "<Delete></Delete>", "<Other><Object><Key>k</Key></Object></Other>",
			"<Delete><Object></Object></Delete>", "<!DOCTYPE d [<!ENTITY e 'k'>]><Delete><Object><Key>&e;</Key></Object></Delete>",
			deleteDoc(true, strings.Fields(strings.Repeat("k ", 1001))...),
		} {
			if a := c.do("POST", "/"+b+"?delete", doc, "Content-MD5", contentMD5(doc)); a.Status != 400 {
				t.Fatalf("%.80q: %d %s", doc, a.Status, a.Body)
			}
		}
		doc := deleteDoc(true, "k")
		c.fails(400, "InvalidRequest", "POST", "/"+b+"?delete", doc)
		c.fails(400, "BadDigest", "POST", "/"+b+"?delete", doc, "Content-MD5", contentMD5("other"))
		same(t, "keys", c.list(b, "").keys(), "k")
	}},
	{"bad/sub-resources", func(t *testing.T, c *Client) {
		b := c.bucket()
		c.ok("PUT", "/"+b+"/k", "x")
		for _, q := range []string{"analytics&id=1", "inventory&id=1", "metrics&id=1", "intelligent-tiering&id=1", "somethingnew", "somethingnew=1"} {
			for _, method := range []string{"GET", "PUT", "DELETE"} {
				c.fails(501, "NotImplemented", method, "/"+b+"?"+q, "")
			}
		}
		c.fails(501, "NotImplemented", "PUT", "/"+b+"/k?somethingnew", "y")
		c.fails(501, "NotImplemented", "GET", "/"+b+"/k?somethingnew", "")
		c.fails(501, "NotImplemented", "GET", "/"+b+"/k?torrent", "")
		c.fails(501, "NotImplemented", "PUT", "/"+b+"?accelerate", "")
		c.fails(405, "MethodNotAllowed", "DELETE", "/"+b+"?acl", "")
		c.fails(405, "MethodNotAllowed", "POST", "/"+b+"/k", "")
		c.fails(405, "MethodNotAllowed", "PATCH", "/"+b+"/k", "")
		c.fails(400, "InvalidArgument", "PUT", "/"+b+"/k?acl&tagging", "")
		c.fails(400, "InvalidArgument", "DELETE", "/"+b+"/k?versionId=nonsense", "")
		c.ok("GET", "/"+b+"/k?versionId=null&x-id=GetObject&cachebuster=17", "")
		same(t, "keys", c.list(b, "").keys(), "k")
		same(t, "body", c.ok("GET", "/"+b+"/k", "").Body, "x")
	}},
	{"bad/buckets", func(t *testing.T, c *Client) {
		c.fails(404, "NoSuchBucket", "GET", "/no-such-bucket-at-all/k", "")
		c.fails(404, "NoSuchBucket", "PUT", "/no-such-bucket-at-all/k", "x")
		c.fails(404, "NoSuchBucket", "PUT", "/no-such-bucket-at-all/k", strings.Repeat("x", 2<<20))
		c.fails(400, "InvalidBucketName", "GET", "/a/k", "")
		c.fails(400, "InvalidBucketName", "GET", "/a%2Fb/k", "")
		c.fails(404, "NoSuchKey", "GET", "/"+c.bucket()+"/absent", "")
	}},
}
