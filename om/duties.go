package om

import (
	"context"
	"errors"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/raftnode"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// dutyTimeout bounds one round of one duty.
const dutyTimeout = 30 * time.Second

// duties is the leader's background work, one piece after the other so that it
// never competes with itself. On a follower it does nothing.
func (s *Server) duties() {
	tick := time.NewTicker(s.cfg.DutyInterval)
	defer tick.Stop()
	var tidied, swept, looked time.Time
	for {
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			return
		}
		if _, leads := s.node.Leading(); !leads {
			continue
		}
		s.duty("close containers", s.closeContainers)
		s.duty("renew keys of block tokens", s.renewTokens)
		if t := s.present(); t != nil && t.repl.due(time.Now(), looked) {
			looked = time.Now()
			s.duty("watch redundancy", s.watchRedundancy)
		}
		if time.Since(swept) >= s.cfg.DeleteInterval {
			swept = time.Now()
			s.duty("delete blocks", s.sweep)
			s.duty("bound events", s.boundEvents)
		}
		if time.Since(tidied) >= s.cfg.UploadInterval {
			tidied = time.Now()
			s.duty("abort expired uploads", s.expireUploads)
			s.duty("prune results", s.pruneResults)
		}
	}
}

// duty runs one piece; what fails is tried again in the next round.
func (s *Server) duty(name string, f func(context.Context, *tenure) error) {
	ctx, cancel := context.WithTimeout(s.ctx, dutyTimeout)
	defer cancel()
	t, err := s.tenure(ctx)
	if err == nil {
		err = f(ctx, t)
	}
	if err != nil && s.ctx.Err() == nil && !errors.Is(err, ozerr.NotLeader) {
		s.log.Warn().Err(err).Str("duty", name).Msg("not done, will be tried again")
	}
}

func (s *Server) closeContainers(ctx context.Context, t *tenure) error {
	for _, id := range t.alloc.spent(time.Now()) {
		if err := t.beginClose(ctx, id); err != nil {
			return err
		}
	}
	return t.closer.step(ctx)
}

func (s *Server) watchRedundancy(ctx context.Context, t *tenure) error {
	return t.repl.step(ctx, time.Now())
}

func (s *Server) sweep(ctx context.Context, t *tenure) error {
	return t.sweeper.step(ctx, time.Now(), s.node.View)
}

// idleSince is the time stamp before which a client's last request was at least kept ago;
// now is by this leader's clock, elapsed the true time since its term began. A clock that
// is a day ahead must not end the memory of retries under way. So what earlier leaders
// stamped is compared with their own time, until this term is older than kept; what was
// stamped since then is compared with the clock at its beginning.
func idleSince(began raftnode.Beginning, now time.Time, elapsed, kept time.Duration) time.Time {
	reference := began.Stamped
	if elapsed >= kept {
		reference = began.At
	}
	if then := reference.Add(elapsed); then.Before(now) {
		now = then
	}
	return now.Add(-kept)
}

// pruneResults forgets the answers of clients that have been idle, and completed
// uploads whose repetition nobody will ask for any more.
func (s *Server) pruneResults(ctx context.Context, _ *tenure) error {
	began, now := s.node.Began(), time.Now()
	if began.At.IsZero() {
		return nil
	}
	before := idleSince(began, now, now.Sub(began.At), s.cfg.ResultsKept).UnixNano()
	_, err := s.propose(ctx, &ompb.Request{Op: &ompb.Request_PruneResults{PruneResults: &ompb.PruneResults{BeforeNs: before}}})
	return err
}
