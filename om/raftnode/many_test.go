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
// nothing depends on the number in a wrong way, and has room for a busy machine.
func TestRestartWithManyKeys(t *testing.T) {
	cfg := oneConfig(t, t.TempDir())
	d := DefaultConfig()
	cfg.SegmentBytes, cfg.MemTableSize = d.SegmentBytes, d.MemTableSize
	cfg.onlyOurMarkers()
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
		if took > bound(restartLimit) {
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

// bound is what a restart may take here.
func bound(limit time.Duration) time.Duration {
	if *manyKeys < 1_000_000 {
		return 10 * limit
	}
	return limit
}

// fill commits keys from many goroutines, as gateways do, with a marker as often as
// there is one by itself at the least: what a crash has to replay is the most it can be.
func fill(t *testing.T, n *Node, keys int) {
	t.Helper()
	mustPropose(t, n, createVolume("vol"))
	mustPropose(t, n, createBucket("vol", "bucket"))
	at := 0
	for ; keys-at > int(DefaultConfig().MarkerRequests); at += int(DefaultConfig().MarkerRequests) {
		commit(t, n, at, at+int(DefaultConfig().MarkerRequests))
		if err := n.Mark(); err != nil {
			t.Fatal(err)
		}
	}
	commit(t, n, at, keys)
}

func commit(t *testing.T, n *Node, from, to int) {
	t.Helper()
	var next atomic.Int64
	next.Store(int64(from))
	var wg sync.WaitGroup
	for range 256 {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(to) && !t.Failed(); i = next.Add(1) {
				if _, err := n.Propose(context.Background(), commitKey("vol", "bucket", fmt.Sprintf("some/prefix/%08d", i*7919%1_000_003))); err != nil {
					t.Errorf("key %d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
}

// TestMarkerAfterManyRequests: entries hold up to 256 requests, so markers count those,
// too. A crash under load had meant to replay up to 30 s of work.
func TestMarkerAfterManyRequests(t *testing.T) {
	cfg := oneConfig(t, t.TempDir())
	cfg.onlyOurMarkers()
	cfg.MarkerRequests = 10
	n := openOne(t, cfg)
	defer closeNode(t, n)
	for i := range 12 {
		mustPropose(t, n, createVolume(fmt.Sprintf("vol-%02d", i)))
	}
	ctx := testContext(t)
	for n.snaps.index() == 0 {
		select {
		case <-ctx.Done():
			t.Fatal("no marker after 12 requests, the limit is 10")
		case <-time.After(10 * time.Millisecond): // the loop ticks each second
		}
	}
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
	if took > bound(installLimit) {
		t.Errorf("installing took %s", took)
	}
}
