package s3g

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// Times and size of the cache of secrets. A revoked secret works for secretTTL at most.
const (
	secretTTL     = 30 * time.Second
	noSecretTTL   = time.Second
	maxSecrets    = 10_000
	secretTimeout = 5 * time.Second
)

// secrets caches the secrets of access keys, and for a moment that there is none, so
// that requests need not ask om who signed them.
type secrets struct {
	users Users
	now   func() time.Time
	group singleflight.Group // one question per access key at a time

	mu    sync.Mutex
	known map[string]knownSecret
}

type knownSecret struct {
	secret string
	err    error // UserNotFound, or nil
	until  time.Time
}

func newSecrets(users Users, now func() time.Time) *secrets {
	return &secrets{users: users, now: now, known: map[string]knownSecret{}}
}

// get returns the secret of accessKey, ozerr.UserNotFound if it has none.
func (s *secrets) get(ctx context.Context, accessKey string) (string, error) {
	s.mu.Lock()
	k, ok := s.known[accessKey]
	s.mu.Unlock()
	if ok && s.now().Before(k.until) {
		return k.secret, k.err
	}
	answer := s.group.DoChan(accessKey, func() (any, error) {
		// The question outlives the request that asked it first: others wait for it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), secretTimeout)
		defer cancel()
		return s.ask(ctx, accessKey)
	})
	select {
	case a := <-answer:
		if a.Err != nil {
			return "", a.Err
		}
		return a.Val.(string), nil
	case <-ctx.Done():
		return "", ozerr.Wrap(ozerr.Canceled, ctx.Err(), "look the secret up")
	}
}

// ask asks om. The answer's time runs from before the question.
func (s *secrets) ask(ctx context.Context, accessKey string) (string, error) {
	asked := s.now()
	secret, err := s.users.Secret(ctx, accessKey)
	switch {
	case err == nil:
		s.put(accessKey, knownSecret{secret: secret, until: asked.Add(secretTTL)})
	case errors.Is(err, ozerr.UserNotFound):
		s.put(accessKey, knownSecret{err: err, until: asked.Add(noSecretTTL)})
	}
	return secret, err
}

// put remembers k; what has expired, or anything, makes room.
func (s *secrets) put(accessKey string, k knownSecret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= maxSecrets {
		s.makeRoom()
	}
	s.known[accessKey] = k
}

func (s *secrets) makeRoom() {
	now := s.now()
	for key, k := range s.known {
		if !now.Before(k.until) {
			delete(s.known, key)
		}
	}
	for key := range s.known { // in no order
		if len(s.known) < maxSecrets {
			return
		}
		delete(s.known, key)
	}
}
