package s3gtest

import (
	"fmt"
	"net/http"
	"strings"
)

// payloadChapter is "Signature Calculations: Transferring Payload in Multiple
// Chunks", with and without trailers.
func payloadChapter(b *book) {
	b.op("Payload/Whole")
	for _, mode := range []string{unsignedBody, "literal"} {
		for _, n := range []int{0, 1, 1000, 1 << 20} {
			b.add(fmt.Sprintf("%s of %d bytes", mode, n), func(c *Client) {
				path, body, hash := "/"+c.bucket()+"/k", filled(n, 'p'), mode
				if mode == "literal" {
					hash = hashOf(body)
				}
				c.same("status", c.sendAs(c.signer(), c.request("PUT", path, body), hash, nil).Status, 200)
				c.same("same bytes", c.ok("GET", path, "").Body == body, true)
			})
		}
	}
	b.add("a wrong literal hash stores nothing", func(c *Client) {
		path := c.object("kept")
		c.refused(c.sendAs(c.signer(), c.request("PUT", path, "new"), hashOf("other"), nil), 400, "XAmzContentSHA256Mismatch")
		c.same("object", c.ok("GET", path, "").Body, "kept")
	})
	payloadChunks(b)
	payloadBroken(b)
}

// stream is a PUT in aws-chunked form.
type stream struct {
	mode    string // STREAMING-…
	body    string
	size    int    // of a chunk
	trailer string // name:value
	decoded int    // what x-amz-decoded-content-length says; len(body) if 0
	header  []string
	change  func(head *http.Request, body string) string // tampers with the encoded body
	noEnc   bool                                         // without Content-Encoding
}

func (s stream) put(c *Client, path string) Answer {
	c.t.Helper()
	n := len(s.body)
	if s.decoded != 0 {
		n = s.decoded
	}
	header := append([]string{"X-Amz-Decoded-Content-Length", fmt.Sprint(n)}, s.header...)
	if !s.noEnc {
		header = append(header, "Content-Encoding", "aws-chunked")
	}
	if name, _, ok := strings.Cut(s.trailer, ":"); ok {
		header = append(header, "X-Amz-Trailer", name)
	}
	req := c.request("PUT", path, "", header...)
	signer := c.signer()
	signer.Time = signer.now()
	seed := signer.Header(req, s.mode)
	body := signer.Chunks(seed, s.body, s.size, s.trailer, s.mode != streamPlain)
	if s.change != nil {
		body = s.change(req, body)
	}
	full := c.request("PUT", path, body)
	full.Header = req.Header
	return c.send(full)
}

const helloCRC32 = "x-amz-checksum-crc32:NhCmhg==" // of "hello"

