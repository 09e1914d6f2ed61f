package rpc

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

var (
	keyA = bytes.Repeat([]byte{1}, 32)
	keyB = bytes.Repeat([]byte{2}, 32)
)

func startKeyed(t testing.TB, key []byte) *testServer {
	ts := newTestServer()
	ts.Key = key
	ts.serve(listen(t, "127.0.0.1:0"))
	t.Cleanup(func() { _ = ts.Close() })
	return ts
}

func credentials(t testing.TB, key []byte) *Credentials {
	t.Helper()
	c, err := NewCredentials(key, protocol)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func dial(t testing.TB, addr string) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(30 * time.Second)) // against a test that hangs
	return nc
}

// Who does not know the key gets no call through and is told why; it never looks like
// an outage, which callers would wait for to end. A secure side never falls back.
func TestSecure(t *testing.T) {
	for _, c := range []struct {
		name           string
		server, client []byte
		want           ozerr.Code // "": it works
		message        string
	}{
		{"same key", keyA, keyA, "", ""},
		{"both open", nil, nil, "", ""},
		{"other key", keyA, keyB, ozerr.AdminKeyRefused, "another admin key"},
		{"client without a key", keyA, nil, ozerr.AdminKeyRefused, "secure mode"},
		{"server without a key", nil, keyA, ozerr.AdminKeyRefused, "open mode"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ts := startKeyed(t, c.server)
			cl := startClient(t, ts.addr, ClientOptions{Key: c.client, DialTimeout: 30 * time.Second})
			for range 3 { // the first may be different from those that meet a failed dial
				var got commonpb.Node
				err := cl.Call(within(t, 30*time.Second), "echo", &commonpb.Node{Id: "n"}, &got)
				if c.want == "" && (err != nil || got.Id != "n") {
					t.Fatalf("got %v, %v", &got, err)
				}
				if c.want != "" && (!errors.Is(err, c.want) || !strings.Contains(err.Error(), c.message)) {
					t.Fatalf("got %v, want %s with %q", err, c.want, c.message)
				}
			}
		})
	}
}

// Payloads of all sizes arrive whole on secure connections, in both directions at once.
func TestSecureBulk(t *testing.T) {
	ts := startKeyed(t, keyA)
	c := startClient(t, ts.addr, ClientOptions{Key: keyA, DialTimeout: 30 * time.Second})
	var wg sync.WaitGroup
	for _, size := range []int{1, 1000, 64 << 10, 64<<10 + 1, 1 << 20, MaxPayload} {
		wg.Go(func() {
			in := bytes.Repeat([]byte{7}, size)
			var resp dnpb.ReadResponse
			_, err := c.CallBulk(within(t, time.Minute), "write", &dnpb.WriteRequest{BlockLength: uint64(size)}, in, &resp, nil)
			if err != nil || resp.BlockLength != uint64(size) {
				t.Errorf("%d of %d bytes arrived, %v", resp.BlockLength, size, err)
			}
		})
		wg.Go(func() {
			buf := make([]byte, size)
			got, err := c.CallBulk(within(t, time.Minute), "read", &dnpb.ReadRequest{Offset: 9, Length: uint64(size)}, nil, &dnpb.ReadResponse{}, buf)
			if err != nil || !bytes.Equal(got, bytes.Repeat([]byte{9}, size)) {
				t.Errorf("%d of %d bytes came back, %v", len(got), size, err)
			}
		})
	}
	wg.Wait()
}

// withCertificate is c with a certificate that the cluster's authority did not sign.
func withCertificate(t testing.TB, c *Credentials) *Credentials {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	forged, err := certificate(clusterName, public, nil, private)
	if err != nil {
		t.Fatal(err)
	}
	change := func(config *tls.Config) *tls.Config {
		config = config.Clone()
		config.Certificates = []tls.Certificate{{Certificate: [][]byte{forged.Raw}, PrivateKey: private}}
		config.InsecureSkipVerify, config.ClientAuth = true, tls.RequireAnyClientCert // it has no opinion of others
		return config
	}
	return &Credentials{client: change(c.client), server: change(c.server)}
}

