package s3gtest

import (
	"encoding/json"
	"fmt"
	"strings"
)

// policyChapter: bucket policies, their status, public access block, ownership.
func policyChapter(b *book) {
	policyDocuments(b)
	policyDecisions(b)
	policyConditions(b)
	policyStatus(b)
	publicAccessBlock(b)
	ownership(b)
}

// statement is a policy of one statement; empty fields are left out. B in resources
// is the bucket.
type statement struct {
	effect, principal, action, resource, condition string
}

func (s statement) of(bucket string) string {
	if s.effect == "" {
		s.effect = "Allow"
	}
	if s.principal == "" {
		s.principal = `"*"`
	}
	if s.resource == "" {
		s.resource = `["arn:aws:s3:::B","arn:aws:s3:::B/*"]`
	}
	doc := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"s1","Effect":"%s","Principal":%s,"Action":%s,"Resource":%s`, s.effect, s.principal, s.action, s.resource)
	if s.condition != "" {
		doc += `,"Condition":` + s.condition
	}
	return strings.ReplaceAll(doc, ":::B", ":::"+bucket) + "}]}"
}

func policyDocuments(b *book) {
	b.op("Policy/Document")
	good := statement{action: `"s3:GetObject"`}
	b.add("none", func(c *Client) { c.fails(404, "NoSuchBucketPolicy", "GET", "/"+c.bucket()+"?policy", "") })
	b.add("put, get, delete", func(c *Client) {
		name := c.bucket()
		doc := good.of(name)
		c.status(204, "PUT", "/"+name+"?policy", doc)
		a := c.ok("GET", "/"+name+"?policy", "")
		c.same("same policy", sameJSON(a.Body, doc), true)
		c.header(a, "Content-Type", "application/json")
		c.status(204, "DELETE", "/"+name+"?policy", "")
		c.fails(404, "NoSuchBucketPolicy", "GET", "/"+name+"?policy", "")
		c.status(204, "DELETE", "/"+name+"?policy", "")
	})
	b.add("replaces", func(c *Client) {
		name := c.bucket()
		c.ok("PUT", "/"+name+"?policy", good.of(name))
		next := statement{action: `"s3:PutObject"`}.of(name)
		c.ok("PUT", "/"+name+"?policy", next)
		c.same("same policy", sameJSON(c.ok("GET", "/"+name+"?policy", "").Body, next), true)
	})
	b.add("no bucket", func(c *Client) {
		c.fails(404, "NoSuchBucket", "PUT", gone+"?policy", good.of("no-such-bucket-at-all"))
		c.fails(404, "NoSuchBucket", "GET", gone+"?policy", "")
	})
	for _, tc := range []struct{ name, doc string }{
		{"no JSON", "policy"}, {"empty", ""}, {"no statement", `{"Version":"2012-10-17"}`}, {"empty statements", `{"Version":"2012-10-17","Statement":[]}`},
		{"unknown version", strings.Replace(good.of("B"), "2012-10-17", "2020-01-01", 1)}, {"effect", statement{effect: "Perhaps", action: `"s3:GetObject"`}.of("B")},
		{"no principal", strings.Replace(good.of("B"), `"Principal":"*",`, "", 1)}, {"no action", strings.Replace(good.of("B"), `"Action":"s3:GetObject",`, "", 1)},
		{"unknown action", statement{action: `"s3:FetchObject"`}.of("B")}, {"action of another service", statement{action: `"ec2:RunInstances"`}.of("B")},
		{"another bucket's resource", statement{action: `"s3:GetObject"`, resource: `"arn:aws:s3:::other-bucket/*"`}.of("B")},
		{"resource that is no ARN", statement{action: `"s3:GetObject"`, resource: `"B/*"`}.of("B")}, {"unknown element", strings.Replace(good.of("B"), `"Sid"`, `"Said"`, 1)},
		{"unknown operator", statement{action: `"s3:GetObject"`, condition: `{"StringAlmost":{"aws:Referer":"x"}}`}.of("B")},
		{"unknown condition key", statement{action: `"s3:GetObject"`, condition: `{"StringEquals":{"s3:nothing":"x"}}`}.of("B")},
		{"object action on the bucket alone", statement{action: `"s3:GetObject"`, resource: `"arn:aws:s3:::B"`}.of("B")},
		{"bucket action on objects alone", statement{action: `"s3:ListBucket"`, resource: `"arn:aws:s3:::B/*"`}.of("B")},
		{"bad address", statement{action: `"s3:GetObject"`, condition: `{"IpAddress":{"aws:SourceIp":"here"}}`}.of("B")},
		{"trailing text", good.of("B") + "x"}, {"larger than 20 KB", strings.Replace(good.of("B"), "s1", filled(21<<10, 's'), 1)},
	} {
		b.add("refuses "+tc.name, func(c *Client) {
			name := c.bucket()
			c.fails(400, "MalformedPolicy", "PUT", "/"+name+"?policy", strings.ReplaceAll(tc.doc, ":::B", ":::"+name))
			c.fails(404, "NoSuchBucketPolicy", "GET", "/"+name+"?policy", "")
		})
	}
	b.secure("another's", func(c *Client) {
		name := c.bucket()
		c.other().fails(403, "AccessDenied", "PUT", "/"+name+"?policy", good.of(name))
		c.other().fails(403, "AccessDenied", "GET", "/"+name+"?policy", "")
		c.other().fails(403, "AccessDenied", "DELETE", "/"+name+"?policy", "")
	})
}

func sameJSON(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	xs, _ := json.Marshal(x)
	ys, _ := json.Marshal(y)
	return string(xs) == string(ys)
}

// withPolicy makes a bucket with a policy, with the objects key, public/a and private/a.
func (c *Client) withPolicy(s statement) (bucket string) {
	c.t.Helper()
	bucket = c.filledBucket("key", "public/a", "private/a")
	c.ok("PUT", "/"+bucket+"?policy", s.of(bucket))
	return bucket
}

// ask is a request and what the other user and anybody get; "" stands for nothing
// behind the bucket.
type ask struct {
	method, at, body string
	header           []string
	other, anonymous int
}

func policyDecisions(b *book) {
	other := `{"AWS":["arn:aws:iam:::user/OTHER"]}`
	for _, tc := range []struct {
		name string
		s    statement
		asks []ask
	}{
		{"GetObject for all", statement{action: `"s3:GetObject"`}, []ask{{"GET", "/key", "", nil, 200, 200}, {"HEAD", "/key", "", nil, 200, 200}, {"PUT", "/key", "x", nil, 403, 403}, {"GET", "", "", nil, 403, 403}, {"DELETE", "/key", "", nil, 403, 403}}},
		{"ListBucket for all", statement{action: `"s3:ListBucket"`}, []ask{{"GET", "", "", nil, 200, 200}, {"GET", "?list-type=2", "", nil, 200, 200}, {"HEAD", "", "", nil, 200, 200}, {"GET", "/key", "", nil, 403, 403}, {"GET", "/absent", "", nil, 404, 404}}},
		{"GetObject and ListBucket tell what is missing", statement{action: `["s3:GetObject","s3:ListBucket"]`}, []ask{{"GET", "/absent", "", nil, 404, 404}, {"GET", "/key", "", nil, 200, 200}}},
		{"GetObject without ListBucket does not", statement{action: `"s3:GetObject"`}, []ask{{"GET", "/absent", "", nil, 403, 403}}},
		{"PutObject for all", statement{action: `"s3:PutObject"`}, []ask{{"PUT", "/new", "x", nil, 200, 200}, {"POST", "/new?uploads", "", nil, 200, 200}, {"GET", "/key", "", nil, 403, 403}}},
		{"DeleteObject for all", statement{action: `"s3:DeleteObject"`}, []ask{{"DELETE", "/absent", "", nil, 204, 204}, {"PUT", "/key", "x", nil, 403, 403}}},
		{"prefix of keys", statement{action: `"s3:GetObject"`, resource: `"arn:aws:s3:::B/public/*"`}, []ask{{"GET", "/public/a", "", nil, 200, 200}, {"GET", "/private/a", "", nil, 403, 403}, {"GET", "/key", "", nil, 403, 403}}},
		{"question marks", statement{action: `"s3:GetObject"`, resource: `"arn:aws:s3:::B/ke?"`}, []ask{{"GET", "/key", "", nil, 200, 200}, {"GET", "/public/a", "", nil, 403, 403}}},
		{"all actions", statement{action: `"s3:*"`}, []ask{{"GET", "/key", "", nil, 200, 200}, {"PUT", "/key", "x", nil, 200, 200}, {"GET", "", "", nil, 200, 200}, {"GET", "?versioning", "", nil, 200, 200}}},
		{"actions of a pattern", statement{action: `"s3:Get*"`}, []ask{{"GET", "/key", "", nil, 200, 200}, {"GET", "/key?tagging", "", nil, 200, 200}, {"PUT", "/key", "x", nil, 403, 403}}},
		{"actions in any case", statement{action: `"S3:getobject"`}, []ask{{"GET", "/key", "", nil, 200, 200}}},
		{"one user", statement{action: `"s3:GetObject"`, principal: other}, []ask{{"GET", "/key", "", nil, 200, 403}}},
		{"principal AWS star", statement{action: `"s3:GetObject"`, principal: `{"AWS":"*"}`}, []ask{{"GET", "/key", "", nil, 200, 200}}},
		{"one user, canonical", statement{action: `"s3:GetObject"`, principal: `{"CanonicalUser":"OTHERID"}`}, []ask{{"GET", "/key", "", nil, 200, 403}}},
		{"tagging", statement{action: `["s3:GetObjectTagging","s3:PutObjectTagging"]`}, []ask{{"GET", "/key?tagging", "", nil, 200, 200}, {"PUT", "/key?tagging", tagsDoc("a", "1"), nil, 200, 200}, {"GET", "/key", "", nil, 403, 403}, {"DELETE", "/key?tagging", "", nil, 403, 403}}},
		{"acl", statement{action: `"s3:GetObjectAcl"`}, []ask{{"GET", "/key?acl", "", nil, 200, 200}, {"GET", "?acl", "", nil, 403, 403}}},
		{"configuration", statement{action: `["s3:GetBucketVersioning","s3:GetBucketLocation"]`}, []ask{{"GET", "?versioning", "", nil, 200, 200}, {"GET", "?location", "", nil, 200, 200}, {"GET", "?policy", "", nil, 403, 403}}},
		{"deny wins over nothing", statement{effect: "Deny", action: `"s3:GetObject"`}, []ask{{"GET", "/key", "", nil, 403, 403}}},
	} {
		b.op("Policy/Decision")
		b.secure(tc.name, func(c *Client) {
			s := tc.s
			s.principal = strings.NewReplacer("OTHERID", c.other().me().ID, "OTHER", c.tg.Other.AccessKey).Replace(s.principal)
			bucket := c.withPolicy(s)
			for _, a := range tc.asks {
				c.same("other "+a.method+" "+a.at, c.other().do(a.method, "/"+bucket+a.at, a.body, a.header...).Status, a.other)
				c.same("anybody "+a.method+" "+a.at, c.anonymous().do(a.method, "/"+bucket+a.at, a.body, a.header...).Status, a.anonymous)
			}
		})
	}
	b.secure("a denial holds for the owner", func(c *Client) {
		bucket := c.withPolicy(statement{effect: "Deny", action: `"s3:GetObject"`})
		c.fails(403, "AccessDenied", "GET", "/"+bucket+"/key", "")
		c.ok("GET", "/"+bucket, "")
	})
	b.secure("but never keeps the owner from the policy", func(c *Client) {
		bucket := c.withPolicy(statement{effect: "Deny", action: `"s3:*"`})
		c.fails(403, "AccessDenied", "GET", "/"+bucket+"/key", "")
		c.status(204, "DELETE", "/"+bucket+"?policy", "")
		c.ok("GET", "/"+bucket+"/key", "")
	})
	b.secure("deny wins over allow", func(c *Client) {
		bucket := c.filledBucket("key", "private/a")
		doc := strings.ReplaceAll(`{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::B/*"},
			{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::B/private/*"}]}`, ":::B", ":::"+bucket)
		c.ok("PUT", "/"+bucket+"?policy", doc)
		c.other().ok("GET", "/"+bucket+"/key", "")
		c.other().fails(403, "AccessDenied", "GET", "/"+bucket+"/private/a", "")
	})
	b.secure("deny wins over an ACL", func(c *Client) {
		path := c.object("x", "X-Amz-Acl", "public-read")
		bucket := strings.TrimSuffix(path, "/key")[1:]
		c.same("before", c.anonymous().do("GET", path, "").Status, 200)
		c.ok("PUT", "/"+bucket+"?policy", statement{effect: "Deny", action: `"s3:GetObject"`}.of(bucket))
		c.same("after", c.anonymous().do("GET", path, "").Status, 403)
	})
	for _, tc := range []struct {
		name, element, value string
		get, put             int
	}{{"NotAction", `"NotAction"`, `"s3:PutObject"`, 200, 403}, {"NotAction of all", `"NotAction"`, `"s3:*"`, 403, 403}} {
		b.secure(tc.name, func(c *Client) {
			bucket := c.filledBucket("key")
			doc := strings.Replace(statement{action: tc.value}.of(bucket), `"Action"`, tc.element, 1)
			c.ok("PUT", "/"+bucket+"?policy", doc)
			c.same("GET", c.other().do("GET", "/"+bucket+"/key", "").Status, tc.get)
			c.same("PUT", c.other().do("PUT", "/"+bucket+"/new", "x").Status, tc.put)
		})
	}
	b.secure("NotResource", func(c *Client) {
		bucket := c.filledBucket("key", "private/a")
		doc := strings.Replace(statement{action: `"s3:GetObject"`, resource: `"arn:aws:s3:::B/private/*"`}.of(bucket), `"Resource"`, `"NotResource"`, 1)
		c.ok("PUT", "/"+bucket+"?policy", doc)
		c.other().ok("GET", "/"+bucket+"/key", "")
		c.other().fails(403, "AccessDenied", "GET", "/"+bucket+"/private/a", "")
	})
	b.secure("copies need both rights", func(c *Client) {
		bucket := c.withPolicy(statement{action: `"s3:PutObject"`})
		c.other().fails(403, "AccessDenied", "PUT", "/"+bucket+"/copy", "", copySource, bucket+"/key")
		c.ok("PUT", "/"+bucket+"?policy", statement{action: `["s3:PutObject","s3:GetObject"]`}.of(bucket))
		c.other().ok("PUT", "/"+bucket+"/copy", "", copySource, bucket+"/key")
	})
	b.secure("multi-delete is decided for each key", func(c *Client) {
		bucket := c.withPolicy(statement{action: `"s3:DeleteObject"`, resource: `"arn:aws:s3:::B/public/*"`})
		doc := deleteDoc(false, "public/a", "private/a")
		var r deleteResult
		c.other().ok("POST", "/"+bucket+"?delete", doc, "Content-Md5", contentMD5(doc)).decode(c.t, &r)
		c.same("deleted", len(r.Deleted), 1)
		c.same("refused", r.Error[0].Key+" "+r.Error[0].Code, "private/a AccessDenied")
	})
}

// policyConditions: the condition keys that S3 documents for object operations.
func policyConditions(b *book) {
	type asked struct {
		method, at, body string
		header           []string
		status           int
	}
	for _, tc := range []struct {
		name, action, condition string
		asks                    []asked
	}{
		{"s3:prefix", `"s3:ListBucket"`, `{"StringEquals":{"s3:prefix":"public/"}}`, []asked{{"GET", "?prefix=public/", "", nil, 200}, {"GET", "?prefix=private/", "", nil, 403}, {"GET", "", "", nil, 403}}},
		{"s3:prefix like", `"s3:ListBucket"`, `{"StringLike":{"s3:prefix":["public/*",""]}}`, []asked{{"GET", "?prefix=public/x", "", nil, 200}, {"GET", "?prefix=", "", nil, 200}, {"GET", "?prefix=pub", "", nil, 403}}},
		{"s3:delimiter", `"s3:ListBucket"`, `{"StringEquals":{"s3:delimiter":"/"}}`, []asked{{"GET", "?delimiter=/", "", nil, 200}, {"GET", "?delimiter=x", "", nil, 403}}},
		{"s3:max-keys", `"s3:ListBucket"`, `{"NumericLessThanEquals":{"s3:max-keys":"10"}}`, []asked{{"GET", "?max-keys=10", "", nil, 200}, {"GET", "?max-keys=11", "", nil, 403}}},
		{"s3:x-amz-acl", `["s3:PutObject","s3:PutObjectAcl"]`, `{"StringEquals":{"s3:x-amz-acl":"bucket-owner-full-control"}}`, []asked{{"PUT", "/new", "x", []string{"X-Amz-Acl", "bucket-owner-full-control"}, 200}, {"PUT", "/new", "x", nil, 403}, {"PUT", "/new", "x", []string{"X-Amz-Acl", "public-read"}, 403}}},
		{"s3:x-amz-storage-class", `"s3:PutObject"`, `{"StringEquals":{"s3:x-amz-storage-class":"STANDARD_IA"}}`, []asked{{"PUT", "/new", "x", []string{"X-Amz-Storage-Class", "STANDARD_IA"}, 200}, {"PUT", "/new", "x", nil, 403}}},
		{"s3:x-amz-metadata-directive", `["s3:PutObject","s3:GetObject"]`, `{"StringEqualsIfExists":{"s3:x-amz-metadata-directive":"COPY"}}`, []asked{{"PUT", "/copy", "", []string{copySource, "SELF/key", "X-Amz-Metadata-Directive", "COPY"}, 200}, {"PUT", "/copy", "", []string{copySource, "SELF/key", "X-Amz-Metadata-Directive", "REPLACE"}, 403}}},
		{"s3:x-amz-copy-source", `["s3:PutObject","s3:GetObject"]`, `{"StringLikeIfExists":{"s3:x-amz-copy-source":"*/public/*"}}`, []asked{{"PUT", "/copy", "", []string{copySource, "SELF/public/a"}, 200}, {"PUT", "/copy", "", []string{copySource, "SELF/private/a"}, 403}}},
		{"s3:RequestObjectTag", `["s3:PutObject","s3:PutObjectTagging"]`, `{"StringEquals":{"s3:RequestObjectTag/security":"public"}}`, []asked{{"PUT", "/new", "x", []string{"X-Amz-Tagging", "security=public"}, 200}, {"PUT", "/new", "x", nil, 403}, {"PUT", "/new", "x", []string{"X-Amz-Tagging", "security=secret"}, 403}}},
		{"s3:ExistingObjectTag", `["s3:GetObject","s3:GetObjectTagging"]`, `{"StringEquals":{"s3:ExistingObjectTag/security":"public"}}`, []asked{{"GET", "/tagged", "", nil, 200}, {"GET", "/key", "", nil, 403}, {"GET", "/tagged?tagging", "", nil, 200}, {"GET", "/key?tagging", "", nil, 403}}},
		{"s3:VersionId", `["s3:GetObject","s3:GetObjectVersion"]`, `{"StringEquals":{"s3:VersionId":"null"}}`, []asked{{"GET", "/key?versionId=null", "", nil, 200}, {"GET", "/key", "", nil, 403}}},
		{"aws:SourceIp", `"s3:GetObject"`, `{"IpAddress":{"aws:SourceIp":["127.0.0.0/8","::1/128","10.0.0.0/8","172.16.0.0/12","192.168.0.0/16"]}}`, []asked{{"GET", "/key", "", nil, 200}}},
		{"another aws:SourceIp", `"s3:GetObject"`, `{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`, []asked{{"GET", "/key", "", nil, 403}}},
		{"aws:Referer", `"s3:GetObject"`, `{"StringLike":{"aws:Referer":"https://example.com/*"}}`, []asked{{"GET", "/key", "", []string{"Referer", "https://example.com/page"}, 200}, {"GET", "/key", "", nil, 403}}},
		{"aws:UserAgent", `"s3:GetObject"`, `{"StringLike":{"aws:UserAgent":"curl*"}}`, []asked{{"GET", "/key", "", []string{"User-Agent", "curl/8"}, 200}, {"GET", "/key", "", []string{"User-Agent", "wget"}, 403}}},
		{"aws:SecureTransport false", `"s3:GetObject"`, `{"Bool":{"aws:SecureTransport":"false"}}`, nil},
		{"aws:CurrentTime", `"s3:GetObject"`, `{"DateGreaterThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}}`, []asked{{"GET", "/key", "", nil, 200}}},
		{"aws:CurrentTime past", `"s3:GetObject"`, `{"DateLessThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}}`, []asked{{"GET", "/key", "", nil, 403}}},
		{"Null", `"s3:PutObject"`, `{"Null":{"s3:x-amz-acl":"true"}}`, []asked{{"PUT", "/new", "x", nil, 200}}},
		{"aws:username", `"s3:GetObject"`, `{"StringEquals":{"aws:username":"OTHER"}}`, []asked{{"GET", "/key", "", nil, 200}}},
	} {
		b.op("Policy/Condition")
		b.secure(tc.name, func(c *Client) {
			bucket := c.filledBucket("key", "public/a", "private/a")
			c.ok("PUT", "/"+bucket+"/tagged", "x", "X-Amz-Tagging", "security=public")
			c.ok("PUT", "/"+bucket+"?policy", statement{action: tc.action, condition: strings.ReplaceAll(tc.condition, "OTHER", c.tg.Other.AccessKey)}.of(bucket))
			for _, a := range tc.asks {
				header := append([]string(nil), a.header...)
				for i := range header {
					header[i] = strings.ReplaceAll(header[i], "SELF", bucket)
				}
				c.same(fmt.Sprint(a.method, a.at, header), c.other().do(a.method, "/"+bucket+a.at, a.body, header...).Status, a.status)
			}
		})
	}
}

func policyStatus(b *book) {
	b.op("Policy/GetBucketPolicyStatus")
	b.add("no policy", func(c *Client) {
		c.has(c.ok("GET", "/"+c.bucket()+"?policyStatus", ""), "<IsPublic>false</IsPublic>")
	}).differs("AWS answers 404 NoSuchBucketPolicy; ours tells whether the bucket is public, by its ACL too, as other stores do")
	b.add("no policy, public ACL", func(c *Client) {
		path := "/" + c.bucket()
		c.ok("PUT", path+"?acl", "", "X-Amz-Acl", "public-read")
		c.has(c.ok("GET", path+"?policyStatus", ""), "<IsPublic>true</IsPublic>")
	}).differs("AWS answers 404 NoSuchBucketPolicy without a policy")
	for _, tc := range []struct {
		name   string
		s      statement
		public bool
	}{
		{"for all", statement{action: `"s3:GetObject"`}, true},
		{"for one", statement{action: `"s3:GetObject"`, principal: `{"AWS":"arn:aws:iam:::user/OTHER"}`}, false},
		{"for all from an address", statement{action: `"s3:GetObject"`, condition: `{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`}, false},
		{"for all with a condition that anybody meets", statement{action: `"s3:GetObject"`, condition: `{"StringLike":{"aws:Referer":"https://example.com/*"}}`}, true},
		{"a denial", statement{effect: "Deny", action: `"s3:GetObject"`}, false},
	} {
		b.add(tc.name, func(c *Client) {
			name := c.bucket()
			tc.s.principal = strings.ReplaceAll(tc.s.principal, "OTHER", c.tg.Other.AccessKey)
			c.ok("PUT", "/"+name+"?policy", tc.s.of(name))
			want := strings.ToUpper(fmt.Sprint(tc.public))
			c.has(Answer{Body: strings.ToUpper(c.ok("GET", "/"+name+"?policyStatus", "").Body)}, "<ISPUBLIC>"+want+"</ISPUBLIC>")
		})
	}
}

// blockDoc is a PublicAccessBlockConfiguration of the settings that are on.
func blockDoc(on ...string) string {
	s := `<PublicAccessBlockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`
	for _, name := range []string{"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"} {
		s += fmt.Sprintf("<%s>%t</%s>", name, strings.Contains(strings.Join(on, " "), name), name)
	}
	return s + "</PublicAccessBlockConfiguration>"
}

func publicAccessBlock(b *book) {
	b.op("PublicAccessBlock/Document")
	b.add("none", func(c *Client) {
		c.fails(404, "NoSuchPublicAccessBlockConfiguration", "GET", "/"+c.bucket()+"?publicAccessBlock", "")
	})
	b.add("put, get, delete", func(c *Client) {
		at := "/" + c.bucket() + "?publicAccessBlock"
		c.status(200, "PUT", at, blockDoc("BlockPublicAcls", "RestrictPublicBuckets"))
		c.has(c.ok("GET", at, ""), "<BlockPublicAcls>true</BlockPublicAcls>", "<IgnorePublicAcls>false</IgnorePublicAcls>", "<BlockPublicPolicy>false</BlockPublicPolicy>", "<RestrictPublicBuckets>true</RestrictPublicBuckets>")
		c.status(204, "DELETE", at, "")
		c.fails(404, "NoSuchPublicAccessBlockConfiguration", "GET", at, "")
	})
	b.add("no XML", func(c *Client) { c.fails(400, "MalformedXML", "PUT", "/"+c.bucket()+"?publicAccessBlock", "block") })
	b.secure("another's", func(c *Client) {
		c.other().fails(403, "AccessDenied", "PUT", "/"+c.bucket()+"?publicAccessBlock", blockDoc())
	})
	b.op("PublicAccessBlock/Enforced")
	b.secure("BlockPublicAcls", func(c *Client) {
		path := c.object("x")
		bucket := strings.TrimSuffix(path, "/key")
		c.ok("PUT", bucket+"?publicAccessBlock", blockDoc("BlockPublicAcls"))
		c.fails(403, "AccessDenied", "PUT", bucket+"?acl", "", "X-Amz-Acl", "public-read")
		c.fails(403, "AccessDenied", "PUT", path+"?acl", "", "X-Amz-Acl", "public-read")
		c.fails(403, "AccessDenied", "PUT", path+"2", "x", "X-Amz-Acl", "public-read")
		c.fails(403, "AccessDenied", "PUT", path+"?acl", c.aclDoc(allUsers, "READ"))
		c.ok("PUT", path+"?acl", "", "X-Amz-Acl", "private")
	})
	b.secure("IgnorePublicAcls", func(c *Client) {
		path := c.object("x", "X-Amz-Acl", "public-read")
		c.same("before", c.anonymous().do("GET", path, "").Status, 200)
		c.ok("PUT", strings.TrimSuffix(path, "/key")+"?publicAccessBlock", blockDoc("IgnorePublicAcls"))
		c.same("after", c.anonymous().do("GET", path, "").Status, 403)
	})
	b.secure("BlockPublicPolicy", func(c *Client) {
		name := c.bucket()
		c.ok("PUT", "/"+name+"?publicAccessBlock", blockDoc("BlockPublicPolicy"))
		c.fails(403, "AccessDenied", "PUT", "/"+name+"?policy", statement{action: `"s3:GetObject"`}.of(name))
		c.ok("PUT", "/"+name+"?policy", statement{effect: "Deny", action: `"s3:GetObject"`}.of(name))
	})
	b.secure("RestrictPublicBuckets", func(c *Client) {
		bucket := c.withPolicy(statement{action: `"s3:GetObject"`})
		c.same("before", c.anonymous().do("GET", "/"+bucket+"/key", "").Status, 200)
		c.ok("PUT", "/"+bucket+"?publicAccessBlock", blockDoc("RestrictPublicBuckets"))
		c.same("after", c.anonymous().do("GET", "/"+bucket+"/key", "").Status, 403)
		c.same("owner", c.do("GET", "/"+bucket+"/key", "").Status, 200)
	})
}

// ownershipDoc is the document of PutBucketOwnershipControls.
func ownershipDoc(setting string) string {
	return `<OwnershipControls xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule><ObjectOwnership>` + setting + `</ObjectOwnership></Rule></OwnershipControls>`
}

func ownership(b *book) {
	b.op("Ownership/Document")
	for _, setting := range []string{"BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"} {
		b.add(setting, func(c *Client) {
			at := "/" + c.bucket() + "?ownershipControls"
			c.status(200, "PUT", at, ownershipDoc(setting))
			c.has(c.ok("GET", at, ""), "<ObjectOwnership>"+setting+"</ObjectOwnership>")
			c.status(204, "DELETE", at, "")
			c.fails(404, "OwnershipControlsNotFoundError", "GET", at, "")
		})
		b.add(setting+" with CreateBucket", func(c *Client) {
			name := newName()
			c.ok("PUT", "/"+name, "", "X-Amz-Object-Ownership", setting)
			c.t.Cleanup(func() { c.drop(name) })
			c.has(c.ok("GET", "/"+name+"?ownershipControls", ""), "<ObjectOwnership>"+setting+"</ObjectOwnership>")
		})
	}
	b.add("unknown", func(c *Client) {
		c.fails(400, "MalformedXML", "PUT", "/"+c.bucket()+"?ownershipControls", ownershipDoc("Mine"))
		c.fails(400, "InvalidArgument", "PUT", "/"+newName(), "", "X-Amz-Object-Ownership", "Mine")
	})
	b.op("Ownership/Enforced")
	b.add("BucketOwnerEnforced refuses ACLs", func(c *Client) {
		path := c.object("x")
		bucket := strings.TrimSuffix(path, "/key")
		c.ok("PUT", bucket+"?ownershipControls", ownershipDoc("BucketOwnerEnforced"))
		c.fails(400, "AccessControlListNotSupported", "PUT", bucket+"?acl", "", "X-Amz-Acl", "public-read")
		c.fails(400, "AccessControlListNotSupported", "PUT", path+"?acl", "", "X-Amz-Acl", "public-read")
		c.fails(400, "AccessControlListNotSupported", "PUT", path, "x", "X-Amz-Acl", "public-read")
		c.ok("PUT", path, "x", "X-Amz-Acl", "bucket-owner-full-control")
		c.same("grants", c.acl(path), "me FULL_CONTROL")
	})
	b.secure("BucketOwnerPreferred", func(c *Client) {
		path := "/" + c.bucket()
		c.ok("PUT", path+"?ownershipControls", ownershipDoc("BucketOwnerPreferred"))
		c.ok("PUT", path+"?acl", c.aclDoc(c.me().ID, "FULL_CONTROL", c.other().me().ID, "WRITE"))
		c.other().ok("PUT", path+"/mine", "x", "X-Amz-Acl", "bucket-owner-full-control")
		c.other().ok("PUT", path+"/theirs", "x")
		c.ok("GET", path+"/mine", "")
		c.same("the writer's", c.do("GET", path+"/theirs", "").Status, 403)
	})
	b.secure("BucketOwnerEnforced owns what others write", func(c *Client) {
		bucket := c.withPolicy(statement{action: `"s3:PutObject"`})
		c.ok("PUT", "/"+bucket+"?ownershipControls", ownershipDoc("BucketOwnerEnforced"))
		c.other().ok("PUT", "/"+bucket+"/k", "theirs")
		c.same("body", c.ok("GET", "/"+bucket+"/k", "").Body, "theirs")
	})
}
