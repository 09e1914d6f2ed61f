package chaos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/mini-ozone/mini-ozone/integration"
)

// Config of a run. DefaultConfig has what is not about one run.
type Config struct {
	Bin  string // directory with the programs; with Failpoint among Kinds, built with -tags failpoints
	Dir  string // data, logs and the journal; must exist
	Seed uint64

	OMs, Datanodes, Gateways int
	Clients                  int
	Rate                     float64 // operations per second of all clients together at the most

	Calm     time.Duration // load before the first fault
	Duration time.Duration // of the faults
	Pause    time.Duration // mean time between two steps of the schedule
	Down     time.Duration // longest time that a server is down
	Frozen   time.Duration // and that it is frozen
	Kinds    []Kind        // of faults
	Kills    int           // end the faults when so many processes were killed, if that is earlier; 0: no end
	Once     []string      // instead of a schedule: each of these failpoints is hit once
	Lossy    int           // at most so many faults that destroy data; 0: no limit

	// Floor is the load in acknowledged operations per second that makes a run valid: all
	// of it while it is calm, a quarter over the faults.
	Floor float64
	// Settle bounds the wait for full redundancy, and at the end for stored bytes to be
	// exactly those that are referenced; 0: what datanodes store is not looked at.
	Settle time.Duration

	Log func(format string, args ...any) // nil: nowhere
}

// DefaultConfig is three oms, five datanodes and two gateways under all faults.
func DefaultConfig() Config {
	return Config{
		OMs: 3, Datanodes: 5, Gateways: 2, Clients: 8, Rate: 150,
		Calm: 5 * time.Second, Duration: time.Minute, Pause: 1500 * time.Millisecond, Down: 2 * time.Second, Frozen: 29 * time.Second,
		Kinds: Kinds(), Floor: 10, Settle: 3 * time.Minute,
	}
}

// conf makes things happen within minutes that take hours in earnest.
func (c *Config) conf() map[string]string {
	keys := map[string]string{
		// Containers that fill and close, and blocks that go, while all this happens.
		"ozone.scm.block.size": "2MB", "ozone.scm.container.size": "24MB",
		"ozone.om.block.deleting.grace": "1s", "ozone.block.deleting.service.interval": "1s",
		"ozone.scm.stale.node.interval": "3s", "ozone.scm.dead.node.interval": "8s",
		// An om that was away for a few seconds needs a snapshot.
		"ozone.om.ratis.snapshot.auto.trigger.threshold": "200", "ozone.om.ratis.log.purge.gap": "100",
	}
	if c.Settle > 0 { // replicas that are wrong are found and put right at once, and what nobody refers to goes
		maps.Copy(keys, map[string]string{
			"hdds.scm.replication.thread.interval": "1s", "mini.om.replication.settle": "2s",
			"mini.om.container.open.max": "15s", "mini.om.container.check.interval": "5s",
			// Longer than any freeze: who is thawed may still name its blocks.
			"ozone.om.open.key.expire.threshold": "40s", "mini.datanode.quarantine": "3s",
			"mini.datanode.compact.min.dead":          "1MB",
			"hdds.container.scrub.data.scan.interval": "10s", "hdds.container.scrub.volume.bytes.per.second": "50MB",
		})
	}
	return keys
}

// ErrInvalid says that a run proves nothing, because its load was too low.
var ErrInvalid = errors.New("the run is invalid")

// maxViolations are kept; when so many came, one more says nothing new.
const maxViolations = 200

// Report is what came of a run.
type Report struct {
	Seed          uint64
	Took          time.Duration
	Operations    int // that were acknowledged
	Unknown       int // without an answer, or 503
	Writes        int // acknowledged changes
	Keys          int
	CalmRate      float64 // acknowledged operations per second before the faults
	Rate          float64 // and during them
	Kills         int
	Missed        []string // of Config.Once: those that were not come to
	Faults        map[Kind]int
	LongestSettle time.Duration // until stored was referenced, after quiet
	Stored        string
	Violations    []string
}

