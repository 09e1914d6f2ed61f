package om

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/state"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// maxOrders ride on one reply.
const maxOrders = 8

// Heartbeat takes a datanode's word ("om.Heartbeat"); every om gets it. The leader
// registers a new or moved node in the log before it answers, and gives orders. A
// node of another cluster learns whose om this is, and that is all.
func (s *Server) Heartbeat(ctx context.Context, hb *dnpb.Heartbeat) (*dnpb.HeartbeatReply, error) {
	if hb.GetNode().GetId() == "" || hb.GetNode().GetAddress() == "" {
		return nil, ozerr.New(ozerr.InvalidArgument, "a heartbeat needs the node's id and address")
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, requestTimeout)
		defer cancel()
	}
	if !s.isOpen() {
		return nil, ozerr.New(ozerr.Unavailable, "%s is not ready: %s", s.cfg.ID, s.whyEarly())
	}
	hb = proto.CloneOf(hb) // it is kept
	if _, leads := s.node.Leading(); !leads {
		return s.followerHeartbeat(hb)
	}
	t, err := s.tenure(ctx)
	if err != nil {
		return nil, err
	}
	if foreign(hb, t.clusterID) {
		return s.strange(hb, t.clusterID)
	}
	if !t.registry.same(hb.Node) {
		_, err := s.propose(ctx, &ompb.Request{Op: &ompb.Request_RegisterNode{
			RegisterNode: &ompb.RegisterNode{Node: hb.Node}}})
		if err != nil {
			return nil, err
		}
		t.registry.address(hb.Node)
		s.log.Info().Str("node", hb.Node.Id).Str("address", hb.Node.Address).Msg("datanode registered")
	}
	reply := &dnpb.HeartbeatReply{ClusterId: t.clusterID, Leader: true}
	reply.WantFullReport = s.view.Heartbeat(hb) // first: it already shows what the orders did
	t.orders.done(hb.Node.Id, hb.DoneOrders)
	t.orders.fail(hb.Node.Id, hb.FailedOrders)
	for _, b := range hb.BadBlocks {
		s.log.Warn().Uint64("container", b.GetBlock().GetContainer()).Uint64("local", b.GetBlock().GetLocal()).
			Str("node", hb.Node.Id).Str("reason", b.Reason).Msg("bad block reported")
		s.metrics.badBlocks.Inc()
		t.repl.blame(hb.Node.Id, b.Block)
	}
	reply.Orders = t.orders.pending(hb.Node.Id, time.Now(), maxOrders)
	t.tokens.Load().signOrders(reply.Orders, s.now())
	reply.TokenKeys, err = s.tokenKeys()
	return reply, err
}

// followerHeartbeat keeps the view warm for the day this om leads. A node the
// leader has not registered yet must not be in it: it could not be placed on.
func (s *Server) followerHeartbeat(hb *dnpb.Heartbeat) (*dnpb.HeartbeatReply, error) {
	var id string
	var registered bool
	err := s.node.View(func(tx *table.Txn) error {
		id, registered = state.ClusterID(tx), table.Nodes.Has(tx, []byte(hb.Node.Id))
		return nil
	})
	if err != nil {
		return nil, err
	}
	if foreign(hb, id) {
		return s.strange(hb, id)
	}
	reply := &dnpb.HeartbeatReply{ClusterId: id, WantFullReport: true}
	if registered {
		reply.WantFullReport = s.view.Heartbeat(hb)
	}
	reply.TokenKeys, err = s.tokenKeys()
	return reply, err
}

// foreign: the datanode belongs to another cluster than ours.
func foreign(hb *dnpb.Heartbeat, ours string) bool {
	return hb.ClusterId != "" && ours != "" && hb.ClusterId != ours
}

// strange answers a datanode of another cluster with our name and nothing else: it takes
// no part here, and knows from the name that it has to end.
func (s *Server) strange(hb *dnpb.Heartbeat, ours string) (*dnpb.HeartbeatReply, error) {
	s.log.Warn().Str("node", hb.Node.Id).Str("address", hb.Node.Address).Str("cluster", hb.ClusterId).
		Msg("a datanode of another cluster")
	return &dnpb.HeartbeatReply{ClusterId: ours}, nil
}
