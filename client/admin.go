package client

import (
	"context"
	"time"

	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// NodeInfo is what om knows of a datanode.
type NodeInfo struct {
	ID, Host, Address, HTTPAddress, Rack, Version string
	Health                                        string // HEALTHY, STALE, DEAD
	// OpState: IN_SERVICE, DECOMMISSIONING, DECOMMISSIONED, ENTERING_MAINTENANCE or
	// IN_MAINTENANCE, the last two until Until unless that is zero.
	OpState                               string
	Until                                 time.Time
	Disks                                 []DiskInfo
	Capacity, Used, Remaining, Containers uint64
	Registered, LastHeartbeat             time.Time
}

// ContainerInfo is what om knows of a container.
type ContainerInfo struct {
	ID                uint64
	State             string // OPEN, CLOSING, CLOSED, QUASI_CLOSED, UNHEALTHY
	Replication       string
	Nodes             []string // node ids of the replica set
	Created, Modified time.Time
	UsedBytes, Blocks uint64
	Health            string        // as om's replication manager sees it; "" while it is open
	Fenced            bool          // what belongs to no object is given back
	Replicas          []ReplicaInfo // from GetContainer only
}

// Role is one om of the cluster and its part in consensus.
type Role struct {
	ID, Address, Role string // LEADER, FOLLOWER, LEARNER
}

// Roles lists the oms.
type Roles struct {
	ClusterID string
	Roles     []Role
}

// ListNodes returns every datanode that om has registered.
func (c *Client) ListNodes(ctx context.Context) ([]NodeInfo, error) {
	resp, err := c.read(ctx, &ompb.Request{Op: &ompb.Request_ListNodes{ListNodes: &ompb.ListNodes{}}})
	if err != nil {
		return nil, err
	}
	return mapSlice(resp.GetNodes().GetNodes(), nodeInfoFrom), nil
}

// ListContainers returns a page of containers in order of id, from after
// (exclusive), and whether there are more. limit 0 means om's default.
func (c *Client) ListContainers(ctx context.Context, after uint64, limit int) ([]ContainerInfo, bool, error) {
	op := &ompb.ListContainers{After: after, Limit: limit32(limit)}
	resp, err := c.read(ctx, &ompb.Request{Op: &ompb.Request_ListContainers{ListContainers: op}})
	if err != nil {
		return nil, false, err
	}
	page := resp.GetContainers()
	return mapSlice(page.GetContainers(), containerInfoFrom), page.GetTruncated(), nil
}

// Roles returns the oms of the cluster.
func (c *Client) Roles(ctx context.Context) (Roles, error) {
	resp, err := c.read(ctx, &ompb.Request{Op: &ompb.Request_GetRoles{GetRoles: &ompb.GetRoles{}}})
	if err != nil {
		return Roles{}, err
	}
	return Roles{
		ClusterID: resp.GetRoles().GetClusterId(),
		Roles: mapSlice(resp.GetRoles().GetRoles(), func(r *ompb.Role) Role {
			return Role{ID: r.GetId(), Address: r.GetAddress(), Role: r.GetRole()}
		}),
	}, nil
}

func nodeInfoFrom(n *ompb.NodeInfo) NodeInfo {
	node := n.GetNode()
	return NodeInfo{
		ID: node.GetId(), Host: node.GetHost(), Address: node.GetAddress(),
		HTTPAddress: node.GetHttpAddress(), Rack: node.GetRack(), Version: n.GetVersion(),
		Health: n.GetHealth(), Capacity: n.GetCapacity(), Used: n.GetUsed(),
		Remaining: n.GetRemaining(), Containers: n.GetContainers(),
		Registered: fromNS(n.GetRegisteredNs()), LastHeartbeat: fromNS(n.GetLastHeartbeatNs()),
		OpState: opState(n.GetOpState()), Until: fromNS(n.GetUntilNs()), Disks: mapSlice(n.GetDisks(), diskInfoFrom),
	}
}

func containerInfoFrom(c *ompb.ContainerInfo) ContainerInfo {
	return ContainerInfo{
		ID: c.GetId(), State: dnpb.ContainerState(c.GetState()).String(), Replication: c.GetReplication(),
		Nodes: c.GetNodes(), Created: fromNS(c.GetCreatedNs()), Modified: fromNS(c.GetModifiedNs()),
		UsedBytes: c.GetUsedBytes(), Blocks: c.GetBlocks(), Health: c.GetHealth(), Fenced: c.GetFenced(),
		Replicas: mapSlice(c.GetReplicas(), replicaInfoFrom),
	}
}
