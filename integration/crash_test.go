package integration

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"
)

var (
	crashKills = flag.Int("crash.kills", 24, "processes that TestCrash kills")
	crashSeed  = flag.Uint64("crash.seed", 0, "seed of TestCrash; 0 takes one from the clock")
	crashLoad  = flag.Int("crash.workers", 6, "clients that write while processes are killed")
)

// crashBucket is where TestCrash writes.
const crashBucket = "crash-test"

// requestTimeout bounds every request of the test: a server that neither answers
// nor breaks the connection has failed the promise of bounded waits.
const requestTimeout = 60 * time.Second

// TestCrash kills random processes, or all of them, with SIGKILL while clients put,
// overwrite, delete and upload in parts. Then it reads everything back: whatever
// was answered with success is there, byte for byte; whatever was deleted is gone;
// no object is half there; the listing says the same as the reads. Everything is
// killed once more and read again: nothing may have changed.
func TestCrash(t *testing.T) {
	seed := *crashSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-crash.seed=%d", seed)
	c := Start(t, Options{Bin: programs(t), Conf: map[string]string{
		// Containers that fill and close, and blocks that go, while all this happens.
		"ozone.scm.block.size": "1MB", "ozone.scm.container.size": "4MB",
		"ozone.om.block.deleting.grace": "0s", "ozone.block.deleting.service.interval": "1s",
	}})
	s3 := &plainS3{endpoint: c.Endpoint, http: &http.Client{Timeout: requestTimeout}}
	if err := s3.eventually(t.Context(), func() (int, error) { return s3.put("/"+crashBucket, nil) }); err != nil {
		t.Fatal(err)
	}

	began := time.Now()
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	writers := make([]*writer, *crashLoad)
	for i := range writers {
		writers[i] = newWriter(t, s3, seed, i)
		wg.Go(func() { writers[i].run(ctx) })
	}
	kill(t, c, rand.New(rand.NewPCG(seed, 1)), *crashKills)
	stop()
	wg.Wait()
	s3.http.CloseIdleConnections()

	model := map[string]*object{}
	acknowledged := 0
	for _, w := range writers {
		acknowledged += w.acknowledged
		for name, o := range w.objects {
			model[name] = o
		}
	}
	t.Logf("%d kills in %s, %d acknowledged writes, %d keys", *crashKills, time.Since(began).Round(time.Second), acknowledged, len(model))
	if acknowledged < *crashKills {
		t.Errorf("only %d writes were acknowledged: the load was no load", acknowledged)
	}
	first := audit(t, c, s3, model)
	killAll(t, c)
	second := audit(t, c, s3, model)
	for name := range model {
		if first[name] != second[name] {
			t.Errorf("%s: was version %d, is %d after a restart", name, first[name], second[name])
		}
	}
}

