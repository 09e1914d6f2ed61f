package container

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// Options of a Set.
type Options struct {
	// MinFree is how many bytes of each disk blocks may not use, so that deletions and
	// checkpoints always find room; a tenth of the disk if that is less.
	MinFree uint64
	// Idle is after what time without a write an uncommitted block is forgotten.
	Idle time.Duration
	// ClosingIdle is the same for a container that is closing: such blocks keep it
	// from being closed.
	ClosingIdle time.Duration
	// Quarantine is for how long blocks are kept that om doesn't know.
	Quarantine time.Duration
	// Now is the clock that tells when a block was last written; nil is time.Now.
	Now func() time.Time
	// Check says when a disk is given up.
	Check Check
	Log   zerolog.Logger
	// OnSync is told of every sync: how long it took and how many commits it served.
	// It must be quick. It may be nil.
	OnSync func(took time.Duration, commits int)
	// OnChange is told that a container came into being, changed its state or went
	// away. It must not block or call the Set. It may be nil.
	OnChange func()
	// OnCheck is told of every trial of a disk. It may be nil.
	OnCheck func(dir string, took time.Duration, err error)
	// OnBadBlock is told of a stored block that can't be read or doesn't pass its
	// checksums, each time that is found. It must not block or call the Set. It may be nil.
	OnBadBlock func(id *commonpb.BlockID, why error)
}

// DefaultOptions are good for a real disk.
func DefaultOptions() Options {
	return Options{
		MinFree: 1 << 30, Idle: 10 * time.Minute, ClosingIdle: 30 * time.Second, Quarantine: 7 * 24 * time.Hour,
		Check: DefaultCheck(), Log: zerolog.Nop(),
	}
}

func (o *Options) now() time.Time {
	if o.Now != nil {
		return o.Now()
	}
	return time.Now()
}

func (o *Options) onSync(took time.Duration, commits int) {
	if o.OnSync != nil {
		o.OnSync(took, commits)
	}
}

func (o *Options) stateChanged() {
	if o.OnChange != nil {
		o.OnChange()
	}
}

func (o *Options) checked(dir string, took time.Duration, err error) {
	if o.OnCheck != nil {
		o.OnCheck(dir, took, err)
	}
}

func (o *Options) badBlock(container, local uint64, why error) {
	o.Log.Warn().Err(why).Uint64("container", container).Uint64("block", local).Msg("stored block is bad")
	if o.OnBadBlock != nil {
		o.OnBadBlock(&commonpb.BlockID{Container: container, Local: local}, why)
	}
}

// Set is all containers of a datanode. Safe for concurrent use.
type Set struct {
	opt   Options
	vols  []*volume
	clock *atomic.Uint64 // counts changes; shared with the containers

	suspect chan struct{} // a disk should be tried soon

	mu     sync.RWMutex
	taken  map[uint64]chan struct{} // being created, removed or barred; closed when done
	byID   map[uint64]*container
	gone   map[uint64]bool
	built  map[uint64]*container // replicas that are being built where none is
	asides map[uint64][]*volume  // where logs were put aside
	left   uint64                // the clock when a container last went away
	closed bool
}

// Open reads the containers of all volumes. A volume that can't be used is isolated;
// it is an error if none can. Of a container that is on two of them one is put aside.
func Open(vols []Volume, opt Options) (*Set, error) {
	s := &Set{
		opt: opt, clock: new(atomic.Uint64), suspect: make(chan struct{}, 1),
		taken: map[uint64]chan struct{}{}, byID: map[uint64]*container{}, gone: map[uint64]bool{},
		built: map[uint64]*container{}, asides: map[uint64][]*volume{},
	}
	for _, v := range vols {
		s.vols = append(s.vols, newVolume(v, opt.MinFree, s.suspect, func(err error) { s.lost(v.Dir, err) }))
	}
	stop := s.guardOpening()
	defer stop()
	healthy := 0
	var last error
	for _, vol := range s.vols {
		err := vol.healthy()
		if err == nil {
			err = vol.do(context.Background(), func() error { return s.openVolume(vol) })
		}
		switch {
		case err != nil:
			vol.isolate(err, false)
			last = err
		default:
			healthy++
		}
	}
	if healthy == 0 {
		return nil, errors.Join(ozerr.Wrap(ozerr.DiskFailed, last, "no usable disk"), s.Close(context.Background()))
	}
	s.reinstate()
	s.closeReturned()
	return s, nil
}

