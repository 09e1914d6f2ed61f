package lin

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	liveKeys = 4 // keys that all clients write at one time
	// A key is left alone after so many requests, and after so many of unknown outcome,
	// each of which doubles what the checker has to consider.
	opsPerKey     = 400
	unknownPerKey = 6
	pageKeys      = 7 // of a listing, so that it has many pages
)

// Load is clients of some gateways that write and read the same few keys, and the
// history of what they saw.
type Load struct {
	History *History
	Races   int // percent of the requests that are races over an upload
	bucket  string

	seed    uint64
	clients []*client
	racers  []*client // one for each gateway, for the contested bucket
	readers []*client // one for each gateway that only reads: where writes hang, reads may still lie

	writes    atomic.Int64 // that were tried, for names that differ
	contested bucketNames

	mu       sync.Mutex
	keys     []*key // all; the last liveKeys are written
	problems []string
	slowest  time.Duration // of all answers
	counts   map[string]int
}

// key as the clients use it.
type key struct {
	name                  string
	ops, unknown, uploads int
	seen                  string // an entity tag that it had
}

// NewLoad makes clients, n of them and a reader for each gateway, of a bucket that exists.
func NewLoad(seed uint64, bucket string, gateways map[string]string, n int) *Load {
	l := &Load{History: NewHistory(), bucket: bucket, seed: seed, counts: map[string]int{}}
	for range n {
		for _, name := range slices.Sorted(maps.Keys(gateways)) {
			l.clients = append(l.clients, newClient(len(l.clients), name, gateways[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(gateways)) {
		id := len(l.clients) + 2*len(l.readers)
		l.readers = append(l.readers, newClient(id, name, gateways[name]))
		l.racers = append(l.racers, newClient(id+1, name, gateways[name]))
	}
	for range liveKeys {
		l.addKey()
	}
	return l
}

// Run keeps all clients busy until ctx ends.
func (l *Load) Run(ctx context.Context) {
	var wg sync.WaitGroup
	busy := func(c *client, step func(*rand.Rand)) {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(l.seed, uint64(c.id)))
			for ctx.Err() == nil {
				step(rng)
			}
			c.http.CloseIdleConnections()
		})
	}
	for _, c := range l.clients {
		busy(c, func(rng *rand.Rand) { l.step(ctx, c, rng) })
	}
	for _, c := range l.racers {
		busy(c, func(rng *rand.Rand) { l.contest(ctx, c, rng) })
	}
	for _, c := range l.readers {
		busy(c, func(rng *rand.Rand) { l.read(ctx, c, rng) })
	}
	wg.Wait()
}

// step does one thing with one of the live keys. ctx ends the load, not a request: who
// cuts a request short makes an outcome unknown for nothing.
func (l *Load) step(ctx context.Context, c *client, rng *rand.Rand) {
	k := l.pick(rng)
	background := context.WithoutCancel(ctx)
	if rng.IntN(100) < l.Races {
		l.race(background, c, k, rng)
		return
	}
	switch n := rng.IntN(100); {
	case n < 24:
		l.put(background, c, k, Op{}, rng)
	case n < 32:
		l.put(background, c, k, Op{IfNoneMatch: true}, rng)
	case n < 42:
		l.put(background, c, k, Op{IfMatch: l.seen(k)}, rng)
	case n < 64:
		l.get(background, c, k, http.MethodGet)
	case n < 72:
		l.get(background, c, k, http.MethodHead)
	case n < 82:
		l.remove(background, c, k, "")
	case n < 86:
		l.remove(background, c, k, l.seen(k))
	case n < 92:
		l.copy(background, c, k, l.pick(rng))
	case n < 97:
		l.list(background, c)
	default:
		l.race(background, c, k, rng)
	}
}

// read looks at one of the live keys. It takes its time: what counts is that there is
// somebody who asks, and each answer costs the checker.
func (l *Load) read(ctx context.Context, c *client, rng *rand.Rand) {
	background := context.WithoutCancel(ctx)
	if rng.IntN(10) == 0 {
		l.list(background, c)
	} else {
		l.get(background, c, l.pick(rng), []string{http.MethodGet, http.MethodHead}[rng.IntN(2)])
	}
	_ = pause(ctx, 30*time.Millisecond)
}

// FinalReads reads every key through every gateway: what was acknowledged must be there.
// It repeats each until it is answered, or ctx ends.
func (l *Load) FinalReads(ctx context.Context) error {
	l.mu.Lock()
	keys := slices.Clone(l.keys)
	l.mu.Unlock()
	for _, c := range l.readers {
		for _, k := range keys {
			for !l.get(ctx, c, k, http.MethodGet) {
				if err := pause(ctx, 50*time.Millisecond); err != nil {
					return fmt.Errorf("%s cannot be read through %s: %w", k.name, c.name, err)
				}
			}
		}
		for !l.list(ctx, c) {
			if err := pause(ctx, 50*time.Millisecond); err != nil {
				return fmt.Errorf("nothing can be listed through %s: %w", c.name, err)
			}
		}
	}
	return nil
}

// Problems are answers that no S3 server may give.
func (l *Load) Problems() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.problems)
}

