package rpc

import (
	"container/list"
	"net"
	"sync"
)

// maxStrangers is how many connections to a server may be without proof of the key at once:
// more than a cluster makes in the time of a handshake, and a quarter of the connections
// of a Server.
const maxStrangers = 512

// strangers are the connections that have not proven the key yet. One too many closes the
// one that is there for longest: who knows the key needs moments.
type strangers struct {
	mu  sync.Mutex
	all list.List // of net.Conn, the oldest first
}

// add notes a stranger; the result forgets it.
func (s *strangers) add(nc net.Conn) (forget func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.all.PushBack(nc)
	if s.all.Len() > maxStrangers {
		_ = s.all.Remove(s.all.Front()).(net.Conn).Close() // its goroutine will notice
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all.Remove(e) // no matter if it is gone
	}
}
