package raftnode

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// An om that may open too few files, or has a full disk, is not damaged: its state must
// stay where it is. badger and raft put only the text of such an error into theirs.
func TestDamageTells(t *testing.T) {
	for _, c := range []struct {
		err     error
		damaged bool
	}{
		{errors.New("checksum differs"), true},
		{&fs.PathError{Op: "open", Path: "MANIFEST", Err: syscall.ENOENT}, true},
		{&fs.PathError{Op: "open", Path: "MANIFEST", Err: syscall.EIO}, false},
		{fmt.Errorf("Error while opening memtable err: %+v", &fs.PathError{Op: "open", Path: "1.mem", Err: syscall.ENOSPC}), false},
		{fmt.Errorf("while mmapping file: 1.sst err: %+v", syscall.ENOMEM), false},
		{fmt.Errorf("%w: failed to read header: %s", errors.New("WAL is corrupt"), syscall.EIO), false},
		{fmt.Errorf("open 1.sst: %v", syscall.EACCES), false},
		{fmt.Errorf("failed to get last log at index 7: %v", &fs.PathError{Op: "open", Path: "7.wal", Err: syscall.EMFILE}), false},
	} {
		if got := errors.Is(damage(c.err), ErrDamaged); got != c.damaged {
			t.Errorf("%v: damaged is %t", c.err, got)
		}
		if got := errors.Is(guarded(func() error { panic(c.err) }), ErrDamaged); got != c.damaged {
			t.Errorf("panic of %v: damaged is %t", c.err, got)
		}
	}
}

// Of two processes that both found damage only one may move the state: the other has
// begun anew in the directory by then.
func TestSetAsideNeedsTheDirectory(t *testing.T) {
	n := openOne(t, oneConfig(t, t.TempDir()))
	defer closeNode(t, n)
	if aside, err := SetAside(n.cfg.Dir, time.Now()); err == nil {
		t.Fatalf("the state of a running om was moved to %s", aside)
	}
	if _, err := os.Stat(filepath.Join(n.cfg.Dir, "log")); err != nil {
		t.Error(err)
	}
}

// A disk that damages its files again and again must not fill up with what is set aside.
func TestSetAsideHasALimit(t *testing.T) {
	dir := t.TempDir()
	for i := range maxAside + 1 {
		if err := os.MkdirAll(filepath.Join(dir, "log"), 0o750); err != nil {
			t.Fatal(err)
		}
		_, err := SetAside(dir, time.Unix(int64(i), 0))
		if (err != nil) != (i == maxAside) {
			t.Errorf("number %d: %v", i+1, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "log")); err != nil {
		t.Errorf("refused, and moved all the same: %v", err)
	}
}
