package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/mini-ozone/mini-ozone/client"
)

// healthy is the health of a datanode that answers.
const healthy = "HEALTHY"

func newDatanodeAdminCommand(s *session) *cobra.Command {
	return newGroup("datanode", "List datanodes, and take them out of service",
		`List datanodes and what they hold, and take them out of service and back.

  ozone admin datanode list
  ozone admin datanode usageinfo
  ozone admin datanode decommission dn3
  ozone admin datanode status decommission`,
		newDatanodeListCommand(s), newUsageInfoCommand(s), newDecommissionCommand(s), newRecommissionCommand(s),
		newMaintenanceCommand(s), newForgetCommand(s), newDatanodeStatusCommand(s))
}

type datanodeListOptions struct {
	state, opState, id, host string
	asJSON                   bool
}

func newDatanodeListCommand(s *session) *cobra.Command {
	var o datanodeListOptions
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List datanodes",
		Long: `List the datanodes that om knows, with their state.

  ozone admin datanode list
  ozone admin datanode list --node-state DEAD --json`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.with(cmd.Context(), "", func(ctx context.Context, c cluster) error {
				return runDatanodeList(ctx, o, c, s.out)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.state, "node-state", "", "only nodes in this `state`: HEALTHY, STALE or DEAD")
	f.StringVar(&o.opState, "operational-state", "", "only nodes in this operational `state`, such as IN_SERVICE")
	f.StringVar(&o.id, "node-id", "", "only the node with this `id`")
	f.StringVar(&o.host, "hostname", "", "only nodes of this host `name`")
	f.BoolVar(&o.asJSON, "json", false, "print a JSON array")
	return cmd
}

func (o datanodeListOptions) wants(n client.NodeInfo) bool {
	return (o.state == "" || strings.EqualFold(o.state, n.Health)) &&
		(o.opState == "" || strings.EqualFold(o.opState, n.OpState)) &&
		(o.id == "" || o.id == n.ID) &&
		(o.host == "" || o.host == n.Host)
}

func runDatanodeList(ctx context.Context, o datanodeListOptions, c nodes, out io.Writer) error {
	all, err := c.ListNodes(ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b client.NodeInfo) int { return cmp.Compare(a.ID, b.ID) })
	array := &jsonArray{w: out}
	for _, n := range all {
		if !o.wants(n) {
			continue
		}
		if !o.asJSON {
			err = printDatanode(out, n)
		} else {
			err = array.add(datanodeJSONOf(n))
		}
		if err != nil {
			return err
		}
	}
	if o.asJSON {
		return array.close()
	}
	return nil
}

// printDatanode is Ozone's form, which scripts match. There are no pipelines
// here: the client writes to the replicas itself.
func printDatanode(out io.Writer, n client.NodeInfo) error {
	_, err := fmt.Fprintf(out, `Datanode: %s (%s/%s/%s/0 pipelines)
Operational State: %s
Health State: %s
Containers: %d
Related pipelines:
No pipelines in cluster.

`, n.ID, rackOf(n), hostOf(n.Address), n.Host, n.OpState, n.Health, n.Containers)
	return err
}

func rackOf(n client.NodeInfo) string {
	if n.Rack == "" {
		return "/default-rack"
	}
	return n.Rack
}

func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

// datanodeJSON has Ozone's field names as far as they go.
type datanodeJSON struct {
	ID                   string  `json:"id"`
	HostName             string  `json:"hostName"`
	Address              string  `json:"address"`
	HTTPAddress          string  `json:"httpAddress"`
	NetworkLocation      string  `json:"networkLocation"`
	Version              string  `json:"version"`
	OpState              string  `json:"opState"`
	HealthState          string  `json:"healthState"`
	Capacity             uint64  `json:"capacity"`
	Used                 uint64  `json:"used"`
	Remaining            uint64  `json:"remaining"`
	ContainerCount       uint64  `json:"containerCount"`
	RegistrationTime     isoTime `json:"registrationTime"`
	LastHeartbeatTime    isoTime `json:"lastHeartbeatTime"`
	PersistedOpState     string  `json:"persistedOpState"`
	PersistedOpStateEnds int64   `json:"persistedOpStateExpiryEpochSec"`
}

