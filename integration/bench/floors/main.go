// Command floors measures the floors of speed (see package bench) and exits 1 if
// one is missed. It starts what it measures: `ozone local run` on a temporary
// directory, and the bare server in a process of its own. Then it measures, without
// floors, three replicas: om, three datanodes and s3g as processes of their own.
//
//	floors [-ozone bin/ozone] [-rounds 3] [-time 3s] [-processes=false] [-endpoint URL]
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mini-ozone/mini-ozone/integration"
	"github.com/mini-ozone/mini-ozone/integration/bench"
)

type options struct {
	ozone, endpoint, dir string
	rounds               int
	seconds              time.Duration
	processes, bare      bool
}

func main() {
	var o options
	flag.StringVar(&o.ozone, "ozone", "bin/ozone", "the ozone binary")
	flag.StringVar(&o.endpoint, "endpoint", "", "measure a running gateway instead (no floors)")
	flag.StringVar(&o.dir, "dir", "", "where the data goes (default: a temporary directory)")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds; the medians count")
	flag.DurationVar(&o.seconds, "time", 3*time.Second, "length of each small-object measurement")
	flag.BoolVar(&o.processes, "processes", true, "measure three replicas over processes too; they are beside the ozone binary")
	flag.BoolVar(&o.bare, "bare", false, "be the bare server (internal)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "floors:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.bare {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		fmt.Println("http://" + l.Addr().String())
		return bench.Bare(ctx, l)
	}
	bare, stopBare, err := start(ctx, os.Args[0], "-bare")
	if err != nil {
		return err
	}
	defer stopBare()
	if o.endpoint != "" {
		rows, err := measure(ctx, o, o.endpoint, bare, withoutFloors)
		return errors.Join(err, report(rows))
	}
	rows, err := measureLocal(ctx, o, bare)
	if err == nil && o.processes {
		var more []row
		more, err = measureProcesses(ctx, o, bare)
		rows = append(rows, more...)
	}
	return errors.Join(err, report(rows))
}

// measureLocal is one replica, om, datanode and gateway in one process: the floors.
func measureLocal(ctx context.Context, o options, bare string) ([]row, error) {
	dir, err := os.MkdirTemp(o.dir, "floors-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	url, stop, err := start(ctx, o.ozone, "local", "run", "--data-dir", dir, "--s3g-port", "0", "--om-port", "0")
	if err != nil {
		return nil, err
	}
	defer stop()
	return measure(ctx, o, url, bare, func(r row) row { return r })
}

// measureProcesses is three replicas, each server in a process of its own.
func measureProcesses(ctx context.Context, o options, bare string) ([]row, error) {
	dir, err := os.MkdirTemp(o.dir, "floors-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	c, err := integration.Launch(ctx, integration.Options{Bin: filepath.Dir(o.ozone), Dir: dir})
	if err != nil {
		return nil, err
	}
	defer c.Kill()
	return measure(ctx, o, c.Endpoint, bare, func(r row) row {
		r.name += ", 3 replicas"
		return withoutFloors(r)
	})
}

func withoutFloors(r row) row {
	r.floor = 0
	return r
}

// start runs a server and waits for the first http:// it prints.
func start(ctx context.Context, name string, args ...string) (url string, stop func(), err error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	cmd.Stderr = nil
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() }
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if i := strings.Index(lines.Text(), "http://"); i >= 0 {
			url, _, _ := strings.Cut(lines.Text()[i:], " ")
			go func() {
				for lines.Scan() { // keep the pipe empty
				}
			}()
			return url, stop, nil
		}
	}
	stop()
	return "", nil, fmt.Errorf("%s ended without printing its address", name)
}

// row is one line of the report.
type row struct {
	name         string
	unit, beside string
	ours, theirs []float64
	floor        float64 // 0: none
}

// measure makes all rows of one cluster; as changes a row's name or floor.
func measure(ctx context.Context, o options, url, bareURL string, as func(row) row) ([]row, error) {
	const callers = 32
	ours, bare := bench.NewLoad(url+"/floors/", callers), bench.NewLoad(bareURL+"/floors/", callers)
	if err := ours.Put(ctx, "", nil); err != nil {
		return nil, err
	}
	small, large := random(bench.Small), random(bench.Large)
	put := func(l *bench.Load) func(context.Context, int64) error {
		return func(ctx context.Context, n int64) error { return l.Put(ctx, fmt.Sprintf("small/%d", n), small) }
	}
	const keys = 2000
	if err := fill(ctx, callers, put(ours), keys); err != nil {
		return nil, err
	}
	get := func(l *bench.Load) func(context.Context, int64) error {
		return func(ctx context.Context, n int64) error {
			return l.Get(ctx, fmt.Sprintf("small/%d", n%keys+1), bench.Small)
		}
	}
	rows := []row{
		{name: "PUT 4 KiB, 32 callers", unit: "op/s", beside: "bare net/http", floor: 0.25},
		{name: "GET 4 KiB, 32 callers", unit: "op/s", beside: "bare net/http", floor: 0.40},
		{name: "GET 64 MiB, 1 stream", unit: "MB/s", beside: "loopback TCP", floor: 0.40},
		{name: "PUT 64 MiB, 1 stream", unit: "MB/s", beside: "MD5, one core", floor: 0.80},
	}
	for i := range rows {
		rows[i] = as(rows[i])
	}
	one := bench.NewLoad(ours.URL, 1)
	for range o.rounds {
		pairs := []func() (float64, float64, error){
			func() (float64, float64, error) { return pair(ctx, o.seconds, ours, put(ours), bare, put(bare)) },
			func() (float64, float64, error) { return pair(ctx, o.seconds, ours, get(ours), bare, get(bare)) },
			func() (float64, float64, error) { return largeGet(ctx, one, large) },
			func() (float64, float64, error) { return largePut(ctx, one, large) },
		}
		for i, measure := range pairs {
			a, b, err := measure()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", rows[i].name, err)
			}
			rows[i].ours, rows[i].theirs = append(rows[i].ours, a), append(rows[i].theirs, b)
		}
	}
	return rows, nil
}

