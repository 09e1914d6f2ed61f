package om

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/placement"
	"github.com/mini-ozone/mini-ozone/om/replication"
	"github.com/mini-ozone/mini-ozone/om/state"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// task is an order of the replicator that is under way.
type task struct {
	kind     replication.Kind
	replaces string // Copy: the member that goes when this one comes
	source   string // the first of the sources
	bytes    uint64 // estimated
	begun    time.Time
	withdraw func()
	locals   []uint64 // Mend: of these blocks only
	balance  bool     // the balancer's
	done     bool     // reported; a copy also has to be seen
	lacks    bool     // Copy: blocks that no source has
}

// heavy tasks move bytes and are limited.
func (t *task) heavy() bool { return t.kind == replication.Copy || t.kind == replication.Mend }

// sending counts by node the tasks that copy from it.
func (r *replicator) sending() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string]int{}
	for _, t := range r.tasks {
		if t.source != "" {
			out[t.source]++
		}
	}
	return out
}

// room tells whether one more heavy task to target and from source ("": whatever) is
// within limits; part is the part of the total that it may use up.
func (r *replicator) room(s *survey, target, source string, part float64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	to, from, all := 0, 0, 0
	for p, t := range r.tasks {
		if !t.heavy() {
			continue
		}
		all++
		if p.node == target {
			to++
		}
		if source != "" && t.source == source {
			from++
		}
	}
	limit := r.cfg.Redundancy.Limit
	total := max(1, int(math.Ceil(r.cfg.Redundancy.InflightFactor*float64(limit*len(s.targets))*part)))
	return to < limit && from < limit && all < total
}

// act carries out what was found about a container.
func (r *replicator) act(ctx context.Context, now time.Time, s *survey, f finding) error {
	for _, a := range f.verdict.Actions {
		if err := r.actOne(ctx, now, s, f.container, a); err != nil {
			return err
		}
	}
	if !f.check {
		return nil
	}
	return r.check(ctx, now, s, f.container)
}

func (r *replicator) actOne(ctx context.Context, now time.Time, s *survey, c replication.Container, a replication.Action) error {
	id := c.Info.Id
	switch a.Kind {
	case replication.Copy:
		return r.copy(ctx, now, s, c, a, false)
	case replication.Mend:
		return r.mend(ctx, now, s, c, a.Node, nil)
	case replication.Close:
		if a.Node == "" {
			return r.close(ctx, id)
		}
		msg := &dnpb.Order{What: &dnpb.Order_CloseContainer{CloseContainer: &dnpb.CloseContainer{Container: id}}}
		return r.order(ctx, now, place{id, a.Node}, msg, &task{kind: a.Kind})
	case replication.Remove:
		return r.setReplicas(ctx, id, nil, []string{a.Node})
	case replication.Adopt:
		if target := r.target(s, c, "", 0, nil); target != "" {
			return r.setReplicas(ctx, id, []string{target}, []string{a.Node})
		}
	case replication.Delete:
		p := place{id, a.Node}
		if now.Sub(r.strangers[p]) < r.cfg.DeleteGrace {
			return nil // readers may still be at it
		}
		r.log.Info().Uint64("container", id).Str("node", a.Node).Msg("a replica that is not wanted is ordered deleted")
		msg := &dnpb.Order{What: &dnpb.Order_DeleteContainer{DeleteContainer: &dnpb.DeleteContainer{Container: id}}}
		return r.order(ctx, now, p, msg, &task{kind: a.Kind})
	}
	return nil
}

// copy orders a further replica.
func (r *replicator) copy(ctx context.Context, now time.Time, s *survey, c replication.Container, a replication.Action, balance bool) error {
	bytes, _ := r.view.Usage(c.Info.Id, c.Info.Nodes)
	target := a.Node
	if target == "" {
		if target = r.target(s, c, a.NotRack, bytes, &a); target == "" {
			return nil // nobody can take it now; the report says that it is missing
		}
	}
	return r.reconcile(ctx, now, s, c, target, &task{kind: replication.Copy, replaces: a.Replaces, bytes: bytes, balance: balance})
}

