package state

import (
	"maps"
	"slices"

	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
	"google.golang.org/protobuf/proto"
)

// model is the plain truth: what the tables must say after any history.
type model struct {
	buckets   map[string]*mbucket
	uploads   map[string]*mupload // by id
	committed map[uint64]bool     // every block ever taken
	forgotten map[uint64]bool
	next      uint64 // fresh block
}

// mbucket has the versions of each key, the newest first; no key without any.
type mbucket struct {
	versioning string
	lock       bool
	days       uint32 // of the default retention
	keys       map[string][]*mversion
}

type mversion struct {
	id     string // "": the null version
	marker bool
	etag   string
	blocks []*commonpb.Block
	parts  int
	tag    string
	mode   string
	until  int64
	hold   bool
}

type mupload struct {
	bucket, key string
	parts       map[uint32]*mversion
	completed   bool
}

func newModel() *model {
	return &model{
		buckets: map[string]*mbucket{"bkt": {keys: map[string][]*mversion{}}}, uploads: map[string]*mupload{},
		committed: map[uint64]bool{}, forgotten: map[uint64]bool{}, next: 1,
	}
}

func (m *model) fresh(size uint64) *commonpb.Block {
	m.next++
	return block(m.next, size)
}

func (m *model) take(bs []*commonpb.Block) {
	for _, b := range bs {
		m.committed[b.Id.Local] = true
	}
}

// owners counts the versions and parts that have each block.
func (m *model) owners() map[uint64]int {
	out := map[uint64]int{}
	add := func(v *mversion) {
		for _, b := range distinct(v.blocks) {
			out[b.Id.Local]++
		}
	}
	for _, b := range m.buckets {
		for _, versions := range b.keys {
			for _, v := range versions {
				add(v)
			}
		}
	}
	for _, u := range m.uploads {
		for _, p := range u.parts {
			add(p)
		}
	}
	return out
}

// current is nil without a key, or one deleted by a marker, or without a bucket.
func (b *mbucket) current(key string) *mversion {
	if b == nil || len(b.keys[key]) == 0 || b.keys[key][0].marker {
		return nil
	}
	return b.keys[key][0]
}

// find is what a request with this version id means; nil: nothing.
func (b *mbucket) find(key, id string) *mversion {
	if id == "" {
		return b.current(key)
	}
	if b == nil {
		return nil
	}
	for _, v := range b.keys[key] {
		if v.id == id || v.id == "" && id == nullVersion {
			return v
		}
	}
	return nil
}

func (b *mbucket) drop(key string, v *mversion) {
	b.keys[key] = slices.DeleteFunc(b.keys[key], func(x *mversion) bool { return x == v })
	if len(b.keys[key]) == 0 {
		delete(b.keys, key)
	}
}

// add makes v, with its id, the newest version: without one it replaces the null version.
func (b *mbucket) add(key string, v *mversion) {
	if v.id == "" {
		b.drop(key, b.find(key, nullVersion))
	}
	b.keys[key] = append([]*mversion{v}, b.keys[key]...)
}

func (v *mversion) locked(now int64, bypass bool) bool {
	return v.hold || v.until > now && (v.mode == compliance || v.mode == governance && !bypass)
}

// retain is what a new version of the bucket gets.
func (b *mbucket) retain(v *mversion, now int64) *mversion {
	if b.days > 0 && v.mode == "" {
		v.mode, v.until = governance, now+int64(b.days)*24*3600*1e9
	}
	return v
}

// same: the row says what the model says.
func (v *mversion) same(k *ompb.KeyInfo) bool {
	blocks := slices.EqualFunc(k.Blocks, v.blocks, func(x, y *commonpb.Block) bool { return proto.Equal(x, y) })
	return blocks && k.Etag == v.etag && k.VersionId == v.id && k.DeleteMarker == v.marker && len(k.Parts) == v.parts &&
		k.Meta.GetTags()["tag"] == v.tag && k.LegalHold == v.hold && k.Retention.GetMode() == v.mode && k.Retention.GetUntilNs() == v.until
}

// check compares the tables with the model.
func (h *history) check() {
	rows := map[byte]int{}
	for _, name := range bucketNames {
		b := h.truth.buckets[name]
		h.checkListings(name, b)
		for _, k := range keyNames {
			h.checkKey(name, b, k, rows)
		}
	}
	h.checkRows(rows)
	h.checkBlocks()
}

