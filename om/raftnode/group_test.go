package raftnode

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// followers are the ids of those who don't lead.
func (c *cluster) followers(leader *Node) (ids []string) {
	for id, n := range c.nodes {
		if n != leader {
			ids = append(ids, id)
		}
	}
	return ids
}

func (c *cluster) role(leader *Node, id string) (Role, bool) {
	for _, r := range leader.Roles() {
		if r.ID == id {
			return r, true
		}
	}
	return Role{}, false
}

// promote asks until the learner has caught up.
func (c *cluster) promote(leader *Node, id string) {
	c.t.Helper()
	c.caughtUp(id, leader)
	if err := leader.Promote(testContext(c.t), id, c.nodes[id].fsm.applied.get()); err != nil {
		c.t.Fatalf("promote %s: %v", id, err)
	}
}

// A node that lost its directory comes back under its id: first out, then a learner
// without a vote, then a voter; the first snapshot may be installed on the way.
func TestLostNodeIsTakenInAgain(t *testing.T) {
	c := newCluster(t, func(cfg *Config) { cfg.TrailingLogs = 2 })
	leader := c.propose(createVolume("before"))
	lost := c.followers(leader)[0]
	c.stop(lost)
	for i := range 20 {
		leader = c.propose(createVolume(fmt.Sprint("vol-", i)))
	}
	if err := leader.Mark(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(c.dirs[lost]); err != nil {
		t.Fatal(err)
	}
	asked := false
	c.change = func(cfg *Config) {
		cfg.TrailingLogs = 2
		cfg.Begin = func() (bool, error) {
			asked = true
			leader = c.leader()
			return false, leader.Admit(testContext(t), cfg.self())
		}
	}
	c.start(lost, false)
	if r, ok := c.role(leader, lost); !asked || !ok || r.Voter {
		t.Errorf("asked %t, role %+v", asked, r)
	}
	if err := leader.Promote(testContext(t), lost, 0); !errors.Is(err, ozerr.Unavailable) && leader.raft.CommitIndex() > promoteLag {
		t.Errorf("a learner far behind was promoted: %v", err)
	}
	c.promote(leader, lost)
	if r, _ := c.role(leader, lost); !r.Voter {
		t.Error("it has no vote")
	}
	// It counts: with it and without another there is a majority.
	for _, id := range c.followers(leader) {
		if id != lost {
			c.stop(id)
		}
	}
	c.propose(createVolume("after"))
	c.sameState(lost)
	// And it remembers: started again it asks nobody.
	asked = false
	c.stop(lost)
	c.start(lost, false)
	c.propose(createVolume("again"))
	if asked {
		t.Error("a node with memory asked to be taken in")
	}
}

func TestAdmitRefuses(t *testing.T) {
	c := newCluster(t, nil)
	leader := c.propose(createVolume("one"))
	other := c.followers(leader)[0]
	for name, p := range map[string]Peer{
		"itself":      leader.cfg.self(),
		"no id":       {RaftAddress: "x:1"},
		"no address":  {ID: "om9"},
		"taken place": {ID: "om9", RaftAddress: c.nodes[other].cfg.self().RaftAddress},
	} {
		if err := leader.Admit(testContext(t), p); !errors.Is(err, ozerr.InvalidArgument) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := c.nodes[other].Admit(testContext(t), Peer{ID: "om9", RaftAddress: "x:1"}); !errors.Is(err, ozerr.NotLeader) {
		t.Errorf("a follower takes in: %v", err)
	}
}

func TestTransferAndRemove(t *testing.T) {
	c := newCluster(t, nil)
	leader := c.propose(createVolume("one"))
	next := c.followers(leader)[0]
	if err := leader.Transfer(testContext(t), next); err != nil {
		t.Fatal(err)
	}
	if n := c.otherLeader(leader); n.cfg.ID != next {
		t.Errorf("%s leads, not %s", n.cfg.ID, next)
	}
	now := c.propose(createVolume("two"))
	for id, n := range c.nodes {
		// Also asked to remove itself: who has just handed over does not say that it leads.
		if err := n.Remove(testContext(t), id); n != now && !errors.Is(err, ozerr.NotLeader) {
			t.Errorf("%s, a follower, removes: %v", id, err)
		}
	}
	if err := now.Transfer(testContext(t), "om9"); !errors.Is(err, ozerr.InvalidArgument) {
		t.Errorf("to a stranger: %v", err)
	}
	if err := now.Remove(testContext(t), now.cfg.ID); !errors.Is(err, ozerr.InvalidArgument) {
		t.Errorf("remove itself: %v", err)
	}
	gone := c.followers(now)[0]
	if err := now.Remove(testContext(t), gone); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.role(now, gone); ok {
		t.Errorf("%s is still there", gone)
	}
	c.propose(createVolume("three"))
}

// Damaged state is refused with ErrDamaged, moved aside whole, and what is left is empty.
func TestDamagedStateIsSetAside(t *testing.T) {
	for name, harm := range map[string]func(dir string) error{
		"log gone":   func(dir string) error { return os.RemoveAll(filepath.Join(dir, "log")) },
		"table gone": func(dir string) error { return os.RemoveAll(filepath.Join(dir, "table")) },
		"marker damage": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "snapshot", markerFile), []byte("{"), 0o600)
		},
		"votes damaged": func(dir string) error { return scribble(filepath.Join(dir, "log", "*.db")) },
		"rows damaged":  func(dir string) error { return scribble(filepath.Join(dir, "table", "*.sst")) },
		"term went back": func(dir string) error {
			logs, err := openLogStore(filepath.Join(dir, "log"), 1<<20, func(error) {})
			if err != nil {
				return err
			}
			return errors.Join(logs.wal.SetUint64([]byte("CurrentTerm"), 1), logs.close())
		},
		"table is half": func(dir string) error { return os.Remove(filepath.Join(dir, "table", "MANIFEST")) },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := oneConfig(t, t.TempDir())
			n := openOne(t, cfg)
			for i := range 20 {
				mustPropose(t, n, createVolume(fmt.Sprint("vol-", i)))
			}
			if err := n.Mark(); err != nil {
				t.Fatal(err)
			}
			closeNode(t, n)
			if err := harm(cfg.Dir); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(cfg); !errors.Is(err, ErrDamaged) {
				t.Fatalf("opened with damage: %v", err)
			}
			aside, err := SetAside(cfg.Dir, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if list, err := Aside(cfg.Dir); err != nil || len(list) != 1 || list[0] != aside {
				t.Errorf("aside: %v, %v", list, err)
			}
			asked := false
			cfg.Begin = func() (bool, error) { asked = true; return true, nil }
			closeNode(t, openOne(t, cfg))
			if !asked {
				t.Error("what is left is not empty")
			}
		})
	}
}

