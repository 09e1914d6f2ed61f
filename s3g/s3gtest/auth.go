package s3gtest

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// authChapter is AWS's "Authenticating Requests (AWS Signature Version 4)" and
// "Signing and Authenticating REST Requests" (version 2).
func authChapter(b *book) {
	authHeader(b)
	authScope(b)
	authDates(b)
	authTampering(b)
	authV2(b)
	authAnonymous(b)
}

// rewrite replaces a text in the Authorization header after signing.
func rewrite(old, with string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, with, 1))
	}
}

// authHeader: what the Authorization header must look like, in every mode.
func authHeader(b *book) {
	b.op("Authentication/Header")
	for _, tc := range []struct {
		name   string
		change func(*http.Request)
		status int
		code   string
	}{
		{"no space", rewrite("AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256"), 400, "InvalidArgument"},
		{"unknown scheme", rewrite("AWS4-HMAC-SHA256 ", "Bearer "), 400, "InvalidArgument"},
		{"lower-case scheme", rewrite("AWS4-HMAC-SHA256 ", "aws4-hmac-sha256 "), 400, "InvalidArgument"},
		{"no credential", rewrite("Credential=", "Credentials="), 400, "AuthorizationHeaderMalformed"},
		{"no signed headers", rewrite("SignedHeaders=", "Headers="), 400, "AuthorizationHeaderMalformed"},
		{"no signature", rewrite("Signature=", "Sign="), 400, "AuthorizationHeaderMalformed"},
		{"component without value", rewrite("Signature=", "Signature"), 400, "AuthorizationHeaderMalformed"},
		{"wrong terminator", rewrite("/aws4_request", "/aws5_request"), 400, "AuthorizationHeaderMalformed"},
		{"wrong service", rewrite("/s3/aws4_request", "/ec2/aws4_request"), 400, "AuthorizationHeaderMalformed"},
		{"no region", rewrite("/us-east-1/", "//"), 400, "AuthorizationHeaderMalformed"},
		{"too few parts of the credential", rewrite("/us-east-1/s3/aws4_request", "/aws4_request"), 400, "AuthorizationHeaderMalformed"},
		{"credential is a word", func(r *http.Request) {
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=key, SignedHeaders=host, Signature=0")
		}, 400, "AuthorizationHeaderMalformed"},
		{"date of the credential is no date", func(r *http.Request) {
			day := time.Now().UTC().Format(amzShort)
			rewrite("/"+day+"/", "/2026112x/")(r)
		}, 400, "AuthorizationHeaderMalformed"},
		{"date of the credential is another", func(r *http.Request) {
			day := time.Now().UTC().Format(amzShort)
			rewrite("/"+day+"/", "/20200101/")(r)
		}, 400, "AuthorizationHeaderMalformed"},
		{"empty access key", func(r *http.Request) {
			_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "/")
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=/"+rest)
		}, 400, "AuthorizationHeaderMalformed"},
		{"no x-amz-content-sha256", func(r *http.Request) { r.Header.Del("X-Amz-Content-Sha256") }, 400, "InvalidRequest"},
		{"no date at all", func(r *http.Request) { r.Header.Del("X-Amz-Date") }, 403, "AccessDenied"},
		{"date is a word", func(r *http.Request) { r.Header.Set("X-Amz-Date", "yesterday") }, 403, "AccessDenied"},
		{"header and query", func(r *http.Request) { r.URL.RawQuery = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00" }, 400, "InvalidArgument"},
		{"header and version 2 query", func(r *http.Request) { r.URL.RawQuery = "AWSAccessKeyId=a&Signature=b&Expires=1" }, 400, "InvalidArgument"},
	} {
		b.add(tc.name, func(c *Client) {
			path := c.object("kept")
			a := c.sendAs(c.signer(), c.request("GET", path, ""), hashOf(""), tc.change)
			c.refused(a, tc.status, tc.code)
			c.hasNot(a, "kept")
		})
	}
	b.add("components without spaces between", func(c *Client) {
		path := c.object("x")
		a := c.sendAs(c.signer(), c.request("GET", path, ""), hashOf(""), func(r *http.Request) {
			r.Header.Set("Authorization", strings.ReplaceAll(r.Header.Get("Authorization"), ", ", ","))
		})
		c.same("status", a.Status, 200)
	})
	for _, hash := range []string{"junk", strings.Repeat("z", 64), strings.Repeat("a", 63), "STREAMING-NOTHING", ""} {
		b.add(fmt.Sprintf("x-amz-content-sha256 %.10q", hash), func(c *Client) {
			path := "/" + c.bucket() + "/k"
			req := c.request("PUT", path, "body")
			c.signer().Header(req, hashOf("body"))
			req.Header["X-Amz-Content-Sha256"] = []string{hash}
			req.Header.Del("Authorization")
			c.signer().Header(req, hash)
			req.Header["X-Amz-Content-Sha256"] = []string{hash}
			a := c.send(req)
			c.same("status", a.Status, 400)
			c.fails(404, "", "HEAD", path, "")
		})
	}
}

// authScope: any region is ours, as with other self-hosted stores.
func authScope(b *book) {
	b.op("Authentication/Scope")
	for _, region := range []string{"us-east-1", "eu-central-1", "anything", "us-west-2"} {
		b.add("region "+region, func(c *Client) {
			path := c.object("x")
			s := c.signer()
			s.Region = region
			c.same("status", c.sendAs(s, c.request("GET", path, ""), hashOf(""), nil).Status, 200)
		}).differs("AWS answers AuthorizationHeaderMalformed with its region; a self-hosted store has no other regions, and clients sign for all sorts")
	}
}

// authDates: x-amz-date, Date, and 15 minutes (secure).
func authDates(b *book) {
	b.op("Authentication/Dates")
	zones := map[string]*time.Location{"GMT": time.UTC, "+0530": time.FixedZone("", 19800), "-0800": time.FixedZone("", -28800)}
	for name, zone := range zones {
		b.add("Date in "+name+" instead of x-amz-date", func(c *Client) {
			path := c.object("x")
			req := c.request("GET", path, "")
			layout := time.RFC1123Z
			if name == "GMT" {
				layout = http.TimeFormat
			}
			req.Header.Set("Date", time.Now().In(zone).Format(layout))
			c.same("status", c.sendAs(c.signer(), req, hashOf(""), nil).Status, 200)
		})
	}
	b.add("x-amz-date wins over Date", func(c *Client) {
		path := c.object("x")
		req := c.request("GET", path, "")
		req.Header.Set("X-Amz-Date", time.Now().UTC().Format(amzLong))
		req.Header.Set("Date", "Mon, 01 Jan 2001 00:00:00 GMT")
		c.same("status", c.sendAs(c.signer(), req, hashOf(""), nil).Status, 200)
	})
	for _, skew := range []time.Duration{-16 * time.Minute, 16 * time.Minute, -24 * time.Hour, 24 * time.Hour, -10 * 365 * 24 * time.Hour} {
		b.secure(fmt.Sprintf("skew %v", skew), func(c *Client) {
			path := c.object("x")
			s := c.signer()
			s.Time = time.Now().Add(skew)
			a := c.sendAs(s, c.request("GET", path, ""), hashOf(""), nil)
			c.has(c.refused(a, 403, "RequestTimeTooSkewed"), "<ServerTime>", "<MaxAllowedSkewMilliseconds>900000</MaxAllowedSkewMilliseconds>")
		})
	}
	for _, skew := range []time.Duration{-14 * time.Minute, 14 * time.Minute} {
		b.add(fmt.Sprintf("skew %v is fine", skew), func(c *Client) {
			path := c.object("x")
			s := c.signer()
			s.Time = time.Now().Add(skew)
			c.same("status", c.sendAs(s, c.request("GET", path, ""), hashOf(""), nil).Status, 200)
		})
	}
}

// authTampering: what is signed must be what was sent.
func authTampering(b *book) {
	b.op("Authentication/Signature")
	for _, tc := range []struct {
		name   string
		change func(*http.Request)
		code   string
	}{
		{"another path", func(r *http.Request) { r.URL.Path += "2" }, "SignatureDoesNotMatch"},
		{"another query", func(r *http.Request) { r.URL.RawQuery = "response-content-type=text/plain" }, "SignatureDoesNotMatch"},
		{"another signed header", func(r *http.Request) { r.Header.Set("X-Amz-Meta-A", "2") }, "SignatureDoesNotMatch"},
		{"another method", func(r *http.Request) { r.Method = "DELETE" }, "SignatureDoesNotMatch"},
		{"another payload hash", func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", hashOf("other")) }, "SignatureDoesNotMatch"},
		{"another host", func(r *http.Request) { r.Host = "example.com" }, "SignatureDoesNotMatch"},
		{"another second", func(r *http.Request) {
			r.Header.Set("X-Amz-Date", time.Now().Add(time.Second).UTC().Format(amzLong))
		}, "SignatureDoesNotMatch"},
		{"a digit of the signature", func(r *http.Request) {
			a := r.Header.Get("Authorization")
			last := "0"
			if strings.HasSuffix(a, "0") {
				last = "1"
			}
			r.Header.Set("Authorization", a[:len(a)-1]+last)
		}, "SignatureDoesNotMatch"},
		{"empty signature", func(r *http.Request) {
			a := r.Header.Get("Authorization")
			r.Header.Set("Authorization", a[:len(a)-64]+strings.Repeat("0", 64))
		}, "SignatureDoesNotMatch"},
		{"x-amz header that is not signed", func(r *http.Request) { r.Header.Set("X-Amz-Acl", "private") }, "AccessDenied"},
	} {
		b.secure(tc.name, func(c *Client) {
			path := c.object("kept")
			req := c.request("GET", path, "", "X-Amz-Meta-A", "1")
			c.refused(c.sendAs(c.signer(), req, hashOf(""), tc.change), 403, tc.code)
			c.same("object", c.ok("GET", path, "").Body, "kept")
		})
	}
	b.secure("unknown access key", func(c *Client) {
		path := c.object("x")
		c.refused(c.sendAs(Signer{AccessKey: "nobody-at-all", Secret: "x"}, c.request("GET", path, ""), hashOf(""), nil), 403, "InvalidAccessKeyId")
	})
	b.secure("wrong secret", func(c *Client) {
		path := c.object("x")
		s := c.signer()
		s.Secret += "x"
		a := c.refused(c.sendAs(s, c.request("GET", path, ""), hashOf(""), nil), 403, "SignatureDoesNotMatch")
		c.has(a, "<AWSAccessKeyId>"+s.AccessKey+"</AWSAccessKeyId>", "<StringToSign>", "<SignatureProvided>", "<CanonicalRequest>")
	})
	b.secure("wrong secret on HEAD has no body", func(c *Client) {
		path := c.object("x")
		s := c.signer()
		s.Secret += "x"
		a := c.refused(c.sendAs(s, c.request("HEAD", path, ""), hashOf(""), nil), 403, "")
		c.same("body", a.Body, "")
	})
	b.secure("wrong secret stores nothing", func(c *Client) {
		path := c.object("kept")
		s := c.signer()
		s.Secret += "x"
		c.refused(c.sendAs(s, c.request("PUT", path, "new"), hashOf("new"), nil), 403, "SignatureDoesNotMatch")
		c.same("object", c.ok("GET", path, "").Body, "kept")
	})
	b.secure("the body must have the signed hash", func(c *Client) {
		path := c.object("kept")
		c.refused(c.sendAs(c.signer(), c.request("PUT", path, "new"), hashOf("other"), nil), 400, "XAmzContentSHA256Mismatch")
		c.same("object", c.ok("GET", path, "").Body, "kept")
	})
	for _, key := range []string{"a b", "a+b", "ü", "a%b", "a//b", "a/../b", "~_-.!*'()", "a=b&c", "日本/語", "a;b", "a@b:c$", "tab\tkey"} {
		b.add("signed key "+key, func(c *Client) {
			path := "/" + c.bucket() + "/" + escapeKey(key)
			c.ok("PUT", path, "x")
			c.same("body", c.ok("GET", path+"?response-content-type=text%2Fplain%20x", "").Body, "x")
		})
	}
	for _, query := range []string{"prefix=a+b", "prefix=a%20b", "prefix=%2F", "prefix=/&delimiter=/", "prefix", "delimiter=&prefix=", "prefix=%C3%BC", "prefix=a%3Db%26c", "prefix=~", "max-keys=5&prefix=&marker=%25"} {
		b.add("signed query "+query, func(c *Client) {
			c.ok("GET", "/"+c.bucket()+"?"+query, "")
		})
	}
	for _, value := range []string{"two  spaces", " around ", "comma, list", "a=b;c"} {
		b.add(fmt.Sprintf("signed header %q", value), func(c *Client) {
			path := c.object("x", "X-Amz-Meta-A", value)
			c.ok("HEAD", path, "")
		})
	}
	b.add("header sent twice", func(c *Client) {
		path := c.object("x", "X-Amz-Meta-A", "1", "X-Amz-Meta-A", "2")
		c.header(c.ok("HEAD", path, ""), "X-Amz-Meta-A", "1,2")
	})
}

// authV2: version 2 in the header.
func authV2(b *book) {
	b.op("Authentication/V2")
	v2 := func(c *Client, s Signer, method, path, body string, change func(*http.Request), header ...string) Answer {
		req := c.request(method, path, body, header...)
		s.V2(req)
		if change != nil {
			change(req)
		}
		return c.send(req)
	}
	for _, tc := range []struct{ name, method, query, body string }{
		{"GET", "GET", "", ""}, {"HEAD", "HEAD", "", ""}, {"PUT", "PUT", "", "body"}, {"DELETE", "DELETE", "", ""},
		{"sub-resource", "GET", "?tagging", ""}, {"response override", "GET", "?response-content-type=text/plain", ""},
		{"create upload", "POST", "?uploads", ""},
	} {
		b.add(tc.name, func(c *Client) {
			path := c.object("x")
			if a := v2(c, c.signer(), tc.method, path+tc.query, tc.body, nil); a.Status/100 != 2 {
				c.t.Fatalf("%d %s", a.Status, a.Body)
			}
		})
	}
	b.add("listing", func(c *Client) {
		path := c.object("x")
		bucket, _ := strings.CutSuffix(path, "/key")
		c.has(v2(c, c.signer(), "GET", bucket+"?prefix=k&delimiter=/", "", nil), "<Key>key</Key>")
	})
	b.add("metadata, type and digest are signed", func(c *Client) {
		path := c.object("x")
		a := v2(c, c.signer(), "PUT", path, "body", nil, "X-Amz-Meta-A", "1", "Content-Type", "text/plain", "Content-Md5", contentMD5("body"))
		c.same("status", a.Status, 200)
		c.header(c.ok("HEAD", path, ""), "X-Amz-Meta-A", "1")
	})
	b.add("x-amz-date instead of Date", func(c *Client) {
		path := c.object("x")
		a := v2(c, c.signer(), "GET", path, "", nil, "X-Amz-Date", time.Now().UTC().Format(http.TimeFormat))
		c.same("status", a.Status, 200)
	})
	for _, tc := range []struct {
		name   string
		change func(*http.Request)
		status int
		code   string
	}{
		{"no colon", func(r *http.Request) { r.Header.Set("Authorization", "AWS keyandsignature") }, 400, "InvalidArgument"},
		{"no date", func(r *http.Request) { r.Header.Del("Date") }, 403, "AccessDenied"},
		{"bad date", func(r *http.Request) { r.Header.Set("Date", "then") }, 403, "AccessDenied"},
	} {
		b.add(tc.name, func(c *Client) {
			c.refused(v2(c, c.signer(), "GET", c.object("x"), "", tc.change), tc.status, tc.code)
		})
	}
	for _, tc := range []struct {
		name   string
		change func(*http.Request)
		code   string
	}{
		{"wrong signature", func(r *http.Request) { r.Header.Set("Authorization", r.Header.Get("Authorization")[:10]+"AAAA") }, ""},
		{"another path", func(r *http.Request) { r.URL.Path += "2" }, "SignatureDoesNotMatch"},
		{"another method", func(r *http.Request) { r.Method = "DELETE" }, "SignatureDoesNotMatch"},
		{"another sub-resource", func(r *http.Request) { r.URL.RawQuery = "acl" }, "SignatureDoesNotMatch"},
		{"an x-amz header more", func(r *http.Request) { r.Header.Set("X-Amz-Meta-B", "1") }, "SignatureDoesNotMatch"},
		{"another type", func(r *http.Request) { r.Header.Set("Content-Type", "text/html") }, "SignatureDoesNotMatch"},
	} {
		b.secure(tc.name, func(c *Client) {
			path := c.object("kept")
			c.refused(v2(c, c.signer(), "GET", path, "", tc.change), 403, tc.code)
			c.same("object", c.ok("GET", path, "").Body, "kept")
		})
	}
	b.secure("unknown access key", func(c *Client) {
		c.refused(v2(c, Signer{AccessKey: "nobody-at-all", Secret: "x"}, "GET", c.object("x"), "", nil), 403, "InvalidAccessKeyId")
	})
	b.secure("wrong secret", func(c *Client) {
		s := c.signer()
		s.Secret += "x"
		c.refused(v2(c, s, "GET", c.object("x"), "", nil), 403, "SignatureDoesNotMatch")
	})
	b.secure("skewed", func(c *Client) {
		s := c.signer()
		s.Time = time.Now().Add(-time.Hour)
		c.refused(v2(c, s, "GET", c.object("x"), "", nil), 403, "RequestTimeTooSkewed")
	})
}

// authAnonymous: nothing is said about who asks (secure: default deny).
func authAnonymous(b *book) {
	b.op("Authentication/Anonymous")
	for _, tc := range []struct{ name, method, at, body string }{
		{"list buckets", "GET", "/", ""}, {"create bucket", "PUT", "/anonymous-bucket-x", ""},
		{"list", "GET", "B", ""}, {"delete bucket", "DELETE", "B", ""}, {"get", "GET", "K", ""}, {"put", "PUT", "K", "new"},
		{"put another", "PUT", "K2", "new"}, {"delete", "DELETE", "K", ""}, {"create upload", "POST", "K?uploads", ""},
		{"list uploads", "GET", "B?uploads", ""}, {"location", "GET", "B?location", ""}, {"tagging", "GET", "K?tagging", ""},
		{"put tagging", "PUT", "K?tagging", tagsDoc("a", "1")}, {"acl", "GET", "K?acl", ""}, {"versions", "GET", "B?versions", ""},
		{"a key that is not there", "GET", "K2", ""},
	} {
		b.secure(tc.name, func(c *Client) {
			path := c.object("kept")
			at := strings.NewReplacer("B", strings.TrimSuffix(path, "/key"), "K", path).Replace(tc.at)
			a := c.anonymous().fails(403, "AccessDenied", tc.method, at, tc.body)
			c.hasNot(a, "kept")
			c.same("object", c.ok("GET", path, "").Body, "kept")
		})
	}
}

// tagsDoc is the document of a tag set of name, value pairs.
func tagsDoc(pairs ...string) string {
	s := `<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet>`
	for i := 0; i < len(pairs); i += 2 {
		s += "<Tag><Key>" + pairs[i] + "</Key><Value>" + pairs[i+1] + "</Value></Tag>"
	}
	return s + "</TagSet></Tagging>"
}
