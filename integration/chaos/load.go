package chaos

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// bucket is where all clients write.
const bucket = "chaos"

const (
	openKeys = 12      // keys of a client that are written at a time
	partSize = 5 << 20 // S3's least size of a part that is not the last
	// retire is how often (one in so many) a key is left as it is for the rest of the run,
	// so that old data is looked at in the end, too.
	retire = 60
)

// object is what is known of a key: the versions it can be. Only a key with an operation
// of unknown outcome has more than one.
type object struct {
	name string
	may  map[int]bool
	etag string // of the one version, "" if not known
	last string // what was acknowledged last, for people
}

// version is the one version of a key nothing is unknown of.
func (o *object) version() int {
	for v := range o.may {
		return v
	}
	return absent
}

// client changes keys of its own, one request at a time, and reads them.
type client struct {
	run      *run
	w        writer
	rng      *rand.Rand
	prefix   string
	objects  []*object   // all there ever were
	open     []*object   // those that may still be changed
	long     map[int]int // length of versions that were made long enough for two parts
	versions int
	pace     *pace
}

func newClient(r *run, id int) *client {
	return &client{
		run: r, w: writer{r.cfg.Seed, id}, rng: rand.New(rand.NewPCG(r.cfg.Seed, uint64(1000+id))),
		prefix: fmt.Sprintf("c%d/", id), long: map[int]int{}, pace: newPace(r.cfg.Rate / float64(r.cfg.Clients)),
	}
}

// work goes on until ctx ends.
func (c *client) work(ctx context.Context) {
	for ctx.Err() == nil {
		for len(c.open) < openKeys {
			o := &object{name: c.prefix + strconv.Itoa(len(c.objects)), may: map[int]bool{absent: true}, last: "nothing"}
			c.objects, c.open = append(c.objects, o), append(c.open, o)
		}
		o := c.open[c.rng.IntN(len(c.open))]
		c.step(o)
		enough := c.rng.IntN(retire) == 0
		c.open = slices.DeleteFunc(c.open, func(k *object) bool { return len(k.may) > 1 || k == o && enough })
		c.pace.wait(ctx)
	}
}

// step does one thing with a key.
func (c *client) step(o *object) {
	switch n := c.rng.IntN(100); {
	case n < 28:
		c.put(o)
	case n < 36:
		c.putIf(o)
	case n < 46:
		c.remove(o)
	case n < 49:
		c.removeSome()
	case n < 54:
		c.upload(o)
	case n < 60:
		c.copyTo(o)
	case n < 82:
		c.get(o)
	case n < 90:
		c.getRange(o)
	case n < 95:
		c.head(o)
	default:
		c.list()
	}
}

func (c *client) next() int {
	c.versions++
	return c.versions
}

// send sends a request to any gateway and notes the answer. What no answer may be, at any
// time, is said here.
func (c *client) send(op, key string, version int, r request) *answer {
	began := time.Now()
	// Not the context of the load: a request that was begun is waited for.
	a := c.run.s3.do(context.Background(), c.rng.IntN(len(c.run.s3.endpoints)), r)
	took := time.Since(began)
	e := entry{At: began, Millis: took.Milliseconds(), Client: c.w.client, Op: op, Key: key, Version: version, Answer: a.String()}
	switch {
	case a.ok():
		e.Outcome = acknowledged
	case a.refused(), a.err == nil && a.status/100 == 4:
		e.Outcome = declined
	default:
		e.Outcome = unknown
	}
	c.run.journal.add(e)
	c.run.count(e)
	switch {
	case a.hung():
		c.run.violate("%s of %s: no answer in %v", op, key, requestTimeout)
	case a.err != nil:
	case a.status >= 400 && r.method != http.MethodHead && a.code() == "":
		c.run.violate("%s of %s: status %d with a body that is no S3 error: %.200q", op, key, a.status, a.body)
	case a.status >= 500 && a.status != http.StatusServiceUnavailable:
		c.run.violate("%s of %s: %s; faults are 503 at the worst", op, key, a)
	}
	if a.refused() {
		c.run.sleep(5 * time.Millisecond) // the gateway is down: no need to ask thousands of times
	}
	return a
}

// settle draws the conclusions from the answer to a change that makes version v the only
// one. It tells whether the change was acknowledged.
func (c *client) settle(o *object, v int, what string, a *answer) bool {
	switch {
	case a.ok():
		o.may = map[int]bool{v: true}
		o.etag = a.header.Get("ETag")
		o.last = fmt.Sprintf("%s of version %d at %s", what, v, time.Now().Format(time.StampMilli))
		return true
	case a.refused():
		return false
	case a.err == nil && a.status/100 == 4:
		return false // the caller knows whether it may be
	}
	o.may[v] = true
	return false
}

// unexpected is a violation unless a was no definite answer.
func (c *client) unexpected(what string, o *object, a *answer) {
	if a.err == nil && a.status < 500 {
		c.run.violate("%s of %s answered %s, while it was version %v (last %s)", what, o.name, a, versions(o.may), o.last)
	}
}

