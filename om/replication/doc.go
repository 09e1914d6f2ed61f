// Package replication decides what is wrong with a container's replicas and what is
// to be done about it. It is pure: from what the log says of a container, what the
// datanodes reported and how they are, Judge derives a health and actions. It never
// proposes to give up a replica while the others have not been shown to be enough.
//
// The words:
//
//   - A replica is present when its node is not dead and reports it CLOSED or
//     QUASI_CLOSED.
//   - It is sound when its node is healthy, it is CLOSED, and either all present replicas (two at least)
//     have the same content, or om has seen it carry out a reconciliation with the content it still
//     has ("verified"). Majorities count for nothing.
//   - A replica nobody knows anything of yet (its node has not reported to this om) is
//     neither there nor missing: nothing is done about it, and nothing because of it.
package replication

import (
	"github.com/mini-ozone/mini-ozone/om/placement"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// Health of a container; the words are Ozone's.
type Health string

// From best to worst.
const (
	Healthy         Health = "HEALTHY"
	Empty           Health = "EMPTY" // neither om nor a datanode has a block of it
	OverReplicated  Health = "OVER_REPLICATED"
	MisReplicated   Health = "MIS_REPLICATED" // all in one rack though there are others
	UnderReplicated Health = "UNDER_REPLICATED"
	Unhealthy       Health = "UNHEALTHY" // only damaged replicas
	Missing         Health = "MISSING"   // no replica on any living node
)

// Healths are all of them, as they are listed.
func Healths() []Health {
	return []Health{Healthy, Empty, OverReplicated, MisReplicated, UnderReplicated, Unhealthy, Missing}
}

// Node is a datanode as om knows it now.
type Node struct {
	ID, Rack string
	Health   placement.Health
	OpState  string // as ompb.NodeInfo.op_state
	Free     uint64 // bytes
	Known    bool   // it has reported all its containers to this om
}

// Replica is a member of the container's replica set, or a node that reports it.
type Replica struct {
	Node   Node
	Member bool
	Report *dnpb.ContainerReport // the node's last word; nil: none

	Verified bool // it carried out a reconciliation, and has the same content since
	Spoilt   bool // several attempts to make it whole where it is have failed
	Busy     bool // an order about it is under way, or has to wait after a failure
}

// Container is what Judge goes by.
type Container struct {
	Info     *ompb.ContainerInfo // as the log has it
	Factor   int                 // replicas wished for
	Listed   bool                // om has blocks of it that are not freed
	Replicas []Replica
	Arriving int      // copies to further nodes under way
	Racks    []string // of nodes that could take a replica
	Settled  bool     // what is odd about it has been so for a while
	// MaintenanceMinimum replicas must be elsewhere while nodes are in maintenance.
	MaintenanceMinimum int
}

// Kind of an action.
type Kind int

// What may be done.
const (
	// Copy the container to Node, or to a node of the caller's choice if it is "";
	// when it has arrived, Node becomes a member instead of Replaces.
	Copy   Kind = iota + 1
	Mend        // reconcile the replica on Node with om's list
	Close       // tell Node to close its replica, or (Node "") close the container
	Remove      // take Node out of the replica set
	Adopt       // an empty container: put any node into its replica set, and take Node out
	Delete      // remove the bytes of a replica that is no member
)

func (k Kind) String() string {
	return [...]string{"none", "copy", "mend", "close", "remove", "adopt", "delete"}[k]
}

// Action is one thing to do.
type Action struct {
	Kind     Kind
	Node     string
	Replaces string // Copy: the member that goes, "" if none
	NotRack  string // Copy: the target must be in another rack
}

// Verdict on a container.
type Verdict struct {
	Health  Health // "" while it is open
	Odd     bool   // something is to be looked at again once it is Settled
	Actions []Action
}
