package raftnode

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"
)

// FuzzRecord: a log record passes its check only if it is what was sealed.
func FuzzRecord(f *testing.F) {
	f.Add(uint64(1), uint64(2), byte(0), []byte("data"), []byte("extensions"))
	f.Add(uint64(0), uint64(0), byte(5), []byte{}, []byte{})
	f.Add(^uint64(0), uint64(1), byte(255), []byte{0}, []byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, index, term uint64, kind byte, data, extensions []byte) {
		l := raft.Log{Index: index, Term: term, Type: raft.LogType(kind), Data: data, Extensions: extensions}
		stored := l
		if openRecord(&stored) && !bytes.Equal(sealRecord(&stored), extensions) {
			t.Error("accepted with another checksum than the right one")
		}
		stored = l
		stored.Extensions = sealRecord(&l)
		if !openRecord(&stored) || !bytes.Equal(stored.Extensions, l.Extensions) {
			t.Error("a sealed record is refused or changed")
		}
	})
}

// FuzzMarkerFile: a damaged marker.json is an error, never another marker.
func FuzzMarkerFile(f *testing.F) {
	f.Add([]byte(`{"CRC32C":0,"Marker":{}}`))
	f.Add([]byte(`{"CRC32C":1,"Marker":null}`))
	f.Add([]byte(`{`))
	f.Add([]byte{})
	dir := f.TempDir()
	s := &snapshots{dir: dir}
	if err := s.setMarker(&marker{Meta: raft.SnapshotMeta{Index: 5, Term: 2, ID: "2-5"}, TableIndex: 5, LogReaches: true}); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(dir, markerFile))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), markerFile)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := readMarker(path)
		if err == nil && m == nil {
			t.Error("a file without a marker is no file")
		}
		if errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	})
}
