package om

import (
	"context"
	"errors"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/lifecycle"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/state"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// lifecyclePage is how many versions or uploads are looked at, and deleted, at once.
const lifecyclePage = 1000

// maxRest bounds the pause behind a page.
const maxRest = time.Second

// lifecycleRounds carries out the lifecycle rules of all buckets, on the leader: when it
// begins to lead and then once in each interval. It has its own goroutine, as a round
// over a large store takes its time.
func (s *Server) lifecycleRounds() {
	tick := time.NewTicker(min(s.cfg.DutyInterval, s.cfg.lifecycleInterval()))
	defer tick.Stop()
	var term uint64 // of the last round; 0: not leading
	var last time.Time
	for {
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			return
		}
		now, leads := s.node.Leading()
		if !leads {
			term = 0
			continue
		}
		if now == term && time.Since(last) < s.cfg.lifecycleInterval() {
			continue
		}
		term, last = now, time.Now()
		if err := s.lifecycleRound(s.ctx); err != nil && s.ctx.Err() == nil && !errors.Is(err, ozerr.NotLeader) {
			s.log.Warn().Err(err).Msg("lifecycle rules were not carried out to the end, the next round will go on")
		}
	}
}

// lifecycleRound goes over the buckets that have rules. What fails in one is no reason
// to leave out the others.
func (s *Server) lifecycleRound(ctx context.Context) error {
	if err := s.node.ReadIndex(ctx); err != nil {
		return err
	}
	var buckets []*ompb.BucketInfo
	err := s.node.View(func(tx *table.Txn) error {
		table.Buckets.Scan(tx, nil, nil, func(_ []byte, b *ompb.BucketInfo) bool {
			if b.Documents[lifecycleKind] != 0 {
				buckets = append(buckets, b)
			}
			return true
		})
		return tx.Err()
	})
	var errs []error
	for _, b := range buckets {
		if ctx.Err() != nil {
			break
		}
		x := &expirer{s: s, id: b.Id, ref: &ompb.BucketRef{Volume: b.Volume, Bucket: b.Name}}
		errs = append(errs, x.run(ctx))
	}
	return errors.Join(err, errors.Join(errs...))
}

const lifecycleKind = "lifecycle"

// expirer carries out the rules of one bucket, once. It keeps a page in memory and
// nothing else: the state machine decides whether what was seen is still so (the same
// version, still noncurrent, still alone), and a round that was cut short begins anew.
type expirer struct {
	s   *Server
	id  uint64
	ref *ompb.BucketRef

	bucket *ompb.BucketInfo // as of the last page
	index  uint64           // of the rules
	config *lifecycle.Config
	walk   versionRun

	due     []*ompb.KeyToDelete
	removed int
	aborted int
}

// errChanged ends a run: the bucket is gone or its rules are others now.
var errChanged = errors.New("the bucket or its rules have changed")

func (x *expirer) run(ctx context.Context) error {
	err := x.versions(ctx)
	if err == nil {
		err = x.uploads(ctx)
	}
	if x.removed+x.aborted > 0 {
		x.s.log.Info().Str("bucket", x.ref.Bucket).Int("versions", x.removed).Int("uploads", x.aborted).Msg("lifecycle rules carried out")
	}
	if errors.Is(err, errChanged) {
		return nil // the next round sees what there is then
	}
	return err
}

// load reads the bucket and, the first time, its rules.
func (x *expirer) load(tx *table.Txn) error {
	b := state.Read(tx, &ompb.Request{Op: &ompb.Request_GetBucket{GetBucket: &ompb.GetBucket{Ref: x.ref}}}).GetBucket()
	index := b.GetDocuments()[lifecycleKind]
	if b.GetId() != x.id || index == 0 || x.config != nil && index != x.index {
		return errors.Join(tx.Err(), errChanged)
	}
	x.bucket = b
	if x.config != nil {
		return nil
	}
	d := table.Documents.Get(tx, table.DocumentKey(b.Id, lifecycleKind))
	config, err := lifecycle.Decode(d.GetContent())
	x.index, x.config = index, config
	return errors.Join(tx.Err(), err)
}

