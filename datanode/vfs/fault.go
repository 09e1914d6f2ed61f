package vfs

import (
	"io"
	"sync"
)

// Kind names an operation for Fault.
type Kind string

// The operations of FS and File.
const (
	OpCreate    Kind = "create"
	OpOpen      Kind = "open"
	OpRename    Kind = "rename"
	OpRemove    Kind = "remove"
	OpMkdir     Kind = "mkdir"
	OpList      Kind = "list"
	OpSyncDir   Kind = "syncdir"
	OpLock      Kind = "lock"
	OpUsage     Kind = "usage"
	OpRead      Kind = "read"
	OpWrite     Kind = "write"
	OpSync      Kind = "sync"
	OpWriteback Kind = "writeback"
	OpTruncate  Kind = "truncate"
	OpSize      Kind = "size"
	OpPunch     Kind = "punch"
	OpAllocated Kind = "allocated"
	OpDropCache Kind = "dropcache"
	OpClose     Kind = "close"
)

// Op is one operation that is about to happen.
type Op struct {
	N    int // how many went before it
	Kind Kind
	Name string
	Off  int64
	Data []byte // a write's bytes; a read's, after it happened
}

// Fault passes operations on to another FS, asking a hook first: an error fails
// the operation, and a hook that waits delays it. A write that fails has stored the
// first half of its bytes, as a full or breaking disk does.
type Fault struct {
	FS
	mu    sync.Mutex
	n     int
	hook  func(Op) error
	after func(Op)
}

var _ FS = (*Fault)(nil)

// NewFault wraps inner. hook may be nil and is called from any goroutine.
func NewFault(inner FS, hook func(Op) error) *Fault { return &Fault{FS: inner, hook: hook} }

// SetHook replaces the hook; nil means no faults.
func (f *Fault) SetHook(hook func(Op) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hook = hook
}

// AfterRead sets what may change the bytes of every read.
func (f *Fault) AfterRead(after func(Op)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.after = after
}

// Count returns the number of operations so far.
func (f *Fault) Count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

// FailNth returns a hook that fails operation n (from 0) and no other.
func FailNth(n int, err error) func(Op) error {
	return func(op Op) error {
		if op.N == n {
			return err
		}
		return nil
	}
}

// FailKind returns a hook that fails every operation of a kind.
func FailKind(kind Kind, err error) func(Op) error {
	return func(op Op) error {
		if op.Kind == kind {
			return err
		}
		return nil
	}
}

func (f *Fault) ask(op Op) error {
	f.mu.Lock()
	op.N = f.n
	f.n++
	hook := f.hook
	f.mu.Unlock()
	if hook == nil {
		return nil
	}
	return hook(op)
}

func (f *Fault) open(kind Kind, name string, open func(string) (File, error)) (File, error) {
	if err := f.ask(Op{Kind: kind, Name: name}); err != nil {
		return nil, err
	}
	inner, err := open(name)
	if err != nil {
		return nil, err
	}
	return &faultFile{File: inner, fs: f, name: name}, nil
}

// Create implements FS.
func (f *Fault) Create(name string) (File, error) { return f.open(OpCreate, name, f.FS.Create) }

// Open implements FS.
func (f *Fault) Open(name string) (File, error) { return f.open(OpOpen, name, f.FS.Open) }

// OpenWrite implements FS.
func (f *Fault) OpenWrite(name string) (File, error) { return f.open(OpOpen, name, f.FS.OpenWrite) }

// Rename implements FS.
func (f *Fault) Rename(oldname, newname string) error {
	if err := f.ask(Op{Kind: OpRename, Name: oldname}); err != nil {
		return err
	}
	return f.FS.Rename(oldname, newname)
}

// Remove implements FS.
func (f *Fault) Remove(name string) error {
	if err := f.ask(Op{Kind: OpRemove, Name: name}); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

// MkdirAll implements FS.
func (f *Fault) MkdirAll(dir string) error {
	if err := f.ask(Op{Kind: OpMkdir, Name: dir}); err != nil {
		return err
	}
	return f.FS.MkdirAll(dir)
}

// List implements FS.
func (f *Fault) List(dir string) ([]string, error) {
	if err := f.ask(Op{Kind: OpList, Name: dir}); err != nil {
		return nil, err
	}
	return f.FS.List(dir)
}

// SyncDir implements FS.
func (f *Fault) SyncDir(dir string) error {
	if err := f.ask(Op{Kind: OpSyncDir, Name: dir}); err != nil {
		return err
	}
	return f.FS.SyncDir(dir)
}

// Lock implements FS.
func (f *Fault) Lock(name string) (io.Closer, error) {
	if err := f.ask(Op{Kind: OpLock, Name: name}); err != nil {
		return nil, err
	}
	return f.FS.Lock(name)
}

// Usage implements FS.
func (f *Fault) Usage(dir string) (Usage, error) {
	if err := f.ask(Op{Kind: OpUsage, Name: dir}); err != nil {
		return Usage{}, err
	}
	return f.FS.Usage(dir)
}

type faultFile struct {
	File
	fs   *Fault
	name string
}

func (f *faultFile) ReadAt(p []byte, off int64) (int, error) {
	op := Op{Kind: OpRead, Name: f.name, Off: off}
	if err := f.fs.ask(op); err != nil {
		return 0, err
	}
	n, err := f.File.ReadAt(p, off)
	f.fs.mu.Lock()
	after := f.fs.after
	f.fs.mu.Unlock()
	if after != nil {
		op.Data = p[:n]
		after(op)
	}
	return n, err
}

func (f *faultFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.fs.ask(Op{Kind: OpWrite, Name: f.name, Off: off, Data: p}); err != nil {
		n, werr := f.File.WriteAt(p[:len(p)/2], off)
		if werr != nil {
			err = werr
		}
		return n, err
	}
	return f.File.WriteAt(p, off)
}

func (f *faultFile) Sync() error {
	if err := f.fs.ask(Op{Kind: OpSync, Name: f.name}); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultFile) Writeback(off, n int64) error {
	if err := f.fs.ask(Op{Kind: OpWriteback, Name: f.name, Off: off}); err != nil {
		return err
	}
	return f.File.Writeback(off, n)
}

func (f *faultFile) Truncate(size int64) error {
	if err := f.fs.ask(Op{Kind: OpTruncate, Name: f.name, Off: size}); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *faultFile) Size() (int64, error) {
	if err := f.fs.ask(Op{Kind: OpSize, Name: f.name}); err != nil {
		return 0, err
	}
	return f.File.Size()
}

func (f *faultFile) PunchHole(off, n int64) error {
	if err := f.fs.ask(Op{Kind: OpPunch, Name: f.name, Off: off}); err != nil {
		return err
	}
	return f.File.PunchHole(off, n)
}

func (f *faultFile) Allocated() (int64, error) {
	if err := f.fs.ask(Op{Kind: OpAllocated, Name: f.name}); err != nil {
		return 0, err
	}
	return f.File.Allocated()
}

func (f *faultFile) DropCache(off, n int64) error {
	if err := f.fs.ask(Op{Kind: OpDropCache, Name: f.name, Off: off}); err != nil {
		return err
	}
	return f.File.DropCache(off, n)
}

func (f *faultFile) Close() error {
	if err := f.fs.ask(Op{Kind: OpClose, Name: f.name}); err != nil {
		_ = f.File.Close() // the descriptor is gone either way
		return err
	}
	return f.File.Close()
}