// run is a run under way.
type run struct {
	cfg     Config
	s3      *s3
	storage *storage
	journal *journal
	fleet   *fleet
	clients []*client
	report  Report

	impatient atomic.Bool // something did not come back in its time: the next need not be waited for so long

	mu                    sync.Mutex
	operations, unsettled int
	writes                int
}

// Run makes one. The error is ErrInvalid, or what kept it from being made; violations of
// promises are in the report.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if cfg.Log == nil {
		cfg.Log = func(string, ...any) {}
	}
	r := &run{cfg: cfg, report: Report{Seed: cfg.Seed}}
	began := time.Now()
	c, err := integration.Launch(ctx, integration.Options{
		Bin: cfg.Bin, Dir: cfg.Dir, OMs: several(cfg.OMs), Datanodes: cfg.Datanodes, Gateways: several(cfg.Gateways), Conf: cfg.conf()})
	if err != nil {
		return nil, err
	}
	defer c.Kill()
	r.fleet = newFleet(c, cfg.Dir)
	r.s3 = newS3(c.Endpoints, cfg.Clients)
	defer r.s3.http.CloseIdleConnections()
	if r.journal, err = newJournal(filepath.Join(cfg.Dir, "journal.jsonl")); err != nil {
		return nil, err
	}
	if r.storage, err = newStorage(c.OMAddresses); err != nil {
		return nil, errors.Join(err, r.journal.close())
	}
	err = r.all(ctx)
	err = errors.Join(err, r.journal.close(), r.storage.close())
	r.report.Took = time.Since(began)
	return &r.report, err
}

// several is n for integration.Options, where one is 0: alone and without a number.
func several(n int) int {
	if n == 1 {
		return 0
	}
	return n
}

// all is the whole run.
func (r *run) all(ctx context.Context) error {
	if err := r.makeBucket(ctx); err != nil {
		return err
	}
	if err := r.storm(ctx); err != nil {
		return err
	}
	r.s3.http.CloseIdleConnections()
	r.cfg.Log("quiet after %d kills; %d keys are read", r.report.Kills, r.report.Keys)
	if err := r.audit(ctx); err != nil {
		return err
	}
	bad, err := r.fleet.complaints(r.cfg.Dir)
	for _, line := range bad {
		r.violate("%s", line)
	}
	return err
}

func (r *run) makeBucket(ctx context.Context) error {
	return r.eventually(ctx, func() *answer {
		return r.s3.do(ctx, 0, request{method: http.MethodPut, path: "/" + bucket})
	})
}

// storm is the load, calm first, then with faults.
func (r *run) storm(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	for i := range r.cfg.Clients {
		c := newClient(r, i)
		r.clients = append(r.clients, c)
		wg.Go(func() { c.work(ctx) })
	}
	r.sleep(r.cfg.Calm)
	calm, began := r.counted(), time.Now()
	r.report.CalmRate = float64(calm) / r.cfg.Calm.Seconds()
	if r.report.CalmRate < r.cfg.Floor {
		return fmt.Errorf("%w: %.1f operations per second before any fault, the floor is %.1f", ErrInvalid, r.report.CalmRate, r.cfg.Floor)
	}
	if err := r.faults(ctx); err != nil {
		return err
	}
	took := time.Since(began)
	if err := r.fleet.restore(ctx); err != nil { // before the load ends: it may wait for a frozen gateway
		return fmt.Errorf("after the faults: %w", err)
	}
	r.report.Rate = float64(r.counted()-calm) / took.Seconds()
	stop()
	wg.Wait()
	for _, c := range r.clients {
		r.report.Keys += len(c.objects)
	}
	r.mu.Lock()
	r.report.Operations, r.report.Unknown, r.report.Writes = r.operations, r.unsettled, r.writes
	r.mu.Unlock()
	if len(r.cfg.Kinds) > 0 && r.report.Rate < r.cfg.Floor/4 {
		return fmt.Errorf("%w: %.1f operations per second under faults, the floor is %.1f", ErrInvalid, r.report.Rate, r.cfg.Floor/4)
	}
	return nil
}

