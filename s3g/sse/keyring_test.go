package sse

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func line(id string, b byte) string {
	return id + ":" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune(b)), KeySize))) + "\n"
}

// Rotation: a new first key, and the old objects are still read.
func TestRotation(t *testing.T) {
	old, err := ParseKeyring([]byte("# keys\n\n" + line("k1", 'a')))
	if err != nil {
		t.Fatal(err)
	}
	key := NewDataKey()
	wrapped, id := old.Wrap(key)
	if id != "k1" {
		t.Errorf("wrapped under %q", id)
	}
	rotated, err := ParseKeyring([]byte(line("k2", 'b') + line("k1", 'a')))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := rotated.Unwrap(id, wrapped); err != nil || got != key {
		t.Errorf("after rotation: %v", err)
	}
	if _, id := rotated.Wrap(key); id != "k2" {
		t.Errorf("wrapped under %q", id)
	}
	gone, err := ParseKeyring([]byte(line("k2", 'b')))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gone.Unwrap(id, wrapped); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("without the key: %v", err)
	}
	other, err := ParseKeyring([]byte(line("k1", 'c')))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Unwrap(id, wrapped); !errors.Is(err, ErrWrongKey) {
		t.Errorf("another key of that id: %v", err)
	}
}

func TestParseKeyring(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "comments": "# x\n\n", "no id": ":AAAA\n", "no key": "k1\n", "short": "k1:AAAA\n",
		"no base64": "k1:" + strings.Repeat("!", 44), "twice": line("a", 'x') + line("a", 'y'),
		"spaces": line("a b", 'x'), "long id": line(strings.Repeat("i", maxKeyID+1), 'x'),
	} {
		if k, err := ParseKeyring([]byte(text)); err == nil {
			t.Errorf("%s: %v", name, k)
		} else if strings.Contains(err.Error(), "!!!") {
			t.Errorf("%s: the error tells the key", name)
		}
	}
	if k, err := ParseKeyring([]byte("\r\n" + strings.TrimSpace(line(" k ", 'x')) + "\r\n")); err != nil || k.String() != "[k]" {
		t.Errorf("%v %v", k, err)
	}
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sse.key")
	if _, err := ReadKeyring(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := CreateKeyFile(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	first, err := ReadKeyring(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := CreateKeyFile(path); err != nil {
		t.Fatal(err)
	}
	wrapped, id := first.Wrap(DataKey{7})
	again, err := ReadKeyring(path)
	if err != nil {
		t.Fatal(err)
	}
	if key, err := again.Unwrap(id, wrapped); err != nil || key != (DataKey{7}) {
		t.Errorf("the file was made anew: %v", err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadKeyring(path); err == nil {
		t.Error("a file that everybody may read was taken")
	}
}

// TestCreateKeyFileTogether: of gateways that start at once one makes the file; none sees a
// part of it, and nothing else is left.
func TestCreateKeyFileTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	seen := make([]string, 8)
	var wg sync.WaitGroup
	for i := range seen {
		wg.Go(func() {
			if err := CreateKeyFile(path); err != nil {
				t.Error(err)
				return
			}
			k, err := ReadKeyring(path)
			if err != nil {
				t.Error(err)
				return
			}
			seen[i] = k.String()
		})
	}
	wg.Wait()
	if len(slices.Compact(seen)) != 1 {
		t.Errorf("keys %v", seen)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("%v %v", entries, err)
	}
}

func FuzzParseKeyring(f *testing.F) {
	f.Add([]byte(line("k1", 'a')))
	f.Add([]byte("#\n:\nk:\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := ParseKeyring(text)
		if err != nil {
			return
		}
		wrapped, id := k.Wrap(DataKey{1})
		if key, err := k.Unwrap(id, wrapped); err != nil || key != (DataKey{1}) {
			t.Fatal(err)
		}
	})
}
