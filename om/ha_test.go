package om

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/raftnode"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// threeServers form a group over loopback, on ports that were free a moment ago.
func threeServers(t *testing.T, change func(*Config)) []*Server {
	t.Helper()
	var peers []raftnode.Peer
	for i := range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // held until all ports are known, so that they differ
		id := fmt.Sprintf("om%d", i+1)
		peers = append(peers, raftnode.Peer{ID: id, RaftAddress: l.Addr().String(), RPCAddress: id + ":9862"})
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var out []*Server
	for _, p := range peers {
		cfg, _ := testConfig(t, t.TempDir())
		cfg.ID, cfg.Peers, cfg.Bootstrap, cfg.RaftListen = p.ID, peers, true, p.RaftAddress
		cfg.Raft.HeartbeatTimeout, cfg.Raft.ElectionTimeout = 600*time.Millisecond, 600*time.Millisecond
		change(&cfg)
		s := openServer(t, cfg)
		t.Cleanup(func() { closeServer(t, s) })
		out = append(out, s)
	}
	return out
}

// leaderOf returns who answers with leases, after as many tries as it takes.
func leaderOf(t *testing.T, servers []*Server, beat func()) (*Server, []*ompb.BlockLease) {
	t.Helper()
	ctx := testContext(t)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		beat()
		for _, s := range servers {
			try, cancel := context.WithTimeout(ctx, 5*time.Second)
			resp, err := s.Submit(try, allocate(20, "THREE"))
			cancel()
			if err == nil {
				return s, resp.GetLeases().GetLeases()
			}
			if c := ozerr.CodeOf(err); c != ozerr.NotLeader && c != ozerr.Unavailable && c != ozerr.Timeout {
				t.Fatalf("%s answers %v", s.cfg.ID, err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("no leader gives leases")
		}
	}
}

// The next leader knows nodes, containers and used ids; the clients see NotLeader
// with its address and nothing else.
func TestFailOver(t *testing.T) {
	servers := threeServers(t, func(*Config) {})
	beats := map[string]*dnpb.Heartbeat{}
	for i := range 3 {
		n := newNode(t, nil, fmt.Sprintf("dn%d", i+1))
		beats[n.beat.Node.Id] = n.beat
	}
	alive := servers
	beat := func() {
		for _, hb := range beats {
			for _, s := range alive {
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				reply, err := s.Heartbeat(ctx, hb)
				cancel()
				if err == nil && reply.ClusterId != "" {
					hb.ClusterId = reply.ClusterId
				}
			}
		}
	}
	leader, first := leaderOf(t, alive, beat)
	used := map[uint64]bool{}
	containers := map[uint64]bool{}
	for _, l := range first {
		used[l.Id.Local], containers[l.Id.Container] = true, true
	}
	for _, s := range servers {
		if s == leader {
			continue
		}
		_, err := s.Submit(testContext(t), allocate(1, "THREE"))
		var e *ozerr.Error
		if !errors.As(err, &e) || e.Code != ozerr.NotLeader || e.Detail != leader.cfg.ID+":9862" {
			t.Errorf("%s answers %v, want NOT_LEADER with the address of %s", s.cfg.ID, err, leader.cfg.ID)
		}
	}
	beat() // the followers know the nodes by now
	closeServer(t, leader)
	alive = nil
	for _, s := range servers {
		if s != leader {
			alive = append(alive, s)
		}
	}
	_, second := leaderOf(t, alive, beat)
	for _, l := range second {
		if used[l.Id.Local] {
			t.Errorf("block %d was leased by both leaders", l.Id.Local)
		}
		if !containers[l.Id.Container] && len(containers) >= 4 {
			t.Errorf("container %d is new although %v were open", l.Id.Container, containers)
		}
	}
}
