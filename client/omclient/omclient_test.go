package omclient

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/internal/rpc"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeOM answers as its say function tells it.
type fakeOM struct {
	addr string
	mu   sync.Mutex
	say  func(*ompb.Request) (*ompb.Response, error)
	got  []*ompb.Request
}

func startOM(t *testing.T, say func(*ompb.Request) (*ompb.Response, error)) *fakeOM {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	om := &fakeOM{addr: l.Addr().String(), say: say}
	s := rpc.NewServer(zerolog.Nop())
	s.Grace = 0
	rpc.Unary(s, "om.Submit", func(_ context.Context, r *ompb.Request) (*ompb.Response, error) {
		om.mu.Lock()
		defer om.mu.Unlock()
		om.got = append(om.got, r)
		return om.say(r)
	})
	rpc.Unary(s, "om.Heartbeat", func(_ context.Context, h *dnpb.Heartbeat) (*dnpb.HeartbeatReply, error) {
		return &dnpb.HeartbeatReply{ClusterId: h.Version}, nil
	})
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = s.Serve(l)
	}()
	t.Cleanup(func() {
		_ = s.Close()
		<-served
	})
	return om
}

func (o *fakeOM) set(say func(*ompb.Request) (*ompb.Response, error)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.say = say
}

func (o *fakeOM) calls() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.got)
}

func ok(*ompb.Request) (*ompb.Response, error) {
	return &ompb.Response{Result: &ompb.Response_Volume{Volume: &ompb.VolumeInfo{Name: "v"}}}, nil
}

func failing(code ozerr.Code, detail string) func(*ompb.Request) (*ompb.Response, error) {
	return func(*ompb.Request) (*ompb.Response, error) {
		return nil, &ozerr.Error{Code: code, Message: "no", Detail: detail}
	}
}

