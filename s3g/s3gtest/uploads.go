package s3gtest

import (
	"fmt"
	"strings"
)

// multipartChapter: uploads of parts, one thing at a time.
func multipartChapter(b *book) {
	multipartCreate(b)
	multipartParts(b)
	multipartComplete(b)
	multipartLists(b)
}

func multipartCreate(b *book) {
	b.op("Multipart/CreateMultipartUpload")
	b.add("answer", func(c *Client) {
		path := "/" + c.bucket() + "/dir/k"
		a := c.ok("POST", path+"?uploads", "")
		c.has(a, `<InitiateMultipartUploadResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`, "<Key>dir/k</Key>", "<UploadId>")
	})
	b.add("ids differ", func(c *Client) {
		path := "/" + c.bucket() + "/k"
		first, second := c.start(path), c.start(path)
		c.same("differ", first.id != second.id, true)
	})
	b.add("nothing is there before Complete", func(c *Client) {
		u := c.start("/" + c.bucket() + "/k")
		u.part(1, "hello")
		c.fails(404, "NoSuchKey", "GET", u.path, "")
	})
	for _, tc := range []struct{ header, value, code string }{
		{"X-Amz-Meta-A", filled(3000, 'x'), "MetadataTooLarge"}, {"X-Amz-Storage-Class", "GOLD", "InvalidStorageClass"}, {"X-Amz-Tagging", "a=1&a=2", "InvalidTag"},
		{"X-Amz-Acl", "nobody", "InvalidArgument"}, {"X-Amz-Checksum-Algorithm", "MD4", "InvalidRequest"}, {"X-Amz-Checksum-Type", "FULL_OBJECT", "InvalidRequest"},
	} {
		b.add("refuses "+tc.header, func(c *Client) {
			c.fails(400, tc.code, "POST", "/"+c.bucket()+"/k?uploads", "", tc.header, tc.value)
		})
	}
	for _, tc := range []struct{ header, value string }{
		{"X-Amz-Meta-A", "1"}, {"Content-Type", "text/plain"}, {"Cache-Control", "no-cache"}, {"Content-Disposition", "inline"}, {"Content-Encoding", "gzip"},
		{"Content-Language", "de"}, {"Expires", "Thu, 01 Dec 2033 16:00:00 GMT"}, {"X-Amz-Storage-Class", "STANDARD_IA"},
	} {
		b.add("keeps "+tc.header, func(c *Client) {
			u := c.start("/"+c.bucket()+"/k", tc.header, tc.value)
			c.ok("POST", u.query(""), completeDoc(1, u.part(1, "x")))
			c.header(c.ok("HEAD", u.path, ""), tc.header, tc.value)
		})
	}
	b.add("keeps tags", func(c *Client) {
		u := c.start("/"+c.bucket()+"/k", "X-Amz-Tagging", "a=1&b=2")
		c.ok("POST", u.query(""), completeDoc(1, u.part(1, "x")))
		c.header(c.ok("HEAD", u.path, ""), "X-Amz-Tagging-Count", "2")
	})
}

