package om

import (
	"slices"

	"github.com/mini-ozone/mini-ozone/om/placement"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// addSoft fills what an answer has from heartbeats and not from the tables.
func (s *Server) addSoft(tx *table.Txn, resp *ompb.Response) {
	switch r := resp.Result.(type) {
	case *ompb.Response_Key:
		for _, replicas := range r.Key.Locations {
			s.nearestFirst(replicas.Nodes)
		}
	case *ompb.Response_Nodes:
		for _, n := range r.Nodes.Nodes {
			s.addNode(n)
		}
	case *ompb.Response_Containers:
		s.addContainers(tx, r.Containers.Containers, false)
	case *ompb.Response_Container:
		s.addContainers(tx, []*ompb.ContainerInfo{r.Container}, true)
	}
}

func (s *Server) addContainers(tx *table.Txn, list []*ompb.ContainerInfo, replicas bool) {
	t := s.present()
	var nodes *survey
	if t != nil {
		nodes = t.repl.survey()
	}
	for _, c := range list {
		c.UsedBytes, c.Blocks = s.view.Usage(c.Id, c.Nodes)
		if t != nil {
			t.repl.fill(nodes, c, func() bool { return hasBlocks(tx, c.Id) }, replicas)
		}
	}
}

func (s *Server) addNode(n *ompb.NodeInfo) {
	st := s.view.Status(n.GetNode().GetId())
	n.Health = string(st.Health)
	n.Capacity, n.Used, n.Remaining = st.Capacity, st.Used, st.Remaining
	n.Containers, n.Version = uint64(st.Containers), st.Version
	for _, d := range st.Disks {
		n.Disks = append(n.Disks, &ompb.NodeDisk{Path: d.Path, Failed: d.Failed, Reason: d.Reason,
			Capacity: d.Capacity, Used: d.Used, Remaining: d.Remaining})
	}
	if !st.Seen.IsZero() {
		n.LastHeartbeatNs = st.Seen.UnixNano()
	}
}

// nearestFirst orders replicas for reading: healthy before stale before dead.
func (s *Server) nearestFirst(nodes []*commonpb.Node) {
	rank := func(n *commonpb.Node) int {
		switch s.view.Health(n.Id) {
		case placement.Healthy:
			return 0
		case placement.Stale:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(nodes, func(a, b *commonpb.Node) int { return rank(a) - rank(b) })
}
