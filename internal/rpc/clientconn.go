package rpc

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
)

// settleTime is how long a call that was given up waits for a transfer from or to
// its memory that is half done. A peer that doesn't get on with it in that time
// costs the connection.
const settleTime = 250 * time.Millisecond

// clientConn is a client's connection and the calls on it.
type clientConn struct {
	*link
	addr  string
	calls sync.Pool // *call

	mu      sync.Mutex
	last    uint64
	pending map[uint64]*call // waiting for a reply; nil once the connection is lost
	lost    error
}

// call is a call under way. Whoever takes it out of pending has the duty: the
// reader to send on done, the caller not to wait for that.
type call struct {
	buf  []byte        // the caller's memory for the payload
	done chan struct{} // capacity 1
	sent chan struct{} // capacity 1: the request's payload is no longer needed

	// Set before done.
	reply   frame
	payload []byte
	err     error
}

func newClientConn(c *Client, nc net.Conn) *clientConn {
	cc := &clientConn{link: newLink(nc, &c.pool), addr: c.addr, pending: map[uint64]*call{}}
	cc.greeted = c.secure != nil
	c.wg.Go(cc.writeLoop)
	c.wg.Go(func() { cc.watch(c.opts.PingEvery, c.opts.PingTimeout, true) })
	c.wg.Go(func() {
		cc.fail(cc.readLoop())
		cc.lose()
	})
	return cc
}

func (cc *clientConn) readLoop() error {
	if err := cc.readPreface(); err != nil {
		return err
	}
	for {
		f, err := cc.next()
		if err != nil {
			return err
		}
		switch f.kind {
		case kindReply:
			err = cc.answer(f)
		case kindPong:
			f.content.free()
		default:
			f.content.free()
			err = ozerr.New(ozerr.InvalidRequest, "a server sent a frame of kind %d", f.kind)
		}
		if err != nil {
			return err
		}
	}
}

// answer hands a reply to its call. It returns an error when the connection is lost.
func (cc *clientConn) answer(f frame) error {
	c := cc.remove(f.call)
	if c == nil { // given up
		f.content.free()
		return cc.skip(f.header.payload)
	}
	c.reply = f
	var err error
	if n := f.header.payload; n > 0 {
		if cap(c.buf) >= n {
			c.payload = c.buf[:n]
		} else {
			c.payload = make([]byte, n)
		}
		if err = cc.read(c.payload); err != nil {
			c.err = cc.unavailable(err)
		}
	}
	c.done <- struct{}{}
	return err
}

// lose fails the calls that are left when the connection is gone.
func (cc *clientConn) lose() {
	cc.mu.Lock()
	calls := cc.pending
	cc.pending = nil
	cc.lost = cc.unavailable(cc.reason())
	cc.mu.Unlock()
	for _, c := range calls {
		c.err = cc.lost
		c.done <- struct{}{}
	}
}

// unavailable is err for the calls that were on the connection. A server that wants a
// key will want it next time too, so that is told as it is.
func (cc *clientConn) unavailable(err error) error {
	if errors.Is(err, ozerr.AdminKeyRefused) {
		return ozerr.Wrap(ozerr.AdminKeyRefused, err, "connection to %s", cc.addr)
	}
	return &ozerr.Error{Code: ozerr.Unavailable, Message: "connection to " + cc.addr + ": " + err.Error(), Err: err}
}

func (cc *clientConn) add(c *call) (uint64, error) {
	cc.mu.Lock()
	defer cc.mu.Unlock()
	if cc.lost != nil {
		return 0, cc.lost
	}
	cc.last++
	cc.pending[cc.last] = c
	return cc.last, nil
}

func (cc *clientConn) remove(id uint64) *call {
	cc.mu.Lock()
	defer cc.mu.Unlock()
	c := cc.pending[id]
	delete(cc.pending, id)
	return c
}

func (cc *clientConn) do(ctx context.Context, method string, req proto.Message, in []byte, resp proto.Message, buf []byte) ([]byte, error) {
	var left time.Duration
	if deadline, ok := ctx.Deadline(); ok {
		left = time.Until(deadline)
	}
	if ctx.Err() != nil {
		return nil, contextError(ctx, method)
	}
	c, _ := cc.calls.Get().(*call)
	if c == nil {
		c = &call{done: make(chan struct{}, 1), sent: make(chan struct{}, 1)}
	}
	c.buf = buf
	id, err := cc.add(c)
	if err != nil {
		return nil, err
	}
	h := header{kind: kindCall, call: id, timeLeft: left}
	head, err := cc.encode(h, method, RequestID(ctx), req, len(in))
	if err != nil {
		if cc.remove(id) == nil {
			<-c.done
		}
		return nil, err
	}
	out := outgoing{call: id, head: head, payload: in}
	if len(in) > 0 {
		out.sent = func() { c.sent <- struct{}{} }
	}
	_ = cc.send(out) // a broken link fails the call like any other on it
	err = cc.await(ctx, c, id, method, len(in) > 0)
	if err != nil {
		return nil, err
	}
	payload, err := c.result(resp)
	*c = call{done: c.done, sent: c.sent}
	cc.calls.Put(c)
	return payload, err
}

// await returns when the call has ended and its memory is no longer in use. An
// error means that there is no reply.
func (cc *clientConn) await(ctx context.Context, c *call, id uint64, method string, sending bool) error {
	var gaveUp error
	select {
	case <-c.done:
	case <-ctx.Done():
		if cc.remove(id) == nil {
			cc.settle(c.done) // the reply is being read right now
			break
		}
		gaveUp = contextError(ctx, method+" on "+cc.addr)
		if !cc.withdraw(id) {
			cc.signal(kindCancel, id)
		}
	}
	if sending {
		cc.settle(c.sent)
	}
	if gaveUp != nil {
		return gaveUp
	}
	return c.err
}

// settle waits for a transfer to end, which it does when the link breaks.
func (cc *clientConn) settle(done <-chan struct{}) {
	select {
	case <-done:
		return
	default:
	}
	t := time.NewTimer(settleTime)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
		cc.fail(ozerr.New(ozerr.Unavailable, "the peer stalled in the middle of a frame"))
		<-done
	}
}

// result decodes the reply and frees it.
func (c *call) result(resp proto.Message) ([]byte, error) {
	defer c.reply.content.free()
	if c.reply.flags&flagError != 0 {
		var e commonpb.Error
		if err := proto.Unmarshal(c.reply.messageBytes(), &e); err != nil {
			return nil, ozerr.Wrap(ozerr.Internal, err, "decode error reply")
		}
		if err := ozerr.FromProto(&e); err != nil {
			return nil, err
		}
		return nil, ozerr.New(ozerr.Internal, "the server sent an error without a code")
	}
	if resp != nil {
		if err := proto.Unmarshal(c.reply.messageBytes(), resp); err != nil {
			return nil, ozerr.Wrap(ozerr.Internal, err, "decode reply")
		}
	}
	return c.payload, nil
}