func multipartParts(b *book) {
	b.op("Multipart/UploadPart")
	for _, n := range []string{"0", "10001", "-1", "x", "", "1.5", "99999999999999999999"} {
		b.add("number "+n, func(c *Client) {
			u := c.start("/" + c.bucket() + "/k")
			c.fails(400, "InvalidArgument", "PUT", u.query("partNumber="+n+"&"), "x")
		})
	}
	for _, n := range []int{1, 10000} {
		b.add(fmt.Sprintf("number %d is fine", n), func(c *Client) { c.start("/"+c.bucket()+"/k").part(n, "x") })
	}
	b.add("sent again", func(c *Client) {
		u := c.start("/" + c.bucket() + "/k")
		u.part(1, "first")
		c.ok("POST", u.query(""), completeDoc(1, u.part(1, "second")))
		c.same("body", c.ok("GET", u.path, "").Body, "second")
	})
	b.add("unknown upload", func(c *Client) {
		c.fails(404, "NoSuchUpload", "PUT", "/"+c.bucket()+"/k?partNumber=1&uploadId=unknown", "x")
	})
	b.add("another key's upload", func(c *Client) {
		u := c.start("/" + c.bucket() + "/k")
		c.fails(404, "NoSuchUpload", "PUT", u.path+"2?partNumber=1&uploadId="+u.id, "x")
	})
	b.add("after Abort", func(c *Client) {
		u := c.start("/" + c.bucket() + "/k")
		c.status(204, "DELETE", u.query(""), "")
		c.fails(404, "NoSuchUpload", "PUT", u.query("partNumber=1&"), "x")
	})
	b.add("empty", func(c *Client) {
		u := c.start("/" + c.bucket() + "/k")
		c.ok("POST", u.query(""), completeDoc(1, u.part(1, "")))
		c.header(c.ok("HEAD", u.path, ""), "Content-Length", "0")
	})
	b.add("right Content-MD5", func(c *Client) {
		c.start("/"+c.bucket()+"/k").part(1, "x", "Content-Md5", contentMD5("x"))
	})
	for name, want := range map[string][2]string{"BadDigest": {contentMD5("y"), "400"}, "InvalidDigest": {"zz", "400"}} {
		b.add("Content-MD5 "+name, func(c *Client) {
			u := c.start("/" + c.bucket() + "/k")
			c.fails(400, name, "PUT", u.query("partNumber=1&"), "x", "Content-Md5", want[0])
			c.hasNot(c.ok("GET", u.query(""), ""), "<Part>")
		})
	}
	b.op("Multipart/UploadPartCopy")
	for _, bad := range []string{"bytes=0-", "bytes=-5", "0-5", "bytes=5-1", "bytes=a-b", "bytes=0-1,3-4", "bytes=0-3", "bytes=3-5", "bytes=0-99999999999999999999"} {
		b.add("range "+bad, func(c *Client) {
			path := c.object("src")
			u := c.start(path + "2")
			c.fails(400, "InvalidArgument", "PUT", u.query("partNumber=1&"), "", copySource, path, "X-Amz-Copy-Source-Range", bad)
		})
	}
	for rng, want := range map[string]string{"bytes=0-2": "src", "bytes=1-1": "r", "bytes=1-2": "rc"} {
		b.add("range "+rng, func(c *Client) {
			path := c.object("src")
			u := c.start(path + "2")
			a := c.ok("PUT", u.query("partNumber=1&"), "", copySource, path, "X-Amz-Copy-Source-Range", rng)
			c.has(a, "<CopyPartResult", "<LastModified>")
			c.ok("POST", u.query(""), completeDoc(1, quotedMD5(want)))
			c.same("body", c.ok("GET", path+"2", "").Body, want)
		})
	}
	b.add("no source", func(c *Client) {
		u := c.start("/" + c.bucket() + "/k")
		c.fails(404, "NoSuchKey", "PUT", u.query("partNumber=1&"), "", copySource, u.path+"absent")
		c.fails(404, "NoSuchBucket", "PUT", u.query("partNumber=1&"), "", copySource, gone+"/k")
	})
}

