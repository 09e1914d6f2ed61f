package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// Operational states, by Ozone's names.
const (
	opInService       = "IN_SERVICE"
	opDecommissioning = "DECOMMISSIONING"
	opDecommissioned  = "DECOMMISSIONED"
	opEntering        = "ENTERING_MAINTENANCE"
)

// nodeChange is a change of state of some datanodes.
type nodeChange struct {
	state string
	said  string // printed, before the names
	end   int    // hours
	force bool
}

func newDecommissionCommand(s *session) *cobra.Command {
	o := nodeChange{state: opDecommissioning, said: "Started decommissioning datanode(s):"}
	cmd := nodeCommand(s, &o, "decommission", "Take datanodes out of service for good",
		`Take datanodes out of service for good: they get nothing new, and what they hold
is copied elsewhere. When nothing is left they are DECOMMISSIONED and can be
switched off. It is refused if too few datanodes would remain.

  ozone admin datanode decommission dn3
  ozone admin datanode status decommission`)
	cmd.Flags().BoolVar(&o.force, "force", false, "even if too few datanodes remain for all replicas")
	return cmd
}

func newRecommissionCommand(s *session) *cobra.Command {
	return nodeCommand(s, &nodeChange{state: opInService, said: "Started recommissioning datanode(s):"},
		"recommission", "Take datanodes back into service",
		`Take datanodes back into service, from decommissioning or maintenance.

  ozone admin datanode recommission dn3`)
}

func newMaintenanceCommand(s *session) *cobra.Command {
	o := nodeChange{state: opEntering, said: "Entering maintenance mode on datanode(s):"}
	cmd := nodeCommand(s, &o, "maintenance", "Prepare datanodes for being off for a while",
		`Prepare datanodes for being off for a while: they get nothing new, and as soon as
enough replicas are elsewhere (hdds.scm.replication.maintenance.replica.minimum)
they are IN_MAINTENANCE and can be switched off without being replaced.

  ozone admin datanode maintenance dn3 --end 4`)
	cmd.Flags().IntVar(&o.end, "end", 0, "end maintenance after so many `hours`; 0: only by recommission")
	cmd.Flags().BoolVar(&o.force, "force", false, "even if too few datanodes remain for all replicas")
	return cmd
}

func nodeCommand(s *session, o *nodeChange, name, short, long string) *cobra.Command {
	return &cobra.Command{
		Use: name + " <datanode...>", Short: short,
		Long: long + "\n\nA datanode is named by its host, its address or its id.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("missing argument <datanode>")
			}
			if o.end < 0 {
				return usagef("--end must not be negative")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.with(cmd.Context(), "", func(ctx context.Context, c cluster) error {
				return runNodeChange(ctx, *o, args, time.Now(), c, s.out)
			})
		},
	}
}

func runNodeChange(ctx context.Context, o nodeChange, names []string, now time.Time, c nodes, out io.Writer) error {
	all, err := c.ListNodes(ctx)
	if err != nil {
		return err
	}
	chosen, err := findNodes(all, names)
	if err != nil {
		return err
	}
	if o.state != opInService && !o.force {
		if err := enoughRemain(ctx, all, chosen, c); err != nil {
			return err
		}
	}
	var until time.Time
	if o.end > 0 {
		until = now.Add(time.Duration(o.end) * time.Hour)
	}
	fmt.Fprintln(out, o.said)
	for _, n := range chosen {
		if err := c.SetNodeState(ctx, n.ID, o.state, until); err != nil {
			return err
		}
		fmt.Fprintln(out, n.Host)
	}
	return nil
}

// findNodes resolves what the administrator calls datanodes.
func findNodes(all []client.NodeInfo, names []string) ([]client.NodeInfo, error) {
	var out []client.NodeInfo
	for _, name := range names {
		var match []client.NodeInfo
		for _, n := range all {
			if name == n.ID || name == n.Host || name == n.Address || name == hostOf(n.Address) {
				match = append(match, n)
			}
		}
		switch len(match) {
		case 0:
			return nil, ozerr.New(ozerr.InvalidArgument, "no datanode is called %s", name)
		case 1:
			out = append(out, match[0])
		default:
			return nil, ozerr.New(ozerr.InvalidArgument, "%d datanodes are called %s: use the address with its port, or the id", len(match), name)
		}
	}
	return out, nil
}

// enoughRemain refuses to take so many datanodes away that replicas have no place.
func enoughRemain(ctx context.Context, all, chosen []client.NodeInfo, c nodes) error {
	remain := 0
	for _, n := range all {
		leaves := slices.ContainsFunc(chosen, func(x client.NodeInfo) bool { return x.ID == n.ID })
		if !leaves && n.OpState == opInService && n.Health != "DEAD" {
			remain++
		}
	}
	need := 1
	for after, more := uint64(0), true; more; {
		page, truncated, err := c.ListContainers(ctx, after, listPage)
		if err != nil {
			return err
		}
		for _, info := range page {
			if after = info.ID; info.Replication == "THREE" {
				need = 3
			}
		}
		more = truncated && len(page) > 0
	}
	if remain < need {
		return ozerr.New(ozerr.InvalidRequest, "only %d datanodes would remain in service, %d are needed; add some first, or use --force", remain, need)
	}
	return nil
}

func newForgetCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "forget <datanode>", Short: "Forget a dead datanode that holds nothing",
		Long: `Forget a datanode that is dead and that no container needs any more. om does so by
itself after mini.om.datanode.forget.after.

  ozone admin datanode forget dn3`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("expected one <datanode>")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.with(cmd.Context(), "", func(ctx context.Context, c cluster) error {
				all, err := c.ListNodes(ctx)
				if err != nil {
					return err
				}
				chosen, err := findNodes(all, args)
				if err != nil {
					return err
				}
				return c.ForgetNode(ctx, chosen[0].ID)
			})
		},
	}
}

func newDatanodeStatusCommand(s *session) *cobra.Command {
	return newGroup("status", "Show how far datanodes are",
		`Show how far datanodes are that are being taken out of service.

  ozone admin datanode status decommission`,
		newDecommissionStatusCommand(s))
}

func newDecommissionStatusCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "decommission", Short: "Show what decommissioning datanodes still hold",
		Long: `Show the datanodes that are being decommissioned, and how many containers still
count on them.

  ozone admin datanode status decommission`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.with(cmd.Context(), "", func(ctx context.Context, c cluster) error {
				return runDecommissionStatus(ctx, c, s.out)
			})
		},
	}
}

func runDecommissionStatus(ctx context.Context, c nodes, out io.Writer) error {
	all, err := c.ListNodes(ctx)
	if err != nil {
		return err
	}
	leaving := slices.DeleteFunc(all, func(n client.NodeInfo) bool { return n.OpState != opDecommissioning })
	left := map[string]int{}
	for after, more := uint64(0), len(leaving) > 0; more; {
		page, truncated, err := c.ListContainers(ctx, after, listPage)
		if err != nil {
			return err
		}
		for _, info := range page {
			after = info.ID
			for _, id := range info.Nodes {
				left[id]++
			}
		}
		more = truncated && len(page) > 0
	}
	fmt.Fprintf(out, "Decommission Status: %s - %d node(s)\n", opDecommissioning, len(leaving))
	for _, n := range leaving {
		if _, err := fmt.Fprintf(out, "\nDatanode: %s (%s/%s/%s/0 pipelines)\nContainers left: %d\n",
			n.ID, rackOf(n), hostOf(n.Address), n.Host, left[n.ID]); err != nil {
			return err
		}
	}
	return nil
}
