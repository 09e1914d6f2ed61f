package rpc

import (
	"bufio"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/mini-ozone/mini-ozone/internal/crc32c"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

const (
	readBuffer  = 64 << 10
	writeBuffer = 64 << 10
	// copyPayload: smaller payloads are copied among other frames, to leave in one
	// system call with them; larger ones are written from where they are.
	copyPayload = 16 << 10
)

// outgoing is a frame on its way out.
type outgoing struct {
	call    uint64
	head    *buffer // header, names and message; owned by the link
	payload []byte
	sent    func() // if set, called once when payload is no longer needed, written or not
}

func (o *outgoing) finish() {
	o.head.free()
	if o.sent != nil {
		o.sent()
	}
}

// frame is an incoming frame whose payload is still to be read.
type frame struct {
	header
	content *buffer // names and message
}

func (f *frame) methodName() []byte { return f.content.b[:f.method] }
func (f *frame) requestIDOf() string {
	return string(f.content.b[f.method : f.method+f.header.requestID])
}
func (f *frame) messageBytes() []byte { return f.content.b[f.method+f.header.requestID:] }

// link is one stream, seen from either side. One goroutine reads (next, read,
// skip), one runs writeLoop, anyone may send. It ends by fail.
type link struct {
	raw  net.Conn // closes it
	conn net.Conn // carries it: raw, or a secure connection over it
	in   *bufio.Reader
	pool *pool

	reads  atomic.Uint64 // successful reads from conn: the peer's signs of life
	wake   chan struct{} // capacity 1: the queue has something
	broken chan struct{} // closed by fail

	mu    sync.Mutex
	queue []outgoing
	err   error // why the link broke

	greeted bool // prefaces were exchanged before the loops began
}

func newLink(conn net.Conn, p *pool) *link {
	l := &link{raw: conn, conn: conn, pool: p, wake: make(chan struct{}, 1), broken: make(chan struct{})}
	l.in = bufio.NewReaderSize((*countedReader)(l), readBuffer)
	return l
}

// countedReader reads from the link's connection and counts signs of life.
type countedReader link

func (r *countedReader) Read(p []byte) (int, error) {
	n, err := r.conn.Read(p)
	if n > 0 {
		r.reads.Add(1)
	}
	return n, err
}

// fail ends the link for the reason err; only the first call counts.
func (l *link) fail(err error) {
	l.mu.Lock()
	if l.err != nil {
		l.mu.Unlock()
		return
	}
	l.err = err
	dropped := l.queue
	l.queue = nil
	l.mu.Unlock()
	close(l.broken)
	_ = l.raw.Close() // the link is lost already; err says why
	for i := range dropped {
		dropped[i].finish()
	}
}

// reason is why the link broke, nil while it works.
func (l *link) reason() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// encode builds a frame's head. payload is only measured.
func (l *link) encode(h header, method, requestID string, m proto.Message, payload int) (*buffer, error) {
	opt := proto.MarshalOptions{}
	if m != nil {
		h.message = opt.Size(m)
		opt.UseCachedSize = true
	}
	h.method, h.requestID, h.payload = len(method), len(requestID), payload
	switch {
	case h.message > MaxMessage:
		return nil, ozerr.New(ozerr.InvalidArgument, "message of %d bytes is above the limit %d", h.message, MaxMessage)
	case payload > MaxPayload:
		return nil, ozerr.New(ozerr.InvalidArgument, "payload of %d bytes is above the limit %d", payload, MaxPayload)
	case h.method > maxName || h.requestID > maxName:
		return nil, ozerr.New(ozerr.InvalidArgument, "method name or request id above %d bytes", maxName)
	}
	buf := l.pool.get(headerLen + h.body())
	b := append(buf.b[:headerLen], method...)
	b = append(b, requestID...)
	if m != nil {
		var err error
		if b, err = opt.MarshalAppend(b, m); err != nil {
			buf.free()
			return nil, ozerr.Wrap(ozerr.Internal, err, "encode message")
		}
	}
	if len(b) != headerLen+h.body() {
		buf.free()
		return nil, ozerr.New(ozerr.Internal, "message changed while it was encoded")
	}
	h.bodyCRC = crc32c.Sum(b[headerLen:])
	h.put(b)
	buf.b = b
	return buf, nil
}

// signal sends a frame without content.
func (l *link) signal(k kind, call uint64) {
	head, err := l.encode(header{kind: k, call: call}, "", "", nil, 0)
	if err == nil {
		_ = l.send(outgoing{call: call, head: head}) // a broken link needs no signals
	}
}

// send queues o. If the link is broken it is finished at once and the reason returned.
func (l *link) send(o outgoing) error {
	l.mu.Lock()
	if err := l.err; err != nil {
		l.mu.Unlock()
		o.finish()
		return err
	}
	l.queue = append(l.queue, o)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return nil
}

// withdraw takes the frame of a call out of the queue, if it is still there.
func (l *link) withdraw(call uint64) bool {
	l.mu.Lock()
	for i := range l.queue {
		if l.queue[i].call == call {
			o := l.queue[i]
			l.queue = slices.Delete(l.queue, i, i+1)
			l.mu.Unlock()
			o.finish()
			return true
		}
	}
	l.mu.Unlock()
	return false
}

// take waits for frames and returns all that are queued, in spare's memory's
// place; ok is false when the link is broken.
func (l *link) take(spare []outgoing) (batch []outgoing, ok bool) {
	for {
		l.mu.Lock()
		if l.err == nil && len(l.queue) > 0 {
			batch, l.queue = l.queue, spare[:0]
			l.mu.Unlock()
			return batch, true
		}
		l.mu.Unlock()
		select {
		case <-l.wake:
		case <-l.broken:
			return nil, false
		}
	}
}

// writeLoop writes the preface and then what is queued until the link breaks.
// Frames that queued up while the last write was under way leave together.
func (l *link) writeLoop() {
	buf := make([]byte, 0, writeBuffer)
	if !l.greeted {
		if _, err := l.conn.Write(preface(modeOpen)); err != nil {
			l.fail(err)
			return
		}
	}
	w := frameWriter{conn: l.conn, buf: buf}
	var batch []outgoing
	for {
		var ok bool
		if batch, ok = l.take(batch); !ok {
			return
		}
		err := w.writeAll(batch)
		clear(batch)
		if err != nil {
			l.fail(err)
			return
		}
	}
}

// frameWriter gathers small frames into one write.
type frameWriter struct {
	conn net.Conn
	buf  []byte
}

// writeAll writes the batch and finishes each frame once it is with the kernel,
// or when an error says that it never will be.
func (w *frameWriter) writeAll(batch []outgoing) error {
	finished := 0
	finish := func(end int) {
		for ; finished < end; finished++ {
			batch[finished].finish()
		}
	}
	defer finish(len(batch))
	for i := range batch {
		if err := w.add(&batch[i]); err != nil {
			return err
		}
		if len(w.buf) == 0 {
			finish(i + 1)
		}
	}
	return w.flush()
}

func (w *frameWriter) add(o *outgoing) error {
	if err := w.write(o.head.b, len(o.head.b) <= writeBuffer); err != nil || len(o.payload) == 0 {
		return err
	}
	return w.write(o.payload, len(o.payload) <= copyPayload)
}

// write writes b after what is gathered already: gathered itself if small, else
// together with the rest in one vectored write.
func (w *frameWriter) write(b []byte, small bool) error {
	if small {
		if len(w.buf)+len(b) > cap(w.buf) {
			if err := w.flush(); err != nil {
				return err
			}
		}
		w.buf = append(w.buf, b...)
		return nil
	}
	vec := net.Buffers{w.buf, b}
	if len(w.buf) == 0 {
		vec = vec[1:]
	}
	_, err := vec.WriteTo(w.conn)
	w.buf = w.buf[:0]
	return err
}

func (w *frameWriter) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	_, err := w.conn.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}

