package rpc

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
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

// Who does not prove the key gets no call through and is told why; it never looks like
// an outage, which callers would wait for to end.
func TestProof(t *testing.T) {
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
			cl := startClient(t, ts.addr, ClientOptions{Key: c.client})
			for range 3 { // the first may be different from those that meet a failed dial
				var got commonpb.Node
				err := cl.Call(within(t, 10*time.Second), "echo", &commonpb.Node{Id: "n"}, &got)
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

// Bulk connections prove themselves like the control connection.
func TestProofOnBulk(t *testing.T) {
	ts := startKeyed(t, keyA)
	c := startClient(t, ts.addr, ClientOptions{Key: keyA})
	in := bytes.Repeat([]byte{7}, 1<<20)
	var resp dnpb.ReadResponse
	_, err := c.CallBulk(within(t, 10*time.Second), "write", &dnpb.WriteRequest{BlockLength: 1 << 20}, in, &resp, nil)
	if err != nil || resp.BlockLength != 1<<20 {
		t.Errorf("%d bytes arrived, %v", resp.BlockLength, err)
	}
}

// A server that knows no key can't pretend: not by sending a client's proof back, not by
// a proof of another exchange, not by silence.
func TestImpostor(t *testing.T) {
	stale := proof(keyA, "server", nonce{}, nonce{})
	for name, answer := range map[string]func(theirs []byte) []byte{
		"sends it back": func(theirs []byte) []byte { return theirs },
		"old proof":     func([]byte) []byte { return stale },
		"noise":         func([]byte) []byte { return bytes.Repeat([]byte{9}, proofLen) },
		"nothing":       func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			l := listen(t, "127.0.0.1:0")
			done := make(chan struct{})
			go func() {
				defer close(done)
				nc, err := l.Accept()
				if err != nil {
					return
				}
				defer nc.Close()
				hello := make([]byte, prefaceLen+nonceLen)
				_, _ = io.ReadFull(nc, hello)
				_, _ = nc.Write(hello) // the client's own nonce
				theirs := make([]byte, proofLen)
				_, _ = io.ReadFull(nc, theirs)
				_, _ = nc.Write(answer(theirs))
				_, _ = io.Copy(io.Discard, nc)
			}()
			c := startClient(t, l.Addr().String(), ClientOptions{Key: keyA, DialTimeout: 200 * time.Millisecond})
			err := c.Call(within(t, 10*time.Second), "echo", &commonpb.Node{}, &commonpb.Node{})
			want := ozerr.AdminKeyRefused
			if name == "nothing" {
				want = ozerr.Unavailable
			}
			wantCode(t, err, want)
			_ = c.Close()
			_ = l.Close()
			<-done
		})
	}
}

// A caller that replays what it overheard of another's proof is refused: the server's
// nonce is new.
func TestReplay(t *testing.T) {
	ts := startKeyed(t, keyA)
	var heard bytes.Buffer
	nc, err := net.Dial("tcp", ts.addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := proveClient(recorded{nc, &heard}, keyA); err != nil {
		t.Fatal(err)
	}
	_ = nc.Close()
	if nc, err = net.Dial("tcp", ts.addr); err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = nc.Write(heard.Bytes())
	got := make([]byte, prefaceLen+nonceLen+proofLen)
	if _, err := io.ReadFull(nc, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got[prefaceLen+nonceLen:], refusal[:]) {
		t.Error("a replayed proof was taken")
	}
}

// recorded is a connection that keeps what is written to it.
type recorded struct {
	net.Conn
	written *bytes.Buffer
}

func (r recorded) Write(p []byte) (int, error) {
	r.written.Write(p)
	return r.Conn.Write(p)
}

// A client that says nothing doesn't keep the server from stopping.
func TestSilentStranger(t *testing.T) {
	ts := startKeyed(t, keyA)
	nc, err := net.Dial("tcp", ts.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := io.ReadFull(nc, make([]byte, prefaceLen)); err != nil { // the server is in the exchange
		t.Fatal(err)
	}
	if err := ts.Close(); err != nil {
		t.Fatal(err)
	}
}

// Whatever a stranger sends, it is not taken for a proof, and the exchange ends.
func FuzzStranger(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add(append(preface(modeKeyed), make([]byte, nonceLen+proofLen)...))
	f.Add(append(preface(modeOpen), make([]byte, 64)...))
	f.Add(preface(modeKeyed)[:5])
	f.Fuzz(func(t *testing.T, sent []byte) {
		server, stranger := net.Pipe()
		done := make(chan error, 1)
		go func() {
			done <- checkClient(server, keyA)
			_ = server.Close()
		}()
		go func() { _, _ = io.Copy(io.Discard, stranger) }()
		_, _ = stranger.Write(sent)
		_ = stranger.Close()
		if err := <-done; err == nil {
			t.Fatalf("%q was taken", sent)
		}
	})
}
