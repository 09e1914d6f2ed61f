package s3gtest

import (
	"fmt"
	"strings"
)

// listChapter: ListObjects and ListObjectsV2. Every row is asked of both.
func listChapter(b *book) {
	listFilters(b)
	listArguments(b)
	listPaging(b)
	listFields(b)
	listV1Only(b)
	listV2Only(b)
}

// filled makes a bucket with these keys, sent in this order.
func (c *Client) filledBucket(keys ...string) string {
	c.t.Helper()
	name := c.bucket()
	for _, k := range keys {
		c.ok("PUT", "/"+name+"/"+escapeKey(k), "of "+k)
	}
	return name
}

// listings are the two versions of the operation.
var listings = []struct{ op, query string }{{"ListObjects", ""}, {"ListObjectsV2", "list-type=2"}}

// listFilters: prefix, delimiter, marker and start-after, in combination.
func listFilters(b *book) {
	tree := []string{"foo/bar", "foo/baz/xyzzy", "quux/thud", "asdf", "boo/bar", "boo/baz/xyzzy", "cquux/thud", "cquux/bla"}
	odd := []string{"b%ar/x", "b%az", "c%", "d e/f", "d+e", "a\tb", "ü/ö", "z&<>\"'", "q?x=1", "back\\slash"}
	for _, tc := range []struct {
		name, query  string
		keys         []string
		want, common string
	}{
		{"empty bucket", "", nil, "", ""},
		{"order is of bytes", "", []string{"b", "A", "a", "Z", "_", "0", "~", "ä"}, "0 A Z _ a b ~ ä", ""},
		{"unordered inserts", "", []string{"key3", "key1", "key10", "key2"}, "key1 key10 key2 key3", ""},
		{"delimiter /", "delimiter=/", tree, "asdf", "boo/ cquux/ foo/ quux/"},
		{"delimiter a", "delimiter=a", []string{"bar", "baz", "cab", "foo"}, "foo", "ba ca"},
		{"delimiter of two characters", "delimiter=//", []string{"a//b", "a/b", "c//d//e"}, "a/b", "a// c//"},
		{"delimiter is a word", "delimiter=bar", []string{"foobar1", "foobar2", "xbarx", "none"}, "none", "foobar xbar"},
		{"delimiter that is in no key", "delimiter=%40", tree[:3], "foo/bar foo/baz/xyzzy quux/thud", ""},
		{"empty delimiter", "delimiter=", tree[:3], "foo/bar foo/baz/xyzzy quux/thud", ""},
		{"delimiter %", "delimiter=%25", []string{"b%ar", "b%az", "c%ab", "foo"}, "foo", "b% c%"},
		{"delimiter space", "delimiter=%20", []string{"b ar", "b az", "c ab", "foo"}, "foo", "b |c "},
		{"delimiter .", "delimiter=.", []string{"b.ar", "b.az", "c.ab", "foo"}, "foo", "b. c."},
		{"delimiter newline", "delimiter=%0A", []string{"b\nar", "b\naz", "foo"}, "foo", "b\n"},
		{"delimiter of several bytes", "delimiter=%C3%BC", []string{"aüb", "aüc", "x"}, "x", "aü"},
		{"prefix", "prefix=foo/", []string{"foo/bar", "foo/baz", "quux"}, "foo/bar foo/baz", ""},
		{"prefix that is not a directory", "prefix=ba", []string{"bar", "baz", "foo"}, "bar baz", ""},
		{"empty prefix", "prefix=", []string{"foo/bar", "quux"}, "foo/bar quux", ""},
		{"prefix that is in no key", "prefix=d", []string{"foo/bar", "quux"}, "", ""},
		{"prefix is a key", "prefix=quux", []string{"foo/bar", "quux"}, "quux", ""},
		{"prefix is longer than a key", "prefix=quuxx", []string{"quux"}, "", ""},
		{"prefix of a tab", "prefix=a%09", odd, "a\tb", ""},
		{"prefix of %", "prefix=b%25a", odd, "b%ar/x b%az", ""},
		{"prefix with plus for space", "prefix=d+e", odd, "d e/f", ""},
		{"prefix with plus", "prefix=d%2Be", odd, "d+e", ""},
		{"prefix of several bytes", "prefix=%C3%BC", odd, "ü/ö", ""},
		{"prefix that begins with a slash", "prefix=/", []string{"/foo", "bar"}, "/foo", ""},
		{"prefix and delimiter", "prefix=foo/&delimiter=/", []string{"foo/bar", "foo/baz/xyzzy", "quux/thud", "asdf"}, "foo/bar", "foo/baz/"},
		{"prefix without the slash and delimiter", "prefix=foo&delimiter=/", tree, "", "foo/"},
		{"prefix inside a name and delimiter", "prefix=b&delimiter=a", []string{"bar", "bazar", "cab", "foo"}, "", "ba"},
		{"prefix is there, delimiter is not", "prefix=b&delimiter=z", []string{"bar", "b/a/r", "foo"}, "b/a/r bar", ""},
		{"prefix is not there, delimiter is", "prefix=y&delimiter=/", []string{"b/a/r", "b/a/c"}, "", ""},
		{"neither is there", "prefix=y&delimiter=z", []string{"b/a/r", "g"}, "", ""},
		{"the directory itself", "prefix=asdf/&delimiter=/", []string{"asdf/", "asdf/b"}, "asdf/ asdf/b", ""},
		{"delimiter at the end of keys", "delimiter=/", []string{"asdf/", "b"}, "b", "asdf/"},
		{"doubled delimiters", "delimiter=/", []string{"a//b", "/c", "//d"}, "", "/ a/"},
		{"prefix ends in a doubled delimiter", "prefix=a//&delimiter=/", []string{"a//b", "a//c/d"}, "a//b", "a//c/"},
		{"underscores", "delimiter=/", []string{"_obj1_", "_under1/bar", "_under1/baz/xyzzy", "_under2/thud"}, "_obj1_", "_under1/ _under2/"},
		{"underscore prefix", "prefix=_under1/&delimiter=/", []string{"_obj1_", "_under1/bar", "_under1/baz/xyzzy", "_under2/thud"}, "_under1/bar", "_under1/baz/"},
	} {
		for _, l := range listings {
			b.op("Listing/" + l.op)
			b.add(tc.name, func(c *Client) {
				name := c.filledBucket(tc.keys...)
				p := c.listV1(name, l.query+"&"+tc.query)
				c.same("keys", p.keys(), tc.want)
				c.same("prefixes", strings.Join(strings.Fields(p.prefixes()), " "), strings.Join(strings.Fields(strings.ReplaceAll(tc.common, "|", " ")), " "))
				c.same("truncated", p.IsTruncated, false)
				if l.query != "" {
					c.same("count", p.KeyCount, len(p.Contents)+len(p.CommonPrefixes))
				}
			})
		}
	}
}