// readPreface checks how the peer of a stream without a key begins.
func (l *link) readPreface() error {
	if l.greeted {
		return nil
	}
	return expectPreface(l.in, modeOpen)
}

// next reads a frame up to its payload, which must then be read or skipped. The
// frame's content is the caller's to free.
func (l *link) next() (frame, error) {
	b, err := l.in.Peek(headerLen)
	if err != nil {
		if err == io.EOF && len(b) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return frame{}, err
	}
	h, err := parseHeader(b)
	if err != nil {
		return frame{}, err
	}
	_, _ = l.in.Discard(headerLen) // just peeked
	f := frame{header: h, content: l.pool.get(h.body())}
	if err := l.read(f.content.b); err != nil {
		f.content.free()
		return frame{}, err
	}
	if crc32c.Sum(f.content.b) != h.bodyCRC {
		f.content.free()
		return frame{}, ozerr.New(ozerr.ChecksumMismatch, "frame content is damaged")
	}
	return f, nil
}

func (l *link) read(dst []byte) error {
	_, err := io.ReadFull(l.in, dst)
	return err
}

func (l *link) skip(n int) error {
	_, err := l.in.Discard(n)
	return err
}

// watch breaks the link when the peer has been silent for too long: with ping set,
// it is asked after `every` and has `timeout` to answer; without, it has the sum.
func (l *link) watch(every, timeout time.Duration, ping bool) {
	tick := max(min(every, timeout)/2, time.Millisecond)
	t := time.NewTicker(tick)
	defer t.Stop()
	var seen uint64
	var silent time.Duration
	asked := false
	for {
		select {
		case <-l.broken:
			return
		case <-t.C:
		}
		if n := l.reads.Load(); n != seen {
			seen, silent, asked = n, 0, false
			continue
		}
		silent += tick
		switch {
		case silent >= every+timeout:
			l.fail(ozerr.New(ozerr.Unavailable, "no sign of life for %v", silent))
			return
		case ping && silent >= every && !asked:
			asked = true
			l.signal(kindPing, 0)
		}
	}
}
