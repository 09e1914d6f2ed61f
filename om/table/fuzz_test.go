package table

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// FuzzKeyRow: no value of a key row makes reading it panic, and what is accepted is
// made of the value's own bytes.
func FuzzKeyRow(f *testing.F) {
	row, err := join(&ompb.KeyInfo{Key: "k", Size: 3, Etag: "e"}, body{}, &ompb.KeyInfo{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(row)
	large, err := join(&ompb.KeyInfo{Key: "k"}, body{chunks: 2, index: 9, ordinal: 1}, &ompb.KeyInfo{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(large)
	f.Add([]byte{})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, v []byte) {
		h, _, rest, err := split(v)
		if err == nil && len(h)+len(rest) > len(v) {
			t.Error("more came out than went in")
		}
		_ = head(v, &ompb.KeyInfo{}) // an error or not: no panic
	})
}

// FuzzMarker: only a marker whose checksum is right is read.
func FuzzMarker(f *testing.F) {
	dir := f.TempDir()
	if err := writeMarker(dir, position{5, 2}, syncFile); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(dir, markerName))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, markerName), b, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := readMarker(dir)
		if err != nil {
			return
		}
		want := binary.BigEndian.AppendUint64([]byte(markerMagic), p.index)
		want = binary.BigEndian.AppendUint64(want, p.term)
		want = binary.BigEndian.AppendUint32(want, crc32.Checksum(want, castagnoli))
		if !bytes.Equal(want, b) {
			t.Errorf("accepted %x as %v", b, p)
		}
	})
}

// FuzzNames: names come back as they were written, whatever bytes they have.
func FuzzNames(f *testing.F) {
	f.Add("a\x00b")
	f.Add("")
	f.Add("\x00\xff\x00")
	f.Fuzz(func(t *testing.T, s string) {
		if got := versionName(VersionKey(3, s, 4, 5)); got != s {
			t.Errorf("%q came back as %q", s, got)
		}
	})
}