// mend orders a node to make its replica, or some blocks of it, what om's list says.
func (r *replicator) mend(ctx context.Context, now time.Time, s *survey, c replication.Container, node string, locals []uint64) error {
	return r.reconcile(ctx, now, s, c, node, &task{kind: replication.Mend, locals: locals})
}

func (r *replicator) reconcile(ctx context.Context, now time.Time, s *survey, c replication.Container, node string, t *task) error {
	sources := r.sources(c, node)
	switch {
	case len(sources) > 0:
		t.source = sources[0].Id
	case t.kind == replication.Copy:
		return nil
	}
	if t.locals == nil && !r.room(s, node, t.source, 1) {
		return nil
	}
	r.log.Info().Uint64("container", c.Info.Id).Str("node", node).Stringer("what", t.kind).Str("source", t.source).
		Int("blocks", len(t.locals)).Str("replaces", t.replaces).Msg("replica ordered")
	return r.order(ctx, now, place{c.Info.Id, node}, &dnpb.Order{What: &dnpb.Order_ReconcileContainer{
		ReconcileContainer: &dnpb.ReconcileContainer{Container: c.Info.Id, Sources: sources, Locals: t.locals, Verify: t.locals != nil}}}, t)
}

// order gives an order unless one is under way at the place.
func (r *replicator) order(ctx context.Context, now time.Time, p place, msg *dnpb.Order, t *task) error {
	r.mu.Lock()
	taken := r.tasks[p] != nil
	if !taken {
		t.begun, t.withdraw = now, func() {}
		r.tasks[p] = t
	}
	r.mu.Unlock()
	if taken {
		return nil
	}
	withdraw, err := r.orders.watch(ctx, p.node, msg, func() { r.carriedOut(p, t) }, func(f *dnpb.OrderFailure) { r.failed(p, t, f) })
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		delete(r.tasks, p)
		return err
	}
	t.withdraw = withdraw
	return nil
}

// carriedOut takes a datanode's word that it did what it was told.
func (r *replicator) carriedOut(p place, t *task) {
	report, _ := r.view.Replica(p.node, p.container)
	if t.kind == replication.Delete {
		r.view.Gone(p.node, p.container)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.poked = true
	if r.tasks[p] != t {
		return
	}
	delete(r.lapses, p)
	if t.kind == replication.Copy {
		t.done = true // see arrivals
		return
	}
	delete(r.tasks, p)
	switch {
	case t.kind == replication.Delete:
		delete(r.verified, p)
	case t.kind == replication.Mend && t.locals == nil && report != nil:
		r.verified[p] = contentOf(report)
	}
}

func (r *replicator) failed(p place, t *task, f *dnpb.OrderFailure) {
	r.log.Warn().Uint64("container", p.container).Str("node", p.node).Stringer("what", t.kind).
		Str("code", f.GetCode()).Str("reason", f.GetReason()).Msg("order failed")
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.tasks[p] != t:
	case f.GetCode() == string(ozerr.BlockNotFound) && t.kind == replication.Copy && !t.balance:
		// All that can be had is there, and it is no worse than what it replaces: the living
		// were asked. It is not sound, so nothing is given up for it.
		r.log.Error().Uint64("container", p.container).Str("node", p.node).Str("reason", f.GetReason()).
			Msg("blocks that no living datanode has; the others are copied")
		t.done, t.lacks, r.poked = true, true, true
	default:
		r.giveUp(p, t, r.now())
	}
}

// giveUp ends a task that failed: the place waits, ever longer. The caller holds mu.
func (r *replicator) giveUp(p place, t *task, now time.Time) {
	delete(r.tasks, p)
	l := r.lapses[p]
	l.count++
	wait := r.cfg.Redundancy.Interval << min(l.count-1, 10)
	l.until = now.Add(min(wait, max(lapseLongest, r.cfg.Redundancy.Interval)))
	r.lapses[p] = l
	if t.locals != nil {
		r.noteBad(p, t.locals)
	}
	r.poked = true // somebody else may be asked
}

