package om

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/mini-ozone/mini-ozone/internal/failpoint"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/state"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// tenure is what a leader keeps in memory for one term. A new term builds a new
// one from the tables, so nothing in it can be left over from before.
type tenure struct {
	term      uint64
	since     time.Time
	clusterID string

	registry *registry
	alloc    *allocator
	closer   *closer
	orders   *orders
	sweeper  *sweeper
	repl     *replicator
	tokens   atomic.Pointer[tokens] // nil in open mode
}

// tenure returns the present one. Errors: NotLeader and those of Propose.
func (s *Server) tenure(ctx context.Context) (*tenure, error) {
	if t := s.present(); t != nil {
		return t, nil
	}
	select {
	case s.building <- struct{}{}:
		defer func() { <-s.building }()
	case <-ctx.Done():
		return nil, ozerr.Wrap(ozerr.Timeout, ctx.Err(), "waiting for the leader to be ready")
	}
	if t := s.present(); t != nil {
		return t, nil
	}
	t, err := s.newTenure(ctx)
	if err != nil {
		return nil, err
	}
	s.tenured.Store(t)
	return t, nil
}

// present returns the tenure of the term this om leads in, or nil.
func (s *Server) present() *tenure {
	term, ok := s.node.Leading()
	if t := s.tenured.Load(); ok && t != nil && t.term == term {
		return t
	}
	return nil
}

func (s *Server) newTenure(ctx context.Context) (*tenure, error) {
	// Also waits for a leader that has only just been elected.
	if err := s.node.ReadIndex(ctx); err != nil {
		return nil, err
	}
	term, ok := s.node.Leading()
	if !ok {
		return nil, ozerr.New(ozerr.NotLeader, "leadership changed")
	}
	failpoint.Hit("om/new-leader")
	t := &tenure{term: term, since: time.Now()}
	if err := s.nameCluster(ctx, t); err != nil {
		return nil, err
	}
	t.registry = &registry{nodes: map[string]*ompb.NodeInfo{}}
	t.orders = newOrders(&idRange{kind: "order", step: 10_000, propose: s.propose})
	t.alloc = newAllocator(&s.cfg, s.view, &idRange{kind: "block", step: 100_000, propose: s.propose}, s.propose)
	t.closer = newCloser(s.view, t.registry, t.orders, s.propose)
	t.sweeper = newSweeper(&s.cfg, t.registry, t.orders, s.propose)
	t.repl = newReplicator(&s.cfg, s.log, s.view, t.registry, t.orders, s.propose, s.loadContainers)
	t.repl.one, t.repl.moved, t.repl.close = s.loadContainer, t.sweeper.moved, t.beginClose
	err := s.node.View(func(tx *table.Txn) error {
		state.Nodes(tx, func(n *ompb.NodeInfo) bool {
			t.registry.put(n)
			return true
		})
		state.Containers(tx, func(c *ompb.ContainerInfo) bool {
			switch dnpb.ContainerState(c.State) {
			case dnpb.ContainerState_OPEN:
				t.alloc.add(c, t.registry.find(c.Nodes))
			case dnpb.ContainerState_CLOSING:
				t.closer.add(c)
			}
			return true
		})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load the tables: %w", err)
	}
	if err := s.renewTokens(ctx, t); err != nil {
		return nil, err
	}
	s.view.Bar(t.registry.barred())
	s.log.Info().Uint64("term", term).Str("cluster", t.clusterID).Int("nodes", t.registry.count()).
		Int("open_containers", t.alloc.count()).Msg("leader is ready")
	return t, nil
}

// nameCluster gives a new cluster its id.
func (s *Server) nameCluster(ctx context.Context, t *tenure) error {
	id, err := s.clusterID()
	if err != nil {
		return err
	}
	if id == "" {
		_, err := s.propose(ctx, &ompb.Request{Op: &ompb.Request_InitCluster{
			InitCluster: &ompb.InitCluster{ClusterId: "CID-" + uuid.NewString()}}})
		if err != nil {
			return fmt.Errorf("name the cluster: %w", err)
		}
		if id, err = s.clusterID(); err != nil {
			return err
		}
	}
	t.clusterID = id
	return nil
}

// clusterID as applied here, "" before the first leader gave one.
func (s *Server) clusterID() (id string, err error) {
	err = s.node.View(func(tx *table.Txn) error {
		id = state.ClusterID(tx)
		return nil
	})
	return id, err
}
