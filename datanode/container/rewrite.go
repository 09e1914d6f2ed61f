package container

import (
	"context"
	"math/rand/v2"
	"slices"

	"github.com/mini-ozone/mini-ozone/datanode/chunk"
	"github.com/mini-ozone/mini-ozone/datanode/vfs"
	"github.com/mini-ozone/mini-ozone/internal/failpoint"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// A rewrite makes a whole new log for a container, to repair it, to compact it, or
// because this datanode has none of it yet. The new log grows under the name ID.new,
// which a start removes, and gets its real name by one rename when everything in it is
// durable: nothing half is ever seen, whenever the power fails.

// beginLog makes the file of a new log for container id on v. The container that is
// returned is closed to clients, and nobody finds it yet.
func (s *Set) beginLog(ctx context.Context, id, born uint64, v *volume) (c *container, err error) {
	err = v.do(ctx, func() (err error) {
		c, err = s.newLog(id, born, v)
		return err
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (s *Set) newLog(id, born uint64, v *volume) (*container, error) {
	name := fileName(v, id, ".new")
	h := chunk.FileHeader{Container: id, Salt: rand.Uint64(), State: uint32(dnpb.ContainerState_CLOSED), Born: born}
	if err := vfs.WriteFile(v.FS, name, h.Encode()); err != nil {
		return nil, s.beginFailed(id, v, err)
	}
	f, err := v.FS.OpenWrite(name)
	if err != nil {
		return nil, s.beginFailed(id, v, err)
	}
	c := newContainer(id, h.Salt, v, f, &s.opt, s.clock)
	c.state, c.born, c.building = dnpb.ContainerState_CLOSED, born, true
	return c, nil
}

func (s *Set) beginFailed(id uint64, v *volume, err error) error {
	v.fail(err)
	return ozerr.Wrap(codeOf(err), err, "new log for container %d", id)
}

// bornAfter returns a time of birth that is later than that of old, which may be nil.
func (s *Set) bornAfter(old *container) uint64 {
	born := uint64(s.opt.now().UnixMilli())
	if old != nil {
		born = max(born, old.born+1)
	}
	return born
}

// abandon removes a new log that will not be used. Its goroutine has ended afterwards.
func (s *Set) abandon(c *container) error {
	s.mu.Lock()
	if s.built[c.id] == c {
		delete(s.built, c.id)
	}
	s.mu.Unlock()
	c.appending <- struct{}{} // nobody holds it for long: what is built has no clients
	defer c.unlock()
	s.retire(c, ozerr.New(ozerr.ContainerNotFound, "container %d was not made", c.id))
	if err := c.vol.FS.Remove(fileName(c.vol, c.id, ".new")); err != nil && !notExist(err) {
		return err
	}
	return nil
}

// retire ends a container that nobody finds any more. Its file is closed when the disk
// lets go of it, which nobody waits for but Close. The caller holds appending.
func (s *Set) retire(c *container, cause error) {
	c.halt(cause)
	c.vol.start(func() {
		c.loops.Wait()
		if err := c.file.Close(); err != nil {
			s.opt.Log.Warn().Err(err).Uint64("container", c.id).Msg("closing a log that is not used any more")
		}
	})
}

// install makes the new log the container's, in place of old, which is nil if there was
// none. Deletions of old meanwhile are taken over first. On failure old is what it was,
// and the caller abandons the new log; unless nobody knows which of the two the disk has,
// when the new one is there, unhealthy.
func (s *Set) install(ctx context.Context, c, old *container) error {
	release, err := s.take(ctx, c.id)
	if err != nil {
		return err
	}
	defer release()
	if old != nil {
		if err := old.lock(ctx); err != nil {
			return err
		}
		defer old.unlock()
	}
	if err := c.lock(ctx); err != nil {
		return err
	}
	defer c.unlock()
	if err := s.stillWanted(c, old); err != nil {
		return err
	}
	if err := s.complete(ctx, c, old); err != nil {
		return err
	}
	failpoint.Hit("dn/before-swap")
	if err := c.vol.FS.Rename(fileName(c.vol, c.id, ".new"), fileName(c.vol, c.id, ".log")); err != nil {
		return ozerr.Wrap(codeOf(err), err, "naming the new log of container %d", c.id)
	}
	c.mu.Lock()
	c.building = false
	c.mu.Unlock()
	err = s.clearWay(c, old)
	s.put(c)
	if err != nil { // after a power loss either log may be there: no deletion may be promised
		err = c.fail(err)
	} else {
		failpoint.Hit("dn/after-swap")
		if cerr := c.checkpoint(ctx, dnpb.ContainerState_CLOSED); cerr != nil {
			s.opt.Log.Warn().Err(cerr).Uint64("container", c.id).Msg("new log without a checkpoint")
		}
	}
	c.measure()
	c.stateChanged()
	if old != nil {
		s.retire(old, errReplaced)
	}
	return err
}

// stillWanted says whether the container is as it was when the rewrite began.
func (s *Set) stillWanted(c, old *container) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch {
	case s.closed:
		return errStopping
	case s.byID[c.id] != old, old == nil && s.built[c.id] != c:
		return ozerr.New(ozerr.ContainerNotFound, "container %d was removed or replaced meanwhile", c.id)
	}
	return nil
}

// complete makes the new log final: all deletions that old knows, what is in quarantine,
// everything durable and marked. The caller holds appending of both.
func (s *Set) complete(ctx context.Context, c, old *container) error {
	if old != nil {
		if err := c.inherit(old); err != nil {
			return err
		}
	}
	c.mu.RLock()
	quarantined := c.index.quarantined
	c.mu.RUnlock()
	if err := writeQuarantine(c.vol, c.id, quarantined); err != nil {
		return ozerr.Wrap(codeOf(err), err, "quarantine of container %d", c.id)
	}
	if err := c.syncTo(ctx, c.tail()); err != nil {
		return err
	}
	if err := c.mark(); err != nil {
		return err
	}
	return c.syncTo(ctx, c.tail())
}

// inherit takes over the deletions that old knows and c doesn't. The caller holds
// appending of both.
func (c *container) inherit(old *container) error {
	old.mu.RLock()
	var gone []uint64
	for _, r := range old.index.rows {
		if r.deleted() {
			gone = append(gone, r.local)
		}
	}
	old.mu.RUnlock()
	rows, err := c.buryLocked(gone)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range rows {
		c.dead = append(c.dead, dead{row: r, until: c.end})
	}
	return err
}

// clearWay removes what would make the next start think otherwise of the new log: the
// reason why the old one was unhealthy, word that the container was removed, and the old
// one itself on another disk.
func (s *Set) clearWay(c, old *container) error {
	if err := c.vol.FS.SyncDir(c.vol.containers()); err != nil {
		return err
	}
	for _, suffix := range []string{".bad", ".gone"} {
		if err := c.vol.FS.Remove(fileName(c.vol, c.id, suffix)); err != nil && !notExist(err) {
			return err
		}
	}
	if err := c.vol.FS.SyncDir(c.vol.containers()); err != nil {
		return err
	}
	if old != nil && old.vol != c.vol {
		if err := discard(old.vol, old.id); err != nil { // the younger log wins if it comes back
			s.opt.Log.Warn().Err(err).Uint64("container", c.id).Str("dir", old.vol.Dir).Msg("the replaced log could not be removed")
		}
	}
	return nil
}

// discard removes a container's files from a disk without leaving word of it.
func discard(v *volume, id uint64) error {
	for _, suffix := range []string{".log", ".idx", ".bad", ".quar"} {
		if err := v.FS.Remove(fileName(v, id, suffix)); err != nil && !notExist(err) {
			return err
		}
	}
	return v.FS.SyncDir(v.containers())
}

// put makes c the container of its id.
func (s *Set) put(c *container) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byID[c.id] = c
	delete(s.gone, c.id)
	delete(s.built, c.id)
}

// Block is a stored block as om knows it.
type Block struct {
	Local  uint64
	Length uint64
	CRC    uint32
}

// copyStep is how many bytes of a block are copied at once.
const copyStep = 1 << 20

// reader returns n bytes of a block from an offset on.
type reader func(off uint64, n int) ([]byte, error)

// adopt stores a block that comes from elsewhere, in place of what is here of it. It
// verifies the bytes against b, returns before they are durable, and is seen only then.
// A block that is deleted here stays deleted, which is no error.
func (c *container) adopt(ctx context.Context, b Block, read reader) error {
	p := &pending{local: b.Local}
	for {
		n := int(min(copyStep, b.Length-p.length))
		data, err := read(p.length, n)
		if err != nil {
			c.waste(p)
			return err
		}
		if len(data) != n {
			c.waste(p)
			return ozerr.New(ozerr.ChecksumMismatch, "block %d: %d bytes came instead of %d", b.Local, len(data), n)
		}
		last := p.length+uint64(n) == b.Length
		gone, err := c.adoptChunk(ctx, &p, received(b, p.length, data, last))
		if err != nil || gone {
			c.waste(p)
			return err
		}
		if err := c.flow(ctx); err != nil || last {
			return err
		}
	}
}

// waste notes that what was stored of a block will not be used.
func (c *container) waste(p *pending) {
	if len(p.pieces) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead = append(c.dead, dead{pieces: p.pieces, until: c.end})
}

func (c *container) adoptChunk(ctx context.Context, p **pending, in *incoming) (gone bool, err error) {
	if err := c.lock(ctx); err != nil {
		return false, err
	}
	defer c.unlock()
	c.mu.RLock()
	old, known := c.index.get(in.local)
	broken := c.broken
	c.mu.RUnlock()
	if known && old.deleted() {
		return true, nil
	}
	if broken != nil {
		return false, broken
	}
	if err := c.vol.admit(int64(len(in.data)) + chunk.RecordHeaderSize); err != nil {
		return false, err
	}
	next, _, err := c.put(*p, in)
	if err != nil {
		return false, err
	}
	*p = next
	if next.commit != nil {
		next.commit.repair = true
		c.mu.Lock()
		c.committing = append(c.committing, next.commit)
		c.mu.Unlock()
	}
	return false, nil
}

// verify reads a committed block as it is on the disk, checks every unit, and hands the
// bytes on in steps. take may be nil, and must not keep them.
func (c *container) verify(ctx context.Context, r row, buf []byte, take func(off uint64, data []byte) error) error {
	m, err := c.readManifest(r)
	if err != nil {
		return c.readError(err)
	}
	for off := uint64(0); off < m.Length; off += copyStep {
		if err := ctx.Err(); err != nil {
			return ozerr.Wrap(ozerr.Canceled, err, "reading container %d", c.id)
		}
		data := buf[:min(copyStep, m.Length-off)]
		if err := c.readVerified(m, off, data); err != nil {
			return err
		}
		if take == nil {
			continue
		}
		if err := take(off, data); err != nil {
			return err
		}
	}
	return nil
}

// readVerified reads whole units of a block from offset off on and checks them.
func (c *container) readVerified(m chunk.Manifest, off uint64, data []byte) error {
	if err := c.readPieces(m.Pieces, off, data); err != nil {
		return c.readError(err)
	}
	sums := m.Sums[off/chunk.Unit:]
	for i, got := range unitSums(data) {
		if got != sums[i] {
			return ozerr.New(ozerr.ChecksumMismatch, "container %d: unit %d of a block sums to %08x, not %08x", c.id, int(off/chunk.Unit)+i, got, sums[i])
		}
	}
	return nil
}

// copyFrom takes the block over from another log of the same container, verified.
func (c *container) copyFrom(ctx context.Context, from *container, r row, throttle func(context.Context, int) error) error {
	var m chunk.Manifest
	err := from.vol.do(ctx, func() (err error) {
		m, err = from.readManifest(r)
		return err
	})
	if err != nil {
		return from.readError(err)
	}
	buf := make([]byte, min(copyStep, m.Length))
	return c.adopt(ctx, Block{r.local, uint64(r.length), r.crc}, func(off uint64, n int) ([]byte, error) {
		if err := throttle(ctx, n); err != nil {
			return nil, err
		}
		return buf[:n], from.vol.do(ctx, func() error { return from.readVerified(m, off, buf[:n]) })
	})
}

// rowsOf returns rows of a log, also those in quarantine, page by page.
func (c *container) rowsOf(after uint64) (rows []row, more bool) {
	const page = 1000
	rows, more = c.list(after, page, true)
	return slices.Clip(rows), more
}
