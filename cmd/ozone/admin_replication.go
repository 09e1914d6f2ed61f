package main

import (
	"context"
	"fmt"
	"io"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
)

func newReplicationManagerCommand(s *session) *cobra.Command {
	run := func(name, short, said string, start bool) *cobra.Command {
		return &cobra.Command{
			Use: name, Short: short,
			Long: short + `. It is om's leader that runs it; a new leader starts it
again.

  ozone admin replicationmanager ` + name,
			Args: arguments(0),
			RunE: func(cmd *cobra.Command, _ []string) error {
				return s.with(cmd.Context(), "", func(ctx context.Context, c cluster) error {
					if err := c.RunReplication(ctx, start); err != nil {
						return err
					}
					_, err := fmt.Fprintln(s.out, said)
					return err
				})
			},
		}
	}
	status := &cobra.Command{
		Use: "status", Short: "Tell whether the replication manager runs",
		Long: `Tell whether the replication manager runs, which restores lost replicas.

  ozone admin replicationmanager status`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.with(cmd.Context(), "", func(ctx context.Context, c cluster) error {
				return runReplicationStatus(ctx, c, s.out)
			})
		},
	}
	return newGroup("replicationmanager", "Start, stop and ask the replication manager",
		`Start, stop and ask the replication manager, which restores replicas that were
lost and removes those that are too many.

  ozone admin replicationmanager status`,
		status,
		run("start", "Start the replication manager", "Starting ReplicationManager...", true),
		run("stop", "Stop the replication manager", "Stopping ReplicationManager...", false))
}

func runReplicationStatus(ctx context.Context, c redundancy, out io.Writer) error {
	r, err := c.Replication(ctx)
	if err != nil {
		return err
	}
	words := "ReplicationManager is Not Running."
	if r.Running {
		words = "ReplicationManager is Running."
	}
	_, err = fmt.Fprintln(out, words)
	return err
}

func newBalancerCommand(s *session) *cobra.Command {
	return newGroup("containerbalancer", "Even out how full the datanodes are",
		`Even out how full the datanodes are, by moving containers.

  ozone admin containerbalancer start -t 5
  ozone admin containerbalancer status`,
		newBalancerStartCommand(s), newBalancerStopCommand(s), newBalancerStatusCommand(s))
}

func newBalancerStartCommand(s *session) *cobra.Command {
	var threshold float64
	var gigabytes uint64
	cmd := &cobra.Command{
		Use: "start", Short: "Start the container balancer",
		Long: `Start the container balancer. It moves closed containers from fuller to emptier
datanodes, and ends when all are near the mean, when nothing more can be moved, or
when another om becomes leader.

  ozone admin containerbalancer start --threshold 5`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if threshold < 0 || threshold >= 100 {
				return usagef("--threshold must be between 0 and 100, not %g", threshold)
			}
			return s.with(cmd.Context(), "", func(ctx context.Context, c cluster) error {
				if err := c.StartBalancer(ctx, threshold/100, gigabytes<<30); err != nil {
					return err
				}
				_, err := fmt.Fprintln(s.out, "Container Balancer started successfully.")
				return err
			})
		},
	}
	f := cmd.Flags()
	f.Float64VarP(&threshold, "threshold", "t", 0, "`percent` of its capacity that a datanode's use may differ from the mean; 0: as configured")
	f.Uint64VarP(&gigabytes, "max-size-to-move-per-iteration-in-gb", "s", 0, "most `GB` to move in one iteration; 0: as configured")
	return cmd
}

func newBalancerStopCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "stop", Short: "Stop the container balancer",
		Long: `Stop the container balancer. Moves under way are finished.

  ozone admin containerbalancer stop`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.with(cmd.Context(), "", func(ctx context.Context, c cluster) error {
				if err := c.StopBalancer(ctx); err != nil {
					return err
				}
				_, err := fmt.Fprintln(s.out, "Container Balancer stopped.")
				return err
			})
		},
	}
}

func newBalancerStatusCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Tell what the container balancer does",
		Long: `Tell whether the container balancer runs, and what it has moved.

  ozone admin containerbalancer status`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.with(cmd.Context(), "", func(ctx context.Context, c cluster) error {
				return runBalancerStatus(ctx, c, s.out)
			})
		},
	}
}

func runBalancerStatus(ctx context.Context, c redundancy, out io.Writer) error {
	r, err := c.Replication(ctx)
	if err != nil {
		return err
	}
	b := r.Balancer
	if b.Running {
		_, err = fmt.Fprintf(out, "ContainerBalancer is Running.\nThreshold: %g%%\nIteration: %d\n", 100*b.Threshold, b.Iterations)
	} else {
		_, err = fmt.Fprintln(out, "ContainerBalancer is Not Running.")
	}
	if err == nil && b.Stopped != "" {
		_, err = fmt.Fprintf(out, "It ended: %s.\n", b.Stopped)
	}
	if err == nil && b.Iterations > 0 {
		_, err = fmt.Fprintf(out, "Moved: %d container(s), %s\n", b.MovedContainers, humanize.IBytes(b.MovedBytes))
	}
	return err
}
