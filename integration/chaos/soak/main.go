// Command soak runs the long form of everything that tries to lose data, one after the
// other, and ends with a table of what was asked and what came: the figures of issue 4.
// It takes most of a day and wants a machine that does nothing else.
//
//	soak [-only kills,power] [-logs DIR]
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"
)

// trial is a line of the table.
type trial struct {
	name string
	what string // as the issue says it
	want string
	env  []string
	args []string // of `go test`
	say  string   // regular expression: lines of the output that tell the figure
}

// trials are all of them, the quick ones first.
func trials() []trial {
	chaos := func(test string, flags ...string) []string {
		return append([]string{"-run", "^" + test + "$", "./integration/chaos"}, flags...)
	}
	return []trial{
		{name: "failpoints", what: "each failpoint once", want: "all come to, 0 lost", args: chaos("TestEveryFailpoint"),
			say: `processes killed|violations`},
		{name: "stalls", what: "datanode killed or frozen: longest read / write", want: "1 s / 2 s",
			args: chaos("TestDatanodeStalls", "-chaos.strict"), say: `FIGURE`},
		{name: "failover", what: "leader killed or frozen, next acknowledged write", want: "p50 1.5 s, p99 3 s",
			env: []string{"MINI_OZONE_FAILOVERS=100"}, args: []string{"-run", "^TestFailOver$", "./integration"}, say: `next acknowledged write`},
		{name: "connections", what: "idle connections / active clients of a gateway", want: "10,000 / 2,000, 40 KiB each",
			args: []string{"-run", "^TestManyConnections$", "./integration", "-connections.idle=10000", "-connections.active=2000", "-connections.for=30s"},
			say:  `idle connections|clients`},
		{name: "rolling", what: "planned transfer, rolling restart", want: "0 failed requests",
			args: []string{"-run", "Rolling|Transfer", "./integration"}, say: `requests|transfer`},
		{name: "power", what: "power-loss states of the memory disk", want: "0 of 100,000 with loss",
			args: []string{"-run", "^TestPowerLossStates$", "./datanode/container", "-power.states=100000"}, say: `states after a power loss`},
		{name: "powerclient", what: "power losses under whole-client histories", want: "0 of 10,000 with loss",
			args: []string{"-run", "^TestHistoriesWithPowerLoss$", "./client", "-power.losses=10000"}, say: `power losses`},
		{name: "rig", what: "power losses of om and the whole cluster", want: "0 of 200 with loss",
			args: []string{"-run", "^TestPowerLoss$", "./integration", "-power.cuts=200"}, say: `cuts in`},
		{name: "damage", what: "bit flips and cuts of a datanode's files: wrong bytes, loss", want: "0 of 2,000",
			args: []string{"-run", "^TestDamagedReplica$", "./client", "-damage.cases=2000"}, say: `killed|running|stopped`},
		{name: "omdamage", what: "bit flips and cuts of an om's files, gone on from", want: "0 of 2,000",
			args: []string{"-run", "^TestDamageIsRefusedOrHarmless$", "./om/raftnode", "-damage.cases=2000"}, say: `killed|stopped`},
		{name: "repair", what: "bit flips and cuts of any file of one of six servers: wrong bytes, unrepaired", want: "0 of 2,000",
			args: chaos("TestDamageIsRepaired", "-chaos.damage=2000"), say: `FIGURE|joined anew|harmless|begun anew`},
		{name: "many", what: "om with 1,000,000 keys: restart / snapshot install", want: "5 s / 10 s",
			args: []string{"-run", "^TestRestartWithManyKeys$", "./om/raftnode", "-many.keys=1000000"}, say: `leads again|installed`},
		{name: "lin", what: "linearizability runs with faults", want: "0 of 60 violated or unknown",
			args: []string{"-run", "^TestLinearizable$", "./integration/lin", "-lin.runs=60", "-lin.duration=45s", "-lin.strict"},
			say:  `requests acknowledged`},
		{name: "lost", what: "datanode lost for good, 10 GiB", want: "10 min",
			args: chaos("TestDatanodeLost", "-chaos.strict", "-chaos.lost=10737418240"), say: `FIGURE`},
		{name: "kills", what: "random kill -9 under load, acknowledged writes lost", want: "0 in 2,000",
			args: chaos("TestKills", "-chaos.kills=2000"), say: `operations|processes killed|violations`},
		{name: "chaos", what: "an hour of all faults together", want: "0 violations",
			args: chaos("TestChaos", "-chaos.duration=1h"), say: `operations|faults  |stored|violations`},
	}
}

// result is what came of a trial.
type result struct {
	trial
	err  error
	took time.Duration
	said []string
}

func main() {
	only := flag.String("only", "", "names of the trials to make, separated by commas (default: all)")
	logs := flag.String("logs", "soak-logs", "directory for their output")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *only, *logs); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only, logs string) error {
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return err
	}
	var results []result
	for _, t := range trials() {
		if only != "" && !strings.Contains(","+only+",", ","+t.name+",") {
			continue
		}
		if ctx.Err() != nil {
			break
		}
		fmt.Printf("%s %s: %s\n", time.Now().Format("15:04:05"), t.name, t.what)
		results = append(results, t.run(ctx, filepath.Join(logs, t.name+".log")))
	}
	if len(results) == 0 {
		return fmt.Errorf("no trial is called %q", only)
	}
	return table(results)
}

// run makes the trial; its output goes to the file log.
func (t trial) run(ctx context.Context, log string) result {
	began := time.Now()
	args := append([]string{"test", "-count=1", "-v", "-timeout=24h"}, t.args...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), t.env...)
	out, err := cmd.CombinedOutput()
	r := result{trial: t, took: time.Since(began), err: errors.Join(err, os.WriteFile(log, out, 0o644))}
	if bytes.Contains(out, []byte("no tests to run")) || bytes.Contains(out, []byte("--- SKIP")) {
		r.err = errors.Join(r.err, errors.New("no such test ran"))
	}
	say := regexp.MustCompile(t.say)
	for line := range strings.Lines(string(out)) {
		if say.MatchString(line) {
			r.said = append(r.said, strings.Join(strings.Fields(line), " "))
		}
	}
	return r
}

// table prints what came; the error says how many trials failed.
func table(results []result) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\ntrial\twhat\twanted\tresult\ttook")
	failed := 0
	for _, r := range results {
		verdict := "ok"
		if r.err != nil {
			verdict = "FAILED: " + strings.ReplaceAll(r.err.Error(), "\n", "; ")
			failed++
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.name, r.what, r.want, verdict, r.took.Round(time.Second))
		for _, line := range r.said[max(0, len(r.said)-12):] {
			fmt.Fprintf(w, "\t  %s\t\t\t\n", line)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d trials failed", failed, len(results))
	}
	return nil
}
