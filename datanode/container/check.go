package container

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path"
	"sync"
	"time"

	"github.com/mini-ozone/mini-ozone/datanode/vfs"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// Check says when a disk that answers wrongly, or not at all, is given up.
type Check struct {
	// Timeout: a disk that has not answered any operation for so long is given up.
	Timeout time.Duration
	// Tests and Tolerated: a disk is given up when, of its last Tests trials, more than
	// Tolerated failed.
	Tests, Tolerated int
	// Size is how many bytes a trial writes.
	Size int
}

// DefaultCheck has Ozone's values, except for its timeout of ten minutes.
func DefaultCheck() Check {
	return Check{Timeout: time.Minute, Tests: 3, Tolerated: 1, Size: 100}
}

// checkFile is what a trial writes, in the volume's directory.
const checkFile = "disk-check.tmp"

// TryDisks tries each disk in use: writes, syncs, reads back and removes a file. It
// returns when every disk has passed or failed, or was found to hang (see Overdue).
// again: one failed, but not yet too often; try again soon.
func (s *Set) TryDisks(ctx context.Context) (again bool) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	for _, v := range s.vols {
		if v.healthy() != nil || !v.trying.CompareAndSwap(false, true) {
			continue
		}
		wg.Go(func() {
			start := time.Now()
			err := v.do(ctx, func() error {
				defer v.trying.Store(false)
				return v.try(s.opt.Check.Size)
			})
			if ctx.Err() != nil {
				return
			}
			s.opt.checked(v.Dir, time.Since(start), err)
			failing := v.judge(err, s.opt.Check)
			mu.Lock()
			defer mu.Unlock()
			again = again || failing
		})
	}
	wg.Wait()
	return again
}

// Overdue gives up disks on which an operation has been under way for too long. Call
// it often; it waits for nothing.
func (s *Set) Overdue(now time.Time) {
	for _, v := range s.vols {
		if age := v.overdue(now); age > s.opt.Check.Timeout && v.answers() == nil {
			v.isolate(ozerr.New(ozerr.DiskFailed, "it has not answered for %v", age.Round(time.Millisecond)), true)
		}
	}
}

// Suspicions is signalled when a disk should be tried soon: it failed to read.
func (s *Set) Suspicions() <-chan struct{} { return s.suspect }

// FailedDisks counts the disks that are out of use, and all.
func (s *Set) FailedDisks() (failed, total int) {
	for _, v := range s.vols {
		if v.healthy() != nil {
			failed++
		}
	}
	return failed, len(s.vols)
}

// judge takes in a trial's result and reports whether another one should follow soon.
func (v *volume) judge(err error, c Check) (again bool) {
	if isFull(err) {
		err = nil // nothing is wrong with it
	}
	v.mu.Lock()
	v.trials = append(v.trials, err != nil)
	v.trials = v.trials[max(0, len(v.trials)-c.Tests):]
	bad := 0
	for _, failed := range v.trials {
		if failed {
			bad++
		}
	}
	v.mu.Unlock()
	if bad > c.Tolerated && err != nil {
		v.isolate(fmt.Errorf("%d of its last %d checks failed: %w", bad, len(v.trials), err), false)
		return false
	}
	return err != nil
}

// try writes, syncs, reads back and removes a file. It goes past the watch over errors,
// for one bad trial is no verdict, but counts as one operation for Overdue.
func (v *volume) try(size int) error {
	defer v.begin()()
	if v.Mark != "" {
		f, err := v.raw.Open(path.Join(v.Dir, v.Mark))
		if err != nil {
			return fmt.Errorf("the directory is not the one it was, perhaps its disk is not mounted: %w", err)
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	name, data := path.Join(v.Dir, checkFile), make([]byte, size)
	rand.Read(data) // never fails
	if err := v.raw.Remove(name); err != nil && !notExist(err) {
		return err
	}
	if err := v.leave(name, data); err != nil {
		return errors.Join(err, v.raw.Remove(name))
	}
	got, err := vfs.ReadFile(v.raw, name, int64(size))
	if err == nil && !bytes.Equal(got, data) {
		err = errors.New("it returns other bytes than were written")
	}
	return errors.Join(err, v.raw.Remove(name))
}

func (v *volume) leave(name string, data []byte) error {
	f, err := v.raw.Create(name)
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(data, 0); err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(f.Sync(), f.Close())
}