// Somebody in the middle who ends TLS on both sides, with certificates of his own,
// connects nobody: neither side takes him for the other.
func TestManInTheMiddle(t *testing.T) {
	ts := startKeyed(t, keyA)
	l := listen(t, "127.0.0.1:0")
	middle := withCertificate(t, credentials(t, keyB))
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer nc.Close()
				client, err := middle.Server(nc)
				if err == nil {
					t.Errorf("the client took the man in the middle for the server")
					_ = client.Close()
				}
			})
		}
	})
	c := startClient(t, l.Addr().String(), ClientOptions{Key: keyA, DialTimeout: 30 * time.Second})
	err := c.Call(within(t, 30*time.Second), "echo", &commonpb.Node{}, &commonpb.Node{})
	wantCode(t, err, ozerr.AdminKeyRefused)
	_ = c.Close()
	_ = l.Close()
	wg.Wait()

	nc := dial(t, ts.addr)
	_, err = middle.Client(within(t, 30*time.Second), nc)
	wantCode(t, err, ozerr.AdminKeyRefused)
}

// A client without any certificate is refused, whatever it thinks of the server's.
func TestClientNeedsACertificate(t *testing.T) {
	ts := startKeyed(t, keyA)
	c := credentials(t, keyA)
	c.client = c.client.Clone()
	c.client.Certificates = nil
	_, err := c.Client(within(t, 30*time.Second), dial(t, ts.addr))
	wantCode(t, err, ozerr.AdminKeyRefused)
}

// A connection of another protocol of ours, redirected here, is refused.
func TestOtherProtocol(t *testing.T) {
	ts := startKeyed(t, keyA)
	c, err := NewCredentials(keyA, "mini-ozone-other/1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Client(within(t, 30*time.Second), dial(t, ts.addr)); err == nil {
		t.Error("it was taken")
	}
}

// A server that knows no key can't pretend: not by sending back what comes, not by what
// it overheard from the real one, not by noise or silence.
func TestImpostor(t *testing.T) {
	real, heard := startKeyed(t, keyA), &bytes.Buffer{}
	nc := dial(t, real.addr)
	if _, err := credentials(t, keyA).Client(within(t, 30*time.Second), recorded{nc, nil, heard}); err != nil {
		t.Fatal(err)
	}
	_ = nc.Close()
	for name, answer := range map[string]func(nc net.Conn){
		"sends it back": func(nc net.Conn) { _, _ = io.Copy(nc, nc) },
		"overheard":     func(nc net.Conn) { _, _ = nc.Write(heard.Bytes()); _, _ = io.Copy(io.Discard, nc) },
		"noise": func(nc net.Conn) {
			_, _ = nc.Write(append(preface(modeSecure), make([]byte, 4096)...))
			_, _ = io.Copy(io.Discard, nc)
		},
		"no TLS": func(nc net.Conn) {
			_, _ = nc.Write(append(preface(modeSecure), preface(modeSecure)...))
			_, _ = io.Copy(io.Discard, nc)
		},
		"nothing": func(nc net.Conn) { _, _ = io.Copy(io.Discard, nc) },
	} {
		t.Run(name, func(t *testing.T) {
			l := listen(t, "127.0.0.1:0")
			var wg sync.WaitGroup
			wg.Go(func() {
				if nc, err := l.Accept(); err == nil {
					answer(nc)
					_ = nc.Close()
				}
			})
			c := startClient(t, l.Addr().String(), ClientOptions{Key: keyA, DialTimeout: 200 * time.Millisecond})
			if err := c.Call(within(t, 30*time.Second), "echo", &commonpb.Node{}, &commonpb.Node{}); err == nil {
				t.Error("it was believed")
			}
			_ = c.Close()
			_ = l.Close()
			wg.Wait()
		})
	}
}

// recorded keeps what is written to and read from a connection.
type recorded struct {
	net.Conn
	written, read *bytes.Buffer
}

func (r recorded) Write(p []byte) (int, error) {
	if r.written != nil {
		r.written.Write(p)
	}
	return r.Conn.Write(p)
}

