package datanode

import (
	"context"
	"time"

	"golang.org/x/time/rate"

	"github.com/mini-ozone/mini-ozone/datanode/container"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// upkeep starts what goes on in the background on each disk: verifying what is stored,
// and giving back the space of what was deleted.
func (s *Server) upkeep(ctx context.Context) {
	for _, dir := range s.id.dirs {
		s.wg.Go(func() { s.compact(ctx, dir) })
		if !s.cfg.Scrub {
			continue
		}
		x := &scrubbing{dir: dir, rate: rate.NewLimiter(rate.Limit(max(s.cfg.ScrubRate, 1)), fetchStep)}
		x.Scrubber = s.set.Scrubber(dir, x.throttle)
		s.scrubs = append(s.scrubs, x)
		s.wg.Go(func() { s.scrub(ctx, x) })
	}
}

// compact looks for containers that are worth compacting, one after the other.
func (s *Server) compact(ctx context.Context, dir string) {
	for sleep(ctx, s.cfg.CompactInterval, nil) {
		freed, err := s.set.Compact(ctx, dir, s.cfg.Compact, s.orders.throttle)
		s.metrics.compacted.Add(float64(max(freed, 0)))
		if err != nil && ctx.Err() == nil {
			s.log.Warn().Err(err).Str("dir", dir).Msg("compaction")
		}
	}
}

// scrubbing is the verification of one disk.
type scrubbing struct {
	*container.Scrubber
	dir  string
	rate *rate.Limiter
}

func (x *scrubbing) throttle(ctx context.Context, n int) error {
	if err := x.rate.WaitN(ctx, n); err != nil {
		return ozerr.Wrap(ozerr.Canceled, err, "waiting to verify")
	}
	return nil
}

const (
	scrubLook  = time.Minute // between looks whether a pass is due
	scrubRetry = time.Hour   // after a pass that failed
)

// scrub verifies one disk, pass after pass. Two passes begin in each interval and each
// takes no longer than half of it, so that no byte waits longer than the interval.
func (s *Server) scrub(ctx context.Context, x *scrubbing) {
	period := s.cfg.ScrubInterval / 2
	wait := time.Duration(0)
	for sleep(ctx, wait, nil) {
		wait = min(scrubLook, period)
		if time.Now().Before(x.Due(period)) {
			continue
		}
		needed := float64(x.Bytes()) / period.Seconds() * 1.1
		x.rate.SetLimit(rate.Limit(max(float64(s.cfg.ScrubRate), needed, 1)))
		if err := x.Pass(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn().Err(err).Str("dir", x.dir).Msg("verifying what is stored")
			wait = min(scrubRetry, period)
		}
	}
}
