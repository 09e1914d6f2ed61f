package container

import (
	"time"

	"github.com/mini-ozone/mini-ozone/datanode/vfs"
)

// watched is a disk whose operations are watched: one that never ends is found by
// overdue, and an error that is the disk's isolates it. An error of reading may be one
// bad sector: it only asks for a check.
type watched struct {
	vfs.FS
	v *volume
}

// begin notes an operation; the result ends it.
func (v *volume) begin() (end func()) {
	v.opsMu.Lock()
	defer v.opsMu.Unlock()
	v.opSeq++
	n := v.opSeq
	v.ops[n] = time.Now()
	return func() {
		v.opsMu.Lock()
		defer v.opsMu.Unlock()
		delete(v.ops, n)
	}
}

// overdue is how long the oldest operation has been under way.
func (v *volume) overdue(now time.Time) (age time.Duration) {
	v.opsMu.Lock()
	defer v.opsMu.Unlock()
	for _, began := range v.ops {
		age = max(age, now.Sub(began))
	}
	return age
}

// wrote judges the error of an operation that changes the disk.
func (v *volume) wrote(err error) error {
	if err != nil {
		v.fail(err)
	}
	return err
}

// readIt judges the error of one that doesn't.
func (v *volume) readIt(err error) error {
	if err != nil && broken(err) {
		select {
		case v.suspect <- struct{}{}:
		default:
		}
	}
	return err
}

func (w watched) file(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return watchedFile{f, w.v}, nil
}

func (w watched) Create(name string) (vfs.File, error) {
	defer w.v.begin()()
	f, err := w.FS.Create(name)
	return w.file(f, w.v.wrote(err))
}

func (w watched) Open(name string) (vfs.File, error) {
	defer w.v.begin()()
	f, err := w.FS.Open(name)
	return w.file(f, w.v.readIt(err))
}

func (w watched) OpenWrite(name string) (vfs.File, error) {
	defer w.v.begin()()
	f, err := w.FS.OpenWrite(name)
	return w.file(f, w.v.readIt(err))
}

func (w watched) Rename(oldname, newname string) error {
	defer w.v.begin()()
	return w.v.wrote(w.FS.Rename(oldname, newname))
}

func (w watched) Remove(name string) error {
	defer w.v.begin()()
	return w.v.wrote(w.FS.Remove(name))
}

func (w watched) MkdirAll(dir string) error {
	defer w.v.begin()()
	return w.v.wrote(w.FS.MkdirAll(dir))
}

func (w watched) List(dir string) ([]string, error) {
	defer w.v.begin()()
	names, err := w.FS.List(dir)
	return names, w.v.readIt(err)
}

func (w watched) SyncDir(dir string) error {
	defer w.v.begin()()
	return w.v.wrote(w.FS.SyncDir(dir))
}

func (w watched) Usage(dir string) (vfs.Usage, error) {
	defer w.v.begin()()
	u, err := w.FS.Usage(dir)
	return u, w.v.readIt(err)
}

type watchedFile struct {
	vfs.File
	v *volume
}

func (f watchedFile) ReadAt(p []byte, off int64) (int, error) {
	defer f.v.begin()()
	n, err := f.File.ReadAt(p, off)
	return n, f.v.readIt(err)
}

func (f watchedFile) WriteAt(p []byte, off int64) (int, error) {
	defer f.v.begin()()
	n, err := f.File.WriteAt(p, off)
	return n, f.v.wrote(err)
}

func (f watchedFile) Sync() error {
	defer f.v.begin()()
	return f.v.wrote(f.File.Sync())
}

func (f watchedFile) Writeback(off, n int64) error {
	defer f.v.begin()()
	return f.File.Writeback(off, n) // a hint; the sync will tell
}

func (f watchedFile) Truncate(size int64) error {
	defer f.v.begin()()
	return f.v.wrote(f.File.Truncate(size))
}

func (f watchedFile) Size() (int64, error) {
	defer f.v.begin()()
	n, err := f.File.Size()
	return n, f.v.readIt(err)
}

func (f watchedFile) PunchHole(off, n int64) error {
	defer f.v.begin()()
	return f.v.wrote(f.File.PunchHole(off, n))
}

func (f watchedFile) Allocated() (int64, error) {
	defer f.v.begin()()
	n, err := f.File.Allocated()
	return n, f.v.readIt(err)
}

func (f watchedFile) DropCache(off, n int64) error {
	defer f.v.begin()()
	return f.File.DropCache(off, n) // a hint
}

func (f watchedFile) Close() error {
	defer f.v.begin()()
	return f.File.Close()
}