// expire ends tasks of nodes that died and those that take too long, and forgets what
// is long past.
func (r *replicator) expire(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p, t := range r.tasks {
		died := r.view.Health(p.node) == placement.Dead || !r.nodes.has(p.node)
		if !died && now.Sub(t.begun) < r.cfg.Redundancy.Timeout {
			continue
		}
		t.withdraw()
		r.log.Warn().Uint64("container", p.container).Str("node", p.node).Stringer("what", t.kind).
			Bool("died", died).Msg("an order is not waited for any more")
		r.giveUp(p, t, now)
	}
	for p, l := range r.lapses {
		if now.Sub(l.until) > lapseKept {
			delete(r.lapses, p)
		}
	}
	for p := range r.verified {
		if !r.nodes.has(p.node) {
			delete(r.verified, p)
		}
	}
}

// arrivals makes members of the copies that are there.
func (r *replicator) arrivals(ctx context.Context, now time.Time) error {
	r.mu.Lock()
	landed := map[place]*task{}
	for p, t := range r.tasks {
		if t.kind == replication.Copy && t.done {
			landed[p] = t
		}
	}
	r.mu.Unlock()
	for _, p := range inOrder(landed) {
		t := landed[p]
		report, _ := r.view.Replica(p.node, p.container)
		if report.GetState() != dnpb.ContainerState_CLOSED {
			continue // its report comes, or the task expires
		}
		var remove []string
		if t.replaces != "" {
			remove = []string{t.replaces}
		}
		if r.nodes.state(p.node) == state.InService { // else it would have to go at once
			if err := r.setReplicas(ctx, p.container, []string{p.node}, remove); err != nil {
				return err
			}
		}
		r.mu.Lock()
		delete(r.tasks, p)
		if !t.lacks {
			r.verified[p] = contentOf(report)
		}
		if t.balance {
			r.bal.arrived(t.bytes)
		}
		r.mu.Unlock()
	}
	return nil
}

// inOrder are the places of a map, so that what is done about them is the same each time.
func inOrder[V any](m map[place]V) []place {
	return slices.SortedFunc(maps.Keys(m), func(a, b place) int {
		return cmp.Or(cmp.Compare(a.container, b.container), cmp.Compare(a.node, b.node))
	})
}

// target chooses who takes a replica: not a holder, nobody who failed lately, with room,
// and in another rack while all others are in one. "" if there is nobody.
func (r *replicator) target(s *survey, c replication.Container, notRack string, bytes uint64, a *replication.Action) string {
	var racks []string
	for _, x := range c.Replicas {
		if x.Member && x.Node.Health != placement.Dead && (a == nil || x.Node.ID != a.Replaces) && !slices.Contains(racks, x.Node.Rack) {
			racks = append(racks, x.Node.Rack)
		}
	}
	var all, elsewhere []placement.Candidate
	for _, n := range s.targets {
		if n.Remaining < bytes+r.cfg.MinFree || !r.free(c, n.ID) || !r.room(s, n.ID, "", 1) {
			continue
		}
		all = append(all, n)
		if len(racks) == 1 && n.Rack != racks[0] {
			elsewhere = append(elsewhere, n)
		}
	}
	if len(elsewhere) > 0 || notRack != "" {
		all = elsewhere
	}
	chosen := placement.Choose(all, 1, r.intn)
	if len(chosen) == 0 {
		return ""
	}
	return chosen[0].ID
}

// free: the node has nothing of the container, and no order or trouble about it.
func (r *replicator) free(c replication.Container, node string) bool {
	if slices.ContainsFunc(c.Replicas, func(x replication.Replica) bool { return x.Node.ID == node }) {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p := place{c.Info.Id, node}
	return r.tasks[p] == nil && !r.now().Before(r.lapses[p].until)
}
