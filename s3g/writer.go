package s3g

import "net/http"

// writer is the ResponseWriter of handlers. It knows what has left.
type writer struct {
	http.ResponseWriter

	status int   // 0: nothing has been sent
	bytes  int64 // of the body
	abort  bool  // break the connection at the end
}

func newWriter(w http.ResponseWriter) *writer { return &writer{ResponseWriter: w} }

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
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}
