package state

import (
	"github.com/mini-ozone/mini-ozone/internal/notification"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
	"google.golang.org/protobuf/proto"
)

// maxGrants is AWS's; the bytes of a grant bound a row.
const (
	maxGrants = 100
	maxGrant  = 512 // bytes
)

// checkACL bounds an access control list. Who is in it is the gateway's to check.
func checkACL(a *ompb.ACL) error {
	if len(a.GetGrants()) > maxGrants {
		return ozerr.New(ozerr.InvalidArgument, "%d grants, at most %d", len(a.Grants), maxGrants)
	}
	for _, g := range a.GetGrants() {
		if proto.Size(g) > maxGrant {
			return ozerr.New(ozerr.InvalidArgument, "a grant of %d bytes, at most %d", proto.Size(g), maxGrant)
		}
		switch g.Permission {
		case "FULL_CONTROL", "READ", "WRITE", "READ_ACP", "WRITE_ACP":
		default:
			return ozerr.New(ozerr.InvalidArgument, "%.40q is no permission", g.Permission)
		}
	}
	return checkShort(a.GetOwner())
}

// setKeyACL replaces the ACL of a version; neither its date nor its version changes.
func (c *call) setKeyACL(r *ompb.SetKeyACL) (*ompb.Response, error) {
	b, err := c.bucket(r.Ref, r.ExpectedOwner)
	if err != nil {
		return nil, err
	}
	v, err := c.existing(b, r.Key, r.VersionId)
	if err != nil {
		return nil, err
	}
	if err := check(&ompb.Condition{IfGeneration: r.IfGeneration}, v); err != nil {
		return nil, err
	}
	if err := checkACL(r.Acl); err != nil {
		return nil, err
	}
	v.Acl = r.Acl
	c.store(b, v)
	c.tell(b, notification.ACLPut, v)
	return keyAnswer(b, v), nil
}
