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
	muted atomic.Bool
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
