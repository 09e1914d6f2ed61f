package access_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/internal/identity"
	"github.com/mini-ozone/mini-ozone/s3g/access"
)

// grants makes a list of "WHO PERMISSION".
func grants(list ...string) []access.Grant {
	out := []access.Grant{}
	for _, s := range list {
		who, permission, _ := strings.Cut(s, " ")
		g := access.Grant{Permission: permission}
		switch who {
		case "everybody":
			g.URI = identity.AllUsers
		case "users":
			g.URI = identity.AuthenticatedUsers
		default:
			g.ID = identity.CanonicalID(who)
		}
		out = append(out, g)
	}
	return out
}

// world is a bucket of owner's with an object of writer's.
type world struct {
	bucket, object []access.Grant // nil: private
	writer         string
	missing        bool
	ownership      string
	ignore         bool
	restrict       bool
	policy         string
}

func (w world) decide(t *testing.T, caller, action string) access.Decision {
	t.Helper()
	q := access.Question{
		Caller: caller, Action: action, Keys: keys{},
		Bucket: access.Bucket{
			Name: "bucket", Owner: "owner", Grants: w.bucket, HasACL: w.bucket != nil, Ownership: w.ownership,
			IgnorePublicACLs: w.ignore, RestrictPublicBuckets: w.restrict,
		},
	}
	if strings.Contains(action, "Object") || strings.Contains(action, "Upload") && !strings.Contains(action, "Bucket") {
		q.Key = "k"
	}
	if !w.missing {
		q.Object = &access.Object{Owner: w.writer, Grants: w.object, HasACL: w.object != nil}
	}
	if w.policy != "" {
		var err error
		if q.Bucket.Policy, err = access.Parse([]byte(w.policy), "bucket"); err != nil {
			t.Fatal(err)
		}
	}
	return q.Decide()
}