// listArguments: max-keys and encoding-type.
func listArguments(b *book) {
	five := []string{"a", "b", "c", "d", "e"}
	for _, l := range listings {
		b.op("Listing/" + l.op)
		for _, tc := range []struct {
			query, want string
			max         int
			truncated   bool
		}{
			{"max-keys=1", "a", 1, true}, {"max-keys=4", "a b c d", 4, true}, {"max-keys=5", "a b c d e", 5, false}, {"max-keys=6", "a b c d e", 6, false},
			{"max-keys=0", "", 0, false}, {"max-keys=1000", "a b c d e", 1000, false}, {"max-keys=1001", "a b c d e", 1000, false},
			{"max-keys=2147483647", "a b c d e", 1000, false}, {"max-keys=", "a b c d e", 1000, false}, {"", "a b c d e", 1000, false},
		} {
			b.add(fmt.Sprintf("with %q", tc.query), func(c *Client) {
				p := c.listV1(c.filledBucket(five...), l.query+"&"+tc.query)
				c.same("keys", p.keys(), tc.want)
				c.same("truncated", p.IsTruncated, tc.truncated)
				c.same("max-keys", p.MaxKeys, tc.max)
			})
		}
		for _, bad := range []string{"max-keys=-1", "max-keys=x", "max-keys=1.5", "max-keys=2147483648", "encoding-type=base64", "encoding-type=URL"} {
			b.add("refuses "+bad, func(c *Client) {
				c.fails(400, "InvalidArgument", "GET", "/"+c.bucket()+"?"+l.query+"&"+bad, "")
			})
		}
		b.add("encoding-type=url", func(c *Client) {
			name := c.filledBucket("asdf+b", "foo+1/bar", "foo/bar/xyzzy", "quux ab/thud", "ü/x")
			p := c.listV1(name, l.query+"&delimiter=/&encoding-type=url")
			c.same("keys", p.keys(), "asdf%2Bb")
			c.same("prefixes", p.prefixes(), "foo%2B1/ foo/ quux%20ab/ %C3%BC/")
			c.same("type", p.EncodingType, "url")
		}).differs("AWS writes a space as +, which some clients take for a plus; %20 is read by all")
		b.add("encoding-type=url of prefix and delimiter", func(c *Client) {
			p := c.listV1(c.filledBucket("a b/c"), l.query+"&prefix=a%20&delimiter=%20&encoding-type=url")
			c.same("prefix", strings.ReplaceAll(p.Prefix, "+", "%20"), "a%20")
			c.same("delimiter", strings.ReplaceAll(p.Delimiter, "+", "%20"), "%20")
		})
		b.add("keys that XML escapes", func(c *Client) {
			c.same("keys", c.listV1(c.filledBucket("<a>&\"b'", "c\rd"), l.query).keys(), "<a>&\"b' c\rd")
		})
		b.add("expected owner", func(c *Client) {
			c.ownerChecked("GET", "/"+c.bucket()+"?"+l.query, "")
		})
		b.add("no bucket", func(c *Client) { c.fails(404, "NoSuchBucket", "GET", gone+"?"+l.query, "") })
		b.secure("another's bucket", func(c *Client) {
			c.other().fails(403, "AccessDenied", "GET", "/"+c.bucket()+"?"+l.query, "")
		})
	}
}

