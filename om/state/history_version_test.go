package state

import (
	"strings"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
	"pgregory.net/rapid"
)

// next is the time that the next request gets.
func (h *history) next() int64 { return h.m.now + 1_000_000_007 }

// placed adds what a write has stored to the model.
func (h *history) placed(b *mbucket, key string, v *mversion, resp *ompb.Response) {
	v.id = resp.GetKey().GetKey().GetVersionId()
	if (v.id != "") != (b.versioning == enabled) {
		h.Fatalf("version id %q in a bucket %q", v.id, b.versioning)
	}
	b.add(key, v)
}

// protection is what a writer asks for, mostly nothing: a short retention, a hold.
func (h *history) protection() (mode string, until int64, hold bool) {
	switch rapid.IntRange(0, 11).Draw(h.T, "protection") {
	case 0:
		return h.retention()
	case 1:
		return "", 0, true
	}
	return "", 0, false
}

func (h *history) retention() (mode string, until int64, hold bool) {
	mode = rapid.SampledFrom([]string{governance, compliance}).Draw(h.T, "mode")
	return mode, h.next() + int64(rapid.IntRange(1, 20).Draw(h.T, "seconds"))*1e9, false
}

// version draws the id of a version of the key, or none, or one that is not there.
func (h *history) version(b *mbucket, key string) string {
	ids := []string{"", nullVersion, strings.Repeat("0", 32)}
	if b != nil {
		for _, v := range b.keys[key] {
			if v.id != "" {
				ids = append(ids, v.id, v.id)
			}
		}
	}
	return rapid.SampledFrom(ids).Draw(h.T, "version")
}

// missing is the code for a version that can't be worked with.
func missing(v *mversion, id string) ozerr.Code {
	switch {
	case v == nil && id != "":
		return ozerr.VersionNotFound
	case v == nil, v.marker:
		return ozerr.KeyNotFound
	}
	return ""
}

func (h *history) setVersioning() {
	name := h.bucket()
	b := h.truth.buckets[name]
	to := rapid.SampledFrom([]string{enabled, enabled, suspended}).Draw(h.T, "versioning")
	want := h.expect(name, "")
	if want == "" && b.lock && to == suspended {
		want = ozerr.InvalidBucketState
	}
	h.send(setVersions(name, to), want)
	if want == "" {
		b.versioning = to
	}
}

func (h *history) setObjectLock() {
	name := h.bucket()
	b := h.truth.buckets[name]
	lock := &ompb.ObjectLock{}
	if rapid.IntRange(0, 2).Draw(h.T, "default") == 0 {
		lock.Mode, lock.Days = governance, 1
	}
	want := h.expect(name, "")
	if want == "" && b.versioning != enabled {
		want = ozerr.InvalidBucketState
	}
	h.send(setBucket(name, &ompb.SetBucket{Change: &ompb.SetBucket_ObjectLock{ObjectLock: lock}}), want)
	if want == "" {
		b.lock, b.days = true, lock.Days
	}
}

func (h *history) setKeyLock() {
	name, key := h.bucket(), h.key()
	b := h.truth.buckets[name]
	id := h.version(b, key)
	v := b.find(key, id)
	op := &ompb.SetKeyLock{Ref: ref(name), Key: key, VersionId: id, BypassGovernance: rapid.Bool().Draw(h.T, "bypass")}
	want := h.expect(name, "")
	if want == "" && !b.lock {
		want = ozerr.NoObjectLock
	}
	if want == "" {
		want = missing(v, id)
	}
	var change func()
	if rapid.Bool().Draw(h.T, "hold") {
		on := rapid.IntRange(0, 2).Draw(h.T, "on") == 0
		op.Change, change = &ompb.SetKeyLock_LegalHold{LegalHold: on}, func() { v.hold = on }
	} else {
		mode, until, _ := h.retention()
		if rapid.IntRange(0, 2).Draw(h.T, "none") == 0 {
			mode, until = "", 0
		}
		if want == "" && v.until > h.next() && (mode != v.mode || until < v.until) && (v.mode == compliance || !op.BypassGovernance) {
			want = ozerr.KeyLocked
		}
		op.Change = &ompb.SetKeyLock_Retention{Retention: &ompb.Retention{Mode: mode, UntilNs: until}}
		change = func() { v.mode, v.until = mode, until }
	}
	h.send(&ompb.Request{Op: &ompb.Request_SetKeyLock{SetKeyLock: op}}, want)
	if want == "" {
		change()
	}
}

func (h *history) setTags() {
	name, key := h.bucket(), h.key()
	b := h.truth.buckets[name]
	id, tag := h.version(b, key), rapid.SampledFrom([]string{"x", "y"}).Draw(h.T, "tag")
	v := b.find(key, id)
	op := &ompb.SetKeyTags{Ref: ref(name), Key: key, VersionId: id, Tags: map[string]string{"tag": tag}}
	want := h.expect(name, missing(v, id))
	h.send(&ompb.Request{Op: &ompb.Request_SetKeyTags{SetKeyTags: op}}, want)
	if want == "" {
		v.tag = tag
	}
}

