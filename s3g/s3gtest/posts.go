package s3gtest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"time"
)

// form is a browser's upload.
type form struct {
	fields     map[string]string
	conditions string // of the policy, besides bucket and signature fields; "" is a policy that allows key and bucket
	expires    time.Duration
	file       string
	filename   string
	noFile     bool
	noPolicy   bool
	v2         bool
	change     func(fields map[string]string)
}

// post sends the form to the bucket.
func (c *Client) post(bucket string, f form) Answer {
	c.t.Helper()
	fields := map[string]string{"key": "k"}
	maps.Copy(fields, f.fields)
	if f.expires == 0 {
		f.expires = time.Hour
	}
	if f.conditions == "" {
		f.conditions = `["starts-with","$key",""]`
	}
	if !f.noPolicy && c.tg.AccessKey != "" {
		s := c.signer()
		s.Time = time.Now()
		signed := `{"bucket":"` + bucket + `"},`
		for _, name := range []string{"x-amz-algorithm", "x-amz-credential", "x-amz-date"} {
			if v := s.Form("")[name]; !f.v2 {
				signed += fmt.Sprintf(`{"%s":"%s"},`, name, v)
			}
		}
		doc := fmt.Sprintf(`{"expiration":"%s","conditions":[%s%s]}`, time.Now().Add(f.expires).UTC().Format("2006-01-02T15:04:05.000Z"), signed, f.conditions)
		policy := base64.StdEncoding.EncodeToString([]byte(doc))
		if f.v2 {
			maps.Copy(fields, s.FormV2(policy))
		} else {
			maps.Copy(fields, s.Form(policy))
		}
	}
	if f.change != nil {
		f.change(fields)
	}
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		_ = w.WriteField(name, fields[name])
	}
	if !f.noFile {
		name := f.filename
		if name == "" {
			name = "file.txt"
		}
		part, _ := w.CreateFormFile("file", name)
		_, _ = part.Write([]byte(f.file))
	}
	_ = w.Close()
	return c.anonymous().do("POST", "/"+bucket, body.String(), "Content-Type", w.FormDataContentType())
}

