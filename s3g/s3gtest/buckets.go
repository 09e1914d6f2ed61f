package s3gtest

import (
	"crypto/rand"
	"fmt"
	"strings"
)

// newName is a bucket name nobody has.
func newName() string { return "n-" + strings.ToLower(rand.Text()[:20]) }

// bucketChapter: CreateBucket, HeadBucket, DeleteBucket, ListBuckets, GetBucketLocation.
func bucketChapter(b *book) {
	bucketNames(b)
	b.op("Buckets/CreateBucket")
	b.add("answer", func(c *Client) {
		name := newName()
		a := c.status(200, "PUT", "/"+name, "")
		c.t.Cleanup(func() { c.drop(name) })
		c.header(a, "Location", "/"+name)
		c.same("body", a.Body, "")
	})
	b.add("one's own again", func(c *Client) {
		name := c.bucket()
		c.ok("PUT", "/"+name+"/k", "x")
		if c.tg.RecreateConflict {
			c.fails(409, "BucketAlreadyOwnedByYou", "PUT", "/"+name, "")
		} else {
			c.status(200, "PUT", "/"+name, "")
		}
		c.same("keys", c.list(name, "").keys(), "k")
	})
	b.add("another's", func(c *Client) {
		name := c.bucket()
		c.other().fails(409, "BucketAlreadyExists", "PUT", "/"+name, "")
	})
	b.add("another's while it has objects", func(c *Client) {
		path := c.object("kept")
		c.other().fails(409, "BucketAlreadyExists", "PUT", strings.TrimSuffix(path, "/key"), "")
		c.same("object", c.ok("GET", path, "").Body, "kept")
	})
	b.add("after it was deleted", func(c *Client) {
		name := c.bucket()
		c.ok("DELETE", "/"+name, "")
		c.status(200, "PUT", "/"+name, "")
	})
	b.add("with a slash", func(c *Client) {
		name := newName()
		c.status(200, "PUT", "/"+name+"/", "")
		c.ok("DELETE", "/"+name+"/", "")
	})
	const location = `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>%s</LocationConstraint></CreateBucketConfiguration>`
	for _, region := range []string{"eu-west-1", "ap-southeast-2"} {
		b.add("location "+region, func(c *Client) {
			name := newName()
			c.ok("PUT", "/"+name, fmt.Sprintf(location, region))
			c.t.Cleanup(func() { c.drop(name) })
			c.has(c.ok("GET", "/"+name+"?location", ""), ">"+region+"</LocationConstraint>")
			c.header(c.ok("HEAD", "/"+name, ""), "X-Amz-Bucket-Region", region)
		})
	}
	for _, doc := range []string{"<Create", "text", "<Other/>", "<CreateBucketConfiguration><LocationConstraint>"} {
		b.add(fmt.Sprintf("document %q", doc), func(c *Client) { c.fails(400, "MalformedXML", "PUT", "/"+newName(), doc) })
	}
	b.add("location that is none", func(c *Client) {
		c.fails(400, "InvalidLocationConstraint", "PUT", "/"+newName(), fmt.Sprintf(location, "no where"))
	})
	b.add("empty configuration", func(c *Client) {
		name := newName()
		c.status(200, "PUT", "/"+name, `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>`)
		c.ok("DELETE", "/"+name, "")
	})
	for _, acl := range []string{"private", "public-read", "public-read-write", "authenticated-read"} {
		b.add("canned ACL "+acl, func(c *Client) {
			name := newName()
			c.status(200, "PUT", "/"+name, "", "X-Amz-Acl", acl, "X-Amz-Object-Ownership", "ObjectWriter")
			c.ok("DELETE", "/"+name, "")
		})
	}
	b.add("canned ACL that is none", func(c *Client) {
		c.fails(400, "InvalidArgument", "PUT", "/"+newName(), "", "X-Amz-Acl", "everybody")
	})
	b.add("makes nothing when refused", func(c *Client) {
		name := newName()
		c.fails(400, "InvalidArgument", "PUT", "/"+name, "", "X-Amz-Acl", "everybody")
		c.fails(404, "", "HEAD", "/"+name, "")
	})
	bucketHead(b)
	bucketDelete(b)
	bucketListing(b)
}