// Summary says what there was, for people.
func (l *Load) Summary() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var counts []string
	for _, k := range slices.Sorted(maps.Keys(l.counts)) {
		counts = append(counts, fmt.Sprintf("%s %d", k, l.counts[k]))
	}
	return fmt.Sprintf("%d keys, slowest answer %s; %s", len(l.keys), l.slowest.Round(time.Millisecond), strings.Join(counts, ", "))
}

// Slowest is how long the slowest answer took.
func (l *Load) Slowest() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.slowest
}

// put writes a key; like says under which condition.
func (l *Load) put(ctx context.Context, c *client, k *key, like Op, rng *rand.Rand) {
	header := map[string]string{}
	if like.IfNoneMatch {
		header["If-None-Match"] = "*"
	}
	if like.IfMatch != "" {
		header["If-Match"] = `"` + like.IfMatch + `"`
	}
	body := payload(l.unique(c), []int{20, 4096, 30_000}[rng.IntN(3)])
	like.Kind, like.Value = Put, etagOf(body)
	l.request(ctx, c, k, like, http.MethodPut, l.path(k), header, body, "NoSuchKey")
}

// remove deletes a key; with ifMatch, only that content.
func (l *Load) remove(ctx context.Context, c *client, k *key, ifMatch string) {
	header := map[string]string{}
	if ifMatch != "" {
		header["If-Match"] = `"` + ifMatch + `"`
	}
	l.request(ctx, c, k, Op{Kind: Delete, IfMatch: ifMatch}, http.MethodDelete, l.path(k), header, nil, "NoSuchKey")
}

// request sends a change and records it.
func (l *Load) request(ctx context.Context, c *client, k *key, o Op, method, path string, header map[string]string, body []byte, absent ...string) Outcome {
	o.Client, o.Key, o.Call, o.Note = c.id, k.name, l.History.Now(), c.name
	a, err := c.do(ctx, method, path, header, body)
	o.Return = l.History.Now()
	switch {
	case errors.Is(err, errNotSent):
		l.count("not sent", k, Done)
		_ = pause(ctx, 10*time.Millisecond) // no need to ask a gateway that is down thousands of times
		return Unknown
	case err != nil:
		l.failed(c, o, err)
		o.Outcome = Unknown
	default:
		if o.Outcome, err = a.outcome(absent...); err != nil {
			l.problem("%s: %v", o, err)
		}
		if o.Kind == Complete && o.Outcome == Done {
			o.Outcome = l.completed(o, a)
		}
	}
	l.took(o)
	l.count(string(o.Kind)+" "+string(o.Outcome), k, o.Outcome)
	if o.Kind == Put && o.Outcome == Done {
		if got := a.etag(); got != "" && got != o.Value {
			l.problem("%s: answered with the entity tag %s", o, got)
		}
		l.saw(k, o.Value)
	}
	l.History.Add(o)
	return o.Outcome
}

// completed looks into a 200 of Complete, which may be an error in spite of its status.
func (l *Load) completed(o Op, a answer) Outcome {
	var result struct {
		XMLName xml.Name
		ETag    string
	}
	if err := xml.Unmarshal(a.body, &result); err != nil {
		l.problem("%s: %v", o, err)
		return Unknown
	}
	if result.XMLName.Local == "Error" {
		return Unknown
	}
	if got := strings.Trim(result.ETag, `"`); got != o.Value {
		l.problem("%s: answered with the entity tag %s", o, got)
	}
	return Done
}

