package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

func newSafemodeCommand(s *session) *cobra.Command {
	return newGroup("safemode", "Tell whether the cluster takes writes yet",
		`Tell whether the cluster takes writes yet: om answers and enough datanodes are
healthy. The wording is Ozone's, where SCM is the part of om that knows datanodes.

  ozone admin safemode status
  ozone admin safemode wait -t 60 --min-datanodes 3`,
		newSafemodeStatusCommand(s), newSafemodeWaitCommand(s))
}

type safemodeOptions struct {
	minimum int // healthy datanodes
	timeout time.Duration
	poll    time.Duration
	verbose bool
}

func (o *safemodeOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().IntVar(&o.minimum, "min-datanodes", 1, "how many healthy datanodes are enough")
}

func newSafemodeStatusCommand(s *session) *cobra.Command {
	var o safemodeOptions
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show whether writes are taken",
		Long: `Show whether the cluster takes writes; with --verbose also why.

  ozone admin safemode status --verbose`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.verbose = s.verbose
			return s.with(cmd.Context(), "", func(ctx context.Context, c cluster) error {
				_, err := runSafemodeStatus(ctx, o, c, s.out)
				return err
			})
		},
	}
	o.addFlags(cmd)
	return cmd
}

// runSafemodeStatus prints the state and tells whether writes are taken.
func runSafemodeStatus(ctx context.Context, o safemodeOptions, c nodes, out io.Writer) (bool, error) {
	list, err := c.ListNodes(ctx)
	if err != nil {
		return false, err
	}
	alive := 0
	for _, n := range list {
		if n.Health == healthy {
			alive++
		}
	}
	ready := alive >= o.minimum
	state := "in"
	if ready {
		state = "out of"
	}
	fmt.Fprintf(out, "SCM is %s safe mode.\n", state)
	if o.verbose {
		fmt.Fprintf(out, "validated:%t, DataNodeSafeModeRule, registered datanodes (=%d), healthy datanodes (=%d) >= required datanodes (=%d)\n",
			ready, len(list), alive, o.minimum)
	}
	return ready, nil
}

func newSafemodeWaitCommand(s *session) *cobra.Command {
	o := safemodeOptions{poll: time.Second}
	seconds := 30
	cmd := &cobra.Command{
		Use:   "wait",
		Short: "Wait until writes are taken",
		Long: `Wait until the cluster takes writes. It fails when the time is over.

  ozone admin safemode wait -t 60 && ./load.sh`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.timeout, o.verbose = time.Duration(seconds)*time.Second, s.verbose
			return waitOutOfSafemode(cmd.Context(), s, o)
		},
	}
	cmd.Flags().IntVarP(&seconds, "timeout", "t", seconds, "wait at most this many `seconds`")
	o.addFlags(cmd)
	return cmd
}

// waitOutOfSafemode asks again and again. An om that does not answer yet is what
// one waits for, too.
func waitOutOfSafemode(ctx context.Context, s *session, o safemodeOptions) error {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	tick := time.NewTicker(o.poll)
	defer tick.Stop()
	for {
		ready := false
		err := s.with(ctx, "", func(ctx context.Context, c cluster) error {
			var err error
			ready, err = runSafemodeStatus(ctx, o, c, s.out)
			return err
		})
		if ready && err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			if err == nil {
				err = ozerr.New(ozerr.Timeout, "still in safe mode after %s", o.timeout)
			}
			return err
		case <-tick.C:
		}
	}
}
