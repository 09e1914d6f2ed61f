package raftnode

import (
	"errors"
	"fmt"
	"net"
	"os"
	"testing"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

func TestThreeNodesElectAnotherLeader(t *testing.T) {
	c := newCluster(t, nil)
	leader := c.propose(createVolume("one"))
	for id, n := range c.nodes {
		if n == leader {
			continue
		}
		c.sameState(id)
		_, err := n.Propose(testContext(t), createVolume("two"))
		var e *ozerr.Error
		if !errors.As(err, &e) || e.Code != ozerr.NotLeader || e.Detail != leader.cfg.self().RPCAddress {
			t.Errorf("follower %s answered %v, want NOT_LEADER with the leader's address", id, err)
		}
		if err := n.ReadIndex(testContext(t)); !errors.Is(err, ozerr.NotLeader) {
			t.Errorf("follower %s let a read pass: %v", id, err)
		}
	}
	old := leader.cfg.ID
	c.stop(old)
	leader = c.propose(createVolume("two"))
	if !hasVolumeNow(t, leader, "one") {
		t.Error("the new leader lacks an acknowledged volume")
	}
	c.start(old, true)
	c.sameState(old)
	if roles := leader.Roles(); len(roles) != 3 {
		t.Errorf("roles %v", roles)
	}
}

// Over TCP the voters know each other by name, and a snapshot fits through.
func TestThreeNodesOverTCP(t *testing.T) {
	c := newTCPCluster(t)
	c.change = func(cfg *Config) { cfg.TrailingLogs = 2 }
	c.startAll()
	leader := c.propose(createVolume("one"))
	away := ""
	for id, n := range c.nodes {
		if n != leader {
			away = id
		}
	}
	c.stop(away)
	for i := range 20 {
		leader = c.propose(createVolume(fmt.Sprintf("vol-%d", i)))
	}
	for id, n := range c.nodes {
		c.caughtUp(id, leader)
		if err := n.Mark(); err != nil {
			t.Fatal(err)
		}
	}
	c.start(away, true)
	c.sameState(away)
	if c.nodes[away].snaps.index() == 0 {
		t.Error("no snapshot was installed")
	}
	for _, r := range leader.Roles() {
		if host, _, err := net.SplitHostPort(r.RaftAddress); err != nil || host != "localhost" {
			t.Errorf("%s is known as %s, not by name", r.ID, r.RaftAddress)
		}
	}
}

func TestMinorityAnswersNothing(t *testing.T) {
	c := newCluster(t, nil)
	leader := c.propose(createVolume("one"))
	for id := range c.nodes {
		if id != leader.cfg.ID {
			c.stop(id)
		}
	}
	_, err := leader.Propose(testContext(t), createVolume("two"))
	if !errors.Is(err, ozerr.Unavailable) && !errors.Is(err, ozerr.NotLeader) {
		t.Errorf("a write without a quorum: %v", err)
	}
	if err := leader.ReadIndex(testContext(t)); err == nil {
		t.Error("a read without a quorum")
	}
}

// A follower that is far behind, or was wiped, gets the table instead of the log.
func TestSnapshotIsInstalled(t *testing.T) {
	for _, wiped := range []bool{false, true} {
		t.Run(fmt.Sprintf("wiped=%t", wiped), func(t *testing.T) {
			c := newCluster(t, func(cfg *Config) { cfg.TrailingLogs = 5 })
			c.propose(createVolume("vol"))
			leader := c.propose(createBucket("vol", "bucket"))
			away := ""
			for id, n := range c.nodes {
				if n != leader {
					away = id
				}
			}
			c.stop(away)
			for i := range 60 {
				leader = c.propose(commitKey("vol", "bucket", fmt.Sprint("key-", i)))
			}
			for id, n := range c.nodes { // whoever leads later has cut its log
				c.caughtUp(id, leader)
				if err := n.Mark(); err != nil {
					t.Fatal(err)
				}
				if first, err := n.logs.FirstIndex(); err != nil || first < 50 {
					t.Fatalf("the log of %s begins at %d, %v: it was not cut", id, first, err)
				}
			}
			for i := range 10 { // beyond the marker: the export is of the live table
				c.propose(commitKey("vol", "bucket", fmt.Sprint("later-", i)))
			}
			if wiped {
				if err := os.RemoveAll(c.dirs[away]); err != nil {
					t.Fatal(err)
				}
			}
			c.start(away, !wiped)
			c.sameState(away)
			if c.nodes[away].snaps.index() == 0 || c.nodes[away].Stats().Requests > 12 {
				t.Errorf("it replayed %d requests instead of installing a snapshot", c.nodes[away].Stats().Requests)
			}
			// It takes part, and a restart finds the installed state.
			c.propose(createVolume("more"))
			c.sameState(away)
			c.stop(away)
			c.start(away, false)
			c.sameState(away)
		})
	}
}
