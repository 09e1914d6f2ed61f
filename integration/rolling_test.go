package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestRollingRestart stops and starts every process of a cluster, one after the other,
// as an upgrade does, while clients put and get. No request may fail. The clients know
// both gateways and go to the other one when a connection is refused or cut, as a load
// balancer has them do; an answer of a gateway is final.
func TestRollingRestart(t *testing.T) {
	c := Start(t, Options{Bin: programs(t), OMs: 3, Gateways: 2, Datanodes: 4})
	l := &rollingLoad{t: t, endpoints: c.Endpoints, http: &http.Client{Timeout: requestTimeout}}
	mustPut(t, l.via(0), "/rolling", nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var workers sync.WaitGroup
	for w := range 4 {
		workers.Go(func() { l.run(ctx, w) })
	}
	for _, p := range c.All() {
		before := l.count()
		began := time.Now()
		if err := p.Stop(); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		stopped := time.Since(began)
		start(t, p)
		t.Logf("%s: stopped in %v, ready after %v, %d requests meanwhile", p.Name, stopped, time.Since(began), l.count()-before)
		l.progress(50)
	}
	cancel()
	workers.Wait()
	requests, longest, rerouted := l.figures()
	t.Logf("%d requests, the longest took %v, %d went to the other gateway", requests, longest, rerouted)
}

// rollingLoad is clients of two gateways.
type rollingLoad struct {
	t         *testing.T
	endpoints []string
	http      *http.Client

	mu       sync.Mutex
	requests int
	rerouted int
	longest  time.Duration
}

func (l *rollingLoad) via(i int) *plainS3 {
	return &plainS3{endpoint: l.endpoints[i%len(l.endpoints)], http: l.http}
}

func (l *rollingLoad) run(ctx context.Context, worker int) {
	for i := 0; ctx.Err() == nil; i++ {
		name := fmt.Sprintf("/rolling/%d-%d", worker, i%50)
		body := bytes.Repeat(fmt.Appendf(nil, "%d-%d.", worker, i), 1+1000*(i%3))
		if status, _ := l.do(worker+i, func(s3 *plainS3) (int, []byte, error) {
			status, err := s3.put(name, body)
			return status, nil, err
		}); status != http.StatusOK {
			l.t.Errorf("PUT %s: status %d", name, status)
		}
		status, got := l.do(worker+i+1, func(s3 *plainS3) (int, []byte, error) { return s3.get(name) })
		if status != http.StatusOK || !bytes.Equal(got, body) {
			l.t.Errorf("GET %s: status %d, %d bytes of %d", name, status, len(got), len(body))
		}
	}
}

// do sends a request to one gateway, and to the other if the first has no connection to
// give. Its status is 0 if neither answers.
func (l *rollingLoad) do(first int, request func(*plainS3) (int, []byte, error)) (int, []byte) {
	began := time.Now()
	rerouted := 0
	for {
		status, body, err := request(l.via(first + rerouted))
		if err != nil && reroutable(err) && rerouted < 20 {
			rerouted++
			continue
		}
		if err != nil {
			l.t.Errorf("%v", err)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.requests, l.rerouted, l.longest = l.requests+1, l.rerouted+rerouted, max(l.longest, time.Since(began))
		return status, body
	}
}

// reroutable: the gateway took no part in the request, or closed an idle connection.
func reroutable(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF) ||
		errors.Is(err, net.ErrClosed) // by our side, which saw the end of it first
}

func (l *rollingLoad) count() int {
	requests, _, _ := l.figures()
	return requests
}

func (l *rollingLoad) figures() (requests int, longest time.Duration, rerouted int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.requests, l.longest, l.rerouted
}

// progress waits until n more requests are answered.
func (l *rollingLoad) progress(n int) {
	l.t.Helper()
	want := l.count() + n
	deadline := time.After(requestTimeout)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for l.count() < want {
		select {
		case <-tick.C:
		case <-deadline:
			l.t.Fatal("no request is answered any more")
		}
	}
}
