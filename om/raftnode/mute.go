package raftnode

import (
	"errors"
	"io"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// mutable is a transport that can fall silent. A leader whose log write hangs goes on
// with its heartbeats, which are sent by other goroutines, and its peers would follow it
// for ever (Consul 22064). Silent, it is replaced.
type mutable struct {
	raft.Transport
	muted    atomic.Bool
	screened chan raft.RPC
	stop     <-chan struct{}
	node     *Node
}

// Consumer has what peers ask of this node, but for what screen answers.
func (m *mutable) Consumer() <-chan raft.RPC { return m.screened }

// screen passes requests on to raft until stop is closed. A snapshot of what is here
// already is answered with success, as the Raft paper has it (figure 13, step 6) and
// hashicorp/raft has not: the sender goes on with the log behind it.
func (m *mutable) screen() {
	in := m.Transport.Consumer()
	for {
		var rpc raft.RPC
		select {
		case rpc = <-in:
		case <-m.stop:
			return
		}
		if req, ok := rpc.Command.(*raft.InstallSnapshotRequest); ok && m.node.knows(req) {
			_, err := io.Copy(io.Discard, rpc.Reader)
			rpc.Respond(&raft.InstallSnapshotResponse{RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax},
				Term: req.Term, Success: true}, err)
			continue
		}
		select {
		case m.screened <- rpc:
		case <-m.stop:
			return
		}
	}
}

// knows tells whether the sender is of this term and its snapshot brings nothing.
func (n *Node) knows(req *raft.InstallSnapshotRequest) bool {
	return req.Term == n.raft.CurrentTerm() && !n.snaps.wanted(req.LastLogIndex, req.LastLogTerm)
}

var errMuted = errors.New("this node is silent: a write of its log hangs")

func (m *mutable) check() error {
	if m.muted.Load() {
		return errMuted
	}
	return nil
}

// AppendEntries also carries the heartbeats.
func (m *mutable) AppendEntries(id raft.ServerID, target raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	if err := m.check(); err != nil {
		return err
	}
	return m.Transport.AppendEntries(id, target, args, resp)
}

// AppendEntriesPipeline opens a pipeline that falls silent too.
func (m *mutable) AppendEntriesPipeline(id raft.ServerID, target raft.ServerAddress) (raft.AppendPipeline, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	p, err := m.Transport.AppendEntriesPipeline(id, target)
	if err != nil {
		return nil, err
	}
	return &mutablePipeline{p, m}, nil
}

// InstallSnapshot counts as a contact of the leader.
func (m *mutable) InstallSnapshot(id raft.ServerID, target raft.ServerAddress, args *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	if err := m.check(); err != nil {
		return err
	}
	return m.Transport.InstallSnapshot(id, target, args, resp, data)
}

// RequestPreVote asks whether an election would be won.
func (m *mutable) RequestPreVote(id raft.ServerID, target raft.ServerAddress, args *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	t, ok := m.Transport.(raft.WithPreVote)
	if !ok {
		return errors.New("the transport knows no pre-vote")
	}
	return t.RequestPreVote(id, target, args, resp)
}

// Close ends the transport.
func (m *mutable) Close() error { return closeTransport(m.Transport) }

type mutablePipeline struct {
	raft.AppendPipeline
	transport *mutable
}

// AppendEntries sends the next request.
func (p *mutablePipeline) AppendEntries(args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	if err := p.transport.check(); err != nil {
		return nil, err
	}
	return p.AppendPipeline.AppendEntries(args, resp)
}
