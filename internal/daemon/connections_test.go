package daemon

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// stuckConn is a connection whose peer does not read any more, once it is stuck.
type stuckConn struct {
	net.Conn
	stuck  atomic.Bool
	closed chan struct{}
	once   sync.Once
}

func (c *stuckConn) Write(p []byte) (int, error) {
	if c.stuck.Load() {
		<-c.closed
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

func (c *stuckConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// A TLS client that does not read holds up nobody when its place is wanted: the one who
// closes it is who accepts connections.
func TestShedClientDoesNotRead(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe()
	defer far.Close()
	stuck := &stuckConn{Conn: near, closed: make(chan struct{})}
	server := tls.Server(stuck, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}})
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = io.Copy(io.Discard, tls.Client(far, &tls.Config{InsecureSkipVerify: true})) }) //nolint:gosec // a test
	if err := server.Handshake(); err != nil {
		t.Fatal(err)
	}
	stuck.stuck.Store(true)

	var shed []net.Conn
	c := NewConnections(1, func(conn net.Conn, _ bool) { shed = append(shed, conn) })
	next, other := net.Pipe()
	defer other.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Changed(server, http.StateNew)
		c.Changed(server, http.StateActive)
		c.Changed(server, http.StateIdle)
		c.Changed(next, http.StateNew)
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Error("it waits for the client")
		_ = stuck.Close()
		<-done
	}
	if len(shed) != 1 || shed[0] != server {
		t.Errorf("shed: %v", shed)
	}
	if open, idle := c.Counts(); open != 1 || idle != 1 {
		t.Errorf("%d open, %d idle", open, idle)
	}
	wg.Wait()
}

// However many connections strangers open to pages, they get a bounded number, and others
// see the pages.
func TestPagesAmongStrangers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := PagesServer(DebugMux(DebugOptions{}))
	s.ReadHeaderTimeout, s.ReadTimeout = time.Hour, time.Hour // only the limit closes them
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Serve(l) })
	defer wg.Wait()
	defer s.Close()
	var strangers []net.Conn
	for range maxPageConns + 1 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		strangers = append(strangers, c)
	}
	_ = strangers[0].SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := strangers[0].Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the first of them was not closed for the last: %v", err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	resp, err := client.Get("http://" + l.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Error(resp.Status)
	}
}