// versions goes over all versions that some rule may be about.
func (x *expirer) versions(ctx context.Context) error {
	next := &ompb.ListVersions{Ref: x.ref, Limit: lifecyclePage}
	for next != nil {
		begun := time.Now()
		err := x.s.node.View(func(tx *table.Txn) (err error) {
			next, err = x.page(tx, next, begun)
			return err
		})
		if err == nil {
			err = x.remove(ctx)
		}
		if err != nil {
			return err
		}
		if err := x.rest(ctx, time.Since(begun)); err != nil {
			return err
		}
	}
	return nil
}

// page judges a page of versions and returns the next one to read, nil at the end.
func (x *expirer) page(tx *table.Txn, l *ompb.ListVersions, now time.Time) (*ompb.ListVersions, error) {
	if err := x.load(tx); err != nil {
		return nil, err
	}
	prefix, some := x.config.VersionPrefix()
	if !some {
		return nil, nil
	}
	l.Prefix = prefix
	list := state.Read(tx, &ompb.Request{Op: &ompb.Request_ListVersions{ListVersions: l}}).GetVersions()
	for _, v := range list.GetVersions() {
		if ready := x.walk.next(v); ready != nil {
			x.judge(tx, ready, now)
		}
	}
	if !list.GetTruncated() {
		if ready := x.walk.next(nil); ready != nil {
			x.judge(tx, ready, now)
		}
		return nil, tx.Err()
	}
	return &ompb.ListVersions{Ref: x.ref, Limit: lifecyclePage, AfterKey: list.NextKey, AfterVersion: list.NextVersion}, tx.Err()
}

// judge notes what is to be done to a version now. Listings have no tags, so they are
// read where a rule that would act now asks for them.
func (x *expirer) judge(tx *table.Txn, f *found, now time.Time) {
	v := lifecycle.Version{
		Key: f.info.Key, Size: f.info.Size, TagsUnknown: true, Modified: time.Unix(0, f.info.ModifiedNs),
		DeleteMarker: f.info.DeleteMarker, Latest: f.info.Latest, Only: f.only, NoncurrentSince: f.since, Newer: f.newer,
	}
	verdict := x.config.Judge(&v, x.s.cfg.calendar())
	if verdict.Action == lifecycle.Keep || verdict.Due.After(now) {
		return
	}
	if x.config.AsksTags(&v) {
		get := &ompb.GetKey{Ref: x.ref, Key: v.Key, VersionId: versionName(f.info)}
		v.Tags, v.TagsUnknown = state.Read(tx, &ompb.Request{Op: &ompb.Request_GetKey{GetKey: get}}).GetKey().GetKey().GetMeta().GetTags(), false
		if verdict = x.config.Judge(&v, x.s.cfg.calendar()); verdict.Action == lifecycle.Keep || verdict.Due.After(now) {
			return
		}
	}
	d := &ompb.KeyToDelete{
		Key: v.Key, IfGenerationOrdinal: uint64(f.info.Ordinal) + 1,
		Condition: &ompb.Condition{IfGeneration: f.info.Generation},
	}
	switch verdict.Action {
	case lifecycle.Remove:
		d.VersionId, d.OnlyNoncurrent = versionName(f.info), true
	case lifecycle.RemoveMarker:
		d.VersionId, d.OnlyLoneMarker = versionName(f.info), true
	}
	x.due = append(x.due, d)
}

func versionName(v *ompb.KeyInfo) string {
	if v.VersionId == "" {
		return "null"
	}
	return v.VersionId
}

// remove deletes what is due, as far as it is still what it was.
func (x *expirer) remove(ctx context.Context) error {
	for len(x.due) > 0 {
		n := min(len(x.due), lifecyclePage)
		ctx, cancel := context.WithTimeout(ctx, dutyTimeout)
		resp, err := x.s.propose(ctx, &ompb.Request{User: x.bucket.Owner, Op: &ompb.Request_DeleteKeys{
			DeleteKeys: &ompb.DeleteKeys{Ref: x.ref, Keys: x.due[:n], Lifecycle: true}}})
		cancel()
		if err != nil {
			return err
		}
		for i, r := range resp.GetDeletes().GetResults() {
			code := ozerr.CodeOf(ozerr.FromProto(r.Error))
			if code == ozerr.Unavailable { // its entry has no room for this and what follows
				n = i
				break
			}
			x.s.metrics.lifecycle.WithLabelValues(lifecycleOutcome(r, code)).Inc()
			if r.Error == nil && (r.Existed || r.MarkerAdded) {
				x.removed++
			}
		}
		x.due = x.due[n:]
	}
	x.due = nil
	return nil
}

