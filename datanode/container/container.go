package container

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mini-ozone/mini-ozone/datanode/chunk"
	"github.com/mini-ozone/mini-ozone/datanode/vfs"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// container is one log, its index, and the blocks being written to it.
//
// Locks: appending (a channel, so that waiting for it can be given up) is held while
// a request is checked against the log's state and its records are written; mu
// guards what readers and the sync loop share and is never held over disk access.
// appending is taken before mu.
type container struct {
	id   uint64
	salt uint64
	born uint64 // see chunk.FileHeader
	vol  *volume
	file vfs.File
	opt  *Options

	appending chan struct{} // capacity 1; holding an element is holding the lock
	scratch   []byte        // to put records together; guarded by appending
	job       chan struct{} // capacity 1; held by a repair or a compaction of this container
	building  bool          // not a replica yet: its log has no name of its own
	stale     atomic.Bool   // allocated may be wrong

	clock   *atomic.Uint64 // of the set
	changed atomic.Uint64  // the clock at the last change worth reporting

	mu         sync.RWMutex
	state      dnpb.ContainerState
	broken     error // why nothing may be written any more, not even deletions
	index      index
	pending    map[uint64]*pending
	committing []*commit // in log order, waiting for a sync
	end        int64     // where the next record goes
	durable    int64     // [0,durable) was synced
	marked     int64     // durable as far as the log itself says
	covered    int64     // the checkpoint file speaks for [0,covered)
	flushed    int64     // writeback was asked for up to here
	allocated  int64     // on the disk, when it was last looked at
	wanted     int64     // somebody waits for durable to reach this
	syncing    bool      // the sync loop runs
	dead       []dead    // to be punched
	round      chan struct{}
	stopped    bool
	loops      sync.WaitGroup
}

// pending is a block that is being written.
type pending struct {
	local   uint64
	length  uint64
	sums    []uint32
	pieces  []chunk.Piece
	lastOff uint64 // of the last chunk
	lastLen uint32
	lastCRC uint32
	touched time.Time
	commit  *commit       // the commit record is in the log
	excess  []chunk.Piece // what a seal cut off
}

// commit is a commit record that may not be durable yet.
type commit struct {
	row    row
	end    int64
	repair bool // takes the place of a committed block
}

func newContainer(id, salt uint64, v *volume, f vfs.File, opt *Options, clock *atomic.Uint64) *container {
	return &container{
		id: id, salt: salt, vol: v, file: f, opt: opt, clock: clock,
		appending: make(chan struct{}, 1),
		job:       make(chan struct{}, 1),
		state:     dnpb.ContainerState_OPEN,
		pending:   map[uint64]*pending{},
		end:       chunk.FileHeaderSize,
		durable:   chunk.FileHeaderSize,
		marked:    chunk.FileHeaderSize,
		covered:   chunk.FileHeaderSize,
		flushed:   chunk.FileHeaderSize,
		round:     make(chan struct{}),
	}
}

// fileName returns the path of one of a container's files.
func fileName(v *volume, id uint64, suffix string) string {
	return path.Join(v.containers(), fmt.Sprintf("%016x%s", id, suffix))
}

// createContainer makes the files of a new container and returns when they are durable.
func createContainer(id, salt uint64, v *volume, opt *Options, clock *atomic.Uint64) (*container, error) {
	// Complete from the first moment of its name: a short log is always damage.
	name, header := fileName(v, id, ".log"), chunk.FileHeader{Container: id, Salt: salt}
	if err := vfs.WriteFile(v.FS, name, header.Encode()); err != nil {
		return nil, err
	}
	f, err := v.FS.OpenWrite(name)
	if err != nil {
		return nil, err
	}
	return newContainer(id, salt, v, f, opt, clock), nil
}

// lock takes the right to append.
func (c *container) lock(ctx context.Context) error {
	select {
	case c.appending <- struct{}{}:
		return nil
	case <-c.vol.hung:
		return c.vol.answers()
	case <-ctx.Done():
		return ozerr.Wrap(ozerr.Timeout, ctx.Err(), "waiting to write to container %d", c.id)
	}
}

func (c *container) unlock() { <-c.appending }

// record is a record to append and its payload.
type record struct {
	chunk.Record
	payload []byte
}

const (
	// together is up to how many bytes records are copied into one write.
	together = 128 << 10
	// smallRecords is the memory kept for it: a small block and its header.
	smallRecords = 16 << 10
)

