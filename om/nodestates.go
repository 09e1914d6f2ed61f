package om

import (
	"context"
	"errors"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/placement"
	"github.com/mini-ozone/mini-ozone/om/replication"
	"github.com/mini-ozone/mini-ozone/om/state"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// holdsBack tells whether a container keeps a member from going into maintenance: the
// others would not be enough while it is away.
func (r *replicator) holdsBack(c replication.Container, v replication.Verdict, node string) bool {
	if v.Health == replication.Empty {
		return false
	}
	if c.Info.State < uint32(dnpb.ContainerState_CLOSED) {
		return true
	}
	others := 0
	for _, x := range c.Replicas {
		if x.Member && x.Node.ID != node && x.Node.OpState == state.InService && x.Node.Health == placement.Healthy &&
			x.Report.GetState() == dnpb.ContainerState_CLOSED {
			others++
		}
	}
	return others < min(r.cfg.Redundancy.MaintenanceMinimum, c.Factor)
}

// moveStates takes nodes on where what they waited for has come to pass, and forgets
// those that have been dead and empty for long.
func (r *replicator) moveStates(ctx context.Context, now time.Time, s *survey) error {
	var errs []error
	for _, n := range r.nodes.all() {
		id, next := n.Node.Id, ""
		expired := n.UntilNs > 0 && now.UnixNano() >= n.UntilNs
		switch n.OpState {
		case state.Decommissioning:
			if r.members[id] == 0 {
				next = state.Decommissioned
			}
		case state.EnteringMaintenance:
			if expired {
				next = inService
			} else if r.waiting[id] == 0 {
				next = state.InMaintenance
			}
		case state.InMaintenance:
			if expired {
				next = inService
			}
		}
		if next != "" {
			errs = append(errs, r.setState(ctx, n, next))
		}
		if r.forgettable(n, s, now) {
			errs = append(errs, r.forget(ctx, id))
		}
	}
	return errors.Join(errs...)
}

// inService is state.InService spelled out.
const inService = "IN_SERVICE"

func (r *replicator) setState(ctx context.Context, n *ompb.NodeInfo, next string) error {
	op := &ompb.SetNodeState{Node: n.Node.Id, OpState: next, UntilNs: n.UntilNs}
	_, err := r.propose(ctx, &ompb.Request{Op: &ompb.Request_SetNodeState{SetNodeState: op}})
	if err != nil {
		return err
	}
	r.log.Info().Str("node", n.Node.Id).Str("state", next).Msg("datanode changes its state")
	r.nodes.setState(n.Node.Id, next, n.UntilNs)
	r.view.Bar(r.nodes.barred())
	return nil
}

func (r *replicator) forgettable(n *ompb.NodeInfo, s *survey, now time.Time) bool {
	id := n.Node.Id
	if s.nodes[id].Health != placement.Dead || r.members[id] > 0 || s.nodes[id].OpState == state.InMaintenance {
		return false
	}
	seen := s.used[id].Seen
	if seen.IsZero() {
		seen = r.view.Listening()
	}
	return r.view.Now().Sub(seen) >= r.cfg.Redundancy.ForgetAfter
}

func (r *replicator) forget(ctx context.Context, id string) error {
	_, err := r.propose(ctx, &ompb.Request{Op: &ompb.Request_ForgetNode{ForgetNode: &ompb.ForgetNode{Node: id}}})
	if errors.Is(err, ozerr.InvalidRequest) {
		return nil // it has got something meanwhile
	}
	if err != nil {
		return err
	}
	r.log.Warn().Str("node", id).Msg("a datanode that was dead for long and held nothing is forgotten")
	r.forgotten(id)
	return nil
}

// forgotten drops what is remembered of a node that the log has forgotten.
func (r *replicator) forgotten(id string) {
	r.nodes.remove(id)
	r.view.Forget(id)
	r.orders.forget(id)
}

// checkNodeChange refuses what an administrator must not want of a node.
func (s *Server) checkNodeChange(req *ompb.Request) error {
	switch op := req.Op.(type) {
	case *ompb.Request_SetNodeState:
		switch op.SetNodeState.OpState {
		case state.Decommissioned, state.InMaintenance:
			return ozerr.New(ozerr.InvalidArgument, "%s is reached from DECOMMISSIONING or ENTERING_MAINTENANCE, when om sees that it may be", op.SetNodeState.OpState)
		}
	case *ompb.Request_ForgetNode:
		if h := s.view.Health(op.ForgetNode.Node); h != placement.Dead {
			return ozerr.New(ozerr.InvalidRequest, "node %s is %s, only a dead one can be forgotten", op.ForgetNode.Node, h)
		}
	}
	return nil
}

// nodeChanged tells the tenure of a change of nodes that came from outside.
func (s *Server) nodeChanged(req *ompb.Request) {
	t := s.tenured.Load()
	if t == nil {
		return
	}
	switch op := req.Op.(type) {
	case *ompb.Request_SetNodeState:
		_ = s.node.View(func(tx *table.Txn) error { // it fails when om ends
			if n := table.Nodes.Get(tx, []byte(op.SetNodeState.Node)); n != nil {
				t.registry.setState(n.Node.Id, n.OpState, n.UntilNs)
			}
			return nil
		})
		s.view.Bar(t.registry.barred())
		t.repl.poke()
	case *ompb.Request_ForgetNode:
		t.repl.forgotten(op.ForgetNode.Node)
	}
}
