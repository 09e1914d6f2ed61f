package lin

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mini-ozone/mini-ozone/integration"
)

// Scenario is a kind of run.
type Scenario struct {
	Name      string
	Faults    []Fault // all in this order, then as the seed draws
	Versioned bool    // the bucket has versions
	Races     int     // percent of the requests that are races over an upload
	// CalmTerms: no fault is a reason for an election, so there must hardly be any.
	CalmTerms bool
}

// Scenarios are all there are.
func Scenarios() []Scenario {
	return []Scenario{
		{Name: "kills", Faults: []Fault{KillLeader, KillGateway, KillMajority, RestartLeader, KillFollower, TransferLeader, KillDatanode}},
		{Name: "isolated", Faults: []Fault{IsolateLeader, DeafGateway, ResetLeader, GatewayFromLeader, DatanodeFromOMs}},
		{Name: "one-way", Faults: []Fault{DeafLeader, MuteLeader, PartialPartition, DeafGateway, FlappingLeader}},
		{Name: "pauses", Versioned: true, Faults: []Fault{PauseLeader, PauseMajority, PauseGateway, PauseDatanode, PauseFollower}},
		{Name: "calm-terms", CalmTerms: true, Faults: []Fault{FlappingFollower, DeafFollower, MuteFollower, PauseFollower}},
		{Name: "clocks", Races: 15, Faults: []Fault{ClockLeader, KillLeader, ClockAll, TransferLeader, ClockGateway, ClockDatanode, ClockFollower}},
	}
}

// Options of a run.
type Options struct {
	Scenario Scenario
	Seed     uint64
	Duration time.Duration // of the faults
	Bin, Dir string        // programs built with BuildWithClocks; data, logs and the history
	Network  *integration.Network
	// Before is how many requests must have been acknowledged before the first fault,
	// Floor how many in all. The run waits for them up to Patience, and is invalid
	// without them.
	Before, Floor int
	Patience      time.Duration
	Log           func(format string, args ...any)
}

// Report of a run.
type Report struct {
	Acknowledged int
	Violations   []Violation
	Problems     []string // answers that no S3 server may give
	Summary      string
	// Recovery is the longest time from the end of a fault until every gateway had a
	// write acknowledged and every om had caught up.
	Recovery time.Duration
	Terms    int           // that began during the run
	Slowest  time.Duration // of all answers
	Took     time.Duration
}

// settleLimit is how long a cluster may take after a fault, on a machine that may be
// busy with much else, until it works again.
const settleLimit = 2 * time.Minute

const (
	bucket      = "lin"
	probeBucket = "probe" // writes that are not part of the history
	clientsEach = 4       // per gateway
)

// Run starts a cluster of three oms, three datanodes and two gateways, strikes it while
// clients write and read, and checks what they saw. An error means that the run says
// nothing: something could not be started, did not come back, or there was no load.
func Run(ctx context.Context, o Options) (r Report, err error) {
	r0 := &run{Options: o, began: time.Now()}
	if err := r0.start(ctx); err != nil {
		return r, err
	}
	defer r0.cluster.Kill()
	if err := r0.strike(ctx); err != nil {
		return r, errors.Join(err, r0.dump())
	}
	r = r0.report
	r.Acknowledged = r0.load.History.Acknowledged()
	r.Violations, r.Problems, r.Summary, r.Slowest = r0.load.History.Check(), r0.load.Problems(), r0.load.Summary(), r0.load.Slowest()
	r.Took = time.Since(r0.began)
	if len(r.Violations)+len(r.Problems) > 0 {
		err = r0.dump()
	}
	return r, err
}

type run struct {
	Options
	began   time.Time
	cluster *integration.Cluster
	nemesis *Nemesis
	load    *Load
	report  Report
}

func (r *run) start(ctx context.Context) error {
	clocks := filepath.Join(r.Dir, "clocks")
	if err := os.MkdirAll(clocks, 0o755); err != nil {
		return err
	}
	var clockErr error
	cluster, err := integration.Launch(ctx, integration.Options{
		Bin: r.Bin, Dir: r.Dir, OMs: 3, Gateways: 2, Network: r.Network,
		Env: func(process string) []string {
			file := filepath.Join(clocks, process)
			clockErr = errors.Join(clockErr, integration.SetClock(file, 0))
			return []string{integration.ClockFile + "=" + file}
		},
	})
	if err := errors.Join(clockErr, err); err != nil {
		return err
	}
	r.cluster = cluster
	r.nemesis = &Nemesis{Cluster: cluster, Network: r.Network, Clocks: clocks, Rand: rand.New(rand.NewPCG(r.Seed, 1<<32)),
		Log: func(format string, args ...any) {
			r.Log("%8s  %s", time.Since(r.began).Round(10*time.Millisecond), fmt.Sprintf(format, args...))
		}}
	gateways := map[string]string{}
	for i, p := range cluster.S3Gs {
		gateways[p.Name] = cluster.Endpoints[i]
	}
	r.load = NewLoad(r.Seed, bucket, gateways, clientsEach)
	r.load.Races = r.Scenario.Races
	if err := r.makeBuckets(ctx); err != nil {
		cluster.Kill()
		return err
	}
	return nil
}

func (r *run) makeBuckets(ctx context.Context) error {
	for _, b := range []string{bucket, probeBucket} {
		if err := r.acknowledged(ctx, r.load.clients[0], "/"+b, nil); err != nil {
			return err
		}
	}
	if !r.Scenario.Versioned {
		return nil
	}
	const doc = `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`
	return r.acknowledged(ctx, r.load.clients[0], "/"+bucket+"?versioning", []byte(doc))
}

