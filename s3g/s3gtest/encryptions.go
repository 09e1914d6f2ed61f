package s3gtest

import (
	"encoding/base64"
	"fmt"
	"strings"
)

const (
	sseHeader    = "X-Amz-Server-Side-Encryption"
	sseAlgorithm = sseHeader + "-Customer-Algorithm"
	sseKey       = sseHeader + "-Customer-Key"
	sseKeyMD5    = sseHeader + "-Customer-Key-Md5"
)

// customerKey are the headers of SSE-C with a key made of letter; source is "" or
// "Copy-Source-".
func customerKey(letter, source string) []string {
	key := strings.Repeat(letter, 32)
	prefix := "X-Amz-" + source + "Server-Side-Encryption-Customer-"
	return []string{prefix + "Algorithm", "AES256", prefix + "Key", base64.StdEncoding.EncodeToString([]byte(key)), prefix + "Key-Md5", contentMD5(key)}
}

// encryptionChapter: SSE-C, SSE-S3, bucket default encryption.
func encryptionChapter(b *book) {
	sseCustomer(b)
	sseCustomerErrors(b)
	sseManaged(b)
	bucketEncryption(b)
}

func sseCustomer(b *book) {
	b.op("Encryption/SSE-C")
	key := customerKey("a", "")
	for _, n := range []int{0, 1, 13, 1 << 10, 64 << 10, 1<<20 + 7, 9 << 20} {
		b.add(fmt.Sprintf("%d bytes", n), func(c *Client) {
			path, body := "/"+c.bucket()+"/k", filled(n, 'e')
			a := c.ok("PUT", path, body, key...)
			for _, h := range []Answer{a, c.ok("GET", path, "", key...), c.ok("HEAD", path, "", key...)} {
				c.header(h, sseAlgorithm, "AES256")
				c.header(h, sseKeyMD5, key[5])
				c.header(h, sseKey, "")
			}
			get := c.ok("GET", path, "", key...)
			c.same("same bytes", get.Body == body, true)
			c.header(get, "Content-Length", fmt.Sprint(n))
		})
	}
	for _, r := range []string{"bytes=0-0", "bytes=100-199", "bytes=65535-65536", "bytes=1000000-", "bytes=-5"} {
		b.add("range "+r, func(c *Client) {
			var text strings.Builder
			for i := range 150000 {
				fmt.Fprintf(&text, "%06d;", i)
			}
			body := text.String()
			plain, path := c.object(body), "/"+c.bucket()+"/k"
			c.ok("PUT", path, body, key...)
			want := c.status(206, "GET", plain, "", "Range", r)
			got := c.status(206, "GET", path, "", append(key, "Range", r)...)
			c.same("same bytes", got.Body == want.Body, true)
			c.header(got, "Content-Range", want.Header.Get("Content-Range"))
		})
	}
	b.add("parts", func(c *Client) {
		u := c.start("/"+c.bucket()+"/k", key...)
		p := filled(minPart, 'a')
		e1 := c.ok("PUT", u.query("partNumber=1&"), p, key...).Header.Get("Etag")
		e2 := c.ok("PUT", u.query("partNumber=2&"), "end", key...).Header.Get("Etag")
		c.ok("POST", u.query(""), completeDoc(1, e1, 2, e2), key...)
		c.same("same bytes", c.ok("GET", u.path, "", key...).Body == p+"end", true)
		c.same("range", c.status(206, "GET", u.path, "", append(key, "Range", "bytes=-4")...).Body, "aend")
		c.same("part", c.status(206, "GET", u.path+"?partNumber=2", "", key...).Body, "end")
	})
	for name, header := range map[string][]string{"without the key": nil, "with another key": customerKey("b", "")} {
		b.add("a part "+name, func(c *Client) {
			u := c.start("/"+c.bucket()+"/k", key...)
			a := c.do("PUT", u.query("partNumber=1&"), "x", header...)
			c.same("refused", a.Status == 400 || a.Status == 403, true)
		})
	}
	for _, tc := range []struct {
		name           string
		source, target []string
		read           []string
	}{
		{"to plain", customerKey("a", "Copy-Source-"), nil, nil},
		{"to the same key", customerKey("a", "Copy-Source-"), key, key},
		{"to another key", customerKey("a", "Copy-Source-"), customerKey("b", ""), customerKey("b", "")},
	} {
		b.add("copy "+tc.name, func(c *Client) {
			path := "/" + c.bucket() + "/k"
			c.ok("PUT", path, "treasured", key...)
			c.ok("PUT", path+"2", "", append(append([]string{copySource, path}, tc.source...), tc.target...)...)
			c.same("body", c.ok("GET", path+"2", "", tc.read...).Body, "treasured")
		})
	}
	b.add("copy from plain", func(c *Client) {
		path := c.object("x")
		c.ok("PUT", path+"2", "", append([]string{copySource, path}, key...)...)
		c.same("body", c.ok("GET", path+"2", "", key...).Body, "x")
		c.fails(400, "InvalidRequest", "GET", path+"2", "")
	})
	b.add("copy onto itself with a new key", func(c *Client) {
		path := "/" + c.bucket() + "/k"
		c.ok("PUT", path, "treasured", key...)
		c.ok("PUT", path, "", append(append([]string{copySource, path}, customerKey("a", "Copy-Source-")...), customerKey("b", "")...)...)
		c.same("body", c.ok("GET", path, "", customerKey("b", "")...).Body, "treasured")
		c.fails(403, "AccessDenied", "GET", path, "", key...)
	})
	b.add("metadata and tags", func(c *Client) {
		path := "/" + c.bucket() + "/k"
		c.ok("PUT", path, "x", append(key, "X-Amz-Meta-A", "1", "X-Amz-Tagging", "a=1")...)
		c.header(c.ok("HEAD", path, "", key...), "X-Amz-Meta-A", "1")
		c.has(c.ok("GET", path+"?tagging", ""), "<Key>a</Key>")
	})
	b.add("versions with keys of their own", func(c *Client) {
		path := "/" + c.versioned() + "/k"
		one := c.put(path, "one", key...)
		c.put(path, "two", customerKey("b", "")...)
		c.same("old", c.ok("GET", path+"?versionId="+one, "", key...).Body, "one")
		c.same("new", c.ok("GET", path, "", customerKey("b", "")...).Body, "two")
	})
}

