package rpc

import (
	"context"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// serverConn is a server's connection and the calls it brought.
type serverConn struct {
	*link
	server *Server

	mu      sync.Mutex
	cancels map[uint64]context.CancelFunc // of the calls under way; nil once the link is lost
}

// run makes the connection secure, if it must be, and serves it until the link ends.
func (sc *serverConn) run() error {
	s := sc.server
	if err := sc.greet(); err != nil {
		return err
	}
	sc.greeted = true
	s.wg.Go(sc.writeLoop)
	s.wg.Go(func() { sc.watch(s.Idle/2, s.Idle/2, false) })
	return sc.readLoop()
}

// greet finds out whether the peer may talk to us at all.
func (sc *serverConn) greet() error {
	s := sc.server
	if s.secure == nil {
		return greetOpen(sc.conn, min(secureTimeout, s.Idle))
	}
	nc, err := s.secure.Server(sc.conn)
	if err != nil {
		return err
	}
	sc.conn = nc
	return nil
}

func (sc *serverConn) readLoop() error {
	if err := sc.readPreface(); err != nil {
		return err
	}
	for {
		f, err := sc.next()
		if err != nil {
			return err
		}
		switch f.kind {
		case kindCall:
			err = sc.receive(f)
		case kindCancel:
			f.content.free()
			sc.cancel(f.call)
		case kindPing:
			f.content.free()
			sc.signal(kindPong, f.call)
		default:
			f.content.free()
			err = ozerr.New(ozerr.InvalidRequest, "a client sent a frame of kind %d", f.kind)
		}
		if err != nil {
			return err
		}
	}
}

// receive reads the rest of a call and starts it, or refuses it. It returns an
// error when the connection is lost.
func (sc *serverConn) receive(f frame) error {
	if err := sc.server.begin(); err != nil {
		return sc.refuse(f, err, false)
	}
	n := f.header.payload
	if n == 0 {
		sc.start(f, nil)
		return nil
	}
	ctx, cancel := context.WithTimeout(sc.server.ctx, sc.server.PayloadWait)
	err := sc.server.bytes.Acquire(ctx, int64(n))
	cancel()
	if err != nil {
		return sc.refuse(f, busy("the server has no memory for more payloads"), true)
	}
	in := sc.pool.get(n)
	if err := sc.read(in.b); err != nil {
		in.free()
		f.content.free()
		sc.server.bytes.Release(int64(n))
		sc.server.end()
		return err
	}
	sc.start(f, in)
	return nil
}

// refuse answers a call with err. begun: it has a place, to be given back.
func (sc *serverConn) refuse(f frame, err error, begun bool) error {
	f.content.free()
	if begun {
		defer sc.server.end()
	}
	if head, encErr := sc.encode(header{kind: kindReply, flags: flagError, call: f.call}, "", "", ozerr.ToProto(err), 0); encErr == nil {
		_ = sc.send(outgoing{call: f.call, head: head}) // skip notices a broken link
	}
	return sc.skip(f.header.payload)
}

// start runs a call on a goroutine of its own.
func (sc *serverConn) start(f frame, in *buffer) {
	ctx, cancel := sc.context(&f)
	go func() { // Server.Close waits for it through Server.end
		var payload []byte
		if in != nil {
			payload = in.b
		}
		m, p, err := sc.server.run(ctx, &f, payload)
		if in != nil {
			in.free()
			sc.server.bytes.Release(int64(len(payload)))
		}
		f.content.free()
		sc.forget(f.call)
		cancel()
		sc.reply(f.call, m, p, err)
	}()
}

// context makes the context of a call: the client's deadline and request id, and
// an end when the client cancels or the connection is lost.
func (sc *serverConn) context(f *frame) (context.Context, context.CancelFunc) {
	ctx := sc.server.ctx
	if f.header.requestID > 0 {
		ctx = WithRequestID(ctx, f.requestIDOf())
	}
	var cancel context.CancelFunc
	if f.timeLeft > 0 {
		ctx, cancel = context.WithTimeout(ctx, f.timeLeft)
	} else {
		ctx, cancel = context.WithCancel(ctx)
	}
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if sc.cancels == nil {
		cancel()
	} else {
		sc.cancels[f.call] = cancel
	}
	return ctx, cancel
}

func (sc *serverConn) forget(call uint64) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	delete(sc.cancels, call)
}

func (sc *serverConn) cancel(call uint64) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if cancel := sc.cancels[call]; cancel != nil {
		cancel()
	}
}

func (sc *serverConn) cancelAll() {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	for _, cancel := range sc.cancels {
		cancel()
	}
	sc.cancels = nil
}

// reply queues the answer; the call's place is free when that is written.
func (sc *serverConn) reply(call uint64, m proto.Message, p Payload, err error) {
	h := header{kind: kindReply, call: call}
	var head *buffer
	if err == nil {
		head, err = sc.encode(h, "", "", m, len(p.Bytes))
	}
	if err != nil {
		p.release()
		p = Payload{}
		h.flags = flagError
		if head, err = sc.encode(h, "", "", ozerr.ToProto(err), 0); err != nil {
			sc.server.end()
			sc.fail(err) // an error message of megabytes: nothing sensible is left to say
			return
		}
	}
	_ = sc.send(outgoing{call: call, head: head, payload: p.Bytes, sent: func() { // a broken link has no one to tell
		p.release()
		sc.server.end()
	}})
}
