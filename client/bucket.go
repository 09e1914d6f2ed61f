package client

import (
	"context"

	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// CreateVolume makes a volume; owner "" is the caller.
func (c *Client) CreateVolume(ctx context.Context, name, owner string) error {
	op := &ompb.CreateVolume{Volume: name, Owner: owner}
	_, err := c.mutate(ctx, &ompb.Request{Op: &ompb.Request_CreateVolume{CreateVolume: op}})
	return err
}

// DeleteVolume removes an empty volume.
func (c *Client) DeleteVolume(ctx context.Context, name string) error {
	op := &ompb.DeleteVolume{Volume: name}
	_, err := c.mutate(ctx, &ompb.Request{Op: &ompb.Request_DeleteVolume{DeleteVolume: op}})
	return err
}

// GetVolume describes a volume.
func (c *Client) GetVolume(ctx context.Context, name string) (Volume, error) {
	op := &ompb.GetVolume{Volume: name}
	resp, err := c.read(ctx, &ompb.Request{Op: &ompb.Request_GetVolume{GetVolume: op}})
	if err != nil {
		return Volume{}, err
	}
	return volumeFrom(resp.GetVolume()), nil
}

// ListVolumes returns a page of volumes by name, from after (exclusive), and
// whether there are more. limit 0 means om's default.
func (c *Client) ListVolumes(ctx context.Context, prefix, after string, limit int) ([]Volume, bool, error) {
	op := &ompb.ListVolumes{Prefix: prefix, After: after, Limit: limit32(limit)}
	resp, err := c.read(ctx, &ompb.Request{Op: &ompb.Request_ListVolumes{ListVolumes: op}})
	if err != nil {
		return nil, false, err
	}
	return mapSlice(resp.GetVolumes().GetVolumes(), volumeFrom), resp.GetVolumes().GetTruncated(), nil
}

// CreateBucketOptions describe a new bucket.
type CreateBucketOptions struct {
	Volume, Bucket string
	Owner          string // "": the caller
	// S3 asks for an S3 bucket: the volume is created when missing, the name
	// follows S3's rules and must be free among all S3 buckets.
	S3          bool
	Replication string // "ONE", "THREE"; "" is the server's default
	Location    string // LocationConstraint as given
	ObjectLock  bool   // from the first day, with versioning
	ACL         *ACL   // nil: private
	Ownership   string // see Bucket.ObjectOwnership
	Documents   []Document
}

// CreateBucket makes a bucket.
func (c *Client) CreateBucket(ctx context.Context, o CreateBucketOptions) (Bucket, error) {
	op := &ompb.CreateBucket{
		Volume: o.Volume, Bucket: o.Bucket, Owner: o.Owner, S3: o.S3,
		Replication: o.Replication, Location: o.Location,
		ObjectLock: o.ObjectLock, Acl: aclTo(o.ACL), ObjectOwnership: o.Ownership,
	}
	for _, d := range o.Documents {
		op.Documents = append(op.Documents, &ompb.BucketDocument{Kind: d.Kind, Content: d.Content})
	}
	resp, err := c.mutate(ctx, &ompb.Request{Op: &ompb.Request_CreateBucket{CreateBucket: op}})
	if err != nil {
		return Bucket{}, err
	}
	return bucketFrom(resp.GetBucket()), nil
}

// DeleteBucket removes an empty bucket. expectedOwner "" accepts any owner.
func (c *Client) DeleteBucket(ctx context.Context, ref BucketRef, expectedOwner string) error {
	op := &ompb.DeleteBucket{Ref: bucketRefTo(ref), ExpectedOwner: expectedOwner}
	_, err := c.mutate(ctx, &ompb.Request{Op: &ompb.Request_DeleteBucket{DeleteBucket: op}})
	c.buckets.forget()
	return err
}

// GetBucket describes a bucket. expectedOwner "" accepts any owner.
func (c *Client) GetBucket(ctx context.Context, ref BucketRef, expectedOwner string) (Bucket, error) {
	op := &ompb.GetBucket{Ref: bucketRefTo(ref), ExpectedOwner: expectedOwner}
	resp, err := c.read(ctx, &ompb.Request{Op: &ompb.Request_GetBucket{GetBucket: op}})
	if err != nil {
		return Bucket{}, err
	}
	return bucketFrom(resp.GetBucket()), nil
}

// ListBucketsOptions select a page of buckets: those of one volume, or with
// Volume "" all S3 buckets (of Owner, if set). Limit 0 means om's default.
type ListBucketsOptions struct {
	Volume, Owner, Prefix string
	After                 string // exclusive
	Limit                 int
}

// ListBuckets returns a page of buckets by name and whether there are more.
func (c *Client) ListBuckets(ctx context.Context, o ListBucketsOptions) ([]Bucket, bool, error) {
	op := &ompb.ListBuckets{Volume: o.Volume, Owner: o.Owner, Prefix: o.Prefix, After: o.After, Limit: limit32(o.Limit)}
	resp, err := c.read(ctx, &ompb.Request{Op: &ompb.Request_ListBuckets{ListBuckets: op}})
	if err != nil {
		return nil, false, err
	}
	return mapSlice(resp.GetBuckets().GetBuckets(), bucketFrom), resp.GetBuckets().GetTruncated(), nil
}
