package raftnode

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/om/table"
)

var manyKeys = flag.Int("many.keys", 5000, "keys of the om in TestRestartWithManyKeys")

// What users may expect of an om with 1,000,000 keys.
const (
	restartLimit = 5 * time.Second
	installLimit = 10 * time.Second
)

// TestRestartWithManyKeys: an om with many keys leads again within 5 s, after a clean
// stop and after a crash, and its state is installed in an empty om within 10 s.
// -many.keys=1000000 is what the limits are meant for; the short form only shows that
// nothing depends on the number in a wrong way.
func TestRestartWithManyKeys(t *testing.T) {
	cfg := oneConfig(t, t.TempDir())
	d := DefaultConfig()
	cfg.SegmentBytes, cfg.MemTableSize = d.SegmentBytes, d.MemTableSize
	n := openOne(t, cfg)
	began := time.Now()
	fill(t, n, *manyKeys)
	t.Logf("%d keys written in %s", *manyKeys, time.Since(began).Round(time.Millisecond))
	want := stateHash(t, n)
	crashed := filepath.Join(t.TempDir(), "crashed")
	copyDir(t, cfg.Dir, crashed)
	closeNode(t, n)

	for name, dir := range map[string]string{"stop": cfg.Dir, "crash": crashed} {
		cfg.Dir = dir
		began = time.Now()
		n := openOne(t, cfg)
		took := time.Since(began)
		t.Logf("leads again after a %s in %s", name, took.Round(time.Millisecond))
		if took > restartLimit {
			t.Errorf("restart after a %s took %s", name, took)
		}
		if stateHash(t, n) != want {
			t.Errorf("another state after a %s", name)
		}
		if name == "stop" {
			install(t, n)
		}
		closeNode(t, n)
	}
}

// fill commits keys from many goroutines, as gateways do.
func fill(t *testing.T, n *Node, keys int) {
	t.Helper()
	mustPropose(t, n, createVolume("vol"))
	mustPropose(t, n, createBucket("vol", "bucket"))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 256 {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(keys) && !t.Failed(); i = next.Add(1) {
				if _, err := n.Propose(context.Background(), commitKey("vol", "bucket", fmt.Sprintf("some/prefix/%08d", i*7919%int64(keys)))); err != nil {
					t.Errorf("key %d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
}

// install does what a leader and an empty follower do, without the network between.
func install(t *testing.T, n *Node) {
	t.Helper()
	began := time.Now()
	s, err := n.snaps.export()
	if err != nil {
		t.Fatal(err)
	}
	sent := time.Since(began)
	r, err := os.Open(s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, _, err := table.Import(filepath.Join(t.TempDir(), "table"), r, n.fsm.opts); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	t.Logf("snapshot of %d MiB exported in %s, installed after %s", s.meta.Size>>20, sent.Round(time.Millisecond), took.Round(time.Millisecond))
	if took > installLimit {
		t.Errorf("installing took %s", took)
	}
}
