package s3gtest

import (
	"fmt"
	"strings"
)

// tagChapter: tags of objects and buckets, in headers and documents.
func tagChapter(b *book) {
	var ten, eleven []string
	for i := range 11 {
		if i < 10 {
			ten = append(ten, fmt.Sprintf("k%02d", i), "v")
		}
		eleven = append(eleven, fmt.Sprintf("k%02d", i), "v")
	}
	rows := []struct {
		name   string
		pairs  []string
		status int
	}{
		{"one", []string{"a", "1"}, 200}, {"two", []string{"b", "2", "a", "1"}, 200}, {"none", nil, 200}, {"ten", ten, 200}, {"eleven", eleven, 400},
		{"empty value", []string{"a", ""}, 200}, {"empty key", []string{"", "1"}, 400}, {"key twice", []string{"a", "1", "a", "2"}, 400},
		{"key of 128", []string{filled(128, 'k'), "v"}, 200}, {"key of 129", []string{filled(129, 'k'), "v"}, 400},
		{"value of 256", []string{"a", filled(256, 'v')}, 200}, {"value of 257", []string{"a", filled(257, 'v')}, 400},
		{"all signs allowed", []string{"a +-=._:/@", "b +-=._:/@"}, 200}, {"unicode", []string{"Größe", "大"}, 200}, {"sign not allowed", []string{"a", "b&lt;c"}, 400},
		{"reserved prefix", []string{"aws:a", "1"}, 400},
	}
	b.op("Tagging/PutObjectTagging")
	for _, tc := range rows {
		b.add(tc.name, func(c *Client) {
			path, doc := c.object("x"), tagsDoc(tc.pairs...)
			if tc.status == 400 {
				c.either([]string{"400 InvalidTag", "400 BadRequest"}, "PUT", path+"?tagging", doc) // BadRequest is for too many
				c.header(c.ok("HEAD", path, ""), "X-Amz-Tagging-Count", "")
				return
			}
			c.status(200, "PUT", path+"?tagging", doc)
			c.same("tags", strings.Count(c.ok("GET", path+"?tagging", "").Body, "<Tag>"), len(tc.pairs)/2)
		})
		b.op("Tagging/PutObject")
		if !strings.Contains(tc.name, "sign not") && tc.name != "none" {
			b.add("header, "+tc.name, func(c *Client) {
				var list []string
				for i := 0; i < len(tc.pairs); i += 2 {
					list = append(list, escapeAll(tc.pairs[i])+"="+escapeAll(tc.pairs[i+1]))
				}
				path := "/" + c.bucket() + "/k"
				if tc.status == 400 {
					c.either([]string{"400 InvalidTag", "400 InvalidArgument"}, "PUT", path, "x", "X-Amz-Tagging", strings.Join(list, "&"))
					return
				}
				c.ok("PUT", path, "x", "X-Amz-Tagging", strings.Join(list, "&"))
				c.header(c.ok("HEAD", path, ""), "X-Amz-Tagging-Count", fmt.Sprint(len(list)))
			})
		}
		b.op("Tagging/PutObjectTagging")
	}
	b.add("no tags at all is not an error document", func(c *Client) {
		c.fails(400, "MalformedXML", "PUT", c.object("x")+"?tagging", "<Tagging>")
	})
	b.add("replaces all", func(c *Client) {
		path := c.object("x", "X-Amz-Tagging", "a=1&b=2")
		c.ok("PUT", path+"?tagging", tagsDoc("c", "3"))
		a := c.ok("GET", path+"?tagging", "")
		c.has(a, "<Key>c</Key><Value>3</Value>")
		c.hasNot(a, "<Key>a</Key>")
	})
	b.add("leaves the object", func(c *Client) {
		path := c.object("x", "X-Amz-Meta-A", "1")
		before := c.ok("HEAD", path, "")
		c.ok("PUT", path+"?tagging", tagsDoc("c", "3"))
		after := c.ok("HEAD", path, "")
		for _, name := range []string{"Etag", "Last-Modified", "X-Amz-Meta-A", "Content-Length"} {
			c.header(after, name, before.Header.Get(name))
		}
	})
	b.op("Tagging/GetObjectTagging")
	b.add("none", func(c *Client) {
		a := c.ok("GET", c.object("x")+"?tagging", "")
		c.has(a, "<Tagging", "<TagSet")
		c.hasNot(a, "<Tag>")
	})
	b.add("no object", func(c *Client) { c.fails(404, "NoSuchKey", "GET", "/"+c.bucket()+"/k?tagging", "") })
	b.op("Tagging/DeleteObjectTagging")
	b.add("some", func(c *Client) {
		path := c.object("x", "X-Amz-Tagging", "a=1")
		c.status(204, "DELETE", path+"?tagging", "")
		c.hasNot(c.ok("GET", path+"?tagging", ""), "<Tag>")
		c.same("body", c.ok("GET", path, "").Body, "x")
	})
	b.add("none", func(c *Client) { c.status(204, "DELETE", c.object("x")+"?tagging", "") })
	b.add("no object", func(c *Client) { c.fails(404, "NoSuchKey", "DELETE", "/"+c.bucket()+"/k?tagging", "") })
	bucketTags(b)
}

