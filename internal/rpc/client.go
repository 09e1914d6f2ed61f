package rpc

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// bulkBytes is the size from which a payload, sent or expected, travels on a bulk
// connection. Smaller ones profit from the control connection's gathered writes.
const bulkBytes = 64 << 10

// Back-off between failed dials. Calls made meanwhile fail at once.
const (
	minBackoff = 50 * time.Millisecond
	maxBackoff = time.Second
)

// ClientOptions configure a Client; the zero value is usable.
type ClientOptions struct {
	Conns       int           // bulk connections beside the control connection; 0 means 2
	DialTimeout time.Duration // 0 means 2 s
	PingEvery   time.Duration // silence after which a ping is sent; 0 means 2 s
	PingTimeout time.Duration // further silence that breaks the connection; 0 means 3 s

	// Key, if set, makes every connection secure, see Credentials; the server must have
	// the same.
	Key []byte
	// Dial connects; nil is plain TCP.
	Dial func(ctx context.Context, addr string) (net.Conn, error)
}

func (o ClientOptions) withDefaults() ClientOptions {
	if o.Conns <= 0 {
		o.Conns = 2
	}
	orDefault(&o.DialTimeout, 2*time.Second)
	orDefault(&o.PingEvery, 2*time.Second)
	orDefault(&o.PingTimeout, 3*time.Second)
	if o.Dial == nil {
		o.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", addr) // Go sets TCP_NODELAY
		}
	}
	return o
}

func orDefault(d *time.Duration, v time.Duration) {
	if *d <= 0 {
		*d = v
	}
}

// Client calls one server. It connects when it is first used and again, with
// back-off, after a connection broke; the calls that were on it fail with
// ozerr.Unavailable. Safe for concurrent use.
type Client struct {
	addr string
	opts ClientOptions
	pool pool

	secure   *Credentials // nil without a key
	insecure error        // why there are none with it

	control *slot
	bulk    []*slot
	next    atomic.Uint32 // where the search for a bulk slot begins

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup // dials and connections
}

