package client

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// blockList says where an object's bytes are.
type blockList struct {
	blocks    []*commonpb.Block
	locations map[uint64]*ompb.Replicas // by container
	again     *ompb.GetKey              // what brings it once more, with new block tokens
}

// size is how many bytes the blocks hold.
func (l *blockList) size() uint64 {
	var n uint64
	for _, b := range l.blocks {
		n += b.GetLength()
	}
	return n
}

// ReadObject reads n stored bytes of an object from off; n < 0 or beyond the end means to
// the end. The object must come from GetObject. Nothing is read before the first
// use. Errors come from the Reader: ozerr.Unavailable when no replica could be
// reached, ozerr.ChecksumMismatch when none was sound.
func (c *Client) ReadObject(ctx context.Context, o Object, off, n int64) Reader {
	r := &objectReader{c: c, size: uint64(max(c.cfg.ChunkSize, 1)), list: o.blocks, fetcher: fetcher{c: c}}
	r.ctx, r.cancel = context.WithCancel(ctx)
	off = max(off, 0)
	size := o.StoredSize()
	r.pos = uint64(min(off, size))
	r.end = uint64(size)
	if n >= 0 && n < size-min(off, size) {
		r.end = r.pos + uint64(n)
	}
	if total := r.list.size(); total != uint64(size) && r.pos < r.end {
		r.err = ozerr.New(ozerr.Internal, "object %q of %d stored bytes has blocks of %d", o.Key, size, total)
	}
	return r
}

// objectReader is a Reader. Its pieces are read where they are needed if there is
// only one, else ahead by a goroutine.
type objectReader struct {
	c       *Client
	ctx     context.Context
	cancel  context.CancelFunc
	size    uint64 // of a piece
	list    blockList
	fetcher fetcher // of the goroutine, once that runs

	block    int    // index of the block at pos
	blockPos uint64 // where in the object it begins
	pos, end uint64 // what is still to be fetched

	ahead chan readResult // nil until the goroutine runs
	wg    sync.WaitGroup

	cur  *chunk // what is handed out now
	rest []byte // of cur
	err  error  // sticky
}

// nextPiece moves on by one piece; false: all have been fetched.
func (r *objectReader) nextPiece() (piece, bool) {
	for ; r.pos < r.end; r.block++ {
		b := r.list.blocks[r.block]
		if next := r.blockPos + b.GetLength(); r.pos >= next {
			r.blockPos = next
			continue
		}
		from := b.GetOffset() + r.pos - r.blockPos // in the stored block
		last := min(b.GetOffset()+b.GetLength(), from+r.end-r.pos)
		to := min(last, from/r.size*r.size+r.size) // aligned, so that no unit is read twice
		r.pos += to - from
		replicas := r.list.locations[b.GetId().GetContainer()].GetNodes()
		return piece{block: b, replicas: replicas, from: from, to: to}, true
	}
	return piece{}, false
}

// advance makes rest non-empty or sets err.
func (r *objectReader) advance() {
	for len(r.rest) == 0 && r.err == nil {
		if r.cur != nil {
			r.cur.release()
			r.cur = nil
		}
		r.cur, r.err = r.next()
		if r.err == nil {
			r.rest = r.cur.data
		}
	}
}

// next returns the next chunk, or io.EOF after the last.
func (r *objectReader) next() (*chunk, error) {
	if r.ahead == nil {
		p, ok := r.nextPiece()
		if !ok {
			return nil, io.EOF
		}
		if r.pos == r.end {
			return r.fetch(p)
		}
		r.ahead = make(chan readResult, max(r.c.cfg.Window-1, 0))
		r.wg.Go(func() { r.readAhead(p) })
	}
	select {
	case got, ok := <-r.ahead:
		if ok {
			return got.chunk, got.err
		}
		if r.ctx.Err() == nil {
			return nil, io.EOF
		}
		return nil, contextError(r.ctx, "reading")
	case <-r.ctx.Done():
		return nil, contextError(r.ctx, "reading")
	}
}

// fetch brings the piece that nextPiece has just named. A read may take longer than its
// block tokens are good for: then om is asked for new ones.
func (r *objectReader) fetch(p piece) (*chunk, error) {
	ch, err := r.fetcher.fetch(r.ctx, p)
	if !errors.Is(err, ozerr.BlockTokenRefused) || r.list.again == nil {
		return ch, err
	}
	if err := r.c.renew(r.ctx, &r.list); err != nil {
		return nil, err
	}
	p.block = r.list.blocks[r.block]
	p.replicas = r.list.locations[p.block.GetId().GetContainer()].GetNodes()
	return r.fetcher.fetch(r.ctx, p)
}

// renew asks om for the list again. It must still be the same, but for tokens and replicas.
func (c *Client) renew(ctx context.Context, l *blockList) error {
	resp, err := c.read(ctx, &ompb.Request{Op: &ompb.Request_GetKey{GetKey: l.again}})
	if err != nil {
		return err
	}
	same := func(a, b *commonpb.Block) bool {
		return proto.Equal(a.GetId(), b.GetId()) && a.GetOffset() == b.GetOffset() && a.GetLength() == b.GetLength() && a.GetCrc32C() == b.GetCrc32C()
	}
	blocks := resp.GetKey().GetKey().GetBlocks()
	if !slices.EqualFunc(blocks, l.blocks, same) {
		return ozerr.New(ozerr.KeyNotFound, "key %q was replaced while it was read", l.again.Key)
	}
	l.blocks, l.locations = blocks, resp.GetKey().GetLocations()
	return nil
}

func (r *objectReader) readAhead(p piece) {
	defer close(r.ahead)
	for ok := true; ok; p, ok = r.nextPiece() {
		ch, err := r.fetch(p)
		select {
		case r.ahead <- readResult{ch, err}:
		case <-r.ctx.Done():
			if ch != nil {
				ch.release()
			}
			return // next sees that ctx has ended, and doesn't take this for the end
		}
		if err != nil {
			return
		}
	}
}

// Ready is described at Reader.
func (r *objectReader) Ready() error {
	r.advance()
	if r.err == io.EOF {
		return nil
	}
	return r.err
}

// Read is io.Reader.
func (r *objectReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	r.advance()
	if r.err != nil {
		return 0, r.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// WriteTo is io.WriterTo: it hands the chunks to w without a copy.
func (r *objectReader) WriteTo(w io.Writer) (int64, error) {
	var written int64
	for {
		r.advance()
		if r.err == io.EOF {
			return written, nil
		}
		if r.err != nil {
			return written, r.err
		}
		n, err := w.Write(r.rest)
		written += int64(n)
		r.rest = r.rest[n:]
		if err != nil {
			return written, err
		}
	}
}

// Close stops reading ahead and gives the memory back. It is always nil.
func (r *objectReader) Close() error {
	r.cancel()
	r.wg.Wait()
	if r.cur != nil {
		r.cur.release()
		r.cur, r.rest = nil, nil
	}
	if r.err == nil || r.err == io.EOF {
		r.err = errReaderClosed
	}
	return nil
}

var errReaderClosed = ozerr.New(ozerr.InvalidRequest, "the reader is closed")