func (c *client) put(o *object) {
	v := c.next()
	a := c.send("PUT", o.name, v, request{method: http.MethodPut, path: objectPath(o.name), body: c.w.content(v)})
	if !c.settle(o, v, "PUT", a) {
		c.unexpected("PUT", o, a)
	}
}

// putIf makes a conditional PUT, of which is known whether it must succeed.
func (c *client) putIf(o *object) {
	v := c.next()
	header, must := map[string]string{"If-None-Match": "*"}, o.version() == absent
	if o.etag != "" && c.rng.IntN(2) == 0 {
		header, must = map[string]string{"If-Match": o.etag}, true
		if c.rng.IntN(3) == 0 {
			header, must = map[string]string{"If-Match": `"0123456789abcdef0123456789abcdef"`}, false
		}
	}
	a := c.send("PUT-IF", o.name, v, request{method: http.MethodPut, path: objectPath(o.name), body: c.w.content(v), header: header})
	switch {
	case a.ok() && !must:
		c.run.violate("PUT of %s with %v succeeded although the key was version %v (last %s)", o.name, header, versions(o.may), o.last)
		c.settle(o, v, "PUT-IF", a)
	case !must && a.err == nil && a.status/100 == 4:
		if a.status != http.StatusPreconditionFailed {
			c.unexpected("PUT-IF", o, a)
		}
	case !must: // no answer, but it can't have happened
	case !c.settle(o, v, "PUT-IF", a):
		c.unexpected("PUT-IF", o, a)
	}
}

func (c *client) remove(o *object) {
	a := c.send("DELETE", o.name, absent, request{method: http.MethodDelete, path: objectPath(o.name)})
	if !c.settle(o, absent, "DELETE", a) {
		c.unexpected("DELETE", o, a)
	}
	o.etag = ""
}

// removeSome deletes several keys with one request.
func (c *client) removeSome() {
	some := c.open[:min(3, len(c.open))]
	var body bytes.Buffer
	body.WriteString("<Delete><Quiet>true</Quiet>")
	for _, o := range some {
		fmt.Fprintf(&body, "<Object><Key>%s</Key></Object>", o.name)
	}
	body.WriteString("</Delete>")
	a := c.send("DELETE-SOME", some[0].name, absent, request{
		method: http.MethodPost, path: "/" + bucket, query: "delete", body: body.Bytes(),
		header: map[string]string{"Content-MD5": md5Of(body.Bytes())},
	})
	// In a success the errors are single keys': what is named there is not known.
	failed := a.ok() && strings.Contains(string(a.body), "<Error>")
	for _, o := range some {
		if failed && strings.Contains(string(a.body), "<Key>"+o.name+"</Key>") {
			o.may[absent] = true
		} else if !c.settle(o, absent, "DELETE-SOME", a) {
			c.unexpected("DELETE-SOME", o, a)
		}
		o.etag = ""
	}
}

// upload writes a version in parts; one in three it aborts. Before Complete is sent nothing
// can happen to the key.
func (c *client) upload(o *object) {
	path := objectPath(o.name)
	created := c.send("CREATE-UPLOAD", o.name, absent, request{method: http.MethodPost, path: path, query: "uploads"})
	if !created.ok() {
		c.unexpected("CREATE-UPLOAD", o, created)
		return
	}
	id, err := created.uploadID()
	if err != nil {
		c.run.violate("CREATE-UPLOAD of %s: %v in %.200q", o.name, err, created.body)
		return
	}
	query := "uploadId=" + url.QueryEscape(id)
	v := c.next()
	body := c.w.content(v)
	if c.rng.IntN(3) == 0 { // two parts
		body = append(body, make([]byte, partSize)...)
		c.long[v] = len(body)
	}
	var etags []string
	for rest := body; len(etags) == 0 || len(rest) > 0; {
		n := min(partSize, len(rest))
		a := c.send("PUT-PART", o.name, v, request{method: http.MethodPut, path: path, body: rest[:n],
			query: fmt.Sprintf("partNumber=%d&%s", len(etags)+1, query)})
		if !a.ok() {
			c.unexpected("PUT-PART", o, a)
			return
		}
		etags, rest = append(etags, a.header.Get("ETag")), rest[n:]
	}
	if c.rng.IntN(3) == 0 {
		if a := c.send("ABORT", o.name, v, request{method: http.MethodDelete, path: path, query: query}); !a.ok() {
			c.unexpected("ABORT", o, a)
		}
		return
	}
	a := c.send("COMPLETE", o.name, v, request{method: http.MethodPost, path: path, query: query, body: completeBody(etags)})
	if a.ok() && !strings.Contains(string(a.body), "<CompleteMultipartUploadResult") {
		c.run.violate("COMPLETE of %s: status 200 with %.200q", o.name, a.body)
	}
	if !c.settle(o, v, "COMPLETE", a) {
		c.unexpected("COMPLETE", o, a)
	}
	o.etag = ""
}

