package vfs_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mini-ozone/mini-ozone/datanode/vfs"
)

// TestSuite runs the same tests over every file system.
func TestSuite(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) (vfs.FS, string){
		"disk":  func(t *testing.T) (vfs.FS, string) { return vfs.Disk{}, t.TempDir() },
		"mem":   func(*testing.T) (vfs.FS, string) { return vfs.NewMem(0), "/" },
		"fault": func(*testing.T) (vfs.FS, string) { return vfs.NewFault(vfs.NewMem(0), nil), "/" },
	} {
		t.Run(name, func(t *testing.T) {
			for _, c := range suite {
				t.Run(c.name, func(t *testing.T) {
					fsys, root := open(t)
					dir := root + "/dir"
					if err := fsys.MkdirAll(dir); err != nil {
						t.Fatal(err)
					}
					c.run(t, fsys, dir)
				})
			}
		})
	}
}

var suite = []struct {
	name string
	run  func(t *testing.T, fsys vfs.FS, dir string)
}{
	{"create, write, read", func(t *testing.T, fsys vfs.FS, dir string) {
		f := create(t, fsys, dir+"/a")
		if _, err := f.WriteAt([]byte("hello"), 3); err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 8)
		if n, err := f.ReadAt(p, 0); n != 8 || err != nil || string(p) != "\x00\x00\x00hello" {
			t.Fatalf("%d %v %q", n, err, p)
		}
		if n, err := f.ReadAt(p, 4); n != 4 || err != io.EOF {
			t.Fatalf("short read: %d %v", n, err)
		}
		if n, err := f.ReadAt(p, 8); n != 0 || err != io.EOF {
			t.Fatalf("read at the end: %d %v", n, err)
		}
		if size, err := f.Size(); size != 8 || err != nil {
			t.Fatalf("size %d %v", size, err)
		}
	}},
	{"create twice", func(t *testing.T, fsys vfs.FS, dir string) {
		create(t, fsys, dir+"/a")
		if _, err := fsys.Create(dir + "/a"); !errors.Is(err, fs.ErrExist) {
			t.Fatal(err)
		}
	}},
	{"missing names", func(t *testing.T, fsys vfs.FS, dir string) {
		_, e1 := fsys.Open(dir + "/x")
		_, e2 := fsys.OpenWrite(dir + "/x")
		_, e3 := fsys.List(dir + "/x")
		_, e4 := fsys.Create(dir + "/x/y")
		for i, err := range []error{e1, e2, e3, e4, fsys.Remove(dir + "/x"), fsys.Rename(dir+"/x", dir+"/y"), fsys.SyncDir(dir + "/x")} {
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%d: %v", i, err)
			}
		}
	}},
	{"open for reading can't write", func(t *testing.T, fsys vfs.FS, dir string) {
		create(t, fsys, dir+"/a")
		f, err := fsys.Open(dir + "/a")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteAt([]byte("x"), 0); err == nil {
			t.Fatal("written")
		}
	}},
	{"rename replaces", func(t *testing.T, fsys vfs.FS, dir string) {
		for _, name := range []string{"a", "b"} {
			if err := vfs.WriteFile(fsys, dir+"/"+name, []byte(name)); err != nil {
				t.Fatal(err)
			}
		}
		if err := fsys.Rename(dir+"/a", dir+"/b"); err != nil {
			t.Fatal(err)
		}
		names, err := fsys.List(dir)
		if err != nil || !slices.Equal(names, []string{"b"}) {
			t.Fatalf("%q %v", names, err)
		}
		if b, err := vfs.ReadFile(fsys, dir+"/b", 10); err != nil || string(b) != "a" {
			t.Fatalf("%q %v", b, err)
		}
	}},
	{"removed file stays readable", func(t *testing.T, fsys vfs.FS, dir string) {
		f := create(t, fsys, dir+"/a")
		if _, err := f.WriteAt([]byte("x"), 0); err != nil {
			t.Fatal(err)
		}
		if err := fsys.Remove(dir + "/a"); err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 1)
		if _, err := f.ReadAt(p, 0); err != nil || p[0] != 'x' {
			t.Fatalf("%q %v", p, err)
		}
	}},
	{"truncate and grow reads zeros", func(t *testing.T, fsys vfs.FS, dir string) {
		f := create(t, fsys, dir+"/a")
		if _, err := f.WriteAt(bytes.Repeat([]byte("x"), 100), 0); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Truncate(10), f.Truncate(20)); err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 20)
		if _, err := f.ReadAt(p, 0); err != nil || !bytes.Equal(p, append(bytes.Repeat([]byte("x"), 10), make([]byte, 10)...)) {
			t.Fatalf("%q %v", p, err)
		}
	}},
	{"punch reads zeros", func(t *testing.T, fsys vfs.FS, dir string) {
		f := create(t, fsys, dir+"/a")
		if _, err := f.WriteAt(bytes.Repeat([]byte("x"), 3*vfs.PageSize), 0); err != nil {
			t.Fatal(err)
		}
		if err := f.PunchHole(100, 2*vfs.PageSize); err != nil { // one whole page lies in it
			t.Fatal(err)
		}
		if err := f.PunchHole(100, 200); err != nil { // none
			t.Fatal(err)
		}
		p := make([]byte, 3*vfs.PageSize)
		if _, err := f.ReadAt(p, 0); err != nil {
			t.Fatal(err)
		}
		for i, b := range p {
			hole := i/vfs.PageSize == 1
			if hole != (b == 0) {
				t.Fatalf("byte %d is %q", i, b)
			}
		}
		if size, _ := f.Size(); size != 3*vfs.PageSize {
			t.Fatalf("size %d", size)
		}
		if err := errors.Join(f.Sync(), f.Writeback(0, 4096)); err != nil {
			t.Fatal(err)
		}
	}},
	{"closed file", func(t *testing.T, fsys vfs.FS, dir string) {
		f, err := fsys.Create(dir + "/a")
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		_, e1 := f.ReadAt(make([]byte, 1), 0)
		_, e2 := f.WriteAt(make([]byte, 1), 0)
		for i, err := range []error{e1, e2, f.Sync(), f.Truncate(0), f.Close()} {
			if !errors.Is(err, fs.ErrClosed) {
				t.Errorf("%d: %v", i, err)
			}
		}
	}},
	{"lock", func(t *testing.T, fsys vfs.FS, dir string) {
		l, err := fsys.Lock(dir + "/lock")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fsys.Lock(dir + "/lock"); !errors.Is(err, vfs.ErrLocked) {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if l, err = fsys.Lock(dir + "/lock"); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}},
	{"usage", func(t *testing.T, fsys vfs.FS, dir string) {
		if u, err := fsys.Usage(dir); err != nil || u.Capacity == 0 || u.Free > u.Capacity {
			t.Fatalf("%+v %v", u, err)
		}
	}},
	{"write file", func(t *testing.T, fsys vfs.FS, dir string) {
		f := create(t, fsys, dir+"/a.tmp") // left behind by a crash
		_ = f
		for _, text := range []string{"one", ""} {
			if err := vfs.WriteFile(fsys, dir+"/a", []byte(text)); err != nil {
				t.Fatal(err)
			}
			if b, err := vfs.ReadFile(fsys, dir+"/a", 3); err != nil || string(b) != text {
				t.Fatalf("%q %v", b, err)
			}
		}
		if err := vfs.WriteFile(fsys, dir+"/a", []byte("four")); err != nil {
			t.Fatal(err)
		}
		if _, err := vfs.ReadFile(fsys, dir+"/a", 3); err == nil {
			t.Fatal("read beyond the limit")
		}
	}},
}

