package chaos

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// undo is what ends a fault, at its time.
type undo struct {
	at time.Time
	do func() error
}

// faults carries a schedule out. All of it is one goroutine.
type faults struct {
	run   *run
	fleet *fleet
	plan  *schedule
	log   *os.File

	enough func() // ends the schedule
	undos  []undo
	done   map[Kind]int
	kills  int
}

// play goes through the schedule until ctx ends.
func (f *faults) play(ctx context.Context) error {
	for n := 0; ctx.Err() == nil; n++ {
		e := f.plan.step(n)
		if err := f.wait(ctx, e.after); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		if err := f.apply(ctx, e); err != nil {
			return fmt.Errorf("%v: %w", e, err)
		}
		if f.run.cfg.Kills > 0 && f.kills >= f.run.cfg.Kills {
			f.enough()
		}
	}
	return nil
}

// note writes a line for people.
func (f *faults) note(format string, args ...any) {
	fmt.Fprintf(f.log, "%s %s\n", time.Now().Format("15:04:05.000"), fmt.Sprintf(format, args...))
}

// wait lets d go by; what is due to be undone meanwhile is.
func (f *faults) wait(ctx context.Context, d time.Duration) error {
	end := time.Now().Add(d)
	for {
		if err := f.settle(); err != nil {
			return err
		}
		left := time.Until(end)
		if left <= 0 || ctx.Err() != nil {
			return nil
		}
		f.run.sleep(min(left, 20*time.Millisecond)) // processes die at failpoints when they like
	}
}

// settle undoes what is due, and looks for servers that ended.
func (f *faults) settle() error {
	own, armed := f.fleet.ended()
	for _, s := range own {
		f.run.violate("%s ended by itself: %s", s.Name, s.Tail(500))
		s.Kill()
		if err := s.Start(); err != nil {
			return err
		}
	}
	for _, s := range armed {
		f.note("%s died at %s", s.Name, s.armed)
		f.kills++
		if err := f.disarm(s); err != nil {
			return err
		}
	}
	var later []undo
	var errs []error
	for _, u := range f.undos {
		if time.Now().Before(u.at) {
			later = append(later, u)
		} else {
			errs = append(errs, u.do())
		}
	}
	f.undos = later
	return errors.Join(errs...)
}

// disarm restarts a server without its failpoint.
func (f *faults) disarm(s *server) error {
	if s.armed == "" {
		return nil
	}
	s.armed, s.Env, s.busy = "", nil, false
	s.Kill()
	return s.Start()
}

// later plans the end of a fault of s.
func (f *faults) later(s *server, d time.Duration, do func() error) {
	s.busy = true
	f.undos = append(f.undos, undo{time.Now().Add(d), func() error {
		s.busy = false
		return do()
	}})
}

// apply does one step. Servers that something is being done to are left alone.
func (f *faults) apply(ctx context.Context, e event) error {
	var victims []*server
	for _, i := range e.victims {
		if s := f.fleet.servers[i]; !s.busy {
			victims = append(victims, s)
		}
	}
	if len(victims) == 0 {
		return nil
	}
	if e.kind.lossy() && !f.allowed(ctx, e) {
		return nil
	}
	f.note("%v (%s)", e, names(victims))
	f.done[e.kind]++
	if e.kind == KillAll {
		signal(victims)
	}
	for _, s := range victims {
		if err := f.strike(ctx, e, s); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return nil
}

func names(servers []*server) string {
	var all []string
	for _, s := range servers {
		all = append(all, s.Name)
	}
	return strings.Join(all, " ")
}

// strike does to s what e says.
func (f *faults) strike(ctx context.Context, e event, s *server) error {
	switch e.kind {
	case Kill, KillAll:
		f.kills++
		s.Kill()
		f.later(s, e.hold, s.Start)
	case Freeze:
		f.later(s, e.hold, s.Thaw)
		return s.Freeze()
	case Stop:
		f.stop(s)
		f.later(s, e.hold, s.Start)
	case Roll:
		f.stop(s)
		if err := s.Start(); err != nil {
			return err
		}
		if err := s.WaitReady(context.WithoutCancel(ctx)); err != nil {
			f.run.violate("%s is not ready after it was stopped and started: %v", s.Name, err)
		}
	case Failpoint:
		s.Kill()
		f.kills++
		s.armed = e.place
		s.Env = []string{fmt.Sprintf("MINI_OZONE_FAILPOINTS=%s=kill@%d", e.place, e.hit)}
		f.later(s, e.hold, func() error { return f.disarm(s) }) // it may not have come there
		s.busy = true
		return s.Start()
	case WipeNode, WipeOM:
		s.Kill()
		f.kills++
		if err := os.RemoveAll(s.dir); err != nil {
			return err
		}
		f.later(s, e.hold, s.Start)
	case Flip:
		s.Kill()
		f.kills++
		where, err := flip(s.dir, rand.New(rand.NewPCG(e.draw, 0)))
		if err != nil {
			return err
		}
		f.note("flipped %s", where)
		f.later(s, e.hold, s.Start)
	}
	return nil
}

// stop ends a server as an operator would.
func (f *faults) stop(s *server) {
	if err := s.Stop(); err != nil {
		f.run.violate("%s was told to stop: %v", s.Name, err)
	}
}

// allowed waits until nothing is missing, so that losing one server's data is covered by
// the promises. false: there was not enough time.
func (f *faults) allowed(ctx context.Context, e event) bool {
	if f.run.cfg.Lossy > 0 && f.lost() >= f.run.cfg.Lossy {
		return false
	}
	for f.anyBusy() { // everything is let come back
		if f.wait(ctx, 50*time.Millisecond) != nil || ctx.Err() != nil {
			return false
		}
	}
	whole := f.run.storage.redundant
	if e.kind == WipeOM {
		whole = f.run.storage.voters
	}
	began := time.Now()
	for {
		why, err := whole(ctx)
		if err == nil && why == "" {
			f.note("redundant after %v", time.Since(began).Round(time.Millisecond))
			return true
		}
		if time.Since(began) > f.run.cfg.Settle {
			f.run.violate("redundancy was not restored in %v: %s %v", f.run.cfg.Settle, why, err)
			return false
		}
		if f.wait(ctx, 200*time.Millisecond) != nil || ctx.Err() != nil {
			f.note("not redundant before the end: %s %v", why, err)
			return false
		}
	}
}

func (f *faults) lost() int { return f.done[WipeNode] + f.done[WipeOM] + f.done[Flip] }

func (f *faults) anyBusy() bool {
	for _, s := range f.fleet.servers {
		if s.busy {
			return true
		}
	}
	return false
}

// flip changes a bit of a container's log below dir, and says where.
func flip(dir string, rng *rand.Rand) (string, error) {
	var logs []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.HasSuffix(path, ".log") {
			if info, err := d.Info(); err == nil && info.Size() > 0 {
				logs = append(logs, path)
			}
		}
		return err
	})
	if err != nil || len(logs) == 0 {
		return "nothing: no container has anything yet", err
	}
	path := logs[rng.IntN(len(logs))]
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	at, bit := rng.Int64N(info.Size()), byte(1)<<rng.IntN(8)
	b := make([]byte, 1)
	if _, err := file.ReadAt(b, at); err != nil {
		return "", err
	}
	b[0] ^= bit
	_, err = file.WriteAt(b, at)
	return fmt.Sprintf("%s, byte %d of %d, bit %d", path, at, info.Size(), bit), err
}
