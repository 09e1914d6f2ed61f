package rpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testServer answers "echo", "read", "write", "hang", "fail" and "panic".
type testServer struct {
	*Server
	addr     string
	canceled chan struct{} // receives when a hang ended through its context
	hanging  chan struct{} // receives when a hang began
	released atomic.Int64
}

func listen(t testing.TB, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func newTestServer() *testServer {
	ts := &testServer{Server: NewServer(zerolog.Nop()), canceled: make(chan struct{}, 100), hanging: make(chan struct{}, 100)}
	Unary(ts.Server, "echo", func(ctx context.Context, n *commonpb.Node) (*commonpb.Node, error) {
		n.Rack = RequestID(ctx)
		return n, nil
	})
	Unary(ts.Server, "fail", func(context.Context, *commonpb.Node) (*commonpb.Node, error) {
		return nil, &ozerr.Error{Code: ozerr.NotLeader, Message: "not me", Detail: "om2:9862"}
	})
	Unary(ts.Server, "panic", func(context.Context, *commonpb.Node) (*commonpb.Node, error) { panic("oops") })
	Unary(ts.Server, "hang", func(ctx context.Context, _ *commonpb.Node) (*commonpb.Node, error) {
		ts.hanging <- struct{}{}
		<-ctx.Done()
		ts.canceled <- struct{}{}
		return nil, ctx.Err()
	})
	Bulk(ts.Server, "write", func(_ context.Context, r *dnpb.WriteRequest, in []byte) (*dnpb.ReadResponse, Payload, error) {
		if r.BlockLength != uint64(len(in)) {
			return nil, Payload{}, ozerr.New(ozerr.InvalidArgument, "%d bytes came, not %d", len(in), r.BlockLength)
		}
		return &dnpb.ReadResponse{BlockLength: uint64(bytes.Count(in, []byte{7}))}, Payload{}, nil
	})
	Bulk(ts.Server, "read", func(_ context.Context, r *dnpb.ReadRequest, _ []byte) (*dnpb.ReadResponse, Payload, error) {
		b := bytes.Repeat([]byte{byte(r.Offset)}, int(r.Length))
		return &dnpb.ReadResponse{}, Payload{Bytes: b, Release: func() { ts.released.Add(1) }}, nil
	})
	return ts
}

func (ts *testServer) serve(l net.Listener) *testServer {
	ts.addr = l.Addr().String()
	ts.wg.Add(1) // Close waits for it
	go func() {
		defer ts.wg.Done()
		_ = ts.Serve(l) // the tests see its failures through their calls
	}()
	return ts
}

func startServer(t testing.TB) *testServer {
	ts := newTestServer().serve(listen(t, "127.0.0.1:0"))
	t.Cleanup(func() { _ = ts.Close() })
	return ts
}

func startClient(t testing.TB, addr string, o ClientOptions) *Client {
	c := NewClient(addr, o)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func wantCode(t *testing.T, err error, code ozerr.Code) {
	t.Helper()
	if !errors.Is(err, code) {
		t.Fatalf("got error %v, want code %s", err, code)
	}
}

func TestUnary(t *testing.T) {
	ts := startServer(t)
	c := startClient(t, ts.addr, ClientOptions{})
	ctx := WithRequestID(within(t, 10*time.Second), "req-1")
	var got commonpb.Node
	if err := c.Call(ctx, "echo", &commonpb.Node{Id: "n1", Host: "h"}, &got); err != nil {
		t.Fatal(err)
	}
	if got.Id != "n1" || got.Host != "h" || got.Rack != "req-1" {
		t.Fatalf("got %v", &got)
	}
	err := c.Call(ctx, "fail", &commonpb.Node{}, &got)
	wantCode(t, err, ozerr.NotLeader)
	var e *ozerr.Error
	if !errors.As(err, &e) || e.Detail != "om2:9862" {
		t.Fatalf("got %+v", e)
	}
	wantCode(t, c.Call(ctx, "panic", &commonpb.Node{}, &got), ozerr.Internal)
	wantCode(t, c.Call(ctx, "no such", &commonpb.Node{}, &got), ozerr.NotSupported)
	big := &commonpb.Node{Id: strings.Repeat("x", MaxMessage)}
	wantCode(t, c.Call(ctx, "echo", big, &got), ozerr.InvalidArgument)
	big.Id = big.Id[:MaxMessage-100]
	if err := c.Call(ctx, "echo", big, &got); err != nil || got.Id != big.Id {
		t.Fatalf("a message of almost the limit: %v", err)
	}
}

func TestBulkSizes(t *testing.T) {
	ts := startServer(t)
	c := startClient(t, ts.addr, ClientOptions{})
	ctx := within(t, 30*time.Second)
	for _, n := range []int{0, 1, copyPayload, copyPayload + 1, bulkBytes, 1 << 20, MaxPayload} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			var resp dnpb.ReadResponse
			in := bytes.Repeat([]byte{7}, n)
			if _, err := c.CallBulk(ctx, "write", &dnpb.WriteRequest{BlockLength: uint64(n)}, in, &resp, nil); err != nil {
				t.Fatal(err)
			}
			if resp.BlockLength != uint64(n) {
				t.Fatalf("%d of %d bytes arrived", resp.BlockLength, n)
			}
			for _, room := range []int{0, n} {
				buf := make([]byte, room)
				got, err := c.CallBulk(ctx, "read", &dnpb.ReadRequest{Offset: 9, Length: uint64(n)}, nil, &resp, buf)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, bytes.Repeat([]byte{9}, n)) {
					t.Fatalf("wrong payload of %d bytes", len(got))
				}
				if n > 0 && room == n && &got[0] != &buf[0] {
					t.Fatal("the caller's buffer was not used")
				}
			}
		})
	}
	_, err := c.CallBulk(ctx, "write", &dnpb.WriteRequest{}, make([]byte, MaxPayload+1), nil, nil)
	wantCode(t, err, ozerr.InvalidArgument)
	_, err = c.CallBulk(ctx, "read", &dnpb.ReadRequest{Length: MaxPayload + 1}, nil, nil, nil)
	wantCode(t, err, ozerr.InvalidArgument)
}

