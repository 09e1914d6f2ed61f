package s3g

import (
	"net/http"
	"time"
)

// writer is the ResponseWriter of handlers. It knows what has left.
type writer struct {
	http.ResponseWriter

	status int   // 0: nothing has been sent
	bytes  int64 // of the body
	abort  bool  // break the connection at the end

	stream *stream // of HTTP/2; nil otherwise
}

// stream sheds the readers of an HTTP/2 stream. In HTTP/1 the connection does
// (conn.go), but a stream can be held back while its connection moves.
type stream struct {
	control  *http.ResponseController
	stall    time.Duration
	deadline time.Time // as last set
}

// newWriter is the writer of the answer to r, whose client may take nothing for the
// stall time.
func newWriter(w http.ResponseWriter, r *http.Request, stall time.Duration) *writer {
	out := &writer{ResponseWriter: w}
	if r.ProtoMajor == 2 {
		out.stream = &stream{control: http.NewResponseController(w), stall: stall}
	}
	return out
}

// Unwrap lets http.ResponseController through.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// standardHeaders are on every answer.
func (w *writer) standardHeaders(id string) {
	h := w.Header()
	h["Server"] = serverHeader
	ids := []string{id}
	h["X-Amz-Request-Id"] = ids
	h["X-Amz-Id-2"] = ids
}

var serverHeader = []string{"Ozone"}

// WriteHeader sends the head of the answer.
func (w *writer) WriteHeader(status int) {
	if status < 200 {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Write sends bytes of the body.
func (w *writer) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	write := w.ResponseWriter.Write
	if w.stream != nil {
		write = func(p []byte) (int, error) { return w.stream.write(w.ResponseWriter, p) }
	}
	n, err := write(p)
	w.bytes += int64(n)
	return n, err
}

// write writes p in pieces that a client of minRate takes in the stall time.
func (s *stream) write(to http.ResponseWriter, p []byte) (done int, err error) {
	for first := true; err == nil && (first || done < len(p)); first = false {
		if now := time.Now(); s.deadline.Sub(now) < s.stall/2 {
			s.deadline = now.Add(s.stall)
			_ = s.control.SetWriteDeadline(s.deadline) // every stream has one
		}
		var n int
		n, err = to.Write(p[done:min(len(p), done+s.piece())])
		done += n
	}
	return done, err
}

func (s *stream) piece() int { return max(1, int(s.stall.Seconds()*minRate/2)) }