func (r recorded) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	if r.read != nil {
		r.read.Write(p[:n])
	}
	return n, err
}

// Who repeats what he overheard of a client, all of it or a part, gets nowhere: the
// server's side is new each time.
func TestReplay(t *testing.T) {
	c, l := credentials(t, keyA), listen(t, "127.0.0.1:0")
	accepted := func() error {
		nc, err := l.Accept()
		if err != nil {
			return err
		}
		defer nc.Close()
		_, err = c.accept(nc)
		return err
	}
	result := make(chan error, 1)
	go func() { result <- accepted() }()
	var heard bytes.Buffer
	if _, err := c.Client(within(t, 30*time.Second), recorded{dial(t, l.Addr().String()), &heard, nil}); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 3, prefaceLen, prefaceLen + 1, prefaceLen + 200, heard.Len() - 1, heard.Len()} {
		go func() { result <- accepted() }()
		nc := dial(t, l.Addr().String())
		_, _ = nc.Write(heard.Bytes()[:n])
		_ = nc.(*net.TCPConn).CloseWrite()
		if err := <-result; err == nil {
			t.Errorf("the first %d of %d bytes were taken for a client", n, heard.Len())
		}
		_ = nc.Close()
	}
}

// Strangers who begin and don't go on keep nobody else from talking to the server.
func TestStrangersHoldNobodyUp(t *testing.T) {
	ts := startKeyed(t, keyA)
	for _, begun := range [][]byte{nil, preface(modeSecure)[:3], preface(modeSecure), append(preface(modeSecure), 22, 3, 1, 2, 0)} {
		for range 5 {
			_, _ = dial(t, ts.addr).Write(begun)
		}
	}
	c := startClient(t, ts.addr, ClientOptions{Key: keyA, DialTimeout: 30 * time.Second})
	if err := c.Call(within(t, 30*time.Second), "echo", &commonpb.Node{}, &commonpb.Node{}); err != nil {
		t.Error(err)
	}
}

// However many strangers there are, they take up no more than their share of the
// connections; the first of them have to go.
func TestManyStrangers(t *testing.T) {
	ts := newTestServer()
	ts.Key, ts.MaxConns = keyA, maxStrangers+10
	ts.serve(listen(t, "127.0.0.1:0"))
	t.Cleanup(func() { _ = ts.Close() })
	first := dial(t, ts.addr)
	if _, err := io.ReadFull(first, make([]byte, prefaceLen)); err != nil {
		t.Fatal(err)
	}
	for range maxStrangers + 20 {
		_, _ = io.ReadFull(dial(t, ts.addr), make([]byte, prefaceLen)) // one of them at a time: it is in
	}
	if _, err := first.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the first stranger is still there: %v", err)
	}
	c := startClient(t, ts.addr, ClientOptions{Key: keyA, DialTimeout: 30 * time.Second})
	if err := c.Call(within(t, 30*time.Second), "echo", &commonpb.Node{}, &commonpb.Node{}); err != nil {
		t.Error(err)
	}
}

// A client that says nothing, or stops in the middle, doesn't keep the server from stopping.
func TestSilentStranger(t *testing.T) {
	ts := startKeyed(t, keyA)
	silent, half := dial(t, ts.addr), dial(t, ts.addr)
	_, _ = half.Write(append(preface(modeSecure), 22, 3, 1, 2, 0, 1))
	for _, nc := range []net.Conn{silent, half} {
		if _, err := io.ReadFull(nc, make([]byte, prefaceLen)); err != nil { // the server waits for us
			t.Fatal(err)
		}
	}
	if err := ts.Close(); err != nil {
		t.Fatal(err)
	}
}

// A client of the version before, which proved the key but did not encrypt, gets nothing.
func TestOldVersion(t *testing.T) {
	ts := startKeyed(t, keyA)
	nc := dial(t, ts.addr)
	_, _ = nc.Write(append(preface(modeKeyed), make([]byte, 32)...))
	got, err := io.ReadAll(nc)
	if err != nil || !bytes.Equal(got, preface(modeSecure)) {
		t.Errorf("%x %v", got, err)
	}
	if err := expectPreface(bytes.NewReader(preface(modeKeyed)), modeSecure); !errors.Is(err, ozerr.AdminKeyRefused) {
		t.Error(err)
	}
}

