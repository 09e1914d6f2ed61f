package state

import (
	"github.com/mini-ozone/mini-ozone/internal/notification"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// copyKey makes a key, or a new version of one, of another's bytes. ACL and locks are
// the request's alone, as in AWS.
func (c *call) copyKey(r *ompb.CopyKey) (*ompb.Response, error) {
	from, err := c.bucket(r.Source, r.SourceExpectedOwner)
	if err != nil {
		return nil, err
	}
	to, err := c.bucket(r.Ref, r.ExpectedOwner)
	if err != nil {
		return nil, err
	}
	src, err := c.existing(from, r.SourceKey, r.SourceVersionId)
	if err != nil {
		return nil, err
	}
	if err := check(r.SourceCondition, src); err != nil {
		return nil, err
	}
	s, err := c.replaceable(to, r.Key, r.Condition)
	if err != nil {
		return nil, err
	}
	encryption, err := copiedEncryption(to, r, src.Encryption)
	if err != nil {
		return nil, err
	}
	k := &ompb.KeyInfo{
		Key: r.Key, Size: src.Size, Etag: src.Etag, Owner: first(r.Acl.GetOwner(), c.req.User), Checksums: src.Checksums,
		Blocks: src.Blocks, Parts: src.Parts, Replication: src.Replication, Meta: copiedMeta(r, src.Meta),
		Encryption: encryption, Acl: r.Acl, Retention: r.Retention, LegalHold: r.LegalHold,
	}
	if len(r.Checksums) > 0 {
		k.Checksums = r.Checksums
	}
	if err := checkDigests(k.Etag, k.Checksums); err != nil {
		return nil, err
	}
	if err := checkMeta(k.Meta); err != nil {
		return nil, err
	}
	if err := checkProtection(to, k, c.now()); err != nil {
		return nil, err
	}
	if err := c.room(len(k.Blocks)); err != nil {
		return nil, err
	}
	c.putKey(to, k, s)
	c.tell(to, notification.CreatedCopy, k)
	answer := keyAnswer(to, k)
	if from.Versioning != "" {
		answer.GetKey().SourceVersionId = versionName(src)
	}
	return answer, nil
}

// copiedMeta takes from the request what it replaces and the rest from the source. A
// storage class is never inherited: without one the copy is STANDARD, as in AWS.
func copiedMeta(r *ompb.CopyKey, src *ompb.KeyMeta) *ompb.KeyMeta {
	m := &ompb.KeyMeta{
		Metadata: src.GetMetadata(), Headers: src.GetHeaders(), Tags: src.GetTags(),
		StorageClass: r.Meta.GetStorageClass(),
	}
	if r.ReplaceMetadata {
		m.Metadata, m.Headers = r.Meta.GetMetadata(), r.Meta.GetHeaders()
	}
	if r.ReplaceTags {
		m.Tags = r.Meta.GetTags()
	}
	return m
}

// renameKey gives the current version another name, with its dates. Where the bucket
// has or had versions it is a copy and a delete marker: a version that must stay does.
func (c *call) renameKey(r *ompb.RenameKey) (*ompb.Response, error) {
	b, err := c.bucket(r.Ref, "")
	if err != nil {
		return nil, err
	}
	if err := checkKey(r.To); err != nil {
		return nil, err
	}
	k, err := c.existing(b, r.Key, "")
	if err != nil {
		return nil, err
	}
	if r.To == r.Key {
		return keyAnswer(b, k), nil
	}
	to, err := c.replaceable(b, r.To, nil)
	if err != nil {
		return nil, err
	}
	if to.cur != nil {
		return nil, ozerr.New(ozerr.KeyAlreadyExists, "key %q already exists", r.To)
	}
	from, err := c.replaceable(b, r.Key, nil)
	if err != nil {
		return nil, err
	}
	if err := c.room(len(k.Blocks)); err != nil {
		return nil, err
	}
	k.Key, k.Latest = r.To, false
	k.Retention, k.LegalHold, k.LegalHoldOff = retentionFor(b, nil, c.now()), false, false
	c.place(b, k, to)
	c.tell(b, notification.CreatedCopy, k)
	if b.Versioning != "" {
		c.tell(b, notification.RemovedMarker, c.placeMarker(b, r.Key, from))
	} else {
		c.remove(b, from.cur, nil)
		c.tell(b, notification.RemovedDelete, &ompb.KeyInfo{Key: r.Key})
	}
	return keyAnswer(b, k), nil
}