func bucketNames(b *book) {
	b.op("Buckets/Names")
	for _, name := range []string{
		"ab", "a", strings.Repeat("a", 64), "Upper", "under_score", "-dash", "dash-", ".dot", "dot.", "a..b", "a.-b", "a-.b",
		"192.168.5.4", "sp%20ace", "%C3%BCml", "xn--punycode", "sthree-x", "sthree-configurator", "amzn-s3-demo-x", "a-s3alias", "a--ol-s3", "a.mrap", "a--x-s3", "exclam!", "a%2Fb",
	} {
		b.add("refused "+name, func(c *Client) { c.fails(400, "InvalidBucketName", "PUT", "/"+name, "") })
	}
	for _, shape := range []string{"%s", "a.b.%s", "1%s", "%s.com", "a-b-%s", "a--b%s", "%s9", "x%s." + strings.Repeat("y", 38)} {
		b.add("accepted "+fmt.Sprintf(shape, "name"), func(c *Client) {
			name := fmt.Sprintf(shape, newName()[2:])
			c.status(200, "PUT", "/"+name, "")
			c.t.Cleanup(func() { c.drop(name) })
			c.ok("PUT", "/"+name+"/k", "x")
			c.same("keys", c.list(name, "").keys(), "k")
			c.ok("DELETE", "/"+name+"/k", "")
		})
	}
	b.add("63 characters", func(c *Client) {
		name := newName() + "-" + strings.Repeat("z", 40)
		c.same("length", len(name), 63)
		c.ok("PUT", "/"+name, "")
		c.ok("DELETE", "/"+name, "")
	})
}

func bucketHead(b *book) {
	b.op("Buckets/HeadBucket")
	b.add("there", func(c *Client) {
		a := c.status(200, "HEAD", "/"+c.bucket(), "")
		c.header(a, "X-Amz-Bucket-Region", "us-east-1")
		c.same("body", a.Body, "")
	})
	b.add("not there", func(c *Client) { c.fails(404, "", "HEAD", gone, "") })
	b.add("with a slash", func(c *Client) { c.status(200, "HEAD", "/"+c.bucket()+"/", "") })
	b.add("expected owner", func(c *Client) { c.status(200, "HEAD", "/"+c.bucket(), "", ownerHeader, c.owner()) })
	b.add("wrong expected owner", func(c *Client) { c.fails(403, "", "HEAD", "/"+c.bucket(), "", ownerHeader, "wrong") })
	b.secure("another's", func(c *Client) { c.other().fails(403, "", "HEAD", "/"+c.bucket(), "") })
	b.secure("anonymous is told the region", func(c *Client) {
		c.header(c.anonymous().fails(403, "", "HEAD", "/"+c.bucket(), ""), "X-Amz-Bucket-Region", "us-east-1")
	})
	b.op("Buckets/GetBucketLocation")
	b.add("of a bucket without constraint", func(c *Client) {
		a := c.ok("GET", "/"+c.bucket()+"?location", "")
		c.has(a, "<LocationConstraint", `xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`)
		c.hasNot(a, "us-east-1")
	})
	b.add("of no bucket", func(c *Client) { c.fails(404, "NoSuchBucket", "GET", gone+"?location", "") })
	b.add("wrong expected owner", func(c *Client) {
		c.fails(403, "AccessDenied", "GET", "/"+c.bucket()+"?location", "", ownerHeader, "wrong")
	})
}

