// Package raftnode replicates om's state machine: hashicorp/raft over a
// checksummed raft-wal log, om/state over om/table as the FSM. It is the only
// package that knows raft.
//
// # Entry
//
//	byte    version, 1
//	uvarint n
//	n × { uvarint length, ompb.Request }
//
// The leader stamps time_ns (strictly increasing over the log) and entropy of
// each request. n = 0 begins a leader's term.
//
// # Directory
//
//	in_use.lock    held while the node is open
//	log/           raft-wal segments and vote
//	snapshot/      marker.json; spool.snap and incoming.snap while in use
//	table/         om/table; table.restore/ while a snapshot is installed
//
// See DESIGN.md for promises and reasons.
package raftnode

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/internal/dirlock"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// Node is one replica. All methods are safe for concurrent use.
type Node struct {
	cfg Config
	log zerolog.Logger

	lock  *dirlock.Lock
	logs  *logStore
	fsm   *fsm
	snaps *snapshots
	trans *mutable
	raft  *raft.Raft

	changing chan struct{} // semaphore of one: the membership is being changed
	notify   chan bool
	reign    reign
	gate     readGate
	proposer *proposer

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	stop   <-chan struct{}
	wg     sync.WaitGroup
	closed atomic.Bool
}

// Open opens or creates the replica in cfg.Dir and takes part in the group. It
// does not wait for a leader: see WaitLeader. Damaged state is an error that
// names what to do; nothing is ever cut off silently.
func Open(cfg Config) (*Node, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg, log: cfg.Log, notify: make(chan bool, 16), changing: make(chan struct{}, 1)}
	n.reign.changed = make(chan struct{})
	n.gate.wake = make(chan struct{}, 1)
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.stop = n.ctx.Done()
	if err := n.open(); err != nil {
		n.cancel()
		return nil, errors.Join(err, n.closeStores())
	}
	workers := inFlight
	if len(cfg.Peers) == 1 {
		workers = 1
	}
	n.proposer = &proposer{
		workers: workers, apply: n.raft.Apply, floor: n.fsm.lastTime.Load, now: cfg.Now,
		queue: make(chan *proposal, cfg.MaxQueued), maxBytes: cfg.MaxQueuedBytes, stop: make(chan struct{}),
	}
	n.proposer.start()
	n.wg.Go(n.reignLoop)
	n.wg.Go(n.confirmLoop)
	n.wg.Go(n.markerLoop)
	n.wg.Go(n.trans.screen)
	n.wg.Go(n.stallLoop)
	n.wg.Go(n.standLoop)
	n.wg.Go(n.scrubLoop)
	return n, nil
}

func (n *Node) open() (err error) {
	if n.lock, err = dirlock.Acquire(n.cfg.Dir); err != nil {
		return err
	}
	if err := claim(n.cfg.Dir, n.cfg.ID); err != nil {
		return err
	}
	if n.logs, err = openLogStore(filepath.Join(n.cfg.Dir, "log"), n.cfg.SegmentBytes, n.cfg.Fatal); err != nil {
		return damage(err)
	}
	if n.cfg.wrapLog != nil {
		n.logs.writer = n.cfg.wrapLog(n.logs.writer)
	}
	if n.snaps, err = openSnapshots(filepath.Join(n.cfg.Dir, "snapshot"), n.logs); err != nil {
		return damage(err)
	}
	opts := table.Options{Log: n.cfg.Log, MemTableSize: n.cfg.MemTableSize}
	err = guarded(func() (err error) {
		n.fsm, err = openFSM(filepath.Join(n.cfg.Dir, "table"), opts)
		return err
	})
	if err != nil {
		return damage(err)
	}
	n.fsm.snaps, n.snaps.fsm = n.snaps, n.fsm
	if err := n.snaps.check(n.fsm.applied.get(), n.fsm.db.Newest()); err != nil {
		return damage(err)
	}
	var m memory
	if err := guarded(func() (err error) { m, err = n.recall(); return err }); err != nil {
		return damage(err)
	}
	if err := m.whole(); err != nil {
		return err
	}
	if m.empty() && n.cfg.Begin != nil {
		if n.cfg.Bootstrap, err = n.cfg.Begin(); err != nil {
			return err
		}
	}
	// Not before: nobody may get a vote out of a node that has no part in the group.
	t, err := openTransport(&n.cfg)
	if err != nil {
		return err
	}
	n.trans = &mutable{Transport: t, screened: make(chan raft.RPC), stop: n.stop, node: n}
	return n.startRaft()
}

