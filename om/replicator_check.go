package om

import (
	"context"
	"hash/fnv"
	"time"

	"github.com/mini-ozone/mini-ozone/om/placement"
	"github.com/mini-ozone/mini-ozone/om/replication"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// Limits of checks and fences.
const (
	maxFenced = 1000 // containers fenced in one entry of the log
	checkPart = 0.25 // of the orders under way may be checks
)

// checkDue tells whether a container's replicas are to be compared with om's list of
// blocks: after it was fenced, and once per CheckInterval. When in the interval is a
// matter of its id, so the work is spread and a new leader goes on with it.
func (r *replicator) checkDue(info *ompb.ContainerInfo, v replication.Verdict, now time.Time) bool {
	if info.State < uint32(dnpb.ContainerState_CLOSED) || v.Health != replication.Healthy || len(v.Actions) > 0 {
		return false
	}
	h := fnv.New64a()
	_, _ = h.Write(table.U64(info.Id)) // never fails
	every := int64(r.cfg.Redundancy.CheckInterval)
	slot := (now.UnixNano() + int64(h.Sum64()%uint64(every))) / every
	last, seen := r.slots[info.Id]
	if !seen {
		r.slots[info.Id] = slot
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if seen && slot != last {
		r.checkNow[info.Id] = map[string]bool{}
		r.slots[info.Id] = slot
	}
	return r.checkNow[info.Id] != nil
}

// check orders the comparison at every member, as soon as the limits let it. A replica
// without others is compared too: what belongs to nobody has to go.
func (r *replicator) check(ctx context.Context, now time.Time, s *survey, c replication.Container) error {
	r.mu.Lock()
	ordered := r.checkNow[c.Info.Id]
	r.mu.Unlock()
	left := false
	for _, x := range c.Replicas {
		if !x.Member || ordered[x.Node.ID] || x.Node.Health == placement.Dead {
			continue
		}
		if x.Busy || !r.room(s, x.Node.ID, "", checkPart) {
			left = true
			continue
		}
		if err := r.mend(ctx, now, s, c, x.Node.ID, nil); err != nil {
			return err
		}
		ordered[x.Node.ID] = true
	}
	if !left {
		r.mu.Lock()
		delete(r.checkNow, c.Info.Id)
		r.mu.Unlock()
	}
	return nil
}

// fenceDue tells whether a container has been closed for so long that nobody can want
// to add to its blocks.
func (r *replicator) fenceDue(info *ompb.ContainerInfo, now time.Time) bool {
	return !info.Fenced && info.State >= uint32(dnpb.ContainerState_CLOSED) &&
		now.Sub(time.Unix(0, info.ModifiedNs)) >= r.cfg.Redundancy.FenceAfter
}

// fenceOld fences what is due. Then every replica is compared with om's list, which
// takes what belongs to nobody out of it.
func (r *replicator) fenceOld(ctx context.Context) error {
	if len(r.fence) == 0 {
		return nil
	}
	_, err := r.propose(ctx, &ompb.Request{Op: &ompb.Request_FenceContainers{
		FenceContainers: &ompb.FenceContainers{Containers: r.fence}}})
	if err != nil {
		return err
	}
	r.log.Info().Uints64("containers", r.fence).Msg("fenced")
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range r.fence {
		r.checkNow[id] = map[string]bool{}
	}
	r.poked = true
	return nil
}
