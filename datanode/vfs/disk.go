package vfs

import (
	"errors"
	"io"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// Disk is the operating system's file system.
type Disk struct{}

var _ FS = Disk{}

// Create implements FS.
func (Disk) Create(name string) (File, error) {
	return openFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

// Open implements FS.
func (Disk) Open(name string) (File, error) { return openFile(name, os.O_RDONLY) }

// OpenWrite implements FS.
func (Disk) OpenWrite(name string) (File, error) { return openFile(name, os.O_RDWR) }

// Rename implements FS.
func (Disk) Rename(oldname, newname string) error { return os.Rename(oldname, newname) }

// Remove implements FS.
func (Disk) Remove(name string) error { return os.Remove(name) }

// MkdirAll implements FS. Created directories are readable by their owner only.
func (Disk) MkdirAll(dir string) error { return os.MkdirAll(dir, 0o750) }

// List implements FS.
func (Disk) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

// SyncDir implements FS.
func (Disk) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Lock implements FS with flock(2).
func (Disk) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(path.Clean(name), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrLocked
	}
	if err != nil {
		return nil, errors.Join(&os.PathError{Op: "lock", Path: name, Err: err}, f.Close())
	}
	return f, nil
}

// Usage implements FS with statfs(2). Free counts what unprivileged users may take.
func (Disk) Usage(dir string) (Usage, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return Usage{}, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	unit := uint64(st.Bsize)
	return Usage{Capacity: st.Blocks * unit, Free: st.Bavail * unit}, nil
}

type diskFile struct{ *os.File }

func openFile(name string, flag int) (File, error) {
	f, err := os.OpenFile(path.Clean(name), flag, 0o640)
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

// control runs f on the descriptor, which stays open for the duration, and again
// if a signal interrupted it.
func (d diskFile) control(op string, f func(fd int) error) error {
	closed := &os.PathError{Op: op, Path: d.Name(), Err: os.ErrClosed}
	raw, err := d.SyscallConn()
	if err != nil {
		return closed
	}
	var inner error
	if raw.Control(func(fd uintptr) {
		for {
			if inner = f(int(fd)); !errors.Is(inner, unix.EINTR) {
				return
			}
		}
	}) != nil {
		return closed
	}
	if inner != nil {
		return &os.PathError{Op: op, Path: d.Name(), Err: inner}
	}
	return nil
}

func (d diskFile) Sync() error { return d.control("fdatasync", unix.Fdatasync) }

func (d diskFile) Writeback(off, n int64) error {
	return d.control("sync_file_range", func(fd int) error {
		return unix.SyncFileRange(fd, off, n, unix.SYNC_FILE_RANGE_WRITE)
	})
}

func (d diskFile) Size() (int64, error) {
	st, err := d.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

func (d diskFile) PunchHole(off, n int64) error {
	off, n = wholePages(off, n)
	if n <= 0 {
		return nil
	}
	const mode = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
	err := d.control("fallocate", func(fd int) error { return unix.Fallocate(fd, mode, off, n) })
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return err
}

// Allocated implements File with fstat(2), which counts in 512 bytes.
func (d diskFile) Allocated() (int64, error) {
	var st unix.Stat_t
	err := d.control("fstat", func(fd int) error { return unix.Fstat(fd, &st) })
	return st.Blocks * 512, err
}

func (d diskFile) DropCache(off, n int64) error {
	return d.control("fadvise", func(fd int) error { return unix.Fadvise(fd, off, n, unix.FADV_DONTNEED) })
}

// wholePages narrows a range to the pages that lie in it entirely.
func wholePages(off, n int64) (int64, int64) {
	start := (off + PageSize - 1) / PageSize * PageSize
	end := (off + n) / PageSize * PageSize
	return start, end - start
}
