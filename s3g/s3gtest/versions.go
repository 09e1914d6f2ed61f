package s3gtest

import (
	"fmt"
	"strings"
)

// versionsPage is the answer of ListObjectVersions.
type versionsPage struct {
	Name, Prefix, Delimiter, KeyMarker, VersionIdMarker, NextKeyMarker, NextVersionIdMarker, EncodingType string

	MaxKeys               int
	IsTruncated           bool
	Version, DeleteMarker []struct {
		Key, VersionId, ETag, StorageClass, LastModified string

		IsLatest bool
		Size     int64
		Owner    struct{ ID, DisplayName string }
	}
	CommonPrefixes []struct{ Prefix string }
}

// versions is a page of versions.
func (c *Client) versions(bucket, query string) (p versionsPage) {
	c.t.Helper()
	c.ok("GET", "/"+strings.Trim(bucket, "/")+"?versions&"+query, "").decode(c.t, &p)
	return p
}

// keys are the keys of versions, with * behind the latest, then of markers with !.
func (p versionsPage) keys() string {
	var out []string
	for _, v := range p.Version {
		out = append(out, v.Key+map[bool]string{true: "*"}[v.IsLatest])
	}
	for _, v := range p.DeleteMarker {
		out = append(out, v.Key+"!"+map[bool]string{true: "*"}[v.IsLatest])
	}
	return strings.Join(out, " ")
}

// versioned makes a bucket with versioning on.
func (c *Client) versioned() string {
	c.t.Helper()
	name := c.bucket()
	c.ok("PUT", "/"+name+"?versioning", versioningDoc("Enabled"))
	return name
}

// put stores body and returns the version id it got.
func (c *Client) put(path, body string, header ...string) string {
	c.t.Helper()
	return c.ok("PUT", path, body, header...).Header.Get("X-Amz-Version-Id")
}

// versionChapter: versioning of buckets and all that takes a version.
func versionChapter(b *book) {
	versioningState(b)
	versionWrites(b)
	versionReads(b)
	versionDeletes(b)
	versionLists(b)
	versionCopies(b)
	nullVersions(b)
}

func versioningState(b *book) {
	b.op("Versioning/BucketVersioning")
	b.add("never set", func(c *Client) {
		a := c.ok("GET", "/"+c.bucket()+"?versioning", "")
		c.has(a, "<VersioningConfiguration")
		c.hasNot(a, "<Status>")
	})
	for _, status := range []string{"Enabled", "Suspended"} {
		b.add(status, func(c *Client) {
			at := "/" + c.bucket() + "?versioning"
			c.status(200, "PUT", at, versioningDoc(status))
			c.has(c.ok("GET", at, ""), "<Status>"+status+"</Status>")
		})
	}
	b.add("on, off, on", func(c *Client) {
		at := "/" + c.bucket() + "?versioning"
		for _, status := range []string{"Enabled", "Suspended", "Enabled"} {
			c.ok("PUT", at, versioningDoc(status))
			c.has(c.ok("GET", at, ""), "<Status>"+status+"</Status>")
		}
	})
	for _, doc := range []string{"", "on", versioningDoc("Disabled"), versioningDoc(""), versioningDoc("enabled"), "<VersioningConfiguration/>"} {
		b.add(fmt.Sprintf("refuses %.30q", strings.TrimPrefix(doc, `<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`)), func(c *Client) {
			at := "/" + c.bucket() + "?versioning"
			c.either([]string{"400 MalformedXML", "400 IllegalVersioningConfigurationException", "400 MissingRequestBodyError"}, "PUT", at, doc)
			c.hasNot(c.ok("GET", at, ""), "<Status>")
		})
	}
	b.secure("another's", func(c *Client) {
		at := "/" + c.bucket() + "?versioning"
		c.other().fails(403, "AccessDenied", "PUT", at, versioningDoc("Enabled"))
		c.other().fails(403, "AccessDenied", "GET", at, "")
	})
}

