package state

import (
	"encoding/binary"
	"errors"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// MaxMoved is how many blocks the requests of one raft entry may give an owner beyond
// their first, or take from one: deletions, copies, renames, completed uploads. It bounds
// memory and time of one transaction; what would go beyond is answered UNAVAILABLE and
// is to be tried again. Blocks that others share count too, as their rows change.
const MaxMoved = 200_000

// eventPrice is what an event counts, for its row is as large as those of so many blocks.
const eventPrice = 10

// maxPartBlocks keeps a part row well below a row's limit.
const maxPartBlocks = 8192

// blockRow is what a block's row says: how many keys and parts hold it, how many bytes
// the stored block has, and their CRC32C; rows of the first format don't have that.
type blockRow struct {
	refs   uint32
	length uint64
	crc    uint32
	hasCRC bool
}

// owner names a version of a key, or a part, in owner rows.
type owner []byte

// ownerOf names a version for as long as it exists, whatever becomes of it. The null
// version has the name of its key, so replacing it leaves the blocks they share alone.
func ownerOf(b *ompb.BucketInfo, v *ompb.KeyInfo) owner {
	name := table.ObjectKey(b.Id, v.Key)
	if v.VersionId == "" {
		return append([]byte{'K'}, name...)
	}
	return append(append([]byte{'V'}, name...), positionOf(v).bytes()...)
}

func partOwner(upload []byte, number uint32) owner {
	return append([]byte{'P'}, table.PartKey(upload, number)...)
}

type blockID struct{ container, local uint64 }

func idOf(b *commonpb.Block) blockID {
	return blockID{b.GetId().GetContainer(), b.GetId().GetLocal()}
}

func (id blockID) key() []byte { return table.BlockKey(id.container, id.local) }

func (c *call) blockRow(id blockID) (row blockRow, ok bool) {
	v, ok := table.Blocks.Get(c.tx, id.key())
	if !ok {
		return row, false
	}
	if row, ok = decodeBlockRow(v); !ok {
		c.tx.Fail(errors.Join(table.ErrCorrupt, errors.New("block row")))
	}
	return row, ok
}

func decodeBlockRow(v []byte) (blockRow, bool) {
	switch len(v) {
	case 12:
		return blockRow{refs: binary.BigEndian.Uint32(v), length: binary.BigEndian.Uint64(v[4:])}, true
	case 16:
		return blockRow{binary.BigEndian.Uint32(v), binary.BigEndian.Uint64(v[4:]), binary.BigEndian.Uint32(v[12:]), true}, true
	}
	return blockRow{}, false
}

func (c *call) putBlockRow(id blockID, row blockRow) {
	v := binary.BigEndian.AppendUint32(make([]byte, 0, 16), row.refs)
	v = binary.BigEndian.AppendUint64(v, row.length)
	if row.hasCRC {
		v = binary.BigEndian.AppendUint32(v, row.crc)
	}
	table.Blocks.Put(c.tx, id.key(), v)
}

// distinct returns the stored blocks in bs, each once, in order. Slices of a block
// may occur many times in one object.
func distinct(bs []*commonpb.Block) []*commonpb.Block {
	if len(bs) < 2 {
		return bs
	}
	seen := make(map[blockID]bool, len(bs))
	out := make([]*commonpb.Block, 0, len(bs))
	for _, b := range bs {
		if id := idOf(b); !seen[id] {
			seen[id] = true
			out = append(out, b)
		}
	}
	return out
}

// checkBlocks decides whether a writer may refer to these blocks for an object of this
// size: whole blocks nobody has yet, in containers that exist and are not fenced. With share (parts: an
// upload-part-copy), also blocks and slices of blocks that somebody still has.
func (c *call) checkBlocks(bs []*commonpb.Block, size uint64, share bool) error {
	if err := checkPieces(bs, size); err != nil {
		return err
	}
	containers := make(map[uint64]*ompb.ContainerInfo)
	for _, b := range bs {
		id := idOf(b)
		if containers[id.container] == nil {
			if containers[id.container] = Container(c.tx, id.container); containers[id.container] == nil {
				return ozerr.New(ozerr.ContainerNotFound, "container %d does not exist", id.container)
			}
		}
		row, ok := c.blockRow(id)
		switch whole := b.Offset == 0 && b.Length == b.BlockLength; {
		case !ok && whole && containers[id.container].Fenced:
			return ozerr.New(ozerr.ContainerClosed, "container %d was fenced: the bytes of this object came too long ago", id.container)
		case !ok && whole:
		case !ok:
			return ozerr.New(ozerr.InvalidRequest, "a piece of block %d/%d, which nobody has", id.container, id.local)
		case row.refs == 0:
			return ozerr.New(ozerr.InvalidRequest, "block %d/%d was deleted", id.container, id.local)
		case !share:
			return ozerr.New(ozerr.InvalidRequest, "block %d/%d is another object's", id.container, id.local)
		case row.length != b.BlockLength:
			return ozerr.New(ozerr.InvalidRequest, "block %d/%d has %d bytes, not %d", id.container, id.local, row.length, b.BlockLength)
		}
	}
	return nil
}

// checkPieces: the pieces lie within their blocks, make up the size, and no two whole
// pieces contradict each other on a block's length.
func checkPieces(bs []*commonpb.Block, size uint64) error {
	var sum uint64
	lengths := make(map[blockID]uint64, len(bs))
	for _, b := range bs {
		id := idOf(b)
		if b.Offset > b.BlockLength || b.Length > b.BlockLength-b.Offset || b.Length == 0 || b.Length > size-sum {
			return ozerr.New(ozerr.InvalidRequest, "block %d/%d: bytes %d+%d of %d don't fit", id.container, id.local, b.Offset, b.Length, b.BlockLength)
		}
		if l, ok := lengths[id]; ok && l != b.BlockLength {
			return ozerr.New(ozerr.InvalidRequest, "block %d/%d has two lengths", id.container, id.local)
		}
		lengths[id] = b.BlockLength
		sum += b.Length
	}
	if sum != size {
		return ozerr.New(ozerr.InvalidRequest, "the blocks hold %d bytes of %d", sum, size)
	}
	return nil
}

// own makes o an owner of the blocks.
func (c *call) own(o owner, bs []*commonpb.Block) {
	for _, b := range distinct(bs) {
		id := idOf(b)
		row := append(id.key(), o...)
		r, known := c.blockRow(id)
		if known && table.Owners.Has(c.tx, row) { // a block without a row has no owners
			continue
		}
		table.Owners.Put(c.tx, row, nil)
		c.putBlockRow(id, blockRow{r.refs + 1, b.BlockLength, b.Crc32C, true})
	}
}

// disown takes the blocks from o, except those in keep; what nobody owns then is deleted.
func (c *call) disown(o owner, bs, keep []*commonpb.Block) {
	kept := make(map[blockID]bool, len(keep))
	for _, b := range keep {
		kept[idOf(b)] = true
	}
	for _, b := range distinct(bs) {
		id := idOf(b)
		row := append(id.key(), o...)
		if kept[id] || !table.Owners.Has(c.tx, row) {
			continue
		}
		table.Owners.Delete(c.tx, row)
		r, ok := c.blockRow(id)
		if !ok || r.refs == 0 {
			c.tx.Fail(errors.Join(table.ErrCorrupt, errors.New("an owned block has no row")))
			return
		}
		r.refs--
		c.putBlockRow(id, r)
		if r.refs == 0 {
			c.free(id, r.length)
		}
	}
}

func (c *call) free(id blockID, length uint64) {
	d := &ompb.DeletedBlock{
		Index: c.index, Ordinal: c.tx.Ordinal(c.index), Length: length, DeletedNs: c.now(),
		Id: &commonpb.BlockID{Container: id.container, Local: id.local},
	}
	table.Deleted.Put(c.tx, table.DeletedKey(d.Index, d.Ordinal), d)
}

// room is an error when the requests before this one (in DeleteKeys: keys) have left no
// room in this raft entry to move n more blocks. One that is alone may have any number.
func (c *call) room(n int) error {
	before := c.tx.Charge(c.index, 0) - c.moved
	if before > 0 && before+c.moved+n > MaxMoved {
		return ozerr.New(ozerr.Unavailable, "too many blocks to move at once, try again")
	}
	c.charge(n)
	return nil
}

func (c *call) charge(n int) {
	c.moved += n
	c.tx.Charge(c.index, n)
}

func (c *call) forgetDeletedBlocks(r *ompb.ForgetDeletedBlocks) (*ompb.Response, error) {
	for _, f := range r.Blocks {
		key := table.DeletedKey(f.Index, f.Ordinal)
		d := table.Deleted.Get(c.tx, key)
		if d == nil {
			continue
		}
		table.Deleted.Delete(c.tx, key)
		table.Blocks.Delete(c.tx, table.BlockKey(d.GetId().GetContainer(), d.GetId().GetLocal()))
	}
	return nil, nil
}

// DeletedBlocks calls f for the deleted rows from (index, ordinal) on, in the order they
// were freed, until f returns false.
func DeletedBlocks(tx *table.Txn, index uint64, ordinal uint32, f func(*ompb.DeletedBlock) bool) {
	table.Deleted.Scan(tx, nil, table.DeletedKey(index, ordinal), func(_ []byte, d *ompb.DeletedBlock) bool {
		return f(d)
	})
}

// BlockOwned tells whether any key or part has the block.
func BlockOwned(tx *table.Txn, id *commonpb.BlockID) bool {
	c := &call{tx: tx}
	row, _ := c.blockRow(blockID{id.GetContainer(), id.GetLocal()})
	return row.refs > 0
}

// BlocksOf calls f for each block of the container that is owned, or freed and not
// yet forgotten, in order of local ids from `from` on, until f returns false.
func BlocksOf(tx *table.Txn, container, from uint64, f func(*ompb.ContainerBlock) bool) {
	table.Blocks.Scan(tx, table.U64(container), table.BlockKey(container, from), func(key, v []byte) bool {
		row, ok := decodeBlockRow(v)
		if !ok {
			tx.Fail(errors.Join(table.ErrCorrupt, errors.New("block row")))
			return false
		}
		return f(&ompb.ContainerBlock{
			Local: binary.BigEndian.Uint64(key[8:]), Length: row.length,
			Crc32C: row.crc, HasCrc: row.hasCRC, Freed: row.refs == 0,
		})
	})
}

// maxContainerBlocks is the most and the default of a page of ListContainerBlocks.
const maxContainerBlocks = 10_000

func (c *call) listContainerBlocks(r *ompb.ListContainerBlocks) (*ompb.Response, error) {
	m := Container(c.tx, r.Container)
	if m == nil {
		return nil, ozerr.New(ozerr.ContainerNotFound, "container %d does not exist", r.Container)
	}
	list, limit := &ompb.ContainerBlocks{Container: m}, int(min(r.Limit, maxContainerBlocks))
	if limit == 0 {
		limit = maxContainerBlocks
	}
	if r.AfterLocal < ^uint64(0) {
		BlocksOf(c.tx, r.Container, r.AfterLocal+1, func(b *ompb.ContainerBlock) bool {
			if list.Truncated = len(list.Blocks) == limit; list.Truncated {
				return false
			}
			list.Blocks = append(list.Blocks, b)
			return true
		})
	}
	return &ompb.Response{Result: &ompb.Response_ContainerBlocks{ContainerBlocks: list}}, nil
}