// faults plays the schedule for its time.
func (r *run) faults(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Duration)
	defer cancel()
	log, err := os.Create(filepath.Join(r.cfg.Dir, "faults.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	f := &faults{run: r, fleet: r.fleet, log: log, done: map[Kind]int{}, enough: cancel, plan: &schedule{
		seed: r.cfg.Seed, kinds: r.cfg.Kinds, places: Places(), pause: r.cfg.Pause, down: r.cfg.Down, frozen: r.cfg.Frozen,
	}}
	for _, s := range r.fleet.servers {
		f.plan.roles = append(f.plan.roles, s.role)
	}
	switch {
	case len(r.cfg.Once) > 0:
		err = f.once(ctx, r.cfg.Once)
	case len(r.cfg.Kinds) > 0:
		err = f.play(ctx)
	default:
		<-ctx.Done()
	}
	r.report.Kills, r.report.Faults = f.kills, f.done
	return err
}

// violate notes that a promise was broken.
func (r *run) violate(format string, args ...any) {
	v := fmt.Sprintf(format, args...)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.report.Violations) < maxViolations {
		r.report.Violations = append(r.report.Violations, v)
		r.cfg.Log("VIOLATION: %s", v)
	}
}

// reads are the operations that change nothing.
var reads = []string{"GET", "GET-RANGE", "HEAD", "LIST"}

func (r *run) count(e entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case e.Outcome == acknowledged && !slices.Contains(reads, e.Op):
		r.operations++
		r.writes++
	case e.Outcome == acknowledged:
		r.operations++
	case e.Outcome == unknown:
		r.unsettled++
	}
}

func (r *run) counted() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.operations
}

// sleep is for pace: when to ask next, when to strike. Nothing relies on its length.
func (r *run) sleep(d time.Duration) { time.Sleep(d) }

// eventually repeats do until it is a success or, as the last answer says, not to be had:
// a cluster that was just restarted may say 503 for a while.
func (r *run) eventually(ctx context.Context, do func() *answer) error {
	patience := 2 * time.Minute
	if r.impatient.Load() {
		patience = 5 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		a := do()
		if a.ok() || a.err == nil && a.status == http.StatusNotFound {
			return nil
		}
		if ctx.Err() != nil {
			r.impatient.Store(true)
			return fmt.Errorf("still %v after %v of quiet", a, patience)
		}
		r.sleep(50 * time.Millisecond)
	}
}

// pace keeps a client to its rate.
type pace struct {
	every time.Duration
	next  time.Time
}

func newPace(rate float64) *pace {
	return &pace{every: time.Duration(float64(time.Second) / rate)}
}

func (p *pace) wait(ctx context.Context) {
	now := time.Now()
	if p.next = p.next.Add(p.every); p.next.Before(now) {
		p.next = now
		return
	}
	t := time.NewTimer(p.next.Sub(now))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// versions are the versions that a key may be, for a message.
func versions(may map[int]bool) []int {
	var all []int
	for v := range may {
		all = append(all, v)
	}
	slices.Sort(all)
	return all
}

// String is the report for people.
func (r *Report) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	line := func(what, format string, args ...any) {
		fmt.Fprintf(w, "%s\t%s\n", what, fmt.Sprintf(format, args...))
	}
	line("seed", "%d", r.Seed)
	line("took", "%s", r.Took.Round(time.Second))
	line("operations", "%d acknowledged (%d changes), %d of unknown outcome", r.Operations, r.Writes, r.Unknown)
	line("load", "%.0f/s before, %.0f/s under faults", r.CalmRate, r.Rate)
	line("keys", "%d", r.Keys)
	line("processes killed", "%d", r.Kills)
	var kinds []string
	for k, n := range r.Faults {
		kinds = append(kinds, fmt.Sprintf("%s %d", k, n))
	}
	slices.Sort(kinds)
	line("faults", "%s", strings.Join(kinds, ", "))
	line("stored", "%s", r.Stored)
	line("violations", "%d", len(r.Violations))
	_ = w.Flush() // to memory
	for _, v := range r.Violations[:min(len(r.Violations), 20)] {
		b.WriteString("  " + v + "\n")
	}
	return b.String()
}

// RandomSeed is one for a run that was given none.
func RandomSeed() uint64 { return rand.Uint64N(1 << 32) }
