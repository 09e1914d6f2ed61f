package raftnode

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/raft"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// transferLimit bounds how long a leader tries to hand over.
const transferLimit = 3 * time.Second

// Group is the membership as this node sees it.
type Group struct {
	Fresh   bool // nothing but the beginning of a group, and no leader ever
	Leader  string
	Term    uint64
	Applied uint64
	Members []Role
}

// Group tells what this node knows; it may be behind.
func (n *Node) Group() (Group, error) {
	m, err := n.remembered()
	if err != nil {
		return Group{}, err
	}
	_, leader := n.raft.LeaderWithID()
	return Group{Fresh: m.fresh() && leader == "", Leader: string(leader), Term: n.raft.CurrentTerm(), Applied: m.applied,
		Members: n.Roles()}, nil
}

// Admit takes in a node with an empty directory as a learner. What the group knew
// under this id is removed first and for good before: a node that lost its memory
// must not vote, and nobody may count on what it once had. Errors: NotLeader,
// InvalidArgument, and Unavailable with nothing or the removal done; try again then.
func (n *Node) Admit(ctx context.Context, p Peer) error {
	if p.ID == n.cfg.ID {
		return ozerr.New(ozerr.InvalidArgument, "%s is the leader itself: two oms have the same ozone.om.node.id", p.ID)
	}
	if p.ID == "" || p.RaftAddress == "" {
		return ozerr.New(ozerr.InvalidArgument, "an om that joins needs an id and an address for its peers")
	}
	return n.reconfigure(ctx, func(c raft.Configuration, index uint64) error {
		for _, s := range c.Servers {
			if s.Address == raft.ServerAddress(p.RaftAddress) && string(s.ID) != p.ID {
				return ozerr.New(ozerr.InvalidArgument, "%s has the address of %s: %s", p.ID, s.ID, s.Address)
			}
		}
		if _, known := member(c, p.ID); known {
			f := n.raft.RemoveServer(raft.ServerID(p.ID), index, enqueueTimeout)
			if err := f.Error(); err != nil {
				return err
			}
			index = f.Index()
		}
		return n.raft.AddNonvoter(raft.ServerID(p.ID), raft.ServerAddress(p.RaftAddress), index, enqueueTimeout).Error()
	})
}

// Promote makes a learner that has caught up a voter. applied is where it says to be.
func (n *Node) Promote(ctx context.Context, id string, applied uint64) error {
	if commit := n.raft.CommitIndex(); applied+promoteLag < commit {
		return ozerr.New(ozerr.Unavailable, "%s is at entry %d and the group at %d", id, applied, commit)
	}
	return n.reconfigure(ctx, func(c raft.Configuration, index uint64) error {
		s, known := member(c, id)
		if !known {
			return ozerr.New(ozerr.InvalidArgument, "%s is not in the group", id)
		}
		if s.Suffrage == raft.Voter {
			return nil
		}
		return n.raft.AddVoter(s.ID, s.Address, index, enqueueTimeout).Error()
	})
}

// promoteLag is how far behind a learner may be that becomes a voter: what a busy
// group writes during the exchange.
const promoteLag = 1000

// Remove takes a node out of the group. It is not told; it must not be started again
// with its directory. Errors: as Admit's; the leader cannot remove itself.
func (n *Node) Remove(ctx context.Context, id string) error {
	switch {
	case n.raft.State() != raft.Leader: // this one may be the one to go: it has just handed over
		return n.notLeader()
	case id == n.cfg.ID:
		return ozerr.New(ozerr.InvalidArgument, "%s leads; transfer the leadership first", id)
	}
	return n.reconfigure(ctx, func(c raft.Configuration, index uint64) error {
		if _, known := member(c, id); !known {
			return ozerr.New(ozerr.InvalidArgument, "%s is not in the group", id)
		}
		return n.raft.RemoveServer(raft.ServerID(id), index, enqueueTimeout).Error()
	})
}

// reconfigure calls change with the newest membership and its index; one at a time.
func (n *Node) reconfigure(ctx context.Context, change func(raft.Configuration, uint64) error) error {
	select {
	case n.changing <- struct{}{}:
		defer func() { <-n.changing }()
	case <-ctx.Done():
		return ozerr.Wrap(ctxCode(ctx), ctx.Err(), "waiting for another change of the group")
	}
	if _, err := n.awaitTerm(ctx); err != nil {
		return err
	}
	f := n.raft.GetConfiguration()
	if err := f.Error(); err != nil {
		return n.groupError(err)
	}
	return n.groupError(change(f.Configuration(), f.Index()))
}

func (n *Node) groupError(err error) error {
	var coded *ozerr.Error
	switch {
	case err == nil || errors.As(err, &coded):
		return err
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return n.notLeader()
	}
	return ozerr.Wrap(ozerr.Unavailable, err, "change the group")
}

func member(c raft.Configuration, id string) (raft.Server, bool) {
	for _, s := range c.Servers {
		if string(s.ID) == id {
			return s, true
		}
	}
	return raft.Server{}, false
}

// Transfer hands leadership to id, or with "" to the follower that is furthest. It
// returns when another node has been told to stand, within seconds. Requests under
// way are answered before; new ones get NotLeader.
func (n *Node) Transfer(ctx context.Context, id string) error {
	if n.raft.State() != raft.Leader {
		return n.notLeader()
	}
	if id == n.cfg.ID {
		return nil
	}
	if n.alone() {
		return ozerr.New(ozerr.InvalidArgument, "%s is the only voter: there is nobody to lead instead", n.cfg.ID)
	}
	var f raft.Future
	if id == "" {
		f = n.raft.LeadershipTransfer()
	} else {
		s, known := member(n.raft.GetConfiguration().Configuration(), id)
		if !known || s.Suffrage != raft.Voter {
			return ozerr.New(ozerr.InvalidArgument, "%s is not a voter of the group", id)
		}
		f = n.raft.LeadershipTransferToServer(s.ID, s.Address)
	}
	return n.awaitTransfer(ctx, f)
}

// awaitTransfer waits for the future, but not for ever: raft bounds it by its election
// timeout, unless its main loop hangs.
func (n *Node) awaitTransfer(ctx context.Context, f raft.Future) error {
	ctx, cancel := context.WithTimeout(ctx, transferLimit)
	defer cancel()
	done := make(chan error, 1)
	n.wg.Go(func() { done <- f.Error() })
	select {
	case err := <-done:
		if err != nil {
			return ozerr.Wrap(ozerr.Unavailable, err, "transfer the leadership")
		}
		return nil
	case <-ctx.Done():
		return ozerr.Wrap(ctxCode(ctx), ctx.Err(), "transfer the leadership")
	}
}
