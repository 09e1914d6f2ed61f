package raftnode

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
	"github.com/rs/zerolog"
)

// Peer is one voter of the raft group as the operator names it.
type Peer struct {
	ID          string // stable for ever, e.g. "om1"
	RaftAddress string // host:port other voters dial
	RPCAddress  string // host:port clients dial; the hint in NotLeader errors
}

// Config says where a node keeps its state and how it reaches its peers.
type Config struct {
	ID    string // this node; one of Peers
	Dir   string // everything is below it; locked against a second process
	Peers []Peer // all voters, this node included; one: the node leads alone

	// Bootstrap makes an empty directory the beginning of a new cluster of Peers.
	// A wiped node of a living cluster must be started without it: it waits for
	// the leader's log or snapshot.
	Bootstrap bool
	// Begin is called by Open when the directory is empty, before the node can be
	// reached by its peers, and says what Bootstrap shall be. It returns when the node
	// may take part: false after the group has taken it in (Admit). nil: as Bootstrap says.
	Begin func() (bootstrap bool, err error)

	// Transport reaches the peers; nil: in memory for a single voter, TCP on
	// Listen else. The node closes it.
	Transport raft.Transport
	Listen    string // bind address of the TCP transport, e.g. "0.0.0.0:9872"
	Key       []byte // makes the TCP transport secure, see rpc.Credentials; nil: it is open

	HeartbeatTimeout time.Duration // follower without leader: an election (0.8 s)
	ElectionTimeout  time.Duration // candidate without majority: again (0.8 s)
	LeaseTimeout     time.Duration // leader without majority: step down (0.5 s)
	TrailingLogs     uint64        // entries kept behind the marker for followers that lag

	MarkerEntries uint64 // applied entries after which a durable marker is made (20,000)
	// MarkerRequests is the same for applied requests, of which an entry has up to 256:
	// a crash must not mean seconds of replay (50,000). 0: no limit.
	MarkerRequests uint64
	MarkerPeriod   time.Duration // and at the latest after this much time with activity (30 s)

	ScrubPeriod time.Duration // how often the table's files are verified (1 h); 0: only by Open

	MaxQueued      int // proposals waiting; more answer UNAVAILABLE
	MaxQueuedBytes int64

	// StallSilence is how long a log write may hang before a node with peers falls
	// silent, so that they elect another leader (1.5 s). StallLimit ends it (10 s).
	StallSilence, StallLimit time.Duration

	SegmentBytes int   // size of a log file
	MemTableSize int64 // of the table, bytes

	// Fatal is told of a failed log write. fsync can't be repeated, so it must end
	// the process; it should not return. Required.
	Fatal func(error)

	wrapLog func(recordWriter) recordWriter // a disk that fails or hangs, for tests

	Log zerolog.Logger
	Now func() time.Time // nil: time.Now
}

// DefaultConfig has every setting except ID, Dir, Peers and Fatal.
func DefaultConfig() Config {
	return Config{
		HeartbeatTimeout: 800 * time.Millisecond,
		ElectionTimeout:  800 * time.Millisecond,
		LeaseTimeout:     500 * time.Millisecond,
		TrailingLogs:     4096,
		MarkerEntries:    20_000,
		MarkerRequests:   50_000,
		MarkerPeriod:     30 * time.Second,
		ScrubPeriod:      time.Hour,
		MaxQueued:        8192,
		MaxQueuedBytes:   32 << 20,
		StallSilence:     1500 * time.Millisecond,
		StallLimit:       10 * time.Second,
		SegmentBytes:     32 << 20,
		MemTableSize:     32 << 20,
		Log:              zerolog.Nop(),
	}
}

// Validate checks ranges and relations.
func (c *Config) Validate() error {
	switch {
	case c.ID == "" || c.Dir == "":
		return errors.New("raftnode: ID and Dir must be set")
	case c.Fatal == nil:
		return errors.New("raftnode: Fatal must be set")
	case len(c.Peers) == 0:
		return errors.New("raftnode: Peers must name at least this node")
	case c.LeaseTimeout > c.HeartbeatTimeout:
		return fmt.Errorf("raftnode: LeaseTimeout %s must not be above HeartbeatTimeout %s", c.LeaseTimeout, c.HeartbeatTimeout)
	case c.ElectionTimeout < c.HeartbeatTimeout:
		return fmt.Errorf("raftnode: ElectionTimeout %s must not be below HeartbeatTimeout %s", c.ElectionTimeout, c.HeartbeatTimeout)
	case c.MaxQueued <= 0 || c.MaxQueuedBytes <= 0 || c.MarkerEntries == 0 || c.MarkerPeriod <= 0:
		return errors.New("raftnode: queue and marker limits must be positive")
	}
	seen := map[string]bool{}
	for _, p := range c.Peers {
		if p.ID == "" || seen[p.ID] {
			return fmt.Errorf("raftnode: peer id %q is empty or used twice", p.ID)
		}
		seen[p.ID] = true
	}
	if !seen[c.ID] {
		return fmt.Errorf("raftnode: node %q is not among its Peers", c.ID)
	}
	return nil
}

// raftConfig translates into the library's settings.
func (c *Config) raftConfig(notify chan<- bool) *raft.Config {
	rc := raft.DefaultConfig()
	rc.LocalID = raft.ServerID(c.ID)
	rc.HeartbeatTimeout = c.HeartbeatTimeout
	rc.ElectionTimeout = c.ElectionTimeout
	rc.LeaderLeaseTimeout = c.LeaseTimeout
	rc.MaxAppendEntries = 256
	rc.TrailingLogs = c.TrailingLogs
	// Markers are made by our own loop, which counts applied entries.
	rc.SnapshotInterval = 24 * time.Hour
	rc.SnapshotThreshold = 1 << 62
	rc.NoSnapshotRestoreOnStart = true
	rc.NoLegacyTelemetry = true
	// A node that was removed is told so by its log, or by om; it stays to say so.
	rc.ShutdownOnRemove = false
	rc.NotifyCh = notify
	rc.Logger = newLogger(c.Log, len(c.Peers) == 1)
	return rc
}

func (c *Config) configuration() raft.Configuration {
	var rc raft.Configuration
	for _, p := range c.Peers {
		rc.Servers = append(rc.Servers, raft.Server{
			Suffrage: raft.Voter, ID: raft.ServerID(p.ID), Address: c.raftAddress(p),
		})
	}
	return rc
}

func (c *Config) raftAddress(p Peer) raft.ServerAddress {
	if p.RaftAddress == "" {
		return raft.ServerAddress(p.ID)
	}
	return raft.ServerAddress(p.RaftAddress)
}

func (c *Config) self() Peer {
	for _, p := range c.Peers {
		if p.ID == c.ID {
			return p
		}
	}
	return Peer{ID: c.ID}
}
