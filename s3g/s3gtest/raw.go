package s3gtest

import (
	"net"
	"net/http"
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
// and returns what arrives up to the first blank line. It is signed, with an unsigned
// payload, unless the client is anonymous.
func (r *rawConn) request(method, target string, lines ...string) string {
	r.c.t.Helper()
	lines = append(r.signature(method, target, lines), lines...)
	lines = append([]string{method + " " + target + " HTTP/1.1", "Host: " + r.host}, lines...)
	if _, err := r.conn.Write([]byte(strings.Join(lines, "\r\n") + "\r\n\r\n")); err != nil {
		r.c.t.Fatal(err)
	}
	return r.read("")
}

// signature are the lines that sign a request.
func (r *rawConn) signature(method, target string, lines []string) []string {
	if r.c.tg.AccessKey == "" {
		return nil
	}
	path, query, _ := strings.Cut(target, "?")
	req := &http.Request{Method: method, Host: r.host, URL: &url.URL{Opaque: path, RawQuery: query}, Header: http.Header{}}
	for _, line := range lines {
		if name, value, ok := strings.Cut(line, ": "); ok && strings.HasPrefix(name, "X-Amz-") {
			req.Header.Add(name, value)
		}
	}
	r.c.signer().Header(req, unsignedBody)
	return []string{"X-Amz-Date: " + req.Header.Get("X-Amz-Date"), "X-Amz-Content-Sha256: " + unsignedBody, "Authorization: " + req.Header.Get("Authorization")}
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
