package s3g

import (
	"net/http"
	"strings"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/identity"
	"github.com/mini-ozone/mini-ozone/s3g/access"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

// aclKind is what an ACL is for.
type aclKind int

const (
	bucketACL aclKind = iota
	objectACL
)

// grantHeaders and the permission that each grants.
var grantHeaders = [...]struct{ name, permission string }{
	{"X-Amz-Grant-Full-Control", access.FullControl},
	{"X-Amz-Grant-Read", access.Read},
	{"X-Amz-Grant-Read-Acp", access.ReadACP},
	{"X-Amz-Grant-Write", access.Write},
	{"X-Amz-Grant-Write-Acp", access.WriteACP},
}

const cannedHeader = "X-Amz-Acl"

// asksACL says whether the headers ask for an ACL.
func asksACL(h http.Header) bool {
	if h.Get(cannedHeader) != "" {
		return true
	}
	for _, g := range grantHeaders {
		if h.Get(g.name) != "" {
			return true
		}
	}
	return false
}

// headerACL is the ACL that x-amz-acl or x-amz-grant-* ask for of what the caller makes,
// nil if neither is there. Of an object the bucket decides, by its object ownership,
// whether it can have one and whose it is.
func (g *gateway) headerACL(r *request, kind aclKind) (*client.ACL, error) {
	if !asksACL(r.Header) {
		return nil, nil
	}
	me := r.callerName()
	if kind == bucketACL {
		return g.readACLHeaders(r, me, "")
	}
	b, err := g.bucketOf(r)
	if err != nil {
		return nil, err
	}
	if b.ObjectOwnership == access.BucketOwnerEnforced {
		return nil, onlyOwnersACL(r.Header)
	}
	full := r.Header.Get(cannedHeader) == bucketOwnerFullControl
	if b.ObjectOwnership == access.BucketOwnerPreferred && full {
		me = b.Owner
	}
	acl, err := g.readACLHeaders(r, me, b.Owner)
	if err != nil {
		return nil, err
	}
	acl.Owner = me
	return acl, checkPublicACL(b, acl)
}

const bucketOwnerFullControl = "bucket-owner-full-control"

// onlyOwnersACL accepts the one canned ACL that a bucket without ACLs takes: the owner
// of the bucket has everything there anyway.
func onlyOwnersACL(h http.Header) error {
	canned := h.Get(cannedHeader)
	h = h.Clone()
	h.Del(cannedHeader)
	if canned == bucketOwnerFullControl && !asksACL(h) {
		return nil
	}
	return s3err.AccessControlListNotSupported
}

// checkPublicACL refuses a public ACL where the bucket blocks them.
func checkPublicACL(b client.Bucket, acl *client.ACL) error {
	if p := b.PublicAccessBlock; p != nil && p.BlockPublicACLs && access.PublicGrants(grantsOf(acl)) {
		return s3err.AccessDenied
	}
	return nil
}

// grantsOf are the grants of an ACL as package access has them.
func grantsOf(acl *client.ACL) []access.Grant {
	if acl == nil {
		return nil
	}
	out := make([]access.Grant, len(acl.Grants))
	for i, g := range acl.Grants {
		out[i] = access.Grant(g)
	}
	return out
}

// ownersACL is the ACL that gives the owner everything and others nothing.
func ownersACL(owner string) *client.ACL {
	return &client.ACL{Grants: []client.Grant{{ID: identity.CanonicalID(owner), Permission: access.FullControl}}}
}

func aclWith(grants []access.Grant) *client.ACL {
	acl := &client.ACL{Grants: make([]client.Grant, len(grants))}
	for i, g := range grants {
		acl.Grants[i] = client.Grant(g)
	}
	return acl
}

// readACLHeaders makes the ACL of something of owner's, in a bucket of bucketOwner's
// where it is an object.
func (g *gateway) readACLHeaders(r *request, owner, bucketOwner string) (*client.ACL, error) {
	grants, err := g.headerGrants(r)
	if err != nil {
		return nil, err
	}
	canned := r.Header.Get(cannedHeader)
	switch {
	case canned != "" && grants != nil:
		return nil, s3err.InvalidRequest.With("Specifying both Canned ACLs and Header Grants is not allowed")
	case grants != nil:
		return aclWith(grants), nil
	}
	inBucketOf := ""
	if bucketOwner != "" {
		inBucketOf = identity.CanonicalID(bucketOwner)
	}
	grants, ok := access.Canned(canned, identity.CanonicalID(owner), inBucketOf)
	if !ok {
		return nil, s3err.Argument("x-amz-acl", text(canned), "")
	}
	return aclWith(grants), nil
}

// headerGrants reads x-amz-grant-*: lists of id="…", uri="…" and emailAddress="…".
func (g *gateway) headerGrants(r *request) ([]access.Grant, error) {
	var grants []access.Grant
	for _, header := range grantHeaders {
		value := strings.Join(r.Header[header.name], ",")
		if value == "" {
			continue
		}
		for item := range strings.SplitSeq(value, ",") {
			kind, who, ok := strings.Cut(strings.TrimSpace(item), "=")
			if !ok {
				return nil, s3err.Argument(strings.ToLower(header.name), text(value), "Argument format not recognized")
			}
			grant, err := g.grantee(r, kind, strings.Trim(who, `"`))
			if err != nil {
				return nil, err
			}
			grant.Permission = header.permission
			if grants = append(grants, grant); len(grants) > maxGrants {
				return nil, tooManyGrants()
			}
		}
	}
	return grants, nil
}

// maxGrants is how many grants an ACL can have.
const maxGrants = 100

func tooManyGrants() error {
	return s3err.InvalidRequest.Withf("The request contained more than the maximum of %d grants", maxGrants)
}

// grantee finds whom a grant is for.
func (g *gateway) grantee(r *request, kind, who string) (access.Grant, error) {
	who = text(who)
	switch strings.ToLower(kind) {
	case "id":
		id, err := g.canonicalID(r, who)
		return access.Grant{ID: id}, err
	case "uri":
		if !access.Group(who) {
			return access.Grant{}, s3err.Argument("Group/URI", who, "Invalid group uri")
		}
		return access.Grant{URI: who}, nil
	case "emailaddress":
		id, err := g.idOfEmail(r, who)
		return access.Grant{ID: id}, err
	}
	return access.Grant{}, s3err.Argument(kind, who, "Argument format not recognized")
}