// endOf is when maintenance ends, in seconds since 1970; 0: never by itself.
func endOf(n client.NodeInfo) int64 {
	if n.Until.IsZero() {
		return 0
	}
	return n.Until.Unix()
}

func datanodeJSONOf(n client.NodeInfo) datanodeJSON {
	return datanodeJSON{
		ID: n.ID, HostName: n.Host, Address: n.Address, HTTPAddress: n.HTTPAddress,
		NetworkLocation: rackOf(n), Version: n.Version,
		OpState: n.OpState, PersistedOpState: n.OpState, PersistedOpStateEnds: endOf(n), HealthState: n.Health,
		Capacity: n.Capacity, Used: n.Used, Remaining: n.Remaining, ContainerCount: n.Containers,
		RegistrationTime: isoTime(n.Registered), LastHeartbeatTime: isoTime(n.LastHeartbeat),
	}
}

type usageInfoOptions struct {
	most, least bool
	count       int
	asJSON      bool
}

func newUsageInfoCommand(s *session) *cobra.Command {
	var o usageInfoOptions
	cmd := &cobra.Command{
		Use:   "usageinfo",
		Short: "Show how full the datanodes are",
		Long: `Show capacity, use and free space of the datanodes, the fullest first.

  ozone admin datanode usageinfo
  ozone admin datanode usageinfo --least-used --count 3`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.most && o.least {
				return usagef("--most-used and --least-used exclude each other")
			}
			if o.count < 1 {
				return usagef("--count must be a positive number, not %d", o.count)
			}
			return s.with(cmd.Context(), "", func(ctx context.Context, c cluster) error {
				return runUsageInfo(ctx, o, c, s.out)
			})
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&o.most, "most-used", "m", false, "the fullest first (as without it)")
	f.BoolVarP(&o.least, "least-used", "l", false, "the emptiest first")
	f.IntVarP(&o.count, "count", "c", 1000, "show at most `N` datanodes")
	f.BoolVar(&o.asJSON, "json", false, "print a JSON array")
	return cmd
}

func runUsageInfo(ctx context.Context, o usageInfoOptions, c nodes, out io.Writer) error {
	all, err := c.ListNodes(ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b client.NodeInfo) int {
		byUse := cmp.Compare(usedShare(b), usedShare(a))
		if o.least {
			byUse = -byUse
		}
		return cmp.Or(byUse, cmp.Compare(a.ID, b.ID))
	})
	all = all[:min(len(all), o.count)]
	if o.asJSON {
		array := &jsonArray{w: out}
		for _, n := range all {
			if err := array.add(datanodeJSONOf(n)); err != nil {
				return err
			}
		}
		return array.close()
	}
	fmt.Fprintf(out, "Usage Information (%d Datanodes)\n\n", len(all))
	for _, n := range all {
		if err := printUsageInfo(out, n); err != nil {
			return err
		}
	}
	return nil
}

func usedShare(n client.NodeInfo) float64 {
	if n.Capacity == 0 {
		return 0
	}
	return float64(n.Used) / float64(n.Capacity)
}

func printUsageInfo(out io.Writer, n client.NodeInfo) error {
	size := func(bytes uint64) string { return fmt.Sprintf("%d B (%s)", bytes, humanize.IBytes(bytes)) }
	_, err := fmt.Fprintf(out, `%-16s : %s
%-16s : %s (%s)
%-16s : %s
%-16s : %s
%-16s : %s
%-16s : %.2f%%
%-16s : %d

`, "UUID", n.ID, "Host", n.Host, n.Address, "Capacity", size(n.Capacity), "Ozone Used", size(n.Used),
		"Remaining", size(n.Remaining), "Ozone Used %", 100*usedShare(n), "Container(s)", n.Containers)
	return err
}
