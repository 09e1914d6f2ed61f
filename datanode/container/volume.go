package container

import (
	"context"
	"errors"
	"fmt"
	"path"
	"sync"
	"sync/atomic"
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
	// Mark is a file in Dir that is always there. Where it is missing, the disk is not
	// mounted (any more). Empty: there is none.
	Mark string
	// Failed says why the disk is not to be used, only reported; nil: it is used.
	Failed error
}

// volume is one disk as the set sees it. What touches the disk may never return, so
// nobody but those who asked for just that disk may wait for it: see do.
type volume struct {
	Volume  // its FS is watched
	raw     vfs.FS
	minFree uint64
	onFail  func(error)
	suspect chan<- struct{} // wakes whoever checks disks

	hung    chan struct{} // closed when the disk does not answer
	tending atomic.Bool   // its containers are maintained
	trying  atomic.Bool   // a trial is under way, see TryDisks

	mu     sync.Mutex
	failed error // not nil: isolated until the next start
	stuck  bool  // failed because it does not answer
	usage  vfs.Usage
	at     time.Time // of usage, which is less by what was admitted since
	look   *look     // under way
	trials []bool    // the last checks: failed

	opsMu sync.Mutex
	ops   map[uint64]time.Time // under way, by number: when they began
	opSeq uint64
	tasks int           // goroutines that do and space started
	idle  chan struct{} // closed when there are none; nil: nobody waits for that
}

// newVolume watches over v. onFail is told when it fails.
func newVolume(v Volume, minFree uint64, suspect chan<- struct{}, onFail func(error)) *volume {
	vol := &volume{
		Volume: v, raw: v.FS, minFree: minFree, onFail: onFail, suspect: suspect, failed: v.Failed,
		hung: make(chan struct{}), ops: map[uint64]time.Time{},
	}
	vol.FS = watched{v.FS, vol}
	return vol
}

func (v *volume) containers() string { return path.Join(v.Dir, "containers") }

// broken tells errors of a disk from those of a file, or of one bad sector.
func broken(err error) bool {
	return errors.Is(err, syscall.EIO) || errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.ENODEV)
}

// fail isolates the disk if err says that it, and not the file, is at fault.
func (v *volume) fail(err error) {
	if broken(err) {
		v.isolate(err, false)
	}
}

// isolate takes the disk out of use. stuck says that it does not even answer: then who
// waits for it is sent away, and nobody is let near it.
func (v *volume) isolate(err error, stuck bool) {
	v.mu.Lock()
	first := v.failed == nil
	if first {
		v.failed = err
	}
	if stuck && !v.stuck {
		v.stuck = true
		close(v.hung)
	}
	v.mu.Unlock()
	if first {
		v.onFail(err)
	}
}

// healthy returns why the disk can't be used, or nil.
func (v *volume) healthy() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.failure()
}

func (v *volume) failure() error {
	if v.failed == nil {
		return nil
	}
	return ozerr.Wrap(ozerr.DiskFailed, v.failed, "disk %s has failed", v.Dir)
}

// answers returns an error if the disk is known to hang. A failed one may still be read.
func (v *volume) answers() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.stuck {
		return v.failure()
	}
	return nil
}

// do runs f, which touches the disk, and waits for it until ctx ends or the disk is
// found to hang. Then f ends by itself when, and if, the disk lets it; it must not use
// what its caller takes back. Ask answers before.
func (v *volume) do(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	v.start(func() { done <- f() })
	select {
	case err := <-done:
		return err
	case <-v.hung:
		return v.answers()
	case <-ctx.Done():
		return ozerr.Wrap(ozerr.Timeout, ctx.Err(), "waiting for disk %s", v.Dir)
	}
}

// start runs f on a goroutine that quiet waits for.
func (v *volume) start(f func()) {
	v.opsMu.Lock()
	v.tasks++
	v.opsMu.Unlock()
	go func() {
		f()
		v.opsMu.Lock()
		defer v.opsMu.Unlock()
		if v.tasks--; v.tasks == 0 && v.idle != nil {
			close(v.idle)
			v.idle = nil
		}
	}()
}

// quiet waits until nothing is done on the disk, as far as it answers.
func (v *volume) quiet(ctx context.Context) error {
	v.opsMu.Lock()
	if v.tasks == 0 {
		v.opsMu.Unlock()
		return nil
	}
	if v.idle == nil {
		v.idle = make(chan struct{})
	}
	idle := v.idle
	v.opsMu.Unlock()
	select {
	case <-idle:
		return nil
	case <-v.hung:
		return v.answers()
	case <-ctx.Done():
		return ozerr.Wrap(ozerr.Timeout, ctx.Err(), "waiting for disk %s", v.Dir)
	}
}

// How old a look at the disk's free space may be, and how long one is waited for:
// statfs can hang too, and heartbeats must not.
const (
	usageAge  = 200 * time.Millisecond
	usageWait = time.Second
)

// look is a question for the disk's space that is under way.
type look struct {
	began time.Time
	done  chan struct{}
	err   error
}

// space returns the space of the disk, and what of it is beyond the reserve: as of now
// if fresh and the disk answers soon, else the last that is known.
func (v *volume) space(fresh bool) (u vfs.Usage, room uint64, err error) {
	v.mu.Lock()
	if v.failed == nil && (fresh || time.Since(v.at) > usageAge) {
		err = v.ask()
	}
	u = v.usage
	v.mu.Unlock()
	reserve := min(v.minFree, u.Capacity/10)
	if u.Free > reserve {
		room = u.Free - reserve
	}
	return u, room, err
}

// ask asks the disk for its space, together with whoever is asking, and waits a little.
// v.mu is held, and released meanwhile.
func (v *volume) ask() error {
	l := v.look
	if l == nil {
		l = &look{began: time.Now(), done: make(chan struct{})}
		v.look = l
		v.start(func() { v.answer(l) })
	}
	v.mu.Unlock()
	defer v.mu.Lock()
	t := time.NewTimer(time.Until(l.began.Add(usageWait)))
	defer t.Stop()
	select {
	case <-l.done:
		return l.err
	case <-t.C:
	case <-v.hung:
	}
	return ozerr.New(ozerr.DiskFailed, "disk %s does not answer", v.Dir)
}

func (v *volume) answer(l *look) {
	u, err := v.FS.Usage(v.Dir)
	v.mu.Lock()
	defer v.mu.Unlock()
	if l.err = err; err == nil {
		v.usage, v.at = u, time.Now()
	}
	v.look = nil
	close(l.done)
}

// admit takes n bytes from what is free, or fails if that would touch the reserve.
func (v *volume) admit(n int64) error {
	if err := v.healthy(); err != nil {
		return err
	}
	for _, fresh := range []bool{false, true} { // never refuse on old figures
		_, room, err := v.space(fresh)
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
	d := &dnpb.Disk{Path: v.Dir}
	u, room, err := v.space(true)
	d.Capacity, d.Used, d.Remaining = u.Capacity, u.Capacity-u.Free, room
	if err != nil {
		d.Remaining, d.Reason = 0, err.Error() // not given up yet, but nothing goes there now
	}
	if err := v.healthy(); err != nil {
		d.Failed, d.Remaining, d.Reason = true, 0, err.Error()
	}
	return d
}
