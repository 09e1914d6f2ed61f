package raftnode

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/table"
)

var cutoffs = flag.Int("raftnode.cutoffs", 4, "nodes that TestCutOffNodesComeBack cuts off")

// TestCutOffNodesComeBack: one node after the other, leaders too, loses the network,
// goes on alone for a while, dies and comes back with what a crash leaves of its disk,
// while clients write and repeat what was not answered. Nothing acknowledged is lost,
// nothing happens twice, and all three end with one state.
func TestCutOffNodesComeBack(t *testing.T) {
	c := newCluster(t, func(cfg *Config) { cfg.TrailingLogs = 20 }) // so that some need a snapshot
	c.leader()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	g := &group{c: c}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	acked := make([][]string, 4)
	for w := range acked {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(w)+1))
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				name := fmt.Sprintf("vol-%d-%d", w, i)
				if err := g.create(r, fmt.Sprint("client", w), uint64(i+1), name); err != nil {
					t.Errorf("%s: %v", name, err) // done twice: it exists already
					return
				}
				acked[w] = append(acked[w], name)
			}
		})
	}
	for range *cutoffs {
		id := c.peers[rng.IntN(len(c.peers))].ID
		if rng.IntN(2) == 0 {
			for _, n := range g.up() {
				if err := n.Mark(); err != nil {
					t.Errorf("mark: %v", err)
				}
			}
		}
		g.cutOff(id)
		// A leader goes on until its lease ends, and its last requests until their time.
		time.Sleep(time.Duration(1100+rng.IntN(300)) * time.Millisecond)
		g.crash(id, filepath.Join(t.TempDir(), id), rng.IntN(4) > 0)
		time.Sleep(time.Duration(rng.IntN(500)) * time.Millisecond)
	}
	close(stop)
	wg.Wait()
	for _, p := range c.peers {
		c.sameState(p.ID)
	}
	count := 0
	err := c.leader().View(func(tx *table.Txn) error {
		for _, name := range slices.Concat(acked...) {
			count++
			if !table.Volumes.Has(tx, []byte(name)) {
				t.Errorf("%s was acknowledged and is gone", name)
			}
		}
		return nil
	})
	if err != nil || count < *cutoffs {
		t.Errorf("%d acknowledged, %v", count, err)
	}
}

// group is a cluster whose nodes come and go under its clients.
type group struct {
	mu sync.RWMutex // guards c's maps
	c  *cluster
}

func (g *group) up() []*Node {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return slices.Collect(maps.Values(g.c.nodes))
}

// create repeats the creation of a volume, under one name, until a node answers.
func (g *group) create(r *rand.Rand, client string, seq uint64, name string) error {
	req := createVolume(name)
	req.ClientId, req.Sequence, req.AckedBelow = client, seq, seq
	for end := time.Now().Add(patience); time.Now().Before(end); {
		up := g.up()
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		resp, err := up[r.IntN(len(up))].Propose(ctx, req)
		cancel()
		if err == nil {
			return ozerr.FromProto(resp.Error)
		}
		if errors.Is(err, ozerr.NotLeader) {
			time.Sleep(5 * time.Millisecond)
		}
	}
	return errors.New("no answer for long")
}

func (g *group) cutOff(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for other, o := range g.c.trans {
		if other != id {
			o.Disconnect(raft.ServerAddress(id + ":9872"))
			g.c.trans[id].Disconnect(raft.ServerAddress(other + ":9872"))
		}
	}
}

// crash replaces a node that is cut off, and so at rest, by one on a copy of its
// directory, as if it had not been closed; without lose by one on what Close left.
func (g *group) crash(id, dir string, lose bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if lose {
		copyDir(g.c.t, g.c.dirs[id], dir)
		g.c.dirs[id] = dir
	}
	g.c.stop(id)
	g.c.start(id, true)
}
