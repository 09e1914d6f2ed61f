package local

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/conf"
)

// The cluster key is made once: what was encrypted before a restart is read after it.
func TestEncryptionKeySurvives(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sse.key")
	for i := range 2 {
		c := start(t, Options{DataDir: dir})
		if i == 0 {
			do(t, http.MethodPut, c.Endpoint()+"/bucket", nil)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, c.Endpoint()+"/bucket/k", strings.NewReader("content"))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("x-amz-server-side-encryption", "AES256")
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("%v %v", resp, err)
			}
			_ = resp.Body.Close()
			http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		}
		if got := do(t, http.MethodGet, c.Endpoint()+"/bucket/k", nil); string(got) != "content" {
			t.Errorf("read %q", got)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v %v", info, err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Keys that are configured are the ones used, and none is made in the directory.
func TestEncryptionKeysConfigured(t *testing.T) {
	settings := conf.Default()
	if err := settings.Set("ozone.s3g.sse.keys", "b:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=,a:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTM=", "test"); err != nil {
		t.Fatal(err)
	}
	c := start(t, Options{DataDir: t.TempDir(), Conf: settings})
	if _, err := os.Stat(filepath.Join(c.DataDir(), "sse.key")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a key was made: %v", err)
	}
	if err := settings.Set("ozone.s3g.sse.keys", "nonsense", "test"); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), Options{DataDir: t.TempDir(), Conf: settings}); err == nil {
		t.Error("started with keys that are none")
	}
}