func TestReplyPayloadsAreReleased(t *testing.T) {
	ts := startServer(t)
	c := NewClient(ts.addr, ClientOptions{})
	for range 5 {
		if _, err := c.CallBulk(within(t, 10*time.Second), "read", &dnpb.ReadRequest{Length: 100_000}, nil, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	_ = c.Close()
	_ = ts.Close()
	if n := ts.released.Load(); n != 5 {
		t.Fatalf("%d payloads released, not 5", n)
	}
}

func TestDeadlineTravels(t *testing.T) {
	ts := startServer(t)
	c := startClient(t, ts.addr, ClientOptions{})
	ctx := within(t, 50*time.Millisecond)
	wantCode(t, c.Call(ctx, "hang", &commonpb.Node{}, nil), ozerr.Timeout)
	<-ts.canceled
	wantCode(t, c.Call(ctx, "hang", &commonpb.Node{}, nil), ozerr.Timeout)
}

func TestCancelTravels(t *testing.T) {
	ts := startServer(t)
	c := startClient(t, ts.addr, ClientOptions{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-ts.hanging
		cancel()
	}()
	err := c.Call(ctx, "hang", &commonpb.Node{}, nil)
	wantCode(t, err, ozerr.Canceled)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("%v does not say context.Canceled", err)
	}
	<-ts.canceled
}

func TestLostClientCancels(t *testing.T) {
	ts := startServer(t)
	c := NewClient(ts.addr, ClientOptions{})
	failed := make(chan error)
	go func() { failed <- c.Call(context.Background(), "hang", &commonpb.Node{}, nil) }()
	<-ts.hanging
	_ = c.Close()
	wantCode(t, <-failed, ozerr.Unavailable)
	<-ts.canceled
	wantCode(t, c.Call(context.Background(), "echo", &commonpb.Node{}, nil), ozerr.Unavailable)
}

func TestServerCloseFailsCallsAndClientReconnects(t *testing.T) {
	ts := newTestServer()
	ts.Grace = 10 * time.Millisecond
	ts.serve(listen(t, "127.0.0.1:0"))
	c := startClient(t, ts.addr, ClientOptions{})
	failed := make(chan error)
	go func() { failed <- c.Call(context.Background(), "hang", &commonpb.Node{}, nil) }()
	<-ts.hanging
	_ = ts.Close()
	if err := <-failed; err == nil {
		t.Fatal("a call survived its server")
	}
	wantCode(t, c.Call(within(t, 5*time.Second), "echo", &commonpb.Node{}, nil), ozerr.Unavailable)

	again := newTestServer().serve(listen(t, ts.addr))
	defer again.Close()
	ctx := within(t, 10*time.Second)
	for {
		err := c.Call(ctx, "echo", &commonpb.Node{Id: "x"}, &commonpb.Node{})
		if err == nil {
			return
		}
		wantCode(t, err, ozerr.Unavailable)
	}
}

func TestServerCloseLetsCallsEnd(t *testing.T) {
	ts := newTestServer()
	begun, goOn := make(chan struct{}), make(chan struct{})
	Unary(ts.Server, "slow", func(context.Context, *commonpb.Node) (*commonpb.Node, error) {
		close(begun)
		<-goOn
		return &commonpb.Node{Id: "done"}, nil
	})
	ts.serve(listen(t, "127.0.0.1:0"))
	c := startClient(t, ts.addr, ClientOptions{})
	var got commonpb.Node
	result, closed := make(chan error), make(chan struct{})
	go func() { result <- c.Call(context.Background(), "slow", &commonpb.Node{}, &got) }()
	<-begun
	go func() {
		_ = ts.Close()
		close(closed)
	}()
	for c.Call(within(t, 5*time.Second), "echo", &commonpb.Node{}, nil) == nil { // until it is closing
	}
	close(goOn)
	if err := <-result; err != nil || got.Id != "done" {
		t.Fatalf("the call under way got %v, %v", &got, err)
	}
	<-closed
}

func TestLimitOfCalls(t *testing.T) {
	ts := newTestServer()
	ts.MaxCalls = 2
	ts.serve(listen(t, "127.0.0.1:0"))
	defer ts.Close()
	c := startClient(t, ts.addr, ClientOptions{})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { _ = c.Call(ctx, "hang", &commonpb.Node{}, nil) })
		<-ts.hanging
	}
	in := make([]byte, 100_000)
	_, err := c.CallBulk(within(t, 5*time.Second), "write", &dnpb.WriteRequest{BlockLength: 100_000}, in, nil, nil)
	wantCode(t, err, ozerr.Unavailable)
	cancel()
	wg.Wait()
	for range 2 {
		<-ts.canceled
	}
	ctx = within(t, 5*time.Second)
	for {
		_, err = c.CallBulk(ctx, "write", &dnpb.WriteRequest{BlockLength: 100_000}, in, nil, nil)
		if err == nil {
			return
		}
		wantCode(t, err, ozerr.Unavailable)
	}
}

