package integration

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// PowerDisk is a directory whose power can be cut: an ext4 file system in a file,
// mounted through a loop device. Cut stops the file system between two of its own
// steps, without writing its journal or any dirty page (EXT4_IOC_SHUTDOWN with
// NOLOGFLUSH, made for this purpose: xfstests uses it). What programs wrote and did not
// sync is then gone, mmapped pages too, and Restore replays the journal as the kernel
// does after a real power loss. What it cannot show is a disk that lies about its
// cache flush.
//
// It needs root and a kernel that lets us mount; NewPowerDisk says so when it may not.
type PowerDisk struct {
	dir, image string
	mounted    bool
}

// ErrNoPowerDisk: this machine does not let the tests mount a file system.
var ErrNoPowerDisk = errors.New("no loop device or ext4 mount for a power disk")

const (
	ext4Shutdown = 0x8004587d // EXT4_IOC_SHUTDOWN
	noLogFlush   = 2          // EXT4_GOING_FLAGS_NOLOGFLUSH
)

// NewPowerDisk makes an empty file system of size bytes in the file image, and mounts it
// at dir, which is made if need be. The kernel writes nothing back on its own for
// minutes (commit=300), so that what survives is decided by fsync and by Leak.
func NewPowerDisk(ctx context.Context, dir, image string, size int64) (*PowerDisk, error) {
	f, err := os.Create(image)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Truncate(size), f.Close(), os.MkdirAll(dir, 0o750)); err != nil {
		return nil, err
	}
	d := &PowerDisk{dir: dir, image: image}
	if err := runProgram(ctx, "mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,nodiscard", image); err != nil {
		return nil, errors.Join(ErrNoPowerDisk, err, os.Remove(image))
	}
	if err := d.mount(ctx); err != nil {
		return nil, errors.Join(ErrNoPowerDisk, err, os.Remove(image))
	}
	if err := os.Remove(filepath.Join(dir, "lost+found")); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// runProgram runs a program; its output is in the error.
func runProgram(ctx context.Context, program string, args ...string) error {
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %v: %w: %s", program, args, err, out)
	}
	return nil
}

func (d *PowerDisk) mount(ctx context.Context) error {
	err := runProgram(ctx, "mount", "-t", "ext4", "-o", "loop,commit=300", d.image, d.dir)
	d.mounted = err == nil
	return err
}

// Dir is where the file system is mounted.
func (d *PowerDisk) Dir() string { return d.dir }

// Leak makes some unsynced bytes durable, as a kernel may at any time and in any
// order: of each file rng decides whether it is left alone, written back in part, or
// synced. Files that go away meanwhile are no error.
func (d *PowerDisk) Leak(rng *rand.Rand) error {
	err := filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return ignoreGone(err)
		}
		return ignoreGone(leak(path, rng))
	})
	if err != nil || rng.IntN(2) == 0 {
		return err
	}
	return syncPath(d.dir) // and the journal, with all names and lengths
}

func leak(path string, rng *rand.Rand) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	switch rng.IntN(4) {
	case 0:
		return f.Sync()
	case 1:
		const how = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER
		at := rng.Int64N(st.Size() + 1)
		return unix.SyncFileRange(int(f.Fd()), at, rng.Int64N(st.Size()-at+1), how)
	}
	return nil
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Cut takes the power away. Freeze the programs that have files open there first: an
// fsync that is under way meanwhile may return nil though its bytes are lost. End them
// before Restore.
func (d *PowerDisk) Cut() error {
	f, err := os.Open(d.dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), ext4Shutdown, noLogFlush); err != nil {
		return fmt.Errorf("shutdown of %s: %w", d.dir, err)
	}
	return nil
}

// Restore brings the power back: the journal is replayed and the directory shows what
// survived.
func (d *PowerDisk) Restore(ctx context.Context) error {
	if err := d.unmount(ctx); err != nil {
		return err
	}
	if err := d.mount(ctx); err != nil {
		return err
	}
	// Whoever made a mount namespace meanwhile (`ip netns exec`, a container) has a copy of
	// the old mount, and with it the file system that was shut down lives on.
	f, err := os.CreateTemp(d.dir, "restored")
	if err != nil {
		return fmt.Errorf("the power did not come back, does another test with namespaces run beside this one? %w", err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

func (d *PowerDisk) unmount(ctx context.Context) error {
	if !d.mounted {
		return nil
	}
	if err := runProgram(ctx, "umount", d.dir); err != nil {
		return err
	}
	d.mounted = false
	return nil
}

// Close unmounts the file system and removes it.
func (d *PowerDisk) Close() error {
	return errors.Join(d.unmount(context.Background()), os.Remove(d.image))
}