// fill puts keys 1 to n.
func fill(ctx context.Context, callers int, put func(context.Context, int64) error, n int64) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(callers)
	for i := range n {
		g.Go(func() error { return put(ctx, i+1) })
	}
	return g.Wait()
}

func pair(ctx context.Context, d time.Duration, a *bench.Load, doA func(context.Context, int64) error, b *bench.Load, doB func(context.Context, int64) error) (float64, float64, error) {
	ra, err := a.Rate(ctx, d, doA)
	if err != nil {
		return 0, 0, err
	}
	rb, err := b.Rate(ctx, d, doB)
	return ra, rb, err
}

const largeTimes = 6

func largeGet(ctx context.Context, l *bench.Load, body []byte) (float64, float64, error) {
	if err := l.Put(ctx, "large", body); err != nil {
		return 0, 0, err
	}
	start := time.Now()
	for range largeTimes {
		if err := l.Get(ctx, "large", bench.Large); err != nil {
			return 0, 0, err
		}
	}
	ours := float64(largeTimes*bench.Large) / 1e6 / time.Since(start).Seconds()
	theirs, err := bench.TCP(ctx, largeTimes)
	return ours, theirs, err
}

func largePut(ctx context.Context, l *bench.Load, body []byte) (float64, float64, error) {
	var ours, theirs []float64
	for range largeTimes {
		start := time.Now()
		if err := l.Put(ctx, "large", body); err != nil {
			return 0, 0, err
		}
		ours = append(ours, float64(len(body))/1e6/time.Since(start).Seconds())
		theirs = append(theirs, bench.MD5(body))
	}
	return bench.Median(ours), bench.Median(theirs), nil
}

// report prints the rows; the error says how many floors were missed.
func report(rows []row) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "what\tours\tbeside\ttheirs\tratio\tfloor\t")
	missed := 0
	for _, r := range rows {
		var ratios []float64
		for i := range r.ours {
			ratios = append(ratios, r.ours[i]/r.theirs[i])
		}
		ratio, floor, verdict := bench.Median(ratios), "-", ""
		if r.floor > 0 {
			floor, verdict = fmt.Sprintf("%.2f", r.floor), "ok"
			if ratio < r.floor {
				verdict = "MISSED"
				missed++
			}
		}
		fmt.Fprintf(w, "%s\t%.0f %s\t%s\t%.0f %s\t%.2f\t%s\t%s\n", r.name, bench.Median(r.ours), r.unit, r.beside,
			bench.Median(r.theirs), r.unit, ratio, floor, verdict)
	}
	_ = w.Flush()
	if missed > 0 {
		return fmt.Errorf("%d floors missed", missed)
	}
	return nil
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}