func versionWrites(b *book) {
	b.op("Versioning/Writes")
	b.add("PutObject tells the version", func(c *Client) {
		path := "/" + c.versioned() + "/k"
		one, two := c.put(path, "one"), c.put(path, "two")
		c.same("ids", one != "" && two != "" && one != two && one != "null", true)
	})
	b.add("without versioning there is none", func(c *Client) { c.same("id", c.put("/"+c.bucket()+"/k", "x"), "") })
	b.add("suspended tells readers null, and writers nothing", func(c *Client) {
		name := c.bucket()
		c.ok("PUT", "/"+name+"?versioning", versioningDoc("Suspended"))
		c.same("id", c.put("/"+name+"/k", "x"), "")
		c.header(c.ok("HEAD", "/"+name+"/k", ""), "X-Amz-Version-Id", "null")
	})
	b.add("CopyObject", func(c *Client) {
		path := "/" + c.versioned() + "/k"
		source := c.put(path, "x")
		a := c.ok("PUT", path+"2", "", copySource, path)
		c.header(a, "X-Amz-Copy-Source-Version-Id", source)
		c.same("its own", a.Header.Get("X-Amz-Version-Id") != "" && a.Header.Get("X-Amz-Version-Id") != source, true)
	})
	b.add("CompleteMultipartUpload", func(c *Client) {
		u := c.start("/" + c.versioned() + "/k")
		a := c.ok("POST", u.query(""), completeDoc(1, u.part(1, "x")))
		c.header(c.ok("HEAD", u.path, ""), "X-Amz-Version-Id", a.Header.Get("X-Amz-Version-Id"))
		c.same("has one", a.Header.Get("X-Amz-Version-Id") != "", true)
	})
	b.add("overwrites keep what was", func(c *Client) {
		path := "/" + c.versioned() + "/k"
		var ids []string
		for i := range 5 {
			ids = append(ids, c.put(path, fmt.Sprint("body ", i)))
		}
		for i, id := range ids {
			c.same("body", c.ok("GET", path+"?versionId="+id, "").Body, fmt.Sprint("body ", i))
		}
		c.same("current", c.ok("GET", path, "").Body, "body 4")
	})
	b.add("conditional writes see the current one", func(c *Client) {
		path := "/" + c.versioned() + "/k"
		c.put(path, "one", "If-None-Match", "*")
		c.fails(412, "PreconditionFailed", "PUT", path, "two", "If-None-Match", "*")
		c.ok("DELETE", path, "")
		c.put(path, "three", "If-None-Match", "*")
	})
}