func multipartComplete(b *book) {
	b.op("Multipart/CompleteMultipartUpload")
	b.add("ETag is of the digests", func(c *Client) {
		u := c.start("/" + c.bucket() + "/k")
		p := filled(minPart, 'a')
		a := c.ok("POST", u.query(""), completeDoc(1, u.part(1, p), 2, u.part(2, "b")))
		var res struct{ Location, Bucket, Key, ETag string }
		a.decode(c.t, &res)
		c.same("ETag", res.ETag, binaryETag(p, "b"))
		c.same("names", "/"+res.Bucket+"/"+res.Key, u.path)
		c.same("location", strings.HasSuffix(res.Location, u.path), true)
		c.header(c.ok("HEAD", u.path, ""), "Etag", binaryETag(p, "b"))
	})
	b.add("parts of the object", func(c *Client) {
		u := c.start("/" + c.bucket() + "/k")
		p := filled(minPart, 'a')
		c.ok("POST", u.query(""), completeDoc(1, u.part(1, p), 2, u.part(2, "end")))
		a := c.status(206, "GET", u.path+"?partNumber=2", "")
		c.same("body", a.Body, "end")
		c.header(a, "X-Amz-Mp-Parts-Count", "2")
		c.header(a, "Content-Range", fmt.Sprintf("bytes %d-%d/%d", minPart, minPart+2, minPart+3))
		c.fails(400, "InvalidPart", "GET", u.path+"?partNumber=3", "")
	})
	b.add("some of the parts", func(c *Client) {
		u := c.start("/" + c.bucket() + "/k")
		p := filled(minPart, 'a')
		e1 := u.part(1, p)
		u.part(2, p)
		c.ok("POST", u.query(""), completeDoc(1, e1, 3, u.part(3, "end")))
		c.same("same bytes", c.ok("GET", u.path, "").Body == p+"end", true)
	})
	for _, tc := range []struct {
		name, code string
		doc        func(e1, e2 string) string
	}{
		{"no parts", "MalformedXML", func(string, string) string { return "<CompleteMultipartUpload></CompleteMultipartUpload>" }},
		{"nothing", "MalformedXML", func(string, string) string { return "" }},
		{"no XML", "MalformedXML", func(string, string) string { return "parts" }},
		{"another document", "MalformedXML", func(string, string) string { return deleteDoc(false, "k") }},
		{"part without number", "MalformedXML", func(e1, _ string) string {
			return "<CompleteMultipartUpload><Part><ETag>x</ETag></Part></CompleteMultipartUpload>"
		}},
		{"wrong tag", "InvalidPart", func(string, string) string { return completeDoc(1, `"00000000000000000000000000000000"`) }},
		{"unknown part", "InvalidPart", func(e1, _ string) string { return completeDoc(3, e1) }},
		{"descending", "InvalidPartOrder", func(e1, e2 string) string { return completeDoc(2, e2, 1, e1) }},
		{"twice the same", "InvalidPartOrder", func(e1, _ string) string { return completeDoc(1, e1, 1, e1) }},
		{"too small", "EntityTooSmall", func(e1, e2 string) string { return completeDoc(1, e1, 2, e2) }},
	} {
		b.add("refuses "+tc.name, func(c *Client) {
			u := c.start("/" + c.bucket() + "/k")
			e1, e2 := u.part(1, "one"), u.part(2, "two")
			c.fails(400, tc.code, "POST", u.query(""), tc.doc(e1, e2))
			c.fails(404, "", "HEAD", u.path, "")
			c.ok("POST", u.query(""), completeDoc(2, e2))
		})
	}
	b.add("too small says which", func(c *Client) {
		u := c.start("/" + c.bucket() + "/k")
		a := c.fails(400, "EntityTooSmall", "POST", u.query(""), completeDoc(1, u.part(1, "one"), 2, u.part(2, "two")))
		c.has(a, "<Message>")
	})
	b.add("twice", func(c *Client) {
		u := c.start("/" + c.bucket() + "/k")
		doc := completeDoc(1, u.part(1, "x"))
		first := c.ok("POST", u.query(""), doc)
		c.same("answer", c.ok("POST", u.query(""), doc).Body, first.Body)
	})
	b.add("of an unknown upload", func(c *Client) {
		c.fails(404, "NoSuchUpload", "POST", "/"+c.bucket()+"/k?uploadId=unknown", completeDoc(1, "x"))
	})
	for _, tc := range []struct {
		name   string
		exists bool
		status int
		header []string
	}{
		{"If-None-Match *, new", false, 200, []string{"If-None-Match", "*"}}, {"If-None-Match *, there", true, 412, []string{"If-None-Match", "*"}},
		{"If-Match holds", true, 200, []string{"If-Match", quotedMD5("old")}}, {"If-Match fails", true, 412, []string{"If-Match", `"x"`}}, {"If-Match, no key", false, 404, []string{"If-Match", `"x"`}},
	} {
		b.add(tc.name, func(c *Client) {
			u := c.start("/" + c.bucket() + "/k")
			if tc.exists {
				c.ok("PUT", u.path, "old")
			}
			c.status(tc.status, "POST", u.query(""), completeDoc(1, u.part(1, "x")), tc.header...)
		})
	}
	b.op("Multipart/AbortMultipartUpload")
	b.add("there", func(c *Client) {
		u := c.start("/" + c.bucket() + "/k")
		u.part(1, "x")
		c.status(204, "DELETE", u.query(""), "")
		c.fails(404, "NoSuchUpload", "GET", u.query(""), "")
	})
	b.add("unknown", func(c *Client) { c.fails(404, "NoSuchUpload", "DELETE", "/"+c.bucket()+"/k?uploadId=unknown", "") })
	b.add("twice", func(c *Client) {
		u := c.start("/" + c.bucket() + "/k")
		c.status(204, "DELETE", u.query(""), "")
		c.fails(404, "NoSuchUpload", "DELETE", u.query(""), "")
	})
	b.add("leaves the object", func(c *Client) {
		path := c.object("kept")
		u := c.start(path)
		c.ok("DELETE", u.query(""), "")
		c.same("body", c.ok("GET", path, "").Body, "kept")
	})
}

