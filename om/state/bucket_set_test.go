package state

import (
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/internal/identity"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

func putDocument(bucket, kind, content string) *ompb.Request {
	d := &ompb.BucketDocument{Kind: kind, Content: []byte(content)}
	return setBucket(bucket, &ompb.SetBucket{Change: &ompb.SetBucket_Document{Document: d}})
}

func getDocument(bucket, kind string) *ompb.Request {
	return &ompb.Request{Op: &ompb.Request_GetBucketDocument{GetBucketDocument: &ompb.GetBucketDocument{Ref: ref(bucket), Kind: kind}}}
}

func setACL(grants ...*ompb.Grant) *ompb.SetBucket {
	return &ompb.SetBucket{Change: &ompb.SetBucket_Acl{Acl: &ompb.ACL{Grants: grants}}}
}

func (m *machine) bucket(name string) *ompb.BucketInfo {
	m.t.Helper()
	return m.must(&ompb.Request{Op: &ompb.Request_GetBucket{GetBucket: &ompb.GetBucket{Ref: ref(name)}}}).GetBucket()
}

func TestDocuments(t *testing.T) {
	m := testMachine(t)
	m.wants(getDocument("bkt", "policy"), ozerr.DocumentNotFound)
	m.must(putDocument("bkt", "policy", ""))
	m.wants(putDocument("bkt", "website", "x"), ozerr.InvalidArgument)
	m.wants(putDocument("bkt", "policy", strings.Repeat("x", maxDocument+1)), ozerr.InvalidArgument)
	m.must(putDocument("bkt", "policy", "one"))
	first := m.index
	m.must(putDocument("bkt", "cors", strings.Repeat("x", maxDocument)))
	if d := m.must(getDocument("bkt", "policy")).GetDocument(); string(d.Content) != "one" || d.Index != first || d.Kind != "policy" {
		t.Errorf("%v", d)
	}
	if b := m.must(putDocument("bkt", "policy", "two")).GetBucket(); b.Documents["policy"] != m.index || b.Documents["cors"] != first+1 {
		t.Errorf("%v", b.Documents)
	}
	m.must(putDocument("bkt", "policy", ""))
	if b := m.bucket("bkt"); len(b.Documents) != 1 {
		t.Errorf("%v", b.Documents)
	}
	m.wants(getDocument("bkt", "policy"), ozerr.DocumentNotFound)
	m.must(deleteBucket(ref("bkt")))
	tx := m.db.View()
	defer tx.Discard()
	table.Documents.Scan(tx, nil, nil, func([]byte, *ompb.BucketDocument) bool {
		t.Error("a document outlives its bucket")
		return true
	})
}

func TestSetBucket(t *testing.T) {
	m := testMachine(t)
	grant := &ompb.Grant{Id: identity.CanonicalID("bob"), Permission: "READ"}
	for _, tt := range []struct {
		name   string
		change *ompb.SetBucket
		want   ozerr.Code
		is     func(b *ompb.BucketInfo) bool
	}{
		{"nothing", &ompb.SetBucket{}, ozerr.InvalidRequest, nil},
		{"odd versioning", &ompb.SetBucket{Change: &ompb.SetBucket_Versioning{Versioning: "Off"}}, ozerr.InvalidArgument, nil},
		{"lock without versions", &ompb.SetBucket{Change: &ompb.SetBucket_ObjectLock{}}, ozerr.InvalidBucketState, nil},
		{"suspended", &ompb.SetBucket{Change: &ompb.SetBucket_Versioning{Versioning: suspended}}, "", func(b *ompb.BucketInfo) bool { return b.Versioning == suspended }},
		{"lock while suspended", &ompb.SetBucket{Change: &ompb.SetBucket_ObjectLock{}}, ozerr.InvalidBucketState, nil},
		{"enabled", &ompb.SetBucket{Change: &ompb.SetBucket_Versioning{Versioning: enabled}}, "", func(b *ompb.BucketInfo) bool { return b.Versioning == enabled }},
		{"lock", &ompb.SetBucket{Change: &ompb.SetBucket_ObjectLock{ObjectLock: &ompb.ObjectLock{}}}, "", func(b *ompb.BucketInfo) bool { return b.ObjectLock != nil }},
		{"suspended under lock", &ompb.SetBucket{Change: &ompb.SetBucket_Versioning{Versioning: suspended}}, ozerr.InvalidBucketState, nil},
		{"enabled under lock", &ompb.SetBucket{Change: &ompb.SetBucket_Versioning{Versioning: enabled}}, "", func(b *ompb.BucketInfo) bool { return b.Versioning == enabled }},
		{"ownership", &ompb.SetBucket{Change: &ompb.SetBucket_ObjectOwnership{ObjectOwnership: "ObjectWriter"}}, "", func(b *ompb.BucketInfo) bool { return b.ObjectOwnership == "ObjectWriter" }},
		{"odd ownership", &ompb.SetBucket{Change: &ompb.SetBucket_ObjectOwnership{ObjectOwnership: "x"}}, ozerr.InvalidArgument, nil},
		{"no ownership", &ompb.SetBucket{Change: &ompb.SetBucket_ObjectOwnership{}}, "", func(b *ompb.BucketInfo) bool { return b.ObjectOwnership == "" }},
		{"public access", &ompb.SetBucket{Change: &ompb.SetBucket_PublicAccessBlock{PublicAccessBlock: &ompb.PublicAccessBlock{BlockPublicPolicy: true}}}, "", func(b *ompb.BucketInfo) bool { return b.PublicAccessBlock.GetBlockPublicPolicy() }},
		{"nothing blocked", &ompb.SetBucket{Change: &ompb.SetBucket_PublicAccessBlock{PublicAccessBlock: &ompb.PublicAccessBlock{}}}, "", func(b *ompb.BucketInfo) bool { return b.PublicAccessBlock != nil }},
		{"no block", &ompb.SetBucket{Change: &ompb.SetBucket_NoPublicAccessBlock{NoPublicAccessBlock: true}}, "", func(b *ompb.BucketInfo) bool { return b.PublicAccessBlock == nil }},
		{"acl", setACL(grant), "", func(b *ompb.BucketInfo) bool { return len(b.Acl.Grants) == 1 }},
		{"odd acl", setACL(&ompb.Grant{Permission: "ALL"}), ozerr.InvalidArgument, nil},
		{"large grant", setACL(&ompb.Grant{Id: strings.Repeat("x", maxGrant), Permission: "READ"}), ozerr.InvalidArgument, nil},
		{"many grants", setACL(make([]*ompb.Grant, maxGrants+1)...), ozerr.InvalidArgument, nil},
		{"encryption", &ompb.SetBucket{Change: &ompb.SetBucket_Encryption{Encryption: &ompb.DefaultEncryption{Algorithm: "AES256"}}}, "", func(b *ompb.BucketInfo) bool { return b.Encryption.GetAlgorithm() == "AES256" }},
		{"no encryption", &ompb.SetBucket{Change: &ompb.SetBucket_Encryption{Encryption: &ompb.DefaultEncryption{}}}, "", func(b *ompb.BucketInfo) bool { return b.Encryption == nil }},
		{"nobody", &ompb.SetBucket{Change: &ompb.SetBucket_Owner{}}, ozerr.InvalidArgument, nil},
		{"owner", &ompb.SetBucket{Change: &ompb.SetBucket_Owner{Owner: "bob"}}, "", func(b *ompb.BucketInfo) bool { return b.Owner == "bob" }},
		{"another's", &ompb.SetBucket{ExpectedOwner: "alice", Change: &ompb.SetBucket_Owner{Owner: "x"}}, ozerr.WrongBucketOwner, nil},
		{"canonical owner", &ompb.SetBucket{ExpectedOwner: identity.CanonicalID("bob"), Change: &ompb.SetBucket_Owner{Owner: "carol"}}, "", func(b *ompb.BucketInfo) bool { return b.Owner == "carol" }},
	} {
		before := m.bucket("bkt")
		m.wants(setBucket("bkt", tt.change), tt.want)
		after := m.bucket("bkt")
		if tt.is != nil && !tt.is(after) || tt.is == nil && after.ModifiedNs != before.ModifiedNs {
			t.Errorf("%s: %v, before %v", tt.name, after, before)
		}
	}
	if k := m.must(commit("bkt", "k", nil)).GetKey(); k.Bucket.Acl != nil || k.Bucket.Versioning != enabled {
		t.Errorf("a PUT is answered with %v", k.Bucket)
	}
	if k := m.must(get("bkt", "k")).GetKey(); k.Bucket.Acl == nil {
		t.Errorf("a GET is answered with %v", k.Bucket)
	}
}

func TestKeyACL(t *testing.T) {
	m := testMachine(t)
	acl := &ompb.ACL{Owner: "bob", Grants: []*ompb.Grant{{Uri: identity.AllUsers, Permission: "READ"}}}
	req := commit("bkt", "k", nil)
	req.GetCommitKey().Acl = acl
	m.must(req)
	if k := m.must(get("bkt", "k")).GetKey().Key; len(k.Acl.GetGrants()) != 1 || k.Acl.Owner != "bob" {
		t.Errorf("%v", k)
	}
	m.must(setVersions("bkt", enabled))
	m.must(commit("bkt", "k", nil))
	set := func(id string, acl *ompb.ACL, want ozerr.Code) {
		t.Helper()
		op := &ompb.SetKeyACL{Ref: ref("bkt"), Key: "k", VersionId: id, Acl: acl}
		m.wants(&ompb.Request{Op: &ompb.Request_SetKeyAcl{SetKeyAcl: op}}, want)
	}
	set("", acl, "")
	set(nullVersion, nil, "")
	set(nullVersion, &ompb.ACL{Grants: make([]*ompb.Grant, maxGrants+1)}, ozerr.InvalidArgument)
	set(strings.Repeat("0", 32), nil, ozerr.VersionNotFound)
	if k := m.must(get("bkt", "k")).GetKey().Key; len(k.Acl.GetGrants()) != 1 {
		t.Errorf("%v", k)
	}
	if k := m.must(getVersion("bkt", "k", nullVersion)).GetKey().Key; k.Acl != nil {
		t.Errorf("%v", k)
	}
}

// TestLifecycleDeletions: what a rule asks of a version's place among the others.
func TestLifecycleDeletions(t *testing.T) {
	m := testMachine(t)
	m.must(setVersions("bkt", enabled))
	wants := func(id string, change func(*ompb.KeyToDelete), code ozerr.Code) {
		t.Helper()
		req := removeVersion("bkt", "k", id)
		change(req.GetDeleteKeys().Keys[0])
		if r := m.must(req).GetDeletes().Results[0]; r.GetError().GetCode() != string(code) {
			t.Fatalf("%v, want %q", r, code)
		}
	}
	lone := func(d *ompb.KeyToDelete) { d.OnlyLoneMarker = true }
	behind := func(d *ompb.KeyToDelete) { d.OnlyNoncurrent = true }
	old := m.must(commit("bkt", "k", nil)).GetKey().Key
	wants(old.VersionId, lone, ozerr.PreconditionFailed) // no marker
	wants(old.VersionId, behind, ozerr.PreconditionFailed)
	wants("", lone, ozerr.InvalidRequest)
	first := m.removed(remove("bkt", "k")).VersionId
	wants(first, lone, ozerr.PreconditionFailed) // not alone
	second := m.removed(remove("bkt", "k")).VersionId
	wants(first, lone, ozerr.PreconditionFailed)
	wants(second, behind, ozerr.PreconditionFailed)
	wants(first, behind, "")
	wants(old.VersionId, behind, "")
	wants(old.VersionId, behind, "") // done already
	wants(second, lone, "")
	m.must(deleteBucket(ref("bkt")))
}
