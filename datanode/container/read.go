package container

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/mini-ozone/mini-ozone/datanode/chunk"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// maxRead bounds the payload of one reply: what fits a frame of internal/rpc.
const maxRead = 8 << 20

// read answers a read request: see client.Blocks.
func (c *container) read(req *dnpb.ReadRequest, buf []byte) (*dnpb.ReadResponse, []byte, error) {
	local := req.GetBlock().GetLocal()
	r, ok := c.lookup(local)
	if !ok {
		return nil, nil, c.noBlock(local)
	}
	from, to, err := widen(req.GetOffset(), req.GetLength(), uint64(r.length))
	if err != nil {
		return nil, nil, err
	}
	m, err := c.readManifest(r)
	if err != nil {
		return nil, nil, c.stillThere(local, c.bad(local, err))
	}
	if uint64(len(buf)) < to-from {
		buf = make([]byte, to-from)
	}
	buf = buf[:to-from]
	if err := c.readPieces(m.Pieces, from, buf); err != nil {
		return nil, nil, c.stillThere(local, c.bad(local, err))
	}
	// A deletion takes the row first and then the bytes, so that a row which is
	// still there proves the bytes were.
	if err := c.stillThere(local, nil); err != nil {
		return nil, nil, err
	}
	resp := &dnpb.ReadResponse{PayloadOffset: from, BlockLength: m.Length, Unit: chunk.Unit, Checksums: m.Sums}
	if !req.GetWantChecksums() {
		resp.Checksums = m.Sums[from/chunk.Unit : (to+chunk.Unit-1)/chunk.Unit]
	}
	return resp, buf, nil
}

// widen returns the range of whole units that covers what was asked for.
func widen(off, n, length uint64) (from, to uint64, err error) {
	if off > length {
		return 0, 0, ozerr.New(ozerr.InvalidArgument, "offset %d in a block of %d bytes", off, length)
	}
	if n = min(n, length-off); n == 0 {
		off = off / chunk.Unit * chunk.Unit
		return off, off, nil
	}
	from = off / chunk.Unit * chunk.Unit
	to = min((off+n+chunk.Unit-1)/chunk.Unit*chunk.Unit, length)
	if to-from > maxRead {
		return 0, 0, ozerr.New(ozerr.InvalidArgument, "read of %d bytes, at most %d", to-from, maxRead)
	}
	return from, to, nil
}

// stillThere returns err, unless the block was deleted in the meantime.
func (c *container) stillThere(local uint64, err error) error {
	if _, ok := c.lookup(local); !ok {
		return c.noBlock(local)
	}
	return err
}

func (c *container) noBlock(local uint64) error {
	return ozerr.New(ozerr.BlockNotFound, "block %d of container %d", local, c.id)
}

// readManifest returns where a block's bytes are and their checksums. A block of one
// unit that came whole needs no look at the disk: all is in its row.
func (c *container) readManifest(r row) (chunk.Manifest, error) {
	if r.whole() && r.length <= chunk.Unit {
		m := chunk.Manifest{Length: uint64(r.length), CRC: r.crc}
		if r.length > 0 {
			m.Sums = []uint32{r.crc}
			m.Pieces = []chunk.Piece{{Off: r.off() + chunk.RecordHeaderSize + 4, Length: r.length}}
		}
		return m, nil
	}
	rec, err := chunk.ReadRecord(c.file, c.salt, r.off())
	if err == nil {
		var m chunk.Manifest
		if m, err = rec.Manifest(r.off()); err == nil && (m.CRC != r.crc || m.Length != uint64(r.length) || rec.Local != r.local) {
			err = fmt.Errorf("%w: the record at %d is of another block", chunk.ErrInvalid, r.off())
		}
		if err == nil {
			return m, nil
		}
	}
	return chunk.Manifest{}, err
}

// readPieces fills buf with the block's bytes from offset from on.
func (c *container) readPieces(pieces []chunk.Piece, from uint64, buf []byte) error {
	for _, p := range pieces {
		if len(buf) == 0 {
			return nil
		}
		n := uint64(p.Length)
		if from >= n {
			from -= n
			continue
		}
		part := buf[:min(uint64(len(buf)), n-from)]
		if n, err := c.file.ReadAt(part, p.Off+int64(from)); n < len(part) {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		buf, from = buf[len(part):], 0
	}
	if len(buf) > 0 {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// readError turns an error of reading into one for the caller.
func (c *container) readError(err error) error {
	if errors.Is(err, fs.ErrClosed) {
		return c.ended()
	}
	code := ozerr.DiskFailed
	if errors.Is(err, chunk.ErrInvalid) || errors.Is(err, io.ErrUnexpectedEOF) {
		code = ozerr.ChecksumMismatch
	}
	return ozerr.Wrap(code, err, "reading container %d", c.id)
}

// ended says why the container's file is closed.
func (c *container) ended() error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if errors.Is(c.broken, errReplaced) {
		return errReplaced
	}
	return ozerr.New(ozerr.ContainerNotFound, "container %d was removed", c.id)
}

// bad is readError for a committed block: if the disk or its content is at fault, om
// hears of it. One bad block says nothing of the others, so the container lives on.
func (c *container) bad(local uint64, err error) error {
	err = c.readError(err)
	if !errors.Is(err, errReplaced) && !errors.Is(err, ozerr.ContainerNotFound) {
		if _, ok := c.lookup(local); ok {
			c.opt.badBlock(c.id, local, err)
		}
	}
	return err
}
