package omclient

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/internal/rpc"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// frozenOM takes requests and answers none until it is thawed.
func frozenOM(t *testing.T) (addr string, thaw func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	release, served := make(chan struct{}), make(chan struct{})
	s := rpc.NewServer(zerolog.Nop())
	rpc.Unary(s, "om.Submit", func(ctx context.Context, r *ompb.Request) (*ompb.Response, error) {
		select {
		case <-release:
			return ok(r)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	go func() {
		defer close(served)
		_ = s.Serve(l)
	}()
	thaw = sync.OnceFunc(func() { close(release) })
	t.Cleanup(func() {
		thaw()
		_ = s.Close()
		<-served
	})
	return l.Addr().String(), thaw
}

// following answers requests with NotLeader, and questions about the group with leader,
// "" if it knows none.
func following(term uint64, leader func() string) func(*ompb.Request) (*ompb.Response, error) {
	return func(r *ompb.Request) (*ompb.Response, error) {
		if r.GetGetGroup() == nil {
			return nil, &ozerr.Error{Code: ozerr.NotLeader, Message: "no", Detail: leader()}
		}
		info := &ompb.GroupInfo{Leader: "l", Term: term, Members: []*ompb.Role{{Id: "l", Address: leader()}}}
		return &ompb.Response{Result: &ompb.Response_Group{Group: info}}, nil
	}
}

// A leader that is frozen costs an attempt no longer than the others need to know
// another, and not until the attempt is over.
func TestFrozenLeaderIsLeft(t *testing.T) {
	frozen, _ := frozenOM(t)
	next := startOM(t, ok)
	next.set(func(r *ompb.Request) (*ompb.Response, error) {
		if r.GetGetGroup() != nil {
			return following(3, func() string { return next.addr })(r)
		}
		return ok(r)
	})
	behind := startOM(t, following(2, func() string { return frozen })) // has not heard yet
	c := newClient(t, Options{AttemptTimeout: time.Hour, SuspectAfter: 20 * time.Millisecond}, frozen, behind.addr, next.addr)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	resp, err := c.Submit(ctx, request())
	if err != nil || resp.GetVolume().GetName() != "v" {
		t.Fatalf("got %v, %v", resp, err)
	}
}

// What may not be repeated ends with Unavailable: its outcome is unknown.
func TestFrozenLeaderAndNoSequence(t *testing.T) {
	frozen, _ := frozenOM(t)
	other := startOM(t, ok)
	other.set(following(3, func() string { return other.addr }))
	c := newClient(t, Options{AttemptTimeout: time.Hour, SuspectAfter: 20 * time.Millisecond}, frozen, other.addr)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	req := request()
	req.ClientId = ""
	if _, err := c.Submit(ctx, req); !errors.Is(err, ozerr.Unavailable) {
		t.Fatalf("got %v", err)
	}
}

// An om that is slow, and still leads, is waited for.
func TestSlowLeaderIsWaitedFor(t *testing.T) {
	slow, thaw := frozenOM(t)
	asked := make(chan struct{}, 1000)
	other := startOM(t, func(r *ompb.Request) (*ompb.Response, error) {
		asked <- struct{}{}
		return following(1, func() string { return slow })(r)
	})
	c := newClient(t, Options{AttemptTimeout: time.Hour, SuspectAfter: 5 * time.Millisecond}, slow, other.addr)
	go func() {
		<-asked
		<-asked
		thaw()
	}()
	mustAnswer(t, c)
	other.mu.Lock()
	defer other.mu.Unlock()
	for _, r := range other.got {
		if r.GetGetGroup() == nil {
			t.Error("the request was sent elsewhere too")
		}
	}
}
