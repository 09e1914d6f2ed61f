package raftnode

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// confirmTimeout bounds one round of ReadIndex for everybody in it.
const confirmTimeout = 10 * time.Second

// readGate lets concurrent readers share one leadership check. A reader joins the
// round that has not begun yet, never one that is under way: the check must be
// younger than the read (etcd's lesson, issue 20418).
type readGate struct {
	mu   sync.Mutex
	next *round
	wake chan struct{} // buffered
}

type round struct {
	done chan struct{}
	err  error
}

func (g *readGate) join() *round {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.next == nil {
		g.next = &round{done: make(chan struct{})}
		g.wake <- struct{}{} // empty: it is taken before next becomes nil
	}
	return g.next
}

func (g *readGate) begin() *round {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.next
	g.next = nil
	return r
}

// ReadIndex returns nil when a View taken afterwards sees every write that was
// acknowledged, by any node, before the call: this node still leads, has
// committed an entry of its term, and has applied all it knows as committed.
// Errors: NotLeader, Unavailable (no quorum in time), Timeout, Canceled.
func (n *Node) ReadIndex(ctx context.Context) error {
	term, err := n.awaitTerm(ctx)
	if err != nil {
		return err
	}
	if n.alone() {
		return n.caughtUp(ctx, term)
	}
	r := n.gate.join()
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return ozerr.Wrap(ctxCode(ctx), ctx.Err(), "confirming leadership")
	case <-n.stop:
		return errClosed()
	}
}

// alone: the newest membership has one voter, so nobody else can lead and there
// is nobody to ask.
func (n *Node) alone() bool {
	voters := 0
	for _, s := range n.raft.GetConfiguration().Configuration().Servers {
		if s.Suffrage == raft.Voter {
			voters++
		}
	}
	return voters == 1
}

// caughtUp waits until everything committed at the call is applied.
func (n *Node) caughtUp(ctx context.Context, term uint64) error {
	commit := n.raft.CommitIndex()
	if n.raft.State() != raft.Leader || n.raft.CurrentTerm() != term {
		return n.notLeader()
	}
	if err := n.fsm.applied.wait(ctx, commit); err != nil {
		return ozerr.Wrap(ctxCode(ctx), err, "waiting for entry %d to be applied", commit)
	}
	return nil
}

// confirmLoop runs the rounds.
func (n *Node) confirmLoop() {
	for {
		select {
		case <-n.gate.wake:
		case <-n.stop:
			return
		}
		r := n.gate.begin()
		r.err = n.confirm()
		close(r.done)
	}
}

// confirm takes the commit index first and asks the quorum then. The term must be
// the same throughout: between two terms of ours another leader may have
// committed entries that this commit index does not know.
func (n *Node) confirm() error {
	ctx, cancel := context.WithTimeout(n.ctx, confirmTimeout)
	defer cancel()
	term, err := n.awaitTerm(ctx)
	if err != nil {
		return err
	}
	commit := n.raft.CommitIndex()
	if err := n.raft.VerifyLeader().Error(); err != nil {
		return n.notLeader()
	}
	if n.raft.CurrentTerm() != term {
		return n.notLeader()
	}
	if err := n.fsm.applied.wait(ctx, commit); err != nil {
		return ozerr.Wrap(ozerr.Unavailable, err, "waiting for entry %d to be applied", commit)
	}
	return nil
}
