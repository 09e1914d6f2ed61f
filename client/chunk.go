package client

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
)

// smallChunk is the size of the buffers for small objects, unless chunks are even
// smaller, so that many of them under way at once don't hold a full chunk each.
const smallChunk = 64 << 10

// chunk is pooled memory with some bytes of a body or a block in it. It goes back
// to the pool when the last holder has released it.
type chunk struct {
	mem  []byte
	data []byte // part of mem
	last bool   // of a body: nothing follows
	refs atomic.Int32
	home *sync.Pool
}

func (c *chunk) hold() { c.refs.Add(1) }

func (c *chunk) release() {
	if c.refs.Add(-1) == 0 && c.home != nil {
		c.home.Put(c)
	}
}

// chunkPool lends chunks of two sizes.
type chunkPool struct {
	size, smallSize int
	small, big      sync.Pool
}

func newChunkPool(size int) *chunkPool {
	return &chunkPool{size: size, smallSize: min(size, smallChunk)}
}

// get lends a chunk, held once, with room for n bytes.
func (p *chunkPool) get(n int) *chunk {
	home, size := &p.big, p.size
	switch {
	case n > p.size:
		home, size = nil, n
	case n <= p.smallSize:
		home, size = &p.small, p.smallSize
	}
	var c *chunk
	if home != nil {
		c, _ = home.Get().(*chunk)
	}
	if c == nil {
		c = &chunk{mem: make([]byte, size), home: home}
	}
	c.data, c.last = nil, false
	c.refs.Store(1)
	return c
}

// bodySource cuts a body into chunks. The first one is read by the caller of
// next, which is all there is for a small object; after that a goroutine reads
// ahead. It always knows whether a chunk is the last.
type bodySource struct {
	ctx     context.Context
	body    io.Reader
	pool    *chunkPool
	ahead   int
	out     chan readResult // nil until the goroutine runs
	stopped chan struct{}
	wg      sync.WaitGroup
}

type readResult struct {
	chunk *chunk
	err   error
}

func newBodySource(ctx context.Context, body io.Reader, pool *chunkPool, ahead int) *bodySource {
	return &bodySource{ctx: ctx, body: body, pool: pool, ahead: ahead, stopped: make(chan struct{})}
}

// next returns the next chunk, which is the caller's to release. io.EOF: the body
// is empty. After a chunk with last set there is none.
func (s *bodySource) next() (*chunk, error) {
	if s.out == nil {
		first, err := s.first()
		if err != nil || first.last {
			return first, err
		}
		s.out = make(chan readResult, max(s.ahead-1, 0))
		s.wg.Go(func() { s.run(first) })
	}
	select {
	case r := <-s.out:
		return r.chunk, r.err
	case <-s.ctx.Done():
		return nil, contextError(s.ctx, "reading the body")
	}
}

// first reads the first chunk: into small memory as long as that will do.
func (s *bodySource) first() (*chunk, error) {
	c := s.pool.get(s.pool.smallSize)
	n, eof, err := fill(s.body, c.mem)
	if err == nil && !eof {
		small := c
		c = s.pool.get(s.pool.size)
		copy(c.mem, small.mem)
		small.release()
		var more int
		more, eof, err = fill(s.body, c.mem[n:])
		n += more
	}
	switch {
	case err != nil:
		c.release()
		return nil, err
	case n == 0:
		c.release()
		return nil, io.EOF
	}
	c.data, c.last = c.mem[:n], eof
	return c, nil
}

// run sends held and what follows; it holds each chunk back until it knows
// whether there is another.
func (s *bodySource) run(held *chunk) {
	for {
		next := s.pool.get(s.pool.size)
		n, eof, err := fill(s.body, next.mem)
		if err != nil {
			next.release()
			held.release()
			s.send(readResult{err: err})
			return
		}
		if n == 0 {
			next.release()
			held.last = true
			s.send(readResult{chunk: held})
			return
		}
		if !s.send(readResult{chunk: held}) {
			next.release()
			return
		}
		next.data, next.last = next.mem[:n], eof
		held = next
		if eof {
			s.send(readResult{chunk: held})
			return
		}
	}
}

func (s *bodySource) send(r readResult) bool {
	select {
	case s.out <- r:
		return true
	case <-s.stopped:
		if r.chunk != nil {
			r.chunk.release()
		}
		return false
	}
}

// stop ends the reading and waits until nobody reads the body any more.
func (s *bodySource) stop() {
	close(s.stopped)
	s.wg.Wait()
}

// fill reads until b is full or the body ends. Only io.EOF itself is an end: a
// body that was cut off says io.ErrUnexpectedEOF, which io.ReadFull would hide.
func fill(r io.Reader, b []byte) (n int, eof bool, err error) {
	for empty := 0; n < len(b); {
		m, err := r.Read(b[n:])
		n += m
		switch {
		case err == io.EOF:
			return n, true, nil
		case err != nil:
			return n, false, err
		case m > 0:
			empty = 0
		default:
			if empty++; empty == 100 {
				return n, false, io.ErrNoProgress
			}
		}
	}
	return n, false, nil
}
