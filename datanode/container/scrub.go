package container

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"sync"
	"time"

	"github.com/mini-ozone/mini-ozone/datanode/chunk"
	"github.com/mini-ozone/mini-ozone/datanode/vfs"
	"github.com/mini-ozone/mini-ozone/internal/crc32c"
	"github.com/mini-ozone/mini-ozone/internal/failpoint"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// ScrubState is how far the verification of a volume has come. It is kept in the file
// "scrub" of the volume's directory, so that passes end however often we are restarted.
type ScrubState struct {
	Container uint64    `json:"container"` // everything before this container and block
	Local     uint64    `json:"local"`     // was verified in this pass
	Started   time.Time `json:"started"`   // of this pass, or the last; zero: there was none
	Finished  time.Time `json:"finished"`  // of the last full pass
	Bytes     uint64    `json:"bytes"`     // verified in this pass, or the last
	Bad       uint64    `json:"bad"`       // blocks found bad in it
	Running   bool      `json:"running"`
}

const (
	scrubFile     = "scrub"
	maxScrubFile  = 4096
	scrubSaveStep = 64 << 20 // bytes between two notes of the position
	scrubSaveTime = time.Minute
)

// Scrubber verifies every block of one volume, pass after pass.
type Scrubber struct {
	s    *Set
	vol  *volume
	take func(context.Context, int) error
	buf  []byte

	unsaved uint64
	saved   time.Time

	mu    sync.Mutex
	state ScrubState
}

// scrubNote is what is in the file. The sum is the CRC32C of the state's bytes: a year of
// 9026 for one of 2026 would end all verifying.
type scrubNote struct {
	State json.RawMessage `json:"state"`
	Sum   uint32          `json:"crc32c"`
}

// parseScrubState returns the zero state, so a new pass, for what was not written so.
func parseScrubState(b []byte) (st ScrubState) {
	var note scrubNote
	if err := json.Unmarshal(b, &note); err != nil || crc32c.Sum(note.State) != note.Sum {
		return ScrubState{}
	}
	if err := json.Unmarshal(note.State, &st); err != nil {
		return ScrubState{}
	}
	return st
}

// Scrubber returns the scrubber of a volume directory; throttle is asked before bytes
// are read. An unreadable position means a new pass.
func (s *Set) Scrubber(dir string, throttle func(context.Context, int) error) *Scrubber {
	for _, v := range s.vols {
		if v.Dir != dir {
			continue
		}
		x := &Scrubber{s: s, vol: v, take: throttle, buf: make([]byte, copyStep)}
		if b, err := vfs.ReadFile(v.FS, path.Join(dir, scrubFile), maxScrubFile); err == nil {
			x.state = parseScrubState(b)
		}
		return x
	}
	return nil
}

// State tells how far it is.
func (x *Scrubber) State() ScrubState {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.state
}

func (x *Scrubber) change(f func(*ScrubState)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f(&x.state)
}

// Bytes returns how much the volume's containers hold.
func (x *Scrubber) Bytes() (n uint64) {
	for _, c := range x.s.containers() {
		if c.vol == x.vol {
			n += c.report().UsedBytes
		}
	}
	return n
}

// Due returns when the next pass should begin, if one begins each period: at once if one
// was interrupted, or if the last began in the future, when the clock was wrong.
func (x *Scrubber) Due(period time.Duration) time.Time {
	st := x.State()
	if st.Running || st.Started.IsZero() || st.Started.After(x.s.opt.now()) {
		return time.Time{}
	}
	return st.Started.Add(period)
}

// Pass verifies what is left of the pass that was interrupted, or begins one. It returns
// when it is through, or when ctx ends or the disk fails. Bad blocks are told to
// Options.OnBadBlock; a log or an index that is damaged makes its container unhealthy.
func (x *Scrubber) Pass(ctx context.Context) error {
	x.change(func(st *ScrubState) {
		if !st.Running {
			*st = ScrubState{Started: x.s.opt.now(), Finished: st.Finished, Running: true}
		}
	})
	err := x.vol.do(ctx, func() error { return x.pass(ctx) })
	if err == nil {
		x.change(func(st *ScrubState) { st.Running, st.Finished = false, x.s.opt.now() })
	}
	if x.vol.answers() != nil {
		return err
	}
	return errors.Join(err, x.vol.do(context.WithoutCancel(ctx), x.save))
}

func (x *Scrubber) pass(ctx context.Context) error {
	x.saved = time.Now()
	from := x.State()
	for _, c := range x.s.containers() {
		if c.vol != x.vol || c.id < from.Container {
			continue
		}
		if err := x.vol.healthy(); err != nil {
			return err
		}
		after := uint64(0)
		if c.id == from.Container {
			after = from.Local
		}
		if err := x.container(ctx, c, after); err != nil {
			return err
		}
		x.change(func(st *ScrubState) { st.Container, st.Local = c.id+1, 0 })
	}
	return nil
}

