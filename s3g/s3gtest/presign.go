package s3gtest

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// presignChapter is "Authenticating Requests: Using Query Parameters" and version
// 2's query string authentication.
func presignChapter(b *book) {
	b.op("Presigned/V4")
	for _, tc := range []struct{ name, method, query, body string }{
		{"GET", "GET", "", ""}, {"HEAD", "HEAD", "", ""}, {"PUT", "PUT", "", "body"}, {"DELETE", "DELETE", "", ""},
		{"POST create upload", "POST", "uploads", ""}, {"GET tagging", "GET", "tagging", ""}, {"PUT tagging", "PUT", "tagging", tagsDoc("a", "1")},
		{"GET with overrides", "GET", "response-content-type=text%2Fplain&response-content-disposition=attachment%3B%20filename%3D%22a%20b%22", ""},
		{"x-id", "GET", "x-id=GetObject", ""},
	} {
		b.add(tc.name, func(c *Client) {
			path := c.object("x")
			if a := c.presigned(c.signer(), tc.method, path+"?"+tc.query, tc.body, "600", nil); a.Status/100 != 2 {
				c.t.Fatalf("%d %s", a.Status, a.Body)
			}
		})
	}
	b.add("bucket listing", func(c *Client) {
		path := c.object("x")
		a := c.presigned(c.signer(), "GET", strings.TrimSuffix(path, "/key")+"?list-type=2&prefix=k", "", "600", nil)
		c.has(a, "<Key>key</Key>")
	})
	b.add("list of buckets", func(c *Client) {
		c.same("status", c.presigned(c.signer(), "GET", "/", "", "600", nil).Status, 200)
	})
	presignLifetime(b)
	presignParameters(b)
	presignTampering(b)
	presignV2(b)
}

// presigned sends a presigned request; change, if any, tampers with it before.
func (c *Client) presigned(s Signer, method, path, body, seconds string, change func(*http.Request), header ...string) Answer {
	c.t.Helper()
	req := c.request(method, strings.TrimSuffix(path, "?"), body, header...)
	s.Presign(req, seconds)
	if change != nil {
		change(req)
	}
	return c.send(req)
}

func presignLifetime(b *book) {
	b.op("Presigned/Lifetime")
	for _, tc := range []struct {
		name    string
		ago     time.Duration
		seconds string
		status  int
		code    string
	}{
		{"a week", 0, "604800", 200, ""},
		{"longer than a week", 0, "604801", 400, "AuthorizationQueryParametersError"},
		{"negative", 0, "-1", 400, "AuthorizationQueryParametersError"},
		{"no number", 0, "soon", 400, "AuthorizationQueryParametersError"},
		{"fraction", 0, "1.5", 400, "AuthorizationQueryParametersError"},
		{"expired", time.Hour, "600", 403, "AccessDenied"},
		{"still good", 50 * time.Minute, "3600", 200, ""},
		{"signed days ago and good", 6 * 24 * time.Hour, "604800", 200, ""},
		{"not valid yet", -time.Hour, "600", 403, "AccessDenied"},
		{"a little early", -10 * time.Minute, "600", 200, ""},
	} {
		b.add(tc.name, func(c *Client) {
			path := c.object("kept")
			s := c.signer()
			s.Time = time.Now().Add(-tc.ago)
			a := c.presigned(s, "GET", path, "", tc.seconds, nil)
			if tc.status == 200 {
				c.same("body", a.Body, "kept")
				return
			}
			c.hasNot(c.refused(a, tc.status, tc.code), "kept")
		})
	}
	b.add("expired tells when", func(c *Client) {
		path := c.object("x")
		s := c.signer()
		s.Time = time.Now().Add(-time.Hour)
		c.has(c.presigned(s, "GET", path, "", "60", nil), "<Message>Request has expired</Message>", "<Expires>", "<ServerTime>")
	})
}

func presignParameters(b *book) {
	b.op("Presigned/Parameters")
	for _, name := range []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"} {
		b.add("without "+name, func(c *Client) {
			path := c.object("kept")
			a := c.presigned(c.signer(), "GET", path, "", "600", setQuery(name))
			if name == "X-Amz-Date" || name == "X-Amz-Expires" || name == "X-Amz-SignedHeaders" || a.Status == 400 {
				c.refused(a, 400, "AuthorizationQueryParametersError")
			}
			c.hasNot(a, "kept")
		})
	}
	for _, tc := range []struct{ name, param, value string }{
		{"algorithm", "X-Amz-Algorithm", "AWS4-HMAC-SHA1"},
		{"credential of few parts", "X-Amz-Credential", "key/20260101"},
		{"service", "X-Amz-Credential", "key/" + time.Now().UTC().Format(amzShort) + "/us-east-1/ec2/aws4_request"},
		{"terminator", "X-Amz-Credential", "key/" + time.Now().UTC().Format(amzShort) + "/us-east-1/s3/aws4"},
		{"empty key", "X-Amz-Credential", "/" + time.Now().UTC().Format(amzShort) + "/us-east-1/s3/aws4_request"},
		{"date of the credential", "X-Amz-Credential", "key/20200101/us-east-1/s3/aws4_request"},
		{"date", "X-Amz-Date", "2026-11-23"},
	} {
		b.add("wrong "+tc.name, func(c *Client) {
			path := c.object("kept")
			a := c.presigned(c.signer(), "GET", path, "", "600", setQuery(tc.param, tc.value))
			c.hasNot(c.refused(a, 400, "AuthorizationQueryParametersError"), "kept")
		})
	}
}