func versionReads(b *book) {
	b.op("Versioning/Reads")
	b.add("GET and HEAD tell the version", func(c *Client) {
		path := "/" + c.versioned() + "/k"
		id := c.put(path, "x")
		c.header(c.ok("GET", path, ""), "X-Amz-Version-Id", id)
		c.header(c.ok("HEAD", path, ""), "X-Amz-Version-Id", id)
	})
	b.add("an old one", func(c *Client) {
		path := "/" + c.versioned() + "/k"
		one := c.put(path, "one", "X-Amz-Meta-A", "1")
		c.put(path, "two", "X-Amz-Meta-A", "2")
		a := c.ok("GET", path+"?versionId="+one, "")
		c.same("all", a.Body+a.Header.Get("X-Amz-Meta-A")+a.Header.Get("X-Amz-Version-Id"), "one1"+one)
		c.header(c.ok("HEAD", path+"?versionId="+one, ""), "X-Amz-Meta-A", "1")
		c.same("range", c.status(206, "GET", path+"?versionId="+one, "", "Range", "bytes=1-1").Body, "n")
	})
	b.add("null of a bucket without versioning", func(c *Client) { c.ok("GET", c.object("x")+"?versionId=null", "") })
	b.add("unknown", func(c *Client) {
		path := "/" + c.versioned() + "/k"
		id := c.put(path, "one")
		c.put(path+"2", "two")
		c.fails(404, "NoSuchVersion", "GET", path+"2?versionId="+id, "")
		c.fails(404, "", "HEAD", path+"2?versionId="+id, "")
	})
	b.add("unknown null", func(c *Client) {
		path := "/" + c.versioned() + "/k"
		c.put(path, "one")
		c.fails(404, "NoSuchVersion", "GET", path+"?versionId=null", "")
	})
	for _, bad := range []string{"nonsense", "", "%20", "null2"} {
		b.add(fmt.Sprintf("malformed %q", bad), func(c *Client) {
			c.fails(400, "InvalidArgument", "GET", c.object("x")+"?versionId="+bad, "")
		})
	}
	b.add("a delete marker is current", func(c *Client) {
		path := "/" + c.versioned() + "/k"
		c.put(path, "x")
		id := c.ok("DELETE", path, "").Header.Get("X-Amz-Version-Id")
		a := c.fails(404, "NoSuchKey", "GET", path, "")
		c.header(a, "X-Amz-Delete-Marker", "true")
		c.header(a, "X-Amz-Version-Id", id)
		c.header(c.fails(404, "", "HEAD", path, ""), "X-Amz-Delete-Marker", "true")
	})
	b.add("a delete marker by its version", func(c *Client) {
		path := "/" + c.versioned() + "/k"
		c.put(path, "x")
		id := c.ok("DELETE", path, "").Header.Get("X-Amz-Version-Id")
		a := c.fails(405, "MethodNotAllowed", "GET", path+"?versionId="+id, "")
		c.header(a, "X-Amz-Delete-Marker", "true")
		c.header(a, "Allow", "DELETE")
		c.fails(405, "", "HEAD", path+"?versionId="+id, "")
	})
	b.add("tags of each version", func(c *Client) {
		path := "/" + c.versioned() + "/k"
		one := c.put(path, "one", "X-Amz-Tagging", "v=1")
		two := c.put(path, "two", "X-Amz-Tagging", "v=2")
		a := c.ok("GET", path+"?tagging&versionId="+one, "")
		c.has(a, "<Value>1</Value>")
		c.header(a, "X-Amz-Version-Id", one)
		c.ok("PUT", path+"?tagging&versionId="+one, tagsDoc("v", "changed"))
		c.has(c.ok("GET", path+"?tagging&versionId="+two, ""), "<Value>2</Value>")
		c.has(c.ok("GET", path+"?tagging&versionId="+one, ""), "<Value>changed</Value>")
		c.status(204, "DELETE", path+"?tagging&versionId="+one, "")
		c.has(c.ok("GET", path+"?tagging", ""), "<Value>2</Value>")
	})
	b.add("ACL of each version", func(c *Client) {
		path := "/" + c.versioned() + "/k"
		one := c.put(path, "one")
		c.put(path, "two")
		c.ok("PUT", path+"?acl&versionId="+one, "", "X-Amz-Acl", "public-read")
		c.has(c.ok("GET", path+"?acl&versionId="+one, ""), allUsers)
		c.hasNot(c.ok("GET", path+"?acl", ""), allUsers)
	})
	b.add("attributes of each version", func(c *Client) {
		path := "/" + c.versioned() + "/k"
		one := c.put(path, "one")
		c.put(path, "longer")
		a := c.ok("GET", path+"?attributes&versionId="+one, "", "X-Amz-Object-Attributes", "ObjectSize")
		c.has(a, "<ObjectSize>3</ObjectSize>")
		c.header(a, "X-Amz-Version-Id", one)
	})
}

