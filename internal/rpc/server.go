package rpc

import (
	"context"
	"errors"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/semaphore"
	"google.golang.org/protobuf/proto"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// Server answers calls. Register methods with Unary and Bulk and change its
// fields before Serve, not after.
type Server struct {
	// MaxCalls is how many calls may run, or have their reply unsent, at once. One
	// above it is answered with ozerr.Unavailable.
	MaxCalls int
	// MaxConns is how many connections are kept; one more is closed at once.
	MaxConns int
	// MaxBytes is how many bytes of request payload may be held at once. A payload
	// above it waits in the network for PayloadWait, then is dropped and answered with
	// ozerr.Unavailable. Reply payloads belong to the handlers, who bound them.
	MaxBytes int64
	// PayloadWait must be shorter than the silence that clients bear, as nothing else
	// is read from the connection meanwhile.
	PayloadWait time.Duration
	// Grace is how long Close lets calls end before it cancels their contexts.
	Grace time.Duration
	// Idle is how long a silent connection is kept. A Client pings far more often.
	Idle time.Duration
	// Key, if set, makes every connection secure, see Credentials; clients must have it.
	Key []byte

	log     zerolog.Logger
	methods map[string]handler
	pool    pool
	secure  *Credentials    // nil without a key
	ctx     context.Context // of all calls
	cancel  context.CancelFunc
	running atomic.Int64
	bytes   *semaphore.Weighted
	wg      sync.WaitGroup // goroutines of connections

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	conns     map[*serverConn]struct{}
	calls     sync.WaitGroup // added to under mu while not closing
	closing   bool
	closed    chan struct{} // when Close has finished
}

type handler func(ctx context.Context, message, in []byte) (proto.Message, Payload, error)

// NewServer returns a server without methods and with default limits.
func NewServer(log zerolog.Logger) *Server {
	s := &Server{
		MaxCalls: 4096, MaxConns: 2048, MaxBytes: 128 << 20, PayloadWait: 3 * time.Second, Grace: 2 * time.Second, Idle: 30 * time.Second,
		log: log, methods: map[string]handler{},
		listeners: map[net.Listener]struct{}{}, conns: map[*serverConn]struct{}{},
		closed: make(chan struct{}),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Payload is the raw part of a reply.
type Payload struct {
	Bytes   []byte
	Release func() // may be nil; called once, when the bytes are sent or dropped
}

func (p Payload) release() {
	if p.Release != nil {
		p.Release()
	}
}

// Unary registers f for calls of method without payload.
func Unary[Q, P any, PQ interface {
	*Q
	proto.Message
}, PP interface {
	*P
	proto.Message
}](s *Server, method string, f func(context.Context, PQ) (PP, error)) {
	Bulk(s, method, func(ctx context.Context, req PQ, _ []byte) (PP, Payload, error) {
		resp, err := f(ctx, req)
		return resp, Payload{}, err
	})
}

// Bulk registers f for calls of method with payload; in is valid until f returns.
func Bulk[Q, P any, PQ interface {
	*Q
	proto.Message
}, PP interface {
	*P
	proto.Message
}](s *Server, method string, f func(ctx context.Context, req PQ, in []byte) (PP, Payload, error)) {
	s.methods[method] = func(ctx context.Context, message, in []byte) (proto.Message, Payload, error) {
		req := PQ(new(Q))
		if err := proto.Unmarshal(message, req); err != nil {
			return nil, Payload{}, ozerr.Wrap(ozerr.InvalidRequest, err, "decode request")
		}
		resp, payload, err := f(ctx, req, in)
		return resp, payload, err
	}
}

// Serve accepts connections until Close; then it returns nil. Any other end is an
// error of the listener.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return l.Close()
	}
	if s.Key != nil && s.secure == nil {
		var err error
		if s.secure, err = NewCredentials(s.Key, protocol); err != nil {
			s.mu.Unlock()
			return errors.Join(ozerr.Wrap(ozerr.Internal, err, "make a certificate"), l.Close())
		}
	}
	if s.bytes == nil {
		s.bytes = semaphore.NewWeighted(max(s.MaxBytes, MaxPayload))
	}
	s.listeners[l] = struct{}{}
	s.wg.Add(1)
	s.mu.Unlock()
	defer s.wg.Done()
	for {
		nc, err := l.Accept()
		if err == nil {
			s.accept(nc)
			continue
		}
		if s.isClosing() {
			return nil
		}
		if !temporary(err) {
			_ = l.Close() // err says more
			return ozerr.Wrap(ozerr.Internal, err, "accept on %v", l.Addr())
		}
		s.log.Warn().Err(err).Msg("rpc: accept")
		select { // out of file descriptors, most likely
		case <-time.After(50 * time.Millisecond):
		case <-s.ctx.Done():
		}
	}
}

func temporary(err error) bool {
	var e interface{ Temporary() bool }
	return errors.As(err, &e) && e.Temporary()
}

func (s *Server) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

func (s *Server) accept(nc net.Conn) {
	sc := &serverConn{link: newLink(nc, &s.pool), server: s, cancels: map[uint64]context.CancelFunc{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || len(s.conns) >= s.MaxConns {
		_ = nc.Close() // the peer will see it
		return
	}
	s.conns[sc] = struct{}{}
	s.wg.Go(func() {
		err := sc.run()
		sc.fail(err)
		sc.cancelAll()
		s.log.Debug().Err(err).Stringer("peer", nc.RemoteAddr()).Msg("rpc: connection ended")
		s.mu.Lock()
		delete(s.conns, sc)
		s.mu.Unlock()
	})
}

// busy is the error of a limit that was reached.
func busy(format string, args ...any) error {
	e := ozerr.New(ozerr.Unavailable, format, args...)
	e.Detail = ozerr.Busy
	return e
}

// begin takes a place for one more call, or says why there is none.
func (s *Server) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return ozerr.New(ozerr.Unavailable, "the server is stopping")
	}
	if n := s.running.Add(1); n > int64(s.MaxCalls) {
		s.running.Add(-1)
		return busy("the server has %d calls under way", s.MaxCalls)
	}
	s.calls.Add(1)
	return nil
}

// end gives the place back, once the reply is written or dropped.
func (s *Server) end() {
	s.running.Add(-1)
	s.calls.Done()
}

// run calls the method of f. A panic in a handler is the caller's error and ours
// to log, not the end of the server.
func (s *Server) run(ctx context.Context, f *frame, in []byte) (m proto.Message, p Payload, err error) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error().Interface("panic", r).Bytes("stack", debug.Stack()).
				Bytes("method", f.methodName()).Str("request_id", RequestID(ctx)).Msg("rpc: handler panicked")
			m, p, err = nil, Payload{}, ozerr.New(ozerr.Internal, "handler panicked: %v", r)
		}
	}()
	h := s.methods[string(f.methodName())]
	if h == nil {
		return nil, Payload{}, ozerr.New(ozerr.NotSupported, "no method %q", f.methodName())
	}
	return h(ctx, f.messageBytes(), in)
}

// Close stops accepting connections and calls, waits Grace for the calls under
// way, cancels the contexts of those left, waits for them, for as long again at most, and
// for every goroutine.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		<-s.closed
		return nil
	}
	s.closing = true
	var errs []error
	for l := range s.listeners {
		errs = append(errs, l.Close())
	}
	s.mu.Unlock()
	defer close(s.closed)

	ended := make(chan struct{})
	go func() { // ends with the calls, which Close waits for
		s.calls.Wait()
		close(ended)
	}()
	grace := time.NewTimer(s.Grace)
	defer grace.Stop()
	select {
	case <-ended:
	case <-grace.C:
	}
	s.cancel()
	s.mu.Lock()
	for sc := range s.conns {
		sc.fail(ozerr.New(ozerr.Unavailable, "the server is stopping"))
	}
	s.mu.Unlock()
	grace.Reset(s.Grace)
	select {
	case <-ended:
	case <-grace.C: // a disk that hangs, perhaps; the rest of the process has to stop in order all the same
		errs = append(errs, ozerr.New(ozerr.Timeout, "%d calls did not end, and were left", s.running.Load()))
	}
	s.wg.Wait()
	return errors.Join(errs...)
}
