package client

import (
	"crypto/rand"
	"encoding/hex"
	"sync"
)

// sequencer names mutating requests: (client, sequence), never used twice. It also
// knows below which sequence every request has its answer, or was given up, so
// that om may forget those.
type sequencer struct {
	client string // random, one per Client

	mu   sync.Mutex
	last uint64
	low  uint64 // no sequence below is open
	open map[uint64]struct{}
}

func newSequencer() *sequencer {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails, see crypto/rand
	return &sequencer{client: hex.EncodeToString(id[:]), low: 1, open: map[uint64]struct{}{}}
}

// begin opens the next sequence; all below acked are closed.
func (s *sequencer) begin() (sequence, acked uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	s.open[s.last] = struct{}{}
	for {
		if _, open := s.open[s.low]; open {
			return s.last, s.low
		}
		s.low++
	}
}

// end closes a sequence: the request won't be sent again.
func (s *sequencer) end(sequence uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, sequence)
}