func versionDeletes(b *book) {
	b.op("Versioning/Deletes")
	b.add("makes a marker", func(c *Client) {
		name := c.versioned()
		id := c.put("/"+name+"/k", "kept")
		a := c.status(204, "DELETE", "/"+name+"/k", "")
		c.header(a, "X-Amz-Delete-Marker", "true")
		c.same("marker's id", a.Header.Get("X-Amz-Version-Id") != id, true)
		c.same("list", c.list(name, "").keys(), "")
		c.same("versions", c.versions(name, "").keys(), "k k!*")
		c.same("body", c.ok("GET", "/"+name+"/k?versionId="+id, "").Body, "kept")
	})
	b.add("of a key that never was makes one too", func(c *Client) {
		name := c.versioned()
		c.header(c.status(204, "DELETE", "/"+name+"/k", ""), "X-Amz-Delete-Marker", "true")
		c.same("versions", c.versions(name, "").keys(), "k!*")
	})
	b.add("each time one more", func(c *Client) {
		name := c.versioned()
		for range 3 {
			c.ok("DELETE", "/"+name+"/k", "")
		}
		c.same("markers", len(c.versions(name, "").DeleteMarker), 3)
	})
	b.add("of the marker brings the object back", func(c *Client) {
		path := "/" + c.versioned() + "/k"
		c.put(path, "back")
		id := c.ok("DELETE", path, "").Header.Get("X-Amz-Version-Id")
		a := c.status(204, "DELETE", path+"?versionId="+id, "")
		c.header(a, "X-Amz-Delete-Marker", "true")
		c.header(a, "X-Amz-Version-Id", id)
		c.same("body", c.ok("GET", path, "").Body, "back")
	})
	b.add("of a version is for good", func(c *Client) {
		path := "/" + c.versioned() + "/k"
		one, two := c.put(path, "one"), c.put(path, "two")
		a := c.status(204, "DELETE", path+"?versionId="+two, "")
		c.header(a, "X-Amz-Version-Id", two)
		c.header(a, "X-Amz-Delete-Marker", "")
		c.same("current", c.ok("GET", path, "").Header.Get("X-Amz-Version-Id"), one)
		c.fails(404, "NoSuchVersion", "GET", path+"?versionId="+two, "")
		c.status(204, "DELETE", path+"?versionId="+one, "")
		c.fails(404, "NoSuchKey", "GET", path, "")
	})
	b.add("of a version twice", func(c *Client) {
		path := "/" + c.versioned() + "/k"
		id := c.put(path, "x")
		c.status(204, "DELETE", path+"?versionId="+id, "")
		c.status(204, "DELETE", path+"?versionId="+id, "")
	})
	b.add("of an old one leaves the current", func(c *Client) {
		path := "/" + c.versioned() + "/k"
		one := c.put(path, "one")
		c.put(path, "two")
		c.ok("DELETE", path+"?versionId="+one, "")
		c.same("body", c.ok("GET", path, "").Body, "two")
	})
	b.add("many, with and without versions", func(c *Client) {
		name := c.versioned()
		a1, b1 := c.put("/"+name+"/a", "1"), c.put("/"+name+"/b", "1")
		doc := fmt.Sprintf("<Delete><Object><Key>a</Key><VersionId>%s</VersionId></Object><Object><Key>b</Key></Object></Delete>", a1)
		r := c.deleteDocument(name, doc)
		c.same("deleted", len(r.Deleted), 2)
		for _, d := range r.Deleted {
			if d.Key == "a" {
				c.same("a", fmt.Sprint(d.VersionId, d.DeleteMarker), a1+"false")
			} else {
				c.same("b", fmt.Sprint(d.VersionId, d.DeleteMarker, d.DeleteMarkerVersionId != ""), "true true")
			}
		}
		c.same("versions", c.versions(name, "").keys(), "b b!*")
		c.ok("GET", "/"+name+"/b?versionId="+b1, "")
	})
	b.add("many markers", func(c *Client) {
		name := c.versioned()
		id := c.ok("DELETE", "/"+name+"/k", "").Header.Get("X-Amz-Version-Id")
		r := c.deleteDocument(name, "<Delete><Object><Key>k</Key><VersionId>"+id+"</VersionId></Object></Delete>")
		c.same("deleted", fmt.Sprint(r.Deleted[0].DeleteMarker, r.Deleted[0].DeleteMarkerVersionId), "true"+id)
		c.same("versions", c.versions(name, "").keys(), "")
	})
	b.add("the bucket is not empty", func(c *Client) {
		name := c.versioned()
		c.put("/"+name+"/k", "x")
		c.ok("DELETE", "/"+name+"/k", "")
		c.fails(409, "BucketNotEmpty", "DELETE", "/"+name, "")
		for _, v := range append(c.versions(name, "").Version, c.versions(name, "").DeleteMarker...) {
			c.ok("DELETE", "/"+name+"/k?versionId="+v.VersionId, "")
		}
		c.status(204, "DELETE", "/"+name, "")
	})
}

