package s3g

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// asked is a store of secrets that counts the questions.
type asked struct {
	mu      sync.Mutex
	now     time.Time
	secrets map[string]string
	fails   error
	asked   int
	block   chan struct{} // if set, answers wait for it
}

func (a *asked) clock() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.now
}

func (a *asked) ask(_ context.Context, name string) (string, error) {
	if a.block != nil {
		<-a.block
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked++
	if a.fails != nil {
		return "", a.fails
	}
	if secret, ok := a.secrets[name]; ok {
		return secret, nil
	}
	return "", ozerr.New(ozerr.UserNotFound, "no user %s", name)
}

func (a *asked) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked
}

func TestLookup(t *testing.T) {
	down := ozerr.New(ozerr.Unavailable, "no om")
	a := &asked{now: time.Unix(1e9, 0), secrets: map[string]string{"alice": "one"}}
	l := newLookup(a.ask, a.clock)
	for _, step := range []struct {
		name   string
		change func()
		want   string
		err    error
		asked  int // in all
	}{
		{"alice", nil, "one", nil, 1},
		{"alice", func() { delete(a.secrets, "alice") }, "one", nil, 1},
		{"alice", func() { a.now = a.now.Add(foundTTL - 1) }, "one", nil, 1},
		{"alice", func() { a.now = a.now.Add(1) }, "", ozerr.UserNotFound, 2}, // revoked, half a minute later
		{"alice", func() { a.secrets["alice"] = "two" }, "", ozerr.UserNotFound, 2},
		{"alice", func() { a.now = a.now.Add(missingTTL) }, "two", nil, 3}, // made again, a second later
		{"bob", nil, "", ozerr.UserNotFound, 4},
		{"bob", nil, "", ozerr.UserNotFound, 4},
		{"alice", func() { a.now, a.fails = a.now.Add(foundTTL), down }, "", ozerr.Unavailable, 5},
		{"alice", func() { a.fails = nil }, "two", nil, 6}, // a failure is not remembered
	} {
		if step.change != nil {
			step.change()
		}
		got, err := l.get(t.Context(), step.name)
		if got != step.want || !errors.Is(err, step.err) || a.count() != step.asked {
			t.Fatalf("%+v: %q, %v after %d questions", step, got, err, a.count())
		}
	}
}

// Many requests at once are one question, which does not end with the request that
// asked it; a request that is given up doesn't wait.
func TestLookupTogether(t *testing.T) {
	a := &asked{now: time.Unix(1e9, 0), secrets: map[string]string{"alice": "one"}, block: make(chan struct{})}
	l := newLookup(a.ask, a.clock)
	first, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := l.get(first, "alice")
		gone <- err
	}()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if got, err := l.get(t.Context(), "alice"); got != "one" || err != nil {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	cancel()
	if err := <-gone; !errors.Is(err, ozerr.Canceled) {
		t.Errorf("the one that was given up: %v", err)
	}
	close(a.block)
	wg.Wait()
	if n := a.count(); n > 2 { // the second from who came after the first was answered
		t.Errorf("%d questions", n)
	}
}

// Strangers can't fill the memory, and don't drive everybody out.
func TestLookupIsBounded(t *testing.T) {
	a := &asked{now: time.Unix(1e9, 0), secrets: map[string]string{}}
	l := newLookup(a.ask, a.clock)
	for i := range maxUsers + 100 {
		_, _ = l.get(t.Context(), fmt.Sprint("stranger", i))
		if len(l.known) > maxUsers {
			t.Fatalf("%d names are known", len(l.known))
		}
	}
	a.secrets["alice"] = "one"
	a.now = a.now.Add(missingTTL)
	_, _ = l.get(t.Context(), "alice")
	if len(l.known) != 1 {
		t.Errorf("%d names are known, all but one have expired", len(l.known))
	}
}
