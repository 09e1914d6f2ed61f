// Command run makes one chaos run (see package chaos) and exits 1 if a promise was broken
// or the run proves nothing. `make chaos DURATION=10m SEED=7` builds the programs and calls it.
//
//	run -bin DIR [-duration 10m] [-seed N] [-kinds kill,freeze] [-oms 3] [-datanodes 5] [-gateways 2]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/mini-ozone/mini-ozone/integration/chaos"
)

func main() {
	cfg := chaos.DefaultConfig()
	var kinds string
	flag.StringVar(&cfg.Bin, "bin", "bin", "directory with the programs, built with -tags failpoints")
	flag.StringVar(&cfg.Dir, "dir", "", "where data, logs and journal go (default: a temporary directory, kept if the run fails)")
	flag.Uint64Var(&cfg.Seed, "seed", 0, "seed of the load and the faults (default: another one each time)")
	flag.DurationVar(&cfg.Duration, "duration", cfg.Duration, "how long faults are made")
	flag.IntVar(&cfg.OMs, "oms", cfg.OMs, "oms")
	flag.IntVar(&cfg.Datanodes, "datanodes", cfg.Datanodes, "datanodes")
	flag.IntVar(&cfg.Gateways, "gateways", cfg.Gateways, "gateways")
	flag.IntVar(&cfg.Clients, "clients", cfg.Clients, "S3 clients")
	flag.Float64Var(&cfg.Rate, "rate", cfg.Rate, "most operations per second of all clients")
	flag.Float64Var(&cfg.Floor, "floor", cfg.Floor, "least acknowledged operations per second before the faults")
	flag.DurationVar(&cfg.Pause, "pause", cfg.Pause, "mean time between two faults")
	flag.DurationVar(&cfg.Frozen, "frozen", cfg.Frozen, "longest freeze")
	flag.DurationVar(&cfg.Settle, "settle", cfg.Settle, "longest wait for redundancy")
	flag.IntVar(&cfg.Kills, "kills", cfg.Kills, "end the faults after so many kills (0: by time alone)")
	flag.IntVar(&cfg.Lossy, "lossy", cfg.Lossy, "most faults that destroy data (0: no limit)")
	flag.StringVar(&kinds, "kinds", "", "kinds of faults, of "+words(chaos.Kinds())+" (default: all)")
	flag.Parse()
	if kinds != "" {
		cfg.Kinds = nil
		for _, k := range strings.Split(kinds, ",") {
			cfg.Kinds = append(cfg.Kinds, chaos.Kind(k))
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, cfg); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, cfg chaos.Config) (err error) {
	if cfg.Seed == 0 {
		cfg.Seed = chaos.RandomSeed()
	}
	if cfg.Dir == "" {
		if cfg.Dir, err = os.MkdirTemp("", "mini-ozone-chaos"); err != nil {
			return err
		}
	} else if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return err
	}
	fmt.Printf("seed %d, in %s\n", cfg.Seed, cfg.Dir)
	cfg.Log = func(format string, args ...any) {
		fmt.Println(time.Now().Format("15:04:05"), fmt.Sprintf(format, args...))
	}
	report, err := chaos.Run(ctx, cfg)
	if report != nil {
		fmt.Print(report)
		if len(report.Violations) > 0 {
			err = errors.Join(err, fmt.Errorf("%d violations", len(report.Violations)))
		}
	}
	if err != nil {
		return fmt.Errorf("%w; see %s; again: make chaos SEED=%d DURATION=%s", err, cfg.Dir, cfg.Seed, cfg.Duration)
	}
	return os.RemoveAll(cfg.Dir)
}

func words(kinds []chaos.Kind) string {
	var all []string
	for _, k := range kinds {
		all = append(all, string(k))
	}
	return strings.Join(all, ",")
}
