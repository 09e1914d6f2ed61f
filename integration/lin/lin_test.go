package lin

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/integration"
)

var (
	runs     = flag.Int("lin.runs", 0, "runs of TestLinearizable, of all scenarios in turn; 0: one of each")
	duration = flag.Duration("lin.duration", 20*time.Second, "how long faults strike in a run")
	seed     = flag.Uint64("lin.seed", 0, "seed of the first run of TestLinearizable; 0: one from the clock")
	only     = flag.String("lin.scenario", "", "the only scenario to run")
	before   = flag.Int("lin.before", 150, "requests that must be acknowledged before the first fault")
	floor    = flag.Int("lin.floor", 600, "requests that must be acknowledged in a run")
	strict   = flag.Bool("lin.strict", false, "the machine does nothing else: hold the limits of time, too")
	keep     = flag.String("lin.keep", "", "directory for data, logs and history of each run, instead of a temporary one")
)

// What -lin.strict demands.
const (
	strictRecovery = 12 * time.Second // from the end of a fault until everything works again
	strictElection = 10 * time.Second // at most one in this time, when there is no reason for any
	strictAnswer   = 35 * time.Second // also where no majority is in sight; a frozen gateway answers later
)

// programs compiles the programs once, when the first test needs them.
var programs = sync.OnceValues(func() (string, error) {
	if dir := os.Getenv("MINI_OZONE_LIN_BIN"); dir != "" {
		return dir, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	return binDir, integration.BuildWithClocks(ctx, binDir)
})

var binDir string // removed by TestMain

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	flag.Parse()
	dir, err := os.MkdirTemp("", "mini-ozone-lin")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binDir = dir
	return m.Run()
}

// TestLinearizable runs each scenario: whatever is killed, frozen, cut off or misdated,
// every answer that clients got is explained by one order of all requests, and after
// each fault the cluster works again.
func TestLinearizable(t *testing.T) {
	if *only == "" && testing.Short() {
		t.Skip("starts clusters")
	}
	first := *seed
	if first == 0 {
		first = uint64(time.Now().UnixNano())
	}
	scenarios := Scenarios()
	n := *runs
	if n == 0 {
		n = len(scenarios)
	}
	for i := range n {
		s := scenarios[i%len(scenarios)]
		if *only != "" && s.Name != *only {
			continue
		}
		t.Run(fmt.Sprintf("%s/%d", s.Name, i), func(t *testing.T) {
			t.Parallel()
			linearizable(t, s, first+uint64(i/len(scenarios)))
		})
	}
}

func linearizable(t *testing.T, s Scenario, seed uint64) {
	network, err := integration.NewNetwork()
	if err != nil {
		t.Skipf("no network namespaces here: %v", err)
	}
	t.Cleanup(func() {
		if err := network.Close(); err != nil {
			t.Error(err)
		}
	})
	bin, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if *keep != "" {
		dir = filepath.Join(*keep, fmt.Sprintf("%s-%d", s.Name, seed))
		if err := os.RemoveAll(dir); err != nil { // an earlier run's, with other addresses
			t.Fatal(err)
		}
	}
	length := *duration
	if *strict { // 30 to 60 s
		length += time.Duration(rand.New(rand.NewPCG(seed, 2)).Int64N(int64(length) + 1))
	}
	t.Logf("again: go test ./integration/lin -run TestLinearizable -lin.scenario=%s -lin.seed=%d", s.Name, seed)
	r, err := Run(t.Context(), Options{
		Scenario: s, Seed: seed, Duration: length, Bin: bin, Dir: dir, Network: network,
		Before: *before, Floor: *floor, Patience: 3 * time.Minute, Log: t.Logf,
	})
	t.Logf("%d requests acknowledged, works again within %s, %d terms, took %s; %s", r.Acknowledged,
		r.Recovery.Round(10*time.Millisecond), r.Terms, r.Took.Round(time.Second), r.Summary)
	if err != nil {
		t.Error(err)
	}
	if text := r.Describe(); text != "" {
		t.Errorf("not linearizable:\n%s", text)
	}
	if !*strict {
		return
	}
	if r.Recovery > strictRecovery {
		t.Errorf("it took %s to work again, more than %s", r.Recovery, strictRecovery)
	}
	if frozen := s.Name == "pauses"; !frozen && r.Slowest > strictAnswer {
		t.Errorf("an answer took %s, more than %s", r.Slowest, strictAnswer)
	}
	if most := 1 + int(length/strictElection); s.CalmTerms && r.Terms > most {
		t.Errorf("%d elections in %s without a reason", r.Terms, length)
	}
}

// TestCheckAgain checks a history that a failed run left: -lin.history=FILE.
func TestCheckAgain(t *testing.T) {
	if *history == "" {
		t.Skip("no -lin.history")
	}
	f, err := os.Open(*history)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h, err := ReadHistory(f)
	if err != nil {
		t.Fatal(err)
	}
	if text := (Report{Violations: h.Check()}).Describe(); text != "" {
		t.Errorf("not linearizable:\n%s", text)
	}
}

var history = flag.String("lin.history", "", "history that TestCheckAgain checks")
