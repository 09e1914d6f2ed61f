package client

import (
	"context"
	"errors"

	"github.com/mini-ozone/mini-ozone/internal/failpoint"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// GetObject returns an object without its bytes; ReadObject reads them.
// expectedOwner "" accepts any bucket owner. A delete marker is ozerr.KeyNotFound,
// and the marker is returned beside it.
func (c *Client) GetObject(ctx context.Context, ref KeyRef, expectedOwner string) (Object, error) {
	op := &ompb.GetKey{Ref: bucketRefTo(ref.BucketRef), Key: ref.Key, VersionId: ref.VersionID, ExpectedOwner: expectedOwner}
	resp, err := c.read(ctx, &ompb.Request{Op: &ompb.Request_GetKey{GetKey: op}})
	if err != nil {
		return Object{}, err
	}
	o := objectFrom(resp.GetKey())
	if bs := o.blocks.blocks; len(bs) > 0 && len(bs[0].GetToken()) > 0 {
		version := o.VersionID
		if version == "" {
			version = "null"
		}
		o.blocks.again = &ompb.GetKey{Ref: op.Ref, Key: op.Key, VersionId: version, ExpectedOwner: op.ExpectedOwner}
	}
	if o.DeleteMarker {
		return o, ozerr.New(ozerr.KeyNotFound, "version %q of the key is a delete marker", o.VersionID)
	}
	return o, nil
}

// ListObjects returns a page of a bucket's keys.
func (c *Client) ListObjects(ctx context.Context, ref BucketRef, o ListOptions) (Listing, error) {
	op := &ompb.ListKeys{
		Ref: bucketRefTo(ref), Prefix: o.Prefix, Delimiter: o.Delimiter, After: o.After,
		Limit: limit32(o.Limit), ExpectedOwner: o.ExpectedOwner,
	}
	resp, err := c.read(ctx, &ompb.Request{Op: &ompb.Request_ListKeys{ListKeys: op}})
	if err != nil {
		return Listing{}, err
	}
	page := resp.GetKeys()
	return Listing{
		Objects:        mapSlice(page.GetKeys(), keyFrom),
		CommonPrefixes: page.GetCommonPrefixes(),
		Truncated:      page.GetTruncated(),
		Next:           page.GetNext(),
	}, nil
}

// DeleteObjects deletes up to 1000 keys, in one step unless they are so large that om
// takes several; the results are in the order of keys. An error means that the outcome of
// all is unknown or that none was tried; a key's own failure is in its result.
func (c *Client) DeleteObjects(ctx context.Context, ref BucketRef, keys []DeleteKey, expectedOwner string) ([]DeleteResult, error) {
	done, err := c.deleteObjects(ctx, ref, keys, expectedOwner)
	for err == nil && len(done) < len(keys) {
		var more []DeleteResult
		if more, err = c.deleteObjects(ctx, ref, keys[len(done):], expectedOwner); err != nil {
			for _, k := range keys[len(done):] {
				done = append(done, DeleteResult{Key: k.Key, Err: err})
			}
			return done, nil
		}
		done = append(done, more...)
	}
	return done, err
}

// deleteObjects deletes at least the first of keys, and as many more as om does in one step.
func (c *Client) deleteObjects(ctx context.Context, ref BucketRef, keys []DeleteKey, expectedOwner string) ([]DeleteResult, error) {
	op := &ompb.DeleteKeys{Ref: bucketRefTo(ref), ExpectedOwner: expectedOwner}
	for _, k := range keys {
		op.Keys = append(op.Keys, &ompb.KeyToDelete{
			Key: k.Key, Condition: conditionTo(k.Condition), MustExist: k.MustExist,
			VersionId: k.VersionID, BypassGovernance: k.BypassGovernance,
		})
	}
	resp, err := c.mutate(ctx, &ompb.Request{Op: &ompb.Request_DeleteKeys{DeleteKeys: op}})
	if err != nil {
		return nil, err
	}
	failpoint.Hit("client/after-delete")
	var done []DeleteResult
	for _, r := range resp.GetDeletes().GetResults() {
		result := DeleteResult{
			Key: r.GetKey(), Existed: r.GetExisted(), Err: ozerr.FromProto(r.GetError()),
			VersionID: r.GetVersionId(), DeleteMarker: r.GetDeleteMarker(), MarkerAdded: r.GetMarkerAdded(),
		}
		if len(done) > 0 && errors.Is(result.Err, ozerr.Unavailable) {
			break
		}
		done = append(done, result)
	}
	if len(done) == 0 && len(keys) > 0 {
		return nil, ozerr.New(ozerr.Internal, "om told nothing of %d keys to delete", len(keys))
	}
	return done, nil
}

// CopyObject makes dst a new object with src's bytes, which are shared, not copied.
func (c *Client) CopyObject(ctx context.Context, src, dst KeyRef, o CopyOptions) (Object, error) {
	op := &ompb.CopyKey{
		Source: bucketRefTo(src.BucketRef), SourceKey: src.Key, SourceCondition: conditionTo(o.SourceCondition),
		Ref: bucketRefTo(dst.BucketRef), Key: dst.Key, Condition: conditionTo(o.Condition),
		ReplaceMetadata: o.ReplaceMetadata, ReplaceTags: o.ReplaceTags, Meta: metaTo(o.Meta),
		ExpectedOwner: o.ExpectedOwner, SourceExpectedOwner: o.SourceExpectedOwner, SourceVersionId: src.VersionID,
		Acl: aclTo(o.ACL), Retention: retentionTo(o.Retention), LegalHold: o.LegalHold, Encryption: encryptionTo(o.Encryption),
		Checksums: mapSlice(o.Checksums, checksumTo),
	}
	resp, err := c.mutate(ctx, &ompb.Request{Op: &ompb.Request_CopyKey{CopyKey: op}})
	if err != nil {
		return Object{}, err
	}
	return objectFrom(resp.GetKey()), nil
}

// RenameObject gives an object another key in the same bucket, which must be free.
func (c *Client) RenameObject(ctx context.Context, ref KeyRef, to string) error {
	op := &ompb.RenameKey{Ref: bucketRefTo(ref.BucketRef), Key: ref.Key, To: to}
	_, err := c.mutate(ctx, &ompb.Request{Op: &ompb.Request_RenameKey{RenameKey: op}})
	return err
}

// SetObjectTags replaces the tags of a version.
func (c *Client) SetObjectTags(ctx context.Context, ref KeyRef, tags map[string]string, expectedOwner string) (Object, error) {
	op := &ompb.SetKeyTags{
		Ref: bucketRefTo(ref.BucketRef), Key: ref.Key, VersionId: ref.VersionID, IfGeneration: ref.Generation,
		Tags: tags, ExpectedOwner: expectedOwner,
	}
	resp, err := c.mutate(ctx, &ompb.Request{Op: &ompb.Request_SetKeyTags{SetKeyTags: op}})
	if err != nil {
		return Object{}, err
	}
	return objectFrom(resp.GetKey()), nil
}
