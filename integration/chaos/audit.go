package chaos

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// readers is how many keys the audit reads at a time.
const readers = 8

// audit looks at everything after quiet, twice with a kill of everything between, and
// then behind S3.
func (r *run) audit(ctx context.Context) error {
	first, err := r.readAll(ctx)
	if err != nil {
		return err
	}
	if err := r.dropUploads(ctx); err != nil {
		return err
	}
	if err := r.fleet.restart(ctx); err != nil {
		return fmt.Errorf("after everything was killed: %w", err)
	}
	second, err := r.readAll(ctx)
	if err != nil {
		return err
	}
	for name, v := range first {
		if second[name] != v {
			r.violate("%s was version %d after quiet and is %d after a restart", name, v, second[name])
		}
	}
	if r.cfg.Settle == 0 {
		return nil
	}
	return r.settled(ctx)
}

// readAll reads every key that there ever was and compares the listing; it returns the
// version of each key.
func (r *run) readAll(ctx context.Context) (map[string]int, error) {
	type task struct {
		c *client
		o *object
	}
	var mu sync.Mutex
	found := map[string]int{}
	tasks := make(chan task)
	var wg sync.WaitGroup
	for i := range readers {
		wg.Go(func() {
			for t := range tasks {
				v := r.readOne(ctx, i, t.c, t.o)
				mu.Lock()
				found[t.o.name] = v
				mu.Unlock()
			}
		})
	}
	for _, c := range r.clients {
		for _, o := range c.objects {
			tasks <- task{c, o}
		}
	}
	close(tasks)
	wg.Wait()
	for _, c := range r.clients {
		r.listOne(ctx, c, found)
	}
	return found, ctx.Err()
}

// readOne reads a key until it has an answer, and returns its version, -1 if it has none
// that it may have.
func (r *run) readOne(ctx context.Context, i int, c *client, o *object) int {
	var a *answer
	err := r.eventually(ctx, func() *answer {
		a = r.s3.do(ctx, i, request{method: http.MethodGet, path: objectPath(o.name)})
		return a
	})
	if err != nil {
		r.violate("%s, version %v (last %s), can't be read: %v", o.name, versions(o.may), o.last, err)
		return -1
	}
	v := absent
	if a.ok() {
		v = c.versionOf(o, a.body)
	}
	switch {
	case v < 0:
		r.violate("%s is %s, while it may be version %v (last %s)", o.name, begin(a.body), versions(o.may), o.last)
	case !o.may[v]:
		r.violate("%s is version %d, while it may be %v (last %s)", o.name, v, versions(o.may), o.last)
	}
	return v
}

// listOne compares the listing of a client's keys with what was just read.
func (r *run) listOne(ctx context.Context, c *client, found map[string]int) {
	all, a := list(c.prefix, func(query string) *answer {
		var a *answer
		_ = r.eventually(ctx, func() *answer { // a says what came of it
			a = r.s3.do(ctx, c.w.client, request{method: http.MethodGet, path: "/" + bucket, query: query})
			return a
		})
		return a
	})
	if !a.ok() {
		r.violate("LIST of %s after quiet: %v", c.prefix, a)
		return
	}
	c.compare(all)
	there := map[string]bool{}
	for _, l := range all {
		there[l.key] = true
	}
	for _, o := range c.objects {
		if v := found[o.name]; v >= 0 && there[o.name] != (v != absent) {
			r.violate("%s reads as version %d, but listed: %t", o.name, v, there[o.name])
		}
	}
}

// dropUploads aborts what uploads the faults left behind, so that their parts are nobody's.
func (r *run) dropUploads(ctx context.Context) error {
	type result struct {
		XMLName xml.Name `xml:"ListMultipartUploadsResult"`
		Upload  []struct {
			Key      string
			UploadID string `xml:"UploadId"`
		}
	}
	for {
		var a *answer
		err := r.eventually(ctx, func() *answer {
			a = r.s3.do(ctx, 0, request{method: http.MethodGet, path: "/" + bucket, query: "uploads"})
			return a
		})
		var page result
		if err == nil {
			err = xml.Unmarshal(a.body, &page)
		}
		if err != nil {
			return fmt.Errorf("list uploads: %w", err)
		}
		if len(page.Upload) == 0 {
			return nil
		}
		for _, u := range page.Upload {
			err := r.eventually(ctx, func() *answer {
				return r.s3.do(ctx, 0, request{method: http.MethodDelete, path: objectPath(u.Key), query: "uploadId=" + url.QueryEscape(u.UploadID)})
			})
			if err != nil {
				return fmt.Errorf("abort an upload of %s: %w", u.Key, err)
			}
		}
	}
}

// settled waits until the datanodes have every block on all its replicas and nothing else,
// then reads every replica.
func (r *run) settled(ctx context.Context) error {
	began := time.Now()
	for {
		c, err := r.storage.look(ctx, false)
		why := ""
		if err == nil {
			why = c.exact()
		}
		if err == nil && why == "" {
			break
		}
		if time.Since(began) > r.cfg.Settle {
			r.violate("after %v of quiet: %s %v", r.cfg.Settle, why, err)
			break
		}
		r.sleep(200 * time.Millisecond)
	}
	r.report.LongestSettle = time.Since(began)
	c, err := r.storage.look(ctx, true)
	if err != nil {
		return fmt.Errorf("read every replica: %w", err)
	}
	for _, s := range sample(c.bad) {
		r.violate("%s", s)
	}
	r.report.Stored = fmt.Sprintf("%d blocks of %d bytes in %d containers, %d replicas read, settled in %v",
		c.blocks, c.bytes, c.containers, c.replicas, r.report.LongestSettle.Round(time.Millisecond))
	return nil
}