func newClient(t *testing.T, o Options, addrs ...string) *Client {
	t.Helper()
	o.MinBackoff = time.Millisecond
	o.MaxBackoff = 20 * time.Millisecond
	c, err := New(addrs, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func request() *ompb.Request {
	return &ompb.Request{ClientId: "c", Sequence: 7, Op: &ompb.Request_CreateVolume{CreateVolume: &ompb.CreateVolume{Volume: "v"}}}
}

func mustAnswer(t *testing.T, c *Client) {
	t.Helper()
	resp, err := c.Submit(t.Context(), request())
	if err != nil || resp.GetVolume().GetName() != "v" {
		t.Fatalf("got %v, %v", resp, err)
	}
}

func TestFollowsTheLeader(t *testing.T) {
	leader := startOM(t, ok)
	hinting := startOM(t, failing(ozerr.NotLeader, leader.addr))
	c := newClient(t, Options{}, hinting.addr, leader.addr)
	mustAnswer(t, c)
	mustAnswer(t, c)
	if hinting.calls() != 1 || leader.calls() != 2 {
		t.Fatalf("%d and %d calls", hinting.calls(), leader.calls())
	}
}

func TestFollowsHintsToStrangers(t *testing.T) {
	leader := startOM(t, ok)
	hinting := startOM(t, failing(ozerr.NotLeader, leader.addr))
	c := newClient(t, Options{}, hinting.addr)
	mustAnswer(t, c)
	if n := len(c.OMs()); n != 1 {
		t.Fatalf("%d oms", n)
	}
}

// "Busy" says why, and not where: it is no om.
func TestOverloadIsNoHint(t *testing.T) {
	om := startOM(t, failing(ozerr.Unavailable, ozerr.Busy))
	c := newClient(t, Options{Budget: 50 * time.Millisecond}, om.addr)
	if _, err := c.Submit(context.Background(), request()); !errors.Is(err, ozerr.Unavailable) {
		t.Fatal(err)
	}
	if len(c.all) != 1 {
		t.Errorf("the client learnt of an om at %q", c.all[1].addr)
	}
}

func TestNoHintTriesTheOthers(t *testing.T) {
	silent := startOM(t, failing(ozerr.NotLeader, ""))
	leader := startOM(t, ok)
	mustAnswer(t, newClient(t, Options{}, silent.addr, leader.addr))
}

func TestDeadOMIsPassedOver(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	leader := startOM(t, ok)
	mustAnswer(t, newClient(t, Options{}, l.Addr().String(), leader.addr))
}

// An om that accepts connections and says nothing costs one attempt's time.
func TestFrozenOMIsPassedOver(t *testing.T) {
	frozen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer frozen.Close()
	leader := startOM(t, ok)
	mustAnswer(t, newClient(t, Options{AttemptTimeout: 50 * time.Millisecond}, frozen.Addr().String(), leader.addr))
}

func TestRetriesKeepTheName(t *testing.T) {
	om := startOM(t, nil)
	left := 3
	om.set(func(r *ompb.Request) (*ompb.Response, error) {
		if left--; left >= 0 {
			return nil, ozerr.New(ozerr.Unavailable, "no quorum")
		}
		return ok(r)
	})
	mustAnswer(t, newClient(t, Options{}, om.addr))
	if om.calls() != 4 {
		t.Fatalf("%d calls", om.calls())
	}
	for _, r := range om.got {
		if r.ClientId != "c" || r.Sequence != 7 {
			t.Fatalf("retried as %v", r)
		}
	}
}

func TestErrorsOfTheRequestAreNotRetried(t *testing.T) {
	om := startOM(t, failing(ozerr.VolumeAlreadyExists, ""))
	c := newClient(t, Options{}, om.addr)
	if _, err := c.Submit(t.Context(), request()); !errors.Is(err, ozerr.VolumeAlreadyExists) {
		t.Fatal(err)
	}
	om.set(func(*ompb.Request) (*ompb.Response, error) {
		return &ompb.Response{Error: ozerr.ToProto(ozerr.New(ozerr.VolumeNotEmpty, "x"))}, nil
	})
	if _, err := c.Submit(t.Context(), request()); !errors.Is(err, ozerr.VolumeNotEmpty) {
		t.Fatal(err)
	}
	if om.calls() != 2 {
		t.Fatalf("%d calls", om.calls())
	}
}

// A change without a name could take effect twice: one try, unless om refused it.
func TestUnnamedChangesAreNotRepeated(t *testing.T) {
	om := startOM(t, failing(ozerr.Unavailable, ""))
	c := newClient(t, Options{}, om.addr)
	r := request()
	r.ClientId = ""
	if _, err := c.Submit(t.Context(), r); !errors.Is(err, ozerr.Unavailable) {
		t.Fatal(err)
	}
	if om.calls() != 1 {
		t.Fatalf("%d calls", om.calls())
	}
}

func TestBudgetAndContextBoundTheRetries(t *testing.T) {
	for _, code := range []ozerr.Code{ozerr.Unavailable, ozerr.NotLeader} {
		om := startOM(t, failing(code, ""))
		c := newClient(t, Options{Budget: 100 * time.Millisecond}, om.addr)
		if _, err := c.Submit(context.Background(), request()); !errors.Is(err, ozerr.Unavailable) {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		if _, err := c.Submit(ctx, request()); !errors.Is(err, ozerr.Unavailable) {
			t.Fatal(err)
		}
		cancel()
		ctx, cancel = context.WithCancel(context.Background())
		time.AfterFunc(30*time.Millisecond, cancel)
		if _, err := c.Submit(ctx, request()); !errors.Is(err, ozerr.Canceled) {
			t.Fatal(err)
		}
	}
}

func TestHeartbeat(t *testing.T) {
	a, b := startOM(t, ok), startOM(t, ok)
	c := newClient(t, Options{}, a.addr, b.addr)
	for _, om := range c.OMs() {
		reply, err := om.Heartbeat(t.Context(), &dnpb.Heartbeat{Version: "1"})
		if err != nil || reply.ClusterId != "1" {
			t.Fatalf("%s: %v, %v", om.Addr(), reply, err)
		}
	}
}

func TestNoAddress(t *testing.T) {
	if _, err := New(nil, Options{}); !errors.Is(err, ozerr.InvalidArgument) {
		t.Fatal(err)
	}
}
