package container

import (
	"context"
	"slices"

	"github.com/mini-ozone/mini-ozone/datanode/chunk"
	"github.com/mini-ozone/mini-ozone/internal/crc32c"
	"github.com/mini-ozone/mini-ozone/internal/failpoint"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// incoming is a write request whose payload has been verified.
type incoming struct {
	local    uint64
	offset   uint64
	data     []byte
	crc      uint32
	sums     []uint32 // of data's units
	commit   bool
	seal     bool
	length   uint64 // of the block, with commit
	blockCRC uint32
}

// receive verifies what can be verified of a request without knowing the container.
func receive(req *dnpb.WriteRequest, data []byte) (*incoming, error) {
	in := &incoming{
		local: req.GetBlock().GetLocal(), offset: req.GetOffset(), data: data, crc: req.GetCrc32C(),
		commit: req.GetCommit() || req.GetSeal(), seal: req.GetSeal(),
		length: req.GetBlockLength(), blockCRC: req.GetBlockCrc32C(),
	}
	switch {
	case req.GetBlock().GetContainer() == 0 || in.local == 0:
		return nil, ozerr.New(ozerr.InvalidArgument, "block %v: ids start at 1", req.GetBlock())
	case len(data) > chunk.MaxPayload:
		return nil, ozerr.New(ozerr.InvalidArgument, "chunk of %d bytes, at most %d", len(data), chunk.MaxPayload)
	case in.offset > chunk.MaxBlock || in.offset+uint64(len(data)) > chunk.MaxBlock:
		return nil, ozerr.New(ozerr.InvalidArgument, "block of over %d bytes", chunk.MaxBlock)
	case len(data) == 0 && !in.commit:
		return nil, ozerr.New(ozerr.InvalidArgument, "neither bytes nor a commit")
	}
	in.sums = unitSums(data)
	if got := crc32c.Whole(in.sums, chunk.Unit, int64(len(data))); got != in.crc {
		return nil, ozerr.New(ozerr.ChecksumMismatch, "chunk of block %v sums to %08x, not %08x", req.GetBlock(), got, in.crc)
	}
	return in, nil
}

func unitSums(data []byte) []uint32 { return crc32c.Units(nil, data, chunk.Unit) }

// received is the incoming of a block that a repair brings, whose bytes are checked when
// they are complete.
func received(b Block, off uint64, data []byte, last bool) *incoming {
	sums := unitSums(data)
	return &incoming{
		local: b.Local, offset: off, data: data, sums: sums, crc: crc32c.Whole(sums, chunk.Unit, int64(len(data))),
		commit: last, length: b.Length, blockCRC: b.CRC,
	}
}

// write carries out a request. With commit it returns when the block is durable.
func (c *container) write(ctx context.Context, in *incoming) error {
	wait, err := c.store(ctx, in)
	if err != nil {
		return err
	}
	if wait > 0 {
		return c.syncTo(ctx, wait)
	}
	return c.flow(ctx)
}

// store checks the request against what is known of the block and appends what it
// brings. The result is the end of the log up to which the caller must sync; 0 if
// there is nothing to wait for.
func (c *container) store(ctx context.Context, in *incoming) (wait int64, err error) {
	if err := c.lock(ctx); err != nil {
		return 0, err
	}
	defer c.unlock()
	c.mu.RLock()
	old, known := c.index.get(in.local)
	p := c.pending[in.local]
	state, broken := c.state, c.broken
	c.mu.RUnlock()

	switch {
	case known:
		return 0, in.again(old)
	case p != nil && p.commit != nil:
		return p.commit.end, in.again(p.commit.row)
	case broken != nil:
		return 0, broken
	case !takes(state, p != nil):
		return 0, ozerr.New(ozerr.ContainerClosed, "container %d is %s", c.id, state)
	}
	if err := c.vol.admit(int64(len(in.data)) + chunk.RecordHeaderSize); err != nil {
		return 0, err
	}
	if p == nil {
		p = &pending{local: in.local}
	}
	next, fresh, err := c.put(p, in)
	if err != nil || !fresh {
		return 0, err
	}
	return c.remember(next), nil
}

// takes says whether a container accepts bytes of a block: a closing one lets those
// finish that have begun, because their clients can't send the bytes again.
func takes(state dnpb.ContainerState, begun bool) bool {
	return state == dnpb.ContainerState_OPEN || state == dnpb.ContainerState_CLOSING && begun
}

// again answers a request for a block that is committed (or about to be) as r.
func (in *incoming) again(r row) error {
	switch {
	case r.deleted():
		return ozerr.New(ozerr.BlockNotFound, "block %d was deleted", in.local)
	case in.commit && in.length == uint64(r.length) && in.blockCRC == r.crc:
		return nil
	}
	return ozerr.New(ozerr.BlockConflict, "block %d is already committed with %d bytes, crc %08x", in.local, r.length, r.crc)
}

// put appends the request's bytes to p, and commits it if asked. It returns what p has
// become, and whether that is anything new. The caller holds appending.
func (c *container) put(p *pending, in *incoming) (_ *pending, fresh bool, err error) {
	repeat, err := p.accepts(in)
	if err != nil {
		return nil, false, err
	}
	next := p.with(in, repeat)
	var m chunk.Manifest
	if in.commit {
		if m, err = c.agree(next, in); err != nil {
			return nil, false, err
		}
	}
	whole := in.commit && p.length == 0 && !repeat && in.length == uint64(len(in.data))
	var recs []record
	switch {
	case whole:
		recs = append(recs, record{chunk.NewWhole(in.local, len(in.data), in.crc, in.sums), in.data})
	case !repeat:
		r := record{chunk.NewData(in.local, in.offset, len(in.data), in.crc, in.sums), in.data}
		recs = append(recs, r)
		next.pieces = append(next.pieces, chunk.Piece{Off: c.payloadOf(r), Length: uint32(len(in.data))})
	}
	if in.commit && !whole {
		m.Pieces = trim(next.pieces, in.length)
		next.excess = beyond(next.pieces, in.length)
		recs = append(recs, record{Record: chunk.NewCommit(in.local, m)})
	}
	if len(recs) == 0 {
		return p, false, nil
	}
	failpoint.Hit("dn/before-write")
	offs, end, err := c.append(recs...)
	if err != nil {
		return nil, false, err
	}
	failpoint.Hit("dn/after-write")
	next.touched = c.opt.now()
	if in.commit {
		next.commit = &commit{end: end, row: newRow(in.local, offs[len(offs)-1], whole, in.length, in.blockCRC)}
	}
	return next, true, nil
}

// payloadOf returns where the payload of the next record of the log will be.
func (c *container) payloadOf(r record) int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return r.PayloadAt(c.end)
}

