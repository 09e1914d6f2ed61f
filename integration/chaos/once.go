package chaos

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// lane is a group of servers that go through failpoints one after the other, beside the
// other lanes: all gateways, all oms, or one datanode.
type lane struct {
	servers []*server
	places  []string // to come; the first one is armed if armed says so
	armed   bool
	first   time.Time // when the place was armed for the first time
	since   time.Time // and for the last
}

const (
	// perPlace bounds the wait until a place is come to.
	perPlace = 2 * time.Minute
	// rearm is when an om that found all it needed in the log, and needed no snapshot, is
	// wiped again: by then the log has been cut.
	rearm = 15 * time.Second
)

// once has servers die at each of the places. The load goes on all the while.
func (f *faults) once(ctx context.Context, places []string) error {
	lanes := f.lanes(places)
	for ctx.Err() == nil {
		busy := false
		for _, l := range lanes {
			if err := f.drive(ctx, l); err != nil {
				return err
			}
			busy = busy || len(l.places) > 0
		}
		if !busy {
			return nil
		}
		f.run.sleep(10 * time.Millisecond)
	}
	for _, l := range lanes {
		f.run.report.Missed = append(f.run.report.Missed, l.places...)
	}
	return nil
}

// lanes deals the places out.
func (f *faults) lanes(places []string) []*lane {
	oms, gateways := &lane{servers: f.fleet.idle(om)}, &lane{servers: f.fleet.idle(gateway)}
	lanes := []*lane{oms, gateways}
	for _, s := range f.fleet.idle(datanode) {
		lanes = append(lanes, &lane{servers: []*server{s}})
	}
	next := 2
	for _, p := range places {
		l := gateways
		switch roleOf(p) {
		case om:
			l = oms
		case datanode:
			l = lanes[2+next%(len(lanes)-2)]
			next++
		}
		l.places = append(l.places, p)
	}
	return lanes
}

// drive arms a lane's next place, or sees whether the one that is armed was come to.
func (f *faults) drive(ctx context.Context, l *lane) error {
	if len(l.places) == 0 {
		return nil
	}
	place := l.places[0]
	if !l.armed {
		l.first = time.Now()
		return f.arm(l, place)
	}
	died := slices.ContainsFunc(l.servers, func(s *server) bool {
		_, ended := s.Ended()
		return ended
	})
	switch took := time.Since(l.first); {
	case died:
		f.note("died at %s after %v", place, took.Round(time.Millisecond))
	case took >= perPlace:
		f.note("did not come to %s in %v", place, perPlace)
	case snapshotPlace(place) && time.Since(l.since) > rearm:
		return f.arm(l, place)
	default:
		return nil
	}
	if died {
		f.kills++
	} else {
		f.run.report.Missed = append(f.run.report.Missed, place)
	}
	l.places, l.armed = l.places[1:], false
	if !snapshotPlace(place) && len(l.places) > 0 {
		return nil // arming the next one starts them
	}
	for _, s := range l.servers {
		s.armed, s.Env = "", nil
		s.Kill()
		if err := s.Start(); err != nil {
			return err
		}
	}
	if snapshotPlace(place) { // who died in the middle of a snapshot must come back from there
		for _, s := range l.servers {
			if err := s.WaitReady(ctx); err != nil {
				return fmt.Errorf("%s after it died at %s: %w", s.Name, place, err)
			}
		}
	}
	return nil
}

// snapshotPlace tells whether a place is come to only if an om needs a snapshot.
func snapshotPlace(place string) bool {
	return strings.HasPrefix(place, "om/snapshot") || strings.HasPrefix(place, "om/restore")
}

// arm starts the servers of a lane so that the first to come to place dies there. For a
// snapshot the last om is wiped, always the same one: two would be a majority.
func (f *faults) arm(l *lane, place string) error {
	signal(l.servers)
	for i, s := range l.servers {
		s.Kill()
		s.armed, s.Env = place, []string{"MINI_OZONE_FAILPOINTS=" + place + "=kill"}
		if snapshotPlace(place) && i == len(l.servers)-1 {
			if err := os.RemoveAll(s.dir); err != nil {
				return err
			}
		}
		if err := s.Start(); err != nil {
			return err
		}
	}
	l.armed, l.since = true, time.Now()
	return nil
}
