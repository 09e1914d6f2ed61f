package raftnode

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// fakeLog takes entries and answers them when told.
type fakeLog struct {
	entries chan []byte
	answers chan error
}

type fakeFuture struct {
	raft.ApplyFuture
	entry   []byte
	answers chan error
}

func (f *fakeFuture) Error() error { return <-f.answers }

func (f *fakeFuture) Response() any {
	reqs, err := decodeEntry(f.entry)
	if err != nil {
		return err
	}
	return make([]*ompb.Response, len(reqs))
}

func (l *fakeLog) apply(entry []byte, _ time.Duration) raft.ApplyFuture {
	l.entries <- entry
	return &fakeFuture{entry: entry, answers: l.answers}
}

func startProposer(t *testing.T, queued int, now func() time.Time, floor int64) (*proposer, *fakeLog) {
	l := &fakeLog{entries: make(chan []byte, 1000), answers: make(chan error, 1000)}
	p := &proposer{workers: inFlight, apply: l.apply, floor: func() int64 { return floor }, now: now,
		queue: make(chan *proposal, queued), maxBytes: 1 << 20, stop: make(chan struct{})}
	p.start()
	t.Cleanup(func() {
		close(l.answers)
		p.close()
	})
	return p, l
}

func decoded(t *testing.T, entry []byte) []*ompb.Request {
	t.Helper()
	reqs, err := decodeEntry(entry)
	if err != nil {
		t.Fatal(err)
	}
	return reqs
}

// While two entries are in flight, everything else gathers in the third.
func TestQueuedRequestsShareAnEntry(t *testing.T) {
	p, l := startProposer(t, 1000, time.Now, 0)
	done := make(chan error, 1000)
	send := func(name string) {
		go func() {
			_, err := p.propose(testContext(t), createVolume(name))
			done <- err
		}()
	}
	for i := range 2 {
		send(fmt.Sprint("first-", i))
		if got := len(decoded(t, <-l.entries)); got != 1 {
			t.Fatalf("a lone request waited for others: %d in the entry", got)
		}
	}
	const more = 300
	for i := range more {
		send(fmt.Sprint("more-", i))
	}
	for len(p.queue) < more {
		time.Sleep(time.Millisecond) // no event tells of a full channel
	}
	for range 4 {
		l.answers <- nil
	}
	if a, b := len(decoded(t, <-l.entries)), len(decoded(t, <-l.entries)); a+b != more || max(a, b) != maxEntryRequests {
		t.Errorf("entries of %d and %d requests", a, b)
	}
	for range more + 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestEntriesAreBounded(t *testing.T) {
	big := func(n int) *proposal {
		return &proposal{ctx: context.Background(), body: make([]byte, n), cost: 1, done: make(chan result, 1)}
	}
	dear := func(cost int) *proposal {
		return &proposal{ctx: context.Background(), cost: cost, done: make(chan result, 1)}
	}
	tests := []struct {
		name string
		in   []*proposal
		want []int // requests of each entry
	}{
		{"bytes", []*proposal{big(300 << 10), big(200 << 10), big(100 << 10), big(1)}, []int{2, 2}},
		{"one too large goes alone", []*proposal{big(1), big(1 << 20), big(1)}, []int{1, 1, 1}},
		{"cost", []*proposal{dear(4000), dear(90), dear(90), dear(9000), dear(1)}, []int{2, 1, 1, 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &proposer{queue: make(chan *proposal, 100), stop: make(chan struct{})}
			for _, q := range tt.in {
				p.queue <- q
			}
			for i, want := range tt.want {
				if got := len(p.gather()); got != want {
					t.Errorf("entry %d has %d requests, want %d", i, got, want)
				}
			}
		})
	}
}

// Time never stands still or goes back, whatever the clock does, and never below
// what was applied; and what a client claims is overwritten.
func TestStampsGrow(t *testing.T) {
	times := []int64{100, 50, 50, 500, 400}
	i := 0
	now := func() time.Time {
		i++
		return time.Unix(0, times[(i-1)%len(times)])
	}
	const floor = 200
	p, l := startProposer(t, 10, now, floor)
	last := int64(floor)
	seen := map[string]bool{}
	for range 10 {
		l.answers <- nil
		req := createVolume("v")
		req.TimeNs, req.Entropy = 1, []byte("mine")
		if _, err := p.propose(testContext(t), req); err != nil {
			t.Fatal(err)
		}
		got := decoded(t, <-l.entries)[0]
		if got.TimeNs <= last {
			t.Errorf("stamp %d after %d", got.TimeNs, last)
		}
		if len(got.Entropy) != entropyBytes || seen[string(got.Entropy)] {
			t.Errorf("entropy %x", got.Entropy)
		}
		if req.TimeNs != 1 {
			t.Error("the caller's request was changed")
		}
		last, seen[string(got.Entropy)] = got.TimeNs, true
	}
}

func TestErrorsOfTheLog(t *testing.T) {
	tests := []struct {
		err  error
		want ozerr.Code
	}{
		{raft.ErrNotLeader, ozerr.NotLeader},
		{raft.ErrLeadershipTransferInProgress, ozerr.NotLeader},
		{raft.ErrLeadershipLost, ozerr.Unavailable},
		{raft.ErrEnqueueTimeout, ozerr.Unavailable},
		{raft.ErrRaftShutdown, ozerr.Unavailable},
		{errors.New("disk"), ozerr.Unavailable},
	}
	p, l := startProposer(t, 10, time.Now, 0)
	for _, tt := range tests {
		l.answers <- tt.err
		if _, err := p.propose(testContext(t), createVolume("v")); ozerr.CodeOf(err) != tt.want {
			t.Errorf("%v became %v, want %s", tt.err, err, tt.want)
		}
	}
}

func TestFullQueueAndLostCallers(t *testing.T) {
	p, l := startProposer(t, 1, time.Now, 0)
	done := make(chan error, 10)
	ctx, cancel := context.WithCancel(context.Background())
	send := func(ctx context.Context) {
		go func() {
			_, err := p.propose(ctx, createVolume("v"))
			done <- err
		}()
	}
	for range inFlight {
		send(testContext(t))
		<-l.entries
	}
	send(ctx)
	for len(p.queue) == 0 {
		time.Sleep(time.Millisecond) // no event tells of a queued proposal
	}
	if _, err := p.propose(testContext(t), createVolume("v")); !errors.Is(err, ozerr.Unavailable) {
		t.Errorf("a full queue answers %v", err)
	}
	cancel()
	if err := <-done; !errors.Is(err, ozerr.Canceled) {
		t.Errorf("a caller that left got %v", err)
	}
	for range inFlight {
		l.answers <- nil
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	l.answers <- nil
	if _, err := p.propose(testContext(t), createVolume("last")); err != nil {
		t.Fatal(err)
	}
	if got := decoded(t, <-l.entries); len(got) != 1 || got[0].GetCreateVolume().Volume != "last" {
		t.Errorf("the request of a caller that left was logged: %v", got)
	}
	if got := p.bytes.Load(); got != 0 {
		t.Errorf("%d bytes counted in an empty queue", got)
	}
}

func TestHugeRequestIsRefused(t *testing.T) {
	p, _ := startProposer(t, 1, time.Now, 0)
	if _, err := p.propose(testContext(t), createVolume(string(make([]byte, maxRequestBytes)))); !errors.Is(err, ozerr.InvalidRequest) {
		t.Errorf("got %v", err)
	}
}
