package client

import (
	"context"
	"sync"
	"time"
)

const (
	bucketTTL  = 10 * time.Second
	maxBuckets = 1000
)

// bucketCache remembers how buckets are replicated, so that a write needs not ask.
// It may be out of date for bucketTTL, which costs nothing but the choice for the
// first writes into a bucket made anew; whether a bucket exists is decided at commit.
type bucketCache struct {
	c       *Client
	mu      sync.Mutex
	entries map[BucketRef]bucketEntry
}

type bucketEntry struct {
	replication string
	until       time.Time
}

// replication is the bucket's, from memory or from om.
func (b *bucketCache) replication(ctx context.Context, ref BucketRef) (string, error) {
	b.mu.Lock()
	e, ok := b.entries[ref]
	b.mu.Unlock()
	if ok && time.Now().Before(e.until) {
		return e.replication, nil
	}
	bucket, err := b.c.GetBucket(ctx, ref, "")
	if err != nil {
		return "", err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.entries) >= maxBuckets {
		clear(b.entries)
	}
	b.entries[ref] = bucketEntry{bucket.Replication, time.Now().Add(bucketTTL)}
	return bucket.Replication, nil
}

func (b *bucketCache) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.entries)
}
