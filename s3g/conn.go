package s3g

import (
	"errors"
	"net"
	"os"
	"time"
)

// minRate is what a client must move when it moves at all, in bytes per second;
// slower ones are shed.
const minRate = 1 << 10

// listener gives every connection a watch over its reader.
type listener struct {
	*net.TCPListener
	stall time.Duration
}

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return &conn{c, l.stall}, nil
}

// conn is a connection whose Write fails when the other side takes nothing for
// the stall time, or less than minRate.
type conn struct {
	*net.TCPConn
	stall time.Duration
}

// Write writes p, or in its place what early.go makes of it.
func (c *conn) Write(p []byte) (int, error) {
	if early := earlyAnswer(p); early != nil {
		_, err := c.write(early)
		return len(p), err
	}
	return c.write(p)
}

// write works in rounds of half the stall time. The first may end without a byte: the
// kernel wakes a writer only when a good part of its buffer is free, which takes a slow
// reader longer. What the reader took meanwhile fits in at the start of the next round,
// so that one is judged.
func (c *conn) write(p []byte) (int, error) {
	round := c.stall / 2
	for done, first := 0, true; ; first = false {
		if err := c.SetWriteDeadline(time.Now().Add(round)); err != nil {
			return done, err
		}
		n, err := c.TCPConn.Write(p[done:])
		done += n
		slow := n == 0 || n < int(round.Seconds()*minRate)
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || slow && !first {
			return done, err
		}
	}
}