// A peer that has stopped reading does not hold up Close, and a write that it did not
// take is an error.
func TestCutOff(t *testing.T) {
	c, l := credentials(t, keyA), listen(t, "127.0.0.1:0")
	accepted := make(chan net.Conn, 1)
	go func() {
		defer close(accepted)
		nc, err := l.Accept()
		if err != nil {
			return
		}
		sc, err := c.Server(nc)
		if err != nil {
			t.Error(err)
			return
		}
		accepted <- sc
	}()
	client, err := c.Client(within(t, 30*time.Second), dial(t, l.Addr().String()))
	if err != nil {
		t.Fatal(err)
	}
	server := <-accepted
	if server == nil {
		t.Fatal("no connection")
	}
	defer server.Close()
	written := make(chan error, 1)
	go func() {
		_, err := client.Write(make([]byte, 64<<20)) // more than the kernel keeps for a reader who doesn't read
		written <- err
	}()
	if _, err := io.ReadFull(server, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-written; err == nil {
		t.Error("a write that was cut off is no error")
	}
}

// Nothing that a secure call carries can be read on the wire; that it can on an open one
// shows that the test would see it.
func TestNothingInTheClear(t *testing.T) {
	secret := []byte("planted-" + rand.Text())
	for name, key := range map[string][]byte{"open": nil, "secure": keyA} {
		t.Run(name, func(t *testing.T) {
			ts := startKeyed(t, key)
			var mu sync.Mutex
			var wire bytes.Buffer
			c := startClient(t, ts.addr, ClientOptions{Key: key, DialTimeout: 30 * time.Second, Dial: func(ctx context.Context, addr string) (net.Conn, error) {
				nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
				return tapped{nc, &mu, &wire}, err
			}})
			in := bytes.Repeat(secret, (128<<10)/len(secret))
			if err := c.Call(within(t, 30*time.Second), "echo", &commonpb.Node{Id: string(secret)}, &commonpb.Node{}); err != nil {
				t.Fatal(err)
			}
			if _, err := c.CallBulk(within(t, 30*time.Second), "write", &dnpb.WriteRequest{BlockLength: uint64(len(in))}, in, nil, nil); err != nil {
				t.Fatal(err)
			}
			_ = c.Close()
			mu.Lock()
			defer mu.Unlock()
			if wire.Len() < len(in) || bytes.Contains(wire.Bytes(), secret) != (key == nil) || bytes.Contains(wire.Bytes(), []byte("echo")) != (key == nil) {
				t.Errorf("%d bytes on the wire, the planted ones among them: %t", wire.Len(), bytes.Contains(wire.Bytes(), secret))
			}
		})
	}
}

type tapped struct {
	net.Conn
	mu   *sync.Mutex
	wire *bytes.Buffer
}

func (c tapped) tap(p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wire.Write(p)
}

func (c tapped) Write(p []byte) (int, error) {
	c.tap(p)
	return c.Conn.Write(p)
}

func (c tapped) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.tap(p[:n])
	return n, err
}

// Whatever a stranger sends, it is not taken for a client, and the exchange ends.
func FuzzStranger(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add(append(preface(modeSecure), make([]byte, 64)...))
	f.Add(append(preface(modeSecure), 22, 3, 1, 0, 4, 1, 0, 0, 0))
	f.Add(append(preface(modeOpen), make([]byte, 64)...))
	f.Add(preface(modeSecure)[:5])
	c := credentials(f, keyA)
	f.Fuzz(func(t *testing.T, sent []byte) {
		server, stranger := net.Pipe()
		done := make(chan error, 1)
		go func() {
			_, err := c.accept(server)
			_ = server.Close()
			done <- err
		}()
		go func() { _, _ = io.Copy(io.Discard, stranger) }()
		_, _ = stranger.Write(sent)
		_ = stranger.Close()
		if err := <-done; err == nil {
			t.Fatalf("%q was taken", sent)
		}
	})
}