// A page that is not there any more is damage, and does not kill the process: that
// would happen at each start, and the om would never join anew. Found by
// chaos.TestDamageIsRepaired: the file of the log's votes is mapped into memory.
func TestCutFileOfVotesIsDamage(t *testing.T) {
	cfg := oneConfig(t, t.TempDir())
	n := openOne(t, cfg)
	mustPropose(t, n, createVolume("vol"))
	closeNode(t, n)
	path := filepath.Join(cfg.Dir, "log", "wal-meta.db")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for size := int64(1000); size < info.Size(); size += 1000 {
		own := cfg
		own.Dir = filepath.Join(t.TempDir(), "cut")
		copyDir(t, cfg.Dir, own.Dir)
		if err := os.Truncate(filepath.Join(own.Dir, "log", "wal-meta.db"), size); err != nil {
			t.Fatal(err)
		}
		n, err := Open(own)
		switch {
		case errors.Is(err, ErrDamaged):
			refused++
		case err != nil:
			t.Errorf("cut at %d of %d: %v", size, info.Size(), err)
		default:
			if err := n.WaitLeader(testContext(t)); err != nil {
				t.Fatalf("cut at %d: no leader: %v", size, err)
			}
			if !hasVolume(t, n, "vol") {
				t.Errorf("cut at %d of %d: another state", size, info.Size())
			}
			closeNode(t, n)
		}
	}
	if refused == 0 {
		t.Error("no cut did any damage")
	}
}

// scribble writes over the middle of every file that matches.
func scribble(pattern string) error {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no %s: %w", pattern, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		for i := 0; i < len(b); i += 64 {
			b[i] ^= 0xff
		}
		if err := os.WriteFile(f, b, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// What is wrong with the machine is not damage: nothing may be moved for it.
func TestWrongMachineIsNoDamage(t *testing.T) {
	cfg := oneConfig(t, t.TempDir())
	n := openOne(t, cfg)
	defer closeNode(t, n)
	if _, err := Open(cfg); err == nil || errors.Is(err, ErrDamaged) {
		t.Errorf("a directory in use: %v", err)
	}
}

// A snapshot of what a node has must not take the log behind it away. Found by
// TestLostNodeIsTakenInAgain: raft's goroutine for the member that was removed sent its
// last snapshot to the node that had joined under the same address, late.
func TestStaleSnapshotIsRefused(t *testing.T) {
	n := openOne(t, oneConfig(t, t.TempDir()))
	defer closeNode(t, n)
	for i := range 5 {
		mustPropose(t, n, createVolume(fmt.Sprint("vol-", i)))
	}
	applied := n.fsm.applied.get()
	for index, wanted := range map[uint64]bool{1: false, applied: false, applied + 1: true} {
		term := n.raft.CurrentTerm()
		sink, err := n.snaps.Create(1, index, term, raft.Configuration{}, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = sink.Write([]byte("snapshot")); (err == nil) != wanted {
			t.Errorf("snapshot of %d at %d: %v", index, applied, err)
		}
		if err := sink.Cancel(); err != nil {
			t.Error(err)
		}
	}
}