// listPaging walks through pages of every size with what each version pages by.
func listPaging(b *book) {
	keys := []string{"a", "b/1", "b/2", "b/3", "c", "d/1", "e", "f/x/1", "f/x/2", "g"}
	for _, l := range listings {
		b.op("Listing/" + l.op)
		for _, size := range []int{1, 2, 3, 7} {
			for _, tc := range []struct{ name, query, want string }{
				{"all", "", "a b/1 b/2 b/3 c d/1 e f/x/1 f/x/2 g"},
				{"with delimiter", "delimiter=/", "a b/ c d/ e f/ g"},
				{"with prefix", "prefix=b/", "b/1 b/2 b/3"},
				{"with both", "prefix=f/&delimiter=/", "f/x/"},
			} {
				b.add(fmt.Sprintf("pages of %d, %s", size, tc.name), func(c *Client) {
					name := c.filledBucket(keys...)
					var got []string
					next := ""
					for range 20 {
						p := c.listV1(name, fmt.Sprintf("%s&%s&max-keys=%d%s", l.query, tc.query, size, next))
						got = append(got, p.merged()...)
						c.same("not more than asked", len(p.merged()) <= size, true)
						if !p.IsTruncated {
							break
						}
						next = p.next(l.query != "")
					}
					c.same("all names, once", strings.Join(got, " "), tc.want)
				})
			}
		}
	}
}