// guardOpening gives up disks that hang while they are read for the first time.
func (s *Set) guardOpening() (stop func()) {
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		tick := time.NewTicker(max(s.opt.Check.Timeout/4, time.Millisecond))
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				s.Overdue(now)
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}

// lost tells everybody that a disk failed: what om is told next is all there is, with
// the disk's containers as unhealthy ones.
func (s *Set) lost(dir string, err error) {
	s.opt.Log.Error().Err(err).Str("dir", dir).Msg("disk is not used any more")
	s.mu.Lock()
	s.left = s.clock.Add(1)
	s.mu.Unlock()
	s.opt.stateChanged()
}

func (s *Set) openVolume(v *volume) error {
	all, err := survey(v)
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(8)
	for id, has := range all {
		g.Go(func() error { return s.openOne(id, v, has) })
	}
	return g.Wait()
}

func (s *Set) openOne(id uint64, v *volume, has found) error {
	switch {
	case has.gone:
		if has.aside {
			s.noteAside(id, v)
		}
		s.mu.Lock()
		s.gone[id] = true
		s.mu.Unlock()
		if has.log || has.idx || has.bad {
			return erase(v, id)
		}
		return nil
	case !has.log && has.aside:
		s.noteAside(id, v)
		return nil
	case !has.log:
		s.opt.Log.Warn().Uint64("container", id).Str("dir", v.Dir).Msg("files of a container without its log")
		return nil
	}
	if has.aside {
		s.noteAside(id, v)
	}
	c, err := openContainer(id, v, has, &s.opt, s.clock)
	if err != nil {
		return err
	}
	s.addOpened(c)
	return nil
}

