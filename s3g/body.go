package s3g

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

// Under pressure, when others wait for the memory that a body in work holds, its client
// must be faster: hasteRate bytes per second over a hasteShare of the stall time.
const (
	hasteRate  = 32 << 10
	hasteShare = 6
)

// body is the request body with a rolling deadline: a client that sends nothing
// for the stall time, or less than minRate over it, is shed. Only time spent
// waiting for the client counts, not the time we take to store.
type body struct {
	io.ReadCloser
	control *http.ResponseController
	stall   time.Duration
	pressed func() bool

	deadline time.Time     // of the connection, as last set
	waited   time.Duration // for the client, in this window
	got      int64         // bytes in this window
}

// newBody wraps r's body; an empty one stays as it is. net/http reads what a
// handler left of a body before it sends the answer, and would wait for ever: so
// the deadline counts from now. It must not end a long download, though; nobody
// wants a body of GET, and it is left unread where the connection ends.
func newBody(r *http.Request, w http.ResponseWriter, cfg Config, pressed func() bool) io.ReadCloser {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return r.Body
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		if r.ProtoMajor == 1 { // in HTTP/2 a stream ends by itself
			w.Header()["Connection"] = []string{"close"}
		}
		return r.Body
	}
	b := &body{ReadCloser: r.Body, control: http.NewResponseController(w), stall: cfg.StallTimeout, pressed: pressed}
	b.extend(time.Now())
	return b
}

// extend gives the client the stall time from now, unless it has half of it left.
func (b *body) extend(now time.Time) {
	if b.deadline.Sub(now) < b.stall/2 {
		b.deadline = now.Add(b.stall)
		_ = b.control.SetReadDeadline(b.deadline) // a recorder in tests has none
	}
}

// Read reads from the client. Too slow a client is RequestTimeout.
func (b *body) Read(p []byte) (int, error) {
	start := time.Now()
	b.extend(start)
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == nil:
		return n, b.account(n, time.Since(start))
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, s3err.RequestTimeout.Wrap(err)
	}
	// The connection may have another request, and the storing may take its time.
	_ = b.control.SetReadDeadline(time.Time{})
	return n, err
}

// refused gives the client of a request that failed d for the rest of the body, which
// net/http reads before it sends the answer.
func (b *body) refused(d time.Duration) {
	_ = b.control.SetReadDeadline(time.Now().Add(min(d, b.stall))) // a recorder in tests has none
}

func (b *body) account(n int, waited time.Duration) error {
	b.waited += waited
	b.got += int64(n)
	if b.waited < b.stall {
		if b.waited >= b.stall/hasteShare && b.got < int64(b.waited.Seconds()*hasteRate) && b.pressed() {
			return s3err.RequestTimeout
		}
		return nil
	}
	if b.got < int64(b.waited.Seconds())*minRate {
		return s3err.RequestTimeout
	}
	b.waited, b.got = 0, 0
	return nil
}
