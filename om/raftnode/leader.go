package raftnode

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// beginRetry is the pause before a new leader tries again to begin its term.
const beginRetry = 20 * time.Millisecond

// Beginning of a term: when it was here, and the highest time stamp in the log then,
// which is of earlier leaders' clocks; 1970 in a new log.
type Beginning struct{ At, Stamped time.Time }

// reign says in which term this node may serve as leader. A new leader first
// commits an empty entry of its own: once that is applied, so is everything its
// predecessors committed, and from then on every entry of the log reaches the
// fsm, so "applied ≥ commit index" is exact.
type reign struct {
	mu      sync.Mutex
	term    uint64 // 0: not serving
	began   Beginning
	changed chan struct{} // closed at the next change
}

func (r *reign) set(term uint64, began Beginning) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.term, r.began = term, began
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *reign) get() (term uint64, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.term, r.changed
}

// reignLoop follows raft's leadership changes.
func (n *Node) reignLoop() {
	for {
		select {
		case leads := <-n.notify:
			n.reign.set(0, Beginning{})
			if leads {
				n.beginTerm()
			}
		case <-n.stop:
			return
		}
	}
}

// beginTerm proposes the empty entry until it is in or leadership is gone.
func (n *Node) beginTerm() {
	for n.raft.State() == raft.Leader && n.ctx.Err() == nil {
		term := n.raft.CurrentTerm()
		err := n.raft.Apply(newEntry(0, 0), enqueueTimeout).Error()
		if err == nil {
			// Nothing is stamped with our own clock before this.
			n.reign.set(term, Beginning{At: time.Now(), Stamped: time.Unix(0, n.fsm.lastTime.Load())})
			n.log.Info().Uint64("term", term).Msg("leading")
			return
		}
		n.log.Warn().Err(err).Uint64("term", term).Msg("could not begin the term")
		select {
		case <-time.After(beginRetry):
		case <-n.stop:
		}
	}
}

// awaitTerm returns the term in which this node leads and serves. A leader that
// has only just been elected is waited for; everybody else gets NotLeader.
func (n *Node) awaitTerm(ctx context.Context) (uint64, error) {
	for {
		term, changed := n.reign.get()
		if n.ctx.Err() != nil {
			return 0, errClosed()
		}
		if n.raft.State() != raft.Leader {
			return 0, n.notLeader()
		}
		if n.trans.muted.Load() {
			return 0, ozerr.New(ozerr.NotLeader, "%s cannot write its log and gives up its leadership", n.cfg.ID)
		}
		if term != 0 && term == n.raft.CurrentTerm() {
			return term, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, ozerr.Wrap(ctxCode(ctx), ctx.Err(), "waiting for the new leader to be ready")
		case <-n.stop:
			return 0, errClosed()
		}
	}
}

// WaitLeader returns nil once this node serves as leader, or ctx's error.
func (n *Node) WaitLeader(ctx context.Context) error {
	for {
		term, changed := n.reign.get()
		if term != 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-n.stop:
			return errClosed()
		}
	}
}

// Leading tells whether this node serves as leader, and in which term. It is a
// hint for background work; only Propose and ReadIndex are proof.
func (n *Node) Leading() (term uint64, ok bool) {
	term, _ = n.reign.get()
	return term, term != 0 && n.raft.State() == raft.Leader
}

// Began tells how the term began that this node leads in; zero if it does not lead.
func (n *Node) Began() Beginning {
	n.reign.mu.Lock()
	defer n.reign.mu.Unlock()
	return n.reign.began
}

// Leader is the rpc address of the leader, as far as known here, or "".
func (n *Node) Leader() string {
	_, id := n.raft.LeaderWithID()
	for _, p := range n.cfg.Peers {
		if p.ID == string(id) {
			return p.RPCAddress
		}
	}
	return ""
}

func (n *Node) notLeader() error {
	e := ozerr.New(ozerr.NotLeader, "%s is not the leader", n.cfg.ID)
	if e.Detail = n.Leader(); e.Detail == "" {
		e.Message += ", and there is none at the moment"
	}
	return e
}
