package raftnode

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/mini-ozone/mini-ozone/internal/rpc"
)

// stream is raft's TCP layer. It advertises the configured host:port as it is:
// host names stay names, because a container's IP changes with every restart. And
// it closes every connection with itself, which raft's transport leaves undone.
type stream struct {
	net.Listener
	advertise raft.ServerAddress
	secure    *rpc.Credentials // of this om and its peers; nil in open mode
	proven    chan net.Conn    // connections of peers that have them
	done      chan struct{}    // closed by Close

	mu     sync.Mutex
	conns  map[*streamConn]struct{}
	closed bool
}

func newStream(l net.Listener, advertise raft.ServerAddress, secure *rpc.Credentials) *stream {
	s := &stream{
		Listener: l, advertise: advertise, secure: secure, proven: make(chan net.Conn), done: make(chan struct{}),
		conns: map[*streamConn]struct{}{},
	}
	if secure != nil {
		go s.admit()
	}
	return s
}

// admit takes connections in until Close and gives Accept those of peers. A stranger
// holds up nobody else.
func (s *stream) admit() {
	for {
		nc, err := s.Listener.Accept()
		if err != nil {
			select {
			case <-s.done:
				return
			case <-time.After(acceptPause): // out of file descriptors, most likely
				continue
			}
		}
		c, err := s.own(nc)
		if err != nil {
			return // closed
		}
		go func() {
			sc, err := s.secure.Server(c)
			if err != nil {
				_ = c.Close() // a stranger, who was told why
				return
			}
			select {
			case s.proven <- sc:
			case <-s.done:
			}
		}()
	}
}

// acceptPause is how long admit waits after an error of the listener.
const acceptPause = 50 * time.Millisecond

type hostPort string

func (hostPort) Network() string  { return "tcp" }
func (h hostPort) String() string { return string(h) }

// Addr is the address peers dial, not the bound one.
func (s *stream) Addr() net.Addr { return hostPort(s.advertise) }

// Accept waits for a peer.
func (s *stream) Accept() (net.Conn, error) {
	if s.secure != nil {
		select {
		case c := <-s.proven:
			return c, nil
		case <-s.done:
			return nil, net.ErrClosed
		}
	}
	c, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return s.own(c)
}

// Dial connects to a peer.
func (s *stream) Dial(addr raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	c, err := net.DialTimeout("tcp", string(addr), timeout)
	if err != nil {
		return nil, err
	}
	own, err := s.own(c)
	if err != nil || s.secure == nil {
		return own, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	sc, err := s.secure.Client(ctx, own)
	if err != nil {
		return nil, errors.Join(err, own.Close())
	}
	return sc, nil
}

// Close ends the listener and all connections.
func (s *stream) Close() error {
	s.mu.Lock()
	if !s.closed {
		close(s.done)
	}
	s.closed = true
	conns := slices.Collect(maps.Keys(s.conns))
	s.mu.Unlock()
	errs := []error{s.Listener.Close()}
	for _, c := range conns {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

func (s *stream) own(c net.Conn) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.Join(net.ErrClosed, c.Close())
	}
	sc := &streamConn{Conn: c, stream: s}
	s.conns[sc] = struct{}{}
	return sc, nil
}

// streamConn is a connection that the stream knows. Closing it again is no error.
type streamConn struct {
	net.Conn
	stream *stream
	once   sync.Once
}

// Close closes the connection once.
func (c *streamConn) Close() (err error) {
	c.once.Do(func() {
		c.stream.mu.Lock()
		delete(c.stream.conns, c)
		c.stream.mu.Unlock()
		err = c.Conn.Close()
	})
	return err
}

// openTransport returns the configured transport, or makes one: a single voter
// talks to nobody, so it opens no port.
func openTransport(c *Config) (raft.Transport, error) {
	if c.Transport != nil {
		return c.Transport, nil
	}
	if len(c.Peers) == 1 {
		_, t := raft.NewInmemTransport(c.raftAddress(c.self()))
		return t, nil
	}
	var secure *rpc.Credentials
	if c.Key != nil {
		var err error
		if secure, err = rpc.NewCredentials(c.Key, "mini-ozone-raft/1"); err != nil {
			return nil, fmt.Errorf("raft transport: %w", err)
		}
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("raft transport: %w", err)
	}
	return raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream:  newStream(l, c.raftAddress(c.self()), secure),
		MaxPool: 3,
		Timeout: 10 * time.Second,
		Logger:  newLogger(c.Log, false),
	}), nil
}

// closeTransport ends a transport, if there is something to end.
func closeTransport(t raft.Transport) error {
	if c, ok := t.(raft.WithClose); ok {
		return c.Close()
	}
	return nil
}