// get reads a key with GET or HEAD. false: it was not answered.
func (l *Load) get(ctx context.Context, c *client, k *key, method string) bool {
	o := Op{Client: c.id, Kind: Get, Key: k.name, Call: l.History.Now(), Note: c.name + " " + method}
	a, err := c.do(ctx, method, l.path(k), nil, nil)
	o.Return = l.History.Now()
	switch {
	case errors.Is(err, errNotSent):
		_ = pause(ctx, 10*time.Millisecond)
		return false
	case err != nil:
		l.failed(c, o, err)
		return false
	}
	if o.Outcome, err = a.outcome("NoSuchKey"); err != nil {
		l.problem("%s: %v", o, err)
	}
	l.took(o)
	l.count(method+" "+string(o.Outcome), k, Done)
	if o.Outcome == Done {
		o.Value = a.etag()
		if method == http.MethodGet && !whole(o.Value, a.body) {
			l.problem("%s: %d bytes that are not what their entity tag says: %.100q", o, len(a.body), a.body)
		}
		l.saw(k, o.Value)
	}
	l.History.Add(o)
	return o.Outcome == Done || o.Outcome == Absent
}

// copy copies one key onto another. That is a read of the one and then a write of the
// other, both during the request; the answer says of what.
func (l *Load) copy(ctx context.Context, c *client, to, from *key) {
	if to == from {
		return // on the key itself it is a change of metadata, which leaves the entity tag
	}
	o := Op{Client: c.id, Kind: Put, Key: to.name, Call: l.History.Now(), Note: c.name + " copy of " + from.name}
	a, err := c.do(ctx, http.MethodPut, l.path(to), map[string]string{"X-Amz-Copy-Source": l.path(from)}, nil)
	o.Return = l.History.Now()
	if errors.Is(err, errNotSent) {
		_ = pause(ctx, 10*time.Millisecond)
		return
	}
	o.Outcome = Unknown
	if err != nil {
		l.failed(c, o, err)
	} else if o.Outcome, err = a.outcome("NoSuchKey"); err != nil {
		l.problem("%s: %v", o, err)
	}
	l.took(o)
	l.count("copy "+string(o.Outcome), to, o.Outcome)
	read := Op{Client: c.id, Kind: Get, Key: from.name, Outcome: o.Outcome, Call: o.Call, Return: o.Return, Note: c.name + " copied to " + to.name}
	switch o.Outcome {
	case Done:
		var result struct{ ETag string }
		if err := xml.Unmarshal(a.body, &result); err != nil {
			l.problem("%s: %v", o, err)
			return
		}
		o.Value = strings.Trim(result.ETag, `"`)
		read.Value = o.Value
		l.History.Add(o)
		l.History.Add(read)
	case Absent:
		l.History.Add(read)
	case Unknown:
		o.Source = from.name // of what content, only later reads can tell
		l.History.Add(o)
	}
}

// race opens an upload of two parts and has everybody complete or abort it at once:
// with one part, with the other, again, and not at all. Then it is completed again,
// which must get the first answer.
func (l *Load) race(ctx context.Context, c *client, k *key, rng *rand.Rand) {
	number, ok := l.newUpload(k)
	if !ok {
		return
	}
	path := l.path(k)
	id, err := c.createUpload(ctx, path)
	if err != nil {
		return // nothing can have happened to the key
	}
	parts := [2][]byte{payload(l.unique(c), 100), payload(l.unique(c), 5000)}
	for i, body := range parts {
		if err := c.putPart(ctx, path, id, i+1, body); err != nil {
			return
		}
	}
	path += "?uploadId=" + url.QueryEscape(id)
	complete := func(c *client, variant int, condition bool) {
		doc := fmt.Sprintf("<CompleteMultipartUpload><Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part></CompleteMultipartUpload>",
			variant+1, etagOf(parts[variant]))
		o := Op{Kind: Complete, Value: etagOfParts(parts[variant]), Upload: number, Variant: variant, IfNoneMatch: condition}
		header := map[string]string{}
		if condition {
			header["If-None-Match"] = "*"
		}
		l.request(ctx, c, k, o, http.MethodPost, path, header, []byte(doc), "NoSuchUpload")
	}
	abort := func(c *client) {
		l.request(ctx, c, k, Op{Kind: Abort, Upload: number}, http.MethodDelete, path, nil, nil, "NoSuchUpload")
	}
	condition := rng.IntN(4) == 0
	var wg sync.WaitGroup
	for i, racer := range l.others(rng) {
		wg.Go(func() {
			switch i {
			case 0, 1:
				complete(racer, 0, condition)
			case 2:
				complete(racer, 1, false)
			case 3:
				abort(racer)
			}
		})
	}
	wg.Wait()
	complete(c, 0, condition)
}

