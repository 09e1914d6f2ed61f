package s3gtest

import (
	"fmt"
	"strings"
	"time"
)

const (
	lockMode  = "X-Amz-Object-Lock-Mode"
	lockUntil = "X-Amz-Object-Lock-Retain-Until-Date"
	lockHold  = "X-Amz-Object-Lock-Legal-Hold"
	bypass    = "X-Amz-Bypass-Governance-Retention"
)

// lockable makes a bucket that takes object locks.
func (c *Client) lockable() string {
	c.t.Helper()
	name := newName()
	c.ok("PUT", "/"+name, "", "X-Amz-Bucket-Object-Lock-Enabled", "true")
	t, own := c.t, *c
	t.Cleanup(func() { own.drop(name) })
	return name
}

func inAWhile() string { return time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05Z") }

// Documents of object locks. Governance is in all that must go away with the test.
func lockDoc(rule string) string {
	return `<ObjectLockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><ObjectLockEnabled>Enabled</ObjectLockEnabled>` + rule + `</ObjectLockConfiguration>`
}

func lockRule(inside string) string {
	return "<Rule><DefaultRetention>" + inside + "</DefaultRetention></Rule>"
}

func retentionDoc(mode, until string) string {
	return `<Retention xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Mode>` + mode + `</Mode><RetainUntilDate>` + until + `</RetainUntilDate></Retention>`
}

func holdDoc(status string) string {
	return `<LegalHold xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>` + status + `</Status></LegalHold>`
}

// putDoc sends a document with its digest, which lock documents must have.
func (c *Client) putDoc(at, doc string, header ...string) Answer {
	c.t.Helper()
	return c.do("PUT", at, doc, append(header, "Content-Md5", contentMD5(doc))...)
}

// lockChapter: object lock, which is enforced in open mode too.
func lockChapter(b *book) {
	lockConfiguration(b)
	lockRetention(b)
	lockHolds(b)
	lockWrites(b)
	lockDeletes(b)
}

func lockConfiguration(b *book) {
	b.op("ObjectLock/Configuration")
	b.add("CreateBucket with lock", func(c *Client) {
		name := c.lockable()
		a := c.ok("GET", "/"+name+"?object-lock", "")
		c.has(a, "<ObjectLockEnabled>Enabled</ObjectLockEnabled>")
		c.hasNot(a, "<Rule>")
		c.has(c.ok("GET", "/"+name+"?versioning", ""), "<Status>Enabled</Status>")
	})
	b.add("without", func(c *Client) {
		c.fails(404, "ObjectLockConfigurationNotFoundError", "GET", "/"+c.bucket()+"?object-lock", "")
	})
	for _, rule := range []string{"<Mode>GOVERNANCE</Mode><Days>1</Days>", "<Mode>COMPLIANCE</Mode><Years>1</Years>", "<Mode>GOVERNANCE</Mode><Days>36500</Days>"} {
		b.add("rule "+rule, func(c *Client) {
			at := "/" + c.lockable() + "?object-lock"
			c.same("status", c.putDoc(at, lockDoc(lockRule(rule))).Status, 200)
			c.has(c.ok("GET", at, ""), rule)
		})
	}
	for _, tc := range []struct{ name, doc, code string }{
		{"days and years", lockDoc(lockRule("<Mode>GOVERNANCE</Mode><Days>1</Days><Years>1</Years>")), "MalformedXML"},
		{"neither", lockDoc(lockRule("<Mode>GOVERNANCE</Mode>")), "MalformedXML"},
		{"no mode", lockDoc(lockRule("<Days>1</Days>")), "MalformedXML"},
		{"unknown mode", lockDoc(lockRule("<Mode>SOFT</Mode><Days>1</Days>")), "MalformedXML"},
		{"no days", lockDoc(lockRule("<Mode>GOVERNANCE</Mode><Days>0</Days>")), "InvalidArgument"},
		{"negative days", lockDoc(lockRule("<Mode>GOVERNANCE</Mode><Days>-1</Days>")), "InvalidArgument"},
		{"no years", lockDoc(lockRule("<Mode>GOVERNANCE</Mode><Years>0</Years>")), "InvalidArgument"},
		{"too many days", lockDoc(lockRule("<Mode>GOVERNANCE</Mode><Days>36501</Days>")), "InvalidArgument"},
		{"not enabled", strings.Replace(lockDoc(lockRule("<Mode>GOVERNANCE</Mode><Days>1</Days>")), "Enabled<", "Disabled<", 1), "MalformedXML"},
		{"no XML", "lock", "MalformedXML"},
	} {
		b.add("refuses "+tc.name, func(c *Client) {
			c.refused(c.putDoc("/"+c.lockable()+"?object-lock", tc.doc), 400, tc.code)
		})
	}
	b.add("not on a bucket without", func(c *Client) {
		c.refused(c.putDoc("/"+c.bucket()+"?object-lock", lockDoc(lockRule("<Mode>GOVERNANCE</Mode><Days>1</Days>"))), 409, "InvalidBucketState")
	})
	b.add("on a versioned bucket", func(c *Client) {
		at := "/" + c.versioned() + "?object-lock"
		c.same("status", c.putDoc(at, lockDoc("")).Status, 200)
		c.has(c.ok("GET", at, ""), "<ObjectLockEnabled>Enabled</ObjectLockEnabled>")
	})
	b.add("versioning cannot be suspended", func(c *Client) {
		c.fails(409, "InvalidBucketState", "PUT", "/"+c.lockable()+"?versioning", versioningDoc("Suspended"))
	})
}

func lockRetention(b *book) {
	b.op("ObjectLock/Retention")
	for _, mode := range []string{"GOVERNANCE", "COMPLIANCE"} {
		b.add("put and get "+mode, func(c *Client) {
			path, until := "/"+c.lockable()+"/k", inAWhile()
			c.put(path, "x")
			c.same("status", c.putDoc(path+"?retention", retentionDoc(mode, until)).Status, 200)
			c.has(c.ok("GET", path+"?retention", ""), "<Mode>"+mode+"</Mode>", "<RetainUntilDate>"+until[:19])
			a := c.ok("HEAD", path, "")
			c.header(a, lockMode, mode)
			c.same("until", strings.HasPrefix(a.Header.Get(lockUntil), until[:19]), true)
		})
	}
	b.add("none", func(c *Client) {
		path := "/" + c.lockable() + "/k"
		c.put(path, "x")
		c.fails(404, "NoSuchObjectLockConfiguration", "GET", path+"?retention", "")
	})
	b.add("bucket without locks", func(c *Client) {
		path := c.object("x")
		c.fails(400, "InvalidRequest", "GET", path+"?retention", "")
		c.refused(c.putDoc(path+"?retention", retentionDoc("GOVERNANCE", inAWhile())), 400, "InvalidRequest")
	})
	b.add("no key", func(c *Client) {
		c.refused(c.putDoc("/"+c.lockable()+"/k?retention", retentionDoc("GOVERNANCE", inAWhile())), 404, "NoSuchKey")
	})
	for _, tc := range []struct{ name, doc, code string }{
		{"unknown mode", retentionDoc("SOFT", inAWhile()), "MalformedXML"}, {"mode in small letters", retentionDoc("governance", inAWhile()), "MalformedXML"},
		{"no date", retentionDoc("GOVERNANCE", "tomorrow"), "MalformedXML"}, {"past date", retentionDoc("GOVERNANCE", "2020-01-01T00:00:00Z"), "InvalidArgument"}, {"no XML", "retention", "MalformedXML"},
	} {
		b.add("refuses "+tc.name, func(c *Client) {
			path := "/" + c.lockable() + "/k"
			c.put(path, "x")
			c.refused(c.putDoc(path+"?retention", tc.doc), 400, tc.code)
		})
	}
	b.add("of a version", func(c *Client) {
		path := "/" + c.lockable() + "/k"
		one := c.put(path, "one")
		c.put(path, "two")
		c.same("status", c.putDoc(path+"?retention&versionId="+one, retentionDoc("GOVERNANCE", inAWhile())).Status, 200)
		c.fails(404, "NoSuchObjectLockConfiguration", "GET", path+"?retention", "")
		c.has(c.ok("GET", path+"?retention&versionId="+one, ""), "GOVERNANCE")
	})
	longer := func() string { return time.Now().Add(2 * time.Hour).UTC().Format("2006-01-02T15:04:05Z") }
	shorter := func() string { return time.Now().Add(10 * time.Minute).UTC().Format("2006-01-02T15:04:05Z") }
	for _, tc := range []struct {
		name, mode, next string
		until            func() string
		header           []string
		status           int
	}{
		{"governance longer", "GOVERNANCE", "GOVERNANCE", longer, nil, 200},
		{"governance shorter", "GOVERNANCE", "GOVERNANCE", shorter, nil, 403},
		{"governance shorter, bypassed", "GOVERNANCE", "GOVERNANCE", shorter, []string{bypass, "true"}, 200},
		{"governance to compliance, longer", "GOVERNANCE", "COMPLIANCE", longer, nil, 403},
		{"governance to compliance, bypassed", "GOVERNANCE", "COMPLIANCE", longer, []string{bypass, "true"}, 200},
		{"compliance longer", "COMPLIANCE", "COMPLIANCE", longer, nil, 200},
		{"compliance shorter", "COMPLIANCE", "COMPLIANCE", shorter, nil, 403},
		{"compliance shorter, bypassed", "COMPLIANCE", "COMPLIANCE", shorter, []string{bypass, "true"}, 403},
		{"compliance to governance", "COMPLIANCE", "GOVERNANCE", longer, []string{bypass, "true"}, 403},
	} {
		b.add(tc.name, func(c *Client) {
			path := "/" + c.lockable() + "/k"
			c.put(path, "x", lockMode, tc.mode, lockUntil, inAWhile())
			a := c.putDoc(path+"?retention", retentionDoc(tc.next, tc.until()), tc.header...)
			c.same("status "+a.Body, a.Status, tc.status)
		})
	}
}

func lockHolds(b *book) {
	b.op("ObjectLock/LegalHold")
	b.add("on and off", func(c *Client) {
		path := "/" + c.lockable() + "/k"
		c.put(path, "x")
		for _, status := range []string{"ON", "OFF"} {
			c.same("status", c.putDoc(path+"?legal-hold", holdDoc(status)).Status, 200)
			c.has(c.ok("GET", path+"?legal-hold", ""), "<Status>"+status+"</Status>")
			c.header(c.ok("HEAD", path, ""), lockHold, status)
		}
	})
	b.add("none", func(c *Client) {
		path := "/" + c.lockable() + "/k"
		c.put(path, "x")
		c.fails(404, "NoSuchObjectLockConfiguration", "GET", path+"?legal-hold", "")
	})
	b.add("bucket without locks", func(c *Client) {
		path := c.object("x")
		c.fails(400, "InvalidRequest", "GET", path+"?legal-hold", "")
		c.refused(c.putDoc(path+"?legal-hold", holdDoc("ON")), 400, "InvalidRequest")
	})
	for _, doc := range []string{holdDoc("MAYBE"), holdDoc("on"), "hold", holdDoc("")} {
		b.add(fmt.Sprintf("refuses %q", doc[max(0, len(doc)-30):]), func(c *Client) {
			path := "/" + c.lockable() + "/k"
			c.put(path, "x")
			c.refused(c.putDoc(path+"?legal-hold", doc), 400, "MalformedXML")
		})
	}
}

// lockWrites: locks that come with an object.
func lockWrites(b *book) {
	b.op("ObjectLock/Writes")
	b.add("headers of PutObject", func(c *Client) {
		path := "/" + c.lockable() + "/k"
		c.put(path, "x", lockMode, "GOVERNANCE", lockUntil, inAWhile(), lockHold, "ON")
		a := c.ok("GET", path, "")
		c.header(a, lockMode, "GOVERNANCE")
		c.header(a, lockHold, "ON")
		c.putDoc(path+"?legal-hold", holdDoc("OFF"))
	})
	b.add("headers of CopyObject", func(c *Client) {
		path := "/" + c.lockable() + "/k"
		c.put(path, "x")
		c.ok("PUT", path+"2", "", copySource, path, lockMode, "GOVERNANCE", lockUntil, inAWhile())
		c.header(c.ok("HEAD", path+"2", ""), lockMode, "GOVERNANCE")
	})
	b.add("a copy does not take locks along", func(c *Client) {
		path := "/" + c.lockable() + "/k"
		c.put(path, "x", lockMode, "GOVERNANCE", lockUntil, inAWhile())
		c.ok("PUT", path+"2", "", copySource, path)
		c.header(c.ok("HEAD", path+"2", ""), lockMode, "")
	})
	b.add("headers of CreateMultipartUpload", func(c *Client) {
		u := c.start("/"+c.lockable()+"/k", lockMode, "GOVERNANCE", lockUntil, inAWhile())
		c.ok("POST", u.query(""), completeDoc(1, u.part(1, "x")))
		c.header(c.ok("HEAD", u.path, ""), lockMode, "GOVERNANCE")
	})
	b.add("the bucket's default", func(c *Client) {
		name := c.lockable()
		c.putDoc("/"+name+"?object-lock", lockDoc(lockRule("<Mode>GOVERNANCE</Mode><Days>1</Days>")))
		c.put("/"+name+"/k", "x")
		a := c.ok("HEAD", "/"+name+"/k", "")
		c.header(a, lockMode, "GOVERNANCE")
		until, err := time.Parse(time.RFC3339, a.Header.Get(lockUntil))
		c.same("in a day", err == nil && time.Until(until) > 23*time.Hour && time.Until(until) < 25*time.Hour, true)
	})
	b.add("headers win over the default", func(c *Client) {
		name := c.lockable()
		c.putDoc("/"+name+"?object-lock", lockDoc(lockRule("<Mode>COMPLIANCE</Mode><Years>1</Years>")))
		c.put("/"+name+"/k", "x", lockMode, "GOVERNANCE", lockUntil, inAWhile())
		c.header(c.ok("HEAD", "/"+name+"/k", ""), lockMode, "GOVERNANCE")
	})
	for _, tc := range []struct {
		name, code string
		header     []string
	}{
		{"mode without date", "InvalidArgument", []string{lockMode, "GOVERNANCE"}}, {"date without mode", "InvalidArgument", []string{lockUntil, inAWhile()}},
		{"unknown mode", "InvalidArgument", []string{lockMode, "SOFT", lockUntil, inAWhile()}}, {"past date", "InvalidArgument", []string{lockMode, "GOVERNANCE", lockUntil, "2020-01-01T00:00:00Z"}},
		{"no date", "InvalidArgument", []string{lockMode, "GOVERNANCE", lockUntil, "soon"}}, {"unknown hold", "InvalidArgument", []string{lockHold, "MAYBE"}},
	} {
		b.add("refuses "+tc.name, func(c *Client) {
			path := "/" + c.lockable() + "/k"
			c.fails(400, tc.code, "PUT", path, "x", append(tc.header, "Content-Md5", contentMD5("x"))...)
			c.fails(404, "", "HEAD", path, "")
		})
	}
	b.add("bucket without locks", func(c *Client) {
		c.fails(400, "InvalidRequest", "PUT", "/"+c.bucket()+"/k", "x", lockHold, "ON", "Content-Md5", contentMD5("x"))
	})
}

// lockDeletes: nothing removes a locked version.
func lockDeletes(b *book) {
	b.op("ObjectLock/Deletes")
	for _, tc := range []struct {
		name         string
		lock, header []string
		status       int
	}{
		{"governance", []string{lockMode, "GOVERNANCE", lockUntil, "SOON"}, nil, 403},
		{"governance, bypassed", []string{lockMode, "GOVERNANCE", lockUntil, "SOON"}, []string{bypass, "true"}, 204},
		{"governance, bypass said no", []string{lockMode, "GOVERNANCE", lockUntil, "SOON"}, []string{bypass, "false"}, 403},
		{"compliance", []string{lockMode, "COMPLIANCE", lockUntil, "SOON"}, nil, 403},
		{"compliance, bypassed", []string{lockMode, "COMPLIANCE", lockUntil, "SOON"}, []string{bypass, "true"}, 403},
		{"legal hold", []string{lockHold, "ON"}, nil, 403},
		{"legal hold, bypassed", []string{lockHold, "ON"}, []string{bypass, "true"}, 403},
		{"not locked", nil, nil, 204},
	} {
		locked := func(c *Client) (path, id string) {
			path = "/" + c.lockable() + "/k"
			header := append([]string{"Content-Md5", contentMD5("x")}, tc.lock...)
			for i := range header {
				if header[i] == "SOON" {
					header[i] = inAWhile()
				}
			}
			id = c.put(path, "x", header...)
			t, own := c.t, *c
			t.Cleanup(func() { own.putDoc(path+"?legal-hold&versionId="+id, holdDoc("OFF")) })
			return path, id
		}
		b.add(tc.name, func(c *Client) {
			path, id := locked(c)
			a := c.do("DELETE", path+"?versionId="+id, "", tc.header...)
			c.same("status", a.Status, tc.status)
			if tc.status == 403 {
				c.same("code", a.Code(), "AccessDenied")
				c.same("body", c.ok("GET", path+"?versionId="+id, "").Body, "x")
			}
		})
		b.add(tc.name+", in DeleteObjects", func(c *Client) {
			path, id := locked(c)
			bucket := strings.Split(path, "/")[1]
			r := c.deleteDocument(bucket, "<Delete><Object><Key>k</Key><VersionId>"+id+"</VersionId></Object></Delete>", tc.header...)
			if tc.status == 403 {
				c.same("error", r.Error[0].Code, "AccessDenied")
				c.ok("GET", path+"?versionId="+id, "")
			} else {
				c.same("deleted", len(r.Deleted), 1)
			}
		})
	}
	b.add("a delete without version makes a marker", func(c *Client) {
		path := "/" + c.lockable() + "/k"
		id := c.put(path, "kept", lockMode, "GOVERNANCE", lockUntil, inAWhile())
		c.header(c.status(204, "DELETE", path, ""), "X-Amz-Delete-Marker", "true")
		c.same("body", c.ok("GET", path+"?versionId="+id, "").Body, "kept")
	})
	b.add("an overwrite makes a version", func(c *Client) {
		path := "/" + c.lockable() + "/k"
		id := c.put(path, "kept", lockMode, "GOVERNANCE", lockUntil, inAWhile())
		c.put(path, "new")
		c.same("body", c.ok("GET", path+"?versionId="+id, "").Body, "kept")
	})
	b.secure("bypass is a right", func(c *Client) {
		path := "/" + c.lockable() + "/k"
		bucket := strings.Split(path, "/")[1]
		c.ok("PUT", "/"+bucket+"?policy", statement{action: `["s3:DeleteObject","s3:DeleteObjectVersion"]`}.of(bucket))
		id := c.put(path, "x", lockMode, "GOVERNANCE", lockUntil, inAWhile())
		c.other().fails(403, "AccessDenied", "DELETE", path+"?versionId="+id, "", bypass, "true")
		c.ok("PUT", "/"+bucket+"?policy", statement{action: `["s3:DeleteObject","s3:DeleteObjectVersion","s3:BypassGovernanceRetention"]`}.of(bucket))
		c.other().status(204, "DELETE", path+"?versionId="+id, "", bypass, "true")
	})
}