// lifecycleOutcome names what became of a deletion, for the metric.
func lifecycleOutcome(r *ompb.DeleteResult, code ozerr.Code) string {
	switch {
	case r.Error == nil && r.MarkerAdded:
		return "marked"
	case r.Error == nil:
		return "removed"
	case code == ozerr.KeyLocked:
		return "locked"
	}
	return "changed"
}

// uploads aborts the uploads that are due.
func (x *expirer) uploads(ctx context.Context) error {
	next := &ompb.ListUploads{Ref: x.ref, Limit: lifecyclePage}
	for next != nil {
		begun := time.Now()
		var due []*ompb.AbortUpload
		err := x.s.node.View(func(tx *table.Txn) (err error) {
			due, next, err = x.uploadPage(tx, next, begun)
			return err
		})
		if err != nil {
			return err
		}
		for _, u := range due {
			_, err := x.s.propose(ctx, &ompb.Request{User: x.bucket.Owner, Op: &ompb.Request_AbortUpload{AbortUpload: u}})
			if err != nil && !errors.Is(err, ozerr.NoSuchUpload) {
				return err
			}
			x.aborted++
			x.s.metrics.lifecycle.WithLabelValues("aborted").Inc()
		}
		if err := x.rest(ctx, time.Since(begun)); err != nil {
			return err
		}
	}
	return nil
}

func (x *expirer) uploadPage(tx *table.Txn, l *ompb.ListUploads, now time.Time) (due []*ompb.AbortUpload, next *ompb.ListUploads, err error) {
	if err := x.load(tx); err != nil {
		return nil, nil, err
	}
	list := state.Read(tx, &ompb.Request{Op: &ompb.Request_ListUploads{ListUploads: l}}).GetUploads()
	for _, u := range list.GetUploads() {
		when, _ := x.config.AbortDue(u.Key, time.Unix(0, u.InitiatedNs), x.s.cfg.calendar())
		if !when.IsZero() && !when.After(now) {
			due = append(due, &ompb.AbortUpload{Ref: x.ref, Key: u.Key, UploadId: u.UploadId})
		}
	}
	if list.GetTruncated() {
		next = &ompb.ListUploads{Ref: x.ref, Limit: lifecyclePage, AfterKey: list.NextKey, AfterUploadId: list.NextUploadId}
	}
	return due, next, tx.Err()
}

// rest pauses for as long as the last page took, so that a round takes at most half of
// what there is; NotLeader ends a round.
func (x *expirer) rest(ctx context.Context, took time.Duration) error {
	if _, leads := x.s.node.Leading(); !leads {
		return ozerr.New(ozerr.NotLeader, "leadership changed")
	}
	pause := time.NewTimer(min(took, maxRest))
	defer pause.Stop()
	select {
	case <-pause.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// found is a version with what its neighbours in the listing say of it.
type found struct {
	info  *ompb.KeyInfo
	only  bool      // its key has no other version
	since time.Time // when it became noncurrent
	newer int       // noncurrent versions of the key that are newer, markers not counted
}

// versionRun turns a listing of versions, the newest of a key first, into found ones. It
// holds the last version back until the next shows whether that was its key's only one.
type versionRun struct{ last *found }

// next takes a version, nil for the end, and gives the one before it, nil if there is none.
func (w *versionRun) next(v *ompb.KeyInfo) *found {
	before := w.last
	if before != nil {
		before.only = before.info.Latest && (v == nil || v.Key != before.info.Key)
	}
	w.last = nil
	if v == nil {
		return before
	}
	w.last = &found{info: v}
	if before != nil && before.info.Key == v.Key && !v.Latest {
		w.last.since = time.Unix(0, max(before.info.ModifiedNs, v.ModifiedNs)) // a renamed one is older than what it replaced
		w.last.newer = before.newer
		if !before.info.Latest && !before.info.DeleteMarker {
			w.last.newer++
		}
	}
	return before
}
