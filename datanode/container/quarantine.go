package container

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mini-ozone/mini-ozone/datanode/chunk"
	"github.com/mini-ozone/mini-ozone/datanode/vfs"
	"github.com/mini-ozone/mini-ozone/internal/crc32c"
)

const (
	quarantineVersion = 1
	quarantineHeader  = 24
	quarantineRow     = 16
	maxQuarantineFile = 1 << 30
)

var quarantineMagic = [8]byte{'m', 'O', 'z', 'Q', 'u', 'a', 'r', '\n'}

// writeQuarantine replaces the .quar file of a container; none are no file.
func writeQuarantine(v *volume, id uint64, since map[uint64]int64) error {
	name := fileName(v, id, ".quar")
	if len(since) == 0 {
		if err := v.FS.Remove(name); err != nil {
			if notExist(err) {
				return nil
			}
			return err
		}
		return v.FS.SyncDir(v.containers())
	}
	le := binary.LittleEndian
	b := make([]byte, quarantineHeader, quarantineHeader+quarantineRow*len(since))
	copy(b, quarantineMagic[:])
	le.PutUint32(b[8:], quarantineVersion)
	le.PutUint64(b[16:], id)
	for _, local := range slices.Sorted(maps.Keys(since)) {
		b = le.AppendUint64(b, local)
		b = le.AppendUint64(b, uint64(since[local]))
	}
	le.PutUint32(b[12:], crc32c.Sum(b[16:]))
	return vfs.WriteFile(v.FS, name, b)
}

func readQuarantine(v *volume, id uint64) (map[uint64]int64, error) {
	b, err := vfs.ReadFile(v.FS, fileName(v, id, ".quar"), maxQuarantineFile)
	if err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	if len(b) < quarantineHeader || (len(b)-quarantineHeader)%quarantineRow != 0 || [8]byte(b) != quarantineMagic ||
		le.Uint32(b[12:]) != crc32c.Sum(b[16:]) || le.Uint32(b[8:]) != quarantineVersion || le.Uint64(b[16:]) != id {
		return nil, fmt.Errorf("%w: not a list of blocks in quarantine", chunk.ErrInvalid)
	}
	since := map[uint64]int64{}
	for r := range slices.Chunk(b[quarantineHeader:], quarantineRow) {
		since[le.Uint64(r)] = int64(le.Uint64(r[8:]))
	}
	return since, nil
}

// loadQuarantine reads the .quar file. Without it the blocks count as live again, which
// is the safe side: om will have them put aside anew.
func (c *container) loadQuarantine() {
	since, err := readQuarantine(c.vol, c.id)
	if err != nil {
		c.opt.Log.Warn().Err(err).Uint64("container", c.id).Msg("quarantine is unreadable, its blocks count as live again")
		return
	}
	c.index.quarantine(since)
}

// setQuarantine makes since, durably, the blocks that don't count as live.
func (c *container) setQuarantine(ctx context.Context, since map[uint64]int64) error {
	if err := c.lock(ctx); err != nil {
		return err
	}
	defer c.unlock()
	c.mu.RLock()
	same := maps.Equal(c.index.quarantined, since)
	c.mu.RUnlock()
	if same {
		return nil
	}
	if !c.building { // a new log gets the file when it is complete
		if err := writeQuarantine(c.vol, c.id, since); err != nil {
			return c.readError(err)
		}
	}
	c.mu.Lock()
	c.index.quarantine(since)
	c.mu.Unlock()
	c.stateChanged()
	return nil
}

// quarantine returns a copy of what is in quarantine since when.
func (c *container) quarantine() map[uint64]int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.index.quarantined == nil {
		return map[uint64]int64{}
	}
	return maps.Clone(c.index.quarantined)
}

// expireQuarantine deletes for ever what has been in quarantine for long enough.
func (s *Set) expireQuarantine(ctx context.Context, c *container, now time.Time) error {
	c.mu.RLock()
	var due []uint64
	broken := c.broken
	for local, since := range c.index.quarantined {
		if now.Sub(time.Unix(since, 0)) >= s.opt.Quarantine {
			due = append(due, local)
		}
	}
	c.mu.RUnlock()
	if len(due) == 0 || broken != nil {
		return nil
	}
	slices.Sort(due)
	s.opt.Log.Info().Uint64("container", c.id).Int("blocks", len(due)).Msg("blocks that nobody claimed in quarantine are removed")
	return s.deleteIn(ctx, c.id, due) // the file may name them on: what is deleted is left out
}
