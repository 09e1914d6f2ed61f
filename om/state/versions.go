package state

import (
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// versionWalk goes over the versions of a bucket: by key, and of one key the newest
// first. It merges two tables: a current version comes before all others of its key.
type versionWalk struct {
	c             *call
	bucket        *ompb.BucketInfo
	keys, behind  *table.Iter
	inKeys, there bool   // whether each stands on a row
	last          string // key of the row before: the first row of a key is its latest
}

func (c *call) walkVersions(b *ompb.BucketInfo, prefix string) *versionWalk {
	return &versionWalk{
		c: c, bucket: b,
		keys:   table.Keys.Iter(c.tx, table.ObjectKey(b.Id, prefix)),
		behind: table.Versions.Iter(c.tx, table.AppendEscapedPrefix(table.U64(b.Id), prefix)),
	}
}

func (w *versionWalk) close() {
	w.keys.Close()
	w.behind.Close()
}

// seekKey moves to the first version of the first key at or after name.
func (w *versionWalk) seekKey(name string) {
	w.inKeys = w.keys.Seek(table.ObjectKey(w.bucket.Id, name))
	w.there = w.behind.Seek(table.AppendEscapedPrefix(table.U64(w.bucket.Id), name))
}

// seekPast moves behind all keys with the prefix.
func (w *versionWalk) seekPast(prefix string) {
	key, row := table.After(table.ObjectKey(w.bucket.Id, prefix)), pastPrefix(w.bucket.Id, prefix)
	w.inKeys = key != nil && w.keys.Seek(key)
	w.there = row != nil && w.behind.Seek(row)
}

// seekOlder moves behind the version of a key at p. What was behind it may have become
// the current version meanwhile.
func (w *versionWalk) seekOlder(key string, p position) {
	w.seekKey(key)
	if w.inKeys && table.Keys.Name(w.keys) == key && !positionOf(table.Keys.DecodeHead(w.keys)).older(p) {
		w.inKeys = w.keys.Next()
	}
	w.there = w.behind.Seek(append(table.VersionKey(w.bucket.Id, key, p.generation, p.ordinal), 0))
}

// key is the key of the version the walk stands on, "" at the end.
func (w *versionWalk) key() string {
	switch {
	case w.current():
		return table.Keys.Name(w.keys)
	case w.there:
		return table.Versions.Name(w.behind)
	}
	return ""
}

// current: the walk stands on a current version.
func (w *versionWalk) current() bool {
	return w.inKeys && (!w.there || table.Keys.Name(w.keys) <= table.Versions.Name(w.behind))
}

// take returns the version the walk stands on and moves on.
func (w *versionWalk) take() (v *ompb.KeyInfo) {
	if w.current() {
		v = table.Keys.DecodeHead(w.keys)
		w.inKeys = w.keys.Next()
	} else {
		v = table.Versions.DecodeHead(w.behind)
		w.there = w.behind.Next()
	}
	v.Latest = v.Key != w.last
	w.last = v.Key
	return v
}

// listVersions is listKeys for all versions and delete markers; so it is in a bucket
// that never had versions: each key has its null version.
func (c *call) listVersions(r *ompb.ListVersions) (*ompb.Response, error) {
	b, err := c.bucket(r.Ref, r.ExpectedOwner)
	if err != nil {
		return nil, err
	}
	w := c.walkVersions(b, r.Prefix)
	defer w.close()
	if err := w.start(r); err != nil {
		return nil, err
	}
	list, limit := &ompb.VersionList{}, page(r.Limit)
	for key := w.key(); key != ""; key = w.key() {
		if len(list.Versions)+len(list.CommonPrefixes) == limit {
			list.Truncated = true
			break
		}
		if common, is := commonPrefix(key, r.Prefix, r.Delimiter); is {
			list.CommonPrefixes = append(list.CommonPrefixes, common)
			list.NextKey, list.NextVersion = common, ""
			w.seekPast(common)
			continue
		}
		v := w.take()
		list.Versions = append(list.Versions, v)
		list.NextKey, list.NextVersion = key, versionName(v)
	}
	if !list.Truncated {
		list.NextKey, list.NextVersion = "", ""
	}
	return &ompb.Response{Result: &ompb.Response_Versions{Versions: list}}, nil
}

// start moves to where a listing begins: behind that version of after_key; without one
// behind all of its; behind a common prefix, behind all keys it stands for.
func (w *versionWalk) start(r *ompb.ListVersions) error {
	if r.AfterVersion != "" {
		return w.startInKey(r.AfterKey, r.AfterVersion)
	}
	if common, is := commonPrefix(r.AfterKey, r.Prefix, r.Delimiter); is && common == r.AfterKey {
		w.seekPast(common)
	} else if r.AfterKey != "" {
		w.seekKey(r.AfterKey + "\x00")
	} else {
		w.seekKey("")
	}
	return nil
}

// startInKey moves behind a version that need not exist any more: who lists and deletes
// page by page names one that is gone. A null version that is gone tells no place, so
// all of its key is listed, maybe again, rather than something left out.
func (w *versionWalk) startInKey(key, id string) error {
	p, ok := parseVersionID(id)
	switch {
	case ok:
	case key == "" || id != nullVersion:
		return ozerr.New(ozerr.InvalidArgument, "%.40q of key %.40q is no version to go on from", id, key)
	default:
		v := w.c.find(w.bucket, key, nullVersion)
		if v == nil {
			w.seekKey(key)
			return nil
		}
		p = positionOf(v)
	}
	w.seekOlder(key, p)
	if newest := w.c.newest(w.bucket, key); newest != nil && !positionOf(newest).older(p) {
		w.last = key // its latest version was told before
	}
	return nil
}
