// Command ozone is the command line of the store: the shell for volumes, buckets
// and keys, administration, load generators and the servers themselves. Names,
// URI forms, outputs and exit codes are Apache Ozone's.
package main

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/daemon"
)

func main() {
	daemon.SpareProcs() // it may be a server
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second Ctrl-C ends the process at once. Not within a second: timeout(1)
	// signals a process and its group, which is one interruption sent twice.
	context.AfterFunc(ctx, func() { time.AfterFunc(time.Second, stop) })
	code := run(ctx, systemEnvironment(), os.Args[1:])
	stop()
	os.Exit(code)
}

// run is the program without the process: what main does, on any streams.
func run(ctx context.Context, env environment, args []string) int {
	s := &session{environment: env}
	root := newRootCommand(s)
	root.SetArgs(longFlags(args))
	root.SetIn(env.in)
	root.SetOut(env.out)
	root.SetErr(env.err)
	cmd, err := root.ExecuteContextC(ctx)
	return report(env.err, cmd, err, s.verbose)
}

// longFlags lets "getconf -confKey KEY" and "admin om decommission -nodeid ID", which
// scripts for Ozone have, mean --confKey and --nodeid.
func longFlags(args []string) []string {
	args = slices.Clone(args)
	for i, a := range args {
		name, value, has := strings.Cut(a, "=")
		group, known := map[string]string{"-confKey": "getconf", "-nodeid": "om", "-hostname": "om", "-id": "om"}[name]
		if !known || !slices.Contains(args[:i], group) {
			continue
		}
		args[i] = "-" + name
		if has {
			args[i] += "=" + value
		}
	}
	return args
}