func TestLimitOfBytes(t *testing.T) {
	ts := newTestServer()
	ts.MaxBytes, ts.PayloadWait = MaxPayload, 100*time.Millisecond
	hold := make(chan struct{})
	Bulk(ts.Server, "hold", func(context.Context, *commonpb.Node, []byte) (*commonpb.Node, Payload, error) {
		ts.hanging <- struct{}{}
		<-hold
		return nil, Payload{}, nil
	})
	ts.serve(listen(t, "127.0.0.1:0"))
	defer ts.Close()
	c := startClient(t, ts.addr, ClientOptions{})
	var wg sync.WaitGroup
	ctx := within(t, 10*time.Second)
	wg.Go(func() { _, _ = c.CallBulk(ctx, "hold", &commonpb.Node{}, make([]byte, MaxPayload), nil, nil) })
	<-ts.hanging
	in := make([]byte, bulkBytes)
	_, err := c.CallBulk(ctx, "write", &dnpb.WriteRequest{BlockLength: bulkBytes}, in, nil, nil)
	wantCode(t, err, ozerr.Unavailable)
	close(hold)
	wg.Wait()
	if _, err = c.CallBulk(ctx, "write", &dnpb.WriteRequest{BlockLength: bulkBytes}, in, nil, nil); err != nil {
		t.Fatal(err)
	}
}