func (h *history) deleteKeys() {
	name := h.bucket()
	b := h.truth.buckets[name]
	req, now := remove(name), h.next()
	op := req.GetDeleteKeys()
	var want []*ompb.DeleteResult
	var after []func(*ompb.DeleteResult)
	for range rapid.IntRange(1, 4).Draw(h.T, "keys") {
		d := &ompb.KeyToDelete{Key: h.key(), BypassGovernance: rapid.Bool().Draw(h.T, "bypass")}
		if rapid.Bool().Draw(h.T, "by version") {
			d.VersionId = h.version(b, d.Key)
		}
		op.Keys = append(op.Keys, d)
	}
	if b != nil {
		for _, d := range op.Keys {
			r, then := h.deletion(b, d, now)
			want, after = append(want, r), append(after, then)
		}
	}
	resp := h.send(req, h.expect(name, ""))
	for i, r := range resp.GetDeletes().GetResults() {
		w := want[i]
		if r.Key != op.Keys[i].Key || r.Existed != w.Existed || r.DeleteMarker != w.DeleteMarker || r.MarkerAdded != w.MarkerAdded ||
			r.GetError().GetCode() != w.GetError().GetCode() || !r.MarkerAdded && r.VersionId != w.VersionId {
			h.Fatalf("delete %v: %v, want %v", op.Keys[i], r, w)
		}
		after[i](r)
	}
}

// deletion applies one deletion to the model and returns what it should answer, and what
// is to be done with the answer: a marker's id is not known before.
func (h *history) deletion(b *mbucket, d *ompb.KeyToDelete, now int64) (*ompb.DeleteResult, func(*ompb.DeleteResult)) {
	if d.VersionId != "" {
		v := b.find(d.Key, d.VersionId)
		r := &ompb.DeleteResult{VersionId: d.VersionId, Existed: v != nil}
		switch {
		case v == nil:
		case v.locked(now, d.BypassGovernance):
			r.Error = ozerr.ToProto(ozerr.New(ozerr.KeyLocked, ""))
		default:
			r.DeleteMarker = v.marker
			b.drop(d.Key, v)
		}
		return r, func(*ompb.DeleteResult) {}
	}
	cur := b.current(d.Key)
	r := &ompb.DeleteResult{Existed: cur != nil}
	if b.versioning == "" {
		b.drop(d.Key, cur)
		return r, func(*ompb.DeleteResult) {}
	}
	r.DeleteMarker, r.MarkerAdded = true, true
	marker := &mversion{marker: true, id: "?"}
	if b.versioning == suspended {
		marker.id = ""
	}
	b.add(d.Key, marker)
	return r, func(r *ompb.DeleteResult) { h.setMarkerID(marker, r.VersionId) }
}

func (h *history) setMarkerID(marker *mversion, id string) {
	if (marker.id == "") != (id == nullVersion) || id == "" {
		h.Fatalf("marker %q", id)
	}
	if marker.id != "" {
		marker.id = id
	}
}

func (h *history) copyKey() {
	from, k, to, l := h.bucket(), h.key(), h.bucket(), h.key()
	id := h.version(h.truth.buckets[from], k)
	src := h.truth.buckets[from].find(k, id)
	want := h.expect(from, h.expect(to, missing(src, id)))
	req, now := copyOf(from, k, to, l), h.next()
	req.GetCopyKey().SourceVersionId = id
	resp := h.send(req, want)
	if want != "" {
		return
	}
	if source := resp.GetKey().SourceVersionId; h.truth.buckets[from].find(k, source) != src && (source != "" || h.truth.buckets[from].versioning != "") {
		h.Fatalf("source version %q", source)
	}
	b := h.truth.buckets[to]
	h.placed(b, l, b.retain(&mversion{etag: src.etag, blocks: src.blocks, parts: src.parts, tag: src.tag}, now), resp)
}

func (h *history) renameKey() {
	name, k, l := h.bucket(), h.key(), h.key()
	b := h.truth.buckets[name]
	src := b.current(k)
	want := h.expect(name, "")
	switch {
	case want != "":
	case src == nil:
		want = ozerr.KeyNotFound
	case k != l && b.current(l) != nil:
		want = ozerr.KeyAlreadyExists
	}
	now := h.next()
	resp := h.send(rename(name, k, l), want)
	if want != "" || k == l {
		return
	}
	h.placed(b, l, b.retain(&mversion{etag: src.etag, blocks: src.blocks, parts: src.parts, tag: src.tag}, now), resp)
	if b.versioning == "" {
		b.drop(k, src)
		return
	}
	marker := &mversion{marker: true}
	if b.versioning == enabled {
		marker.id = h.m.must(get(name, k)).GetKey().Key.VersionId
	}
	b.add(k, marker)
}
