// Package lin checks that a cluster of real processes is linearizable while faults
// strike it: every answer that a client gets must be explained by one order of all
// requests, in which each takes effect at one moment between its call and its return.
//
// Clients of several gateways write the same few keys (history.go, load.go), a nemesis
// kills, freezes, partitions and misdates the processes by a seeded schedule
// (nemesis.go), and then the history is checked key by key with porcupine (model.go)
// and, for listings, as a whole (listing.go).
package lin

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"time"
)

// Kind of request.
type Kind string

const (
	Put      Kind = "put"      // also the effect of a copy on its destination
	Get      Kind = "get"      // also HEAD, a listed or not listed key, the source of a copy
	Delete   Kind = "delete"   // of the current object
	Complete Kind = "complete" // of a multipart upload
	Abort    Kind = "abort"    // of a multipart upload
)

// Outcome is what the client knows of its request.
type Outcome string

const (
	Done    Outcome = "done"    // success
	Absent  Outcome = "absent"  // 404: no such key, or no such upload
	Refused Outcome = "refused" // 412: the condition did not hold
	Unknown Outcome = "unknown" // an error, or no answer: it took effect at some time, or will, or not at all
)

// never is when a request of unknown outcome returns.
const never = math.MaxInt64

// Op is a request to a key with its answer. Values are entity tags: the content of
// each write is like no other's, so its tag names the writer.
type Op struct {
	Client  int     `json:"client"`
	Kind    Kind    `json:"kind"`
	Bucket  string  `json:"bucket,omitempty"` // if it is one that comes and goes
	Key     string  `json:"key"`
	Value   string  `json:"value,omitempty"` // what Put and Complete write, what Get read
	Outcome Outcome `json:"outcome"`

	IfMatch     string `json:"ifMatch,omitempty"`     // condition of Put and Delete
	IfNoneMatch bool   `json:"ifNoneMatch,omitempty"` // "*": condition of Put and Complete

	// Source is the key that was copied, where nobody answered what content that was.
	Source string `json:"source,omitempty"`

	Upload  int `json:"upload,omitempty"`  // which of the key's uploads, below maxUploads
	Variant int `json:"variant,omitempty"` // which of two part lists Complete names

	Call   int64  `json:"call"`   // ns since the history began
	Return int64  `json:"return"` // never, if the outcome is unknown
	Note   string `json:"note,omitempty"`
}

func (o Op) String() string {
	s := fmt.Sprintf("client %d %s %s", o.Client, o.Kind, strings.TrimPrefix(o.Bucket+"/"+o.Key, "/"))
	switch {
	case o.IfNoneMatch:
		s += " if-none-match *"
	case o.IfMatch != "":
		s += " if-match " + short(o.IfMatch)
	}
	if o.Kind == Complete || o.Kind == Abort {
		s += fmt.Sprintf(" upload %d/%d", o.Upload, o.Variant)
	}
	if o.Value != "" {
		s += " " + short(o.Value)
	}
	s += fmt.Sprintf(": %s at %s–", o.Outcome, time.Duration(o.Call))
	if o.Return != never {
		s += time.Duration(o.Return).String()
	}
	if o.Note != "" {
		s += " (" + o.Note + ")"
	}
	return s
}

// short is enough of an entity tag for people.
func short(etag string) string {
	const most = 10
	if len(etag) > most {
		return etag[:most] + "…"
	}
	return etag
}

// Listing is a whole listing of a bucket, all its pages.
type Listing struct {
	Client       int      `json:"client"`
	Prefix       string   `json:"prefix"`
	Keys         []string `json:"keys"` // in the order they came, over all pages
	Call, Return int64
	Note         string `json:"note,omitempty"`
}

// History is what clients saw. It is safe for concurrent use.
type History struct {
	begun time.Time

	mu       sync.Mutex
	ops      []Op
	listings []Listing
}

// NewHistory begins now.
func NewHistory() *History { return &History{begun: time.Now()} }

// Now is the time of the history: it never goes back.
func (h *History) Now() int64 { return int64(time.Since(h.begun)) }

// Add records a request. A failed read says nothing and is dropped; so should be, by
// the caller, what certainly never reached a server.
func (h *History) Add(o Op) {
	if o.Outcome == Unknown {
		if o.Kind == Get || o.Kind == List {
			return
		}
		o.Return = never
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, o)
}

// AddListing records a listing that came to its end.
func (h *History) AddListing(l Listing) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listings = append(h.listings, l)
}

// Ops is a copy of what was recorded so far.
func (h *History) Ops() ([]Op, []Listing) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Op(nil), h.ops...), append([]Listing(nil), h.listings...)
}

// Acknowledged counts the requests with a known outcome.
func (h *History) Acknowledged() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, o := range h.ops {
		if o.Outcome != Unknown {
			n++
		}
	}
	return n
}

// record is a line of a written history: one of the two.
type record struct {
	Op      *Op      `json:"op,omitempty"`
	Listing *Listing `json:"listing,omitempty"`
}

// Write writes the history as lines of JSON, so that it can be checked again.
func (h *History) Write(w io.Writer) error {
	ops, listings := h.Ops()
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	for i := range ops {
		if err := enc.Encode(record{Op: &ops[i]}); err != nil {
			return err
		}
	}
	for i := range listings {
		if err := enc.Encode(record{Listing: &listings[i]}); err != nil {
			return err
		}
	}
	return out.Flush()
}

// ReadHistory reads what Write wrote.
func ReadHistory(r io.Reader) (*History, error) {
	h := NewHistory()
	for dec := json.NewDecoder(r); ; {
		var rec record
		switch err := dec.Decode(&rec); {
		case errors.Is(err, io.EOF):
			return h, nil
		case err != nil:
			return nil, err
		case rec.Op != nil:
			h.ops = append(h.ops, *rec.Op)
		case rec.Listing != nil:
			h.listings = append(h.listings, *rec.Listing)
		}
	}
}
