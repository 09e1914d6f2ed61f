package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// containerStates are the states a container may be in, in the order of its life.
var containerStates = []string{"OPEN", "CLOSING", "QUASI_CLOSED", "CLOSED", "UNHEALTHY"}

func newContainerCommand(s *session) *cobra.Command {
	return newGroup("container", "List containers, the units of placement",
		`List containers. Objects are cut into blocks, blocks live in containers, and a
container is what is placed on datanodes and reported by them.

  ozone admin container list
  ozone admin container info 1
  ozone admin container report
  ozone admin container close 1`,
		newContainerListCommand(s), newContainerInfoCommand(s), newContainerReportCommand(s),
		newContainerCloseCommand(s))
}

type containerListOptions struct {
	start       uint64
	count       int
	all         bool
	state       string
	replication replicationFlags
}

func newContainerListCommand(s *session) *cobra.Command {
	var o containerListOptions
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List containers",
		Long: `List containers as a JSON array, in order of id.

  ozone admin container list
  ozone admin container list --state OPEN --all | jq '.[].containerID'`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			return s.with(cmd.Context(), "", func(ctx context.Context, c cluster) error {
				return runContainerList(ctx, o, c, s.out, s.err)
			})
		},
	}
	f := cmd.Flags()
	f.Uint64VarP(&o.start, "start", "s", 0, "list only containers with a higher `id`")
	f.IntVarP(&o.count, "count", "c", 20, "list at most `N` containers")
	f.BoolVarP(&o.all, "all", "a", false, "list all, however many")
	f.StringVar(&o.state, "state", "", "only containers in this `state`: "+strings.Join(containerStates, ", "))
	o.replication.addFlags(cmd, "containers to list")
	f.Bool("json", true, "print a JSON array (always so)")
	return cmd
}

func (o *containerListOptions) validate() error {
	if o.count < 1 {
		return usagef("--count must be a positive number, not %d", o.count)
	}
	return o.replication.validate()
}

func (o *containerListOptions) wants(c client.ContainerInfo) bool {
	return (o.state == "" || strings.EqualFold(o.state, c.State)) &&
		(o.replication.value == "" || o.replication.value == c.Replication)
}

func runContainerList(ctx context.Context, o containerListOptions, c nodes, out, notes io.Writer) error {
	array := &jsonArray{w: out}
	after, more := o.start, true
	for more {
		var page []client.ContainerInfo
		var err error
		if page, more, err = c.ListContainers(ctx, after, listPage); err != nil {
			return err
		}
		for _, info := range page {
			after = info.ID
			if !o.wants(info) {
				continue
			}
			if !o.all && array.count >= o.count {
				fmt.Fprintf(notes, "Listed the first %d containers only. Use -c N for more, -a for all.\n", array.count)
				return array.close()
			}
			if err := array.add(containerJSONOf(info)); err != nil {
				return err
			}
		}
		more = more && len(page) > 0
	}
	return array.close()
}

