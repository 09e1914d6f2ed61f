// Package keyfile keeps keys of 256 bits in files: one line of 64 hex digits, readable
// by their owner only.
package keyfile

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Size of a key in bytes.
const Size = 32

// Parse reads a key from its text. The error does not quote it.
func Parse(text string) ([]byte, error) {
	key, err := hex.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) != Size {
		return nil, fmt.Errorf("a key is %d hex digits, as `openssl rand -hex %d` prints them", 2*Size, Size)
	}
	return key, nil
}

// Load reads the key in the file path.
func Load(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// LoadOrCreate reads the key in path; if there is no such file it makes one, with mode
// 0600, and a random key in it. Of several that do so at once all get the same key.
func LoadOrCreate(path string) (key []byte, created bool, err error) {
	key, err = Load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, false, err
	}
	if created, err = create(path); err != nil {
		return nil, false, fmt.Errorf("make key file: %w", err)
	}
	key, err = Load(path)
	return key, created, err
}

// create makes the file whole, or leaves the one that is there by now.
func create(path string) (bool, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return false, err
	}
	f, err := os.CreateTemp(dir, ".key-") // mode 0600
	if err != nil {
		return false, err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone already, or harmless
	key := make([]byte, Size)
	_, _ = rand.Read(key) // never fails, see crypto/rand
	_, err = f.WriteString(hex.EncodeToString(key) + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return false, err
	}
	if err := os.Link(f.Name(), path); errors.Is(err, fs.ErrExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	d, err := os.Open(dir)
	if err != nil {
		return false, err
	}
	return true, errors.Join(d.Sync(), d.Close())
}