// strike runs the load with faults until the time is up and the floor is reached, then
// lets the cluster recover and reads everything.
func (r *run) strike(ctx context.Context) error {
	loading, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.load.Run(loading)
	}()
	defer func() {
		stop()
		<-done
	}()
	if err := r.waitAcknowledged(ctx, r.Before); err != nil {
		return fmt.Errorf("before the first fault: %w", err)
	}
	before, err := r.term(ctx)
	if err != nil {
		return err
	}
	faults := time.Now()
	for n := 0; n == 0 || time.Since(faults) < r.Duration; n++ {
		f := r.Scenario.Faults[n%len(r.Scenario.Faults)]
		if n >= len(r.Scenario.Faults) {
			f = r.Scenario.Faults[r.nemesis.Rand.IntN(len(r.Scenario.Faults))]
		}
		r.nemesis.Log("%s", f.Name)
		if err := f.Strike(ctx, r.nemesis); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		if err := r.recover(ctx); err != nil {
			return fmt.Errorf("after %s: %w", f.Name, err)
		}
	}
	if err := r.nemesis.Heal(); err != nil {
		return err
	}
	if err := r.cluster.WaitReady(ctx); err != nil {
		return err
	}
	if err := r.recover(ctx); err != nil {
		return err
	}
	if err := r.waitAcknowledged(ctx, r.Floor); err != nil {
		return err
	}
	after, err := r.term(ctx)
	if err != nil {
		return err
	}
	r.report.Terms = int(after - before)
	stop()
	<-done
	reading, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	return r.load.FinalReads(reading)
}

// recover waits until the cluster works again: every gateway has a write acknowledged,
// and every om knows as much as the leader did then.
func (r *run) recover(ctx context.Context) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	for _, c := range r.load.readers {
		if err := r.acknowledged(ctx, c, "/"+probeBucket+"/"+c.name, []byte("probe")); err != nil {
			return fmt.Errorf("no write through %s: %w", c.name, err)
		}
	}
	if err := r.caughtUp(ctx); err != nil {
		return err
	}
	took := time.Since(began)
	r.report.Recovery = max(r.report.Recovery, took)
	r.nemesis.Log("works again after %s", took.Round(10*time.Millisecond))
	return nil
}

// acknowledged repeats a PUT until it is answered with success.
func (r *run) acknowledged(ctx context.Context, c *client, path string, body []byte) error {
	for {
		attempt, cancel := context.WithTimeout(ctx, 20*time.Second)
		a, err := c.do(attempt, http.MethodPut, path, nil, body)
		cancel()
		if err == nil && (a.status == http.StatusOK || a.status == http.StatusConflict) { // a bucket that is there
			return nil
		}
		if err == nil {
			err = fmt.Errorf("status %d: %.200s", a.status, a.body)
		}
		if pause(ctx, 20*time.Millisecond) != nil {
			return err
		}
	}
}

// caughtUp waits until every om has applied what the leader had when it was asked.
func (r *run) caughtUp(ctx context.Context) error {
	const applied = "ozone_om_raft_applied_index"
	goal, err := r.ofLeader(ctx, applied)
	if err != nil {
		return err
	}
	for _, p := range r.cluster.OMs {
		for {
			own, err := p.Metrics(ctx, applied)
			if err == nil && own[applied] >= goal {
				break
			}
			if pause(ctx, 20*time.Millisecond) != nil {
				return fmt.Errorf("%s is at %v, the leader at %v (%v)", p.Name, own[applied], goal, err)
			}
		}
	}
	return nil
}

// term is the leader's.
func (r *run) term(ctx context.Context) (float64, error) {
	return r.ofLeader(ctx, "ozone_om_raft_term")
}

// ofLeader is a metric of the leader, once there is one that answers.
func (r *run) ofLeader(ctx context.Context, metric string) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	for {
		i, err := r.cluster.WaitLeader(ctx)
		if err == nil {
			var m map[string]float64
			if m, err = r.cluster.OMs[i].Metrics(ctx, metric); err == nil {
				return m[metric], nil
			}
		}
		if pause(ctx, 20*time.Millisecond) != nil {
			return 0, err
		}
	}
}

func (r *run) waitAcknowledged(ctx context.Context, floor int) error {
	ctx, cancel := context.WithTimeout(ctx, r.Patience)
	defer cancel()
	for {
		n := r.load.History.Acknowledged()
		if n >= floor {
			return nil
		}
		if pause(ctx, 50*time.Millisecond) != nil {
			return fmt.Errorf("invalid: %d requests acknowledged, fewer than %d, in %s", n, floor, r.Patience)
		}
	}
}

// HistoryFile is where a failed run leaves its history, in its directory.
const HistoryFile = "history.jsonl"

func (r *run) dump() error {
	f, err := os.Create(filepath.Join(r.Dir, HistoryFile))
	if err != nil {
		return err
	}
	return errors.Join(r.load.History.Write(f), f.Close())
}

// Describe says what was wrong, for people.
func (r Report) Describe() string {
	var b strings.Builder
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "%s\n", p)
	}
	for i, v := range r.Violations {
		fmt.Fprintf(&b, "%v\n", v)
		if i >= 3 { // the rest is in the history
			continue
		}
		for _, o := range v.Explain(25) {
			fmt.Fprintf(&b, "    %v\n", o)
		}
	}
	return b.String()
}
