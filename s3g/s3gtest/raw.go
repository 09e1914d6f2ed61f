package s3gtest

import (
	"net"
	"net/url"
	"strings"
	"time"
)

// rawConn is one TCP connection, for what net/http's client would not send.
type rawConn struct {
	c    *Client
	conn net.Conn
	host string
}

func (c *Client) dial() *rawConn {
	c.t.Helper()
	u, err := url.Parse(c.tg.URL)
	if err != nil {
		c.t.Fatal(err)
	}
	conn, err := net.DialTimeout("tcp", u.Host, 10*time.Second)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close() })
	return &rawConn{c, conn, u.Host}
}

// request sends a head, and a body after the blank line if the last line has one,
// and returns what arrives up to the first blank line.
func (r *rawConn) request(method, target string, lines ...string) string {
	r.c.t.Helper()
	head := method + " " + target + " HTTP/1.1\r\nHost: " + r.host + "\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
	if len(lines) == 0 {
		head = method + " " + target + " HTTP/1.1\r\nHost: " + r.host + "\r\n\r\n"
	}
	if _, err := r.conn.Write([]byte(head)); err != nil {
		r.c.t.Fatal(err)
	}
	return r.read("")
}

// rest returns what arrives after an interim answer.
func (r *rawConn) rest(got string) string {
	r.c.t.Helper()
	_, more, _ := strings.Cut(got, "\r\n\r\n")
	if strings.Contains(more, "\r\n\r\n") {
		return more
	}
	return r.read(more)
}

func (r *rawConn) read(got string) string {
	r.c.t.Helper()
	if err := r.conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		r.c.t.Fatal(err)
	}
	buf := make([]byte, 32<<10)
	for !strings.Contains(got, "\r\n\r\n") {
		n, err := r.conn.Read(buf)
		got += string(buf[:n])
		if err != nil {
			r.c.t.Fatalf("after %q: %v", got, err)
		}
	}
	return got
}

// firstLine is the status line of an answer.
func firstLine(raw string) string {
	line, _, _ := strings.Cut(raw, "\r\n")
	return line
}
