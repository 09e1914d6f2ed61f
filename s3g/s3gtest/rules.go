package s3gtest

import (
	"fmt"
	"strings"
	"time"
)

// lifecycleDoc is a document of rules, each the inside of a Rule without its status.
func lifecycleDoc(rules ...string) string {
	s := `<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`
	for i, r := range rules {
		if !strings.Contains(r, "<ID>") {
			r = fmt.Sprintf("<ID>rule%d</ID>", i) + r
		}
		if !strings.Contains(r, "<Status>") {
			r += "<Status>Enabled</Status>"
		}
		s += "<Rule>" + r + "</Rule>"
	}
	return s + "</LifecycleConfiguration>"
}

const (
	allKeys = "<Filter><Prefix></Prefix></Filter>"
	inADay  = "<Expiration><Days>1</Days></Expiration>"
)

// lifecycleChapter: rules, and what becomes of objects under them.
func lifecycleChapter(b *book) {
	b.op("Lifecycle/Document")
	b.add("none", func(c *Client) {
		c.fails(404, "NoSuchLifecycleConfiguration", "GET", "/"+c.bucket()+"?lifecycle", "")
	})
	b.add("no bucket", func(c *Client) { c.fails(404, "NoSuchBucket", "GET", gone+"?lifecycle", "") })
	b.add("delete", func(c *Client) {
		at := "/" + c.bucket() + "?lifecycle"
		c.status(204, "DELETE", at, "")
		c.same("status", c.putDoc(at, lifecycleDoc(allKeys+inADay)).Status, 200)
		c.status(204, "DELETE", at, "")
		c.fails(404, "NoSuchLifecycleConfiguration", "GET", at, "")
	})
	for _, tc := range []struct{ name, rule, want string }{
		{"days", allKeys + inADay, "<Days>1</Days>"},
		{"date", allKeys + "<Expiration><Date>2035-01-01T00:00:00Z</Date></Expiration>", "<Date>2035-01-01T00:00:00"},
		{"old prefix form", "<Prefix>logs/</Prefix>" + inADay, "<Prefix>logs/</Prefix>"},
		{"prefix", "<Filter><Prefix>logs/</Prefix></Filter>" + inADay, "<Prefix>logs/</Prefix>"},
		{"tag", "<Filter><Tag><Key>a</Key><Value>1</Value></Tag></Filter>" + inADay, "<Key>a</Key>"},
		{"and", "<Filter><And><Prefix>p</Prefix><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key><Value>2</Value></Tag></And></Filter>" + inADay, "<And>"},
		{"larger than", "<Filter><ObjectSizeGreaterThan>100</ObjectSizeGreaterThan></Filter>" + inADay, "<ObjectSizeGreaterThan>100<"},
		{"smaller than", "<Filter><ObjectSizeLessThan>100</ObjectSizeLessThan></Filter>" + inADay, "<ObjectSizeLessThan>100<"},
		{"delete markers", allKeys + "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>", "<ExpiredObjectDeleteMarker>true<"},
		{"old versions", allKeys + "<NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays><NewerNoncurrentVersions>2</NewerNoncurrentVersions></NoncurrentVersionExpiration>", "<NewerNoncurrentVersions>2<"},
		{"uploads", allKeys + "<AbortIncompleteMultipartUpload><DaysAfterInitiation>2</DaysAfterInitiation></AbortIncompleteMultipartUpload>", "<DaysAfterInitiation>2<"},
		{"disabled", allKeys + inADay + "<Status>Disabled</Status>", "<Status>Disabled</Status>"},
	} {
		b.add(tc.name, func(c *Client) {
			at := "/" + c.bucket() + "?lifecycle"
			a := c.putDoc(at, lifecycleDoc(tc.rule))
			c.same("status "+a.Body, a.Status, 200)
			c.has(c.ok("GET", at, ""), "<ID>rule0</ID>", tc.want)
		})
	}
	b.add("an id is made up", func(c *Client) {
		at := "/" + c.bucket() + "?lifecycle"
		c.same("status", c.putDoc(at, strings.Replace(lifecycleDoc(allKeys+inADay), "<ID>rule0</ID>", "", 1)).Status, 200)
		a := c.ok("GET", at, "")
		c.has(a, "<ID>")
		c.hasNot(a, "<ID></ID>")
	})
	for _, tc := range []struct{ name, doc, code string }{
		{"no XML", "rules", "MalformedXML"}, {"no rules", lifecycleDoc(), "MalformedXML"}, {"no action", lifecycleDoc(allKeys), ""},
		{"no status", strings.Replace(lifecycleDoc(allKeys+inADay), "<Status>Enabled</Status>", "", 1), "MalformedXML"},
		{"unknown status", strings.Replace(lifecycleDoc(allKeys+inADay), "Enabled", "enabled", 1), "MalformedXML"},
		{"no days", lifecycleDoc(allKeys + "<Expiration><Days>0</Days></Expiration>"), "InvalidArgument"},
		{"negative days", lifecycleDoc(allKeys + "<Expiration><Days>-1</Days></Expiration>"), "InvalidArgument"},
		{"days and date", lifecycleDoc(allKeys + "<Expiration><Days>1</Days><Date>2035-01-01T00:00:00Z</Date></Expiration>"), "MalformedXML"},
		{"date that is not midnight", lifecycleDoc(allKeys + "<Expiration><Date>2035-01-01T12:00:00Z</Date></Expiration>"), "InvalidArgument"},
		{"date that is none", lifecycleDoc(allKeys + "<Expiration><Date>soon</Date></Expiration>"), "MalformedXML"},
		{"the same id twice", lifecycleDoc("<ID>a</ID>"+allKeys+inADay, "<ID>a</ID><Filter><Prefix>x</Prefix></Filter>"+inADay), "InvalidArgument"},
		{"long id", lifecycleDoc("<ID>" + filled(256, 'i') + "</ID>" + allKeys + inADay), "InvalidArgument"},
		{"prefix and tag without and", lifecycleDoc("<Filter><Prefix>p</Prefix><Tag><Key>a</Key><Value>1</Value></Tag></Filter>" + inADay), "MalformedXML"},
		{"markers of tagged objects", lifecycleDoc("<Filter><Tag><Key>a</Key><Value>1</Value></Tag></Filter><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"), ""},
	} {
		b.add("refuses "+tc.name, func(c *Client) {
			at := "/" + c.bucket() + "?lifecycle"
			c.refused(c.putDoc(at, tc.doc), 400, tc.code)
			c.fails(404, "NoSuchLifecycleConfiguration", "GET", at, "")
		})
	}
	b.secure("another's", func(c *Client) {
		c.refused(c.other().putDoc("/"+c.bucket()+"?lifecycle", lifecycleDoc(allKeys+inADay)), 403, "AccessDenied")
	})
	lifecycleRuns(b)
}

