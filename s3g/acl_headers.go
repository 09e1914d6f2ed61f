package s3g

import "github.com/mini-ozone/mini-ozone/client"

// aclKind is what an ACL is for.
type aclKind int

const (
	bucketACL aclKind = iota
	objectACL
)

// headerACL is the ACL that x-amz-acl or x-amz-grant-* ask for, nil if neither is there.
func (g *gateway) headerACL(_ *request, _ aclKind) (*client.ACL, error) { return nil, nil }