func bucketDelete(b *book) {
	b.op("Buckets/DeleteBucket")
	b.add("empty", func(c *Client) {
		name := c.bucket()
		a := c.status(204, "DELETE", "/"+name, "")
		c.same("body", a.Body, "")
		c.fails(404, "", "HEAD", "/"+name, "")
	})
	b.add("not there", func(c *Client) { c.has(c.fails(404, "NoSuchBucket", "DELETE", gone, ""), "<BucketName>"+gone[1:]+"<") })
	b.add("twice", func(c *Client) {
		name := c.bucket()
		c.ok("DELETE", "/"+name, "")
		c.fails(404, "NoSuchBucket", "DELETE", "/"+name, "")
	})
	b.add("with an object", func(c *Client) {
		path := c.object("kept")
		c.fails(409, "BucketNotEmpty", "DELETE", strings.TrimSuffix(path, "/key"), "")
		c.same("object", c.ok("GET", path, "").Body, "kept")
	})
	b.add("after its objects", func(c *Client) {
		path := c.object("x")
		c.ok("DELETE", path, "")
		c.status(204, "DELETE", strings.TrimSuffix(path, "/key"), "")
	})
	b.add("with an open upload", func(c *Client) {
		name := c.bucket()
		u := c.start("/" + name + "/k")
		if c.tg.UploadsKeepBucket {
			c.fails(409, "BucketNotEmpty", "DELETE", "/"+name, "")
			c.ok("DELETE", u.query(""), "")
		}
		c.status(204, "DELETE", "/"+name, "")
		c.fails(404, "NoSuchBucket", "GET", u.query(""), "")
	})
	b.add("wrong expected owner", func(c *Client) {
		name := c.bucket()
		c.fails(403, "AccessDenied", "DELETE", "/"+name, "", ownerHeader, "wrong")
		c.ok("HEAD", "/"+name, "")
	})
	b.secure("another's", func(c *Client) { c.other().fails(403, "AccessDenied", "DELETE", "/"+c.bucket(), "") })
	for _, op := range []struct{ method, path string }{{"GET", ""}, {"GET", "/k"}, {"PUT", "/k"}, {"DELETE", "/k"}, {"GET", "?uploads"}, {"POST", "/k?uploads"},
		{"GET", "/k?tagging"}} {
		b.op("Buckets/NoSuchBucket")
		b.add(op.method+" "+op.path, func(c *Client) { c.fails(404, "NoSuchBucket", op.method, gone+op.path, "") })
	}
}

// bucketsPage is the answer of ListBuckets.
type bucketsPage struct {
	Owner             struct{ ID, DisplayName string }
	ContinuationToken string
	Prefix            string
	Buckets           struct {
		Bucket []struct{ Name, CreationDate, BucketRegion string }
	}
}

func (c *Client) buckets(query string) (p bucketsPage) {
	c.t.Helper()
	c.ok("GET", "/"+query, "").decode(c.t, &p)
	return p
}

func (p bucketsPage) names() string {
	var out []string
	for _, x := range p.Buckets.Bucket {
		out = append(out, x.Name)
	}
	return strings.Join(out, " ")
}

func bucketListing(b *book) {
	b.op("Buckets/ListBuckets")
	b.add("has the bucket and its date", func(c *Client) {
		name := c.bucket()
		p := c.buckets("?prefix=" + name)
		c.same("names", p.names(), name)
		c.same("date", len(p.Buckets.Bucket[0].CreationDate) > len("2026-11-23T00:00:00Z")-1, true)
	})
	b.add("owner", func(c *Client) {
		p := c.buckets("")
		c.same("id is 64 hex digits", len(strings.Trim(p.Owner.ID, "0123456789abcdef")) == 0 && len(p.Owner.ID) == 64, true)
		c.same("name", p.Owner.DisplayName, c.tg.AccessKey)
	})
	b.add("document", func(c *Client) {
		a := c.ok("GET", "/", "")
		c.has(a, `<?xml version="1.0" encoding="UTF-8"?>`, `<ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`)
		c.header(a, "Content-Type", "application/xml")
	})
	b.add("not another's", func(c *Client) {
		name := c.bucket()
		c.same("other's", c.other().buckets("?prefix="+name).names(), "")
	})
	b.add("prefix and paging", func(c *Client) {
		prefix := newName()
		for _, s := range []string{"c", "a", "b"} {
			name := prefix + s
			c.ok("PUT", "/"+name, "")
			c.t.Cleanup(func() { c.drop(name) })
		}
		p := c.buckets("?prefix=" + prefix + "&max-buckets=2")
		c.same("first", p.names(), prefix+"a "+prefix+"b")
		p = c.buckets("?prefix=" + prefix + "&max-buckets=2&continuation-token=" + escapeAll(p.ContinuationToken))
		c.same("second", p.names(), prefix+"c")
		c.same("end", p.ContinuationToken, "")
	})
	for _, bad := range []string{"max-buckets=0", "max-buckets=-1", "max-buckets=10001", "max-buckets=x", "continuation-token=%21"} {
		b.add("refuses "+bad, func(c *Client) { c.fails(400, "InvalidArgument", "GET", "/?"+bad, "") })
	}
	b.add("POST is not allowed", func(c *Client) { c.fails(405, "MethodNotAllowed", "POST", "/", "") })
}