// others are four clients in random order.
func (l *Load) others(rng *rand.Rand) []*client {
	var out []*client
	for len(out) < 4 {
		out = append(out, l.clients[rng.IntN(len(l.clients))])
	}
	return out
}

// list lists the whole bucket in small pages. The whole is recorded as a listing; each
// page is also a read of the live keys that it covers. false: it was not answered.
func (l *Load) list(ctx context.Context, c *client) bool {
	whole := Listing{Client: c.id, Call: l.History.Now(), Note: c.name}
	after, token := "", ""
	for {
		live := l.live()
		call := l.History.Now()
		p, err := c.list(ctx, l.bucket, token, pageKeys)
		ret := l.History.Now()
		if errors.Is(err, errNotSent) {
			_ = pause(ctx, 10*time.Millisecond)
			return false
		}
		if err != nil {
			l.count("list unknown", nil, Done)
			return false
		}
		tags := map[string]string{}
		for _, e := range p.Contents {
			whole.Keys = append(whole.Keys, e.Key)
			tags[e.Key] = strings.Trim(e.ETag, `"`)
		}
		last := ""
		if p.IsTruncated && len(p.Contents) > 0 {
			last = p.Contents[len(p.Contents)-1].Key
		}
		for _, k := range live {
			if k.name <= after || last != "" && k.name > last {
				continue
			}
			o := Op{Client: c.id, Kind: Get, Key: k.name, Value: tags[k.name], Outcome: Done, Call: call, Return: ret, Note: c.name + " LIST"}
			if o.Value == "" {
				o.Outcome = Absent
			}
			l.History.Add(o)
			l.count("listed", k, Done)
		}
		if !p.IsTruncated {
			break
		}
		if after, token = last, p.NextContinuationToken; last == "" || token == "" {
			l.problem("client %d: a page that is truncated has %d keys and the token %q", c.id, len(p.Contents), token)
			return true
		}
	}
	whole.Return = l.History.Now()
	l.History.AddListing(whole)
	l.count("listings", nil, Done)
	return true
}

// failed notes a request without an answer. That is nothing unless it took too long.
func (l *Load) failed(c *client, o Op, err error) {
	l.count("no answer", nil, Done)
	if took := time.Duration(o.Return - o.Call); took >= answerLimit {
		l.problem("client %d of %s hung for %s: %s %s: %v", c.id, c.name, took, o.Kind, o.Key, err)
	}
}

func (l *Load) problem(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.problems = append(l.problems, fmt.Sprintf(format, args...))
}

func (l *Load) took(o Op) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slowest = max(l.slowest, time.Duration(o.Return-o.Call))
}

// count notes that a key was used; after enough, another takes its place.
func (l *Load) count(what string, k *key, outcome Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[what]++
	if k == nil {
		return
	}
	k.ops++
	if outcome == Unknown {
		k.unknown++
	}
	i := slices.Index(l.keys, k)
	if i < len(l.keys)-liveKeys || k.ops < opsPerKey && k.unknown < unknownPerKey {
		return
	}
	// The retired key goes to the front of the live ones, and out of their sight.
	l.keys = slices.Insert(slices.Delete(l.keys, i, i+1), len(l.keys)-liveKeys, k)
	l.addKey()
}

// addKey adds a live key. Names are not in the order of their making, so that keys come
// and go everywhere in listings.
func (l *Load) addKey() {
	n := len(l.keys)
	l.keys = append(l.keys, &key{name: fmt.Sprintf("%s/key-%d", etagOf([]byte(strconv.Itoa(n)))[:2], n)})
}

func (l *Load) live() []*key {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.keys[len(l.keys)-liveKeys:])
}

func (l *Load) pick(rng *rand.Rand) *key {
	live := l.live()
	return live[rng.IntN(len(live))]
}

func (l *Load) saw(k *key, etag string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k.seen = etag
}

func (l *Load) seen(k *key) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return k.seen
}

// newUpload gives an upload its number.
func (l *Load) newUpload(k *key) (int, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k.uploads == maxUploads {
		return 0, false
	}
	k.uploads++
	return k.uploads - 1, true
}

func (l *Load) path(k *key) string { return "/" + l.bucket + "/" + k.name }

// unique names a write like no other.
func (l *Load) unique(c *client) string {
	return fmt.Sprintf("write %d of client %d, seed %d", l.writes.Add(1), c.id, l.seed)
}

// pause waits, or returns why not.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
