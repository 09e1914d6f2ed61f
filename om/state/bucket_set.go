package state

import (
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// setBucket changes one property of a bucket.
func (c *call) setBucket(r *ompb.SetBucket) (*ompb.Response, error) {
	b, err := c.bucket(r.Ref, r.ExpectedOwner)
	if err != nil {
		return nil, err
	}
	if err := c.changeBucket(b, r); err != nil {
		return nil, err
	}
	b.ModifiedNs = c.now()
	c.putBucket(b)
	return bucketAnswer(b), nil
}

func (c *call) changeBucket(b *ompb.BucketInfo, r *ompb.SetBucket) error {
	switch change := r.Change.(type) {
	case *ompb.SetBucket_Versioning:
		return setVersioning(b, change.Versioning)
	case *ompb.SetBucket_ObjectLock:
		return setObjectLock(b, change.ObjectLock)
	case *ompb.SetBucket_ObjectOwnership:
		b.ObjectOwnership = change.ObjectOwnership
		return checkOwnership(b.ObjectOwnership)
	case *ompb.SetBucket_PublicAccessBlock:
		b.PublicAccessBlock = change.PublicAccessBlock
		return nil
	case *ompb.SetBucket_NoPublicAccessBlock:
		b.PublicAccessBlock = nil
		return nil
	case *ompb.SetBucket_Acl:
		b.Acl = change.Acl
		return checkACL(b.Acl)
	case *ompb.SetBucket_Encryption:
		if b.Encryption = change.Encryption; b.Encryption.GetAlgorithm() == "" {
			b.Encryption = nil
		}
		return checkShort(b.Encryption.GetAlgorithm(), b.Encryption.GetKeyId())
	case *ompb.SetBucket_Document:
		return c.setDocument(b, change.Document)
	case *ompb.SetBucket_Owner:
		if b.Owner = change.Owner; b.Owner == "" {
			return ozerr.New(ozerr.InvalidArgument, "a bucket needs an owner")
		}
		return checkShort(b.Owner)
	}
	return ozerr.New(ozerr.InvalidRequest, "no change of the bucket is given")
}

func setVersioning(b *ompb.BucketInfo, to string) error {
	if to != enabled && to != suspended {
		return ozerr.New(ozerr.InvalidArgument, "versioning %.40q is neither Enabled nor Suspended", to)
	}
	if to == suspended && b.ObjectLock != nil {
		return ozerr.New(ozerr.InvalidBucketState, "an object lock is on bucket %s, so its versioning can't be suspended", b.Name)
	}
	b.Versioning = to
	return nil
}

// setObjectLock turns object lock on or changes the default. It needs versions, or a
// write could replace what is locked; and then they can't be suspended any more.
func setObjectLock(b *ompb.BucketInfo, l *ompb.ObjectLock) error {
	if b.Versioning != enabled {
		return ozerr.New(ozerr.InvalidBucketState, "versioning must be Enabled on bucket %s for an object lock", b.Name)
	}
	if l == nil {
		l = &ompb.ObjectLock{}
	}
	const maxYears = 100 // AWS's
	switch l.Mode {
	case "":
		if l.Days != 0 || l.Years != 0 {
			return ozerr.New(ozerr.InvalidArgument, "a default retention needs a mode")
		}
	case governance, compliance:
		if (l.Days == 0) == (l.Years == 0) || l.Years > maxYears || l.Days > maxYears*365 {
			return ozerr.New(ozerr.InvalidArgument, "a default retention of %d days and %d years", l.Days, l.Years)
		}
	default:
		return ozerr.New(ozerr.InvalidArgument, "%.40q is no retention mode", l.Mode)
	}
	b.ObjectLock = l
	return nil
}

func checkOwnership(o string) error {
	switch o {
	case "", "BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter":
		return nil
	}
	return ozerr.New(ozerr.InvalidArgument, "%.40q is no object ownership", o)
}
