package s3gtest

import (
	"fmt"
	"strings"
)

// corsDoc is a document of rules, each the inside of a CORSRule.
func corsDoc(rules ...string) string {
	return `<CORSConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><CORSRule>` + strings.Join(rules, "</CORSRule><CORSRule>") + "</CORSRule></CORSConfiguration>"
}

// corsRule is a rule of origins, methods and headers, separated by spaces.
func corsRule(origins, methods, headers string) string {
	var s string
	for name, list := range map[string]string{"AllowedOrigin": origins, "AllowedMethod": methods, "AllowedHeader": headers} {
		for v := range strings.FieldsSeq(list) {
			s += fmt.Sprintf("<%s>%s</%s>", name, v, name)
		}
	}
	return s
}

// corsChapter: CORS of buckets, preflights, and what answers tell browsers.
func corsChapter(b *book) {
	b.op("CORS/Document")
	b.add("none", func(c *Client) { c.fails(404, "NoSuchCORSConfiguration", "GET", "/"+c.bucket()+"?cors", "") })
	b.add("no bucket", func(c *Client) { c.fails(404, "NoSuchBucket", "GET", gone+"?cors", "") })
	b.add("put, get, delete", func(c *Client) {
		at := "/" + c.bucket() + "?cors"
		c.status(200, "PUT", at, corsDoc(corsRule("https://a.example *.b.example", "GET PUT", "x-amz-*")+"<ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>300</MaxAgeSeconds>"))
		c.has(c.ok("GET", at, ""), "<AllowedOrigin>https://a.example</AllowedOrigin>", "<AllowedMethod>PUT</AllowedMethod>", "<AllowedHeader>x-amz-*</AllowedHeader>", "<ExposeHeader>ETag</ExposeHeader>", "<MaxAgeSeconds>300</MaxAgeSeconds>")
		c.status(204, "DELETE", at, "")
		c.fails(404, "NoSuchCORSConfiguration", "GET", at, "")
	})
	for _, tc := range []struct{ name, doc string }{
		{"no XML", "cors"}, {"no rules", `<CORSConfiguration/>`}, {"no origin", corsDoc(corsRule("", "GET", ""))}, {"no method", corsDoc(corsRule("*", "", ""))},
		{"unknown method", corsDoc(corsRule("*", "PATCH", ""))}, {"two stars in an origin", corsDoc(corsRule("*.*", "GET", ""))}, {"two stars in a header", corsDoc(corsRule("*", "GET", "*-*"))},
		{"101 rules", corsDoc(strings.Split(strings.Repeat(corsRule("*", "GET", "")+"|", 100)+corsRule("*", "GET", ""), "|")...)},
	} {
		b.add("refuses "+tc.name, func(c *Client) {
			c.either([]string{"400 MalformedXML", "400 InvalidRequest"}, "PUT", "/"+c.bucket()+"?cors", tc.doc)
		})
	}
	b.secure("another's", func(c *Client) {
		c.other().fails(403, "AccessDenied", "PUT", "/"+c.bucket()+"?cors", corsDoc(corsRule("*", "GET", "")))
	})
	corsRequests(b)
}

func corsRequests(b *book) {
	rules := corsDoc(
		corsRule("https://exact.example", "GET PUT", "content-type x-amz-*")+"<ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>300</MaxAgeSeconds>",
		corsRule("https://*.suffix.example", "GET", ""),
		corsRule("http://pre*", "GET", "*"),
		corsRule("*", "DELETE", ""),
	)
	for _, tc := range []struct {
		name, origin, method, headers string
		status                        int
		allow                         string
	}{
		{"exact", "https://exact.example", "GET", "", 200, "https://exact.example"}, {"exact PUT", "https://exact.example", "PUT", "", 200, "https://exact.example"},
		{"headers", "https://exact.example", "PUT", "content-type, x-amz-acl", 200, "https://exact.example"}, {"headers in capitals", "https://exact.example", "PUT", "Content-Type", 200, "https://exact.example"},
		{"header that is not allowed", "https://exact.example", "PUT", "x-other", 403, ""}, {"another method", "https://exact.example", "POST", "", 403, ""},
		{"another origin", "https://other.example", "GET", "", 403, ""}, {"suffix", "https://a.suffix.example", "GET", "", 200, "https://a.suffix.example"}, {"not the suffix", "https://suffix.example.org", "GET", "", 403, ""},
		{"prefix", "http://prefix.example", "GET", "any, thing", 200, "http://prefix.example"}, {"any origin", "https://other.example", "DELETE", "", 200, "*"},
		{"scheme matters", "http://exact.example", "GET", "", 403, ""},
	} {
		b.op("CORS/Preflight")
		b.add(tc.name, func(c *Client) {
			path := c.object("x")
			c.ok("PUT", strings.TrimSuffix(path, "/key")+"?cors", rules)
			header := []string{"Origin", tc.origin, "Access-Control-Request-Method", tc.method}
			if tc.headers != "" {
				header = append(header, "Access-Control-Request-Headers", tc.headers)
			}
			a := c.anonymous().do("OPTIONS", path, "", header...)
			c.same("status", a.Status, tc.status)
			c.header(a, "Access-Control-Allow-Origin", tc.allow)
			if tc.status == 200 {
				c.same("method", strings.Contains(a.Header.Get("Access-Control-Allow-Methods"), tc.method), true)
				c.same("varies", strings.Contains(a.Header.Get("Vary"), "Origin"), true)
			}
		})
		if tc.headers != "" || tc.method == "POST" {
			continue
		}
		b.op("CORS/Requests")
		b.add(tc.name, func(c *Client) {
			path := c.object("x")
			c.ok("PUT", strings.TrimSuffix(path, "/key")+"?cors", rules)
			a := c.do(tc.method, path, "", "Origin", tc.origin)
			c.same("status", a.Status/100, 2)
			c.header(a, "Access-Control-Allow-Origin", tc.allow)
			if tc.name == "exact" {
				c.header(a, "Access-Control-Expose-Headers", "ETag")
			}
		})
	}
	b.op("CORS/Preflight")
	b.add("no configuration", func(c *Client) {
		c.anonymous().fails(403, "AccessForbidden", "OPTIONS", c.object("x"), "", "Origin", "https://a.example", "Access-Control-Request-Method", "GET")
	})
	b.add("no origin", func(c *Client) {
		c.anonymous().fails(400, "BadRequest", "OPTIONS", c.object("x"), "", "Access-Control-Request-Method", "GET")
	})
	b.add("no method", func(c *Client) {
		c.anonymous().fails(400, "BadRequest", "OPTIONS", c.object("x"), "", "Origin", "https://a.example")
	})
	b.op("CORS/Requests")
	b.add("errors too", func(c *Client) {
		path := c.object("x")
		c.ok("PUT", strings.TrimSuffix(path, "/key")+"?cors", rules)
		c.header(c.fails(404, "NoSuchKey", "GET", path+"2", "", "Origin", "https://exact.example"), "Access-Control-Allow-Origin", "https://exact.example")
	})
	b.add("without Origin nothing is told", func(c *Client) {
		path := c.object("x")
		c.ok("PUT", strings.TrimSuffix(path, "/key")+"?cors", rules)
		c.header(c.ok("GET", path, ""), "Access-Control-Allow-Origin", "")
	})
}
