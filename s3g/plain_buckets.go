package s3g

import (
	"sync"
	"time"
)

const (
	plainTTL        = 10 * time.Second
	maxPlainBuckets = 1000
)

// plainBuckets remembers which buckets have no default encryption, so that a small
// PUT needs not ask om first. It may be out of date for plainTTL where another gateway
// sets a default: om then refuses the plain bytes (ozerr.EncryptionRequired), the
// client gets a 503, and its next try is encrypted.
type plainBuckets struct {
	mu    sync.Mutex
	until map[string]time.Time // by name
}

func (p *plainBuckets) has(name string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return now.Before(p.until[name])
}

func (p *plainBuckets) remember(name string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.until == nil || len(p.until) >= maxPlainBuckets {
		p.until = make(map[string]time.Time)
	}
	p.until[name] = now.Add(plainTTL)
}

func (p *plainBuckets) forget(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.until, name)
}
