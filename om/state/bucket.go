package state

import (
	"strings"

	"github.com/mini-ozone/mini-ozone/internal/identity"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

func bucketAnswer(b *ompb.BucketInfo) *ompb.Response {
	return &ompb.Response{Result: &ompb.Response_Bucket{Bucket: b}}
}

// bucket finds the bucket ref names. With expectedOwner set, a user's name or canonical
// id, another's bucket is an error.
func (c *call) bucket(ref *ompb.BucketRef, expectedOwner string) (*ompb.BucketInfo, error) {
	volume, name := ref.GetVolume(), ref.GetBucket()
	if volume == "" {
		v, ok := table.S3Names.Get(c.tx, []byte(name))
		if !ok {
			return nil, ozerr.New(ozerr.BucketNotFound, "bucket %s does not exist", name)
		}
		volume = string(v)
	}
	b := c.bucketRow(volume, name)
	if b == nil {
		if _, err := c.volume(volume); err != nil {
			return nil, err
		}
		return nil, ozerr.New(ozerr.BucketNotFound, "bucket %s does not exist in volume %s", name, volume)
	}
	if expectedOwner != "" && expectedOwner != b.Owner && expectedOwner != identity.CanonicalID(b.Owner) {
		return nil, ozerr.New(ozerr.WrongBucketOwner, "bucket %s does not belong to %s", name, expectedOwner)
	}
	return b, nil
}

// bucketRow is nil if there is no such bucket. A 0x00 in a name would name another row.
func (c *call) bucketRow(volume, name string) *ompb.BucketInfo {
	if strings.IndexByte(volume, 0) >= 0 || strings.IndexByte(name, 0) >= 0 {
		return nil
	}
	return table.Buckets.Get(c.tx, table.BucketKey(volume, name))
}

func (c *call) putBucket(b *ompb.BucketInfo) {
	table.Buckets.Put(c.tx, table.BucketKey(b.Volume, b.Name), b)
}

func (c *call) createBucket(r *ompb.CreateBucket) (*ompb.Response, error) {
	if err := c.checkCreateBucket(r); err != nil {
		return nil, err
	}
	owner := first(r.Owner, c.req.User)
	if there := c.conflict(r); there != nil {
		if r.S3 && there.Owner == owner {
			return bucketAnswer(there), ozerr.New(ozerr.BucketAlreadyOwned, "bucket %s is already yours", r.Bucket)
		}
		return nil, ozerr.New(ozerr.BucketAlreadyExists, "bucket %s already exists", r.Bucket)
	}
	v := table.Volumes.Get(c.tx, []byte(r.Volume))
	if v == nil {
		if !r.S3 {
			return nil, ozerr.New(ozerr.VolumeNotFound, "volume %s does not exist", r.Volume)
		}
		v = c.newVolume(r.Volume, owner)
	}
	b := &ompb.BucketInfo{
		Id: c.nextIDs("bucket", 1), Volume: r.Volume, Name: r.Bucket, Owner: owner,
		CreatedNs: c.now(), ModifiedNs: c.now(), Replication: r.Replication, Location: r.Location,
		S3: r.S3 || c.freeS3Name(r.Bucket), Acl: r.Acl, ObjectOwnership: r.ObjectOwnership,
	}
	if r.ObjectLock {
		b.Versioning, b.ObjectLock = enabled, &ompb.ObjectLock{}
	}
	if b.S3 {
		table.S3Names.Put(c.tx, []byte(b.Name), []byte(b.Volume))
	}
	for _, d := range r.Documents {
		if err := c.setDocument(b, d); err != nil { // checked: never
			return nil, err
		}
	}
	c.putBucket(b)
	c.countBuckets(v, 1)
	return bucketAnswer(b), nil
}

func (c *call) checkCreateBucket(r *ompb.CreateBucket) error {
	if !legalName(r.Volume) {
		return ozerr.New(ozerr.InvalidVolumeName, "%q is not a volume name", r.Volume)
	}
	if !legalName(r.Bucket) || r.S3 && !legalS3Name(r.Bucket) {
		return ozerr.New(ozerr.InvalidBucketName, "%q is not a bucket name", r.Bucket)
	}
	if err := checkReplication(r.Replication); err != nil {
		return err
	}
	if err := checkOwnership(r.ObjectOwnership); err != nil {
		return err
	}
	if err := checkACL(r.Acl); err != nil {
		return err
	}
	for _, d := range r.Documents {
		if err := legalDocument(d); err != nil {
			return err
		}
	}
	return checkShort(r.Owner, c.req.User, r.Location)
}

func checkReplication(replication string) error {
	switch replication {
	case "", "ONE", "THREE":
		return nil
	}
	return ozerr.New(ozerr.InvalidArgument, "replication %q is neither ONE nor THREE", replication)
}

// conflict returns the bucket that is in the way of a new one.
func (c *call) conflict(r *ompb.CreateBucket) *ompb.BucketInfo {
	if r.S3 {
		if v, ok := table.S3Names.Get(c.tx, []byte(r.Bucket)); ok {
			return c.bucketRow(string(v), r.Bucket)
		}
	}
	return c.bucketRow(r.Volume, r.Bucket)
}

// freeS3Name: whether a bucket made by the shell may claim its name for S3 too.
func (c *call) freeS3Name(name string) bool {
	return legalS3Name(name) && !table.S3Names.Has(c.tx, []byte(name))
}

func (c *call) deleteBucket(r *ompb.DeleteBucket) (*ompb.Response, error) {
	b, err := c.bucket(r.Ref, r.ExpectedOwner)
	if err != nil {
		return nil, err
	}
	if c.holdsAny(table.Keys.Iter(c.tx, table.U64(b.Id))) {
		return nil, ozerr.New(ozerr.BucketNotEmpty, "bucket %s holds keys", b.Name)
	}
	if c.holdsAny(table.Versions.Iter(c.tx, table.U64(b.Id))) {
		return nil, ozerr.New(ozerr.BucketNotEmpty, "bucket %s holds versions or delete markers", b.Name)
	}
	if c.holdsAny(table.Uploads.Iter(c.tx, table.U64(b.Id))) {
		return nil, ozerr.New(ozerr.BucketNotEmpty, "bucket %s has open multipart uploads", b.Name)
	}
	v, err := c.volume(b.Volume)
	if err != nil {
		return nil, err
	}
	if b.S3 {
		table.S3Names.Delete(c.tx, []byte(b.Name))
	}
	for _, kind := range documentKinds {
		table.Documents.Delete(c.tx, table.DocumentKey(b.Id, kind))
	}
	table.Buckets.Delete(c.tx, table.BucketKey(b.Volume, b.Name))
	c.countBuckets(v, -1)
	return bucketAnswer(b), nil
}

func (c *call) holdsAny(it *table.Iter) bool {
	defer it.Close()
	return it.Seek(nil)
}

func (c *call) getBucket(r *ompb.GetBucket) (*ompb.Response, error) {
	b, err := c.bucket(r.Ref, r.ExpectedOwner)
	if err != nil {
		return nil, err
	}
	return bucketAnswer(b), nil
}

func (c *call) listBuckets(r *ompb.ListBuckets) (*ompb.Response, error) {
	list, limit := &ompb.BucketList{}, page(r.Limit)
	add := func(b *ompb.BucketInfo) bool {
		if b == nil || r.Owner != "" && b.Owner != r.Owner {
			return true
		}
		if len(list.Buckets) == limit {
			list.Truncated = true
			return false
		}
		b.Acl = nil // a thousand of them are long
		list.Buckets = append(list.Buckets, b)
		return true
	}
	if r.Volume == "" {
		table.S3Names.Scan(c.tx, []byte(r.Prefix), past(r.After), func(name, volume []byte) bool {
			return add(c.bucketRow(string(volume), string(name)))
		})
	} else {
		if _, err := c.volume(r.Volume); err != nil {
			return nil, err
		}
		from := table.BucketKey(r.Volume, string(past(r.After)))
		table.Buckets.Scan(c.tx, table.BucketKey(r.Volume, r.Prefix), from, func(_ []byte, b *ompb.BucketInfo) bool {
			return add(b)
		})
	}
	return &ompb.Response{Result: &ompb.Response_Buckets{Buckets: list}}, nil
}