// Close checkpoints what is open and releases all files. Writes that are in progress
// finish or fail. It returns when all of that is done or ctx ends; a disk that hangs is
// left alone.
func (s *Set) Close(ctx context.Context) error {
	s.mu.Lock()
	all := s.byID
	s.byID, s.closed = map[uint64]*container{}, true
	s.mu.Unlock()
	errs := make([]error, len(s.vols))
	var wg sync.WaitGroup
	for i, v := range s.vols {
		wg.Go(func() {
			if errs[i] = v.answers(); errs[i] != nil {
				return
			}
			errs[i] = v.do(ctx, func() error { return stopAll(ctx, v, all) })
			if err := v.quiet(ctx); errs[i] == nil {
				errs[i] = err
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func stopAll(ctx context.Context, v *volume, all map[uint64]*container) error {
	var errs []error
	for _, c := range all {
		if c.vol == v {
			errs = append(errs, c.stop(ctx))
		}
	}
	return errors.Join(errs...)
}

// take waits for the right to create, remove or bar a container; the result gives it
// back.
func (s *Set) take(ctx context.Context, id uint64) (release func(), err error) {
	mine := make(chan struct{})
	for {
		s.mu.Lock()
		other := s.taken[id]
		if other == nil {
			s.taken[id] = mine
			s.mu.Unlock()
			return func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				delete(s.taken, id)
				close(mine)
			}, nil
		}
		s.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ozerr.Wrap(ozerr.Timeout, ctx.Err(), "waiting for container %d", id)
		}
	}
}

var errStopping = ozerr.New(ozerr.Unavailable, "the datanode is stopping")

func (s *Set) find(id uint64) (*container, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, errStopping
	}
	if c := s.byID[id]; c != nil {
		return c, nil
	}
	return nil, ozerr.New(ozerr.ContainerNotFound, "container %d", id)
}

// reach is find for those who are going to use the disk.
func (s *Set) reach(id uint64) (*container, error) {
	c, err := s.find(id)
	if err == nil {
		err = c.vol.answers()
	}
	return c, err
}

// Write implements client.Blocks.
func (s *Set) Write(ctx context.Context, req *dnpb.WriteRequest, data []byte) error {
	in, err := receive(req, data)
	if err != nil {
		return err
	}
	for {
		c, err := s.reach(req.GetBlock().GetContainer())
		if errors.Is(err, ozerr.ContainerNotFound) {
			c, err = s.create(ctx, req.GetBlock().GetContainer())
		}
		if err == nil {
			err = c.write(ctx, in)
		}
		if !errors.Is(err, errReplaced) {
			return err
		}
	}
}

// errReplaced is what a container answers when a new log has taken its place: the
// caller finds the new one and asks that.
var errReplaced = ozerr.New(ozerr.Unavailable, "the container was rewritten meanwhile")

// Read implements client.Blocks.
func (s *Set) Read(_ context.Context, req *dnpb.ReadRequest, buf []byte) (*dnpb.ReadResponse, []byte, error) {
	for {
		c, err := s.reach(req.GetBlock().GetContainer())
		if err != nil {
			return nil, nil, err
		}
		resp, payload, err := c.read(req, buf)
		if !errors.Is(err, errReplaced) {
			return resp, payload, err
		}
	}
}

// ReadSize returns how many bytes the payload of a read will have.
func (s *Set) ReadSize(req *dnpb.ReadRequest) (int, error) {
	c, err := s.find(req.GetBlock().GetContainer())
	if err != nil {
		return 0, err
	}
	r, ok := c.lookup(req.GetBlock().GetLocal())
	if !ok {
		return 0, c.noBlock(req.GetBlock().GetLocal())
	}
	from, to, err := widen(req.GetOffset(), req.GetLength(), uint64(r.length))
	return int(to - from), err
}

// Disk tells which disk, of those that Disks lists, a container is on; 0 if it is nowhere.
func (s *Set) Disk(container uint64) int {
	c, err := s.find(container)
	if err != nil {
		return 0
	}
	return slices.Index(s.vols, c.vol)
}

// create makes the container, or returns the one that somebody else made.
func (s *Set) create(ctx context.Context, id uint64) (c *container, err error) {
	release, err := s.take(ctx, id)
	if err != nil {
		return nil, err
	}
	v, err := s.placeFor(id)
	if err != nil {
		release()
		if errors.Is(err, errThere) {
			return s.find(id)
		}
		return nil, err
	}
	err = v.do(ctx, func() error { // which holds the right to create as long as it takes
		defer release()
		return s.createOn(v, id)
	})
	if err != nil {
		return nil, err
	}
	return s.find(id)
}

// errThere: the container exists.
var errThere = errors.New("it is there")

// placeFor chooses the volume of a container that is to be created.
func (s *Set) placeFor(id uint64) (*volume, error) {
	if _, err := s.find(id); !errors.Is(err, ozerr.ContainerNotFound) {
		return nil, cmp.Or(err, errThere)
	}
	s.mu.RLock()
	gone := s.gone[id] || s.built[id] != nil
	s.mu.RUnlock()
	if gone {
		return nil, ozerr.New(ozerr.ContainerClosed, "container %d is closed", id)
	}
	return s.choose()
}

func (s *Set) createOn(v *volume, id uint64) error {
	c, err := createContainer(id, rand.Uint64(), v, &s.opt, s.clock)
	if err != nil {
		return ozerr.Wrap(codeOf(err), err, "creating container %d", id)
	}
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.byID[id] = c
	}
	s.mu.Unlock()
	if closed {
		return errors.Join(errStopping, c.file.Close())
	}
	c.stateChanged()
	return nil
}

// choose returns the volume for a new container: one of the healthy ones, each with
// a chance in proportion to its room.
func (s *Set) choose() (*volume, error) {
	rooms, total := make([]uint64, len(s.vols)), uint64(0)
	var last error = ozerr.New(ozerr.DiskFull, "no disk has room for a new container")
	for i, v := range s.vols {
		if err := v.healthy(); err != nil {
			last = err
			continue
		}
		if _, room, err := v.space(true); err == nil {
			rooms[i] = room
			total += room
		}
	}
	if total == 0 {
		return nil, last
	}
	at := rand.Uint64N(total)
	for i, room := range rooms {
		if at < room {
			return s.vols[i], nil
		}
		at -= room
	}
	return nil, last
}

// Delete removes blocks for ever and returns when that is durable. Blocks and
// containers that are not here are no error. A closed container that lost its last
// block is removed.
func (s *Set) Delete(ctx context.Context, blocks []*commonpb.BlockID) error {
	byContainer := map[uint64][]uint64{}
	for _, b := range blocks {
		byContainer[b.GetContainer()] = append(byContainer[b.GetContainer()], b.GetLocal())
	}
	var errs []error
	for id, locals := range byContainer {
		err := s.deleteIn(ctx, id, locals)
		if !errors.Is(err, ozerr.ContainerNotFound) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// deleteIn deletes blocks of a container, also of one that is being built: what om wants
// gone must not come from a source afterwards.
func (s *Set) deleteIn(ctx context.Context, id uint64, locals []uint64) error {
	for {
		c, err := s.findAny(id)
		if err == nil {
			err = c.vol.answers()
		}
		if err != nil {
			return err
		}
		err = c.vol.do(ctx, func() error {
			if err := c.delete(ctx, locals); err != nil {
				return err
			}
			return s.removeIfEmpty(ctx, c)
		})
		if !errors.Is(err, errReplaced) {
			return err
		}
	}
}

// findAny is find that also knows replicas that are being built.
func (s *Set) findAny(id uint64) (*container, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch {
	case s.closed:
		return nil, errStopping
	case s.byID[id] != nil:
		return s.byID[id], nil
	case s.built[id] != nil:
		return s.built[id], nil
	}
	return nil, ozerr.New(ozerr.ContainerNotFound, "container %d", id)
}

func (s *Set) removeIfEmpty(ctx context.Context, c *container) error {
	release, err := s.take(ctx, c.id)
	if err != nil {
		return err
	}
	defer release()
	if err := c.lock(ctx); err != nil {
		return err
	}
	defer c.unlock()
	c.mu.RLock()
	empty := c.state == dnpb.ContainerState_CLOSED && c.index.blocks == 0 && len(c.index.quarantined) == 0 && c.broken == nil && !c.building
	c.mu.RUnlock()
	if !empty {
		return nil
	}
	return s.removeLocked(c)
}

// removeLocked removes a container for good. The caller has taken the
// container and holds the right to append.
func (s *Set) removeLocked(c *container) error {
	if err := erase(c.vol, c.id); err != nil {
		return ozerr.Wrap(ozerr.DiskFailed, err, "removing container %d", c.id)
	}
	s.mu.Lock()
	delete(s.byID, c.id)
	s.gone[c.id] = true
	s.left = s.clock.Add(1)
	s.mu.Unlock()
	s.opt.stateChanged()
	s.retire(c, ozerr.New(ozerr.ContainerClosed, "container %d was removed", c.id))
	return s.DropAside(c.id)
}

// DeleteContainer removes the replica with all that is in it; one that isn't here is no
// error, and one that is being built is given up.
func (s *Set) DeleteContainer(ctx context.Context, id uint64) error {
	release, err := s.take(ctx, id)
	if err != nil {
		return err
	}
	s.mu.Lock()
	c := s.byID[id]
	delete(s.built, id) // its builder finds out, and removes what it has
	s.mu.Unlock()
	if c == nil {
		release()
		return nil
	}
	if err := c.vol.answers(); err != nil {
		release()
		return err
	}
	return c.vol.do(ctx, func() error {
		defer release()
		if err := c.lock(ctx); err != nil {
			return err
		}
		defer c.unlock()
		return s.removeLocked(c)
	})
}

// CloseContainer makes a container take no new blocks, also one that isn't here yet;
// it returns nil when all in it is durable and indexed. An empty one is removed.
// ErrClosing: blocks that were begun are still accepted; Maintain closes the container
// when they are done, or else call again.
func (s *Set) CloseContainer(ctx context.Context, id uint64) error {
	c, err := s.reach(id)
	if errors.Is(err, ozerr.ContainerNotFound) {
		if err := s.bar(ctx, id); err != nil {
			return err
		}
		if c, err = s.find(id); err != nil { // as it should be, unless it was created meanwhile
			return nil
		}
	}
	if err != nil {
		return err
	}
	return c.vol.do(ctx, func() error {
		if err := c.close(ctx); err != nil {
			return err
		}
		return s.removeIfEmpty(ctx, c)
	})
}

// bar keeps a container that isn't here from being created.
func (s *Set) bar(ctx context.Context, id uint64) error {
	release, err := s.take(ctx, id)
	if err != nil {
		return err
	}
	s.mu.RLock()
	known := s.gone[id] || s.byID[id] != nil || s.built[id] != nil || s.closed
	s.mu.RUnlock()
	if known {
		release()
		return nil
	}
	v, err := s.choose()
	if err != nil {
		release()
		return err
	}
	return v.do(ctx, func() error {
		defer release()
		if err := bequeath(v, id); err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.gone[id] = true
		return nil
	})
}

// List answers a request for the committed blocks of a container.
func (s *Set) List(req *dnpb.ListBlocksRequest) (*dnpb.ListBlocksResponse, error) {
	c, err := s.find(req.GetContainer())
	if err != nil {
		return nil, err
	}
	n := int(min(req.GetLimit(), 100_000))
	if n == 0 {
		n = 1000
	}
	rows, more := c.list(req.GetAfterLocal(), n, false)
	resp := &dnpb.ListBlocksResponse{Truncated: more}
	for _, r := range rows {
		resp.Blocks = append(resp.Blocks, &dnpb.StoredBlock{Local: r.local, Length: uint64(r.length), Crc32C: r.crc})
	}
	return resp, nil
}

// Reports describes the containers that changed after since, an earlier now or 0.
// full says that it describes all there are, as it does when one went away.
func (s *Set) Reports(since uint64) (out []*dnpb.ContainerReport, now uint64, full bool) {
	now = s.clock.Load() // first: what changes meanwhile is reported again
	s.mu.RLock()
	full = since == 0 || s.left > since
	s.mu.RUnlock()
	for _, c := range s.containers() {
		if full || c.changed.Load() > since {
			out = append(out, c.report())
		}
	}
	return out, max(now, 1), full
}

// Disks describes the volumes.
func (s *Set) Disks() []*dnpb.Disk {
	out := make([]*dnpb.Disk, len(s.vols))
	for i, v := range s.vols {
		out[i] = v.report()
	}
	return out
}

// containers returns all of them, by id.
func (s *Set) containers() []*container {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]*container, 0, len(s.byID))
	for _, c := range s.byID {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b *container) int { return cmp.Compare(a.id, b.id) })
	return out
}

