package payload

import (
	"hash"
	"sync"
	"sync/atomic"
)

const (
	slabSize  = 256 << 10
	slabCount = 8        // in flight per body, so 2 MiB: MD5 works on while a chunk is written
	promoteAt = 64 << 10 // bodies up to this are hashed where they are read
)

// slab is a copy of a piece of the body on its way through the lanes.
type slab struct {
	buf  []byte
	refs atomic.Int32 // lanes that still need it
}

var slabs = sync.Pool{New: func() any { return &slab{buf: make([]byte, 0, slabSize)} }}

// sum is one hash of the body.
type sum struct {
	alg  *algorithm
	hash hash.Hash
	own  bool // hashed in a lane
}

// digester runs all hashes of one body. Small bodies are hashed in write. For
// larger ones start moves each slow hash into a goroutine (a lane) that works on
// a copy of the bytes, so the caller may do with its buffer what it likes while
// MD5 lags behind the network by at most slabCount slabs. CRCs are so much faster
// than the copy that they stay in write.
type digester struct {
	sums  []sum
	array [3]sum // what sums starts on: MD5, a checksum, the content's SHA-256

	lanes   []chan *slab
	wg      sync.WaitGroup
	free    chan *slab // slabs not in a lane; nil ones are not made yet
	current *slab
}

// add puts another hash to work and returns its place in sums. It must come
// before the first write.
func (d *digester) add(a *algorithm) int {
	if d.sums == nil {
		d.sums = d.array[:0]
	}
	for i := range d.sums {
		if d.sums[i].alg == a {
			return i
		}
	}
	d.sums = append(d.sums, sum{alg: a, hash: a.get()})
	return len(d.sums) - 1
}

// start moves the slow hashes into lanes; bytes written before stay counted.
func (d *digester) start() {
	d.free = make(chan *slab, slabCount)
	for range slabCount {
		d.free <- nil
	}
	for i := range d.sums {
		s := &d.sums[i]
		if !s.alg.slow {
			continue
		}
		s.own = true
		lane := make(chan *slab, slabCount)
		d.lanes = append(d.lanes, lane)
		d.wg.Go(func() { d.run(lane, s.hash) })
	}
}

// run hashes what comes through one lane, until it is closed.
func (d *digester) run(lane <-chan *slab, h hash.Hash) {
	for s := range lane {
		h.Write(s.buf)
		if s.refs.Add(-1) == 0 {
			s.buf = s.buf[:0]
			d.free <- s // has room for every slab
		}
	}
}

// write hashes p, or sees to it that it will be. p is not kept.
func (d *digester) write(p []byte) {
	for i := range d.sums {
		if s := &d.sums[i]; !s.own {
			s.hash.Write(p)
		}
	}
	if d.lanes == nil {
		return
	}
	for len(p) > 0 {
		if d.current == nil {
			d.current = d.take()
		}
		n := copy(d.current.buf[len(d.current.buf):slabSize], p)
		d.current.buf = d.current.buf[:len(d.current.buf)+n]
		p = p[n:]
		if len(d.current.buf) == slabSize {
			d.send()
		}
	}
}

// take waits for a free slab: this is where a fast network waits for MD5.
func (d *digester) take() *slab {
	if s := <-d.free; s != nil {
		return s
	}
	return slabs.Get().(*slab)
}

func (d *digester) send() {
	s := d.current
	d.current = nil
	s.refs.Store(int32(len(d.lanes)))
	for _, lane := range d.lanes {
		lane <- s
	}
}

// finish waits until everything written is hashed. The lanes end.
func (d *digester) finish() {
	if d.lanes == nil {
		return
	}
	if d.current != nil {
		d.send()
	}
	d.stop()
}

// stop ends the lanes, and gives slabs back.
func (d *digester) stop() {
	if d.lanes == nil {
		return
	}
	for _, lane := range d.lanes {
		close(lane)
	}
	d.wg.Wait()
	d.lanes = nil
	if d.current != nil {
		d.giveBack(d.current)
		d.current = nil
	}
	for len(d.free) > 0 {
		if s := <-d.free; s != nil {
			d.giveBack(s)
		}
	}
}

func (d *digester) giveBack(s *slab) {
	s.buf = s.buf[:0]
	slabs.Put(s)
}

// close ends everything and gives the hashes back.
func (d *digester) close() {
	d.stop()
	for i := range d.sums {
		d.sums[i].alg.put(d.sums[i].hash)
	}
	d.sums = nil
}
