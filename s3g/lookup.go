package s3g

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// Times and size of the caches of what om knows of users. A revoked secret works for
// foundTTL at most.
const (
	foundTTL      = 30 * time.Second
	missingTTL    = time.Second
	maxUsers      = 10_000
	lookupTimeout = 5 * time.Second
)

// lookup caches what om says of users by name, and for a moment that there is no such
// user, so that requests need not wait for om to know who sent them.
type lookup[V any] struct {
	ask   func(ctx context.Context, name string) (V, error)
	now   func() time.Time
	group singleflight.Group // one question per name at a time

	mu    sync.Mutex
	known map[string]known[V]
}

type known[V any] struct {
	value V
	err   error // UserNotFound, or nil
	until time.Time
}

func newLookup[V any](ask func(context.Context, string) (V, error), now func() time.Time) *lookup[V] {
	return &lookup[V]{ask: ask, now: now, known: map[string]known[V]{}}
}

// get returns what ask says of name, or has said lately.
func (l *lookup[V]) get(ctx context.Context, name string) (V, error) {
	l.mu.Lock()
	k, ok := l.known[name]
	l.mu.Unlock()
	if ok && l.now().Before(k.until) {
		return k.value, k.err
	}
	answer := l.group.DoChan(name, func() (any, error) {
		// The question outlives the request that asked it first: others wait for it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
		defer cancel()
		return l.refresh(ctx, name)
	})
	select {
	case a := <-answer:
		v, _ := a.Val.(V)
		return v, a.Err
	case <-ctx.Done():
		return k.value, ozerr.Wrap(ozerr.Canceled, ctx.Err(), "look a user up")
	}
}

// refresh asks. The answer's time runs from before the question.
func (l *lookup[V]) refresh(ctx context.Context, name string) (V, error) {
	asked := l.now()
	v, err := l.ask(ctx, name)
	switch {
	case err == nil:
		l.put(name, known[V]{value: v, until: asked.Add(foundTTL)})
	case errors.Is(err, ozerr.UserNotFound):
		l.put(name, known[V]{err: err, until: asked.Add(missingTTL)})
	}
	return v, err
}

// put remembers k; what has expired, or anything, makes room.
func (l *lookup[V]) put(name string, k known[V]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.known) >= maxUsers {
		l.makeRoom()
	}
	l.known[name] = k
}

func (l *lookup[V]) makeRoom() {
	now := l.now()
	for name, k := range l.known {
		if !now.Before(k.until) {
			delete(l.known, name)
		}
	}
	for name := range l.known { // in no order
		if len(l.known) < maxUsers {
			return
		}
		delete(l.known, name)
	}
}
