//go:build failpoints

// Package failpoint with teeth: see failpoint.go.
//
// The environment variable MINI_OZONE_FAILPOINTS arms places, separated by commas:
//
//	NAME=kill       the process kills itself (SIGKILL) at the first hit
//	NAME=kill@N     at the N-th hit
//	NAME=sleep:D@N  the N-th hit takes the duration D longer
//
// Everything is counted, also what is not armed; MINI_OZONE_FAILPOINTS_LOG names a file
// that gets the name of each place at its first hit, for a test that all are reached.
package failpoint

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

type action struct {
	kill  bool
	sleep time.Duration
	at    int
}

// points is read once: a process's failpoints are part of how it was started.
var points = sync.OnceValue(func() *register {
	r := &register{hits: map[string]int{}, actions: map[string]action{}, log: os.Getenv("MINI_OZONE_FAILPOINTS_LOG")}
	for _, f := range strings.Split(os.Getenv("MINI_OZONE_FAILPOINTS"), ",") {
		if f == "" {
			continue
		}
		if err := r.arm(f); err != nil {
			fmt.Fprintln(os.Stderr, "MINI_OZONE_FAILPOINTS:", err)
			os.Exit(2)
		}
	}
	return r
})

type register struct {
	mu      sync.Mutex
	hits    map[string]int
	actions map[string]action
	log     string
}

func (r *register) arm(s string) error {
	name, what, ok := strings.Cut(s, "=")
	if !ok {
		return fmt.Errorf("%q is not NAME=ACTION", s)
	}
	a := action{at: 1}
	what, nth, counted := strings.Cut(what, "@")
	if counted {
		n, err := strconv.Atoi(nth)
		if err != nil || n < 1 {
			return fmt.Errorf("%q: which hit is %q?", s, nth)
		}
		a.at = n
	}
	d, sleeps := strings.CutPrefix(what, "sleep:")
	switch {
	case what == "kill":
		a.kill = true
	case sleeps:
		var err error
		if a.sleep, err = time.ParseDuration(d); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%q: no action %q", s, what)
	}
	r.actions[name] = a
	return nil
}

func (r *register) hit(name string) (action, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hits[name]++
	if r.hits[name] == 1 && r.log != "" {
		if f, err := os.OpenFile(r.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640); err == nil {
			_, _ = fmt.Fprintln(f, name) // a test misses it then, and says so
			_ = f.Close()
		}
	}
	a, armed := r.actions[name]
	return a, armed && r.hits[name] == a.at
}

// Hit is called at a place that may be armed.
func Hit(name string) {
	a, due := points().hit(name)
	switch {
	case !due:
	case a.kill:
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // it takes a moment
	default:
		time.Sleep(a.sleep)
	}
}
