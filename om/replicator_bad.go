package om

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/mini-ozone/mini-ozone/om/placement"
	"github.com/mini-ozone/mini-ozone/om/replication"
	"github.com/mini-ozone/mini-ozone/om/state"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// Limits of what is remembered of bad blocks; what is beyond is found again.
const (
	maxBadPlaces = 10_000
	maxBadLocals = 1000 // of one replica
)

// badBlocks are blocks of a replica that a reader or the datanode itself found bad.
type badBlocks struct{ locals map[uint64]bool }

// blame takes somebody's word that a node's copy of a block is bad. The node will be
// told to fetch it anew; it loses nothing if the word was wrong.
func (r *replicator) blame(node string, id *commonpb.BlockID) {
	if id.GetContainer() == 0 || id.GetLocal() == 0 || !r.nodes.has(node) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.noteBad(place{id.GetContainer(), node}, []uint64{id.GetLocal()})
	r.poked = true
}

func (r *replicator) noteBad(p place, locals []uint64) {
	b := r.bad[p]
	if b == nil {
		if len(r.bad) >= maxBadPlaces {
			return
		}
		b = &badBlocks{locals: map[uint64]bool{}}
		r.bad[p] = b
	}
	for _, l := range locals {
		if len(b.locals) < maxBadLocals {
			b.locals[l] = true
		}
	}
}

// orderBad orders repairs of bad blocks, one order per replica at a time. They go
// before all else and outside of the limits: they are few bytes.
func (r *replicator) orderBad(ctx context.Context, now time.Time, s *survey) error {
	r.mu.Lock()
	due := map[place][]uint64{}
	for p, b := range r.bad {
		if r.tasks[p] == nil && !now.Before(r.lapses[p].until) {
			due[p] = slices.Sorted(maps.Keys(b.locals))
		}
	}
	r.mu.Unlock()
	for _, p := range inOrder(due) {
		locals := due[p]
		c, known, err := r.find(p.container, s, now)
		if err != nil {
			return err
		}
		member := known && slices.Contains(c.Info.Nodes, p.node)
		if member && r.view.Health(p.node) == placement.Dead {
			continue // it may come back; if not, it is replaced
		}
		r.mu.Lock()
		delete(r.bad, p)
		r.mu.Unlock()
		if !member {
			continue
		}
		if len(r.sources(c, p.node)) == 0 {
			r.log.Error().Uint64("container", p.container).Str("node", p.node).Uints64("locals", locals).
				Msg("bad blocks, and no other replica to repair them from")
			continue
		}
		if err := r.mend(ctx, now, s, c, p.node, locals); err != nil {
			r.mu.Lock()
			r.noteBad(p, locals)
			r.mu.Unlock()
			return err
		}
	}
	return nil
}

// find describes one container.
func (r *replicator) find(id uint64, s *survey, now time.Time) (c replication.Container, known bool, err error) {
	err = r.one(id, func(info *ompb.ContainerInfo, listed func() bool) {
		c, known = r.describe(info, listed, s, now), true
	})
	return c, known, err
}

// loadContainers is a replicator's load, from the tables as applied here.
func (s *Server) loadContainers(f func(*ompb.ContainerInfo, func() bool)) error {
	return s.node.View(func(tx *table.Txn) error {
		state.Containers(tx, func(info *ompb.ContainerInfo) bool {
			f(info, func() bool { return hasBlocks(tx, info.Id) })
			return s.ctx.Err() == nil
		})
		return s.ctx.Err()
	})
}

// loadContainer is a replicator's one.
func (s *Server) loadContainer(id uint64, f func(*ompb.ContainerInfo, func() bool)) error {
	return s.node.View(func(tx *table.Txn) error {
		if info := state.Container(tx, id); info != nil {
			f(info, func() bool { return hasBlocks(tx, id) })
		}
		return nil
	})
}

// hasBlocks: freed ones don't count, for nobody need have them. Were they to count, one that
// only a dead node still has would keep that in the replica set, and so wait for it for ever.
func hasBlocks(tx *table.Txn, container uint64) (any bool) {
	state.BlocksOf(tx, container, 0, func(b *ompb.ContainerBlock) bool {
		any = !b.Freed
		return !any
	})
	return any
}