func (h *history) checkKey(name string, b *mbucket, key string, rows map[byte]int) {
	if b.current(key) == nil {
		resp := h.m.do(get(name, key))
		deleted := b != nil && len(b.keys[key]) > 0
		if resp.GetKey().GetKey().GetDeleteMarker() != deleted || (resp.Error == nil) != deleted {
			h.Fatalf("%s/%q: %v, deleted: %v", name, key, resp, deleted)
		}
	} else {
		rows['k']++
		if got := h.m.must(get(name, key)).GetKey().Key; !b.current(key).same(got) || !got.Latest {
			h.Fatalf("%s/%q is %v, want %v", name, key, got, b.current(key))
		}
	}
	if b == nil {
		return
	}
	for i, v := range b.keys[key] {
		rows['w'] += btoi(i > 0 || v.marker)
		rows['y'] += btoi(len(v.blocks)+v.parts > 64)
		id := v.id
		if id == "" {
			id = nullVersion
		}
		if got := h.m.must(getVersion(name, key, id)).GetKey().Key; !v.same(got) {
			h.Fatalf("%s/%q version %s is %v, want %v", name, key, id, got, v)
		}
	}
}

// checkListings pages through keys and versions.
func (h *history) checkListings(name string, b *mbucket) {
	if b == nil {
		return
	}
	var want, got, current, listed []string
	for _, key := range slices.Sorted(maps.Keys(b.keys)) {
		for i, v := range b.keys[key] {
			want = append(want, listEntry(key, v.id, v.etag, v.marker, i == 0))
		}
		if b.current(key) != nil {
			current = append(current, key)
		}
	}
	r := &ompb.ListVersions{Ref: ref(name), Limit: 3}
	for more := true; more; {
		l := h.m.must(&ompb.Request{Op: &ompb.Request_ListVersions{ListVersions: r}}).GetVersions()
		for _, v := range l.Versions {
			got = append(got, listEntry(v.Key, v.VersionId, v.Etag, v.DeleteMarker, v.Latest))
		}
		more, r.AfterKey, r.AfterVersion = l.Truncated, l.NextKey, l.NextVersion
	}
	for _, k := range h.m.must(&ompb.Request{Op: &ompb.Request_ListKeys{ListKeys: &ompb.ListKeys{Ref: ref(name)}}}).GetKeys().Keys {
		listed = append(listed, k.Key)
	}
	if !slices.Equal(got, want) || !slices.Equal(listed, current) {
		h.Fatalf("%s lists %q and %q, want %q and %q", name, got, listed, want, current)
	}
}

func listEntry(key, id, etag string, marker, latest bool) string {
	return key + "|" + id + "|" + etag + "|" + []string{"", "marker"}[btoi(marker)] + []string{"", "latest"}[btoi(latest)]
}

// checkRows: no row of a key's is left over.
func (h *history) checkRows(want map[byte]int) {
	got, keys := map[byte]int{}, 0
	for _, b := range h.truth.buckets {
		keys += len(b.keys)
	}
	tx, end := h.m.view()
	defer end()
	tx.All(func(key, _ []byte) bool { got[key[0]]++; return true })
	for _, table := range []byte("kwy") {
		if got[table] != want[table] {
			h.Fatalf("%d rows of %c, want %d", got[table], table, want[table])
		}
	}
	if got['z'] > keys {
		h.Fatalf("%d rows of z for %d keys", got['z'], keys)
	}
}

// checkBlocks: each block has the owners it should have, or is freed.
func (h *history) checkBlocks() {
	tx, end := h.m.view()
	defer end()
	c := &call{tx: tx}
	owners, deleted := h.truth.owners(), h.m.deleted()
	for local := range h.truth.committed {
		row, _ := c.blockRow(blockID{1, local})
		if int(row.refs) != owners[local] || h.m.owned(local) != (owners[local] > 0) {
			h.Fatalf("block %d has %d owners, want %d", local, row.refs, owners[local])
		}
		if gone := owners[local] == 0 && !h.truth.forgotten[local]; deleted[local] != gone {
			h.Fatalf("block %d: deleted row %v, want %v", local, deleted[local], gone)
		}
		delete(deleted, local)
	}
	if len(deleted) > 0 {
		h.Fatalf("deleted rows of blocks that were never committed: %v", deleted)
	}
}