// append writes records at the end of the log and returns their offsets and the new
// end. On failure nothing of them remains. The caller holds appending.
func (c *container) append(recs ...record) ([]int64, int64, error) {
	c.mu.RLock()
	start, durable, broken := c.end, c.durable, c.broken
	c.mu.RUnlock()
	if broken != nil {
		return nil, 0, broken
	}
	offs := make([]int64, len(recs))
	end := start
	for i := range recs {
		recs[i].Durable = uint64(durable)
		offs[i] = end
		end = recs[i].End(end)
	}
	if err := c.writeAll(recs, offs); err != nil {
		return nil, 0, c.undo(start, err)
	}
	c.mu.Lock()
	c.end = end
	c.mu.Unlock()
	c.stale.Store(true)
	return offs, end, nil
}

func (c *container) writeAll(recs []record, offs []int64) error {
	if c.scratch == nil {
		c.scratch = make([]byte, 0, smallRecords)
	}
	buf := c.scratch[:0] // grown for a call that needs more
	at := offs[0]
	for i, r := range recs {
		buf = append(buf, make([]byte, offs[i]-at-int64(len(buf)))...) // alignment
		buf = r.Append(buf, c.salt, offs[i])
		if len(buf)+len(r.payload) <= together {
			buf = append(buf, r.payload...)
			continue
		}
		if _, err := c.file.WriteAt(buf, at); err != nil {
			return err
		}
		at += int64(len(buf))
		buf = buf[:0]
		if _, err := c.file.WriteAt(r.payload, at); err != nil {
			return err
		}
		at += int64(len(r.payload))
	}
	if len(buf) == 0 {
		return nil
	}
	_, err := c.file.WriteAt(buf, at)
	return err
}

// undo takes back a failed append. A full disk leaves the container as it was; any
// other failure, also of the undoing, ends its life as a writable one.
func (c *container) undo(end int64, err error) error {
	if isFull(err) {
		if terr := c.file.Truncate(end); terr == nil {
			return ozerr.Wrap(ozerr.DiskFull, err, "writing to container %d", c.id)
		}
	}
	return c.fail(err)
}

// fail makes the container unhealthy for good and returns the error for the caller.
func (c *container) fail(err error) error {
	err = ozerr.Wrap(ozerr.DiskFailed, err, "container %d", c.id)
	c.mu.Lock()
	first := c.broken == nil
	if first {
		c.broken = err
	}
	c.state = dnpb.ContainerState_UNHEALTHY
	c.mu.Unlock()
	c.vol.fail(err)
	if first {
		c.note(noteFailed, err)
	}
	return err
}

// suspect makes the container unhealthy because of what was found on the disk. It can
// still be read, and blocks in it be deleted.
func (c *container) suspect(err error) {
	c.mu.Lock()
	first := c.state != dnpb.ContainerState_UNHEALTHY
	c.state = dnpb.ContainerState_UNHEALTHY
	c.mu.Unlock()
	if first {
		c.note(noteSuspect, err)
	}
}

// How the text of a .bad file begins.
const (
	noteFailed  = "failed: "  // nothing can be written
	noteSuspect = "suspect: " // deletions can
)

// note leaves word of why the container is unhealthy, for the next start and for
// people. It is best effort: the disk that would hold it may be what is broken.
func (c *container) note(kind string, err error) {
	c.mu.RLock()
	building := c.building
	c.mu.RUnlock()
	if building {
		return // what is here under its name is not at fault
	}
	name := fileName(c.vol, c.id, ".bad")
	werr := vfs.WriteFile(c.vol.FS, name, []byte(kind+err.Error()+"\n"))
	c.opt.Log.Error().Err(err).AnErr("note", werr).Uint64("container", c.id).Msg("container is unhealthy")
	c.stateChanged()
}

// touch makes the next report include the container.
func (c *container) touch() { c.changed.Store(c.clock.Add(1)) }

func (c *container) stateChanged() {
	c.touch()
	c.opt.stateChanged()
}

// report describes the container to om.
func (c *container) report() *dnpb.ContainerReport {
	c.mu.RLock()
	defer c.mu.RUnlock()
	r := &dnpb.ContainerReport{
		Id: c.id, State: c.state,
		UsedBytes: c.index.bytes, FileBytes: uint64(c.end), Blocks: c.index.blocks,
		Content: c.index.content, DiskBytes: uint64(c.allocated), Quarantined: uint64(len(c.index.quarantined)),
	}
	if c.vol.healthy() != nil {
		r.State = dnpb.ContainerState_UNHEALTHY
	}
	return r
}

// measure looks how much of the disk the log takes. It is for the report only, so an
// error changes nothing.
func (c *container) measure() {
	n, err := c.file.Allocated()
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.allocated != n {
		c.allocated = n
		c.touch()
	}
}

// list returns live blocks in order; all also those in quarantine.
func (c *container) list(after uint64, n int, all bool) ([]row, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.index.list(after, n, all)
}

// lookup returns the row of a live block.
func (c *container) lookup(local uint64) (row, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	r, ok := c.index.get(local)
	return r, ok && !r.deleted()
}

// notExist tells a missing file from other errors.
func notExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
