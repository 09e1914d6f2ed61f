package access_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/mini-ozone/mini-ozone/s3g/access"
)

var (
	someUsers   = []string{"", "owner", "writer", "other"}
	someActions = []string{"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:PutObjectAcl", "s3:GetObjectTagging", "s3:ListBucket",
		"s3:GetBucketAcl", "s3:PutBucketPolicy", "s3:DeleteBucket", "s3:AbortMultipartUpload"}
)

// anyWorld draws a bucket with an object.
func anyWorld(t *rapid.T) world {
	permissions := []string{access.FullControl, access.Read, access.Write, access.ReadACP, access.WriteACP}
	acl := func(label string) []access.Grant {
		n := rapid.IntRange(-1, 3).Draw(t, label)
		if n < 0 {
			return nil
		}
		list := make([]string, n)
		for i := range list {
			list[i] = rapid.SampledFrom([]string{"everybody", "users", "owner", "writer", "other"}).Draw(t, "grantee") + " " +
				rapid.SampledFrom(permissions).Draw(t, "permission")
		}
		return grants(list...)
	}
	return world{
		bucket: acl("bucket grants"), object: acl("object grants"), writer: rapid.SampledFrom(someUsers).Draw(t, "writer"),
		missing:   rapid.Bool().Draw(t, "missing"),
		ownership: rapid.SampledFrom([]string{"", access.BucketOwnerEnforced, access.BucketOwnerPreferred}).Draw(t, "ownership"),
		ignore:    rapid.Bool().Draw(t, "ignore"), restrict: rapid.Bool().Draw(t, "restrict"),
	}
}

func anyStatement(t *rapid.T, effect string) string {
	principal := rapid.SampledFrom([]string{`"*"`, `{"AWS":"writer"}`, `{"AWS":["other","owner"]}`}).Draw(t, "principal")
	action := rapid.SampledFrom([]string{`"s3:*"`, `"s3:Get*"`, `"s3:GetObject"`, `"s3:PutObject"`, `["s3:ListBucket","s3:PutObjectAcl"]`}).Draw(t, "action")
	return stmt(`"Effect":"` + effect + `","Principal":` + principal + `,"Action":` + action + `,"Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]`)
}

// What the pieces of a world can and cannot do, whatever the rest of it: a Deny never
// allows, an Allow never denies, the switches of the public access block only take away,
// and without a grant, a policy or ownership there is nothing.
func TestMonotone(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := anyWorld(rt)
		var statements []string
		for range rapid.IntRange(0, 2).Draw(rt, "statements") {
			statements = append(statements, anyStatement(rt, rapid.SampledFrom([]string{"Allow", "Deny"}).Draw(rt, "effect")))
		}
		caller := rapid.SampledFrom(someUsers).Draw(rt, "caller")
		action := rapid.SampledFrom(someActions).Draw(rt, "action")
		decide := func(w world, statements ...string) bool {
			if len(statements) > 0 {
				w.policy = policy(statements...)
			}
			return w.decide(t, caller, action).Allowed
		}
		is := decide(w, statements...)
		if !is && decide(w, append([]string{anyStatement(rt, "Deny")}, statements...)...) {
			rt.Fatal("a Deny allows")
		}
		allow := anyStatement(rt, "Allow")
		blocked := w
		blocked.ignore, blocked.restrict = true, true
		if !is && decide(blocked, statements...) {
			rt.Fatal("a public access block allows")
		}
		if w.restrict { // another public statement makes the policy public, which then counts for nobody
			allow = stmt(`"Principal":{"AWS":"other"}`)
		}
		if is && !decide(w, append(statements, allow)...) {
			rt.Fatal("an Allow denies")
		}
		lonely := w
		lonely.bucket, lonely.object = nil, nil
		if caller != "owner" && caller != w.writer && decide(lonely) {
			rt.Fatal("a stranger may")
		}
		if caller == "" && action != "s3:GetObject" && decide(lonely) {
			rt.Fatal("anybody may")
		}
	})
}