// merged are keys and prefixes in order.
func (p page) merged() []string {
	var out []string
	i, j := 0, 0
	for i < len(p.Contents) || j < len(p.CommonPrefixes) {
		if j == len(p.CommonPrefixes) || i < len(p.Contents) && p.Contents[i].Key < p.CommonPrefixes[j].Prefix {
			out = append(out, p.Contents[i].Key)
			i++
			continue
		}
		out = append(out, p.CommonPrefixes[j].Prefix)
		j++
	}
	return out
}

// next are the parameters that ask for the page behind p.
func (p page) next(v2 bool) string {
	switch {
	case v2:
		return "&continuation-token=" + escapeAll(p.NextContinuationToken)
	case p.NextMarker != "":
		return "&marker=" + escapeAll(p.NextMarker)
	}
	return "&marker=" + escapeAll(p.Contents[len(p.Contents)-1].Key)
}

// listFields: what an entry says of its object.
func listFields(b *book) {
	for _, l := range listings {
		b.op("Listing/" + l.op)
		b.add("entry", func(c *Client) {
			path := c.object("hello")
			p := c.listV1(strings.Trim(strings.TrimSuffix(path, "/key"), "/"), l.query)
			o := p.Contents[0]
			c.same("entry", fmt.Sprint(o.Key, o.ETag, o.Size, o.StorageClass), "key"+quotedMD5("hello")+"5STANDARD")
			c.same("date has milliseconds", strings.HasSuffix(o.LastModified, "Z") && len(o.LastModified) == len("2026-11-23T05:00:00.000Z"), true)
		})
		b.add("echo", func(c *Client) {
			name := c.filledBucket("a")
			p := c.listV1(name, l.query+"&prefix=p&delimiter=d&max-keys=7")
			c.same("echo", fmt.Sprint(p.Name, p.Prefix, p.Delimiter, p.MaxKeys), name+"pd7")
		})
		b.add("document", func(c *Client) {
			a := c.ok("GET", "/"+c.bucket()+"?"+l.query, "")
			c.has(a, `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`, "<Prefix></Prefix>")
			c.header(a, "Content-Type", "application/xml")
		})
		b.add("size of an object of parts", func(c *Client) {
			u := c.start("/" + c.bucket() + "/k")
			c.ok("POST", u.query(""), completeDoc(1, u.part(1, "hello")))
			p := c.listV1(strings.Trim(strings.TrimSuffix(u.path, "/k"), "/"), l.query)
			c.same("size and tag", fmt.Sprint(p.Contents[0].Size, p.Contents[0].ETag), "5"+binaryETag("hello"))
		})
		b.add("a deleted key is gone", func(c *Client) {
			name := c.filledBucket("a", "b", "c")
			c.ok("DELETE", "/"+name+"/b", "")
			c.same("keys", c.listV1(name, l.query).keys(), "a c")
		})
	}
}

func listV1Only(b *book) {
	b.op("Listing/ListObjects")
	for _, tc := range []struct{ name, marker, want string }{
		{"is a key", "bar", "baz foo quxx"}, {"is no key", "bazz", "foo quxx"}, {"is empty", "", "bar baz foo quxx"},
		{"is behind all", "zzz", ""}, {"is before all", "aaa", "bar baz foo quxx"}, {"is the last", "quxx", ""}, {"is unprintable", "%0A", "bar baz foo quxx"},
	} {
		b.add("marker "+tc.name, func(c *Client) {
			p := c.listV1(c.filledBucket("bar", "baz", "foo", "quxx"), "marker="+tc.marker)
			c.same("keys", p.keys(), tc.want)
			c.same("truncated", p.IsTruncated, false)
		})
	}
	b.add("marker is echoed", func(c *Client) { c.same("marker", c.listV1(c.bucket(), "marker=xyz").Marker, "xyz") })
	b.add("NextMarker only with a delimiter", func(c *Client) {
		name := c.filledBucket("a", "b", "c")
		c.same("without", c.listV1(name, "max-keys=1").NextMarker, "")
		c.same("with", c.listV1(name, "max-keys=1&delimiter=/").NextMarker, "a")
	})
	b.add("NextMarker is a prefix", func(c *Client) {
		p := c.listV1(c.filledBucket("a/1", "a/2", "b"), "max-keys=1&delimiter=/")
		c.same("marker", p.NextMarker, "a/")
		c.same("the rest", c.listV1(p.Name, "delimiter=/&marker=a/").keys(), "b")
	})
	b.add("owner is told", func(c *Client) {
		path := c.object("x")
		p := c.listV1(strings.Trim(strings.TrimSuffix(path, "/key"), "/"), "")
		c.same("owner", *p.Contents[0].Owner, struct{ ID, DisplayName string }{c.me().ID, c.me().DisplayName})
	})
	b.add("has no KeyCount", func(c *Client) { c.hasNot(c.ok("GET", "/"+c.bucket(), ""), "KeyCount") })
}

