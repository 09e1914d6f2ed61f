// Package bench measures the floors of speed: our figures beside the best that
// this machine can do at the same moment (a bare net/http handler, loopback TCP,
// one core's MD5). Machines are noisy, so ours and theirs take turns and the
// ratio of medians counts, not the figure.
package bench

import (
	"bytes"
	"context"
	"crypto/md5"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Small and Large are the object sizes of the rows.
const (
	Small = 4 << 10
	Large = 64 << 20
)

// Load is a closed loop of callers against one HTTP server.
type Load struct {
	URL     string // bucket URL, keys are appended
	Callers int
	Client  *http.Client
}

// NewLoad returns a load of n callers with a connection each.
func NewLoad(url string, n int) *Load {
	return &Load{URL: url, Callers: n, Client: &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: n, DisableCompression: true, ReadBufferSize: 64 << 10, WriteBufferSize: 64 << 10}}}
}

// Rate is requests per second over d of what do does, each call with its own
// number. The first error ends it.
func (l *Load) Rate(ctx context.Context, d time.Duration, do func(ctx context.Context, n int64) error) (float64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var done, next atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for range l.Callers {
		wg.Go(func() {
			for time.Since(start) < d && ctx.Err() == nil {
				if err := do(ctx, next.Add(1)); err != nil {
					cancel(err)
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	return float64(done.Load()) / time.Since(start).Seconds(), nil
}

// Put stores body under a key and checks for 200.
func (l *Load) Put(ctx context.Context, key string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, l.URL+key, bytes.NewReader(body))
	if err != nil {
		return err
	}
	return l.do(req, 0)
}

// Get reads a key whole and checks the status and the length.
func (l *Load) Get(ctx context.Context, key string, size int64) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.URL+key, nil)
	if err != nil {
		return err
	}
	return l.do(req, size)
}

func (l *Load) do(req *http.Request, size int64) error {
	resp, err := l.Client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || n < size {
		return fmt.Errorf("%s %s: %s, %d bytes", req.Method, req.URL, resp.Status, n)
	}
	return nil
}

// Bare serves the best that net/http can do: PUT drops the body, GET sends 4 KiB.
// It returns when ctx ends.
func Bare(ctx context.Context, l net.Listener) error {
	body := make([]byte, Small)
	srv := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = w.Write(body)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
	})}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// TCP sends Large bytes over loopback as often as asked and returns MB/s.
func TCP(ctx context.Context, times int) (float64, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	block := make([]byte, 1<<20)
	served := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			for i := 0; err == nil && i < times*Large/len(block); i++ {
				_, err = conn.Write(block)
			}
			_ = conn.Close()
		}
		served <- err
	}()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", l.Addr().String())
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	start := time.Now()
	buf := make([]byte, 256<<10)
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{conn}, buf)
	if err != nil {
		return 0, err
	}
	rate := float64(n) / 1e6 / time.Since(start).Seconds()
	return rate, <-served
}

// MD5 is one core's speed over Large bytes, in MB/s.
func MD5(body []byte) float64 {
	start := time.Now()
	md5.Sum(body)
	return float64(len(body)) / 1e6 / time.Since(start).Seconds()
}

// Median of the rounds.
func Median(v []float64) float64 {
	s := slices.Clone(v)
	slices.Sort(s)
	return s[len(s)/2]
}
