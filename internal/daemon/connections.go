package daemon

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// Connections bounds how many connections HTTP servers have. One more closes the one that
// has been without a request for longest, as its client must expect of any kept connection:
// also one on which none has come whole yet, so that strangers who say nothing, or dribble,
// keep nobody out. If all others are in work, it is the new one that has to go.
type Connections struct {
	max  int
	shed func(conn net.Conn, fresh bool)

	mu   sync.Mutex
	open map[net.Conn]*list.Element // in idle; nil for those in work
	idle *list.List                 // of net.Conn, the longest idle first
}

// NewConnections bounds to limit. shed is told of each connection before it is closed,
// and whether it is the new one; it must not block. nil: nobody is.
func NewConnections(limit int, shed func(conn net.Conn, fresh bool)) *Connections {
	if shed == nil {
		shed = func(net.Conn, bool) {}
	}
	return &Connections{max: limit, shed: shed, open: map[net.Conn]*list.Element{}, idle: list.New()}
}

// Changed is http.Server.ConnState.
func (c *Connections) Changed(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if victim := c.add(conn); victim != nil {
			c.shed(victim, victim == conn)
			cut(victim)
		}
	case http.StateActive:
		c.setIdle(conn, false)
	case http.StateIdle:
		c.setIdle(conn, true)
	case http.StateClosed, http.StateHijacked:
		c.setIdle(conn, false)
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.open, conn)
	}
}

// cut closes a connection without TLS's farewell, which may wait for a client that does
// not read: who calls is the one who accepts connections.
func cut(conn net.Conn) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	_ = conn.Close() // it is gone either way
}

// add notes a new connection and returns the one that has to go for it, if any.
func (c *Connections) add(conn net.Conn) (victim net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[conn] = c.idle.PushBack(conn)
	if len(c.open) <= c.max {
		return nil
	}
	victim = c.idle.Remove(c.idle.Front()).(net.Conn)
	delete(c.open, victim) // its goroutine will notice
	return victim
}

func (c *Connections) setIdle(conn net.Conn, idle bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	was, known := c.open[conn]
	if !known {
		return
	}
	if was != nil {
		c.idle.Remove(was)
		c.open[conn] = nil
	}
	if idle {
		c.open[conn] = c.idle.PushBack(conn)
	}
}

// Counts are for metrics.
func (c *Connections) Counts() (open, idle int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open), c.idle.Len()
}
