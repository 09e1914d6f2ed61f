package container

import (
	"errors"
	"fmt"
	"path"
	"sync"
	"syscall"
	"time"

	"github.com/mini-ozone/mini-ozone/datanode/vfs"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// Volume is a directory on a disk.
type Volume struct {
	Dir string
	FS  vfs.FS
}

// volume is one disk as the set sees it.
type volume struct {
	Volume
	minFree uint64

	mu     sync.Mutex
	failed error     // not nil: isolated until the next start
	usage  vfs.Usage // as of at, less what was admitted since
	at     time.Time
}

// usageAge is how long a look at the disk's free space is believed.
const usageAge = 200 * time.Millisecond

func (v *volume) containers() string { return path.Join(v.Dir, "containers") }

// fail isolates the disk if err says that it, and not the file, is at fault.
func (v *volume) fail(err error) {
	if !errors.Is(err, syscall.EIO) && !errors.Is(err, syscall.EROFS) && !errors.Is(err, syscall.ENODEV) {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.failed == nil {
		v.failed = err
	}
}

// healthy returns why the disk can't be used, or nil.
func (v *volume) healthy() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.failed != nil {
		return ozerr.Wrap(ozerr.DiskFailed, v.failed, "disk %s has failed", v.Dir)
	}
	return nil
}

// look returns the space of the disk, and what of it is beyond the reserve.
func (v *volume) look(fresh bool) (u vfs.Usage, room uint64, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if now := time.Now(); fresh || now.Sub(v.at) > usageAge {
		u, err := v.FS.Usage(v.Dir)
		if err != nil {
			return vfs.Usage{}, 0, err
		}
		v.usage, v.at = u, now
	}
	reserve := min(v.minFree, v.usage.Capacity/10)
	if v.usage.Free > reserve {
		room = v.usage.Free - reserve
	}
	return v.usage, room, nil
}

// admit takes n bytes from what is free, or fails if that would touch the reserve.
func (v *volume) admit(n int64) error {
	if err := v.healthy(); err != nil {
		return err
	}
	for _, fresh := range []bool{false, true} { // never refuse on old figures
		_, room, err := v.look(fresh)
		if err != nil {
			return ozerr.Wrap(ozerr.DiskFailed, err, "free space of %s", v.Dir)
		}
		if room >= uint64(n) {
			v.mu.Lock()
			v.usage.Free -= min(v.usage.Free, uint64(n))
			v.mu.Unlock()
			return nil
		}
	}
	return fmt.Errorf("disk %s: %w", v.Dir, ozerr.New(ozerr.DiskFull, "only the reserve of %d bytes is left", v.minFree))
}

// report describes the disk to om.
func (v *volume) report() *dnpb.Disk {
	d := &dnpb.Disk{Path: v.Dir, Failed: v.healthy() != nil}
	if u, room, err := v.look(true); err == nil {
		d.Capacity, d.Used, d.Remaining = u.Capacity, u.Capacity-u.Free, room
	} else {
		d.Failed = true
	}
	return d
}
