package s3g

import (
	"container/list"
	"net"
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// connections bounds how many connections the S3 listeners have. One more closes the one
// that has been idle for longest, as its client must expect of any kept connection; if
// none is idle, it is the new one that has to go.
type connections struct {
	max  int
	shed prometheus.Counter

	mu   sync.Mutex
	open map[net.Conn]*list.Element // in idle; nil for those in work
	idle *list.List                 // of net.Conn, the longest idle first
}

func newConnections(limit int, shed prometheus.Counter) *connections {
	return &connections{max: limit, shed: shed, open: map[net.Conn]*list.Element{}, idle: list.New()}
}

// changed is http.Server.ConnState.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if victim := c.add(conn); victim != nil {
			c.shed.Inc()
			if victim == conn {
				refuse(conn)
			}
			_ = victim.Close() // it is gone either way
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

// add notes a new connection and returns the one that has to go for it, if any.
func (c *connections) add(conn net.Conn) (victim net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[conn] = nil
	if len(c.open) <= c.max {
		return nil
	}
	oldest := c.idle.Front()
	if oldest == nil {
		return conn
	}
	victim = c.idle.Remove(oldest).(net.Conn)
	delete(c.open, victim) // its goroutine will notice
	return victim
}

func (c *connections) setIdle(conn net.Conn, idle bool) {
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

// counts are for the metrics.
func (c *connections) counts() (open, idle int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open), c.idle.Len()
}

// refuse tells a client that there is no place. Over TLS it is not told: that would take
// a handshake.
func refuse(c net.Conn) {
	if plain, ok := c.(*conn); ok {
		_, _ = plain.Write(refusal) // fits the empty buffer of a new connection
	}
}

var refusal = []byte("HTTP/1.1 503 Service Unavailable\r\nServer: Ozone\r\nContent-Type: application/xml\r\nRetry-After: " + retryAfter +
	"\r\nConnection: close\r\n\r\n" + `<?xml version="1.0" encoding="UTF-8"?>` + "\n<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>")
