package s3gtest

import (
	"strings"
	"time"
)

const copySource = "X-Amz-Copy-Source"

// copyChapter: CopyObject.
func copyChapter(b *book) {
	b.op("Copy/CopyObject")
	b.add("in the bucket", func(c *Client) {
		path := c.object("hello")
		a := c.ok("PUT", path+"2", "", copySource, path)
		var res struct{ ETag, LastModified string }
		a.decode(c.t, &res)
		c.same("ETag", res.ETag, quotedMD5("hello"))
		if _, err := time.Parse(time.RFC3339, res.LastModified); err != nil {
			c.t.Error(err)
		}
		c.has(a, "<CopyObjectResult")
		c.same("copy", c.ok("GET", path+"2", "").Body, "hello")
		c.same("source", c.ok("GET", path, "").Body, "hello")
	})
	b.add("to another bucket", func(c *Client) {
		path, to := c.object("hello"), "/"+c.bucket()+"/k"
		c.ok("PUT", to, "", copySource, path)
		c.same("copy", c.ok("GET", to, "").Body, "hello")
	})
	b.add("outlives its source", func(c *Client) {
		path := c.object(filled(1<<20, 'x'))
		c.ok("PUT", path+"2", "", copySource, path)
		c.ok("DELETE", path, "")
		c.same("same bytes", c.ok("GET", path+"2", "").Body == filled(1<<20, 'x'), true)
	})
	b.add("of nothing", func(c *Client) {
		path := c.object("")
		c.ok("PUT", path+"2", "", copySource, path)
		c.header(c.ok("HEAD", path+"2", ""), "Content-Length", "0")
	})
	b.add("of an object of parts", func(c *Client) {
		name := c.bucket()
		u := c.start("/" + name + "/k")
		p := filled(minPart, 'p')
		c.ok("POST", u.query(""), completeDoc(1, u.part(1, p), 2, u.part(2, "end")))
		c.ok("PUT", "/"+name+"/copy", "", copySource, name+"/k")
		c.same("same bytes", c.ok("GET", "/"+name+"/copy", "").Body == p+"end", true)
	})
	b.add("over an object", func(c *Client) {
		name := c.filledBucket("a", "b")
		c.ok("PUT", "/"+name+"/b", "", copySource, name+"/a")
		c.same("body", c.ok("GET", "/"+name+"/b", "").Body, "of a")
	})
	for _, key := range []string{"a b", "a+b", "ü/é", "100%", "a?b", "a?versionId", "dir/", "x//y", "../up", "q&a=b;c", "日本語", "a%2Fb", "a:b@c"} {
		for name, form := range map[string]func(b, k string) string{
			"escaped":           func(b, k string) string { return b + "/" + escapeKey(k) },
			"with a slash":      func(b, k string) string { return "/" + b + "/" + escapeKey(k) },
			"slash escaped too": func(b, k string) string { return b + "%2F" + queryEscape(k) },
		} {
			b.add("of "+shorten(key)+" "+name, func(c *Client) {
				bucket := c.filledBucket(key)
				c.ok("PUT", "/"+bucket+"/copy", "", copySource, form(bucket, key))
				c.same("body", c.ok("GET", "/"+bucket+"/copy", "").Body, "of "+key)
			})
		}
	}
	copyErrors(b)
	copyMetadata(b)
	copyConditions(b)
}

