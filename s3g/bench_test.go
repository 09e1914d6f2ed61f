package s3g_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/s3g"
)

// BenchmarkGet and BenchmarkPut hold the handler over the fake store against a
// bare net/http handler that echoes or drops 4 KiB, over loopback. One op is one
// request; the callers are as many as -cpu times 16.
func BenchmarkGet(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 4<<10)
	b.Run("bare", func(b *testing.B) {
		load(b, bare(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			_, _ = w.Write(body)
		}), "GET", nil)
	})
	b.Run("s3g", func(b *testing.B) { load(b, handler(b), "GET", nil) })
}

func BenchmarkPut(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 4<<10)
	b.Run("bare", func(b *testing.B) {
		load(b, bare(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }), "PUT", body)
	})
	b.Run("s3g", func(b *testing.B) { load(b, handler(b), "PUT", body) })
}

// BenchmarkHandler is the gateway's own part, without a network.
func BenchmarkHandler(b *testing.B) {
	b.Run("get", func(b *testing.B) { direct(b, "GET", nil) })
	b.Run("put", func(b *testing.B) { direct(b, "PUT", bytes.Repeat([]byte("x"), 4<<10)) })
}

func direct(b *testing.B, method string, body []byte) {
	h := handler(b)
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(method, "/bench/k", bytes.NewReader(body))
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
		w := nullWriter{http.Header{}}
		h.ServeHTTP(w, r)
	}
}

type nullWriter struct{ h http.Header }

func (w nullWriter) Header() http.Header         { return w.h }
func (w nullWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w nullWriter) WriteHeader(int)             {}

func bare(h http.HandlerFunc) http.Handler { return h }

// handler is a gateway whose fake store has /bench/k.
func handler(b *testing.B) http.Handler {
	store := newStore(b)
	ref := client.KeyRef{BucketRef: client.S3Bucket("bench"), Key: "k"}
	if _, err := store.CreateBucket(b.Context(), client.CreateBucketOptions{Volume: "s3bench", Bucket: "bench", S3: true}); err != nil {
		b.Fatal(err)
	}
	o := client.PutOptions{Seal: func(int64) (client.Sealed, error) { return client.Sealed{ETag: strings.Repeat("0", 32)}, nil }}
	if _, err := store.PutObject(b.Context(), ref, bytes.NewReader(make([]byte, 4<<10)), o); err != nil {
		b.Fatal(err)
	}
	h, err := s3g.Handler(s3g.DefaultConfig(), store, zerolog.Nop())
	if err != nil {
		b.Fatal(err)
	}
	return h
}

func load(b *testing.B, h http.Handler, method string, body []byte) {
	srv := httptest.NewServer(h)
	defer srv.Close()
	date := time.Now().UTC()
	hc := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	defer hc.CloseIdleConnections()
	b.SetParallelism(16)
	b.SetBytes(4 << 10)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			send(b, hc, method, srv.URL+"/bench/k", body, date)
		}
	})
}

func send(b *testing.B, hc *http.Client, method, url string, body []byte, date time.Time) {
	req, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=bench/"+date.Format("20060102")+"/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("0", 64))
	req.Header.Set("X-Amz-Date", date.Format("20060102T150405Z"))
	req.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	resp, err := hc.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b.Fatal(resp.Status)
	}
}