// startRaft turns a panic into an error: raft panics on a log record it cannot read.
func (n *Node) startRaft() (err error) {
	defer func() {
		if p := recover(); p != nil {
			if e, ok := p.(error); ok {
				err = damage(fmt.Errorf("raft refuses its log: %w", e))
				return
			}
			panic(p)
		}
	}()
	cache, err := raft.NewLogCache(128, n.logs)
	if err != nil {
		return err
	}
	rc := n.cfg.raftConfig(n.notify)
	if n.cfg.Bootstrap {
		err := raft.BootstrapCluster(rc, cache, n.logs.wal, n.snaps, n.trans, n.cfg.configuration())
		if err != nil && !errors.Is(err, raft.ErrCantBootstrap) {
			return fmt.Errorf("bootstrap: %w", err)
		}
	}
	if n.raft, err = raft.NewRaft(rc, n.fsm, cache, n.logs.wal, n.snaps, n.trans); err != nil {
		return damage(fmt.Errorf("start raft: %w", err))
	}
	return n.electAlone()
}

// electAlone spares a single voter the wait for an election timeout: raft looks
// at its heartbeat timer at once when the timeout is lowered.
func (n *Node) electAlone() error {
	if !n.alone() {
		return nil
	}
	rc := n.raft.ReloadableConfig()
	rc.HeartbeatTimeout -= rc.HeartbeatTimeout / 10
	if rc.HeartbeatTimeout < n.cfg.LeaseTimeout {
		return nil
	}
	return n.raft.ReloadConfig(rc)
}

// Close leaves the group without ceremony and makes the table durable, so that
// the next Open replays nothing. Proposals under way get Unavailable.
func (n *Node) Close() error {
	if n.closed.Swap(true) {
		return nil
	}
	n.cancel()
	// raft first: entries in flight are answered, the workers come free. It waits for its
	// calls, and a frozen peer would make it wait long, so their connections are broken.
	ended := n.raft.Shutdown()
	errs := []error{closeTransport(n.trans), ended.Error()}
	n.proposer.close()
	n.wg.Wait()
	return errors.Join(append(errs, n.closeStores())...)
}

// closeStores closes what open opened, in reverse. It also serves a failed open.
func (n *Node) closeStores() error {
	var errs []error
	if n.raft == nil && n.trans != nil {
		errs = append(errs, n.trans.Close())
	}
	if n.fsm != nil {
		errs = append(errs, n.fsm.close())
	}
	if n.logs != nil {
		errs = append(errs, n.logs.close())
	}
	if n.lock != nil {
		errs = append(errs, n.lock.Release())
	}
	return errors.Join(errs...)
}

// Propose logs a request and returns the state machine's answer. A failure of the
// request itself is in Response.Error. The error's code is NotLeader (certainly
// not logged; Detail has the leader's rpc address), or Unavailable, Timeout or
// Canceled: then the outcome is unknown, and a retry with the same client id and
// sequence is safe. req is not changed and not kept.
func (n *Node) Propose(ctx context.Context, req *ompb.Request) (*ompb.Response, error) {
	if _, err := n.awaitTerm(ctx); err != nil {
		return nil, err
	}
	resp, err := n.proposer.propose(ctx, req)
	if errors.Is(err, ozerr.NotLeader) {
		return nil, n.notLeader()
	}
	return resp, err
}

// View calls read with the tables as applied here at the moment. For linearizable
// reads call ReadIndex before. read must not call View, nor keep the transaction.
func (n *Node) View(read func(*table.Txn) error) error { return n.fsm.view(read) }

// Role is a member of the group as this node sees it.
type Role struct {
	ID          string
	RaftAddress string
	RPCAddress  string // "" if not configured here
	Leader      bool
	Voter       bool
}

// Roles lists the members.
func (n *Node) Roles() []Role {
	_, leader := n.raft.LeaderWithID()
	var out []Role
	for _, s := range n.raft.GetConfiguration().Configuration().Servers {
		r := Role{ID: string(s.ID), RaftAddress: string(s.Address), Leader: s.ID == leader, Voter: s.Suffrage == raft.Voter}
		for _, p := range n.cfg.Peers {
			if p.ID == r.ID {
				r.RPCAddress = p.RPCAddress
			}
		}
		out = append(out, r)
	}
	return out
}

// Stats are figures for metrics.
type Stats struct {
	Term, Commit, Applied, Marker uint64
	Requests                      uint64 // applied since the start
	Entries                       uint64 // proposed here since the start
	Queued                        int
	Stalled                       time.Duration // how long the log write under way has taken
}

// Stats returns the node's figures.
func (n *Node) Stats() Stats {
	return Stats{
		Term: n.raft.CurrentTerm(), Commit: n.raft.CommitIndex(), Applied: n.fsm.applied.get(),
		Marker: n.snaps.index(), Requests: n.fsm.requests.Load(),
		Entries: n.proposer.entries.Load(), Queued: len(n.proposer.queue),
		Stalled: n.logs.stalled(),
	}
}