func listV2Only(b *book) {
	b.op("Listing/ListObjectsV2")
	for _, tc := range []struct{ name, after, want string }{
		{"is a key", "bar", "baz foo quxx"}, {"is no key", "bazz", "foo quxx"}, {"is empty", "", "bar baz foo quxx"},
		{"is behind all", "zzz", ""}, {"is unprintable", "%0A", "bar baz foo quxx"},
	} {
		b.add("start-after "+tc.name, func(c *Client) {
			c.same("keys", c.list(c.filledBucket("bar", "baz", "foo", "quxx"), "start-after="+tc.after).keys(), tc.want)
		})
	}
	b.add("start-after is echoed", func(c *Client) { c.same("echo", c.list(c.bucket(), "start-after=xyz").StartAfter, "xyz") })
	b.add("the token wins over start-after", func(c *Client) {
		name := c.filledBucket("bar", "baz", "foo", "quxx")
		p := c.list(name, "start-after=bar&max-keys=1")
		c.same("first", p.keys(), "baz")
		p = c.list(name, "start-after=bar&continuation-token="+escapeAll(p.NextContinuationToken))
		c.same("rest", p.keys(), "foo quxx")
	})
	b.add("an empty token", func(c *Client) {
		name := c.filledBucket("a")
		c.either([]string{"400 InvalidArgument", "200 "}, "GET", "/"+name+"?list-type=2&continuation-token=", "")
	})
	b.add("a token that is none", func(c *Client) {
		c.fails(400, "InvalidArgument", "GET", "/"+c.bucket()+"?list-type=2&continuation-token=%21%21", "")
	})
	b.add("the token is echoed", func(c *Client) {
		name := c.filledBucket("a", "b")
		token := c.list(name, "max-keys=1").NextContinuationToken
		p := c.list(name, "continuation-token="+escapeAll(token))
		c.same("echo", p.ContinuationToken != nil && *p.ContinuationToken == token, true)
	})
	b.add("no owner unless asked", func(c *Client) {
		name := c.filledBucket("a")
		c.same("default", c.list(name, "").Contents[0].Owner == nil, true)
		c.same("false", c.list(name, "fetch-owner=false").Contents[0].Owner == nil, true)
		c.same("true", c.list(name, "fetch-owner=true").Contents[0].Owner.ID, c.me().ID)
	})
	b.add("no list-type but 2", func(c *Client) {
		c.either([]string{"400 InvalidArgument"}, "GET", "/"+c.bucket()+"?list-type=3", "")
	})
	b.add("the page behind a prefix", func(c *Client) {
		name := c.filledBucket("a/1", "a/2", "b")
		p := c.list(name, "max-keys=1&delimiter=/")
		c.same("first", p.prefixes(), "a/")
		c.same("second", c.list(name, "delimiter=/&continuation-token="+escapeAll(p.NextContinuationToken)).keys(), "b")
	})
}

// user is how S3 names a user.
type user struct{ ID, DisplayName string }

// me is what S3 calls the client's user.
func (c *Client) me() user {
	c.t.Helper()
	return user(c.buckets("?max-buckets=1").Owner)
}
