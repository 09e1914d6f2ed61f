package client

import (
	"context"

	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// ListVersions returns a page of a bucket's versions and delete markers.
func (c *Client) ListVersions(ctx context.Context, ref BucketRef, o VersionListOptions) (VersionListing, error) {
	op := &ompb.ListVersions{
		Ref: bucketRefTo(ref), Prefix: o.Prefix, Delimiter: o.Delimiter, AfterKey: o.AfterKey,
		AfterVersion: o.AfterVersion, Limit: limit32(o.Limit), ExpectedOwner: o.ExpectedOwner,
	}
	resp, err := c.read(ctx, &ompb.Request{Op: &ompb.Request_ListVersions{ListVersions: op}})
	if err != nil {
		return VersionListing{}, err
	}
	page := resp.GetVersions()
	return VersionListing{
		Versions:       mapSlice(page.GetVersions(), keyFrom),
		CommonPrefixes: page.GetCommonPrefixes(),
		Truncated:      page.GetTruncated(),
		NextKey:        page.GetNextKey(),
		NextVersion:    page.GetNextVersion(),
	}, nil
}

// SetObjectACL replaces the ACL of a version.
func (c *Client) SetObjectACL(ctx context.Context, ref KeyRef, acl ACL, expectedOwner string) (Object, error) {
	op := &ompb.SetKeyACL{
		Ref: bucketRefTo(ref.BucketRef), Key: ref.Key, VersionId: ref.VersionID, IfGeneration: ref.Generation,
		Acl: aclTo(&acl), ExpectedOwner: expectedOwner,
	}
	resp, err := c.mutate(ctx, &ompb.Request{Op: &ompb.Request_SetKeyAcl{SetKeyAcl: op}})
	if err != nil {
		return Object{}, err
	}
	return objectFrom(resp.GetKey()), nil
}

// SetObjectLock changes the retention or the legal hold of a version;
// ozerr.NoObjectLock if the bucket has no object lock, ozerr.KeyLocked if what is
// there may not be loosened.
func (c *Client) SetObjectLock(ctx context.Context, ref KeyRef, change LockChange, expectedOwner string) (Object, error) {
	op := &ompb.SetKeyLock{
		Ref: bucketRefTo(ref.BucketRef), Key: ref.Key, VersionId: ref.VersionID,
		ExpectedOwner: expectedOwner, BypassGovernance: change.BypassGovernance,
		Change: &ompb.SetKeyLock_LegalHold{LegalHold: change.LegalHold},
	}
	if change.Retention != nil {
		op.Change = &ompb.SetKeyLock_Retention{Retention: retentionTo(change.Retention)}
	}
	resp, err := c.mutate(ctx, &ompb.Request{Op: &ompb.Request_SetKeyLock{SetKeyLock: op}})
	if err != nil {
		return Object{}, err
	}
	return objectFrom(resp.GetKey()), nil
}