func TestRefusedDialIsPromptAndUnavailable(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	addr := l.Addr().String()
	_ = l.Close()
	c := startClient(t, addr, ClientOptions{})
	for range 3 {
		wantCode(t, c.Call(within(t, 5*time.Second), "echo", &commonpb.Node{}, nil), ozerr.Unavailable)
	}
}

// A peer that accepts and then is silent, like a stopped process, is noticed
// without any deadline of the caller.
func TestFrozenServerIsNoticed(t *testing.T) {
	l := listen(t, "127.0.0.1:0") // the kernel accepts for it
	defer l.Close()
	c := startClient(t, l.Addr().String(), ClientOptions{PingEvery: 20 * time.Millisecond, PingTimeout: 50 * time.Millisecond})
	start := time.Now()
	wantCode(t, c.Call(context.Background(), "echo", &commonpb.Node{}, nil), ozerr.Unavailable)
	_, err := c.CallBulk(context.Background(), "write", &dnpb.WriteRequest{}, make([]byte, MaxPayload), nil, nil)
	wantCode(t, err, ozerr.Unavailable)
	if d := time.Since(start); d > 5*time.Second {
		t.Fatalf("noticed after %v", d)
	}
}

// With a deadline the call returns soon after it although its payload is stuck
// half-way, and the payload's memory is free again (the race detector watches).
func TestGivingUpFreesMemory(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	defer l.Close()
	c := startClient(t, l.Addr().String(), ClientOptions{})
	in := make([]byte, MaxPayload)
	_, err := c.CallBulk(within(t, 30*time.Millisecond), "write", &dnpb.WriteRequest{}, in, nil, nil)
	wantCode(t, err, ozerr.Timeout)
	clear(in)
}

func TestGivingUpReadsFreesMemory(t *testing.T) {
	ts := startServer(t)
	c := startClient(t, ts.addr, ClientOptions{})
	buf := make([]byte, 1<<20)
	for i := range 100 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i*20)*time.Microsecond)
		got, err := c.CallBulk(ctx, "read", &dnpb.ReadRequest{Offset: uint64(i), Length: 1 << 20}, nil, nil, buf)
		cancel()
		if err == nil && (len(got) != 1<<20 || got[0] != byte(i) || got[len(got)-1] != byte(i)) {
			t.Fatal("bytes of another call")
		}
		clear(buf)
	}
}

func TestIdleServerDropsSilentPeers(t *testing.T) {
	ts := newTestServer()
	ts.Idle = 50 * time.Millisecond
	ts.serve(listen(t, "127.0.0.1:0"))
	defer ts.Close()
	nc, err := net.Dial("tcp", ts.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetReadDeadline(time.Now().Add(5 * time.Second))
	buf := make([]byte, 100)
	for {
		if _, err = nc.Read(buf); err != nil {
			break
		}
	}
	if errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "timeout") {
		t.Fatal("the silent connection was kept")
	}
}

func TestStrangersAreShownTheDoor(t *testing.T) {
	ts := startServer(t)
	for _, hello := range []string{"GET / HTTP/1.1\r\n\r\n", "MOZR\x00\x02\x00\x00", string(preface(modeOpen)) + strings.Repeat("x", 64)} {
		nc, err := net.Dial("tcp", ts.addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = nc.Write([]byte(hello))
		_ = nc.SetReadDeadline(time.Now().Add(5 * time.Second))
		for err == nil {
			_, err = nc.Read(make([]byte, 100))
		}
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			t.Fatalf("%q: the connection was kept", hello)
		}
		_ = nc.Close()
	}
}

