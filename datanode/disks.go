package datanode

import (
	"context"
	"fmt"
	"time"
)

const (
	// recheck is how soon a disk that failed a check, or a read, is checked again.
	recheck = time.Second
	// overdueTick is how often disks that hang are looked for.
	overdueTick = 500 * time.Millisecond
)

// tryDisks tries every disk now and then, and when one has failed to read.
func (s *Server) tryDisks(ctx context.Context) {
	again := false
	for {
		wait := s.cfg.DiskCheckInterval
		if again {
			wait = min(wait, recheck)
		}
		suspicion := s.set.Suspicions()
		if again {
			suspicion = nil // it is tried anyway, and not more often
		}
		if !sleep(ctx, wait, suspicion) {
			return
		}
		again = s.set.TryDisks(ctx)
	}
}

// watchDisks gives up disks that hang, and the node with too many that failed.
func (s *Server) watchDisks(ctx context.Context) {
	tick := time.NewTicker(min(overdueTick, s.cfg.DiskCheck.Timeout/4+1))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			s.set.Overdue(now)
			if err := s.enoughDisks(); err != nil {
				s.fail(err)
				return
			}
		}
	}
}

// enoughDisks returns an error if more disks have failed than the datanode bears.
func (s *Server) enoughDisks() error {
	failed, total := s.set.FailedDisks()
	if failed == total || s.cfg.FailedTolerated >= 0 && failed > s.cfg.FailedTolerated {
		return fmt.Errorf("%d of %d disks have failed (hdds.datanode.failed.data.volumes.tolerated is %d)", failed, total, s.cfg.FailedTolerated)
	}
	return nil
}
