package raftnode

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// stream is raft's TCP layer. It advertises the configured host:port as it is:
// host names stay names, because a container's IP changes with every restart. And
// it closes every connection with itself, which raft's transport leaves undone.
type stream struct {
	net.Listener
	advertise raft.ServerAddress

	mu     sync.Mutex
	conns  map[*streamConn]struct{}
	closed bool
}

type hostPort string

func (hostPort) Network() string  { return "tcp" }
func (h hostPort) String() string { return string(h) }

// Addr is the address peers dial, not the bound one.
func (s *stream) Addr() net.Addr { return hostPort(s.advertise) }

// Accept waits for a peer.
func (s *stream) Accept() (net.Conn, error) {
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
	return s.own(c)
}

// Close ends the listener and all connections.
func (s *stream) Close() error {
	s.mu.Lock()
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
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("raft transport: %w", err)
	}
	return raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream:  &stream{Listener: l, advertise: c.raftAddress(c.self()), conns: map[*streamConn]struct{}{}},
		MaxPool: 3,
		Timeout: 10 * time.Second,
		Logger:  newLogger(c.Log, false),
	}), nil
}

// closeTransport ends a transport that raft does not own yet or any more.
func closeTransport(t raft.Transport) error {
	if c, ok := t.(raft.WithClose); ok {
		return c.Close()
	}
	return nil
}