// remember puts the block's new state where readers and the sync loop see it.
func (c *container) remember(p *pending) (wait int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending[p.local] = p
	c.touch()
	if p.commit == nil {
		return 0
	}
	c.committing = append(c.committing, p.commit)
	if len(p.excess) > 0 {
		c.dead = append(c.dead, dead{pieces: p.excess, until: p.commit.end})
		p.excess = nil
	}
	return p.commit.end
}

// accepts says whether the request's bytes may follow what p has; repeat if they are
// already its last chunk.
func (p *pending) accepts(in *incoming) (repeat bool, err error) {
	switch n := uint64(len(in.data)); {
	case n == 0 && (in.seal || in.offset == p.length):
		if p.length == 0 && in.length > 0 {
			return false, ozerr.New(ozerr.BlockNotFound, "nothing was written of block %d", in.local)
		}
		return true, nil // nothing to add
	case p.length > 0 && in.offset == p.lastOff && uint32(n) == p.lastLen && in.crc == p.lastCRC:
		return true, nil
	case in.offset == p.length && p.length%chunk.Unit == 0:
		return false, nil
	case in.offset == p.length:
		return false, ozerr.New(ozerr.InvalidRequest, "block %d: the chunk before offset %d was no multiple of %d", in.local, in.offset, chunk.Unit)
	case p.length == 0:
		return false, ozerr.New(ozerr.BlockNotFound, "block %d: bytes from %d on, but none before are here", in.local, in.offset)
	case in.offset > p.length:
		return false, ozerr.New(ozerr.InvalidRequest, "block %d has %d bytes, next can't go to %d", in.local, p.length, in.offset)
	}
	return false, ozerr.New(ozerr.BlockConflict, "block %d has other bytes at %d", in.local, in.offset)
}