// postChapter: PostObject, "Browser-Based Uploads Using POST".
func postChapter(b *book) {
	b.op("POST/PostObject")
	b.add("signed with version 4", func(c *Client) {
		name := c.bucket()
		a := c.post(name, form{file: "hello"})
		c.same("status "+a.Body, a.Status, 204)
		c.header(a, "Etag", quotedMD5("hello"))
		c.same("body", c.ok("GET", "/"+name+"/k", "").Body, "hello")
	})
	b.add("signed with version 2", func(c *Client) {
		name := c.bucket()
		c.same("status", c.post(name, form{file: "hello", v2: true}).Status, 204)
		c.same("body", c.ok("GET", "/"+name+"/k", "").Body, "hello")
	})
	for status, want := range map[string]int{"200": 200, "201": 201, "204": 204, "404": 204, "": 204} {
		b.add("success_action_status "+status, func(c *Client) {
			name := c.bucket()
			f := form{file: "hello", fields: map[string]string{"success_action_status": status}, conditions: `["starts-with","$key",""],["starts-with","$success_action_status",""]`}
			a := c.post(name, f)
			c.same("status "+a.Body, a.Status, want)
			if want == 201 {
				c.has(a, "<PostResponse>", "<Bucket>"+name+"</Bucket>", "<Key>k</Key>", "<ETag>")
				c.same("location", strings.Contains(a.Header.Get("Location"), name), true)
			}
		})
	}
	b.add("success_action_redirect", func(c *Client) {
		name := c.bucket()
		a := c.post(name, form{file: "hello", fields: map[string]string{"success_action_redirect": "http://example.com/done"}, conditions: `["starts-with","$key",""],["eq","$success_action_redirect","http://example.com/done"]`})
		c.same("status", a.Status, 303)
		location := a.Header.Get("Location")
		c.same("location", strings.HasPrefix(location, "http://example.com/done?bucket="+name+"&key=k&etag="), true)
	})
	b.add("${filename}", func(c *Client) {
		name := c.bucket()
		c.same("status", c.post(name, form{file: "x", filename: "photo.jpg", fields: map[string]string{"key": "up/${filename}"}}).Status, 204)
		c.same("keys", c.list(name, "").keys(), "up/photo.jpg")
	})
	b.add("metadata, type, ACL and tags", func(c *Client) {
		name := c.bucket()
		f := form{file: "x", fields: map[string]string{"x-amz-meta-a": "1", "Content-Type": "text/plain", "acl": "public-read", "tagging": tagsDoc("t", "1")},
			conditions: `["starts-with","$key",""],["starts-with","$x-amz-meta-a",""],["starts-with","$Content-Type","text/"],{"acl":"public-read"},["starts-with","$tagging",""]`}
		a := c.post(name, f)
		c.same("status "+a.Body, a.Status, 204)
		h := c.ok("HEAD", "/"+name+"/k", "")
		c.header(h, "X-Amz-Meta-A", "1")
		c.header(h, "Content-Type", "text/plain")
		c.header(h, "X-Amz-Tagging-Count", "1")
		c.has(c.ok("GET", "/"+name+"/k?acl", ""), allUsers)
	})
	b.add("empty file", func(c *Client) { c.same("status", c.post(c.bucket(), form{}).Status, 204) })
	b.add("large file", func(c *Client) {
		name, body := c.bucket(), filled(6<<20, 'f')
		c.same("status", c.post(name, form{file: body}).Status, 204)
		c.same("same bytes", c.ok("GET", "/"+name+"/k", "").Body == body, true)
	})
	b.add("fields nobody asked for begin with x-ignore-", func(c *Client) {
		c.same("status", c.post(c.bucket(), form{file: "x", fields: map[string]string{"x-ignore-me": "1"}}).Status, 204)
	})
	b.secure("a public bucket takes forms without policy", func(c *Client) {
		name := c.bucket()
		c.ok("PUT", "/"+name+"?acl", "", "X-Amz-Acl", "public-read-write")
		c.same("status", c.post(name, form{file: "x", noPolicy: true}).Status, 204)
	})
	b.secure("a private one does not", func(c *Client) {
		c.refused(c.post(c.bucket(), form{file: "x", noPolicy: true}), 403, "AccessDenied")
	})
	postConditions(b)
	postRefused(b)
}

func postConditions(b *book) {
	key := `["starts-with","$key",""]`
	for _, tc := range []struct {
		name, conditions string
		fields           map[string]string
		file             string
		status           int
		code             string
	}{
		{"key equals", `{"key":"k"}`, nil, "x", 204, ""}, {"key does not equal", `{"key":"other"}`, nil, "x", 403, "AccessDenied"},
		{"eq", `["eq","$key","k"]`, nil, "x", 204, ""}, {"not eq", `["eq","$key","other"]`, nil, "x", 403, "AccessDenied"},
		{"starts-with", `["starts-with","$key","up/"]`, map[string]string{"key": "up/k"}, "x", 204, ""}, {"does not start with", `["starts-with","$key","up/"]`, nil, "x", 403, "AccessDenied"},
		{"condition in capitals", `["EQ","$KEY","k"]`, nil, "x", 204, ""},
		{"no condition on key", `["starts-with","$acl",""]`, map[string]string{"acl": "private"}, "x", 403, "AccessDenied"},
		{"field without condition", key, map[string]string{"acl": "private"}, "x", 403, "AccessDenied"},
		{"metadata without condition", key, map[string]string{"x-amz-meta-a": "1"}, "x", 403, "AccessDenied"},
		{"condition without field", key + `,{"acl":"private"}`, nil, "x", 403, "AccessDenied"},
		{"size in range", key + `,["content-length-range",1,10]`, nil, "hello", 204, ""}, {"size at the limit", key + `,["content-length-range",5,5]`, nil, "hello", 204, ""},
		{"too large", key + `,["content-length-range",0,4]`, nil, "hello", 400, "EntityTooLarge"}, {"too small", key + `,["content-length-range",6,10]`, nil, "hello", 400, "EntityTooSmall"},
		{"range upside down", key + `,["content-length-range",10,1]`, nil, "hello", 400, ""}, {"range of words", key + `,["content-length-range","a","b"]`, nil, "hello", 400, ""},
		{"unknown operator", key + `,["matches","$acl","x"]`, nil, "x", 400, "InvalidPolicyDocument"}, {"condition of two", key + `,["eq","$acl"]`, nil, "x", 400, "InvalidPolicyDocument"},
	} {
		b.op("POST/Conditions")
		b.add(tc.name, func(c *Client) {
			name := c.bucket()
			a := c.post(name, form{file: tc.file, fields: tc.fields, conditions: tc.conditions})
			if a.Status != tc.status || tc.code != "" && a.Code() != tc.code {
				c.t.Fatalf("%d %s, want %d %s\n%s", a.Status, a.Code(), tc.status, tc.code, a.Body)
			}
			if tc.status != 204 {
				c.same("keys", c.list(name, "").keys(), "")
			}
		})
	}
}

