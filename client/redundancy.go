package client

import (
	"context"
	"time"

	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// DiskInfo is one disk of a datanode.
type DiskInfo struct {
	Path                      string
	Failed                    bool
	Reason                    string // of the failure
	Capacity, Used, Remaining uint64
}

// ReplicaInfo is a datanode's last word on a container.
type ReplicaInfo struct {
	Node              string
	Member            bool   // of the container's replica set
	State             string // as ContainerInfo.State; "" if the node doesn't report it
	UsedBytes, Blocks uint64
	NodeHealth        string
	NodeState         string // as NodeInfo.OpState
}

// ReplicationReport is om's account of redundancy, as of Reported.
type ReplicationReport struct {
	Running     bool                // the replication manager is not stopped
	Ready       bool                // every datanode has reported, or is dead
	ByState     map[string]uint64   // containers
	ByHealth    map[string]uint64   // closed containers
	Samples     map[string][]uint64 // some ids, by health
	Orders      uint64              // copies, repairs and removals under way
	BytesToCopy uint64              // estimated
	Reported    time.Time
	Balancer    Balancer
}

// Balancer is the container balancer.
type Balancer struct {
	Running                     bool
	Threshold                   float64 // part of a node's capacity
	MaxBytes                    uint64  // per iteration
	MovedBytes, MovedContainers uint64
	Iterations                  uint32
	Stopped                     string // why it ended
}

// GetContainer describes a container and each of its replicas; ozerr.ContainerNotFound.
func (c *Client) GetContainer(ctx context.Context, id uint64) (ContainerInfo, error) {
	resp, err := c.read(ctx, &ompb.Request{Op: &ompb.Request_GetContainer{GetContainer: &ompb.GetContainer{Container: id}}})
	if err != nil {
		return ContainerInfo{}, err
	}
	return containerInfoFrom(resp.GetContainer()), nil
}

// CloseContainer begins to close an open container.
func (c *Client) CloseContainer(ctx context.Context, id uint64) error {
	_, err := c.read(ctx, &ompb.Request{Op: &ompb.Request_CloseContainerNow{CloseContainerNow: &ompb.CloseContainerNow{Container: id}}})
	return err
}

// SetNodeState takes a datanode out of service or back: IN_SERVICE, DECOMMISSIONING,
// ENTERING_MAINTENANCE, the last until then unless that is zero.
func (c *Client) SetNodeState(ctx context.Context, node, opState string, until time.Time) error {
	op := &ompb.SetNodeState{Node: node, OpState: opState}
	if !until.IsZero() {
		op.UntilNs = until.UnixNano()
	}
	_, err := c.mutate(ctx, &ompb.Request{Op: &ompb.Request_SetNodeState{SetNodeState: op}})
	return err
}

// ForgetNode removes a dead datanode that no container needs.
func (c *Client) ForgetNode(ctx context.Context, node string) error {
	_, err := c.mutate(ctx, &ompb.Request{Op: &ompb.Request_ForgetNode{ForgetNode: &ompb.ForgetNode{Node: node}}})
	return err
}

// Replication reports on redundancy and on the work that restores it.
func (c *Client) Replication(ctx context.Context) (ReplicationReport, error) {
	resp, err := c.read(ctx, &ompb.Request{Op: &ompb.Request_GetReplication{GetReplication: &ompb.GetReplication{}}})
	return replicationFrom(resp.GetReplication()), err
}

// RunReplication starts or stops the replication manager.
func (c *Client) RunReplication(ctx context.Context, run bool) error {
	action := ompb.ControlReplication_STOP
	if run {
		action = ompb.ControlReplication_START
	}
	return c.controlReplication(ctx, &ompb.ControlReplication{Action: action})
}

// StartBalancer starts the container balancer; zero values are om's defaults.
func (c *Client) StartBalancer(ctx context.Context, threshold float64, maxBytes uint64) error {
	return c.controlReplication(ctx, &ompb.ControlReplication{
		Action: ompb.ControlReplication_START_BALANCER, Balancer: &ompb.Balancer{Threshold: threshold, MaxBytes: maxBytes}})
}

// StopBalancer stops it; moves under way are finished.
func (c *Client) StopBalancer(ctx context.Context) error {
	return c.controlReplication(ctx, &ompb.ControlReplication{Action: ompb.ControlReplication_STOP_BALANCER})
}

func (c *Client) controlReplication(ctx context.Context, op *ompb.ControlReplication) error {
	_, err := c.read(ctx, &ompb.Request{Op: &ompb.Request_ControlReplication{ControlReplication: op}})
	return err
}

func replicationFrom(r *ompb.ReplicationReport) ReplicationReport {
	b := r.GetBalancer()
	out := ReplicationReport{
		Running: r.GetRunning(), Ready: r.GetLeaderReady(), ByState: r.GetByState(), ByHealth: r.GetByHealth(),
		Samples: map[string][]uint64{}, Orders: r.GetOrders(), BytesToCopy: r.GetBytesToCopy(), Reported: fromNS(r.GetReportedNs()),
		Balancer: Balancer{Running: b.GetRunning(), Threshold: b.GetThreshold(), MaxBytes: b.GetMaxBytes(), MovedBytes: b.GetMovedBytes(),
			MovedContainers: b.GetMovedContainers(), Iterations: b.GetIterations(), Stopped: b.GetStopped()},
	}
	for health, s := range r.GetSamples() {
		out.Samples[health] = s.GetIds()
	}
	return out
}

func replicaInfoFrom(r *ompb.ReplicaInfo) ReplicaInfo {
	out := ReplicaInfo{Node: r.GetNode(), Member: r.GetMember(), UsedBytes: r.GetUsedBytes(), Blocks: r.GetBlocks(),
		NodeHealth: r.GetNodeHealth(), NodeState: opState(r.GetNodeState())}
	if r.GetState() != 0 {
		out.State = dnpb.ContainerState(r.GetState()).String()
	}
	return out
}

func diskInfoFrom(d *ompb.NodeDisk) DiskInfo {
	return DiskInfo{Path: d.GetPath(), Failed: d.GetFailed(), Reason: d.GetReason(),
		Capacity: d.GetCapacity(), Used: d.GetUsed(), Remaining: d.GetRemaining()}
}

// opState spells out what om keeps as "".
func opState(s string) string {
	if s == "" {
		return "IN_SERVICE"
	}
	return s
}
