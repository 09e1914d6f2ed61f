package client

import (
	"context"

	"github.com/mini-ozone/mini-ozone/internal/failpoint"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// CreateUpload starts a multipart upload.
func (c *Client) CreateUpload(ctx context.Context, ref KeyRef, o UploadOptions) (Upload, error) {
	op := &ompb.CreateUpload{
		Ref: bucketRefTo(ref.BucketRef), Key: ref.Key, Meta: metaTo(o.Meta),
		ChecksumAlgorithm: o.ChecksumAlgorithm, ChecksumType: o.ChecksumType, ExpectedOwner: o.ExpectedOwner,
		Acl: aclTo(o.ACL), Retention: retentionTo(o.Retention), LegalHold: o.LegalHold, Encryption: encryptionTo(o.Encryption),
	}
	resp, err := c.mutate(ctx, &ompb.Request{Op: &ompb.Request_CreateUpload{CreateUpload: op}})
	if err != nil {
		return Upload{}, err
	}
	return uploadFrom(resp.GetUpload()), nil
}

// CompleteUpload joins the parts, in order of number, to an object. The same call
// again gets the same answer for a day.
func (c *Client) CompleteUpload(ctx context.Context, ref UploadRef, parts []Part, o CompleteOptions) (Object, error) {
	op := &ompb.CompleteUpload{
		Ref: bucketRefTo(ref.BucketRef), Key: ref.Key, UploadId: ref.ID,
		Parts: mapSlice(parts, partTo), Condition: conditionTo(o.Condition),
		Checksums: mapSlice(o.Checksums, checksumTo), ExpectedOwner: ref.ExpectedOwner,
	}
	if o.ExpectedSize >= 0 {
		size := uint64(o.ExpectedSize)
		op.ExpectedSize = &size
	}
	failpoint.Hit("client/before-complete")
	resp, err := c.mutate(ctx, &ompb.Request{Op: &ompb.Request_CompleteUpload{CompleteUpload: op}})
	if err != nil {
		return Object{}, err
	}
	failpoint.Hit("client/after-complete")
	return objectFrom(resp.GetKey()), nil
}

// AbortUpload drops an upload and its parts.
func (c *Client) AbortUpload(ctx context.Context, ref UploadRef) error {
	op := &ompb.AbortUpload{Ref: bucketRefTo(ref.BucketRef), Key: ref.Key, UploadId: ref.ID, ExpectedOwner: ref.ExpectedOwner}
	_, err := c.mutate(ctx, &ompb.Request{Op: &ompb.Request_AbortUpload{AbortUpload: op}})
	return err
}

// GetUpload describes an upload that is neither completed nor aborted.
func (c *Client) GetUpload(ctx context.Context, ref UploadRef) (Upload, error) {
	op := &ompb.GetUpload{Ref: bucketRefTo(ref.BucketRef), Key: ref.Key, UploadId: ref.ID, ExpectedOwner: ref.ExpectedOwner}
	resp, err := c.read(ctx, &ompb.Request{Op: &ompb.Request_GetUpload{GetUpload: op}})
	if err != nil {
		return Upload{}, err
	}
	return uploadFrom(resp.GetUpload()), nil
}

// ListParts returns a page of an upload's parts, after a part number (exclusive).
func (c *Client) ListParts(ctx context.Context, ref UploadRef, after, limit int) (PartListing, error) {
	op := &ompb.ListParts{
		Ref: bucketRefTo(ref.BucketRef), Key: ref.Key, UploadId: ref.ID,
		After: limit32(after), Limit: limit32(limit), ExpectedOwner: ref.ExpectedOwner,
	}
	resp, err := c.read(ctx, &ompb.Request{Op: &ompb.Request_ListParts{ListParts: op}})
	if err != nil {
		return PartListing{}, err
	}
	page := resp.GetParts()
	return PartListing{
		Upload:    uploadFrom(page.GetUpload()),
		Parts:     mapSlice(page.GetParts(), partInfoFrom),
		Truncated: page.GetTruncated(),
	}, nil
}

// ListUploads returns a page of a bucket's open uploads.
func (c *Client) ListUploads(ctx context.Context, ref BucketRef, o UploadListOptions) (UploadListing, error) {
	op := &ompb.ListUploads{
		Ref: bucketRefTo(ref), Prefix: o.Prefix, Delimiter: o.Delimiter, AfterKey: o.AfterKey,
		AfterUploadId: o.AfterUploadID, Limit: limit32(o.Limit), ExpectedOwner: o.ExpectedOwner,
	}
	resp, err := c.read(ctx, &ompb.Request{Op: &ompb.Request_ListUploads{ListUploads: op}})
	if err != nil {
		return UploadListing{}, err
	}
	page := resp.GetUploads()
	return UploadListing{
		Uploads:        mapSlice(page.GetUploads(), uploadFrom),
		CommonPrefixes: page.GetCommonPrefixes(),
		Truncated:      page.GetTruncated(),
		NextKey:        page.GetNextKey(),
		NextUploadID:   page.GetNextUploadId(),
	}, nil
}
