package s3gtest

import (
	"fmt"
	"slices"
	"strings"
)

// The predefined groups of ACLs.
const (
	allUsers  = "http://acs.amazonaws.com/groups/global/AllUsers"
	authUsers = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
	logGroup  = "http://acs.amazonaws.com/groups/s3/LogDelivery"
)

// aclPage is the answer of GetBucketAcl and GetObjectAcl.
type aclPage struct {
	Owner             user
	AccessControlList struct {
		Grant []struct {
			Grantee struct {
				Type                 string `xml:"type,attr"`
				ID, DisplayName, URI string
			}
			Permission string
		}
	}
}

// acl is the ACL of what path names, as "grantee permission" lines in order; the
// owner's id is "me", another's "other", a group the last part of its URI.
func (c *Client) acl(path string) string {
	c.t.Helper()
	var p aclPage
	c.ok("GET", path+"?acl", "").decode(c.t, &p)
	var out []string
	for _, g := range p.AccessControlList.Grant {
		name := g.Grantee.URI[strings.LastIndex(g.Grantee.URI, "/")+1:]
		if g.Grantee.Type == "CanonicalUser" {
			name = map[string]string{c.me().ID: "me", c.other().me().ID: "other"}[g.Grantee.ID]
		}
		out = append(out, name+" "+g.Permission)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// aclDoc is an ACL document of grantee, permission pairs; a grantee is a canonical
// id or a group's URI.
func (c *Client) aclDoc(pairs ...string) string {
	return aclDocOf(c.me().ID, pairs...)
}

func aclDocOf(owner string, pairs ...string) string {
	s := `<AccessControlPolicy xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>` + owner + `</ID></Owner><AccessControlList>`
	for i := 0; i+1 < len(pairs); i += 2 {
		kind, element := "CanonicalUser", "ID"
		switch {
		case strings.HasPrefix(pairs[i], "http"):
			kind, element = "Group", "URI"
		case strings.Contains(pairs[i], "@"):
			kind, element = "AmazonCustomerByEmail", "EmailAddress"
		}
		s += fmt.Sprintf(`<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="%s"><%s>%s</%s></Grantee><Permission>%s</Permission></Grant>`, kind, element, pairs[i], element, pairs[i+1])
	}
	return s + "</AccessControlList></AccessControlPolicy>"
}

// aclChapter: ACLs of buckets and objects, told in both modes, enforced in one.
func aclChapter(b *book) {
	canned := []struct{ name, bucket, object string }{
		{"private", "me FULL_CONTROL", "me FULL_CONTROL"},
		{"public-read", "AllUsers READ, me FULL_CONTROL", "AllUsers READ, me FULL_CONTROL"},
		{"public-read-write", "AllUsers READ, AllUsers WRITE, me FULL_CONTROL", "AllUsers READ, AllUsers WRITE, me FULL_CONTROL"},
		{"authenticated-read", "AuthenticatedUsers READ, me FULL_CONTROL", "AuthenticatedUsers READ, me FULL_CONTROL"},
		{"bucket-owner-read", "me FULL_CONTROL", "me FULL_CONTROL"},
		{"bucket-owner-full-control", "me FULL_CONTROL", "me FULL_CONTROL"},
	}
	for _, tc := range canned {
		b.op("ACL/Bucket")
		b.add("canned "+tc.name, func(c *Client) {
			path := "/" + c.bucket()
			c.status(200, "PUT", path+"?acl", "", "X-Amz-Acl", tc.name)
			c.same("grants", c.acl(path), tc.bucket)
		})
		b.op("ACL/Object")
		b.add("canned "+tc.name, func(c *Client) {
			path := c.object("x")
			c.status(200, "PUT", path+"?acl", "", "X-Amz-Acl", tc.name)
			c.same("grants", c.acl(path), tc.object)
		})
		b.add("canned with PutObject "+tc.name, func(c *Client) {
			c.same("grants", c.acl(c.object("x", "X-Amz-Acl", tc.name)), tc.object)
		})
		b.add("canned with CreateMultipartUpload "+tc.name, func(c *Client) {
			u := c.start("/"+c.bucket()+"/k", "X-Amz-Acl", tc.name)
			c.ok("POST", u.query(""), completeDoc(1, u.part(1, "x")))
			c.same("grants", c.acl(u.path), tc.object)
		})
		b.add("canned with CopyObject "+tc.name, func(c *Client) {
			path := c.object("x", "X-Amz-Acl", "public-read")
			c.ok("PUT", path+"2", "", copySource, path, "X-Amz-Acl", tc.name)
			c.same("grants", c.acl(path+"2"), tc.object)
		})
	}
	aclDefaults(b)
	aclGrants(b)
	aclRefused(b)
	aclEnforced(b)
}

func aclDefaults(b *book) {
	b.op("ACL/Bucket")
	b.add("default", func(c *Client) {
		path := "/" + c.bucket()
		c.same("grants", c.acl(path), "me FULL_CONTROL")
		var p aclPage
		c.ok("GET", path+"?acl", "").decode(c.t, &p)
		c.same("owner", p.Owner, c.me())
	})
	b.add("document", func(c *Client) {
		c.has(c.ok("GET", "/"+c.bucket()+"?acl", ""), "<AccessControlPolicy", `xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"`, `xsi:type="CanonicalUser"`)
	})
	b.add("canned with CreateBucket", func(c *Client) {
		name := newName()
		c.ok("PUT", "/"+name, "", "X-Amz-Acl", "public-read")
		c.t.Cleanup(func() { c.drop(name) })
		c.same("grants", c.acl("/"+name), "AllUsers READ, me FULL_CONTROL")
	})
	b.add("log-delivery-write", func(c *Client) {
		path := "/" + c.bucket()
		c.ok("PUT", path+"?acl", "", "X-Amz-Acl", "log-delivery-write")
		c.same("grants", c.acl(path), "LogDelivery READ_ACP, LogDelivery WRITE, me FULL_CONTROL")
	})
	b.op("ACL/Object")
	b.add("default", func(c *Client) { c.same("grants", c.acl(c.object("x")), "me FULL_CONTROL") })
	b.add("an overwrite resets it", func(c *Client) {
		path := c.object("x", "X-Amz-Acl", "public-read")
		c.ok("PUT", path, "y")
		c.same("grants", c.acl(path), "me FULL_CONTROL")
	})
	b.add("a copy does not take it along", func(c *Client) {
		path := c.object("x", "X-Amz-Acl", "public-read")
		c.ok("PUT", path+"2", "", copySource, path)
		c.same("grants", c.acl(path+"2"), "me FULL_CONTROL")
	})
	b.add("leaves the object", func(c *Client) {
		path := c.object("x", "X-Amz-Meta-A", "1")
		before := c.ok("HEAD", path, "")
		c.ok("PUT", path+"?acl", "", "X-Amz-Acl", "public-read")
		for _, name := range []string{"Etag", "Last-Modified", "X-Amz-Meta-A"} {
			c.header(c.ok("HEAD", path, ""), name, before.Header.Get(name))
		}
	})
	b.add("no key", func(c *Client) {
		path := "/" + c.bucket() + "/k?acl"
		c.fails(404, "NoSuchKey", "GET", path, "")
		c.fails(404, "NoSuchKey", "PUT", path, "", "X-Amz-Acl", "private")
	})
}

// aclGrants: explicit grants, in headers and documents.
func aclGrants(b *book) {
	for _, p := range []struct{ permission, header string }{
		{"FULL_CONTROL", "X-Amz-Grant-Full-Control"}, {"READ", "X-Amz-Grant-Read"}, {"WRITE", "X-Amz-Grant-Write"},
		{"READ_ACP", "X-Amz-Grant-Read-Acp"}, {"WRITE_ACP", "X-Amz-Grant-Write-Acp"},
	} {
		for _, what := range []string{"Bucket", "Object"} {
			target := func(c *Client) string {
				if what == "Bucket" {
					return "/" + c.bucket()
				}
				return c.object("x")
			}
			b.op("ACL/" + what)
			b.add("document grants "+p.permission, func(c *Client) {
				path := target(c)
				c.status(200, "PUT", path+"?acl", c.aclDoc(c.me().ID, "FULL_CONTROL", c.other().me().ID, p.permission))
				c.same("grants", c.acl(path), "me FULL_CONTROL, other "+p.permission)
			})
			b.add("header grants "+p.permission, func(c *Client) {
				path := target(c)
				c.status(200, "PUT", path+"?acl", "", p.header, "id="+c.other().me().ID)
				c.same("grants", c.acl(path), "other "+p.permission)
			})
			b.add("group is granted "+p.permission, func(c *Client) {
				path := target(c)
				c.status(200, "PUT", path+"?acl", c.aclDoc(allUsers, p.permission))
				c.same("grants", c.acl(path), "AllUsers "+p.permission)
			})
		}
	}
	b.op("ACL/Object")
	b.add("headers with PutObject", func(c *Client) {
		path := c.object("x", "X-Amz-Grant-Read", fmt.Sprintf(`id="%s", uri="%s"`, c.other().me().ID, allUsers), "X-Amz-Grant-Full-Control", "id="+c.me().ID)
		c.same("grants", c.acl(path), "AllUsers READ, me FULL_CONTROL, other READ")
	})
	b.add("several in a document", func(c *Client) {
		path := c.object("x")
		c.ok("PUT", path+"?acl", c.aclDoc(c.me().ID, "FULL_CONTROL", authUsers, "READ", c.other().me().ID, "WRITE_ACP"))
		c.same("grants", c.acl(path), "AuthenticatedUsers READ, me FULL_CONTROL, other WRITE_ACP")
	})
	b.add("none at all", func(c *Client) {
		path := c.object("x")
		c.ok("PUT", path+"?acl", c.aclDoc())
		c.same("grants", c.acl(path), "")
	})
}

func aclRefused(b *book) {
	for _, what := range []string{"Bucket", "Object"} {
		b.op("ACL/Refused for " + strings.ToLower(what))
		for _, tc := range []struct {
			name   string
			doc    func(c *Client) string
			status int
			code   string
			header []string
		}{
			{"canned that is none", nil, 400, "InvalidArgument", []string{"X-Amz-Acl", "everybody"}},
			{"canned and grants", nil, 400, "InvalidRequest", []string{"X-Amz-Acl", "private", "X-Amz-Grant-Read", "uri=" + allUsers}},
			{"unknown id in a header", nil, 400, "InvalidArgument", []string{"X-Amz-Grant-Read", "id=nobody"}},
			{"unknown group in a header", nil, 400, "InvalidArgument", []string{"X-Amz-Grant-Read", "uri=http://acs.amazonaws.com/groups/x"}},
			{"header that is no list", nil, 400, "InvalidArgument", []string{"X-Amz-Grant-Read", "everybody"}},
			{"no XML", func(*Client) string { return "acl" }, 400, "MalformedACLError", nil},
			{"another document", func(*Client) string { return "<Tagging/>" }, 400, "MalformedACLError", nil},
			{"unknown permission", func(c *Client) string { return c.aclDoc(c.me().ID, "EVERYTHING") }, 400, "MalformedACLError", nil},
			{"unknown user", func(c *Client) string { return c.aclDoc("nobody", "READ") }, 400, "InvalidArgument", nil},
			{"unknown e-mail", func(c *Client) string { return c.aclDoc("nobody@example.com", "READ") }, 400, "UnresolvableGrantByEmailAddress", nil},
			{"another owner", func(c *Client) string { return aclDocOf(c.other().me().ID, c.me().ID, "FULL_CONTROL") }, 403, "AccessDenied", nil},
			{"wrong expected owner", nil, 403, "AccessDenied", []string{"X-Amz-Acl", "private", ownerHeader, "wrong"}},
			{"nothing said", nil, 400, "MissingSecurityHeader", nil},
		} {
			add := b.add
			if strings.HasPrefix(tc.name, "unknown id") || tc.name == "unknown user" { // an open store knows any name
				add = b.secure
			}
			add(tc.name, func(c *Client) {
				path, doc := "/"+c.bucket(), ""
				if what == "Object" {
					path = c.object("x")
				}
				if tc.doc != nil {
					doc = tc.doc(c)
				}
				c.fails(tc.status, tc.code, "PUT", path+"?acl", doc, tc.header...)
				c.same("grants", c.acl(path), "me FULL_CONTROL")
			})
		}
	}
}

// aclEnforced: what each grant lets another user, or anybody, do (secure).
func aclEnforced(b *book) {
	type try struct {
		method, at, body string // B bucket, K key
	}
	may := map[string][]try{
		"READ":         {{"GET", "B", ""}, {"HEAD", "B", ""}, {"GET", "B?uploads", ""}},
		"WRITE":        {{"PUT", "B/new", "x"}, {"DELETE", "B/gone", ""}, {"POST", "B/new?uploads", ""}},
		"READ_ACP":     {{"GET", "B?acl", ""}},
		"WRITE_ACP":    {{"PUT", "B?acl", "acl"}},
		"FULL_CONTROL": {{"GET", "B", ""}, {"PUT", "B/new", "x"}, {"GET", "B?acl", ""}},
	}
	all := []try{{"GET", "B", ""}, {"PUT", "B/new", "x"}, {"GET", "B?acl", ""}, {"GET", "K", ""}, {"GET", "K?acl", ""}, {"GET", "B?policy", ""}, {"PUT", "B?versioning", versioningDoc("Enabled")}, {"DELETE", "B", ""}}
	send := func(c *Client, as *Client, t try, path string) Answer {
		at := strings.NewReplacer("B", strings.TrimSuffix(path, "/key"), "K", path).Replace(t.at)
		if t.body == "acl" {
			return as.do(t.method, at, "", "X-Amz-Acl", "private")
		}
		return as.do(t.method, at, t.body)
	}
	b.op("ACL/Enforced on buckets")
	for _, permission := range []string{"READ", "WRITE", "READ_ACP", "WRITE_ACP", "FULL_CONTROL"} {
		b.secure(permission+" for a user", func(c *Client) {
			path := c.object("x")
			c.ok("PUT", strings.TrimSuffix(path, "/key")+"?acl", c.aclDoc(c.me().ID, "FULL_CONTROL", c.other().me().ID, permission))
			for _, t := range all {
				if !slices.Contains(may[permission], t) && permission != "FULL_CONTROL" {
					c.same(t.method+" "+t.at, send(c, c.other(), t, path).Status, 403)
				}
			}
			for _, t := range may[permission] {
				c.same(t.method+" "+t.at, send(c, c.other(), t, path).Status/100, 2)
			}
			c.same("the owner's key", c.other().do("GET", path, "").Status, 403)
		})
	}
	for _, tc := range []struct {
		acl              string
		anonymous, other []int // list, put
	}{
		{"private", []int{403, 403}, []int{403, 403}}, {"public-read", []int{200, 403}, []int{200, 403}},
		{"public-read-write", []int{200, 200}, []int{200, 200}}, {"authenticated-read", []int{403, 403}, []int{200, 403}},
	} {
		b.secure("canned "+tc.acl, func(c *Client) {
			path := "/" + c.bucket()
			c.ok("PUT", path+"?acl", "", "X-Amz-Acl", tc.acl)
			for who, want := range map[*Client][]int{c.anonymous(): tc.anonymous, c.other(): tc.other} {
				c.same("list", who.do("GET", path, "").Status, want[0])
				c.same("put", who.do("PUT", path+"/k", "x").Status, want[1])
			}
		})
	}
	b.op("ACL/Enforced on objects")
	for _, tc := range []struct {
		acl                     string
		anonymous, other, write int
	}{
		{"private", 403, 403, 403}, {"public-read", 200, 200, 403}, {"public-read-write", 200, 200, 403}, {"authenticated-read", 403, 200, 403},
	} {
		b.secure("canned "+tc.acl, func(c *Client) {
			path := c.object("x", "X-Amz-Acl", tc.acl)
			for _, method := range []string{"GET", "HEAD"} {
				c.same("anonymous "+method, c.anonymous().do(method, path, "").Status, tc.anonymous)
				c.same("other "+method, c.other().do(method, path, "").Status, tc.other)
			}
			c.same("overwrite", c.other().do("PUT", path, "y").Status, tc.write)
			c.same("delete", c.other().do("DELETE", path, "").Status, 403)
			c.same("acl", c.other().do("GET", path+"?acl", "").Status, 403)
		})
	}
	for permission, can := range map[string]map[string]int{
		"READ": {"GET K": 200, "GET K?acl": 403, "PUT K?acl": 403}, "READ_ACP": {"GET K": 403, "GET K?acl": 200, "PUT K?acl": 403},
		"WRITE_ACP": {"GET K": 403, "GET K?acl": 403, "PUT K?acl": 200}, "FULL_CONTROL": {"GET K": 200, "GET K?acl": 200}, "WRITE": {"GET K": 403, "PUT K": 403, "DELETE K": 403},
	} {
		b.secure(permission+" for a user", func(c *Client) {
			path := c.object("x")
			c.ok("PUT", path+"?acl", c.aclDoc(c.me().ID, "FULL_CONTROL", c.other().me().ID, permission))
			for _, what := range []string{"GET K", "GET K?acl", "PUT K", "DELETE K", "PUT K?acl"} {
				want, ok := can[what]
				if !ok {
					continue
				}
				method, at, _ := strings.Cut(what, " ")
				t := try{method, at, map[bool]string{true: "acl"}[what == "PUT K?acl"]}
				c.same(what, send(c, c.other(), t, path).Status, want)
			}
		})
	}
	b.secure("an object belongs to who wrote it", func(c *Client) {
		path := "/" + c.bucket()
		c.ok("PUT", path+"?acl", c.aclDoc(c.me().ID, "FULL_CONTROL", c.other().me().ID, "WRITE"))
		c.other().ok("PUT", path+"/k", "theirs")
		c.other().ok("GET", path+"/k", "")
		c.same("the bucket's owner may not read it", c.do("GET", path+"/k", "").Status, 403)
		c.status(204, "DELETE", path+"/k", "")
	})
	b.secure("bucket-owner-full-control", func(c *Client) {
		path := "/" + c.bucket()
		c.ok("PUT", path+"?acl", c.aclDoc(c.me().ID, "FULL_CONTROL", c.other().me().ID, "WRITE"))
		c.other().ok("PUT", path+"/k", "theirs", "X-Amz-Acl", "bucket-owner-full-control")
		c.same("body", c.ok("GET", path+"/k", "").Body, "theirs")
	})
	b.secure("bucket-owner-read", func(c *Client) {
		path := "/" + c.bucket()
		c.ok("PUT", path+"?acl", c.aclDoc(c.me().ID, "FULL_CONTROL", c.other().me().ID, "WRITE"))
		c.other().ok("PUT", path+"/k", "theirs", "X-Amz-Acl", "bucket-owner-read")
		c.same("body", c.ok("GET", path+"/k", "").Body, "theirs")
	})
	b.secure("the owner keeps the right to its ACL", func(c *Client) {
		path := c.object("x")
		c.ok("PUT", path+"?acl", c.aclDoc())
		c.ok("GET", path+"?acl", "")
		c.ok("PUT", path+"?acl", "", "X-Amz-Acl", "private")
		c.ok("GET", path, "")
	})
	b.secure("revoked at once", func(c *Client) {
		path := c.object("x", "X-Amz-Acl", "public-read")
		c.same("before", c.anonymous().do("GET", path, "").Status, 200)
		c.ok("PUT", path+"?acl", "", "X-Amz-Acl", "private")
		c.same("after", c.anonymous().do("GET", path, "").Status, 403)
	})
}

// versioningDoc is the document of PutBucketVersioning.
func versioningDoc(status string) string {
	return `<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>` + status + `</Status></VersioningConfiguration>`
}