func postRefused(b *book) {
	b.op("POST/Refused")
	for _, tc := range []struct {
		name   string
		f      form
		status int
		code   string
	}{
		{"expired", form{expires: -time.Minute}, 403, "AccessDenied"},
		{"no file", form{noFile: true}, 400, ""},
		{"no key", form{change: func(m map[string]string) { delete(m, "key") }}, 400, ""},
		{"policy that is no base64", form{change: func(m map[string]string) { m["policy"] = "%%%" }}, 0, ""},
		{"policy without signature", form{change: func(m map[string]string) {
			for _, name := range []string{"x-amz-signature", "x-amz-algorithm", "x-amz-credential", "x-amz-date"} {
				delete(m, name)
			}
		}}, 0, ""},
	} {
		b.add(tc.name, func(c *Client) {
			name := c.bucket()
			a := c.post(name, tc.f)
			if a.Status/100 != 4 || tc.status != 0 && a.Status != tc.status || tc.code != "" && a.Code() != tc.code {
				c.t.Fatalf("%d %s", a.Status, a.Body)
			}
			c.same("keys", c.list(name, "").keys(), "")
		})
	}
	b.secure("wrong signature", func(c *Client) {
		a := c.post(c.bucket(), form{file: "x", change: func(m map[string]string) { m["x-amz-signature"] = strings.Repeat("0", 64) }})
		c.refused(a, 403, "SignatureDoesNotMatch")
	})
	b.secure("wrong signature of version 2", func(c *Client) {
		a := c.post(c.bucket(), form{file: "x", v2: true, change: func(m map[string]string) { m["signature"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAA=" }})
		c.refused(a, 403, "SignatureDoesNotMatch")
	})
	b.secure("unknown access key", func(c *Client) {
		a := c.post(c.bucket(), form{file: "x", v2: true, change: func(m map[string]string) { m["AWSAccessKeyId"] = "nobody-at-all" }})
		c.refused(a, 403, "InvalidAccessKeyId")
	})
	b.secure("another's bucket", func(c *Client) { c.refused(c.other().post(c.bucket(), form{file: "x"}), 403, "AccessDenied") })
	b.add("not multipart", func(c *Client) {
		req := c.request("POST", "/"+c.bucket(), "key=k", "Content-Type", "application/x-www-form-urlencoded")
		a := c.send(req)
		c.same("refused", a.Status == http.StatusPreconditionFailed || a.Status/100 == 4, true)
	})
	b.add("no bucket", func(c *Client) { c.refused(c.post(gone[1:], form{file: "x"}), 404, "NoSuchBucket") })
}