func create(t *testing.T, fsys vfs.FS, name string) vfs.File {
	t.Helper()
	f, err := fsys.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func TestMemCrash(t *testing.T) {
	kept, lost, torn := 0, 0, 0
	for seed := range uint64(300) {
		m := vfs.NewMem(0)
		if err := vfs.MkdirSynced(m, "/d"); err != nil {
			t.Fatal(err)
		}
		f := create(t, m, "/d/f")
		old, changed := bytes.Repeat([]byte("o"), 8192), bytes.Repeat([]byte("n"), 8192)
		write(t, f, old, 0)
		if err := errors.Join(f.Sync(), m.SyncDir("/d")); err != nil {
			t.Fatal(err)
		}
		write(t, f, changed, 4096)
		create(t, m, "/d/g")
		after := m.Crash(rand.New(rand.NewPCG(seed, 0)))
		b, err := vfs.ReadFile(after, "/d/f", 1<<20)
		if err != nil || len(b) < 8192 || !bytes.Equal(b[:4096], old[:4096]) {
			t.Fatalf("seed %d: synced bytes are gone: %d %v", seed, len(b), err)
		}
		switch page := b[4096:8192]; {
		case bytes.Equal(page, old[:4096]):
			lost++
		case bytes.Equal(page, changed[:4096]):
			kept++
		default:
			torn++
		}
		killed, err := vfs.ReadFile(m.Kill(), "/d/f", 1<<20)
		if err != nil || !bytes.Equal(killed[4096:], changed) {
			t.Fatalf("seed %d: a kill lost bytes", seed)
		}
	}
	if kept == 0 || lost == 0 || torn == 0 {
		t.Fatalf("kept %d, lost %d, torn %d: a crash should do each at times", kept, lost, torn)
	}
}

func TestMemCrashNames(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(200) {
		m := vfs.NewMem(0)
		if err := vfs.MkdirSynced(m, "/d"); err != nil {
			t.Fatal(err)
		}
		if err := vfs.WriteFile(m, "/d/a", []byte("a")); err != nil {
			t.Fatal(err)
		}
		create(t, m, "/d/b")
		if err := m.Remove("/d/a"); err != nil {
			t.Fatal(err)
		}
		names, err := m.Crash(rand.New(rand.NewPCG(seed, 0))).List("/d")
		if err != nil {
			t.Fatal(err)
		}
		seen[string(bytes.Join(toBytes(names), []byte(",")))]++
	}
	if len(seen) != 4 {
		t.Fatalf("unsynced names should survive or not, one by one: %v", seen)
	}
}

func toBytes(names []string) (out [][]byte) {
	for _, n := range names {
		out = append(out, []byte(n))
	}
	return out
}

func write(t *testing.T, f vfs.File, p []byte, off int64) {
	t.Helper()
	if _, err := f.WriteAt(p, off); err != nil {
		t.Fatal(err)
	}
}

func TestMemCapacity(t *testing.T) {
	m := vfs.NewMem(1000)
	f := create(t, m, "/f")
	if n, err := f.WriteAt(make([]byte, 1500), 0); n != 1000 || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("%d %v", n, err)
	}
	if err := f.Truncate(100); err != nil {
		t.Fatal(err)
	}
	if u, _ := m.Usage("/"); u.Free != 900 {
		t.Fatalf("free %d", u.Free)
	}
	m.SetCapacity(0)
	write(t, f, make([]byte, 5000), 0)
}