func payloadChunks(b *book) {
	b.op("Payload/Chunks")
	for _, mode := range []string{streamSigned, streamTrail, streamPlain} {
		for _, n := range []int{0, 1, 8192, 65536, 65537, 200000} {
			b.add(fmt.Sprintf("%s of %d bytes", mode, n), func(c *Client) {
				path, body := "/"+c.bucket()+"/k", filled(n, 'c')
				s := stream{mode: mode, body: body, size: 65536}
				if mode != streamSigned {
					s.trailer = "x-amz-checksum-crc32:" + crc32Of(body)
				}
				c.same("status and answer", fmt.Sprint(s.put(c, path).Status), "200")
				a := c.ok("GET", path, "", "X-Amz-Checksum-Mode", "ENABLED")
				c.same("same bytes", a.Body == body, true)
				c.header(a, "Content-Encoding", "")
				c.header(a, "Etag", quotedMD5(body))
				if s.trailer != "" {
					c.header(a, "X-Amz-Checksum-Crc32", crc32Of(body))
				}
			})
		}
	}
	b.add("without Content-Encoding", func(c *Client) {
		path := "/" + c.bucket() + "/k"
		c.same("status", stream{mode: streamSigned, body: "hello", size: 10, noEnc: true}.put(c, path).Status, 200)
		c.same("body", c.ok("GET", path, "").Body, "hello")
	})
	b.add("other encodings are kept", func(c *Client) {
		path := "/" + c.bucket() + "/k"
		s := stream{mode: streamSigned, body: "hello", size: 10, noEnc: true, header: []string{"Content-Encoding", "aws-chunked,gzip"}}
		c.same("status", s.put(c, path).Status, 200)
		c.header(c.ok("HEAD", path, ""), "Content-Encoding", "gzip")
	})
	b.add("a bare newline ends the trailer line", func(c *Client) {
		path := "/" + c.bucket() + "/k"
		s := stream{mode: streamPlain, body: "hello", size: 10, trailer: helloCRC32, change: func(_ *http.Request, body string) string {
			return strings.Replace(body, "==\r\n", "==\n\r\n", 1)
		}}
		c.same("status", s.put(c, path).Status, 200)
	})
	for _, tc := range []struct{ name, value string }{
		{"x-amz-checksum-crc32", "NhCmhg=="}, {"x-amz-checksum-crc32c", "mnG7TA=="}, {"x-amz-checksum-sha1", "qvTGHdzF6KLavt4PO0gs2a6pQ00="},
		{"x-amz-checksum-sha256", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="}, {"x-amz-checksum-crc64nvme", "M3eFcAZSQlc="},
	} {
		for _, mode := range []string{streamTrail, streamPlain} {
			b.add("trailer "+tc.name+" "+mode, func(c *Client) {
				path := "/" + c.bucket() + "/k"
				a := stream{mode: mode, body: "hello", size: 10, trailer: tc.name + ":" + tc.value}.put(c, path)
				c.same("status", fmt.Sprint(a.Status, a.Code()), "200")
				c.header(a, tc.name, tc.value)
				c.header(c.ok("HEAD", path, "", "X-Amz-Checksum-Mode", "ENABLED"), tc.name, tc.value)
			})
		}
	}
}

// payloadBroken: bodies that are not what was promised store nothing.
func payloadBroken(b *book) {
	b.op("Payload/Broken")
	replace := func(old, with string) func(*http.Request, string) string {
		return func(_ *http.Request, body string) string { return strings.Replace(body, old, with, 1) }
	}
	for _, tc := range []struct {
		name string
		s    stream
		code string
	}{
		{"trailer is wrong", stream{mode: streamPlain, trailer: "x-amz-checksum-crc32:AAAAAA=="}, "BadDigest"},
		{"trailer is no checksum", stream{mode: streamPlain, trailer: "x-amz-checksum-crc32:zzz"}, ""},
		{"trailer is missing", stream{mode: streamPlain, trailer: helloCRC32, change: replace(helloCRC32+"\r\n", "")}, "MalformedTrailerError"},
		{"trailer is another", stream{mode: streamPlain, trailer: helloCRC32, change: replace("crc32:", "crc32c:")}, ""},
		{"chunk is cut off", stream{mode: streamPlain, trailer: helloCRC32, change: replace("hello\r\n0\r\n", "hel")}, ""},
		{"size is no number", stream{mode: streamPlain, trailer: helloCRC32, change: replace("5\r\n", "zz\r\n")}, ""},
		{"size is negative", stream{mode: streamPlain, trailer: helloCRC32, change: replace("5\r\n", "-5\r\n")}, ""},
		{"size is huge", stream{mode: streamPlain, trailer: helloCRC32, change: replace("5\r\n", "ffffffffffffffffff\r\n")}, ""},
		{"no end of the chunk", stream{mode: streamPlain, trailer: helloCRC32, change: replace("hello\r\n", "hello")}, ""},
		{"no last chunk", stream{mode: streamPlain, trailer: helloCRC32, change: func(*http.Request, string) string { return "5\r\nhello\r\n" }}, ""},
		{"empty", stream{mode: streamPlain, trailer: helloCRC32, change: func(*http.Request, string) string { return "" }}, ""},
		{"longer than promised", stream{mode: streamPlain, trailer: helloCRC32, decoded: 4}, ""},
		{"shorter than promised", stream{mode: streamPlain, trailer: helloCRC32, decoded: 6}, ""},
		{"chunk without signature", stream{mode: streamSigned, change: replace(";chunk-signature=", ";signature=")}, ""},
	} {
		tc.s.body, tc.s.size = "hello", 100
		add := b.add
		if tc.s.mode == streamSigned { // an open store does not look at signatures
			add = b.secure
		}
		add(tc.name, func(c *Client) {
			path := c.object("kept")
			a := tc.s.put(c, path)
			if a.Status != 400 && a.Status != 403 || tc.code != "" && a.Code() != tc.code {
				c.t.Fatalf("%d %s, want %s: %s", a.Status, a.Code(), tc.code, a.Body)
			}
			c.same("object", c.ok("GET", path, "").Body, "kept")
		})
	}
	flip := func(after string) func(*http.Request, string) string {
		return func(_ *http.Request, body string) string {
			i := strings.LastIndex(body, after) + len(after)
			digit := "0"
			if body[i] == '0' {
				digit = "1"
			}
			return body[:i] + digit + body[i+1:]
		}
	}
	for _, tc := range []struct {
		name string
		s    stream
	}{
		{"signature of the last chunk", stream{mode: streamSigned, change: flip("chunk-signature=")}},
		{"data of a chunk", stream{mode: streamSigned, change: replace("hello", "hallo")}},
		{"signature of the trailer", stream{mode: streamTrail, trailer: helloCRC32, change: flip("trailer-signature:")}},
		{"no signature of the trailer", stream{mode: streamTrail, trailer: helloCRC32, change: func(_ *http.Request, body string) string {
			i := strings.Index(body, "x-amz-trailer-signature")
			return body[:i] + "\r\n"
		}}},
		{"chunk signed by another", stream{mode: streamSigned, change: func(r *http.Request, _ string) string {
			return Signer{AccessKey: "x", Secret: "wrong"}.Chunks(strings.Repeat("0", 64), "hello", 100, "", true)
		}}},
	} {
		tc.s.body, tc.s.size = "hello", 100
		b.secure(tc.name, func(c *Client) {
			path := c.object("kept")
			a := tc.s.put(c, path)
			if a.Status != 403 && a.Status != 400 {
				c.t.Fatalf("%d %s", a.Status, a.Body)
			}
			c.same("object", c.ok("GET", path, "").Body, "kept")
		})
	}
	b.add("no decoded length", func(c *Client) {
		path := c.object("kept")
		a := c.sendAs(c.signer(), c.request("PUT", path, "5\r\nhello\r\n0\r\n\r\n"), streamPlain, nil)
		if a.Status/100 != 4 {
			c.t.Fatalf("%d %s", a.Status, a.Body)
		}
		c.same("object", c.ok("GET", path, "").Body, "kept")
	})
}
