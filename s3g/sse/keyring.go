package sse

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// KindS3 and the others are the kinds of encryption, as om keeps them.
const (
	KindS3       = "SSE-S3"
	KindCustomer = "SSE-C"
	KindKMS      = "SSE-KMS"
)

// ErrUnknownKey says that an object was encrypted under a cluster key that isn't in
// the keyring any more.
var ErrUnknownKey = errors.New("sse: no cluster key of that id")

// Keyring has the cluster's keys: the first one wraps the data keys of new objects,
// all of them unwrap. Adding a new first one is rotation; objects keep the wrapping
// they have until they are copied.
type Keyring struct {
	ids  []string
	keys map[string][]byte
}

// maxKeyID is the longest id of a key; om bounds it too.
const maxKeyID = 64

// ParseKeyring reads lines `id:base64 of 32 bytes`, the current key first. Empty
// lines and those that start with # are skipped. Errors name lines, never keys.
func ParseKeyring(text []byte) (*Keyring, error) {
	k := &Keyring{keys: map[string][]byte{}}
	for i, line := range bytes.Split(text, []byte("\n")) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		id, value, _ := strings.Cut(string(line), ":")
		key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
		id = strings.TrimSpace(id)
		switch {
		case id == "" || len(id) > maxKeyID || strings.ContainsAny(id, " \t"):
			return nil, fmt.Errorf("sse: line %d: want id:key, with an id of 1 to %d characters", i+1, maxKeyID)
		case err != nil || len(key) != KeySize:
			return nil, fmt.Errorf("sse: line %d: the key is not base64 of %d bytes", i+1, KeySize)
		case k.keys[id] != nil:
			return nil, fmt.Errorf("sse: line %d: a second key %q", i+1, id)
		}
		k.ids = append(k.ids, id)
		k.keys[id] = key
	}
	if len(k.ids) == 0 {
		return nil, errors.New("sse: no key")
	}
	return k, nil
}

// ReadKeyring reads a file of keys, which only its owner (and its group) may read.
func ReadKeyring(path string) (*Keyring, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("sse: %w", err)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return nil, fmt.Errorf("sse: %s may be read by everybody (mode %#o): take that away", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("sse: %w", err)
	}
	k, err := ParseKeyring(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

// CreateKeyFile writes a file with one new key, mode 0600, unless it is there. The file
// has its name only once it is whole and durable, and the name is durable on return:
// what is encrypted under a key that a crash took is lost.
func CreateKeyFile(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600
	if err != nil {
		return fmt.Errorf("sse: %w", err)
	}
	_, err = f.WriteString(newKeyLine())
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Link(f.Name(), path)
	}
	if errors.Is(err, fs.ErrExist) { // another gateway was first
		err = nil
	}
	return errors.Join(err, os.Remove(f.Name()), syncDir(filepath.Dir(path)))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func newKeyLine() string {
	key := NewDataKey()
	var id [4]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:]) + ":" + base64.StdEncoding.EncodeToString(key[:]) + "\n"
}

// String tells the ids of the keys, not the keys.
func (k *Keyring) String() string { return fmt.Sprint(k.ids) }

// GoString keeps the keys out of logs.
func (k *Keyring) GoString() string { return k.String() }

// Wrap wraps a data key under the current key, whose id it returns.
func (k *Keyring) Wrap(key DataKey) (wrapped []byte, id string) {
	id = k.ids[0]
	return Wrap(k.keys[id], KindS3, id, key), id
}

// Unwrap is the inverse of Wrap: ErrUnknownKey if the key of that id is gone,
// ErrWrongKey if it is another one.
func (k *Keyring) Unwrap(id string, wrapped []byte) (DataKey, error) {
	master := k.keys[id]
	if master == nil {
		return DataKey{}, fmt.Errorf("%w: %q", ErrUnknownKey, id)
	}
	return Unwrap(master, KindS3, id, wrapped)
}