// eventually waits until ok, for as long as a few short days.
func (c *Client) eventually(what string, ok func() bool) {
	c.t.Helper()
	tick, end := time.NewTicker(50*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			c.t.Fatal("never: " + what)
		}
	}
}

// lifecycleRuns needs a store whose day is a second.
func lifecycleRuns(b *book) {
	b.op("Lifecycle/Expiration")
	add := func(name string, run func(c *Client)) { b.add(name, run).needs(InProcess) }
	put := func(c *Client, bucket, doc string) {
		a := c.putDoc("/"+bucket+"?lifecycle", doc)
		c.same("status "+a.Body, a.Status, 200)
	}
	add("by prefix", func(c *Client) {
		name := c.filledBucket("go/1", "go/2", "stay/1")
		put(c, name, lifecycleDoc("<Filter><Prefix>go/</Prefix></Filter>"+inADay))
		c.eventually("only stay/1 is left", func() bool { return c.list(name, "").keys() == "stay/1" })
	})
	add("by tag", func(c *Client) {
		name := c.filledBucket("stay")
		c.ok("PUT", "/"+name+"/go", "x", "X-Amz-Tagging", "temporary=yes")
		put(c, name, lifecycleDoc("<Filter><Tag><Key>temporary</Key><Value>yes</Value></Tag></Filter>"+inADay))
		c.eventually("only stay is left", func() bool { return c.list(name, "").keys() == "stay" })
	})
	add("by size", func(c *Client) {
		name := c.bucket()
		c.ok("PUT", "/"+name+"/small", "x")
		c.ok("PUT", "/"+name+"/large", filled(1000, 'x'))
		put(c, name, lifecycleDoc("<Filter><ObjectSizeGreaterThan>500</ObjectSizeGreaterThan></Filter>"+inADay))
		c.eventually("only small is left", func() bool { return c.list(name, "").keys() == "small" })
	})
	add("of a versioned bucket makes markers", func(c *Client) {
		name := c.versioned()
		id := c.put("/"+name+"/k", "kept")
		put(c, name, lifecycleDoc(allKeys+inADay))
		c.eventually("a marker", func() bool { return c.versions(name, "").keys() == "k k!*" })
		c.same("body", c.ok("GET", "/"+name+"/k?versionId="+id, "").Body, "kept")
	})
	add("of old versions", func(c *Client) {
		name := c.versioned()
		c.put("/"+name+"/k", "old")
		c.put("/"+name+"/k", "new")
		put(c, name, lifecycleDoc(allKeys+"<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>"))
		c.eventually("one version", func() bool { return c.versions(name, "").keys() == "k*" })
		c.same("body", c.ok("GET", "/"+name+"/k", "").Body, "new")
	})
	add("of lonely markers", func(c *Client) {
		name := c.versioned()
		c.ok("DELETE", "/"+name+"/k", "")
		put(c, name, lifecycleDoc(allKeys+"<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"))
		c.eventually("nothing", func() bool { return c.versions(name, "").keys() == "" })
	})
	add("of uploads", func(c *Client) {
		u := c.start("/" + c.bucket() + "/k")
		put(c, strings.Split(u.path, "/")[1], lifecycleDoc(allKeys+"<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>"))
		c.eventually("no upload", func() bool { return c.do("GET", u.query(""), "").Status == 404 })
	})
	add("never of locked versions", func(c *Client) {
		name := c.lockable()
		c.put("/"+name+"/k", "kept", lockMode, "GOVERNANCE", lockUntil, inAWhile())
		c.put("/"+name+"/k", "new")
		c.put("/"+name+"/other", "old")
		c.put("/"+name+"/other", "new")
		put(c, name, lifecycleDoc(allKeys+"<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>"))
		c.eventually("the unlocked one goes", func() bool { return c.versions(name, "").keys() == "k* k other*" })
	})
	add("not of a disabled rule", func(c *Client) {
		name := c.filledBucket("stay/1", "go/1")
		put(c, name, lifecycleDoc("<Filter><Prefix>stay/</Prefix></Filter>"+inADay+"<Status>Disabled</Status>", "<Filter><Prefix>go/</Prefix></Filter>"+inADay))
		c.eventually("only stay/1 is left", func() bool { return c.list(name, "").keys() == "stay/1" })
	})
	b.add("GET tells when", func(c *Client) {
		path := c.object("x")
		put(c, strings.Split(path, "/")[1], lifecycleDoc("<ID>tomorrow</ID>"+allKeys+"<Expiration><Days>1000</Days></Expiration>"))
		got := c.ok("HEAD", path, "").Header.Get("X-Amz-Expiration")
		c.same("header "+got, strings.Contains(got, `expiry-date="`) && strings.Contains(got, `rule-id="tomorrow"`), true)
	})
}