func TestFault(t *testing.T) {
	m := vfs.NewMem(0)
	fsys := vfs.NewFault(m, nil)
	f := create(t, fsys, "/f")
	fsys.SetHook(vfs.FailNth(fsys.Count(), syscall.EIO))
	if n, err := f.WriteAt([]byte("abcd"), 0); n != 2 || !errors.Is(err, syscall.EIO) {
		t.Fatalf("%d %v", n, err)
	}
	write(t, f, []byte("abcd"), 0)
	fsys.SetHook(vfs.FailKind(vfs.OpSync, syscall.EIO))
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	fsys.SetHook(nil)
	fsys.AfterRead(func(op vfs.Op) { op.Data[0] ^= 1 })
	p := make([]byte, 4)
	if _, err := f.ReadAt(p, 0); err != nil || string(p) != "`bcd" {
		t.Fatalf("%q %v", p, err)
	}
}

func TestDiskGivesSpaceBack(t *testing.T) {
	dir := t.TempDir()
	f := create(t, vfs.Disk{}, dir+"/f")
	write(t, f, make([]byte, 1<<20), 0)
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	before := blocks(t, dir+"/f")
	if err := f.PunchHole(0, 1<<20); err != nil {
		t.Fatal(err)
	}
	if after := blocks(t, dir+"/f"); after >= before && before > 0 {
		t.Fatalf("%d blocks before, %d after", before, after)
	}
}

func blocks(t *testing.T, name string) int64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(name, &st); err != nil {
		t.Fatal(err)
	}
	return st.Blocks
}
