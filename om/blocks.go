package om

import (
	"context"
	"errors"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// allocate leases blocks. While the leader is young or no datanode lives, it waits
// a little for heartbeats instead of failing (or of settling for fewer replicas).
func (s *Server) allocate(ctx context.Context, req *ompb.AllocateBlocks, user string) (*ompb.Response, error) {
	t, err := s.tenure(ctx)
	if err != nil {
		return nil, err
	}
	w, err := t.alloc.wish(req)
	if err != nil {
		return nil, err
	}
	if err := s.awaitNodes(ctx, t, w); err != nil {
		return nil, err
	}
	leases, err := t.alloc.lease(ctx, w)
	if err != nil {
		return nil, err
	}
	t.tokens.Load().signLeases(leases, user, s.now())
	return &ompb.Response{Result: &ompb.Response_Leases{Leases: leases}}, nil
}

// awaitNodes returns at once when enough nodes are usable; else it waits until
// they are, or AllocateWait has passed. Then the allocation says what is missing.
func (s *Server) awaitNodes(ctx context.Context, t *tenure, w wish) error {
	need := w.min
	if time.Since(t.since) < s.cfg.AllocateWait {
		need = w.factor
	}
	var timer *time.Timer
	for {
		changed := s.view.Changed()
		if s.view.Usable(w.without, s.cfg.MinFree) >= need {
			return nil
		}
		if timer == nil {
			timer = time.NewTimer(s.cfg.AllocateWait)
			defer timer.Stop()
		}
		select {
		case <-changed:
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ozerr.Wrap(ozerr.Timeout, ctx.Err(), "waiting for datanodes")
		case <-s.ctx.Done():
			return ozerr.New(ozerr.Unavailable, "om is shutting down")
		}
	}
}

// filled tells the allocator of bytes that a logged request committed.
func (s *Server) filled(req *ompb.Request) {
	t := s.tenured.Load()
	if t == nil {
		return
	}
	switch op := req.Op.(type) {
	case *ompb.Request_CommitKey:
		t.alloc.filled(op.CommitKey.GetBlocks())
	case *ompb.Request_CommitPart:
		t.alloc.filled(op.CommitPart.GetBlocks())
	}
}

// reportBadReplica takes a client's word that a replica failed. A container that
// missed a write on one replica must take no more: it begins to close before the
// answer, so the next lease comes from another one.
func (s *Server) reportBadReplica(ctx context.Context, req *ompb.ReportBadReplica) (*ompb.Response, error) {
	t, err := s.tenure(ctx)
	if err != nil {
		return nil, err
	}
	s.log.Warn().Uint64("container", req.GetBlock().GetContainer()).Uint64("local", req.GetBlock().GetLocal()).
		Str("node", req.NodeId).Bool("close", req.CloseContainer).Str("reason", req.Reason).Msg("bad replica reported")
	s.metrics.badReplicas.Inc()
	if !req.CloseContainer { // a failed write is repaired when the container has closed
		t.repl.blame(req.NodeId, req.Block)
	} else {
		if err := t.beginClose(ctx, req.GetBlock().GetContainer()); err != nil {
			return nil, err
		}
	}
	return &ompb.Response{}, nil
}

// beginClose moves an open container to CLOSING in the log and hands it to the
// closer. A container that is not open here needs nothing.
func (t *tenure) beginClose(ctx context.Context, id uint64) error {
	c := t.alloc.remove(id)
	if c == nil {
		return nil
	}
	_, err := t.alloc.propose(ctx, closingRequest(id, dnpb.ContainerState_CLOSING))
	if err != nil && !errors.Is(err, ozerr.InvalidRequest) { // that: it closes already
		t.alloc.add(c, t.registry.find(c.Nodes))
		return err
	}
	t.closer.add(c)
	return nil
}