// maintainTimeout bounds what one container's upkeep may wait for.
const maintainTimeout = 30 * time.Second

// Maintain does what is due now and then: it forgets uncommitted blocks that nobody
// writes any more, closes containers that waited for such, and marks logs that fell
// silent. Call it each second or so. A disk that hangs delays the others once, for
// maintainTimeout at most.
func (s *Set) Maintain(ctx context.Context, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, maintainTimeout)
	defer cancel()
	all := s.containers()
	errs := make([]error, len(s.vols))
	var wg sync.WaitGroup
	for i, v := range s.vols {
		if v.answers() != nil || !v.tending.CompareAndSwap(false, true) {
			continue
		}
		wg.Go(func() {
			errs[i] = v.do(ctx, func() error {
				defer v.tending.Store(false)
				return s.tend(ctx, v, all, now)
			})
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// tend maintains the containers of one disk.
func (s *Set) tend(ctx context.Context, v *volume, all []*container, now time.Time) error {
	var errs []error
	for _, c := range all {
		if c.vol != v {
			continue
		}
		closed, err := c.maintain(ctx, now)
		if closed {
			err = s.removeIfEmpty(ctx, c)
		}
		errs = append(errs, err, s.expireQuarantine(ctx, c, now))
	}
	return errors.Join(errs...)
}

// codeOf chooses the code for a disk's error.
func codeOf(err error) ozerr.Code {
	if isFull(err) {
		return ozerr.DiskFull
	}
	return ozerr.DiskFailed
}
