package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

func (f *fixture) setBucket(change client.BucketChange) client.Bucket {
	f.t.Helper()
	b, err := f.SetBucket(f.ctx, client.S3Bucket(f.bucket), change, "")
	f.must(err)
	return b
}

func (f *fixture) version(key, id string) client.KeyRef {
	ref := f.ref(key)
	ref.VersionID = id
	return ref
}

// stored puts a body and returns its version id.
func (f *fixture) stored(key, body string) string {
	f.t.Helper()
	o, err := f.put(key, body, client.PutOptions{})
	f.must(err)
	return o.VersionID
}

// bodyOf reads a version, "-" for a delete marker.
func (f *fixture) bodyOf(key, id string) string {
	f.t.Helper()
	o, err := f.GetObject(f.ctx, f.version(key, id), "")
	if o.DeleteMarker {
		f.wants(err, ozerr.KeyNotFound)
		return "-"
	}
	f.must(err)
	return f.read(o, 0, -1)
}

func (f *fixture) deleteOne(d client.DeleteKey) client.DeleteResult {
	f.t.Helper()
	res, err := f.DeleteObjects(f.ctx, client.S3Bucket(f.bucket), []client.DeleteKey{d}, "")
	f.must(err)
	return res[0]
}

// listed is the bodies of all versions of the bucket, in the order of the listing, page
// by page; "*" marks the latest of a key.
func (f *fixture) listed(o client.VersionListOptions) string {
	f.t.Helper()
	var out []string
	for {
		l, err := f.ListVersions(f.ctx, client.S3Bucket(f.bucket), o)
		f.must(err)
		for _, v := range l.Versions {
			id := v.VersionID
			if id == "" {
				id = "null"
			}
			out = append(out, v.Key+"="+f.bodyOf(v.Key, id)+strings.Repeat("*", map[bool]int{true: 1}[v.Latest]))
		}
		out = append(out, l.CommonPrefixes...)
		if !l.Truncated {
			return strings.Join(out, " ")
		}
		o.AfterKey, o.AfterVersion = l.NextKey, l.NextVersion
	}
}

func versions(t *testing.T, f *fixture) {
	all := client.VersionListOptions{Limit: 2}
	f.equal("id where versions never were", f.stored("k", "null one"), "")
	f.equal("never versioned", f.listed(all), "k=null one*")
	f.equal("null", f.bodyOf("k", "null"), "null one")
	f.equal("bucket", f.setBucket(client.BucketChange{Versioning: "Enabled"}).Versioning, "Enabled")
	one, two := f.stored("k", "one"), f.stored("k", "two")
	f.equal("ids differ", one != two && len(one) == 32 && one < two, true)
	f.stored("a/b", "other")
	f.equal("versions", f.listed(all), "a/b=other* k=two* k=one k=null one")
	f.equal("grouped", f.listed(client.VersionListOptions{Delimiter: "/", Limit: 1}), "a/ k=two* k=one k=null one")

	r := f.deleteOne(client.DeleteKey{Key: "k"})
	f.equal("marker", fmt.Sprint(r.Existed, r.DeleteMarker, r.MarkerAdded, r.VersionID != "", r.Err), "true true true true <nil>")
	o, err := f.GetObject(f.ctx, f.ref("k"), "")
	f.wants(err, ozerr.KeyNotFound)
	f.equal("marker beside the error", fmt.Sprint(o.DeleteMarker, o.VersionID == r.VersionID, o.Bucket.Versioning), "true trueEnabled")
	f.equal("deleted", f.listed(all), "a/b=other* k=-* k=two k=one k=null one")
	_, err = f.CopyObject(f.ctx, f.ref("k"), f.ref("x"), client.CopyOptions{})
	f.wants(err, ozerr.KeyNotFound)
	c, err := f.CopyObject(f.ctx, f.version("k", one), f.ref("k"), client.CopyOptions{})
	f.must(err)
	f.equal("source", c.SourceVersionID, one)
	f.equal("an old version copied over the marker", f.listed(all), "a/b=other* k=one* k=- k=two k=one k=null one")
	gone := f.deleteOne(client.DeleteKey{Key: "k", VersionID: one})
	f.equal("removed", fmt.Sprint(gone.Existed, gone.DeleteMarker, gone.VersionID == one), "true false true")
	f.equal("the copy keeps the bytes", f.bodyOf("k", c.VersionID), "one")
	_, err = f.GetObject(f.ctx, f.version("k", one), "")
	f.wants(err, ozerr.VersionNotFound)
	f.deleteOne(client.DeleteKey{Key: "k", VersionID: c.VersionID})
	f.deleteOne(client.DeleteKey{Key: "k", VersionID: r.VersionID})
	f.equal("promoted", f.bodyOf("k", ""), "two")

	f.setBucket(client.BucketChange{Versioning: "Suspended"})
	f.equal("id while suspended", f.stored("k", "null two"), "")
	f.equal("the null version is replaced", f.listed(all), "a/b=other* k=null two* k=two")
	_, err = f.SetObjectTags(f.ctx, f.version("k", two), map[string]string{"old": "1"}, "")
	f.must(err)
	_, err = f.SetObjectACL(f.ctx, f.version("k", two), client.ACL{Grants: []client.Grant{{ID: "x", Permission: "READ"}}}, "")
	f.must(err)
	o, err = f.GetObject(f.ctx, f.version("k", two), "")
	f.must(err)
	f.equal("tags and ACL of a version", fmt.Sprint(o.Meta.Tags["old"], len(o.ACL.Grants), o.Latest), "11 false")
	f.equal("null marker", f.deleteOne(client.DeleteKey{Key: "k"}).VersionID, "null")
	f.equal("deleted while suspended", f.listed(all), "a/b=other* k=-* k=two")
	f.wants(f.DeleteBucket(f.ctx, client.S3Bucket(f.bucket), ""), ozerr.BucketNotEmpty)
}