// Many callers, all sizes, cancellations among them: every answer is the right one.
func TestManyCallers(t *testing.T) {
	ts := startServer(t)
	c := startClient(t, ts.addr, ClientOptions{})
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(1, uint64(w)))
			buf := make([]byte, 256<<10)
			for i := range 100 {
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				if rnd.IntN(4) == 0 {
					cancel()
					ctx, cancel = context.WithTimeout(context.Background(), time.Duration(rnd.IntN(300))*time.Microsecond)
				}
				if err := oneCall(ctx, c, rnd, buf, fmt.Sprintf("%d-%d", w, i)); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
}

func oneCall(ctx context.Context, c *Client, rnd *rand.Rand, buf []byte, id string) error {
	n := rnd.IntN(len(buf))
	if rnd.IntN(2) == 0 {
		n = rnd.IntN(1000)
	}
	switch rnd.IntN(3) {
	case 0:
		var got commonpb.Node
		err := c.Call(WithRequestID(ctx, id), "echo", &commonpb.Node{Id: id}, &got)
		if err == nil && (got.Id != id || got.Rack != id) {
			return fmt.Errorf("%s got %v", id, &got)
		}
		return err
	case 1:
		in := buf[:n]
		for i := range in {
			in[i] = 7
		}
		var resp dnpb.ReadResponse
		_, err := c.CallBulk(ctx, "write", &dnpb.WriteRequest{BlockLength: uint64(n)}, in, &resp, nil)
		if err == nil && resp.BlockLength != uint64(n) {
			return fmt.Errorf("%s: %d of %d bytes", id, resp.BlockLength, n)
		}
		return err
	default:
		b := byte(rnd.IntN(200))
		got, err := c.CallBulk(ctx, "read", &dnpb.ReadRequest{Offset: uint64(b), Length: uint64(n)}, nil, nil, buf)
		if err == nil && (len(got) != n || bytes.Count(got, []byte{b}) != n) {
			return fmt.Errorf("%s: wrong bytes", id)
		}
		return err
	}
}

// A call that does not end, whatever it is told, must not keep the process from stopping.
func TestServerCloseLeavesCallsThatHang(t *testing.T) {
	ts := newTestServer()
	ts.Grace = 50 * time.Millisecond
	begun, hang, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	Unary(ts.Server, "hang", func(context.Context, *commonpb.Node) (*commonpb.Node, error) {
		defer close(ended)
		close(begun)
		<-hang
		return &commonpb.Node{}, nil
	})
	ts.serve(listen(t, "127.0.0.1:0"))
	c := startClient(t, ts.addr, ClientOptions{})
	result := make(chan error, 1)
	go func() { result <- c.Call(context.Background(), "hang", &commonpb.Node{}, nil) }()
	<-begun
	if err := ts.Server.Close(); !errors.Is(err, ozerr.Timeout) {
		t.Errorf("close: %v", err)
	}
	if err := <-result; err == nil {
		t.Error("the call has an answer")
	}
	close(hang)
	<-ended
}

// Connections beyond the limit are closed; those that are there go on.
func TestLimitOfConnections(t *testing.T) {
	ts := newTestServer()
	ts.MaxConns = 1
	ts.serve(listen(t, "127.0.0.1:0"))
	defer ts.Close()
	c := startClient(t, ts.addr, ClientOptions{})
	if err := c.Call(within(t, time.Minute), "echo", &commonpb.Node{}, nil); err != nil {
		t.Fatal(err)
	}
	nc, err := net.Dial("tcp", ts.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetReadDeadline(time.Now().Add(time.Minute))
	if n, err := io.Copy(io.Discard, nc); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d bytes, %v", n, err)
	}
	if err := c.Call(within(t, time.Minute), "echo", &commonpb.Node{}, nil); err != nil {
		t.Error(err)
	}
}
