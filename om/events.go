package om

import (
	"context"
	"errors"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/notification"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/notify"
	"github.com/mini-ozone/mini-ozone/om/state"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// Delivery of events.
const (
	eventBatch   = 100 // events in one message
	eventPace    = 100 * time.Millisecond
	eventMinWait = 100 * time.Millisecond // behind a failure, doubled up to
	eventMaxWait = time.Minute
	testEvents   = 16 // test events that may wait for their target
)

// courier brings the events of one target there, on the leader: row of the event table →
// message → row forgotten, in the log. The row is what makes it safe: a crash anywhere
// leaves it, and the next leader sends it (again). So every event comes at least once,
// and those of a target in the order of the changes. Each target has its own courier, so
// one that is down holds up no other, and nobody who writes waits for any of them.
type courier struct {
	s      *Server
	name   string
	target notify.Target
	tests  chan []byte // messages to send once, if possible

	// Behind the last event that was forgotten, in this term: what is in front of it
	// need not be looked through again.
	term    uint64
	index   uint64
	ordinal uint32
}

func newCouriers(s *Server) (map[string]*courier, error) {
	targets, err := notify.Open(s.cfg.EventTargets)
	if err != nil {
		return nil, err
	}
	couriers := map[string]*courier{}
	for name, t := range targets {
		couriers[name] = &courier{s: s, name: name, target: t, tests: make(chan []byte, testEvents)}
	}
	return couriers, nil
}

// run delivers until ctx ends.
func (c *courier) run(ctx context.Context) {
	defer c.target.Close()
	wait := time.NewTimer(0)
	defer wait.Stop()
	failed := time.Duration(0) // how long to wait behind the last failure; 0: there was none
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-c.tests:
			c.test(ctx, m)
			continue
		case <-wait.C:
		}
		err := c.deliver(ctx)
		switch {
		case err == nil:
			failed = 0
		case errors.Is(err, ozerr.NotLeader) || ctx.Err() != nil:
		default:
			failed = min(max(2*failed, eventMinWait), eventMaxWait)
			c.s.metrics.eventFailures.WithLabelValues(c.name).Inc()
			c.s.log.Warn().Err(err).Str("target", c.name).Dur("again_in", failed).Msg("events can't be delivered")
		}
		wait.Reset(max(failed, min(eventPace, c.s.cfg.DutyInterval)))
	}
}

// deliver sends all events that there are.
func (c *courier) deliver(ctx context.Context) error {
	for {
		events, err := c.next(ctx)
		if err != nil || len(events) == 0 {
			return err
		}
		records := make([]notify.Record, len(events))
		for i, e := range events {
			records[i] = notify.NewRecord(e, c.s.cfg.Region)
		}
		if err := c.send(ctx, func(ctx context.Context) error { return c.target.Send(ctx, records) }); err != nil {
			return err
		}
		c.s.metrics.eventsDelivered.WithLabelValues(c.name).Add(float64(len(events)))
		if err := c.s.forgetEvents(ctx, events); err != nil {
			return err
		}
		last := events[len(events)-1]
		c.index, c.ordinal = last.Index, last.Ordinal
	}
}

// next returns the oldest events; none where this om doesn't lead. A new leader first
// applies what the one before it has committed: it may have sent much of it.
func (c *courier) next(ctx context.Context) (events []*ompb.EventInfo, err error) {
	term, leads := c.s.node.Leading()
	if !leads {
		return nil, nil
	}
	if term != c.term {
		if err := c.s.node.ReadIndex(ctx); err != nil {
			return nil, err
		}
		c.term, c.index, c.ordinal = term, 0, 0
	}
	err = c.s.node.View(func(tx *table.Txn) error {
		state.Events(tx, c.name, c.index, c.ordinal, func(e *ompb.EventInfo) bool {
			events = append(events, e)
			return len(events) < eventBatch
		})
		return tx.Err()
	})
	return events, err
}

func (c *courier) send(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.s.cfg.EventTimeout)
	defer cancel()
	return f(ctx)
}

// test sends a test event; that it fails is logged and no more.
func (c *courier) test(ctx context.Context, message []byte) {
	err := c.send(ctx, func(ctx context.Context) error { return c.target.SendRaw(ctx, message) })
	if err != nil && ctx.Err() == nil {
		c.s.log.Warn().Err(err).Str("target", c.name).Msg("a test event can't be delivered")
	}
}