func multipartLists(b *book) {
	b.op("Multipart/ListParts")
	for _, tc := range []struct{ query, want string }{
		{"", "1 3 7 false 7"}, {"max-parts=2&", "1 3 true 3"}, {"max-parts=2&part-number-marker=3&", "7 false 7"}, {"max-parts=3&", "1 3 7 false 7"}, {"part-number-marker=7&", " false"},
	} {
		b.add(fmt.Sprintf("%q", tc.query), func(c *Client) {
			u := c.start("/" + c.bucket() + "/k")
			for _, n := range []int{7, 1, 3} {
				u.part(n, "x")
			}
			var p partsPage
			c.ok("GET", u.query(tc.query), "").decode(c.t, &p)
			got := fmt.Sprintf("%s %v %d", p.numbers(), p.IsTruncated, p.NextPartNumberMarker)
			c.same("page", strings.HasPrefix(got, tc.want), true)
		})
	}
	for _, bad := range []string{"max-parts=-1", "max-parts=x", "part-number-marker=x", "part-number-marker=-1", "encoding-type=foo"} {
		b.add("refuses "+bad, func(c *Client) {
			u := c.start("/" + c.bucket() + "/k")
			c.fails(400, "InvalidArgument", "GET", u.query(bad+"&"), "")
		})
	}
	b.add("owner and initiator", func(c *Client) {
		u := c.start("/" + c.bucket() + "/k")
		id := c.me().ID
		c.has(c.ok("GET", u.query(""), ""), "<Initiator><ID>"+id+"</ID>", "<Owner><ID>"+id+"</ID>")
	})
	b.op("Multipart/ListMultipartUploads")
	for _, tc := range []struct{ query, want string }{
		{"", "a b d/1 d/2 ü"}, {"&prefix=d/", "d/1 d/2"}, {"&delimiter=/", "a b ü d/"}, {"&key-marker=b", "d/1 d/2 ü"}, {"&max-uploads=2", "a b"},
		{"&prefix=none", ""}, {"&prefix=%C3%BC&encoding-type=url", "%C3%BC"}, {"&max-uploads=1000", "a b d/1 d/2 ü"},
	} {
		b.add(fmt.Sprintf("%q", tc.query), func(c *Client) {
			name := c.bucket()
			for _, k := range []string{"b", "a", "d/1", "d/2", "ü"} {
				c.start("/" + name + "/" + k)
			}
			var p uploadsPage
			c.ok("GET", "/"+name+"?uploads"+tc.query, "").decode(c.t, &p)
			c.same("keys", p.keys(), tc.want)
		})
	}
	for _, bad := range []string{"max-uploads=-1", "max-uploads=x", "encoding-type=foo"} {
		b.add("refuses "+bad, func(c *Client) { c.fails(400, "InvalidArgument", "GET", "/"+c.bucket()+"?uploads&"+bad, "") })
	}
}
