package s3gtest

import (
	"fmt"
	"strings"
	"testing"
)

var listCases = []testCase{
	{"objectlist/1..5", func(t *testing.T, c *Client) {
		b := c.bucket()
		c.fails(400, "InvalidArgument", "GET", "/"+b+"?list-type=2&max-keys=-1", "")
		for i := range 1100 {
			c.ok("PUT", fmt.Sprintf("/%s/k%04d", b, i), "")
		}
		p := c.list(b, "max-keys=0")
		same(t, "none", fmt.Sprint(len(p.Contents), p.IsTruncated, p.MaxKeys), "0 false 0")
		p = c.list(b, "max-keys=9999")
		same(t, "most", fmt.Sprint(len(p.Contents), p.IsTruncated, p.MaxKeys, p.KeyCount), "1000 true 1000 1000")
		p = c.list(b, "continuation-token="+p.NextContinuationToken)
		same(t, "rest", fmt.Sprintln(len(p.Contents), p.IsTruncated, p.Contents[0].Key), "100 false k1000\n")
		same(t, "half", len(c.list(b, "max-keys=500").Contents), 500)
		c.ownerChecked("GET", "/"+b+"?list-type=2", "")
		var keys []string
		for i := range 1000 {
			keys = append(keys, fmt.Sprintf("k%04d", i))
		}
		c.deleteAll(b, true, keys...)
	}},
	{"list/pages", listPages},
	{"list/arguments", func(t *testing.T, c *Client) {
		b := c.bucket()
		c.ok("PUT", "/"+b+"/k", "x")
		for _, q := range []string{"max-keys=blah", "max-keys=-1", "max-keys=99999999999", "encoding-type=base64"} {
			c.fails(400, "InvalidArgument", "GET", "/"+b+"?"+q, "")
			c.fails(400, "InvalidArgument", "GET", "/"+b+"?list-type=2&"+q, "")
		}
		c.fails(400, "InvalidArgument", "GET", "/"+b+"?list-type=3", "")
		c.fails(400, "InvalidArgument", "GET", "/"+b+"?list-type=2&continuation-token=nonsense", "")
		p := c.list(b, "continuation-token=&fetch-owner=true")
		same(t, "empty token", p.ContinuationToken != nil && *p.ContinuationToken == "", true)
		same(t, "owner", p.Contents[0].Owner != nil && p.Contents[0].Owner.DisplayName == c.owner(), true)
		same(t, "no owner", c.list(b, "").Contents[0].Owner == nil, true)
		same(t, "owner of version 1", c.listV1(b, "").Contents[0].Owner != nil, true)
		same(t, "etag", p.Contents[0].ETag, quotedMD5("x"))
		same(t, "slash after the bucket", strings.Contains(c.ok("GET", "/"+b+"/?list-type=2", "").Body, "<Key>k</Key>"), true)
		same(t, "parameters of version 1", c.list(b, "marker=z&metadata=true").keys(), "k")
		same(t, "parameters of version 2", c.listV1(b, "start-after=z&continuation-token=z&fetch-owner=true").keys(), "k")
		same(t, "semicolon", c.listV1(b, "prefix=k;").keys(), "")
		c.fails(404, "NoSuchBucket", "GET", "/no-such-bucket-at-all?max-keys=0", "")
		c.fails(404, "NoSuchBucket", "GET", "/no-such-bucket-at-all?list-type=2", "")
	}},
	{"list/encoding", func(t *testing.T, c *Client) {
		b := c.bucket()
		for _, k := range []string{"foo+1/bar", "foo/bar/xyzzy", "quux ab/thud", "asdf+b", "ü", "a&<b"} {
			c.ok("PUT", "/"+b+"/"+escapeKey(k), "")
		}
		for _, v := range []string{"", "&list-type=2"} {
			a := c.ok("GET", "/"+b+"?encoding-type=url&delimiter=/"+v, "").Body
			for _, want := range []string{"<Key>asdf%2Bb</Key>", "<Key>%C3%BC</Key>", "<Key>a%26%3Cb</Key>", "<Prefix>foo%2B1/</Prefix>", "<Prefix>foo/</Prefix>", "<Prefix>quux%20ab/</Prefix>", "<EncodingType>url</EncodingType>", "<Delimiter>/</Delimiter>"} {
				same(t, want, strings.Contains(a, want), true)
			}
		}
		same(t, "plain", c.list(b, "").keys(), "a&<b asdf+b foo+1/bar foo/bar/xyzzy quux ab/thud ü")
	}},
	{"list/delimiters", func(t *testing.T, c *Client) {
		b := c.bucket()
		for _, k := range []string{"b%ar", "b%az", "c%ab", "foo", "x--y--z"} {
			c.ok("PUT", "/"+b+"/"+escapeKey(k), "")
		}
		p := c.list(b, "delimiter=%25")
		same(t, "percent", p.keys()+"|"+p.prefixes(), "foo x--y--z|b% c%")
		p = c.list(b, "delimiter=--&prefix=x")
		same(t, "long", p.keys()+"|"+p.prefixes(), "|x--")
		p = c.list(b, "delimiter=--&prefix=x--")
		same(t, "behind the prefix", p.prefixes(), "x--y--")
		p = c.list(b, "delimiter=%0a")
		same(t, "unprintable", len(p.Contents), 5)
		p = c.list(b, "delimiter=")
		same(t, "empty is none", fmt.Sprint(len(p.Contents))+p.Delimiter, "5")
	}},
}