// with returns a copy of p with the request's chunk added, except for its piece.
// p itself must not change: the append may fail.
func (p *pending) with(in *incoming, repeat bool) *pending {
	next := *p
	if !repeat {
		// Appending in place is fine: p's own length hides what is behind it.
		next.sums = append(next.sums, in.sums...)
		next.length += uint64(len(in.data))
		next.lastOff, next.lastLen, next.lastCRC = in.offset, uint32(len(in.data)), in.crc
	}
	return &next
}

// agree checks a commit against the bytes that p has and returns the block's
// manifest, without pieces.
func (c *container) agree(p *pending, in *incoming) (chunk.Manifest, error) {
	m := chunk.Manifest{Length: in.length, CRC: in.blockCRC, Sums: p.sums}
	if in.length != p.length {
		if !in.seal || in.length > p.length {
			return m, ozerr.New(ozerr.BlockConflict, "block %d has %d bytes, not %d", in.local, p.length, in.length)
		}
		var err error
		if m.Sums, err = c.cutSums(p, in); err != nil {
			return m, err
		}
	}
	if got := crc32c.Whole(m.Sums, chunk.Unit, int64(m.Length)); got != in.blockCRC {
		return m, ozerr.New(ozerr.ChecksumMismatch, "block %d sums to %08x, not %08x", in.local, got, in.blockCRC)
	}
	return m, nil
}

// cutSums returns the unit checksums of the first in.length bytes of p. A unit that
// the cut goes through is read back, verified, and summed anew.
func (c *container) cutSums(p *pending, in *incoming) ([]uint32, error) {
	n := in.length / chunk.Unit
	sums := slices.Clone(p.sums[:n])
	rest := in.length % chunk.Unit
	if rest == 0 {
		return sums, nil
	}
	start := n * chunk.Unit
	unit := make([]byte, min(chunk.Unit, p.length-start))
	if had := p.length - uint64(len(in.data)); len(in.data) > 0 && start >= had && p.lastOff == had {
		copy(unit, in.data[start-had:]) // just came, not in the log yet
	} else if err := c.readPieces(p.pieces, start, unit); err != nil {
		err = c.readError(err)
		c.suspect(err)
		return nil, err
	}
	if crc32c.Sum(unit) != p.sums[n] {
		err := ozerr.New(ozerr.ChecksumMismatch, "container %d: unwritten block %d has rotten", c.id, p.local)
		c.suspect(err)
		return nil, err
	}
	return append(sums, crc32c.Sum(unit[:rest])), nil
}

// beyond returns the pieces of what lies behind the first length bytes.
func beyond(pieces []chunk.Piece, length uint64) []chunk.Piece {
	var out []chunk.Piece
	for _, p := range pieces {
		n := min(uint64(p.Length), length)
		length -= n
		if n < uint64(p.Length) {
			out = append(out, chunk.Piece{Off: p.Off + int64(n), Length: p.Length - uint32(n)})
		}
	}
	return out
}

// trim returns the pieces of the first length bytes.
func trim(pieces []chunk.Piece, length uint64) []chunk.Piece {
	out := make([]chunk.Piece, 0, len(pieces))
	for _, p := range pieces {
		if length == 0 {
			break
		}
		p.Length = uint32(min(uint64(p.Length), length))
		length -= uint64(p.Length)
		out = append(out, p)
	}
	return out
}