func sseCustomerErrors(b *book) {
	b.op("Encryption/SSE-C refused")
	key, other := customerKey("a", ""), customerKey("b", "")
	without := func(i int) []string { return append(append([]string{}, key[:i]...), key[i+2:]...) }
	with := func(i int, v string) []string {
		out := append([]string{}, key...)
		out[i] = v
		return out
	}
	for _, tc := range []struct {
		name, method string
		status       int
		code         string
		header       []string
	}{
		{"GET without key", "GET", 400, "InvalidRequest", nil}, {"HEAD without key", "HEAD", 400, "", nil},
		{"GET with another key", "GET", 403, "AccessDenied", other}, {"HEAD with another key", "HEAD", 403, "", other},
		{"GET with another MD5", "GET", 400, "InvalidArgument", with(5, other[5])},
		{"PUT without algorithm", "PUT", 400, "InvalidArgument", without(0)}, {"PUT without key", "PUT", 400, "InvalidArgument", without(2)}, {"PUT without MD5", "PUT", 400, "InvalidArgument", without(4)},
		{"PUT with another algorithm", "PUT", 400, "InvalidEncryptionAlgorithmError", with(1, "AES128")}, {"PUT with a short key", "PUT", 400, "InvalidArgument", with(3, "YWJj")},
		{"PUT with a key that is no base64", "PUT", 400, "InvalidArgument", with(3, "!"+filled(43, 'A'))}, {"PUT with the MD5 of another key", "PUT", 400, "InvalidArgument", with(5, other[5])},
		{"PUT with SSE-S3 as well", "PUT", 400, "InvalidArgument", append(append([]string{}, key...), sseHeader, "AES256")},
	} {
		b.add(tc.name, func(c *Client) {
			path := "/" + c.bucket() + "/k"
			c.ok("PUT", path, "treasured", key...)
			a := c.fails(tc.status, tc.code, tc.method, path, "", tc.header...)
			c.hasNot(a, "treasured", key[3])
			c.same("kept", c.ok("GET", path, "", key...).Body, "treasured")
		})
	}
	b.add("GET of a plain object with a key", func(c *Client) { c.fails(400, "InvalidRequest", "GET", c.object("x"), "", key...) })
	b.add("copy without the source's key", func(c *Client) {
		path := "/" + c.bucket() + "/k"
		c.ok("PUT", path, "treasured", key...)
		c.fails(400, "InvalidRequest", "PUT", path+"2", "", copySource, path)
		c.fails(403, "AccessDenied", "PUT", path+"2", "", append(customerKey("b", "Copy-Source-"), copySource, path)...)
	})
	b.add("attributes without key", func(c *Client) {
		path := "/" + c.bucket() + "/k"
		c.ok("PUT", path, "treasured", key...)
		c.fails(400, "InvalidRequest", "GET", path+"?attributes", "", "X-Amz-Object-Attributes", "ETag")
	})
}

