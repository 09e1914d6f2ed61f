package access

import (
	"github.com/mini-ozone/mini-ozone/internal/identity"
)

// The permissions of access control lists.
const (
	FullControl = "FULL_CONTROL"
	Read        = "READ"
	Write       = "WRITE"
	ReadACP     = "READ_ACP"
	WriteACP    = "WRITE_ACP"
)

// Permission says whether p is one.
func Permission(p string) bool {
	switch p {
	case FullControl, Read, Write, ReadACP, WriteACP:
		return true
	}
	return false
}

// Group says whether uri is a group that can be granted something.
func Group(uri string) bool {
	return uri == identity.AllUsers || uri == identity.AuthenticatedUsers || uri == identity.LogDelivery
}

// Grant gives a user (ID, a canonical id) or a group (URI) a permission.
type Grant struct {
	ID, URI    string
	Permission string
}

// public says whether g is for a group that anybody can join.
func (g *Grant) public() bool {
	return g.URI == identity.AllUsers || g.URI == identity.AuthenticatedUsers
}

// gives says whether g gives caller, "" for anonymous, the permission.
func (g *Grant) gives(caller, permission string) bool {
	if g.Permission != permission && g.Permission != FullControl {
		return false
	}
	switch g.URI {
	case "":
		return caller != "" && g.ID == identity.CanonicalID(caller)
	case identity.AllUsers:
		return true
	case identity.AuthenticatedUsers:
		return caller != ""
	}
	return false
}

// PublicGrants says whether one of the grants is for everybody.
func PublicGrants(grants []Grant) bool {
	for i := range grants {
		if grants[i].public() {
			return true
		}
	}
	return false
}

// awsExec is the canonical id of the service that aws-exec-read is for.
const awsExec = "6aa5a366c34c1cbe25dc49211496e913e0351eb0e8c37aa3477e40942ec6b97c"

// cannedACLs are what AWS's canned ACLs grant besides FULL_CONTROL to the owner;
// bucketOwner in place of an ID is whose bucket an object is in.
var cannedACLs = map[string][]Grant{
	"private":                   nil,
	"public-read":               {{URI: identity.AllUsers, Permission: Read}},
	"public-read-write":         {{URI: identity.AllUsers, Permission: Read}, {URI: identity.AllUsers, Permission: Write}},
	"authenticated-read":        {{URI: identity.AuthenticatedUsers, Permission: Read}},
	"aws-exec-read":             {{ID: awsExec, Permission: Read}},
	"log-delivery-write":        {{URI: identity.LogDelivery, Permission: Write}, {URI: identity.LogDelivery, Permission: ReadACP}},
	"bucket-owner-read":         {{ID: bucketOwner, Permission: Read}},
	"bucket-owner-full-control": {{ID: bucketOwner, Permission: FullControl}},
}

const bucketOwner = "bucket-owner"

// Canned are the grants of a canned ACL; owner and inBucketOf are canonical ids, the
// latter "" for the ACL of a bucket. Of the owner of the bucket nothing is said where
// it is the object's.
func Canned(name, owner, inBucketOf string) ([]Grant, bool) {
	more, ok := cannedACLs[name]
	if !ok {
		return nil, false
	}
	grants := []Grant{{ID: owner, Permission: FullControl}}
	for _, g := range more {
		if g.ID == bucketOwner {
			if inBucketOf == "" || inBucketOf == owner {
				continue
			}
			g.ID = inBucketOf
		}
		grants = append(grants, g)
	}
	return grants, true
}