func objectLocks(t *testing.T, f *fixture) {
	_, err := f.put("k", "x", client.PutOptions{Protection: client.Protection{LegalHold: true}})
	f.wants(err, ozerr.NoObjectLock)
	lock := client.BucketChange{ObjectLock: &client.ObjectLock{Mode: "GOVERNANCE", Days: 1}}
	_, err = f.SetBucket(f.ctx, client.S3Bucket(f.bucket), lock, "")
	f.wants(err, ozerr.InvalidBucketState)
	f.setBucket(client.BucketChange{Versioning: "Enabled"})
	f.equal("default", *f.setBucket(lock).ObjectLock, *lock.ObjectLock)
	_, err = f.SetBucket(f.ctx, client.S3Bucket(f.bucket), client.BucketChange{Versioning: "Suspended"}, "")
	f.wants(err, ozerr.InvalidBucketState)

	id := f.stored("k", "retained")
	o, err := f.GetObject(f.ctx, f.ref("k"), "")
	f.must(err)
	f.equal("default retention", o.Retention.Mode+fmt.Sprint(o.Retention.Until.Sub(o.Modified)), "GOVERNANCE24h0m0s")
	f.wants(f.deleteOne(client.DeleteKey{Key: "k", VersionID: id}).Err, ozerr.KeyLocked)
	f.must(f.deleteOne(client.DeleteKey{Key: "k"}).Err)
	shorter := client.LockChange{Retention: &client.Retention{Mode: "GOVERNANCE", Until: time.Now().Add(time.Hour)}}
	_, err = f.SetObjectLock(f.ctx, f.version("k", id), shorter, "")
	f.wants(err, ozerr.KeyLocked)
	shorter.BypassGovernance = true
	_, err = f.SetObjectLock(f.ctx, f.version("k", id), shorter, "")
	f.must(err)
	o, err = f.SetObjectLock(f.ctx, f.version("k", id), client.LockChange{LegalHold: true}, "")
	f.must(err)
	f.equal("hold", o.LegalHold, true)
	f.wants(f.deleteOne(client.DeleteKey{Key: "k", VersionID: id, BypassGovernance: true}).Err, ozerr.KeyLocked)
	o, err = f.SetObjectLock(f.ctx, f.version("k", id), client.LockChange{}, "")
	f.must(err)
	f.equal("no hold", fmt.Sprint(o.LegalHold, o.LegalHoldOff), "false true")
	f.must(f.deleteOne(client.DeleteKey{Key: "k", VersionID: id, BypassGovernance: true}).Err)

	far := time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC) // beyond what nanoseconds can say
	o, err = f.put("k", "x", client.PutOptions{Protection: client.Protection{Retention: &client.Retention{Mode: "COMPLIANCE", Until: far}}})
	f.must(err)
	f.equal("far away", o.Retention.Until.Year() > 2200, true)
}

func documents(t *testing.T, f *fixture) {
	ref := client.S3Bucket(f.bucket)
	_, err := f.GetBucketDocument(f.ctx, ref, client.DocumentPolicy, "")
	f.wants(err, ozerr.DocumentNotFound)
	b := f.setBucket(client.BucketChange{Document: &client.Document{Kind: client.DocumentPolicy, Content: []byte("{}")}})
	d, err := f.GetBucketDocument(f.ctx, ref, client.DocumentPolicy, "")
	f.must(err)
	f.equal("document", string(d.Content), "{}")
	f.equal("index", d.Index == b.Documents[client.DocumentPolicy] && d.Index > 0, true)
	f.setBucket(client.BucketChange{Document: &client.Document{Kind: client.DocumentPolicy}})
	_, err = f.GetBucketDocument(f.ctx, ref, client.DocumentPolicy, "")
	f.wants(err, ozerr.DocumentNotFound)
	_, err = f.SetBucket(f.ctx, ref, client.BucketChange{Document: &client.Document{Kind: "colour", Content: []byte("x")}}, "")
	f.wants(err, ozerr.InvalidArgument)
}
