package vfs

import (
	"io"
	"io/fs"
	"slices"
	"sync/atomic"
	"syscall"
)

// memFile is a handle on a memNode.
type memFile struct {
	fs       *Mem
	node     *memNode
	name     string
	writable bool
	closed   atomic.Bool
}

func (f *memFile) check(op string, write bool) error {
	if f.closed.Load() {
		return &fs.PathError{Op: op, Path: f.name, Err: fs.ErrClosed}
	}
	if write && !f.writable {
		return &fs.PathError{Op: op, Path: f.name, Err: syscall.EBADF}
	}
	return nil
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.check("read", false); err != nil {
		return 0, err
	}
	n := f.node
	n.mu.RLock()
	defer n.mu.RUnlock()
	if off >= int64(len(n.data)) {
		return 0, io.EOF
	}
	c := copy(p, n.data[off:])
	if c < len(p) {
		return c, io.EOF
	}
	return c, nil
}

// WriteAt stores as much as there is room for.
func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.check("write", true); err != nil {
		return 0, err
	}
	room := f.fs.room()
	n := f.node
	n.mu.Lock()
	defer n.mu.Unlock()
	full := false
	if grow := off + int64(len(p)) - int64(len(n.data)); grow > room {
		p, full = p[:max(0, int64(len(p))-(grow-room))], true
	}
	if end := off + int64(len(p)); end > int64(len(n.data)) && len(p) > 0 {
		n.resize(end)
	}
	copy(n.data[min(off, int64(len(n.data))):], p)
	n.touch(off, off+int64(len(p)))
	if full {
		return len(p), &fs.PathError{Op: "write", Path: f.name, Err: syscall.ENOSPC}
	}
	return len(p), nil
}

func (n *memNode) resize(size int64) {
	old := int64(len(n.data))
	if size < old {
		clear(n.data[size:])
		n.data = n.data[:size]
	} else if size <= int64(cap(n.data)) {
		n.data = n.data[:size]
	} else {
		grown := make([]byte, size, max(size, 2*old))
		copy(grown, n.data)
		n.data = grown
	}
	n.touch(min(old, size), max(old, size))
}

// touch notes that [lo,hi) may differ from what is on the disk.
func (n *memNode) touch(lo, hi int64) {
	if lo >= hi {
		return
	}
	if n.lo == n.hi {
		n.lo, n.hi = lo, hi
		return
	}
	n.lo, n.hi = min(n.lo, lo), max(n.hi, hi)
}

func (f *memFile) Sync() error {
	if err := f.check("sync", false); err != nil {
		return err
	}
	n := f.node
	n.mu.Lock()
	defer n.mu.Unlock()
	size := len(n.data)
	if cap(n.synced) < size {
		grown := make([]byte, len(n.synced), cap(n.data))
		copy(grown, n.synced)
		n.synced = grown
	}
	n.synced = n.synced[:size]
	if hi := min(n.hi, int64(size)); n.lo < hi {
		copy(n.synced[n.lo:hi], n.data[n.lo:hi])
	}
	n.lo, n.hi = 0, 0
	return nil
}

func (f *memFile) Writeback(_, _ int64) error { return f.check("writeback", false) }

func (f *memFile) Truncate(size int64) error {
	if err := f.check("truncate", true); err != nil {
		return err
	}
	f.node.mu.Lock()
	defer f.node.mu.Unlock()
	f.node.resize(size)
	return nil
}

func (f *memFile) Size() (int64, error) {
	if err := f.check("stat", false); err != nil {
		return 0, err
	}
	f.node.mu.RLock()
	defer f.node.mu.RUnlock()
	return int64(len(f.node.data)), nil
}

func (f *memFile) PunchHole(off, n int64) error {
	if err := f.check("punch", true); err != nil {
		return err
	}
	off, n = wholePages(off, n)
	f.node.mu.Lock()
	defer f.node.mu.Unlock()
	end := min(off+n, int64(len(f.node.data)))
	if off < end {
		clear(f.node.data[off:end])
		f.node.touch(off, end)
	}
	return nil
}

// Allocated counts the pages that are not all zeros: it takes those for holes.
func (f *memFile) Allocated() (int64, error) {
	if err := f.check("stat", false); err != nil {
		return 0, err
	}
	f.node.mu.RLock()
	defer f.node.mu.RUnlock()
	var n int64
	for page := range slices.Chunk(f.node.data, PageSize) {
		if !allZero(page) {
			n += PageSize
		}
	}
	return n, nil
}

func allZero(p []byte) bool {
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}

func (f *memFile) DropCache(_, _ int64) error { return f.check("fadvise", false) }

func (f *memFile) Close() error {
	if f.closed.Swap(true) {
		return &fs.PathError{Op: "close", Path: f.name, Err: fs.ErrClosed}
	}
	return nil
}