func copyErrors(b *book) {
	b.op("Copy/Refused")
	for _, tc := range []struct {
		name, source string
		status       int
		code         string
		header       []string
	}{
		{"no source key", "B/absent", 404, "NoSuchKey", nil},
		{"no source bucket", gone[1:] + "/k", 404, "NoSuchBucket", nil},
		{"no slash", "nokey", 400, "InvalidArgument", nil},
		{"no key", "B/", 400, "InvalidArgument", nil},
		{"empty", "", 400, "InvalidArgument", nil},
		{"bad escape", "B/%zz", 400, "InvalidArgument", nil},
		{"metadata directive", "B/key", 400, "InvalidArgument", []string{"X-Amz-Metadata-Directive", "INVALID"}},
		{"tagging directive", "B/key", 400, "InvalidArgument", []string{"X-Amz-Tagging-Directive", "INVALID"}},
		{"too much metadata", "B/key", 400, "MetadataTooLarge", []string{"X-Amz-Metadata-Directive", "REPLACE", "X-Amz-Meta-A", filled(3000, 'v')}},
		{"storage class", "B/key", 400, "InvalidStorageClass", []string{"X-Amz-Storage-Class", "GOLD"}},
		{"wrong expected owner", "B/key", 403, "AccessDenied", []string{ownerHeader, "wrong"}},
		{"wrong expected owner of the source", "B/key", 403, "AccessDenied", []string{"X-Amz-Source-Expected-Bucket-Owner", "wrong"}},
		{"checksum algorithm", "B/key", 400, "InvalidRequest", []string{"X-Amz-Checksum-Algorithm", "MD4"}},
	} {
		b.add(tc.name, func(c *Client) {
			path := c.object("x")
			bucket := strings.TrimSuffix(path, "/key")
			c.fails(tc.status, tc.code, "PUT", bucket+"/copy", "", append(tc.header, copySource, strings.Replace(tc.source, "B", bucket[1:], 1))...)
			c.fails(404, "", "HEAD", bucket+"/copy", "")
		})
	}
	b.add("no destination bucket", func(c *Client) {
		c.fails(404, "NoSuchBucket", "PUT", gone+"/k", "", copySource, c.object("x"))
	})
	b.add("onto itself, nothing changed", func(c *Client) {
		path := c.object("x")
		c.fails(400, "InvalidRequest", "PUT", path, "", copySource, path)
	})
	b.secure("from another's bucket", func(c *Client) {
		path, other := c.object("x"), c.other()
		to := "/" + other.bucket() + "/k"
		other.fails(403, "AccessDenied", "PUT", to, "", copySource, path)
		other.fails(404, "", "HEAD", to, "")
	})
	b.secure("into another's bucket", func(c *Client) {
		other := c.other()
		path := other.object("x")
		other.fails(403, "AccessDenied", "PUT", "/"+c.bucket()+"/k", "", copySource, path)
	})
}