// listPages walks a small tree in pages of every size, both versions, with and
// without delimiter: always the same names in the same order, none twice.
func listPages(t *testing.T, c *Client) {
	b := c.bucket()
	for _, k := range []string{"a", "b/1", "b/2", "b/c/3", "b0", "c/", "c/1", "d"} {
		c.ok("PUT", "/"+b+"/"+k, k)
	}
	for _, tc := range []struct{ query, want string }{
		{"", "a b/1 b/2 b/c/3 b0 c/ c/1 d"},
		{"delimiter=/", "a b/ b0 c/ d"},
		{"delimiter=/&prefix=b/", "b/1 b/2 b/c/"},
		{"prefix=b/", "b/1 b/2 b/c/3"},
		{"delimiter=/&prefix=b", "b/ b0"},
		{"prefix=zz", ""},
	} {
		for size := 1; size <= 9; size++ {
			query := fmt.Sprintf("%s&max-keys=%d", tc.query, size)
			same(t, "v2 "+query, walk(c, func(next string) (page, string) {
				p := c.list(b, query+"&continuation-token="+next)
				return p, p.NextContinuationToken
			}), tc.want)
			same(t, "v1 "+query, walk(c, func(next string) (page, string) {
				p := c.listV1(b, query+"&marker="+next)
				if p.NextMarker == "" && len(p.Contents) > 0 {
					p.NextMarker = p.Contents[len(p.Contents)-1].Key
				}
				return p, p.NextMarker
			}), tc.want)
		}
	}
	same(t, "start-after", c.list(b, "start-after=b/2").keys(), "b/c/3 b0 c/ c/1 d")
	p := c.list(b, "start-after=b/2&max-keys=1")
	same(t, "token wins", c.list(b, "start-after=zzz&continuation-token="+p.NextContinuationToken).keys(), "b0 c/ c/1 d")
}

// walk joins the names of all pages in order.
func walk(c *Client, get func(next string) (page, string)) string {
	c.t.Helper()
	var names []string
	for next, n := "", 0; ; n++ {
		var p page
		p, next = get(next)
		names = append(names, merge(p)...)
		if !p.IsTruncated {
			return strings.Join(names, " ")
		}
		if next == "" || n > 100 {
			c.t.Fatal("a truncated page leads nowhere")
		}
	}
}

// merge gives keys and prefixes of a page in byte order.
func merge(p page) []string {
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