func versionLists(b *book) {
	b.op("Versioning/ListObjectVersions")
	b.add("never versioned", func(c *Client) {
		name := c.filledBucket("a", "b")
		p := c.versions(name, "")
		c.same("keys", p.keys(), "a* b*")
		c.same("id", p.Version[0].VersionId, "null")
		c.ok("DELETE", "/"+name+"/a?versionId=null", "")
		c.same("keys", c.versions(name, "").keys(), "b*")
	})
	b.add("newest first", func(c *Client) {
		name := c.versioned()
		one, two := c.put("/"+name+"/k", "one"), c.put("/"+name+"/k", "longer")
		p := c.versions(name, "")
		c.same("order", fmt.Sprint(p.Version[0].VersionId == two, p.Version[1].VersionId == one, p.Version[0].IsLatest, p.Version[1].IsLatest), "true true true false")
		c.same("entry", fmt.Sprint(p.Version[0].ETag, p.Version[0].Size, p.Version[0].StorageClass, p.Version[0].Owner.ID == c.me().ID), quotedMD5("longer")+"6STANDARD"+"true")
	})
	b.add("document", func(c *Client) {
		name := c.versioned()
		c.put("/"+name+"/k", "x")
		c.ok("DELETE", "/"+name+"/k", "")
		c.has(c.ok("GET", "/"+name+"?versions", ""), `<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`, "<Version>", "<DeleteMarker>", "<KeyMarker></KeyMarker>", "<VersionIdMarker></VersionIdMarker>")
	})
	for _, tc := range []struct{ name, query, want, common string }{
		{"prefix", "prefix=a/", "a/1* a/2*", ""}, {"delimiter", "delimiter=/", "b* c*", "a/"}, {"prefix and delimiter", "prefix=a&delimiter=/", "", "a/"},
		{"key-marker", "key-marker=a/2", "b* c*", ""}, {"key-marker that is no key", "key-marker=a/5", "b* c*", ""}, {"max-keys", "max-keys=2", "a/1* a/2*", ""}, {"max-keys of none", "max-keys=0", "", ""},
		{"encoding-type", "prefix=a&encoding-type=url", "a/1* a/2*", ""},
	} {
		b.add(tc.name, func(c *Client) {
			name := c.versioned()
			for _, k := range []string{"b", "a/2", "c", "a/1"} {
				c.put("/"+name+"/"+k, "x")
			}
			p := c.versions(name, tc.query)
			c.same("keys", p.keys(), tc.want)
			common := ""
			for _, cp := range p.CommonPrefixes {
				common += cp.Prefix
			}
			c.same("prefixes", common, tc.common)
		})
	}
	for _, bad := range []string{"max-keys=-1", "max-keys=x", "encoding-type=foo", "version-id-marker=x"} {
		b.add("refuses "+bad, func(c *Client) { c.fails(400, "InvalidArgument", "GET", "/"+c.versioned()+"?versions&"+bad, "") })
	}
	for _, size := range []int{1, 2, 3} {
		b.add(fmt.Sprintf("pages of %d", size), func(c *Client) {
			name := c.versioned()
			for _, k := range []string{"a", "b", "a", "c", "a"} {
				c.put("/"+name+"/"+k, "x")
			}
			c.ok("DELETE", "/"+name+"/b", "")
			seen := map[string]bool{}
			next := ""
			for range 10 {
				p := c.versions(name, fmt.Sprintf("max-keys=%d%s", size, next))
				for _, v := range append(p.Version, p.DeleteMarker...) {
					c.same("seen before", seen[v.Key+v.VersionId], false)
					seen[v.Key+v.VersionId] = true
				}
				if !p.IsTruncated {
					break
				}
				next = "&key-marker=" + escapeAll(p.NextKeyMarker) + "&version-id-marker=" + escapeAll(p.NextVersionIdMarker)
			}
			c.same("all", len(seen), 6)
		})
	}
	b.add("no bucket", func(c *Client) { c.fails(404, "NoSuchBucket", "GET", gone+"?versions", "") })
	b.secure("another's", func(c *Client) { c.other().fails(403, "AccessDenied", "GET", "/"+c.versioned()+"?versions", "") })
}