// notificationChapter: the configuration; events themselves need a target that om knows.
func notificationChapter(b *book) {
	b.op("Notifications/Document")
	b.add("none", func(c *Client) {
		a := c.ok("GET", "/"+c.bucket()+"?notification", "")
		c.has(a, "<NotificationConfiguration")
		c.hasNot(a, "<TopicConfiguration>")
	})
	b.add("empty turns off", func(c *Client) {
		c.status(200, "PUT", "/"+c.bucket()+"?notification", `<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>`)
	})
	b.add("no bucket", func(c *Client) { c.fails(404, "NoSuchBucket", "GET", gone+"?notification", "") })
	for _, tc := range []struct{ name, doc, code string }{
		{"no XML", "tell me", "MalformedXML"},
		{"unknown target", `<NotificationConfiguration><TopicConfiguration><Topic>arn:ozone:s3:::nowhere</Topic><Event>s3:ObjectCreated:*</Event></TopicConfiguration></NotificationConfiguration>`, "InvalidArgument"},
		{"unknown event", `<NotificationConfiguration><TopicConfiguration><Topic>arn:ozone:s3:::nowhere</Topic><Event>s3:ObjectPainted:*</Event></TopicConfiguration></NotificationConfiguration>`, ""},
		{"no event", `<NotificationConfiguration><TopicConfiguration><Topic>arn:ozone:s3:::nowhere</Topic></TopicConfiguration></NotificationConfiguration>`, ""},
	} {
		b.add("refuses "+tc.name, func(c *Client) {
			c.refused(c.do("PUT", "/"+c.bucket()+"?notification", tc.doc), 400, tc.code)
		})
	}
	b.secure("another's", func(c *Client) { c.other().fails(403, "AccessDenied", "GET", "/"+c.bucket()+"?notification", "") })
}
