package chaos

import (
	"flag"
	"reflect"
	"testing"
	"time"
)

var (
	seed     = flag.Uint64("chaos.seed", 0, "seed of TestKills and TestChaos; 0 draws one")
	kills    = flag.Int("chaos.kills", 200, "processes that TestKills kills")
	duration = flag.Duration("chaos.duration", 40*time.Second, "how long TestChaos makes faults")
)

// TestKills kills processes at random, one, several or all at once, with kill -9 under
// load: no acknowledged write may be lost.
func TestKills(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Seed, cfg.Kills, cfg.Kinds = *seed, *kills, []Kind{Kill, KillAll}
	cfg.Datanodes, cfg.Settle = 3, 0
	cfg.Clients, cfg.Rate = 16, 200
	cfg.Pause, cfg.Down, cfg.Duration = 400*time.Millisecond, 300*time.Millisecond, 12*time.Hour
	cfg.Calm, cfg.Floor = 3*time.Second, 4 // the machine may be busy with other tests
	report := check(t, cfg)
	if report.Kills < *kills {
		t.Errorf("%d kills", report.Kills)
	}
	if report.Writes < *kills/2 {
		t.Errorf("only %d writes were acknowledged during %d kills", report.Writes, report.Kills)
	}
}

// The n-th step of a schedule is decided by the seed and the fleet alone, so that a run
// can be made again; and every kind comes.
func TestScheduleIsReplayable(t *testing.T) {
	s := &schedule{
		seed: 7, roles: []role{om, om, om, datanode, datanode, datanode, gateway, gateway}, kinds: Kinds(),
		places: Places(), pause: time.Second, down: time.Second, frozen: time.Second,
	}
	again := *s
	came := map[Kind]int{}
	for n := range 1000 {
		e := s.step(n)
		if other := again.step(n); !reflect.DeepEqual(e, other) {
			t.Fatalf("%v, and again %v", e, other)
		}
		came[e.kind]++
		for _, v := range e.victims {
			if r := s.roles[v]; e.kind == WipeOM && r != om || (e.kind == WipeNode || e.kind == Flip) && r != datanode {
				t.Errorf("%v", e)
			}
		}
	}
	for _, k := range Kinds() {
		if came[k] == 0 {
			t.Errorf("no %s in 1000 steps", k)
		}
	}
}

// A body says whose it is, and no two versions are the same.
func TestContent(t *testing.T) {
	a, b := writer{1, 2}, writer{1, 3}
	for v := 1; v < 300; v++ {
		x := a.content(v)
		if len(x) != a.length(v) || string(x) != string(a.content(v)) {
			t.Fatalf("version %d is not always the same", v)
		}
		if len(x) > 64 && (string(x) == string(b.content(v)) || string(x) == string(a.content(v+1))) {
			t.Fatalf("version %d is like another", v)
		}
	}
}

// TestChaos makes faults under load and audits everything. The short form leaves out those
// that destroy a datanode's data, which take minutes to be made up for.
func TestChaos(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Seed, cfg.Duration, cfg.Floor = *seed, *duration, 4
	if *duration < 10*time.Minute {
		cfg.Frozen, cfg.Rate, cfg.Settle = 6*time.Second, 80, 0
		cfg.Kinds = []Kind{Kill, KillAll, Freeze, Stop, Roll, Failpoint}
	}
	check(t, cfg)
}

// TestEmptyVersionsAreOne: of versions with the same bytes the same one is named every
// time. A run of 2,000 kills took an empty object for two.
func TestEmptyVersionsAreOne(t *testing.T) {
	c := &client{w: writer{seed: 1}, long: map[int]int{}}
	o := &object{may: map[int]bool{absent: true}}
	for v := 1; len(o.may) < 6; v++ {
		if c.length(v) == 0 {
			o.may[v] = true
		}
	}
	want := versions(o.may)[1] // after absent
	for range 100 {
		if v := c.versionOf(o, nil); v != want {
			t.Fatalf("version %d, then %d", want, v)
		}
	}
}
