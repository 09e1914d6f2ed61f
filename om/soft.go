package om

import (
	"slices"

	"github.com/mini-ozone/mini-ozone/om/placement"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// addSoft fills what an answer has from heartbeats and not from the tables.
func (s *Server) addSoft(resp *ompb.Response) {
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
		for _, c := range r.Containers.Containers {
			c.UsedBytes, c.Blocks = s.view.Usage(c.Id, c.Nodes)
		}
	}
}

func (s *Server) addNode(n *ompb.NodeInfo) {
	st := s.view.Status(n.GetNode().GetId())
	n.Health = string(st.Health)
	n.Capacity, n.Used, n.Remaining = st.Capacity, st.Used, st.Remaining
	n.Containers, n.Version = uint64(st.Containers), st.Version
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
