package raftnode

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"
)

// After a snapshot was installed, raft drops the log before it. If the process died
// in between, the log would have a gap that raft-wal refuses to append behind.
func TestOlderLogBehindAnInstalledSnapshotIsDropped(t *testing.T) {
	tests := []struct {
		marker, applied, last uint64
		wantLast              uint64
		wantErr               bool
	}{
		{marker: 100, applied: 100, last: 5, wantLast: 0},
		{marker: 100, applied: 120, last: 5, wantLast: 0},
		{marker: 5, applied: 5, last: 5, wantLast: 5},
		{marker: 3, applied: 5, last: 5, wantLast: 5},
		{marker: 100, applied: 99, last: 5, wantLast: 5, wantErr: true},
	}
	for _, tt := range tests {
		dir := t.TempDir()
		logs, err := openLogStore(filepath.Join(dir, "log"), 1<<20, func(err error) { t.Error(err) })
		if err != nil {
			t.Fatal(err)
		}
		for i := range tt.last {
			if err := logs.StoreLog(&raft.Log{Index: i + 1, Term: 1}); err != nil {
				t.Fatal(err)
			}
		}
		s, err := openSnapshots(filepath.Join(dir, "snapshot"), logs)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.setMarker(&marker{Meta: raft.SnapshotMeta{Index: tt.marker, Term: 1}, TableIndex: tt.marker}); err != nil {
			t.Fatal(err)
		}
		if s, err = openSnapshots(s.dir, logs); err != nil || s.index() != tt.marker {
			t.Fatalf("marker %d, %v", s.index(), err)
		}
		if err := s.check(tt.applied, 0); (err != nil) != tt.wantErr {
			t.Errorf("%+v: %v", tt, err)
		}
		if last, err := logs.LastIndex(); err != nil || last != tt.wantLast {
			t.Errorf("%+v: the log ends at %d, %v", tt, last, err)
		}
		if !tt.wantErr && tt.wantLast == 0 {
			if err := logs.StoreLog(&raft.Log{Index: tt.marker + 1, Term: 1}); err != nil {
				t.Errorf("%+v: %v", tt, err)
			}
		}
		if err := logs.close(); err != nil {
			t.Error(err)
		}
	}
}

// TestLogThatLostItsEnd: raft-wal takes a log that was cut for one whose last write was
// torn, and goes on with what is left. Acknowledged entries would be gone, or, behind a
// marker, new ones be taken for old.
func TestLogThatLostItsEnd(t *testing.T) {
	for _, tt := range []struct {
		last, marker, newest uint64
		installing           bool
		refused              bool
	}{
		{last: 9, marker: 5, newest: 9},
		{last: 9, marker: 5, newest: 7},
		{last: 8, marker: 5, newest: 9, refused: true},
		{last: 4, marker: 5, newest: 5, refused: true},
		{last: 0, marker: 5, newest: 5, refused: true},
		{last: 8, marker: 5, newest: 9, installing: true},
		{last: 9, marker: 5, newest: 9, installing: true}, // killed between marker and the end
	} {
		dir := t.TempDir()
		logs, err := openLogStore(filepath.Join(dir, "log"), 1<<20, func(err error) { t.Error(err) })
		if err != nil {
			t.Fatal(err)
		}
		for i := range tt.last {
			if err := logs.StoreLog(&raft.Log{Index: i + 1, Term: 1}); err != nil {
				t.Fatal(err)
			}
		}
		s, err := openSnapshots(filepath.Join(dir, "snapshot"), logs)
		if err != nil {
			t.Fatal(err)
		}
		m := &marker{Meta: raft.SnapshotMeta{Index: tt.marker, Term: 1}, TableIndex: tt.marker, LogReaches: true}
		if err := s.setMarker(m); err != nil {
			t.Fatal(err)
		}
		if tt.installing {
			if err := s.installing(); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.check(tt.marker, tt.newest); errors.Is(err, ErrCorruptLog) != tt.refused || !tt.refused && err != nil {
			t.Errorf("%+v: %v", tt, err)
		}
		if left, err := s.wasInstalling(); err != nil || left != (tt.installing && tt.newest > tt.last) {
			t.Errorf("%+v: the note of an installation is left: %t, %v", tt, left, err)
		}
		if err := logs.close(); err != nil {
			t.Error(err)
		}
	}
}

// A marker never goes back: one of our own may end after a newer was received.
func TestMarkerNeverGoesBack(t *testing.T) {
	s, err := openSnapshots(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []uint64{5, 9, 7} {
		if err := s.setMarker(&marker{Meta: raft.SnapshotMeta{Index: i}}); err != nil {
			t.Fatal(err)
		}
	}
	if s.index() != 9 {
		t.Errorf("marker at %d", s.index())
	}
}