func (x *Scrubber) save() error {
	st, err := json.Marshal(x.State())
	if err != nil {
		return err
	}
	b, err := json.Marshal(scrubNote{State: st, Sum: crc32c.Sum(st)})
	if err != nil {
		return err
	}
	x.unsaved, x.saved = 0, time.Now()
	return vfs.WriteFile(x.vol.FS, path.Join(x.vol.Dir, scrubFile), b)
}

// container verifies a container's blocks with ids above after, and then what its files
// say about them. A container that goes away meanwhile is no error: one that takes its
// place was verified as it was written.
func (x *Scrubber) container(ctx context.Context, c *container, after uint64) error {
	c.mu.RLock()
	durable := c.durable
	c.mu.RUnlock()
	_ = c.file.DropCache(0, durable) // what counts is what the disk has; a hint
	for more := true; more; {
		var rows []row
		rows, more = c.rowsOf(after)
		for _, r := range rows {
			failpoint.Hit("dn/scrub-mid")
			gone, err := x.block(ctx, c, r)
			if err != nil || gone {
				return err
			}
			after = r.local
			x.change(func(st *ScrubState) { st.Container, st.Local, st.Bytes = c.id, after, st.Bytes+uint64(r.length) })
			x.unsaved += uint64(r.length)
			if x.unsaved >= scrubSaveStep || time.Since(x.saved) > scrubSaveTime {
				if err := x.save(); err != nil {
					return err
				}
			}
		}
	}
	_ = c.file.DropCache(0, durable) // nobody asked for what was read
	return x.files(ctx, c)
}

// block verifies one block, a bad one twice.
func (x *Scrubber) block(ctx context.Context, c *container, r row) (gone bool, err error) {
	if err := x.take(ctx, int(min(copyStep, r.length))); err != nil {
		return false, err
	}
	for again := false; ; again = true {
		err := c.verify(ctx, r, x.buf, func(_ uint64, p []byte) error {
			if len(p) < copyStep {
				return nil // was taken before
			}
			return x.take(ctx, len(p))
		})
		now, here := c.lookup(r.local)
		switch {
		case err == nil:
			return false, nil
		case errors.Is(err, errReplaced), errors.Is(err, ozerr.ContainerNotFound):
			return true, nil
		case ctx.Err() != nil, !errors.Is(err, ozerr.ChecksumMismatch) && !errors.Is(err, ozerr.DiskFailed):
			return false, err // which says nothing of the block
		case !here || now != r: // deleted or repaired meanwhile
			return false, nil
		case again:
			c.opt.badBlock(c.id, r.local, err)
			x.change(func(st *ScrubState) { st.Bad++ })
			return false, nil
		}
	}
}

// files verifies what a start would read of a closed container: the log's headers and
// records, and the checkpoint. A checkpoint that is damaged is written again.
func (x *Scrubber) files(ctx context.Context, c *container) error {
	if r := c.report(); r.State != dnpb.ContainerState_CLOSED {
		return nil
	}
	err := c.inspect(ctx)
	if ctx.Err() != nil {
		return ozerr.Wrap(ozerr.Canceled, ctx.Err(), "verifying container %d", c.id)
	}
	if err != nil && !errors.Is(c.readError(err), errReplaced) && !errors.Is(c.readError(err), ozerr.ContainerNotFound) {
		c.suspect(err)
		return nil
	}
	return c.mendCheckpoint(ctx)
}

// inspect reads the log as a start without a checkpoint does, and says what is wrong.
func (c *container) inspect(ctx context.Context) error {
	head := make([]byte, chunk.FileHeaderSize)
	if _, err := c.file.ReadAt(head, 0); err != nil {
		return err
	}
	if _, err := chunk.ParseFileHeader(head); err != nil {
		return err
	}
	res, err := chunk.Scan(c.file, c.salt, chunk.FileHeaderSize, func(chunk.Found) error { return ctx.Err() })
	if err != nil {
		return err
	}
	if len(res.Corrupt) > 0 {
		return fmt.Errorf("%w: damage at %v of %d bytes", chunk.ErrInvalid, res.Corrupt, res.Size)
	}
	return nil
}

// mendCheckpoint writes a closed container's checkpoint again if it can't be read.
func (c *container) mendCheckpoint(ctx context.Context) error {
	if err := c.lock(ctx); err != nil {
		return err
	}
	defer c.unlock()
	c.mu.RLock()
	fine := c.state == dnpb.ContainerState_CLOSED && c.broken == nil && !c.stopped
	c.mu.RUnlock()
	if !fine {
		return nil
	}
	_, err := c.loadCheckpoint()
	if err == nil || !errors.Is(err, chunk.ErrInvalid) && !notExist(err) {
		return nil // what the disk can't do now, a start will see
	}
	c.opt.Log.Warn().Err(err).Uint64("container", c.id).Msg("checkpoint is damaged and written again")
	return c.checkpoint(ctx, dnpb.ContainerState_CLOSED)
}
