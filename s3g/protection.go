package s3g

import "github.com/mini-ozone/mini-ozone/client"

// protection reads what a writer's headers say of who may read and who may delete the
// object: x-amz-acl and x-amz-grant-*, x-amz-object-lock-*.
func (g *gateway) protection(r *request) (p client.Protection, err error) {
	if p.ACL, err = g.headerACL(r, objectACL); err != nil {
		return p, err
	}
	err = headerLock(r, &p)
	return p, err
}