// copyTo makes o a copy of another key, or of itself with other metadata.
func (c *client) copyTo(o *object) {
	src := c.open[c.rng.IntN(len(c.open))]
	if len(src.may) != 1 {
		return
	}
	v := src.version()
	a := c.send("COPY", o.name, v, request{method: http.MethodPut, path: objectPath(o.name), header: map[string]string{
		"X-Amz-Copy-Source": objectPath(src.name), "X-Amz-Metadata-Directive": "REPLACE",
	}})
	switch {
	case v == absent && a.err == nil && a.status == http.StatusNotFound:
	case v == absent && a.ok():
		c.run.violate("COPY of %s succeeded, which was absent (last %s)", src.name, src.last)
	case v == absent: // no answer, but there was nothing to copy
	case a.ok() && !strings.Contains(string(a.body), "<CopyObjectResult"):
		c.run.violate("COPY to %s: status 200 with %.200q", o.name, a.body)
	case !c.settle(o, v, "COPY", a):
		c.unexpected("COPY", o, a)
	}
	o.etag = ""
}

// get checks a key in the middle of it all: an error is no wonder, a wrong answer is a
// violation.
func (c *client) get(o *object) {
	a := c.send("GET", o.name, -1, request{method: http.MethodGet, path: objectPath(o.name)})
	switch {
	case a.ok():
		if v := c.versionOf(o, a.body); v < 0 {
			c.run.violate("GET of %s is %s, while it may be version %v (last %s)", o.name, begin(a.body), versions(o.may), o.last)
		}
	case a.err == nil && a.status == http.StatusNotFound && o.may[absent]:
	default:
		c.unexpected("GET", o, a)
	}
}

// versionOf finds the version whose bytes these are, or -1; the lowest, if several are so
// short (0 bytes, 1 byte) that they are the same.
func (c *client) versionOf(o *object, body []byte) int {
	for _, v := range versions(o.may) {
		if v != absent && bytes.Equal(body, c.bytesOf(v)) {
			return v
		}
	}
	return -1
}

// bytesOf is the content of a version, with the zeros of one that was made long.
func (c *client) bytesOf(v int) []byte {
	body := c.w.content(v)
	return append(body, make([]byte, c.length(v)-len(body))...)
}

// length is how many bytes a version has.
func (c *client) length(v int) int {
	if n, ok := c.long[v]; ok {
		return n
	}
	return c.w.length(v)
}

func (c *client) getRange(o *object) {
	v := o.version()
	if v == absent {
		return
	}
	want := c.bytesOf(v)
	if len(want) == 0 {
		return
	}
	from := c.rng.IntN(len(want))
	to := min(len(want)-1, from+c.rng.IntN(1<<20))
	a := c.send("GET-RANGE", o.name, -1, request{method: http.MethodGet, path: objectPath(o.name),
		header: map[string]string{"Range": fmt.Sprintf("bytes=%d-%d", from, to)}})
	switch {
	case a.ok() && a.status == http.StatusPartialContent && bytes.Equal(a.body, want[from:to+1]):
	case a.ok():
		c.run.violate("GET of %s, bytes %d-%d: status %d, %s, while it is version %d (last %s)", o.name, from, to, a.status, begin(a.body), v, o.last)
	default:
		c.unexpected("GET-RANGE", o, a)
	}
}

func (c *client) head(o *object) {
	a := c.send("HEAD", o.name, -1, request{method: http.MethodHead, path: objectPath(o.name)})
	switch {
	case a.ok():
		if n := c.length(o.version()); o.may[absent] || a.header.Get("Content-Length") != strconv.Itoa(n) {
			c.run.violate("HEAD of %s: %s bytes, while it is version %v of %d (last %s)", o.name, a.header.Get("Content-Length"), versions(o.may), n, o.last)
		}
	case a.err == nil && a.status == http.StatusNotFound && o.may[absent]:
	default:
		c.unexpected("HEAD", o, a)
	}
}

// list compares the listing of the client's keys with what it knows.
func (c *client) list() {
	all, a := list(c.prefix, func(query string) *answer {
		return c.send("LIST", c.prefix, -1, request{method: http.MethodGet, path: "/" + bucket, query: query})
	})
	if !a.ok() {
		if a.status == http.StatusOK {
			c.run.violate("LIST of %s: %v", c.prefix, a)
		}
		return
	}
	c.compare(all)
}

// compare holds a listing of all the client's keys against the model.
func (c *client) compare(all []listed) {
	there := map[string]int64{}
	for i, l := range all {
		if i > 0 && all[i-1].key >= l.key {
			c.run.violate("LIST of %s: %s after %s", c.prefix, l.key, all[i-1].key)
		}
		there[l.key] = l.size
	}
	for _, o := range c.objects {
		size, listed := there[o.name]
		delete(there, o.name)
		if !listed {
			if !o.may[absent] {
				c.run.violate("LIST has no %s, which is version %v (last %s)", o.name, versions(o.may), o.last)
			}
			continue
		}
		fits := false
		for v := range o.may {
			fits = fits || v != absent && int64(c.length(v)) == size
		}
		if !fits {
			c.run.violate("LIST has %s with %d bytes, which may be version %v (last %s)", o.name, size, versions(o.may), o.last)
		}
	}
	for key := range there {
		c.run.violate("LIST has %s, which was never written", key)
	}
}

func objectPath(name string) string { return "/" + bucket + "/" + name }
