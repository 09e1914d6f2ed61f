package s3g

import (
	"errors"
	"net/http"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/identity"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/s3g/access"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

// getBucketACL answers GET ?acl of a bucket.
func (g *gateway) getBucketACL(w http.ResponseWriter, r *request) error {
	b, err := g.bucketOf(r)
	if err != nil {
		return err
	}
	return g.writeACL(w, r, b.Owner, b.ACL, b)
}

// getObjectACL answers GET ?acl of an object.
func (g *gateway) getObjectACL(w http.ResponseWriter, r *request) error {
	o, err := g.lookup(r)
	if err != nil {
		return err
	}
	tellVersion(w.Header(), &o)
	return g.writeACL(w, r, objectOwner(&o), o.ACL, o.Bucket)
}

// objectOwner is who owns an object: its writer, unless the bucket's ownership setting
// made it another's when it was written, or makes everything the bucket owner's.
func objectOwner(o *client.Object) string { return ownerIn(o.Bucket, o) }

// ownerIn is objectOwner of an object in b, for those of listings, which don't say.
func ownerIn(b client.Bucket, o *client.Object) string {
	switch {
	case b.ObjectOwnership == access.BucketOwnerEnforced:
		return b.Owner
	case o.ACL != nil && o.ACL.Owner != "":
		return o.ACL.Owner
	}
	return o.Owner
}

// writeACL tells an ACL. Where there is none, or none counts, the owner has all.
func (g *gateway) writeACL(w http.ResponseWriter, r *request, owner string, acl *client.ACL, b client.Bucket) error {
	who := g.owners(r)(owner)
	grants := []client.Grant{{ID: who.ID, Permission: access.FullControl}}
	if acl != nil && b.ObjectOwnership != access.BucketOwnerEnforced {
		grants = acl.Grants
	}
	doc := &s3xml.AccessControlPolicy{Owner: &who, AccessControlList: &s3xml.AccessControlList{}}
	names := map[string]string{who.ID: who.DisplayName}
	for _, grant := range grants {
		to := &s3xml.Grantee{Type: "Group", URI: grant.URI}
		if grant.URI == "" {
			name, err := g.displayName(r, grant.ID, names)
			if err != nil {
				return err
			}
			to = &s3xml.Grantee{Type: "CanonicalUser", ID: grant.ID, DisplayName: name}
		}
		doc.AccessControlList.Grants = append(doc.AccessControlList.Grants, s3xml.Grant{Grantee: to, Permission: grant.Permission})
	}
	return writeXML(w, doc)
}

// displayName is the name of the user with that id, "" for one om does not know; names
// are those found before.
func (g *gateway) displayName(r *request, id string, names map[string]string) (string, error) {
	if name, ok := names[id]; ok {
		return name, nil
	}
	u, err := g.users.GetUser(r.Context(), client.UserQuery{CanonicalID: id})
	if err != nil && !unknownUser(err) {
		return "", err
	}
	name := u.DisplayName
	if name == "" {
		name = u.Name
	}
	names[id] = name
	return name, nil
}

// unknownUser says whether an error of GetUser is its answer.
func unknownUser(err error) bool {
	code := ozerr.CodeOf(err)
	return code == ozerr.UserNotFound || code == ozerr.NotSupported
}

// putBucketACL answers PUT ?acl of a bucket.
func (g *gateway) putBucketACL(w http.ResponseWriter, r *request) error {
	b, err := g.bucketOf(r)
	if err != nil {
		return err
	}
	acl, err := g.readACL(r, b.Owner, "", b)
	if err != nil {
		return err
	}
	if acl != nil {
		if _, err := g.buckets.SetBucket(r.Context(), r.bucketRef(), client.BucketChange{ACL: acl}, r.expectedOwner()); err != nil {
			return err
		}
	}
	return writeEmpty(w)
}

// putObjectACL answers PUT ?acl of an object.
func (g *gateway) putObjectACL(w http.ResponseWriter, r *request) error {
	o, err := g.lookup(r)
	if err != nil {
		return err
	}
	acl, err := g.readACL(r, objectOwner(&o), o.Bucket.Owner, o.Bucket)
	if err != nil {
		return err
	}
	tellVersion(w.Header(), &o)
	if acl != nil {
		acl.Owner = objectOwner(&o)
		if _, err := g.objects.SetObjectACL(r.Context(), r.seenRef(), *acl, r.expectedOwner()); err != nil {
			return g.changeError(r, err)
		}
	}
	return writeEmpty(w)
}

// readACL reads the ACL that a PUT ?acl asks for, from its headers or its document; nil
// where the bucket has no ACLs and this says nothing else than that.
func (g *gateway) readACL(r *request, owner, bucketOwner string, b client.Bucket) (*client.ACL, error) {
	doc, err := g.readACLDocument(r)
	if err != nil {
		return nil, err
	}
	var acl *client.ACL
	switch {
	case asksACL(r.Header) && doc != nil:
		return nil, s3err.UnexpectedContent
	case doc != nil:
		acl, err = g.documentACL(r, doc, owner)
	case !asksACL(r.Header):
		return nil, s3err.MissingSecurityHeader.WithField("MissingHeaderName", "x-amz-acl")
	case b.ObjectOwnership == access.BucketOwnerEnforced:
		return nil, onlyOwnersACL(r.Header)
	default:
		acl, err = g.readACLHeaders(r, owner, bucketOwner)
	}
	if err != nil {
		return nil, err
	}
	if b.ObjectOwnership == access.BucketOwnerEnforced {
		if id := identity.CanonicalID(b.Owner); len(acl.Grants) == 1 && acl.Grants[0] == (client.Grant{ID: id, Permission: access.FullControl}) {
			return nil, nil
		}
		return nil, s3err.AccessControlListNotSupported
	}
	return acl, checkPublicACL(b, acl)
}

// readACLDocument is the document of the request, nil if it has no body.
func (g *gateway) readACLDocument(r *request) (*s3xml.AccessControlPolicy, error) {
	raw, err := readDocument(r, maxXML)
	if errors.Is(err, s3err.MissingContentLength) || err == nil && len(raw) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	doc := new(s3xml.AccessControlPolicy)
	if err := s3xml.Unmarshal(raw, doc); err != nil {
		return nil, s3err.MalformedACLError.Wrap(err)
	}
	return doc, nil
}

// documentACL is the ACL of a document about something of owner's.
func (g *gateway) documentACL(r *request, doc *s3xml.AccessControlPolicy, owner string) (*client.ACL, error) {
	if doc.Owner == nil || doc.Owner.ID == "" || doc.AccessControlList == nil {
		return nil, s3err.MalformedACLError
	}
	if id, err := g.canonicalID(r, doc.Owner.ID); err != nil {
		return nil, err
	} else if id != identity.CanonicalID(owner) {
		return nil, s3err.AccessDenied
	}
	if len(doc.AccessControlList.Grants) > maxGrants {
		return nil, tooManyGrants()
	}
	var grants []access.Grant
	for _, item := range doc.AccessControlList.Grants {
		if item.Grantee == nil || !access.Permission(item.Permission) {
			return nil, s3err.MalformedACLError
		}
		grant, err := g.documentGrantee(r, item.Grantee)
		if err != nil {
			return nil, err
		}
		grant.Permission = item.Permission
		grants = append(grants, grant)
	}
	return aclWith(grants), nil
}

func (g *gateway) documentGrantee(r *request, to *s3xml.Grantee) (access.Grant, error) {
	switch {
	case to.Type == "CanonicalUser" && to.ID != "":
		return g.grantee(r, "id", to.ID)
	case to.Type == "Group" && to.URI != "":
		return g.grantee(r, "uri", to.URI)
	case to.Type == "AmazonCustomerByEmail" && to.EmailAddress != "":
		return g.grantee(r, "emailAddress", to.EmailAddress)
	}
	return access.Grant{}, s3err.MalformedACLError
}

// canonicalID resolves the id of a grantee, which may be a user's name. In open mode
// anything is a user, so ids are taken as they are.
func (g *gateway) canonicalID(r *request, id string) (string, error) {
	if id == "" || len(id) > 256 {
		return "", s3err.Argument("CanonicalUser/ID", id, "Invalid id")
	}
	if !g.cfg.Secure {
		return id, nil
	}
	for _, q := range []client.UserQuery{{CanonicalID: id}, {Name: id}} {
		u, err := g.users.GetUser(r.Context(), q)
		if err == nil {
			return u.CanonicalID, nil
		}
		if !unknownUser(err) {
			return "", err
		}
	}
	return "", s3err.Argument("CanonicalUser/ID", id, "Invalid id")
}

// idOfEmail is the canonical id of the user with that e-mail address.
func (g *gateway) idOfEmail(r *request, email string) (string, error) {
	if email != "" {
		u, err := g.users.GetUser(r.Context(), client.UserQuery{Email: email})
		if err == nil {
			return u.CanonicalID, nil
		}
		if !unknownUser(err) {
			return "", err
		}
	}
	return "", s3err.UnresolvableGrantByEmailAddress.WithField("Email", email)
}