// NewClient returns a client of addr (host:port). It connects when first used.
func NewClient(addr string, o ClientOptions) *Client {
	c := &Client{addr: addr, opts: o.withDefaults()}
	if o.Key != nil {
		c.secure, c.insecure = NewCredentials(o.Key, protocol)
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.control = &slot{client: c}
	for range c.opts.Conns {
		c.bulk = append(c.bulk, &slot{client: c})
	}
	return c
}

// Addr is the address given to NewClient.
func (c *Client) Addr() string { return c.addr }

// Call sends req to method and decodes the answer into resp. A handler's error
// comes back with its ozerr code; a broken connection or a refused dial is
// ozerr.Unavailable; when ctx ends first, ozerr.Timeout or ozerr.Canceled.
func (c *Client) Call(ctx context.Context, method string, req, resp proto.Message) error {
	_, err := c.do(ctx, c.control, method, req, nil, resp, nil)
	return err
}

// CallBulk is Call with raw bytes in either direction: in goes with the request,
// payload comes with the answer, in buf's memory if its capacity suffices. Neither
// in nor buf is touched after the return.
func (c *Client) CallBulk(ctx context.Context, method string, req proto.Message, in []byte, resp proto.Message, buf []byte) (payload []byte, err error) {
	s := c.control
	if len(in) >= bulkBytes || cap(buf) >= bulkBytes {
		s = c.bulkSlot()
	}
	return c.do(ctx, s, method, req, in, resp, buf)
}

// bulkSlot picks the bulk connection with the fewest calls on it.
func (c *Client) bulkSlot() *slot {
	first := int(c.next.Add(1))
	best := c.bulk[first%len(c.bulk)]
	for i := 1; i < len(c.bulk); i++ {
		if s := c.bulk[(first+i)%len(c.bulk)]; s.calls.Load() < best.calls.Load() {
			best = s
		}
	}
	return best
}

func (c *Client) do(ctx context.Context, s *slot, method string, req proto.Message, in []byte, resp proto.Message, buf []byte) ([]byte, error) {
	s.calls.Add(1)
	defer s.calls.Add(-1)
	conn, err := s.get(ctx)
	if err != nil {
		return nil, err
	}
	return conn.do(ctx, method, req, in, resp, buf)
}

// Close breaks the connections, which fails the calls on them, and waits for
// every goroutine of the client.
func (c *Client) Close() error {
	c.cancel()
	for _, s := range append([]*slot{c.control}, c.bulk...) {
		s.close()
	}
	c.wg.Wait()
	return nil
}

// slot keeps one connection and renews it.
type slot struct {
	client *Client
	calls  atomic.Int32 // under way

	mu      sync.Mutex
	conn    *clientConn
	dialing chan struct{} // closed when the dial under way ends; nil: none is
	err     error         // of the last dial
	backoff time.Duration
	retryAt time.Time
	closed  bool
}

var errClosed = ozerr.New(ozerr.Unavailable, "the rpc client is closed")

// get returns a working connection, dialing if need be. While backing off after
// a failed dial it returns that failure at once.
func (s *slot) get(ctx context.Context) (*clientConn, error) {
	for {
		s.mu.Lock()
		conn, wait, err := s.ready()
		s.mu.Unlock()
		if conn != nil || err != nil {
			return conn, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, contextError(ctx, "connect to "+s.client.addr)
		}
		s.mu.Lock()
		conn, err = s.conn, s.err
		s.mu.Unlock()
		if conn != nil || err != nil {
			return conn, err
		}
	}
}

// ready returns the connection, or a channel to wait on for a dial, or why there
// is neither. s.mu is held.
func (s *slot) ready() (*clientConn, <-chan struct{}, error) {
	if s.closed {
		return nil, nil, errClosed
	}
	if s.conn != nil {
		err := s.conn.reason()
		if err == nil {
			return s.conn, nil, nil
		}
		if s.conn.reads.Load() == 0 { // it never worked
			s.failed(ozerr.Wrap(ozerr.Unavailable, err, "connection to %s", s.client.addr))
		}
		s.conn = nil
	}
	if s.dialing != nil {
		return nil, s.dialing, nil
	}
	if s.err != nil && time.Now().Before(s.retryAt) {
		return nil, nil, s.err
	}
	s.dialing = make(chan struct{})
	s.client.wg.Go(s.dial)
	return nil, s.dialing, nil
}

// connect dials and, with a key, makes the connection secure.
func (c *Client) connect(ctx context.Context) (net.Conn, error) {
	if c.insecure != nil {
		return nil, ozerr.Wrap(ozerr.Internal, c.insecure, "make a certificate")
	}
	nc, err := c.opts.Dial(ctx, c.addr)
	if err != nil {
		return nil, &ozerr.Error{Code: ozerr.Unavailable, Message: "connect to " + c.addr + ": " + err.Error(), Err: err}
	}
	if c.secure == nil {
		return nc, nil
	}
	sc, err := c.secure.Client(ctx, nc)
	if err != nil {
		_ = nc.Close() // err says more
		return nil, ozerr.Wrap(ozerr.Unavailable, err, "connect to %s", c.addr)
	}
	return sc, nil
}

func (s *slot) dial() {
	c := s.client
	ctx, cancel := context.WithTimeout(c.ctx, c.opts.DialTimeout)
	nc, err := c.connect(ctx)
	cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.dialing)
	s.dialing = nil
	switch {
	case err != nil:
		s.failed(err)
	case s.closed:
		_ = nc.Close() // nothing was sent on it
		s.err = errClosed
	default:
		s.conn = newClientConn(c, nc)
		s.err, s.backoff = nil, 0
	}
}

// failed remembers why there is no connection and for how long not to try again.
func (s *slot) failed(err error) {
	s.err = err
	s.backoff = min(max(2*s.backoff, minBackoff), maxBackoff)
	s.retryAt = time.Now().Add(s.backoff)
}

func (s *slot) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.conn != nil {
		s.conn.fail(errClosed)
	}
}

// contextError says that ctx ended during what.
func contextError(ctx context.Context, what string) error {
	code := ozerr.Canceled
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		code = ozerr.Timeout
	}
	return &ozerr.Error{Code: code, Message: what + ": " + ctx.Err().Error(), Err: ctx.Err()}
}
