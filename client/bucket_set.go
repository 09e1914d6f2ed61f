package client

import (
	"context"

	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// SetBucket changes one property of a bucket. expectedOwner "" accepts any owner.
func (c *Client) SetBucket(ctx context.Context, ref BucketRef, change BucketChange, expectedOwner string) (Bucket, error) {
	op := &ompb.SetBucket{Ref: bucketRefTo(ref), ExpectedOwner: expectedOwner}
	switch {
	case change.Versioning != "":
		op.Change = &ompb.SetBucket_Versioning{Versioning: change.Versioning}
	case change.ObjectLock != nil:
		op.Change = &ompb.SetBucket_ObjectLock{ObjectLock: objectLockTo(change.ObjectLock)}
	case change.ObjectOwnership != nil:
		op.Change = &ompb.SetBucket_ObjectOwnership{ObjectOwnership: *change.ObjectOwnership}
	case change.PublicAccessBlock != nil:
		op.Change = &ompb.SetBucket_PublicAccessBlock{PublicAccessBlock: publicAccessTo(change.PublicAccessBlock)}
	case change.NoPublicAccessBlock:
		op.Change = &ompb.SetBucket_NoPublicAccessBlock{NoPublicAccessBlock: true}
	case change.ACL != nil:
		op.Change = &ompb.SetBucket_Acl{Acl: aclTo(change.ACL)}
	case change.Encryption != nil:
		op.Change = &ompb.SetBucket_Encryption{Encryption: defaultEncryptionTo(change.Encryption)}
	case change.Document != nil:
		op.Change = &ompb.SetBucket_Document{Document: &ompb.BucketDocument{Kind: change.Document.Kind, Content: change.Document.Content}}
	case change.Owner != "":
		op.Change = &ompb.SetBucket_Owner{Owner: change.Owner}
	}
	resp, err := c.mutate(ctx, &ompb.Request{Op: &ompb.Request_SetBucket{SetBucket: op}})
	if err != nil {
		return Bucket{}, err
	}
	return bucketFrom(resp.GetBucket()), nil
}

// GetBucketDocument returns one of a bucket's documents, ozerr.DocumentNotFound if it
// has none of that kind.
func (c *Client) GetBucketDocument(ctx context.Context, ref BucketRef, kind, expectedOwner string) (Document, error) {
	op := &ompb.GetBucketDocument{Ref: bucketRefTo(ref), Kind: kind, ExpectedOwner: expectedOwner}
	resp, err := c.read(ctx, &ompb.Request{Op: &ompb.Request_GetBucketDocument{GetBucketDocument: op}})
	if err != nil {
		return Document{}, err
	}
	d := resp.GetDocument()
	return Document{Kind: d.GetKind(), Content: d.GetContent(), Index: d.GetIndex()}, nil
}
