// Package vfs is the seam between the datanode and its disks.
//
// Disk is the real thing. Mem keeps files in memory and can lose power: only what
// was synced is sure to be found again. Fault wraps another FS and makes chosen
// operations fail. One test suite runs over all of them.
//
// Promises that callers build on, and that Mem takes away exactly where Disk may:
//   - bytes are durable after Sync of their file; before that, any 512 byte piece
//     of an unsynced change may be there or not, whatever the order of writing;
//   - a name is durable after SyncDir of its directory (create, rename, remove);
//   - Rename replaces an existing name atomically.
package vfs

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"syscall"
)

// FS is a file system. Names are slash-separated paths. Errors satisfy errors.Is
// with fs.ErrNotExist, fs.ErrExist, fs.ErrClosed, syscall.ENOSPC and syscall.EIO
// as on Linux. Safe for concurrent use.
type FS interface {
	// Create makes a new empty file, open for reading and writing; it is an error
	// if the name exists.
	Create(name string) (File, error)
	// Open opens an existing file for reading only.
	Open(name string) (File, error)
	// OpenWrite opens an existing file for reading and writing.
	OpenWrite(name string) (File, error)
	// Rename gives a file a new name in the same file system, replacing what was there.
	Rename(oldname, newname string) error
	// Remove unlinks a file. Open handles go on working.
	Remove(name string) error
	// MkdirAll creates a directory and its parents; existing ones are fine.
	MkdirAll(dir string) error
	// List returns the names (not paths) in a directory, sorted.
	List(dir string) ([]string, error)
	// SyncDir makes the entries of a directory durable.
	SyncDir(dir string) error
	// Lock takes an exclusive lock named by a file, which it creates if need be. It
	// fails at once with ErrLocked if another holder, in any process, has it. A lock
	// ends with Close or with the process.
	Lock(name string) (io.Closer, error)
	// Usage tells the space of the file system that holds dir.
	Usage(dir string) (Usage, error)
}

// File is an open file. ReadAt, WriteAt and Sync may be called concurrently.
type File interface {
	io.ReaderAt // io.EOF at the end, as io.ReaderAt has it
	io.WriterAt
	io.Closer
	// Sync returns when all bytes written before the call and the file's length are
	// on stable storage (fdatasync). After an error nothing is known of any byte
	// written since the last success, and calling it again proves nothing.
	Sync() error
	// Writeback asks for the range to be written out soon. It promises nothing.
	Writeback(off, n int64) error
	// Truncate sets the length.
	Truncate(size int64) error
	// Size returns the length.
	Size() (int64, error)
	// PunchHole frees the whole 4 KiB pages in the range, which read as zeros from
	// then on. It does nothing where the file system has no such thing.
	PunchHole(off, n int64) error
	// Allocated returns how many bytes of the disk the file takes, holes left out.
	Allocated() (int64, error)
	// DropCache makes the next reads of the range, which must be durable, come from the
	// disk and not from memory, as far as the system can do that.
	DropCache(off, n int64) error
}

// Usage is the space of a file system in bytes. Free is what we may still use.
type Usage struct {
	Capacity, Free uint64
}

// PageSize is the granularity of PunchHole.
const PageSize = 4096

// ErrLocked is returned by Lock when somebody else has it.
var ErrLocked = errors.New("already locked")

// MkdirSynced is MkdirAll and makes the directory and all above it durable. It does
// so also when they exist: they may have been made by a process that was killed.
// Directories above that we may not read are somebody else's, and skipped.
func MkdirSynced(fsys FS, dir string) error {
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	for d := path.Clean(dir); d != path.Dir(d); {
		d = path.Dir(d)
		if err := fsys.SyncDir(d); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

// WriteFile replaces the file name with data so that after a crash at any moment
// either the old or the new content is there, and after the return the new one.
// It uses name+".tmp" beside it.
func WriteFile(fsys FS, name string, data []byte) error {
	tmp := name + ".tmp"
	if err := fsys.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := fsys.Create(tmp)
	if err != nil {
		return err
	}
	if err := writeSynced(f, data); err != nil {
		return errors.Join(err, fsys.Remove(tmp))
	}
	if err := fsys.Rename(tmp, name); err != nil {
		return errors.Join(err, fsys.Remove(tmp))
	}
	return fsys.SyncDir(path.Dir(name))
}

func writeSynced(f File, data []byte) error {
	if _, err := f.WriteAt(data, 0); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

// ReadFile returns the content of a file of at most limit bytes.
func ReadFile(fsys FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, &fs.PathError{Op: "read", Path: name, Err: syscall.EFBIG}
	}
	data := make([]byte, size)
	if _, err := f.ReadAt(data, 0); err != nil && (err != io.EOF || size > 0) {
		return nil, err
	}
	return data, nil
}
