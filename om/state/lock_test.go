package state

import (
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// lockedMachine has a bucket "locked" with object lock from the first day.
func lockedMachine(t *testing.T) *machine {
	m := testMachine(t)
	req := createBucket("vol", "locked", "alice", false)
	req.GetCreateBucket().ObjectLock = true
	if b := m.must(req).GetBucket(); b.Versioning != enabled || b.ObjectLock == nil {
		t.Fatalf("%v", b)
	}
	return m
}

func defaultLock(mode string, days, years uint32) *ompb.Request {
	lock := &ompb.ObjectLock{Mode: mode, Days: days, Years: years}
	return setBucket("locked", &ompb.SetBucket{Change: &ompb.SetBucket_ObjectLock{ObjectLock: lock}})
}

// in is a time so many seconds after the next request.
func (m *machine) in(seconds int64) int64 { return m.now + 1_000_000_007 + seconds*1e9 }

func (m *machine) retain(key, id, mode string, until int64, bypass bool, want ozerr.Code) {
	m.t.Helper()
	op := &ompb.SetKeyLock{Ref: ref("locked"), Key: key, VersionId: id, BypassGovernance: bypass}
	op.Change = &ompb.SetKeyLock_Retention{Retention: &ompb.Retention{Mode: mode, UntilNs: until}}
	m.wants(&ompb.Request{Op: &ompb.Request_SetKeyLock{SetKeyLock: op}}, want)
}

func (m *machine) hold(bucket, key, id string, on bool, want ozerr.Code) *ompb.KeyInfo {
	m.t.Helper()
	op := &ompb.SetKeyLock{Ref: ref(bucket), Key: key, VersionId: id, Change: &ompb.SetKeyLock_LegalHold{LegalHold: on}}
	return m.wants(&ompb.Request{Op: &ompb.Request_SetKeyLock{SetKeyLock: op}}, want).GetKey().GetKey()
}

// deletes removes a version and wants a code.
func (m *machine) deletes(key, id string, bypass bool, want ozerr.Code) {
	m.t.Helper()
	req := removeVersion("locked", key, id)
	req.GetDeleteKeys().Keys[0].BypassGovernance = bypass
	if got := m.must(req).GetDeletes().Results[0].GetError().GetCode(); got != string(want) {
		m.t.Fatalf("delete: %q, want %q", got, want)
	}
}

func TestRetentionChanges(t *testing.T) {
	const now = 1000
	tests := []struct {
		name            string
		old, to         *ompb.Retention
		plain, bypassed ozerr.Code
	}{
		{"none before", nil, &ompb.Retention{Mode: compliance, UntilNs: 2000}, "", ""},
		{"expired may go", &ompb.Retention{Mode: compliance, UntilNs: now}, &ompb.Retention{}, "", ""},
		{"expired may be shorter", &ompb.Retention{Mode: compliance, UntilNs: now}, &ompb.Retention{Mode: governance, UntilNs: 1001}, "", ""},
		{"compliance extended", &ompb.Retention{Mode: compliance, UntilNs: 2000}, &ompb.Retention{Mode: compliance, UntilNs: 2001}, "", ""},
		{"compliance the same", &ompb.Retention{Mode: compliance, UntilNs: 2000}, &ompb.Retention{Mode: compliance, UntilNs: 2000}, "", ""},
		{"compliance shortened", &ompb.Retention{Mode: compliance, UntilNs: 2000}, &ompb.Retention{Mode: compliance, UntilNs: 1999}, ozerr.KeyLocked, ozerr.KeyLocked},
		{"compliance to governance", &ompb.Retention{Mode: compliance, UntilNs: 2000}, &ompb.Retention{Mode: governance, UntilNs: 3000}, ozerr.KeyLocked, ozerr.KeyLocked},
		{"compliance removed", &ompb.Retention{Mode: compliance, UntilNs: 2000}, nil, ozerr.KeyLocked, ozerr.KeyLocked},
		{"governance extended", &ompb.Retention{Mode: governance, UntilNs: 2000}, &ompb.Retention{Mode: governance, UntilNs: 2001}, "", ""},
		{"governance shortened", &ompb.Retention{Mode: governance, UntilNs: 2000}, &ompb.Retention{Mode: governance, UntilNs: 1999}, ozerr.KeyLocked, ""},
		{"governance to compliance", &ompb.Retention{Mode: governance, UntilNs: 2000}, &ompb.Retention{Mode: compliance, UntilNs: 2000}, ozerr.KeyLocked, ""},
		{"governance removed", &ompb.Retention{Mode: governance, UntilNs: 2000}, &ompb.Retention{}, ozerr.KeyLocked, ""},
	}
	for _, tt := range tests {
		if got := ozerr.CodeOf(mayRetain(tt.old, tt.to, now, false)); got != tt.plain {
			t.Errorf("%s: %q", tt.name, got)
		}
		if got := ozerr.CodeOf(mayRetain(tt.old, tt.to, now, true)); got != tt.bypassed {
			t.Errorf("%s, with bypass: %q", tt.name, got)
		}
	}
}

// TestNothingRemovesALockedVersion tries every request that removes versions.
func TestNothingRemovesALockedVersion(t *testing.T) {
	m := lockedMachine(t)
	put := func(key string) string {
		return m.must(commit("locked", key, nil, block(m.index+10, 1))).GetKey().Key.VersionId
	}
	governed, complied, held := put("governed"), put("complied"), put("held")
	long := m.in(1000)
	m.retain("governed", governed, governance, long, false, "")
	m.retain("complied", complied, compliance, long, false, "")
	m.hold("locked", "held", held, true, "")

	m.deletes("governed", governed, false, ozerr.KeyLocked)
	m.deletes("complied", complied, true, ozerr.KeyLocked)
	m.deletes("held", held, true, ozerr.KeyLocked)
	m.wants(deleteBucket(ref("locked")), ozerr.BucketNotEmpty)
	m.wants(setVersions("locked", suspended), ozerr.InvalidBucketState)
	for _, key := range []string{"governed", "complied", "held"} {
		put(key)
		m.must(copyOf("locked", "held", "locked", key))
		m.must(rename("locked", key, "moved"+key))
		m.removed(remove("locked", key)) // adds a marker: always allowed
	}
	up := m.must(createUpload("locked", "complied")).GetUpload().UploadId
	m.must(part("locked", "complied", up, 1, md5Hex("1"), block(m.index+10, 1)))
	m.must(complete("locked", "complied", up, &ompb.Part{Number: 1, Etag: md5Hex("1")}))
	for key, id := range map[string]string{"governed": governed, "complied": complied, "held": held} {
		if k := m.must(getVersion("locked", key, id)).GetKey().Key; len(k.Blocks) != 1 || !m.owned(k.Blocks[0].Id.Local) {
			t.Errorf("%s is gone", key)
		}
	}
	if k := m.hold("locked", "held", held, false, ""); k.LegalHold || !k.LegalHoldOff {
		t.Errorf("%v", k)
	}
	m.deletes("held", held, false, "")
	m.deletes("governed", governed, true, "")
	m.now = long
	m.deletes("complied", complied, false, "") // its time is over
}

func TestLocksOnNewVersions(t *testing.T) {
	m := lockedMachine(t)
	with := func(bucket string, r *ompb.Retention, hold bool) *ompb.Request {
		req := commit(bucket, "k", nil)
		req.GetCommitKey().Retention, req.GetCommitKey().LegalHold = r, hold
		return req
	}
	m.wants(with("bkt", &ompb.Retention{Mode: governance, UntilNs: m.in(9)}, false), ozerr.NoObjectLock)
	m.wants(with("bkt", nil, true), ozerr.NoObjectLock)
	m.must(commit("bkt", "k", nil))
	m.hold("bkt", "k", "", true, ozerr.NoObjectLock)
	m.wants(with("locked", &ompb.Retention{Mode: governance, UntilNs: m.in(0)}, false), ozerr.InvalidArgument)
	m.wants(with("locked", &ompb.Retention{Mode: "OTHER", UntilNs: m.in(9)}, false), ozerr.InvalidArgument)
	upload := createUpload("bkt", "k")
	upload.GetCreateUpload().LegalHold = true
	m.wants(upload, ozerr.NoObjectLock)
	m.wants(defaultLock("", 1, 0), ozerr.InvalidArgument)
	m.wants(defaultLock("OTHER", 1, 0), ozerr.InvalidArgument)
	m.wants(defaultLock(governance, 0, 0), ozerr.InvalidArgument)
	m.wants(defaultLock(governance, 1, 1), ozerr.InvalidArgument)
	m.wants(defaultLock(governance, 36501, 0), ozerr.InvalidArgument)
	m.wants(defaultLock(governance, 0, 101), ozerr.InvalidArgument)

	m.must(defaultLock(compliance, 0, 1))
	k := m.must(commit("locked", "k", nil)).GetKey().Key
	if want := time.Unix(0, m.now).UTC().AddDate(1, 0, 0).UnixNano(); k.Retention.GetMode() != compliance || k.Retention.UntilNs != want {
		t.Errorf("%v", k.Retention)
	}
	asked := m.must(with("locked", &ompb.Retention{Mode: governance, UntilNs: m.in(9)}, true)).GetKey().Key
	if asked.Retention.Mode != governance || !asked.LegalHold {
		t.Errorf("%v", asked)
	}
	m.must(defaultLock(governance, 3, 0))
	for _, req := range []*ompb.Request{copyOf("locked", "k", "locked", "copy"), rename("locked", "copy", "renamed")} {
		k := m.must(req).GetKey().Key
		if want := m.now + 3*24*3600*1e9; k.Retention.GetMode() != governance || k.Retention.UntilNs != want || k.LegalHold {
			t.Errorf("%T: %v", req.Op, k)
		}
	}
	upload = createUpload("locked", "k")
	upload.GetCreateUpload().LegalHold = true
	id := m.must(upload).GetUpload().UploadId
	m.must(part("locked", "k", id, 1, md5Hex("1")))
	if k := m.must(complete("locked", "k", id, &ompb.Part{Number: 1, Etag: md5Hex("1")})).GetKey().Key; !k.LegalHold || k.Retention.GetMode() != governance {
		t.Errorf("%v", k)
	}
	m.must(defaultLock("", 0, 0))
	if k := m.must(commit("locked", "k", nil)).GetKey().Key; k.Retention != nil {
		t.Errorf("%v", k)
	}
	marker := m.removed(remove("locked", "k")).VersionId
	m.hold("locked", "k", "", true, ozerr.KeyNotFound)
	m.hold("locked", "k", marker, true, ozerr.KeyNotFound)
	m.hold("locked", "k", nullVersion, true, ozerr.VersionNotFound)
}