func bucketTags(b *book) {
	b.op("Tagging/BucketTagging")
	b.add("none", func(c *Client) { c.fails(404, "NoSuchTagSet", "GET", "/"+c.bucket()+"?tagging", "") })
	b.add("put and get", func(c *Client) {
		at := "/" + c.bucket() + "?tagging"
		c.status(204, "PUT", at, tagsDoc("a", "1", "b", "2"))
		c.has(c.ok("GET", at, ""), "<Key>a</Key><Value>1</Value>", "<Key>b</Key><Value>2</Value>")
		c.status(204, "PUT", at, tagsDoc("c", "3"))
		c.same("tags", strings.Count(c.ok("GET", at, "").Body, "<Tag>"), 1)
	})
	b.add("delete", func(c *Client) {
		at := "/" + c.bucket() + "?tagging"
		c.ok("PUT", at, tagsDoc("a", "1"))
		c.status(204, "DELETE", at, "")
		c.fails(404, "NoSuchTagSet", "GET", at, "")
		c.status(204, "DELETE", at, "")
	})
	for n, status := range map[int]int{50: 204, 51: 400} {
		b.add(fmt.Sprintf("%d tags", n), func(c *Client) {
			var pairs []string
			for i := range n {
				pairs = append(pairs, fmt.Sprint("k", i), "v")
			}
			c.status(status, "PUT", "/"+c.bucket()+"?tagging", tagsDoc(pairs...))
		})
	}
	for _, pairs := range [][]string{{"a", "1", "a", "2"}, {"aws:x", "1"}, {"", "1"}, {filled(129, 'k'), "1"}, {"k", filled(257, 'v')}} {
		b.add("refuses "+shorten(pairs[0])+" "+shorten(pairs[1]), func(c *Client) {
			c.fails(400, "InvalidTag", "PUT", "/"+c.bucket()+"?tagging", tagsDoc(pairs...))
		})
	}
	b.add("no bucket", func(c *Client) {
		c.fails(404, "NoSuchBucket", "PUT", gone+"?tagging", tagsDoc("a", "1"))
		c.fails(404, "NoSuchBucket", "GET", gone+"?tagging", "")
	})
	b.add("document that is none", func(c *Client) { c.fails(400, "MalformedXML", "PUT", "/"+c.bucket()+"?tagging", "<Tags/>") })
	b.secure("another's", func(c *Client) {
		at := "/" + c.bucket() + "?tagging"
		c.other().fails(403, "AccessDenied", "GET", at, "")
		c.other().fails(403, "AccessDenied", "PUT", at, tagsDoc("a", "1"))
	})
}