func newContainerInfoCommand(s *session) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "info <id...>",
		Short: "Show containers and where their replicas are",
		Long: `Show containers and where their replicas are.

  ozone admin container info 1
  ozone admin container info 1 2 3 --json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("missing argument <id>")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := containerIDs(args)
			if err != nil {
				return err
			}
			return s.with(cmd.Context(), "", func(ctx context.Context, c cluster) error {
				return runContainerInfo(ctx, ids, asJSON, c, s.out)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return cmd
}

func containerIDs(args []string) ([]uint64, error) {
	ids := make([]uint64, 0, len(args))
	for _, arg := range args {
		id, err := strconv.ParseUint(arg, 10, 64)
		if err != nil || id == 0 {
			return nil, ozerr.New(ozerr.InvalidArgument, "Container IDs must be positive integers. Invalid container ID: %s", arg)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func runContainerInfo(ctx context.Context, ids []uint64, asJSON bool, c nodes, out io.Writer) error {
	known, err := nodesByID(ctx, c)
	if err != nil {
		return err
	}
	array := &jsonArray{w: out}
	for _, id := range ids {
		info, err := c.GetContainer(ctx, id)
		if err != nil {
			return err
		}
		if asJSON {
			err = array.add(containerJSONOf(info))
		} else {
			err = printContainer(out, info, known)
		}
		if err != nil {
			return err
		}
	}
	if asJSON {
		return array.close()
	}
	return nil
}

func nodesByID(ctx context.Context, c nodes) (map[string]client.NodeInfo, error) {
	list, err := c.ListNodes(ctx)
	known := make(map[string]client.NodeInfo, len(list))
	for _, n := range list {
		known[n.ID] = n
	}
	return known, err
}

// printContainer is Ozone's form without what does not exist here: pipelines and
// sequence ids.
func printContainer(out io.Writer, c client.ContainerInfo, known map[string]client.NodeInfo) error {
	var places []string
	for _, id := range c.Nodes {
		n, ok := known[id]
		if !ok {
			n = client.NodeInfo{Host: "unknown", Health: "UNKNOWN"}
		}
		places = append(places, fmt.Sprintf("%s/%s (%s)", id, n.Host, n.Health))
	}
	var replicas []string
	for _, r := range c.Replicas {
		replicas = append(replicas, replicaLine(r, known))
	}
	_, err := fmt.Fprintf(out, `Container id: %d
Container State: %s
Container Health: %s
Replication: RATIS/%s
Used Bytes: %d
Blocks: %d
Datanodes: [%s]
Replicas: [%s]

`, c.ID, c.State, cmp.Or(c.Health, "not judged while it is open"), c.Replication, c.UsedBytes, c.Blocks,
		strings.Join(places, ",\n"), strings.Join(replicas, ",\n"))
	return err
}

func replicaLine(r client.ReplicaInfo, known map[string]client.NodeInfo) string {
	line := fmt.Sprintf("State: %s; Blocks: %d; Used Bytes: %d; Location: %s/%s (%s, %s)",
		cmp.Or(r.State, "not there"), r.Blocks, r.UsedBytes, r.Node, cmp.Or(known[r.Node].Host, "unknown"), r.NodeHealth, r.NodeState)
	if !r.Member {
		line += "; not wanted there"
	}
	return line
}

// containerJSON has Ozone's field names as far as they go.
type containerJSON struct {
	State             string           `json:"state"`
	StateEnterTime    isoTime          `json:"stateEnterTime"`
	CreationTime      isoTime          `json:"creationTime"`
	ReplicationConfig *replicationJSON `json:"replicationConfig,omitempty"`
	UsedBytes         uint64           `json:"usedBytes"`
	NumberOfBlocks    uint64           `json:"numberOfBlocks"`
	ContainerID       uint64           `json:"containerID"`
	Datanodes         []string         `json:"datanodes"`
	Open              bool             `json:"open"`
	Health            string           `json:"health,omitempty"`
	Fenced            bool             `json:"fenced"`
	Replicas          []replicaJSON    `json:"replicas,omitempty"`
}

type replicaJSON struct {
	State     string `json:"state"`
	Datanode  string `json:"datanode"`
	Member    bool   `json:"member"`
	UsedBytes uint64 `json:"usedBytes"`
	Blocks    uint64 `json:"blocks"`
	Health    string `json:"healthState"`
	OpState   string `json:"opState"`
}

func containerJSONOf(c client.ContainerInfo) containerJSON {
	var replicas []replicaJSON
	for _, r := range c.Replicas {
		replicas = append(replicas, replicaJSON{State: r.State, Datanode: r.Node, Member: r.Member, UsedBytes: r.UsedBytes,
			Blocks: r.Blocks, Health: r.NodeHealth, OpState: r.NodeState})
	}
	return containerJSON{
		State: c.State, StateEnterTime: isoTime(c.Modified), CreationTime: isoTime(c.Created),
		ReplicationConfig: replicationJSONOf(c.Replication), UsedBytes: c.UsedBytes, NumberOfBlocks: c.Blocks,
		ContainerID: c.ID, Datanodes: c.Nodes, Open: c.State == "OPEN",
		Health: c.Health, Fenced: c.Fenced, Replicas: replicas,
	}
}

func newContainerReportCommand(s *session) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Count containers by state and by health",
		Long: `Count containers by state and by health, as the replication manager last saw them:
under-replicated with fewer replicas than wished for, mis-replicated with all of
them in one rack, unhealthy with nothing but damaged ones, missing with none on a
living datanode, empty without any block.

  ozone admin container report`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.with(cmd.Context(), "", func(ctx context.Context, c cluster) error {
				return runContainerReport(ctx, asJSON, c, s.out, s.err)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}

type containerReport struct {
	Time    isoTime             `json:"reportTimeStamp"`
	States  map[string]uint64   `json:"containerStateSummary"`
	Health  map[string]uint64   `json:"containerHealthSummary"`
	Samples map[string][]uint64 `json:"containerSamples"`
	Orders  uint64              `json:"ordersUnderWay"`
	Bytes   uint64              `json:"bytesToCopy"`
}

// containerHealths in the order of Ozone's report, the worst of ours first.
var containerHealths = []string{"UNDER_REPLICATED", "MIS_REPLICATED", "OVER_REPLICATED", "MISSING", "UNHEALTHY", "EMPTY", "HEALTHY"}

func runContainerReport(ctx context.Context, asJSON bool, c redundancy, out, notes io.Writer) error {
	r, err := c.Replication(ctx)
	if err != nil {
		return err
	}
	if !r.Ready {
		fmt.Fprintln(notes, "Not all datanodes have reported to the leader yet.")
	}
	if asJSON {
		j := containerReport{Time: isoTime(r.Reported), States: map[string]uint64{}, Health: map[string]uint64{}, Samples: r.Samples,
			Orders: r.Orders, Bytes: r.BytesToCopy}
		for _, state := range containerStates {
			j.States[state] = r.ByState[state]
		}
		for _, health := range containerHealths {
			j.Health[health] = r.ByHealth[health]
		}
		return printJSON(out, j)
	}
	stamp, _ := isoTime(r.Reported).MarshalText() // never fails
	fmt.Fprintf(out, "Container Summary Report generated at %s\n%s\n\n", stamp, strings.Repeat("=", 58))
	fmt.Fprint(out, "Container State Summary\n=======================\n")
	for _, state := range containerStates {
		fmt.Fprintf(out, "%s: %d\n", state, r.ByState[state])
	}
	fmt.Fprint(out, "\nContainer Health Summary\n========================\n")
	for _, health := range containerHealths {
		fmt.Fprintf(out, "%s: %d\n", health, r.ByHealth[health])
	}
	fmt.Fprintf(out, "\nOrders under way: %d\nBytes to copy: %d\n", r.Orders, r.BytesToCopy)
	for _, health := range containerHealths {
		if ids := r.Samples[health]; len(ids) > 0 {
			if _, err := fmt.Fprintf(out, "\nFirst %d %s containers: %s\n", len(ids), health, joinIDs(ids)); err != nil {
				return err
			}
		}
	}
	return nil
}

func joinIDs(ids []uint64) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = "#" + strconv.FormatUint(id, 10)
	}
	return strings.Join(words, ", ")
}

func newContainerCloseCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "close <id>",
		Short: "Close an open container",
		Long: `Close an open container: it takes no new blocks, those that are being written
are finished first. Writers go on in another one.

  ozone admin container close 1`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("expected one <id>")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := containerIDs(args)
			if err != nil {
				return err
			}
			return s.with(cmd.Context(), "", func(ctx context.Context, c cluster) error {
				return c.CloseContainer(ctx, ids[0])
			})
		},
	}
}