// TestDecide is the matrix: who may do what in which world. Whoever is not named for an
// action may not do it.
func TestDecide(t *testing.T) {
	everyone := []string{"", "owner", "writer", "other"}
	full := grants("owner FULL_CONTROL")
	for _, tc := range []struct {
		name string
		world
		may string // ACTION: who who; …; - is anonymous
	}{
		{"private, the owner's object", world{writer: "owner"},
			"ListBucket: owner; PutObject: owner; DeleteObject: owner; DeleteObjectVersion: owner; GetObject: owner; GetObjectAcl: owner; PutObjectAcl: owner; GetObjectTagging: owner; GetBucketAcl: owner; PutBucketAcl: owner; PutBucketPolicy: owner; GetBucketVersioning: owner; PutObjectRetention: owner"},
		{"private, another's object", world{writer: "writer"},
			"ListBucket: owner; DeleteObject: owner; GetObject: writer; GetObjectAcl: writer; PutObjectAcl: writer; PutObjectTagging: writer; BypassGovernanceRetention: owner; GetObjectRetention: owner"},
		{"another's object, the bucket owns all", world{writer: "writer", ownership: access.BucketOwnerEnforced, object: grants("everybody READ")},
			"GetObject: owner; GetObjectAcl: owner; PutObjectAcl: owner"},
		{"public-read bucket", world{writer: "owner", bucket: append(full, grants("everybody READ")...)},
			"ListBucket: - owner writer other; ListBucketVersions: - owner writer other; PutObject: owner; GetObject: owner; GetBucketAcl: owner"},
		{"public-read-write bucket", world{writer: "owner", bucket: append(full, grants("everybody READ", "everybody WRITE")...)},
			"PutObject: - owner writer other; DeleteObject: - owner writer other; DeleteObjectVersion: owner; GetObject: owner; PutBucketAcl: owner; DeleteBucket: owner"},
		{"users may list", world{writer: "owner", bucket: grants("users READ")}, "ListBucket: owner writer other"},
		{"users may read ACLs", world{writer: "owner", bucket: grants("users READ_ACP", "other WRITE_ACP")},
			"GetBucketAcl: owner writer other; PutBucketAcl: owner other; ListBucket: "},
		{"one user has it all", world{writer: "owner", bucket: grants("other FULL_CONTROL")},
			"ListBucket: other; PutObject: other; GetBucketAcl: owner other; PutBucketAcl: owner other; DeleteObject: owner other; DeleteBucket: owner; PutBucketPolicy: owner"},
		{"public-read object", world{writer: "owner", object: append(full, grants("everybody READ")...)},
			"GetObject: - owner writer other; GetObjectVersion: - owner writer other; GetObjectAttributes: - owner writer other; GetObjectAcl: owner; GetObjectTagging: owner; PutObject: owner; ListBucket: owner"},
		{"the object's owner has nothing", world{writer: "writer", object: grants()},
			"GetObject: ; GetObjectAcl: writer; PutObjectAcl: writer"},
		{"bucket-owner-read", world{writer: "writer", object: grants("writer FULL_CONTROL", "owner READ")},
			"GetObject: owner writer; GetObjectAcl: writer"},
		{"public ACLs are ignored", world{writer: "owner", ignore: true, bucket: append(full, grants("everybody READ", "other READ")...), object: append(full, grants("everybody READ", "users READ")...)},
			"ListBucket: owner other; GetObject: owner"},
		{"anonymous wrote it", world{writer: identity.Anonymous}, "GetObject: owner; PutObjectAcl: owner"},
		{"missing", world{missing: true}, "GetObject: owner; GetObjectAcl: owner"},
		{"missing, who may list may know", world{missing: true, bucket: append(full, grants("everybody READ")...)}, "GetObject: - owner writer other"},
		{"missing, a policy to read is not enough", world{missing: true, policy: policy(stmt(""))}, "GetObject: owner"},
		{"missing and denied", world{missing: true, bucket: grants("everybody READ"), policy: policy(stmt(`"Effect":"Deny"`))}, "GetObject: "},
		{"public policy", world{writer: "owner", policy: policy(stmt(""))},
			"GetObject: - owner writer other; GetObjectVersion: owner; PutObject: owner"},
		{"public policy, another's object", world{writer: "writer", policy: policy(stmt(""))}, "GetObject: writer"},
		{"public policy, restricted", world{writer: "owner", restrict: true, policy: policy(stmt(""))}, "GetObject: owner"},
		{"a user's policy, restricted", world{writer: "owner", restrict: true, policy: policy(stmt(`"Principal":{"AWS":"other"}`))}, "GetObject: owner other"},
		{"restricted, but granted", world{writer: "owner", restrict: true, policy: policy(stmt("")), object: append(full, grants("other READ")...)}, "GetObject: owner other"},
		{"deny beats allow", world{writer: "owner", policy: policy(stmt(""), stmt(`"Effect":"Deny","Principal":{"AWS":"other"}`))}, "GetObject: - owner writer"},
		{"deny beats ACL and owner", world{writer: "owner", object: grants("everybody READ"), policy: policy(stmt(`"Effect":"Deny"`))}, "GetObject: "},
		{"deny beats another's ownership", world{writer: "writer", policy: policy(stmt(`"Effect":"Deny"`))}, "GetObject: "},
		{"nobody locks the owner out", world{writer: "owner", policy: policy(stmt(`"Effect":"Deny","Action":"s3:*","Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]`))},
			"GetBucketPolicy: owner; PutBucketPolicy: owner; DeleteBucketPolicy: owner; GetObject: ; DeleteBucket: ; PutBucketAcl: ; ListBucket: "},
		{"a policy of bucket actions", world{writer: "owner", policy: policy(stmt(`"Principal":{"AWS":"other"},"Action":["s3:ListBucket","s3:GetBucketTagging","s3:PutBucketPolicy"],"Resource":"arn:aws:s3:::bucket"`))},
			"ListBucket: owner other; GetBucketTagging: owner other; PutBucketPolicy: owner other; GetBucketPolicy: owner; GetObject: owner"},
		{"the service", world{}, "ListAllMyBuckets: owner writer other; CreateBucket: owner writer other"},
	} {
		for rule := range strings.SplitSeq(tc.may, ";") {
			action, who, _ := strings.Cut(strings.TrimSpace(rule), ":")
			for _, caller := range everyone {
				name := caller
				if name == "" {
					name = "-"
				}
				d := tc.decide(t, caller, "s3:"+action)
				if want := strings.Contains(who+" ", " "+name+" "); d.Allowed != want || d.Reason == "" {
					t.Errorf("%s: %s by %s: %v", tc.name, action, name, d)
				}
			}
		}
	}
}

