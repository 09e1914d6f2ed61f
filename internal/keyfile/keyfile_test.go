package keyfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestLoadOrCreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dir", "x.key")
	if _, err := Load(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var keys [][]byte
	made := 0
	for range 8 { // several programs that start at once
		wg.Go(func() {
			key, created, err := LoadOrCreate(path)
			mu.Lock()
			defer mu.Unlock()
			if err != nil || len(key) != Size {
				t.Errorf("%d bytes, %v", len(key), err)
			}
			if created {
				made++
			}
			keys = append(keys, key)
		})
	}
	wg.Wait()
	for _, key := range keys {
		if !bytes.Equal(key, keys[0]) {
			t.Error("they got different keys")
		}
	}
	if made != 1 || bytes.Equal(keys[0], make([]byte, Size)) {
		t.Errorf("made %d times, %x", made, keys[0])
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("%v %v", left, err)
	}
}

// A file that has no key is an error that does not quote it, and is not replaced.
func TestParse(t *testing.T) {
	good := strings.Repeat("0f", Size)
	for text, ok := range map[string]bool{good: true, good + "\n": true, strings.ToUpper(good): true, "": false, good[2:]: false, "secret": false, good + "00": false} {
		if _, err := Parse(text); (err == nil) != ok || err != nil && text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
	path := filepath.Join(t.TempDir(), "x.key")
	if err := os.WriteFile(path, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, created, err := LoadOrCreate(path); err == nil || created || !strings.Contains(err.Error(), path) {
		t.Errorf("created %t, %v", created, err)
	}
}
