package access

import (
	"fmt"

	"github.com/mini-ozone/mini-ozone/internal/identity"
)

// The settings of object ownership. A bucket without one is as with ObjectWriter.
const (
	BucketOwnerEnforced  = "BucketOwnerEnforced"  // the bucket's owner owns everything, ACLs are off
	BucketOwnerPreferred = "BucketOwnerPreferred" // it owns what comes with bucket-owner-full-control
	ObjectWriter         = "ObjectWriter"
)

// Bucket is what a decision needs to know of a bucket.
type Bucket struct {
	Name, Owner           string
	Grants                []Grant
	HasACL                bool // otherwise private
	Ownership             string
	IgnorePublicACLs      bool
	RestrictPublicBuckets bool
	Policy                *Policy // nil: none
}

// Object is what a decision needs to know of an object.
type Object struct {
	Owner  string
	Grants []Grant
	HasACL bool
	// Own says that the object is being written by the caller. An anonymous writer has no
	// name to be the owner by, but may say what becomes of what it writes.
	Own bool
}

// Question is one thing that a caller wants to do.
type Question struct {
	Caller string // user name, "" for anonymous
	Action string // s3:GetObject
	Bucket Bucket // empty for actions of the service
	Key    string // "" for actions of the bucket
	// Object must be set for actions that NeedsObject, if the object exists, and for those
	// that NeedsUpload: the upload's owner.
	Object *Object
	Keys   Keys
}

// Resource is what the question is about, as in an ARN: bucket or bucket/key.
func (q *Question) Resource() string {
	if q.Key == "" {
		return q.Bucket.Name
	}
	return q.Bucket.Name + "/" + q.Key
}

// Decision is the answer, and why.
type Decision struct {
	Allowed bool
	Reason  string
}

func allow(format string, args ...any) Decision { return Decision{true, fmt.Sprintf(format, args...)} }
func deny(format string, args ...any) Decision  { return Decision{false, fmt.Sprintf(format, args...)} }

// Decide answers q in AWS's order: an explicit Deny, an Allow of the policy, the ACL,
// ownership; what nothing allows is denied.
func (q *Question) Decide() Decision {
	n := needs[q.Action]
	if n == needSigned {
		if q.Caller == "" {
			return deny("anonymous")
		}
		return allow("signed")
	}
	if q.ownsBucket() && ofPolicy(q.Action) {
		return allow("the bucket's owner may always manage its policy")
	}
	s := q.Bucket.Policy.find(q)
	switch {
	case s != nil && !s.allow:
		return deny("policy %s denies it", s.name())
	case n.ofObject() && q.Object == nil:
		return q.missing()
	case s != nil:
		if reason := q.weak(n); reason == "" {
			return allow("policy %s allows it", s.name())
		} else if d := q.byGrant(n); d.Allowed {
			return d
		} else {
			return deny("%s", reason)
		}
	}
	return q.byGrant(n)
}

// weak says why an Allow of the policy does not count, "" if it does: a public policy
// of a bucket that restricts them, an object that is another's than the bucket.
func (q *Question) weak(n need) string {
	switch {
	case q.Bucket.RestrictPublicBuckets && !q.ownsBucket() && q.Bucket.Policy.Public():
		return "the policy is public, which the bucket restricts to its owner"
	case n.ofObject() && q.objectOwner() != q.Bucket.Owner:
		return "the policy does not speak for the owner of the object"
	}
	return ""
}

// ofPolicy are the actions that owners cannot lock themselves out of.
func ofPolicy(action string) bool {
	switch action {
	case "s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy":
		return true
	}
	return false
}

// missing decides on an object that is not there: who may list the bucket may know.
func (q *Question) missing() Decision {
	list := *q
	list.Action, list.Key = "s3:ListBucket", ""
	if d := list.Decide(); !d.Allowed {
		return deny("the object does not exist, which is for those to know who may list the bucket: %s", d.Reason)
	}
	return allow("the object does not exist and the caller may list the bucket")
}

// byGrant decides by ACL and ownership.
func (q *Question) byGrant(n need) Decision {
	switch n {
	case needBucketOwner:
		if q.ownsBucket() {
			return allow("the caller owns the bucket")
		}
		return deny("not the owner of the bucket, and no policy allows it")
	case needInitiator:
		if q.ownsBucket() || q.Caller != "" && q.Object != nil && q.Object.Owner == q.Caller {
			return allow("the caller began the upload or owns the bucket")
		}
		return deny("neither the initiator of the upload nor the owner of the bucket")
	case needObjectOwner:
		if q.ownsObject() {
			return allow("the caller owns the object")
		}
		return deny("not the owner of the object, and no policy allows it")
	}
	what, owner, owns := "bucket", q.Bucket.Owner, q.ownsBucket()
	grants, has := q.Bucket.Grants, q.Bucket.HasACL
	if n.ofObject() {
		what, owner, owns = "object", q.objectOwner(), q.ownsObject()
		grants, has = q.Object.Grants, q.Object.HasACL
	}
	if owns && q.ownersOwn(n) {
		return allow("the caller owns the %s", what)
	}
	if !has || q.Bucket.Ownership == BucketOwnerEnforced {
		grants = []Grant{{ID: identity.CanonicalID(owner), Permission: FullControl}}
	}
	return q.byACL(grants, n.permission(), what)
}

// ownersOwn are the rights that owners keep whatever the ACL says: to read and write
// the ACL, and to delete what is in their bucket.
func (q *Question) ownersOwn(n need) bool {
	switch n {
	case needBucketReadACP, needBucketWriteACP, needObjectReadACP, needObjectWriteACP:
		return true
	}
	return q.Action == "s3:DeleteObject"
}

func (q *Question) byACL(grants []Grant, permission, what string) Decision {
	ignored := false
	for i := range grants {
		g := &grants[i]
		if !g.gives(q.Caller, permission) {
			continue
		}
		if g.public() && q.Bucket.IgnorePublicACLs {
			ignored = true
			continue
		}
		return allow("the ACL of the %s grants %s%s", what, g.Permission, toWhom(g))
	}
	if ignored {
		return deny("public ACLs are ignored, and nothing else grants %s", permission)
	}
	return deny("neither policy nor the ACL of the %s grants %s", what, permission)
}

func toWhom(g *Grant) string {
	switch g.URI {
	case identity.AllUsers:
		return " to everybody"
	case identity.AuthenticatedUsers:
		return " to every user"
	}
	return ""
}

func (q *Question) ownsBucket() bool { return q.Caller != "" && q.Caller == q.Bucket.Owner }

func (q *Question) ownsObject() bool {
	return q.Object.Own || q.Caller != "" && q.Caller == q.objectOwner()
}

// objectOwner is who owns the object. What nobody in particular has written is the
// bucket owner's: otherwise nobody could ever read it.
func (q *Question) objectOwner() string {
	if q.Bucket.Ownership == BucketOwnerEnforced || q.Object.Owner == "" || q.Object.Owner == identity.Anonymous {
		return q.Bucket.Owner
	}
	return q.Object.Owner
}