func TestReasons(t *testing.T) {
	for _, tc := range []struct {
		world
		caller, action, want string
	}{
		{world{writer: "owner", policy: policy(stmt(`"Sid":"readers"`))}, "", "s3:GetObject", `{true policy statement "readers" allows it}`},
		{world{writer: "owner", policy: policy(stmt(`"Effect":"Deny"`))}, "owner", "s3:GetObject", `{false policy statement 1 denies it}`},
		{world{writer: "owner", object: grants("everybody READ")}, "", "s3:GetObject", `{true the ACL of the object grants READ to everybody}`},
		{world{writer: "owner"}, "", "s3:GetObject", `{false neither policy nor the ACL of the object grants READ}`},
		{world{writer: "owner"}, "other", "s3:DeleteBucket", `{false not the owner of the bucket, and no policy allows it}`},
	} {
		if got := fmt.Sprint(tc.decide(t, tc.caller, tc.action)); got != tc.want {
			t.Errorf("%s, want %s", got, tc.want)
		}
	}
}

func TestCanned(t *testing.T) {
	me, other := identity.CanonicalID("me"), identity.CanonicalID("other")
	for _, tc := range []struct {
		name, bucketOwner string
		want              []access.Grant
	}{
		{"private", "", grants("me FULL_CONTROL")},
		{"public-read", "", grants("me FULL_CONTROL", "everybody READ")},
		{"public-read-write", other, grants("me FULL_CONTROL", "everybody READ", "everybody WRITE")},
		{"authenticated-read", "", grants("me FULL_CONTROL", "users READ")},
		{"bucket-owner-read", other, grants("me FULL_CONTROL", "other READ")},
		{"bucket-owner-full-control", other, grants("me FULL_CONTROL", "other FULL_CONTROL")},
		{"bucket-owner-full-control", me, grants("me FULL_CONTROL")},
		{"bucket-owner-full-control", "", grants("me FULL_CONTROL")},
	} {
		got, ok := access.Canned(tc.name, me, tc.bucketOwner)
		if !ok || fmt.Sprint(got) != fmt.Sprint(tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
	if _, ok := access.Canned("public", me, ""); ok {
		t.Error("public is a canned ACL")
	}
	if !access.PublicGrants(grants("me FULL_CONTROL", "users READ")) || access.PublicGrants(grants("me FULL_CONTROL", "other READ")) {
		t.Error("public grants")
	}
}

// A policy that cannot be read keeps everybody out, but its owner can replace it.
func TestUnreadable(t *testing.T) {
	for action, want := range map[string]bool{"s3:GetObject": false, "s3:ListBucket": false, "s3:PutBucketPolicy": true} {
		q := access.Question{
			Caller: "owner", Action: action, Keys: keys{}, Object: &access.Object{Owner: "owner"},
			Bucket: access.Bucket{Name: "bucket", Owner: "owner", Policy: access.Unreadable()},
		}
		if q.Decide().Allowed != want {
			t.Errorf("%s: %v", action, !want)
		}
	}
}

// What the router asks about must be what policies can name.
func TestWithVersion(t *testing.T) {
	if access.WithVersion("s3:GetObject") != "s3:GetObjectVersion" || access.WithVersion("s3:PutObject") != "s3:PutObject" {
		t.Error("wrong names")
	}
}