func versionCopies(b *book) {
	b.op("Versioning/Copies")
	b.add("of an old version", func(c *Client) {
		path := "/" + c.versioned() + "/k"
		one := c.put(path, "one")
		c.put(path, "two")
		a := c.ok("PUT", path+"2", "", copySource, path+"?versionId="+one)
		c.header(a, "X-Amz-Copy-Source-Version-Id", one)
		c.same("body", c.ok("GET", path+"2", "").Body, "one")
	})
	b.add("of an old version onto itself", func(c *Client) {
		path := "/" + c.versioned() + "/k"
		one := c.put(path, "one")
		c.put(path, "two")
		c.ok("PUT", path, "", copySource, path+"?versionId="+one)
		c.same("body", c.ok("GET", path, "").Body, "one")
	})
	b.add("of a delete marker", func(c *Client) {
		path := "/" + c.versioned() + "/k"
		c.put(path, "x")
		id := c.ok("DELETE", path, "").Header.Get("X-Amz-Version-Id")
		c.fails(404, "NoSuchKey", "PUT", path+"2", "", copySource, path)
		c.either([]string{"400 InvalidRequest", "404 NoSuchKey"}, "PUT", path+"2", "", copySource, path+"?versionId="+id)
	})
	b.add("of an unknown version", func(c *Client) {
		path := "/" + c.versioned() + "/k"
		c.put(path, "x")
		other := c.put(path+"other", "x")
		c.fails(404, "NoSuchVersion", "PUT", path+"2", "", copySource, path+"?versionId="+other)
	})
	b.add("into a part", func(c *Client) {
		path := "/" + c.versioned() + "/k"
		one := c.put(path, "one")
		c.put(path, "two")
		u := c.start(path + "2")
		a := c.ok("PUT", u.query("partNumber=1&"), "", copySource, path+"?versionId="+one)
		c.header(a, "X-Amz-Copy-Source-Version-Id", one)
		c.ok("POST", u.query(""), completeDoc(1, quotedMD5("one")))
		c.same("body", c.ok("GET", path+"2", "").Body, "one")
	})
}

// nullVersions: what was there before versioning, and while it is suspended.
func nullVersions(b *book) {
	b.op("Versioning/Null")
	b.add("what was there keeps it", func(c *Client) {
		path := c.object("before")
		name := strings.TrimSuffix(path, "/key")
		c.ok("PUT", name+"?versioning", versioningDoc("Enabled"))
		c.put(path, "after")
		c.same("body", c.ok("GET", path+"?versionId=null", "").Body, "before")
		c.same("versions", len(c.versions(name, "").Version), 2)
	})
	b.add("a suspended bucket replaces it", func(c *Client) {
		name := c.versioned()
		path := "/" + name + "/k"
		id := c.put(path, "kept")
		c.ok("PUT", "/"+name+"?versioning", versioningDoc("Suspended"))
		c.put(path, "null 1")
		c.put(path, "null 2")
		c.same("versions", len(c.versions(name, "").Version), 2)
		c.same("null", c.ok("GET", path+"?versionId=null", "").Body, "null 2")
		c.same("kept", c.ok("GET", path+"?versionId="+id, "").Body, "kept")
	})
	b.add("a suspended bucket deletes it", func(c *Client) {
		name := c.versioned()
		path := "/" + name + "/k"
		c.put(path, "kept")
		c.ok("PUT", "/"+name+"?versioning", versioningDoc("Suspended"))
		c.put(path, "null")
		a := c.status(204, "DELETE", path, "")
		c.header(a, "X-Amz-Delete-Marker", "true")
		c.header(a, "X-Amz-Version-Id", "null")
		c.same("versions", c.versions(name, "").keys(), "k k!*")
		c.header(c.fails(404, "NoSuchKey", "GET", path, ""), "X-Amz-Version-Id", "null")
	})
	b.add("a suspended bucket's new key", func(c *Client) {
		name := c.versioned()
		c.ok("PUT", "/"+name+"?versioning", versioningDoc("Suspended"))
		c.put("/"+name+"/k", "x")
		c.same("id", c.versions(name, "").Version[0].VersionId, "null")
		c.status(204, "DELETE", "/"+name+"/k?versionId=null", "")
		c.same("versions", c.versions(name, "").keys(), "")
	})
	b.add("delete of null brings the one before back", func(c *Client) {
		name := c.versioned()
		path := "/" + name + "/k"
		c.put(path, "kept")
		c.ok("PUT", "/"+name+"?versioning", versioningDoc("Suspended"))
		c.put(path, "null")
		c.status(204, "DELETE", path+"?versionId=null", "")
		c.same("body", c.ok("GET", path, "").Body, "kept")
	})
	b.add("enabled again, null stays", func(c *Client) {
		name := c.versioned()
		path := "/" + name + "/k"
		c.ok("PUT", "/"+name+"?versioning", versioningDoc("Suspended"))
		c.put(path, "null")
		c.ok("PUT", "/"+name+"?versioning", versioningDoc("Enabled"))
		c.put(path, "new")
		c.same("null", c.ok("GET", path+"?versionId=null", "").Body, "null")
		c.same("versions", len(c.versions(name, "").Version), 2)
	})
}
