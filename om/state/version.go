package state

import (
	"encoding/binary"
	"encoding/hex"
	"errors"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// Versioning of a bucket; "" is never. And the version id of the null version in
// requests and answers; rows have "".
const (
	enabled     = "Enabled"
	suspended   = "Suspended"
	nullVersion = "null"
)

// versionIDSize: generation u64, ordinal u32, and four bytes of entropy, so that an id
// of another cluster, or of before a restore, names nothing. Text is hex: ids of a key
// sort by time.
const (
	versionIDSize = positionSize + 4
	positionSize  = 8 + 4
)

// position places a version among those of its key.
type position struct {
	generation uint64
	ordinal    uint32
}

func positionOf(v *ompb.KeyInfo) position { return position{v.GetGeneration(), v.GetOrdinal()} }

// older: p was written before q.
func (p position) older(q position) bool {
	return p.generation < q.generation || p.generation == q.generation && p.ordinal < q.ordinal
}

func (p position) bytes() []byte { return table.DeletedKey(p.generation, p.ordinal) }

func decodePosition(b []byte) position {
	return position{binary.BigEndian.Uint64(b), binary.BigEndian.Uint32(b[8:])}
}

// newVersionID is the id of a version that this request writes with that ordinal.
func (c *call) newVersionID(ordinal uint32) string {
	var raw [versionIDSize]byte
	n := copy(raw[:], position{c.index, ordinal}.bytes())
	copy(raw[n:], c.req.Entropy)
	return hex.EncodeToString(raw[:])
}

func parseVersionID(id string) (position, bool) {
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != versionIDSize || hex.EncodeToString(raw) != id {
		return position{}, false
	}
	return decodePosition(raw), true
}

// versionName is the id of a version as requests have it.
func versionName(v *ompb.KeyInfo) string { return first(v.VersionId, nullVersion) }

// versionRow names the row of a version in table.Versions.
func versionRow(b *ompb.BucketInfo, v *ompb.KeyInfo) []byte {
	return table.VersionKey(b.Id, v.Key, v.Generation, v.Ordinal)
}

// isCurrent: v, which find returned, is in table.Keys.
func isCurrent(v *ompb.KeyInfo) bool { return v.Latest && !v.DeleteMarker }

// find returns a version of a key, nil if there is none: with id "" the current one,
// which is never a delete marker; other ids may be a marker's. Latest is set in the
// current version.
func (c *call) find(b *ompb.BucketInfo, key, id string) *ompb.KeyInfo {
	row := table.ObjectKey(b.Id, key)
	if id == "" {
		return c.current(row)
	}
	if cur := table.Keys.Head(c.tx, row); cur != nil && versionName(cur) == id {
		return c.current(row)
	}
	if b.Versioning == "" {
		return nil
	}
	p, _ := parseVersionID(id)
	if id == nullVersion {
		p = c.places(b, key).null
	}
	v := table.Versions.Get(c.tx, table.VersionKey(b.Id, key, p.generation, p.ordinal))
	if v == nil || versionName(v) != id {
		return nil
	}
	return v
}

func (c *call) current(row []byte) *ompb.KeyInfo {
	v := table.Keys.Get(c.tx, row)
	if v != nil {
		v.Latest = true
	}
	return v
}

// places says where in table.Versions two rows of a key are: the null version; and the
// newest version, if that is a delete marker. Positions are never used twice, so a place
// is not taken back when its row goes away: it leads nowhere then. With a current version
// the marker means nothing, and a PUT need not write here.
type places struct{ null, marker position }

func (c *call) places(b *ompb.BucketInfo, key string) (p places) {
	raw, ok := table.Places.Get(c.tx, table.ObjectKey(b.Id, key))
	switch {
	case ok && len(raw) == 2*positionSize:
		p.null, p.marker = decodePosition(raw), decodePosition(raw[positionSize:])
	case ok:
		c.tx.Fail(errors.Join(table.ErrCorrupt, errors.New("places row")))
	}
	return p
}

func (c *call) putPlaces(b *ompb.BucketInfo, key string, p places) {
	table.Places.Put(c.tx, table.ObjectKey(b.Id, key), append(p.null.bytes(), p.marker.bytes()...))
}

// newest is the head of the newest version of a key, perhaps a delete marker; nil: none.
func (c *call) newest(b *ompb.BucketInfo, key string) *ompb.KeyInfo {
	v := table.Keys.Head(c.tx, table.ObjectKey(b.Id, key))
	if v == nil && b.Versioning != "" {
		p := c.places(b, key).marker
		v = table.Versions.Head(c.tx, table.VersionKey(b.Id, key, p.generation, p.ordinal))
	}
	if v != nil {
		v.Latest = true
	}
	return v
}

// existing is find for requests that need an object: a delete marker is none.
func (c *call) existing(b *ompb.BucketInfo, key, id string) (*ompb.KeyInfo, error) {
	v := c.find(b, key, id)
	switch {
	case v == nil:
		return nil, noVersion(key, id)
	case v.DeleteMarker:
		return nil, ozerr.New(ozerr.KeyNotFound, "version %s of key %q is a delete marker", id, key)
	}
	return v, nil
}

func noVersion(key, id string) error {
	if id == "" {
		return ozerr.New(ozerr.KeyNotFound, "key %q does not exist", key)
	}
	return ozerr.New(ozerr.VersionNotFound, "key %q has no version %q", key, id)
}

// slot is what a write finds under its key.
type slot struct {
	cur  *ompb.KeyInfo // the current version; nil: none, or deleted by a marker
	gone *ompb.KeyInfo // the version that the write replaces: the null version, unless the bucket keeps it
}

// replaceable finds the slot of a write, and an error if the write may not be.
func (c *call) replaceable(b *ompb.BucketInfo, key string, cond *ompb.Condition) (s slot, err error) {
	if err := checkKey(key); err != nil {
		return s, err
	}
	if b.Versioning == enabled {
		s.cur = table.Keys.Head(c.tx, table.ObjectKey(b.Id, key))
	} else {
		s.cur = c.find(b, key, "")
		if s.gone = s.cur; b.Versioning == suspended && (s.cur == nil || s.cur.VersionId != "") {
			s.gone = c.find(b, key, nullVersion)
		}
	}
	if err := check(cond, s.cur); err != nil {
		return s, err
	}
	if err := c.removable(s.gone, false); err != nil {
		return s, err
	}
	return s, nil
}

// removable: v (nil: nothing) may be removed by a request that bypasses governance or not.
func (c *call) removable(v *ompb.KeyInfo, bypass bool) error {
	if err := locked(v, c.now(), bypass); err != nil {
		return err
	}
	return c.room(len(v.GetBlocks()))
}

// place makes k, whose blocks are checked, the newest version of its key.
func (c *call) place(b *ompb.BucketInfo, k *ompb.KeyInfo, s slot) {
	c.date(b, k)
	c.own(ownerOf(b, k), k.Blocks)
	c.vacate(b, s, k.Blocks)
	table.Keys.Put(c.tx, c.index, table.ObjectKey(b.Id, k.Key), k)
}

// placeMarker makes a delete marker the newest version of a key.
func (c *call) placeMarker(b *ompb.BucketInfo, key string, s slot) *ompb.KeyInfo {
	m := &ompb.KeyInfo{Key: key, DeleteMarker: true, Owner: c.req.User, CreatedNs: c.now(), ModifiedNs: c.now()}
	c.date(b, m)
	c.vacate(b, s, nil)
	table.Versions.Put(c.tx, c.index, versionRow(b, m), m)
	p := c.places(b, key)
	if p.marker = positionOf(m); m.VersionId == "" {
		p.null = p.marker
	}
	c.putPlaces(b, key, p)
	return m
}

// date gives a new version its position, and its id where the bucket keeps versions.
func (c *call) date(b *ompb.BucketInfo, v *ompb.KeyInfo) {
	v.Generation, v.Ordinal, v.VersionId = c.index, c.tx.Ordinal(c.index), ""
	if b.Versioning == enabled {
		v.VersionId = c.newVersionID(v.Ordinal)
	}
}

// vacate takes away what a new newest version replaces, its blocks but for those in
// keep, which are the new one's; and moves the current version behind it.
func (c *call) vacate(b *ompb.BucketInfo, s slot, keep []*commonpb.Block) {
	if s.gone != nil {
		c.remove(b, s.gone, keep)
	}
	if s.cur != nil && s.cur != s.gone {
		table.Keys.Move(c.tx, table.ObjectKey(b.Id, s.cur.Key), table.Versions, versionRow(b, s.cur))
		if s.cur.VersionId == "" {
			p := c.places(b, s.cur.Key)
			p.null = positionOf(s.cur)
			c.putPlaces(b, s.cur.Key, p)
		}
	}
}

// remove takes a version away with its blocks but for those in keep.
func (c *call) remove(b *ompb.BucketInfo, v *ompb.KeyInfo, keep []*commonpb.Block) {
	c.disown(ownerOf(b, v), v.Blocks, keep)
	if isCurrent(v) {
		table.Keys.Delete(c.tx, table.ObjectKey(b.Id, v.Key))
		return
	}
	table.Versions.Delete(c.tx, versionRow(b, v))
}

// promote makes the newest version that is left current, unless it is a delete marker,
// after the newest, which was at p, was removed. Looking from there on spares walking
// over what was removed in front of it.
func (c *call) promote(b *ompb.BucketInfo, key string, p position) {
	v := c.nextBehind(b, key, p)
	switch {
	case v == nil:
		table.Places.Delete(c.tx, table.ObjectKey(b.Id, key))
	case v.DeleteMarker:
		at := c.places(b, key)
		at.marker = positionOf(v)
		c.putPlaces(b, key, at)
	default:
		table.Versions.Move(c.tx, versionRow(b, v), table.Keys, table.ObjectKey(b.Id, key))
	}
}

// nextBehind is the head of the newest row of a key in table.Versions older than p;
// nil: none.
func (c *call) nextBehind(b *ompb.BucketInfo, key string, p position) *ompb.KeyInfo {
	it := table.Versions.Iter(c.tx, table.VersionsKey(b.Id, key))
	defer it.Close()
	if !it.Seek(append(table.VersionKey(b.Id, key, p.generation, p.ordinal), 0)) {
		return nil
	}
	return table.Versions.DecodeHead(it)
}

// store writes a version that find returned and the request changed back to its row.
func (c *call) store(b *ompb.BucketInfo, v *ompb.KeyInfo) {
	if isCurrent(v) {
		table.Keys.Change(c.tx, table.ObjectKey(b.Id, v.Key), v)
		return
	}
	table.Versions.Change(c.tx, versionRow(b, v), v)
}