// kill ends n processes at random moments, each time one, two or all of them, and
// starts them again after a moment.
func kill(t *testing.T, c *Cluster, rng *rand.Rand, n int) {
	t.Helper()
	pause := func(limit time.Duration) { time.Sleep(time.Duration(rng.Int64N(int64(limit)))) } // when to strike, not waiting for something
	all := c.All()
	for done := 0; done < n; {
		pause(1500 * time.Millisecond)
		victims := []*Process{all[rng.IntN(len(all))]}
		switch rng.IntN(6) {
		case 0:
			victims = all
		case 1:
			victims = append(victims, all[rng.IntN(len(all))])
		}
		for _, p := range victims {
			p.Kill()
			done++
		}
		pause(700 * time.Millisecond)
		for _, p := range victims {
			if p.Running() {
				continue // it was drawn twice
			}
			if err := p.Start(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := c.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// killAll ends everything at once and starts it again.
func killAll(t *testing.T, c *Cluster) {
	t.Helper()
	for _, p := range c.All() {
		p.Kill()
	}
	for _, p := range c.All() {
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// audit reads every key and the listing, and returns the version of each key; 0 is
// absent.
func audit(t *testing.T, c *Cluster, s3 *plainS3, model map[string]*object) map[string]int {
	t.Helper()
	found := map[string]int{}
	for name, o := range model {
		var body []byte
		err := s3.eventually(t.Context(), func() (status int, err error) {
			status, body, err = s3.get(name)
			return status, err
		})
		switch {
		case errors.Is(err, errNotFound):
			found[name] = 0
		case err != nil:
			t.Errorf("%s cannot be read: %v", name, err)
			continue
		default:
			found[name] = o.versionOf(name, body)
		}
		if !o.may[found[name]] {
			t.Errorf("%s is version %d (%d bytes); it may be one of %v (last acknowledged %s)",
				name, found[name], len(body), o.may, o.last)
		}
	}
	listed, err := s3.list(t.Context())
	if err != nil {
		t.Errorf("listing: %v", err)
		return found
	}
	for name, version := range found {
		size, there := listed[name]
		if there != (version != 0) {
			t.Errorf("%s is version %d, but listed: %t", name, version, there)
		}
		if there && size != int64(len(content(name, version))) {
			t.Errorf("%s is listed with %d bytes", name, size)
		}
		delete(listed, name)
	}
	for name := range listed {
		t.Errorf("%s is listed and was never written", name)
	}
	return found
}

// object is what a writer knows of a key.
type object struct {
	may  map[int]bool // versions that it can be; 0 is absent
	last string       // what was acknowledged last, for people
}

// versionOf finds the version that body is, or -1.
func (o *object) versionOf(name string, body []byte) int {
	for v := range o.may {
		if v != 0 && bytes.Equal(body, content(name, v)) {
			return v
		}
	}
	return -1
}

// content is version v of a key: bytes that nothing else has, of a size that
// crosses the borders of chunks, parts and small objects.
func content(name string, v int) []byte {
	seed := uint64(v)
	for _, b := range []byte(name) {
		seed = seed*1099511628211 + uint64(b)
	}
	rng := rand.New(rand.NewPCG(seed, uint64(v)))
	sizes := []int{0, 1, 4096, 4097, 100_000, 262_144, 1 << 20, 1<<20 + 1, 3_500_000, 6_000_000}
	body := make([]byte, sizes[rng.IntN(len(sizes))])
	source := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24), byte(v), byte(v >> 8)})
	_, _ = source.Read(body) // never fails
	return body
}

// writer changes keys of its own, one request at a time. A request without an
// answer leaves the key in one of two versions and may even take effect later, so
// the key is then left alone.
type writer struct {
	t            *testing.T
	s3           *plainS3
	rng          *rand.Rand
	prefix       string
	objects      map[string]*object
	open         []string // names that may still be written
	versions     int
	acknowledged int
}

func newWriter(t *testing.T, s3 *plainS3, seed uint64, i int) *writer {
	return &writer{
		t: t, s3: s3, rng: rand.New(rand.NewPCG(seed, uint64(100+i))),
		prefix: fmt.Sprintf("/%s/w%d/", crashBucket, i), objects: map[string]*object{},
	}
}

func (w *writer) run(ctx context.Context) {
	for ctx.Err() == nil {
		for len(w.open) < 8 {
			name := w.prefix + strconv.Itoa(len(w.objects))
			w.objects[name] = &object{may: map[int]bool{0: true}, last: "nothing"}
			w.open = append(w.open, name)
		}
		i := w.rng.IntN(len(w.open))
		name := w.open[i]
		if !w.step(name, w.objects[name]) {
			w.open = append(w.open[:i], w.open[i+1:]...)
		}
	}
}

// step does one thing with a key. false: its outcome is not known.
func (w *writer) step(name string, o *object) bool {
	switch n := w.rng.IntN(10); {
	case n < 5:
		v := w.next()
		return w.settle(o, v, "put", func() (int, error) { return w.s3.put(name, content(name, v)) })
	case n < 6:
		return w.upload(name, o)
	case n < 8:
		return w.settle(o, 0, "delete", func() (int, error) { return w.s3.remove(name) })
	default:
		w.read(name, o)
		return true
	}
}

func (w *writer) next() int {
	w.versions++
	return w.versions
}

// settle makes version v the only one if do succeeds, else one more, unless the
// request cannot have reached the gateway.
func (w *writer) settle(o *object, v int, what string, do func() (int, error)) bool {
	known := o.may[v]
	o.may[v] = true
	status, err := do()
	if refused := (*net.OpError)(nil); errors.As(err, &refused) && refused.Op == "dial" {
		if !known {
			delete(o.may, v)
		}
		time.Sleep(5 * time.Millisecond) // the gateway is down: no need to ask thousands of times
		return true
	}
	if err != nil || status/100 != 2 {
		return false
	}
	o.may = map[int]bool{v: true}
	o.last = fmt.Sprintf("%s of version %d", what, v)
	w.acknowledged++
	return true
}

// upload writes a version in parts. Before Complete is sent nothing can happen to
// the key.
func (w *writer) upload(name string, o *object) bool {
	v := w.next()
	body := content(name, v)
	const part = 5 << 20
	id, err := w.s3.createUpload(name)
	if err != nil {
		return true
	}
	var etags []string
	for rest := body; len(etags) == 0 || len(rest) > 0; {
		n := min(part, len(rest))
		etag, err := w.s3.putPart(name, id, len(etags)+1, rest[:n])
		if err != nil {
			return true
		}
		etags, rest = append(etags, etag), rest[n:]
	}
	return w.settle(o, v, "upload", func() (int, error) { return w.s3.complete(name, id, etags) })
}

// read checks a key in the middle of it all: an error is no wonder, a wrong answer
// is a failure.
func (w *writer) read(name string, o *object) {
	status, body, err := w.s3.get(name)
	version := 0
	switch {
	case err == nil && status == http.StatusOK:
		version = o.versionOf(name, body)
	case err == nil && status == http.StatusNotFound:
	default:
		return
	}
	if !o.may[version] {
		w.t.Errorf("%s read as version %d (%d bytes) while it may be %v (last %s)", name, version, len(body), o.may, o.last)
	}
}

// plainS3 speaks just enough S3, without retries and signatures: the test must
// know what was answered to each request.
type plainS3 struct {
	endpoint string
	http     *http.Client
}

var errNotFound = errors.New("not found")

// eventually repeats do until it is answered with success or 404 (errNotFound); a
// cluster that was just restarted may say 503 for a while.
func (s *plainS3) eventually(ctx context.Context, do func() (int, error)) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		status, err := do()
		switch {
		case err == nil && status/100 == 2:
			return nil
		case err == nil && status == http.StatusNotFound:
			return errNotFound
		case err == nil:
			err = fmt.Errorf("status %d", status)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// do sends a request; more headers come as names and values in turn.
func (s *plainS3) do(method, path string, body []byte, headers ...string) (status int, answer []byte, header http.Header, err error) {
	req, err := http.NewRequest(method, s.endpoint+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	return resp.StatusCode, answer, resp.Header, err
}

func (s *plainS3) put(name string, body []byte) (int, error) {
	status, _, _, err := s.do(http.MethodPut, name, body)
	return status, err
}

func (s *plainS3) remove(name string) (int, error) {
	status, _, _, err := s.do(http.MethodDelete, name, nil)
	return status, err
}

func (s *plainS3) get(name string) (int, []byte, error) {
	status, body, _, err := s.do(http.MethodGet, name, nil)
	return status, body, err
}

func (s *plainS3) createUpload(name string) (string, error) {
	status, answer, _, err := s.do(http.MethodPost, name+"?uploads", nil)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d", status)
	}
	var result struct {
		UploadID string `xml:"UploadId"`
	}
	if err == nil {
		err = xml.Unmarshal(answer, &result)
	}
	return result.UploadID, err
}

func (s *plainS3) putPart(name, id string, number int, body []byte) (etag string, err error) {
	status, _, header, err := s.do(http.MethodPut, fmt.Sprintf("%s?partNumber=%d&uploadId=%s", name, number, url.QueryEscape(id)), body)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d", status)
	}
	return header.Get("ETag"), err
}

// complete answers 200 only if the body is no error: S3 may send the status first.
func (s *plainS3) complete(name, id string, etags []string) (int, error) {
	type part struct {
		PartNumber int
		ETag       string
	}
	order := struct {
		XMLName xml.Name `xml:"CompleteMultipartUpload"`
		Part    []part
	}{}
	for i, e := range etags {
		order.Part = append(order.Part, part{i + 1, e})
	}
	body, err := xml.Marshal(order)
	if err != nil {
		return 0, err
	}
	status, answer, _, err := s.do(http.MethodPost, name+"?uploadId="+url.QueryEscape(id), body)
	if err == nil && status == http.StatusOK {
		var result struct {
			XMLName xml.Name `xml:"CompleteMultipartUploadResult"`
		}
		err = xml.Unmarshal(answer, &result)
	}
	return status, err
}

// listPage is what matters of a ListBucketResult.
type listPage struct {
	IsTruncated           bool
	NextContinuationToken string
	Contents              []struct {
		Key  string
		Size int64
	}
}

// list returns all keys of the bucket, as paths, with their sizes.
func (s *plainS3) list(ctx context.Context) (map[string]int64, error) {
	all := map[string]int64{}
	token := ""
	for {
		var page listPage
		err := s.eventually(ctx, func() (int, error) {
			query := "?list-type=2&max-keys=100"
			if token != "" {
				query += "&continuation-token=" + url.QueryEscape(token)
			}
			status, answer, _, err := s.do(http.MethodGet, "/"+crashBucket+query, nil)
			if err == nil && status == http.StatusOK {
				page = listPage{}
				err = xml.Unmarshal(answer, &page)
			}
			return status, err
		})
		if err != nil {
			return nil, err
		}
		for _, o := range page.Contents {
			all["/"+crashBucket+"/"+o.Key] = o.Size
		}
		if token = page.NextContinuationToken; !page.IsTruncated {
			return all, nil
		}
	}
}
