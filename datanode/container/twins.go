package container

import (
	"context"
	"errors"

	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// A container can be found on two disks: one failed, the replica was made anew on the
// other, and then the first came back. One of the two is used, the other is put aside,
// with another name, until a repair has shown that nothing is missing.

// addOpened makes c the container of its id, unless there is a better one already.
func (s *Set) addOpened(c *container) {
	s.mu.Lock()
	other := s.byID[c.id]
	if other == nil || better(c, other) {
		s.byID[c.id] = c
		c, other = other, c
	}
	s.mu.Unlock()
	if c == nil {
		return
	}
	err := errors.Join(c.file.Close(), s.putAside(c))
	s.opt.Log.Error().AnErr("error", err).Uint64("container", c.id).Str("used", other.vol.Dir).Str("aside", c.vol.Dir).
		Msg("a container is on two disks: one of them is put aside")
}

// better says whether a is to be used rather than b: a healthy one, else the one that
// was made later, else the one that has more.
func better(a, b *container) bool {
	if ah, bh := a.healthy(), b.healthy(); ah != bh {
		return ah
	}
	if a.born != b.born {
		return a.born > b.born
	}
	return a.index.blocks > b.index.blocks
}

func (c *container) healthy() bool { return c.report().State != dnpb.ContainerState_UNHEALTHY }

// putAside gives the log of a container that is not used another name. If there is one of
// that name already, both stay what they are.
func (s *Set) putAside(c *container) error {
	s.noteAside(c.id, c.vol)
	if f, err := c.vol.FS.Open(fileName(c.vol, c.id, ".aside")); err == nil {
		return f.Close()
	}
	if err := c.vol.FS.Rename(fileName(c.vol, c.id, ".log"), fileName(c.vol, c.id, ".aside")); err != nil {
		return err
	}
	return discard(c.vol, c.id)
}

func (s *Set) noteAside(id uint64, v *volume) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asides[id] = append(s.asides[id], v)
}

// reinstate uses what was put aside if what was better is not here any more: its disk
// failed in its turn.
func (s *Set) reinstate() {
	for id, vols := range s.asides {
		if s.byID[id] != nil || s.gone[id] {
			continue
		}
		v := vols[0]
		err := v.do(context.Background(), func() error {
			if err := v.FS.Rename(fileName(v, id, ".aside"), fileName(v, id, ".log")); err != nil {
				return err
			}
			if err := v.FS.SyncDir(v.containers()); err != nil {
				return err
			}
			return s.openOne(id, v, found{log: true})
		})
		s.opt.Log.Warn().AnErr("error", err).Uint64("container", id).Str("dir", v.Dir).Msg("a log that was put aside is used again")
		if err == nil {
			delete(s.asides, id)
		}
	}
}

// DropAside removes what was put aside of a container. Call it when a repair has shown
// that everything om lists is in the replica that is used.
func (s *Set) DropAside(id uint64) error {
	s.mu.Lock()
	vols := s.asides[id]
	delete(s.asides, id)
	s.mu.Unlock()
	var errs []error
	for _, v := range vols {
		err := v.FS.Remove(fileName(v, id, ".aside"))
		if err == nil {
			err = v.FS.SyncDir(v.containers())
		}
		if err != nil && !notExist(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// closeReturned closes to writers what was removed on one disk and is on another again.
func (s *Set) closeReturned() {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for id := range s.gone {
		if c := s.byID[id]; c != nil {
			c.beginClose()
		}
	}
}