// forgetEvents removes events; they need not be there any more.
func (s *Server) forgetEvents(ctx context.Context, events []*ompb.EventInfo) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	for len(events) > 0 {
		n := min(len(events), state.MaxForget)
		names := make([]*ompb.EventInfo, n)
		for i, e := range events[:n] {
			names[i] = &ompb.EventInfo{Target: e.Target, Index: e.Index, Ordinal: e.Ordinal}
		}
		_, err := s.propose(ctx, &ompb.Request{Op: &ompb.Request_ForgetEvents{ForgetEvents: &ompb.ForgetEvents{Events: names}}})
		if err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}

// startCouriers begins to deliver; it ends with the server.
func (s *Server) startCouriers() {
	for _, c := range s.couriers {
		s.wg.Go(func() { c.run(s.ctx) })
	}
}

// boundEvents drops the oldest events of targets that have not taken theirs for so long
// that the rows would fill the disk, or that are configured no more.
func (s *Server) boundEvents(ctx context.Context, _ *tenure) error {
	var targets []string
	if err := s.node.View(func(tx *table.Txn) error { targets = state.EventTargets(tx); return tx.Err() }); err != nil {
		return err
	}
	for _, target := range targets {
		if s.couriers[target] == nil {
			s.log.Error().Str("target", target).Msg("there are events for a target that is not configured (mini.om.notification.targets)")
		}
		if err := s.boundEventsOf(ctx, target); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) boundEventsOf(ctx context.Context, target string) error {
	for {
		var waiting int
		var oldest []*ompb.EventInfo
		err := s.node.View(func(tx *table.Txn) error {
			waiting = state.CountEvents(tx, target, 0, 0, s.cfg.EventBacklog+100*state.MaxForget)
			state.Events(tx, target, 0, 0, func(e *ompb.EventInfo) bool {
				if len(oldest) < min(waiting-s.cfg.EventBacklog, 100*state.MaxForget) {
					oldest = append(oldest, &ompb.EventInfo{Target: e.Target, Index: e.Index, Ordinal: e.Ordinal})
					return true
				}
				return false
			})
			return tx.Err()
		})
		s.metrics.eventsWaiting.WithLabelValues(target).Set(float64(waiting - len(oldest)))
		if err != nil || len(oldest) == 0 {
			return err
		}
		if err := s.forgetEvents(ctx, oldest); err != nil {
			return err
		}
		s.metrics.eventsDropped.WithLabelValues(target).Add(float64(len(oldest)))
		s.log.Error().Str("target", target).Int("events", len(oldest)).Int("kept", s.cfg.EventBacklog).
			Msg("EVENTS ARE LOST: the target takes none and too many are waiting (mini.om.notification.backlog)")
	}
}

// checkTargets is an error where a change of a bucket names a target that there isn't.
func (s *Server) checkTargets(req *ompb.Request) error {
	for _, r := range notificationOf(req).Rules {
		if s.couriers[notification.Target(r.ARN)] == nil {
			return ozerr.New(ozerr.InvalidArgument, "Unable to validate the following destination configurations: %s", r.ARN)
		}
	}
	return nil
}

// notificationOf is the notification configuration in a change of a bucket; without
// rules if that changes something else.
func notificationOf(req *ompb.Request) *notification.Config {
	d := req.GetSetBucket().GetDocument()
	if d.GetKind() != "notification" {
		return &notification.Config{}
	}
	c, err := notification.Decode(d.GetContent())
	if err != nil { // the state machine refuses it
		return &notification.Config{}
	}
	return c
}

// sendTestEvents tells the targets of a new notification configuration of it, as AWS
// does: once, if possible.
func (s *Server) sendTestEvents(req *ompb.Request) {
	told := map[string]bool{}
	for _, r := range notificationOf(req).Rules {
		name := notification.Target(r.ARN)
		c := s.couriers[name]
		if told[name] || c == nil {
			continue
		}
		told[name] = true
		select {
		case c.tests <- notify.TestEvent(req.GetSetBucket().GetRef().GetBucket(), req.RequestId, time.Now()):
		default:
		}
	}
}
