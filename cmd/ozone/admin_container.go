package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

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
  ozone admin container report`,
		newContainerListCommand(s), newContainerInfoCommand(s), newContainerReportCommand(s))
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
		page, _, err := c.ListContainers(ctx, id-1, 1)
		if err != nil {
			return err
		}
		if len(page) == 0 || page[0].ID != id {
			return ozerr.New(ozerr.ContainerNotFound, "container %d does not exist", id)
		}
		if asJSON {
			err = array.add(containerJSONOf(page[0]))
		} else {
			err = printContainer(out, page[0], known)
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
	_, err := fmt.Fprintf(out, `Container id: %d
Container State: %s
Replication: RATIS/%s
Used Bytes: %d
Blocks: %d
Datanodes: [%s]

`, c.ID, c.State, c.Replication, c.UsedBytes, c.Blocks, strings.Join(places, ",\n"))
	return err
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
}

func containerJSONOf(c client.ContainerInfo) containerJSON {
	return containerJSON{
		State: c.State, StateEnterTime: isoTime(c.Modified), CreationTime: isoTime(c.Created),
		ReplicationConfig: replicationJSONOf(c.Replication), UsedBytes: c.UsedBytes, NumberOfBlocks: c.Blocks,
		ContainerID: c.ID, Datanodes: c.Nodes, Open: c.State == "OPEN",
	}
}

func newContainerReportCommand(s *session) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Count containers by state and by health",
		Long: `Count containers by state, and those that lost replicas: a container is
under-replicated when some datanodes of it are dead, and missing when all are.

  ozone admin container report`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.with(cmd.Context(), "", func(ctx context.Context, c cluster) error {
				return runContainerReport(ctx, asJSON, time.Now(), c, s.out)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}

type containerReport struct {
	Time   isoTime        `json:"reportTimeStamp"`
	States map[string]int `json:"containerStateSummary"`
	Health map[string]int `json:"containerHealthSummary"`
}

const (
	underReplicated = "UNDER_REPLICATED"
	missing         = "MISSING"
)

func runContainerReport(ctx context.Context, asJSON bool, now time.Time, c nodes, out io.Writer) error {
	r, err := countContainers(ctx, now, c)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(out, r)
	}
	stamp, _ := r.Time.MarshalText() // never fails
	fmt.Fprintf(out, "Container Summary Report generated at %s\n%s\n\n", stamp, strings.Repeat("=", 58))
	fmt.Fprint(out, "Container State Summary\n=======================\n")
	for _, state := range containerStates {
		fmt.Fprintf(out, "%s: %d\n", state, r.States[state])
	}
	fmt.Fprint(out, "\nContainer Health Summary\n========================\n")
	for _, health := range []string{underReplicated, missing} {
		if _, err := fmt.Fprintf(out, "%s: %d\n", health, r.Health[health]); err != nil {
			return err
		}
	}
	return nil
}

func countContainers(ctx context.Context, now time.Time, c nodes) (containerReport, error) {
	r := containerReport{
		Time:   isoTime(now),
		States: map[string]int{},
		Health: map[string]int{underReplicated: 0, missing: 0},
	}
	for _, state := range containerStates {
		r.States[state] = 0
	}
	known, err := nodesByID(ctx, c)
	if err != nil {
		return r, err
	}
	for after, more := uint64(0), true; more; {
		var page []client.ContainerInfo
		if page, more, err = c.ListContainers(ctx, after, listPage); err != nil {
			return r, err
		}
		for _, info := range page {
			after = info.ID
			r.States[info.State]++
			if health := healthOf(info, known); health != "" {
				r.Health[health]++
			}
		}
		more = more && len(page) > 0
	}
	return r, nil
}

// healthOf is "" when no datanode of the container is dead.
func healthOf(c client.ContainerInfo, known map[string]client.NodeInfo) string {
	alive := 0
	for _, id := range c.Nodes {
		if n, ok := known[id]; ok && n.Health != "DEAD" {
			alive++
		}
	}
	switch alive {
	case len(c.Nodes):
		return ""
	case 0:
		return missing
	}
	return underReplicated
}
