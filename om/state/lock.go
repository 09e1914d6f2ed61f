package state

import (
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// Retention modes. GOVERNANCE can be bypassed by who may, COMPLIANCE by nobody.
const (
	governance = "GOVERNANCE"
	compliance = "COMPLIANCE"
)

// lasts: the retention forbids something at that time.
func lasts(r *ompb.Retention, now int64) bool { return r.GetMode() != "" && r.UntilNs > now }

// locked is an error if v (nil: nothing) may not be removed now.
func locked(v *ompb.KeyInfo, now int64, bypass bool) error {
	switch r := v.GetRetention(); {
	case v.GetLegalHold():
		return ozerr.New(ozerr.KeyLocked, "the version is under legal hold")
	case lasts(r, now) && (r.Mode != governance || !bypass):
		return ozerr.New(ozerr.KeyLocked, "the version is retained (%s) until %s", r.Mode, time.Unix(0, r.UntilNs).UTC().Format(time.RFC3339))
	}
	return nil
}

// checkRetention checks a retention that a request asks for; nil, or one without a
// mode, asks for none.
func checkRetention(r *ompb.Retention, now int64) error {
	switch r.GetMode() {
	case "":
		return nil
	case governance, compliance:
	default:
		return ozerr.New(ozerr.InvalidArgument, "%.40q is no retention mode", r.Mode)
	}
	if r.UntilNs <= now {
		return ozerr.New(ozerr.InvalidArgument, "the retain until date must be in the future")
	}
	return nil
}

// checkProtection checks what the writer of a version says of who may read it and who
// may delete it.
func checkProtection(b *ompb.BucketInfo, k *ompb.KeyInfo, now int64) error {
	if b.ObjectLock == nil && (k.Retention.GetMode() != "" || k.LegalHold) {
		return ozerr.New(ozerr.NoObjectLock, "bucket %s has no object lock", b.Name)
	}
	if err := checkRetention(k.Retention, now); err != nil {
		return err
	}
	return checkACL(k.Acl)
}

// retentionFor is what a new version gets: what its writer asks for, or the default of
// the bucket, counted from now.
func retentionFor(b *ompb.BucketInfo, asked *ompb.Retention, now int64) *ompb.Retention {
	if asked.GetMode() != "" {
		return asked
	}
	l := b.ObjectLock
	if l.GetMode() == "" {
		return nil
	}
	until := time.Unix(0, now).UTC().AddDate(int(l.Years), 0, int(l.Days))
	return &ompb.Retention{Mode: l.Mode, UntilNs: until.UnixNano()}
}

func (c *call) setKeyLock(r *ompb.SetKeyLock) (*ompb.Response, error) {
	b, err := c.bucket(r.Ref, r.ExpectedOwner)
	if err != nil {
		return nil, err
	}
	if b.ObjectLock == nil {
		return nil, ozerr.New(ozerr.NoObjectLock, "bucket %s has no object lock", b.Name)
	}
	v, err := c.existing(b, r.Key, r.VersionId)
	if err != nil {
		return nil, err
	}
	switch change := r.Change.(type) {
	case *ompb.SetKeyLock_LegalHold:
		v.LegalHold, v.LegalHoldOff = change.LegalHold, !change.LegalHold
	case *ompb.SetKeyLock_Retention:
		if err := checkRetention(change.Retention, c.now()); err != nil {
			return nil, err
		}
		if err := mayRetain(v.Retention, change.Retention, c.now(), r.BypassGovernance); err != nil {
			return nil, err
		}
		if v.Retention = change.Retention; v.Retention.GetMode() == "" {
			v.Retention = nil
		}
	default:
		return nil, ozerr.New(ozerr.InvalidRequest, "neither a retention nor a legal hold is given")
	}
	c.store(b, v)
	return keyAnswer(b, v), nil
}

// mayRetain: a retention that lasts may be extended. GOVERNANCE may be shortened, removed
// or made COMPLIANCE only by who bypasses it; COMPLIANCE by nobody.
func mayRetain(old, to *ompb.Retention, now int64, bypass bool) error {
	switch {
	case !lasts(old, now), to.GetMode() == old.Mode && to.UntilNs >= old.UntilNs, old.Mode == governance && bypass:
		return nil
	}
	return ozerr.New(ozerr.KeyLocked, "a retention (%s) may only be extended", old.Mode)
}