// setQuery replaces a query parameter, or removes it without a value.
func setQuery(name string, value ...string) func(*http.Request) {
	return func(r *http.Request) {
		q := r.URL.Query()
		delete(q, name)
		if len(value) > 0 {
			q.Set(name, value[0])
		}
		r.URL.RawQuery = q.Encode()
	}
}

func presignTampering(b *book) {
	b.op("Presigned/Signature")
	for _, tc := range []struct {
		name   string
		change func(*http.Request)
		code   string
	}{
		{"another path", func(r *http.Request) { r.URL.Path += "2" }, "SignatureDoesNotMatch"},
		{"another method", func(r *http.Request) { r.Method = "DELETE" }, "SignatureDoesNotMatch"},
		{"a parameter more", func(r *http.Request) { addQuery(r, "response-content-type=text/html") }, "SignatureDoesNotMatch"},
		{"longer", setQuery("X-Amz-Expires", "6000"), "SignatureDoesNotMatch"},
		{"wrong signature", setQuery("X-Amz-Signature", strings.Repeat("0", 64)), "SignatureDoesNotMatch"},
		{"signed header missing", func(r *http.Request) { r.Header.Del("X-Amz-Meta-A") }, ""},
		{"signed header changed", func(r *http.Request) { r.Header.Set("X-Amz-Meta-A", "2") }, "SignatureDoesNotMatch"},
		{"x-amz header that is not signed", func(r *http.Request) { r.Header.Set("X-Amz-Acl", "public-read") }, "AccessDenied"},
	} {
		b.secure(tc.name, func(c *Client) {
			path := c.object("kept")
			a := c.presigned(c.signer(), "GET", path, "", "600", tc.change, "X-Amz-Meta-A", "1")
			c.hasNot(c.refused(a, 403, tc.code), "kept")
		})
	}
	b.secure("unknown access key", func(c *Client) {
		c.refused(c.presigned(Signer{AccessKey: "nobody-at-all", Secret: "x"}, "GET", c.object("x"), "", "600", nil), 403, "InvalidAccessKeyId")
	})
	b.secure("wrong secret", func(c *Client) {
		s := c.signer()
		s.Secret += "x"
		c.refused(c.presigned(s, "GET", c.object("x"), "", "600", nil), 403, "SignatureDoesNotMatch")
	})
	b.secure("another user's URL has another user's rights", func(c *Client) {
		c.refused(c.presigned(c.other().signer(), "GET", c.object("x"), "", "600", nil), 403, "AccessDenied")
	})
	b.secure("the URL of one object is for no other", func(c *Client) {
		path := c.object("kept")
		c.ok("PUT", path+"2", "secret")
		a := c.presigned(c.signer(), "GET", path, "", "600", func(r *http.Request) { r.URL.Path += "2" })
		c.hasNot(c.refused(a, 403, "SignatureDoesNotMatch"), "secret")
	})
}

func presignV2(b *book) {
	b.op("Presigned/V2")
	v2 := func(c *Client, s Signer, method, path, body string, until time.Time, change func(*http.Request)) Answer {
		req := c.request(method, path, body)
		s.PresignV2(req, until)
		if change != nil {
			change(req)
		}
		return c.send(req)
	}
	soon := func() time.Time { return time.Now().Add(10 * time.Minute) }
	for _, tc := range []struct{ name, method, query, body string }{
		{"GET", "GET", "", ""}, {"HEAD", "HEAD", "", ""}, {"PUT", "PUT", "", "body"}, {"DELETE", "DELETE", "", ""},
		{"tagging", "GET", "?tagging", ""}, {"override", "GET", "?response-content-type=text%2Fplain", ""},
	} {
		b.add(tc.name, func(c *Client) {
			if a := v2(c, c.signer(), tc.method, c.object("x")+tc.query, tc.body, soon(), nil); a.Status/100 != 2 {
				c.t.Fatalf("%d %s", a.Status, a.Body)
			}
		})
	}
	b.add("expired", func(c *Client) {
		c.refused(v2(c, c.signer(), "GET", c.object("x"), "", time.Now().Add(-time.Minute), nil), 403, "AccessDenied")
	})
	for name, values := range map[string][]string{"without Expires": nil, "Expires is no number": {"soon"}} {
		b.add(name, func(c *Client) {
			c.refused(v2(c, c.signer(), "GET", c.object("x"), "", soon(), setQuery("Expires", values...)), 403, "AccessDenied")
		})
	}
	for _, tc := range []struct {
		name   string
		change func(*http.Request)
	}{
		{"another path", func(r *http.Request) { r.URL.Path += "2" }},
		{"another method", func(r *http.Request) { r.Method = "DELETE" }},
		{"later Expires", func(r *http.Request) { setQuery("Expires", fmt.Sprint(time.Now().Add(time.Hour).Unix()))(r) }},
		{"a signed sub-resource more", func(r *http.Request) { addQuery(r, "response-content-type=text%2Fhtml") }},
		{"wrong signature", setQuery("Signature", url.QueryEscape("AAAAAAAAAAAAAAAAAAAAAAAAAAA="))},
	} {
		b.secure(tc.name, func(c *Client) {
			path := c.object("kept")
			c.hasNot(c.refused(v2(c, c.signer(), "GET", path, "", soon(), tc.change), 403, "SignatureDoesNotMatch"), "kept")
		})
	}
	b.secure("unknown access key", func(c *Client) {
		c.refused(v2(c, Signer{AccessKey: "nobody-at-all", Secret: "x"}, "GET", c.object("x"), "", soon(), nil), 403, "InvalidAccessKeyId")
	})
}
