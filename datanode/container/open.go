package container

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/mini-ozone/mini-ozone/datanode/chunk"
	"github.com/mini-ozone/mini-ozone/datanode/vfs"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// found is what the file names of a volume say about one container.
type found struct{ log, idx, bad, gone, quar, aside bool }

// survey lists the containers of a volume and removes what interrupted operations
// left behind.
func survey(v *volume) (map[uint64]found, error) {
	if err := vfs.MkdirSynced(v.FS, v.containers()); err != nil {
		return nil, err
	}
	names, err := v.FS.List(v.containers())
	if err != nil {
		return nil, err
	}
	all := map[uint64]found{}
	for _, name := range names {
		base, suffix, _ := strings.Cut(name, ".")
		id, err := strconv.ParseUint(base, 16, 64)
		if err != nil || len(base) != 16 {
			continue // not ours
		}
		f := all[id]
		switch suffix {
		case "log":
			f.log = true
		case "idx":
			f.idx = true
		case "bad":
			f.bad = true
		case "gone":
			f.gone = true
		case "quar":
			f.quar = true
		case "aside":
			f.aside = true
		case "log.tmp", "idx.tmp", "bad.tmp", "quar.tmp", "new", "new.tmp":
			if err := v.FS.Remove(v.containers() + "/" + name); err != nil {
				return nil, err
			}
		}
		all[id] = f
	}
	return all, v.FS.SyncDir(v.containers())
}

// openContainer reads a container's files. A container that can't be read any more
// is returned too, as an unhealthy one.
func openContainer(id uint64, v *volume, has found, opt *Options, clock *atomic.Uint64) (*container, error) {
	f, err := v.FS.OpenWrite(fileName(v, id, ".log"))
	if err != nil {
		return nil, err
	}
	c := newContainer(id, 0, v, f, opt, clock)
	if err := c.load(has); err != nil {
		_ = c.fail(err)
	}
	c.touch()
	c.measure()
	return c, nil
}

// load fills the container from its files.
func (c *container) load(has found) error {
	if err := c.loadHeader(); err != nil {
		return err
	}
	b, from := builder{}, int64(chunk.FileHeaderSize)
	if has.idx {
		cp, err := c.loadCheckpoint()
		switch {
		case err == nil:
			b.rows, from, c.state, c.covered = cp.rows, cp.covered, cp.state, cp.covered
		case errors.Is(err, chunk.ErrInvalid):
			c.opt.Log.Warn().Err(err).Uint64("container", c.id).Msg("checkpoint is unusable, reading the whole log")
		default:
			return err
		}
	}
	res, err := chunk.Scan(c.file, c.salt, from, b.add)
	if err != nil {
		return err
	}
	c.index = b.build()
	if has.quar {
		c.loadQuarantine()
	}
	c.end, c.flushed, c.marked = res.End, res.End, min(res.Checked, res.End)
	if len(res.Corrupt) > 0 {
		c.durable = res.End
		c.suspect(fmt.Errorf("%w: damage at %v of %d bytes", chunk.ErrInvalid, res.Corrupt, res.Size))
		return nil
	}
	if err := c.settle(res); err != nil {
		return err
	}
	if has.bad {
		return c.recall()
	}
	return nil
}

// settle makes durable what the scan found whole, and cuts off the rest: from here
// on the blocks in it are served, so they must not vanish with the next power loss.
func (c *container) settle(res chunk.Result) error {
	if res.End < res.Size {
		c.opt.Log.Info().Uint64("container", c.id).Int64("bytes", res.Size-res.End).Msg("cut an unfinished write")
		if err := c.file.Truncate(res.End); err != nil {
			return err
		}
	}
	if res.End != res.Checked || res.End < res.Size {
		if err := c.file.Sync(); err != nil {
			return err
		}
	}
	c.durable = res.End
	return nil
}

// recall makes the container unhealthy again for the reason noted in its .bad file.
func (c *container) recall() error {
	why, err := vfs.ReadFile(c.vol.FS, fileName(c.vol, c.id, ".bad"), 64<<10)
	if err != nil {
		return err
	}
	c.state = dnpb.ContainerState_UNHEALTHY
	if strings.HasPrefix(string(why), noteSuspect) {
		return nil
	}
	c.broken = ozerr.New(ozerr.DiskFailed, "container %d is unhealthy since an earlier run: %s", c.id, strings.TrimSpace(string(why)))
	return nil
}

func (c *container) loadHeader() error {
	b := make([]byte, chunk.FileHeaderSize)
	n, err := c.file.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return err
	}
	h, err := chunk.ParseFileHeader(b[:n])
	if err == nil && h.Container != c.id {
		return fmt.Errorf("%w: the log of container %d under the name of %d", chunk.ErrInvalid, h.Container, c.id)
	}
	if err == nil {
		c.salt, c.born = h.Salt, h.Born
		if h.State == uint32(dnpb.ContainerState_CLOSED) {
			c.state = dnpb.ContainerState_CLOSED
		}
		return nil
	}
	return err
}

func (c *container) loadCheckpoint() (checkpoint, error) {
	b, err := vfs.ReadFile(c.vol.FS, fileName(c.vol, c.id, ".idx"), maxIndexFile)
	if err != nil {
		return checkpoint{}, err
	}
	cp, err := parseCheckpoint(b)
	if err == nil && (cp.Container != c.id || cp.Salt != c.salt) {
		err = fmt.Errorf("%w: checkpoint of another log", chunk.ErrInvalid)
	}
	return cp, err
}

// erase removes a container's files for good; the .gone file that is left behind
// keeps a late write from starting it anew.
func erase(v *volume, id uint64) error {
	if err := bequeath(v, id); err != nil {
		return err
	}
	for _, suffix := range []string{".log", ".idx", ".bad", ".quar"} {
		if err := v.FS.Remove(fileName(v, id, suffix)); err != nil && !notExist(err) {
			return err
		}
	}
	return v.FS.SyncDir(v.containers())
}

// bequeath writes the .gone file.
func bequeath(v *volume, id uint64) error {
	f, err := v.FS.Create(fileName(v, id, ".gone"))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err == nil {
		if err := f.Close(); err != nil {
			return err
		}
	}
	return v.FS.SyncDir(v.containers())
}
