package om

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

const (
	// spaceTick is how often the disk's space is looked at.
	spaceTick = time.Second
	// handOverPause is how long an om whose disk is full waits before it hands leadership
	// over once more: if the others are full too, it must not go round and round.
	handOverPause = 5 * time.Minute
)

// space is what is known of the disk that om's state is on. Below the reserve om takes
// nothing that makes its state grow, so that what makes it shrink, and the log itself,
// still find room: a disk without a byte left ends the process.
type space struct {
	min uint64 // the reserve; a twentieth of the disk if that is less

	mu             sync.Mutex
	capacity, free uint64
	low            bool
	handed         time.Time // when leadership was last handed over because of it
}

// look takes in the disk's figures and reports whether that changed anything. There must
// be a little more than the reserve before things change for the better.
func (d *space) look(capacity, free uint64) (changed, low bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.capacity, d.free = capacity, free
	reserve := d.reserve()
	was := d.low
	if was {
		reserve += reserve / 8
	}
	d.low = free < reserve
	return d.low != was, d.low
}

func (d *space) reserve() uint64 { return min(d.min, d.capacity/20) }

// handOver says whether leadership should be given away now, and notes that it is.
func (d *space) handOver(now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.low || !d.handed.IsZero() && now.Sub(d.handed) < handOverPause {
		return false
	}
	d.handed = now
	return true
}

// room returns an error if there is none for what grows. An om that has only just run
// out of it, and has peers, tells callers to try again: another one will lead.
func (d *space) room(peers bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case !d.low:
		return nil
	case peers && (d.handed.IsZero() || time.Since(d.handed) < dutyTimeout):
		return ozerr.New(ozerr.Unavailable, "om's disk is full, another om is to lead")
	}
	return ozerr.New(ozerr.DiskFull, "om's disk has only %d bytes left: delete something, or give it room", d.free)
}

func (d *space) figures() (capacity, free uint64, low bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.capacity, d.free, d.low
}

// diskSpace is statfs(2) of om's directory.
func (s *Server) diskSpace() (capacity, free uint64, err error) {
	if s.cfg.DiskSpace != nil {
		return s.cfg.DiskSpace()
	}
	var st unix.Statfs_t
	if err := unix.Statfs(s.cfg.Dir, &st); err != nil {
		return 0, 0, err
	}
	return st.Blocks * uint64(st.Bsize), st.Bavail * uint64(st.Bsize), nil
}

// watchSpace looks at the disk now and then, and hands leadership over when it is full.
func (s *Server) watchSpace() {
	tick := time.NewTicker(spaceTick)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.lookAtSpace()
		case <-s.ctx.Done():
			return
		}
	}
}

func (s *Server) lookAtSpace() {
	capacity, free, err := s.diskSpace()
	if err != nil {
		s.log.Warn().Err(err).Msg("space of om's disk")
		return
	}
	changed, low := s.space.look(capacity, free)
	switch {
	case changed && low:
		s.log.Error().Uint64("free", free).Msg("om's disk is full: nothing new is taken until there is room")
	case changed:
		s.log.Info().Uint64("free", free).Msg("om's disk has room again")
	}
	if _, leads := s.node.Leading(); !leads || !s.hasPeers() || !s.space.handOver(time.Now()) {
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, dutyTimeout)
	defer cancel()
	if err := s.node.Transfer(ctx, ""); err != nil {
		s.log.Warn().Err(err).Msg("leadership stays here although the disk is full")
	}
}

// hasPeers tells whether another om could lead.
func (s *Server) hasPeers() bool {
	voters := 0
	for _, r := range s.node.Roles() {
		if r.Voter {
			voters++
		}
	}
	return voters > 1
}

// room returns an error if the change would make the state grow and there is no room.
func (s *Server) room(req *ompb.Request) error {
	if _, _, low := s.space.figures(); !low || !grows(req) {
		return nil
	}
	if _, leads := s.node.Leading(); !leads {
		return nil // the log will say who does
	}
	return s.space.room(s.hasPeers())
}

// grows tells requests that make the state larger for good from those that make it
// smaller, or leave it as it is but for a few bytes.
func grows(req *ompb.Request) bool {
	switch req.GetOp().(type) {
	case *ompb.Request_DeleteVolume, *ompb.Request_DeleteBucket, *ompb.Request_DeleteKeys, *ompb.Request_DeleteUser,
		*ompb.Request_AbortUpload, *ompb.Request_CompleteUpload, *ompb.Request_RenameKey,
		*ompb.Request_SetBucket, // expiry rules are a way out
		*ompb.Request_SetNodeState, *ompb.Request_ForgetNode:
		return false
	}
	return true
}