func copyMetadata(b *book) {
	b.op("Copy/Metadata")
	source := []string{"X-Amz-Meta-A", "1", "Content-Type", "text/plain", "Cache-Control", "no-cache", "X-Amz-Tagging", "t=1&u=2"}
	b.add("COPY is the default", func(c *Client) {
		path := c.object("x", source...)
		c.ok("PUT", path+"2", "", copySource, path, "X-Amz-Meta-B", "2", "Content-Type", "text/html")
		a := c.ok("HEAD", path+"2", "")
		c.same("metadata", a.Header.Get("X-Amz-Meta-A")+a.Header.Get("X-Amz-Meta-B"), "1")
		c.header(a, "Content-Type", "text/plain")
		c.header(a, "Cache-Control", "no-cache")
		c.header(a, "X-Amz-Tagging-Count", "2")
	})
	b.add("COPY said", func(c *Client) {
		path := c.object("x", source...)
		c.ok("PUT", path+"2", "", copySource, path, "X-Amz-Meta-B", "2", "X-Amz-Metadata-Directive", "COPY")
		c.header(c.ok("HEAD", path+"2", ""), "X-Amz-Meta-A", "1")
	})
	b.add("REPLACE", func(c *Client) {
		path := c.object("x", source...)
		c.ok("PUT", path+"2", "", copySource, path, "X-Amz-Meta-B", "2", "Content-Type", "text/html", "X-Amz-Metadata-Directive", "REPLACE")
		a := c.ok("HEAD", path+"2", "")
		c.same("metadata", a.Header.Get("X-Amz-Meta-A")+a.Header.Get("X-Amz-Meta-B"), "2")
		c.header(a, "Content-Type", "text/html")
		c.header(a, "Cache-Control", "")
		c.header(a, "X-Amz-Tagging-Count", "2")
	})
	b.add("REPLACE with nothing", func(c *Client) {
		path := c.object("x", source...)
		c.ok("PUT", path+"2", "", copySource, path, "X-Amz-Metadata-Directive", "REPLACE")
		a := c.ok("HEAD", path+"2", "")
		c.header(a, "X-Amz-Meta-A", "")
		c.header(a, "Content-Type", "binary/octet-stream")
	})
	b.add("REPLACE of tags", func(c *Client) {
		path := c.object("x", source...)
		c.ok("PUT", path+"2", "", copySource, path, "X-Amz-Tagging", "v=3", "X-Amz-Tagging-Directive", "REPLACE")
		c.has(c.ok("GET", path+"2?tagging", ""), "<Tag><Key>v</Key><Value>3</Value></Tag>")
	})
	b.add("REPLACE of tags with none", func(c *Client) {
		path := c.object("x", source...)
		c.ok("PUT", path+"2", "", copySource, path, "X-Amz-Tagging-Directive", "REPLACE")
		c.header(c.ok("HEAD", path+"2", ""), "X-Amz-Tagging-Count", "")
	})
	b.add("onto itself with REPLACE", func(c *Client) {
		path := c.object("x", source...)
		c.ok("PUT", path, "", copySource, path, "X-Amz-Meta-B", "2", "X-Amz-Metadata-Directive", "REPLACE")
		a := c.ok("GET", path, "")
		c.same("all", a.Body+a.Header.Get("X-Amz-Meta-A")+a.Header.Get("X-Amz-Meta-B"), "x2")
	})
	b.add("onto itself with a storage class", func(c *Client) {
		path := c.object("x")
		c.ok("PUT", path, "", copySource, path, "X-Amz-Storage-Class", "REDUCED_REDUNDANCY")
		c.header(c.ok("HEAD", path, ""), "X-Amz-Storage-Class", "REDUCED_REDUNDANCY")
	})
	b.add("the storage class is not copied", func(c *Client) {
		path := c.object("x", "X-Amz-Storage-Class", "REDUCED_REDUNDANCY")
		c.ok("PUT", path+"2", "", copySource, path)
		c.has(c.ok("GET", strings.TrimSuffix(path, "/key")+"?prefix=key2", ""), "<StorageClass>STANDARD</StorageClass>")
	})
	b.add("the checksum is copied", func(c *Client) {
		path := c.object("hello", "X-Amz-Checksum-Sha256", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=")
		c.has(c.ok("PUT", path+"2", "", copySource, path), "<ChecksumSHA256>LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=</ChecksumSHA256>")
		c.header(c.ok("HEAD", path+"2", "", "X-Amz-Checksum-Mode", "ENABLED"), "X-Amz-Checksum-Sha256", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=")
	})
	b.add("another checksum", func(c *Client) {
		path := c.object("hello")
		c.has(c.ok("PUT", path+"2", "", copySource, path, "X-Amz-Checksum-Algorithm", "CRC32"), "<ChecksumCRC32>NhCmhg==</ChecksumCRC32>")
	})
}

func copyConditions(b *book) {
	etag := quotedMD5("src")
	const cond = "X-Amz-Copy-Source-If-"
	for _, tc := range []struct {
		name   string
		status int
		header []string
	}{
		{"source If-Match holds", 200, []string{cond + "Match", etag}},
		{"source If-Match fails", 412, []string{cond + "Match", `"wrong"`}},
		{"source If-None-Match holds", 200, []string{cond + "None-Match", `"wrong"`}},
		{"source If-None-Match fails", 412, []string{cond + "None-Match", etag}},
		{"source If-Modified-Since holds", 200, []string{cond + "Modified-Since", httpDate(-time.Hour)}},
		{"source If-Unmodified-Since holds", 200, []string{cond + "Unmodified-Since", httpDate(time.Hour)}},
		{"source If-Unmodified-Since fails", 412, []string{cond + "Unmodified-Since", httpDate(-time.Hour)}},
		{"source If-Match holds, If-Unmodified-Since fails", 200, []string{cond + "Match", etag, cond + "Unmodified-Since", httpDate(-time.Hour)}},
		{"source If-None-Match fails, If-Modified-Since holds", 412, []string{cond + "None-Match", etag, cond + "Modified-Since", httpDate(-time.Hour)}},
		{"destination If-None-Match *", 412, []string{"If-None-Match", "*"}},
		{"destination If-Match holds", 200, []string{"If-Match", quotedMD5("dst")}},
		{"destination If-Match fails", 412, []string{"If-Match", `"wrong"`}},
	} {
		b.op("Copy/Conditions")
		b.add(tc.name, func(c *Client) {
			path := c.object("src")
			c.ok("PUT", path+"2", "dst")
			a := c.do("PUT", path+"2", "", append(tc.header, copySource, path)...)
			c.same("status", a.Status, tc.status)
			want := "src"
			if tc.status == 412 {
				want = "dst"
				c.same("code", a.Code(), "PreconditionFailed")
			}
			c.same("body", c.ok("GET", path+"2", "").Body, want)
		})
		if !strings.HasPrefix(tc.name, "source") {
			continue
		}
		b.op("Multipart/UploadPartCopy")
		b.add(tc.name, func(c *Client) {
			path := c.object("src")
			u := c.start(path + "2")
			a := c.do("PUT", u.query("partNumber=1&"), "", append(tc.header, copySource, path)...)
			c.same("status", a.Status, tc.status)
			c.same("parts", strings.Count(c.ok("GET", u.query(""), "").Body, "<Part>"), map[int]int{200: 1, 412: 0}[tc.status])
		})
	}
}