func sseManaged(b *book) {
	b.op("Encryption/SSE-S3")
	add := func(name string, run func(c *Client)) { b.add(name, run).needs(EncryptionKey) }
	for _, n := range []int{0, 1, 13, 1 << 10, 64 << 10, 1<<20 + 7, 9 << 20} {
		add(fmt.Sprintf("%d bytes", n), func(c *Client) {
			path, body := "/"+c.bucket()+"/k", filled(n, 'e')
			c.header(c.ok("PUT", path, body, sseHeader, "AES256"), sseHeader, "AES256")
			a := c.ok("GET", path, "")
			c.same("same bytes", a.Body == body, true)
			c.header(a, sseHeader, "AES256")
			c.header(c.ok("HEAD", path, ""), sseHeader, "AES256")
			c.header(a, "Etag", quotedMD5(body))
		})
	}
	add("range", func(c *Client) {
		body := filled(1<<20, 'a') + filled(1<<20, 'b')
		path := c.object(body, sseHeader, "AES256")
		a := c.status(206, "GET", path, "", "Range", fmt.Sprintf("bytes=%d-%d", 1<<20-2, 1<<20+1))
		c.same("body", a.Body, "aabb")
	})
	add("parts", func(c *Client) {
		u := c.start("/"+c.bucket()+"/k", sseHeader, "AES256")
		p := filled(minPart, 'a')
		c.header(c.ok("PUT", u.query("partNumber=1&"), p), sseHeader, "AES256")
		a := c.ok("POST", u.query(""), completeDoc(1, quotedMD5(p), 2, u.part(2, "end")))
		c.header(a, sseHeader, "AES256")
		c.same("same bytes", c.ok("GET", u.path, "").Body == p+"end", true)
	})
	add("copy to plain and back", func(c *Client) {
		path := c.object("treasured", sseHeader, "AES256")
		c.header(c.ok("PUT", path+"2", "", copySource, path), sseHeader, "")
		c.header(c.ok("PUT", path+"3", "", copySource, path+"2", sseHeader, "AES256"), sseHeader, "AES256")
		c.same("body", c.ok("GET", path+"3", "").Body, "treasured")
	})
	for _, tc := range []struct {
		name, value string
		status      int
		code        string
	}{
		{"unknown method", "ROT13", 400, "InvalidArgument"}, {"small letters", "aes256", 400, "InvalidArgument"}, {"dual layer", "aws:kms:dsse", 501, "NotImplemented"},
	} {
		b.add(tc.name, func(c *Client) { c.fails(tc.status, tc.code, "PUT", "/"+c.bucket()+"/k", "x", sseHeader, tc.value) })
	}
	add("KMS that is not configured", func(c *Client) {
		c.fails(501, "NotImplemented", "PUT", "/"+c.bucket()+"/k", "x", sseHeader, "aws:kms")
	})
	add("the header of a write on GET", func(c *Client) {
		c.fails(400, "InvalidArgument", "GET", c.object("x", sseHeader, "AES256"), "", sseHeader, "AES256")
	})
}

// encryptionDoc is the document of PutBucketEncryption.
func encryptionDoc(algorithm string) string {
	return `<ServerSideEncryptionConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>` + algorithm + `</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`
}

func bucketEncryption(b *book) {
	b.op("Encryption/BucketEncryption")
	b.add("none", func(c *Client) {
		c.fails(404, "ServerSideEncryptionConfigurationNotFoundError", "GET", "/"+c.bucket()+"?encryption", "")
	}).differs("AWS encrypts every bucket with SSE-S3 by default since 2023; ours do when they are told to")
	b.add("put, get, delete", func(c *Client) {
		at := "/" + c.bucket() + "?encryption"
		c.status(200, "PUT", at, encryptionDoc("AES256"))
		c.has(c.ok("GET", at, ""), "<SSEAlgorithm>AES256</SSEAlgorithm>")
		c.status(204, "DELETE", at, "")
		c.fails(404, "ServerSideEncryptionConfigurationNotFoundError", "GET", at, "")
	}).needs(EncryptionKey)
	b.add("is what objects get", func(c *Client) {
		name := c.bucket()
		c.ok("PUT", "/"+name+"?encryption", encryptionDoc("AES256"))
		c.header(c.ok("PUT", "/"+name+"/k", "x"), sseHeader, "AES256")
		c.header(c.ok("GET", "/"+name+"/k", ""), sseHeader, "AES256")
		u := c.start("/" + name + "/parts")
		c.ok("POST", u.query(""), completeDoc(1, u.part(1, "x")))
		c.header(c.ok("HEAD", u.path, ""), sseHeader, "AES256")
	}).needs(EncryptionKey)
	b.add("leaves what is there", func(c *Client) {
		path := c.object("plain")
		c.ok("PUT", strings.TrimSuffix(path, "/key")+"?encryption", encryptionDoc("AES256"))
		c.header(c.ok("GET", path, ""), sseHeader, "")
	}).needs(EncryptionKey)
	for _, doc := range []string{"encrypt", encryptionDoc("ROT13"), "<ServerSideEncryptionConfiguration/>"} {
		b.add(fmt.Sprintf("refuses %.20q", doc[max(0, len(doc)-160):]), func(c *Client) {
			c.either([]string{"400 MalformedXML", "400 InvalidArgument"}, "PUT", "/"+c.bucket()+"?encryption", doc)
		})
	}
	b.secure("another's", func(c *Client) {
		c.other().fails(403, "AccessDenied", "PUT", "/"+c.bucket()+"?encryption", encryptionDoc("AES256"))
	})
}
