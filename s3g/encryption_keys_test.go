package s3g_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/s3g"
	"github.com/mini-ozone/mini-ozone/s3g/sse"
)

// Rotation: gateways with the new key first read what the old one wrapped; a copy in
// place wraps it anew, after which the old key may go. Without its key an object is a
// failure of ours, and gives no byte.
func TestKeyRotation(t *testing.T) {
	store := newStore(t)
	gateway := func(ids ...string) string {
		cfg := s3g.DefaultConfig()
		cfg.ClusterKeys = keyring(t, ids...)
		return serveStore(t, cfg, store, zerolog.Nop()) + "/bucket"
	}
	old, both, fresh := gateway("old"), gateway("new", "old"), gateway("new")
	ask(t, "PUT", old, "")
	if status, _, body := ask(t, "PUT", old+"/k", "content", sseName, "AES256"); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	if status, _, body := ask(t, "GET", both+"/k", ""); status != 200 || body != "content" {
		t.Errorf("with both keys: %d %s", status, body)
	}
	if status, _, body := ask(t, "GET", fresh+"/k", ""); status != 500 || !strings.Contains(body, "<Code>InternalError</Code>") {
		t.Errorf("without the old key: %d %s", status, body)
	}
	if status, _, body := ask(t, "PUT", both+"/k", "", "x-amz-copy-source", "bucket/k", sseName, "AES256"); status != 200 {
		t.Errorf("copy in place: %d %s", status, body)
	}
	if status, _, body := ask(t, "GET", fresh+"/k", ""); status != 200 || body != "content" {
		t.Errorf("wrapped anew: %d %s", status, body)
	}
}

// garbled gives other stored bytes than were written.
type garbled struct{ *store }

func (g garbled) ReadObject(ctx context.Context, o client.Object, off, n int64) client.Reader {
	return garbledReader{g.store.ReadObject(ctx, o, off, n)}
}

type garbledReader struct{ client.Reader }

func (r garbledReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	for i := range p[:n] {
		p[i] ^= 1
	}
	return n, err
}

// What doesn't decrypt is never given out.
func TestDamagedBytes(t *testing.T) {
	store := newStore(t)
	cfg := s3g.DefaultConfig()
	cfg.ClusterKeys = keyring(t, "k1")
	sound, damaged := serveStore(t, cfg, store, zerolog.Nop()), serveStore(t, cfg, garbled{store}, zerolog.Nop())
	ask(t, "PUT", sound+"/bucket", "")
	ask(t, "PUT", sound+"/bucket/k", "content", sseName, "AES256")
	if status, _, body := ask(t, "GET", damaged+"/bucket/k", ""); status != 500 || !strings.Contains(body, "<Code>InternalError</Code>") {
		t.Errorf("%d %s", status, body)
	}
	if status, _, _ := ask(t, "PUT", damaged+"/bucket/copy", "", "x-amz-copy-source", "bucket/k"); status != 500 {
		t.Errorf("copied to plain: %d", status)
	}
	if status, _, _ := ask(t, "HEAD", sound+"/bucket/copy", ""); status != 404 {
		t.Errorf("a damaged copy was stored: %d", status)
	}
}

// The fields of a form encrypt as the headers of a PUT do.
func TestPostEncrypted(t *testing.T) {
	store, url := serveSSE(t)
	for _, k := range kinds() {
		status, h, body := postForm(t, url, "the content of a form", append([]string{"key", k.name}, k.write...)...)
		if status != 204 {
			t.Errorf("%s: %d %s", k.name, status, body)
			continue
		}
		told(t, k.name+" POST", k, h)
		if status, _, body := ask(t, "GET", url+"/"+k.name, "", k.read...); status != 200 || body != "the content of a form" {
			t.Errorf("%s: %d %s", k.name, status, body)
		}
		notInPlain(t, store, k.name, "the content of a form", k.write != nil)
	}
}

// A source that is overwritten, in another encryption each time, while it is copied:
// every copy is one of its versions, whole, and can be read.
func TestCopyOfAMovingSource(t *testing.T) {
	_, url := serveSSE(t)
	managed, plain := kinds()[1], kinds()[0]
	bodies := map[string]bool{}
	var versions []string
	for i := range 4 {
		body := strings.Repeat(string(rune('a'+i)), sse.Chunk+i)
		versions = append(versions, body)
		bodies[body] = true
	}
	ask(t, "PUT", url+"/k", versions[0])
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
				ask(t, "PUT", url+"/k", versions[i%4], [][]string{managed.write, plain.write}[i%2]...)
			}
		}
	})
	for i := range 40 {
		to := [][]string{managed.write, plain.write}[i/2%2]
		status, _, body := ask(t, "PUT", url+"/copy", "", append([]string{"x-amz-copy-source", "bucket/k"}, to...)...)
		if status == 503 { // overwritten again and again
			continue
		}
		if status != 200 {
			t.Errorf("%d %s", status, body)
		}
		if status, _, body := ask(t, "GET", url+"/copy", ""); status != 200 || !bodies[body] {
			t.Errorf("the copy: %d, %d bytes", status, len(body))
		}
	}
	close(done)
	wg.Wait()
}
