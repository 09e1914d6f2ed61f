package lin

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// Buckets that are made, filled, emptied and deleted at once: a PUT that was
// acknowledged is in a bucket that was there, and a bucket that was deleted was empty.

// More kinds of request, all with Op.Bucket. NoBucket is an answer to any of them.
const (
	MakeBucket   Kind = "make bucket"
	RemoveBucket Kind = "remove bucket" // Refused: it is not empty
	List         Kind = "list"          // Value is what listValue makes of it

	NoBucket Outcome = "no bucket"
)

// bucketKeys are the keys of such a bucket.
var bucketKeys = [2]string{"a", "b"}

// bucketState is a bucket with the entity tags of its keys.
type bucketState struct {
	exists bool
	tags   [2]string
}

func listValue(tags [2]string) string { return tags[0] + " " + tags[1] }

// apply is what S3 promises.
func (s bucketState) apply(o Op) (Outcome, bucketState) {
	if o.Kind == MakeBucket {
		s.exists = true // for its owner that is a success, too, if it is there
		return Done, s
	}
	if !s.exists {
		return NoBucket, s
	}
	slot := 0
	if o.Key == bucketKeys[1] {
		slot = 1
	}
	switch o.Kind {
	case RemoveBucket:
		if s.tags != [2]string{} {
			return Refused, s
		}
		s.exists = false
	case Put:
		s.tags[slot] = o.Value
	case Delete:
		s.tags[slot] = ""
	case Get:
		if s.tags[slot] == "" {
			return Absent, s
		}
	}
	return Done, s
}

func bucketModel() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return bucketState{} },
		Step: func(st, input, _ any) (bool, any) {
			s, o := st.(bucketState), input.(Op)
			outcome, next := s.apply(o)
			switch {
			case o.Outcome == Unknown:
				return true, next
			case outcome != o.Outcome:
				return false, s
			case o.Outcome == Done && o.Kind == Get:
				return o.Value == s.tags[0] && o.Key == bucketKeys[0] || o.Value == s.tags[1] && o.Key == bucketKeys[1], next
			case o.Outcome == Done && o.Kind == List:
				return o.Value == listValue(s.tags), next
			}
			return true, next
		},
	}
}

// bucketNames is the bucket that all clients fight for, and its successors.
type bucketNames struct {
	mu                   sync.Mutex
	number, ops, unknown int
}

func (b *bucketNames) now() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return fmt.Sprintf("contested-%d", b.number)
}

// used counts; after enough requests another bucket is fought for.
func (b *bucketNames) used(outcome Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ops++; outcome == Unknown {
		b.unknown++
	}
	if b.ops >= opsPerKey || b.unknown >= unknownPerKey {
		b.number, b.ops, b.unknown = b.number+1, 0, 0
	}
}

// contest does one thing with the contested bucket, through any gateway.
func (l *Load) contest(ctx context.Context, c *client, rng *rand.Rand) {
	bucket, slot := l.contested.now(), rng.IntN(2)
	o := Op{Client: c.id, Bucket: bucket, Key: bucketKeys[slot], Note: c.name}
	path := "/" + bucket + "/" + o.Key
	method := http.MethodPut
	var body []byte
	switch n := rng.IntN(10); {
	case n < 2:
		o.Kind, o.Key, path = MakeBucket, "", "/"+bucket
	case n < 4:
		o.Kind, o.Key, path, method = RemoveBucket, "", "/"+bucket, http.MethodDelete
	case n < 6:
		body = payload(l.unique(c), 100)
		o.Kind, o.Value = Put, etagOf(body)
	case n < 8:
		o.Kind, method = Delete, http.MethodDelete
	case n < 9:
		o.Kind, method = Get, http.MethodGet
	default:
		o.Kind, o.Key, path, method = List, "", "/"+bucket+"?list-type=2", http.MethodGet
	}
	o.Call = l.History.Now()
	a, err := c.do(context.WithoutCancel(ctx), method, path, nil, body)
	o.Return = l.History.Now()
	if errors.Is(err, errNotSent) {
		_ = pause(ctx, 10*time.Millisecond)
		return
	}
	o.Outcome = Unknown
	if err != nil {
		l.failed(c, o, err)
	} else {
		l.contestAnswer(&o, a)
	}
	l.contested.used(o.Outcome)
	l.count(string(o.Kind)+" in contested "+string(o.Outcome), nil, Done)
	l.History.Add(o)
	_ = pause(ctx, 10*time.Millisecond) // there is other work to be done
}

// contestAnswer reads the answer to a request to a contested bucket.
func (l *Load) contestAnswer(o *Op, a answer) {
	code := a.code()
	switch {
	case code == "NoSuchBucket" && o.Kind != MakeBucket:
		o.Outcome = NoBucket
		return
	case code == "BucketNotEmpty" && o.Kind == RemoveBucket:
		o.Outcome = Refused
		return
	case code == "BucketAlreadyOwnedByYou" && o.Kind == MakeBucket:
		o.Outcome = Done
		return
	}
	var err error
	if o.Outcome, err = a.outcome("NoSuchKey"); err != nil {
		l.problem("%s: %v", *o, err)
	}
	if o.Outcome != Done {
		return
	}
	switch o.Kind {
	case Get:
		if o.Value = a.etag(); !whole(o.Value, a.body) {
			l.problem("%s: %d bytes that are not what their entity tag says", *o, len(a.body))
		}
	case List:
		p, err := a.page()
		if err != nil {
			l.problem("%s: %v", *o, err)
			o.Outcome = Unknown
		}
		var tags [2]string
		for _, e := range p.Contents {
			for i, key := range bucketKeys {
				if e.Key == key {
					tags[i] = strings.Trim(e.ETag, `"`)
				}
			}
		}
		o.Value = listValue(tags)
	}
}
