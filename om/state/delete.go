package state

import (
	"errors"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// deleteKeys deletes key by key until the entry has no room for more: that key and those
// behind it are answered UNAVAILABLE, or all of the request if it is the first.
func (c *call) deleteKeys(r *ompb.DeleteKeys) (*ompb.Response, error) {
	if len(r.Keys) > 1000 {
		return nil, ozerr.New(ozerr.InvalidArgument, "%d keys to delete, at most 1000", len(r.Keys))
	}
	b, err := c.bucket(r.Ref, r.ExpectedOwner)
	if err != nil {
		return nil, err
	}
	out := &ompb.DeleteResults{}
	for _, d := range r.Keys {
		result := &ompb.DeleteResult{Key: d.Key}
		c.moved = 0
		switch {
		case errors.Is(err, ozerr.Unavailable): // reading what then must wait takes time too
		case d.VersionId == "":
			err = c.deleteKey(b, d, result)
		default:
			err = c.deleteVersion(b, d, result)
		}
		if len(out.Results) == 0 && errors.Is(err, ozerr.Unavailable) {
			return nil, err
		}
		if result.Error = errorAnswer(err); err == nil {
			c.tellDeleted(b, result, r.Lifecycle)
		}
		out.Results = append(out.Results, result)
	}
	return &ompb.Response{Result: &ompb.Response_Deletes{Deletes: out}}, nil
}

// deleteKey deletes without naming a version. Where the bucket has or had versions that
// adds a delete marker, whether there is a key or not, as AWS does; a suspended bucket
// loses its null version with that.
func (c *call) deleteKey(b *ompb.BucketInfo, d *ompb.KeyToDelete, r *ompb.DeleteResult) error {
	if d.OnlyLoneMarker || d.OnlyNoncurrent {
		return ozerr.New(ozerr.InvalidRequest, "a version id is missing")
	}
	s, err := c.replaceable(b, d.Key, d.Condition)
	r.Existed = s.cur != nil
	if err != nil {
		return err
	}
	if err := checkOrdinal(d, s.cur); err != nil {
		return err
	}
	if s.cur == nil && d.MustExist {
		return ozerr.New(ozerr.KeyNotFound, "the key does not exist")
	}
	if b.Versioning != "" {
		m := c.placeMarker(b, d.Key, s)
		r.VersionId, r.DeleteMarker, r.MarkerAdded = versionName(m), true, true
		return nil
	}
	if s.cur != nil {
		c.remove(b, s.cur, nil)
	}
	return nil
}

// deleteVersion removes one version for good; if it was the newest, the next one takes
// its place. A version that does not exist is no error, as in AWS.
func (c *call) deleteVersion(b *ompb.BucketInfo, d *ompb.KeyToDelete, r *ompb.DeleteResult) error {
	if err := checkKey(d.Key); err != nil {
		return err
	}
	if _, ok := parseVersionID(d.VersionId); ok || d.VersionId == nullVersion {
		r.VersionId = d.VersionId
	}
	v := c.find(b, d.Key, d.VersionId)
	r.Existed = v != nil
	if err := check(d.Condition, v); err != nil {
		return err
	}
	if v == nil {
		if d.MustExist {
			return ozerr.New(ozerr.VersionNotFound, "the version does not exist")
		}
		return nil
	}
	if err := c.checkPlace(b, d, v); err != nil {
		return err
	}
	if err := c.removable(v, d.BypassGovernance); err != nil {
		return err
	}
	r.DeleteMarker = v.DeleteMarker
	newest := b.Versioning != "" && c.isNewest(b, v)
	c.remove(b, v, nil)
	if newest {
		c.promote(b, d.Key, positionOf(v))
	}
	return nil
}

// checkPlace decides what a deletion asks of the version's place among the others.
func (c *call) checkPlace(b *ompb.BucketInfo, d *ompb.KeyToDelete, v *ompb.KeyInfo) error {
	if err := checkOrdinal(d, v); err != nil {
		return err
	}
	if d.OnlyNoncurrent && c.isNewest(b, v) {
		return ozerr.New(ozerr.PreconditionFailed, "the version is the newest of its key")
	}
	if d.OnlyLoneMarker && (!v.DeleteMarker || !c.isNewest(b, v) || c.nextBehind(b, v.Key, positionOf(v)) != nil) {
		return ozerr.New(ozerr.PreconditionFailed, "the version is not a delete marker alone")
	}
	return nil
}

// isNewest: v, which find returned, is the newest version of its key.
func (c *call) isNewest(b *ompb.BucketInfo, v *ompb.KeyInfo) bool {
	return positionOf(c.newest(b, v.Key)) == positionOf(v)
}

// checkOrdinal completes Condition.if_generation: several requests may be in one entry.
func checkOrdinal(d *ompb.KeyToDelete, v *ompb.KeyInfo) error {
	if n := d.IfGenerationOrdinal; n != 0 && v != nil && uint64(v.Ordinal)+1 != n {
		return ozerr.New(ozerr.PreconditionFailed, "the version is another one of the same entry")
	}
	return nil
}
