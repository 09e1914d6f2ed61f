package raftnode

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

func TestOneNodeServesAtOnceAndKeepsItsState(t *testing.T) {
	dir := t.TempDir()
	for round := range 3 {
		start := time.Now()
		n := openOne(t, oneConfig(t, dir))
		t.Logf("round %d: serving after %s", round, time.Since(start))
		mustPropose(t, n, createVolume(fmt.Sprintf("vol-%d", round)))
		for r := range round + 1 {
			if !hasVolume(t, n, fmt.Sprintf("vol-%d", r)) {
				t.Errorf("round %d: volume of round %d is gone", round, r)
			}
		}
		closeNode(t, n)
	}
}

func TestACrashLosesNothingAcknowledged(t *testing.T) {
	n := openOne(t, oneConfig(t, t.TempDir()))
	defer closeNode(t, n)
	mustPropose(t, n, createVolume("vol"))
	mustPropose(t, n, createBucket("vol", "bucket"))
	for round := range 4 {
		for i := range 50 {
			mustPropose(t, n, commitKey("vol", "bucket", fmt.Sprintf("%d/%d", round, i)))
		}
		want := stateHash(t, n)
		crashed := filepath.Join(t.TempDir(), "crashed")
		copyDir(t, n.cfg.Dir, crashed)
		again := openOne(t, oneConfig(t, crashed))
		if got := stateHash(t, again); got != want {
			t.Errorf("round %d: the state after the crash differs", round)
		}
		if round == 2 && again.snaps.index() == 0 {
			t.Error("the marker made in round 1 is gone")
		}
		closeNode(t, again)
		if round == 1 {
			if err := n.Mark(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestRestartReplaysFromTheMarker(t *testing.T) {
	cfg := oneConfig(t, t.TempDir())
	cfg.TrailingLogs = 5
	n := openOne(t, cfg)
	for i := range 30 {
		mustPropose(t, n, createVolume(fmt.Sprintf("vol-%02d", i)))
	}
	if err := n.Mark(); err != nil {
		t.Fatal(err)
	}
	first, err := n.logs.FirstIndex()
	if err != nil || first < 20 {
		t.Errorf("the log begins at %d, %v; it was not cut", first, err)
	}
	mustPropose(t, n, createVolume("after"))
	want := stateHash(t, n)
	crashed := filepath.Join(t.TempDir(), "crashed")
	copyDir(t, n.cfg.Dir, crashed)
	closeNode(t, n)
	cfg.Dir = crashed
	n = openOne(t, cfg)
	defer closeNode(t, n)
	if stateHash(t, n) != want {
		t.Error("state differs after replay")
	}
	if got := n.Stats().Requests; got > 1 {
		t.Errorf("%d requests were applied again, one was behind the marker", got)
	}
}

func TestLostTableIsRefused(t *testing.T) {
	cfg := oneConfig(t, t.TempDir())
	n := openOne(t, cfg)
	mustPropose(t, n, createVolume("vol"))
	if err := n.Mark(); err != nil {
		t.Fatal(err)
	}
	closeNode(t, n)
	if err := os.RemoveAll(filepath.Join(cfg.Dir, "table")); err != nil {
		t.Fatal(err)
	}
	if n, err := Open(cfg); err == nil {
		closeNode(t, n)
		t.Fatal("opened with an empty table behind a marker")
	} else if !strings.Contains(err.Error(), "state was lost") {
		t.Errorf("error %q does not say what happened", err)
	}
}

func TestDamagedMarkerIsRefused(t *testing.T) {
	cfg := oneConfig(t, t.TempDir())
	n := openOne(t, cfg)
	mustPropose(t, n, createVolume("vol"))
	if err := n.Mark(); err != nil {
		t.Fatal(err)
	}
	closeNode(t, n)
	path := filepath.Join(cfg.Dir, "snapshot", markerFile)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := strings.Replace(string(b), `"TableIndex":`, `"TableIndex":1`, 1)
	if err := os.WriteFile(path, []byte(damaged), 0o644); err != nil {
		t.Fatal(err)
	}
	if n, err := Open(cfg); err == nil {
		closeNode(t, n)
		t.Fatal("opened with a damaged marker")
	}
}

func TestSecondOpenOfADirectoryIsRefused(t *testing.T) {
	cfg := oneConfig(t, t.TempDir())
	n := openOne(t, cfg)
	defer closeNode(t, n)
	if second, err := Open(cfg); err == nil {
		closeNode(t, second)
		t.Fatal("two nodes in one directory")
	}
}

func TestClosedNodeAnswersUnavailable(t *testing.T) {
	n := openOne(t, oneConfig(t, t.TempDir()))
	closeNode(t, n)
	closeNode(t, n) // again: nothing happens
	if _, err := n.Propose(testContext(t), createVolume("vol")); !errors.Is(err, ozerr.Unavailable) {
		t.Errorf("propose: %v", err)
	}
	if err := n.ReadIndex(testContext(t)); !errors.Is(err, ozerr.Unavailable) {
		t.Errorf("read index: %v", err)
	}
	if err := n.View(nil); !errors.Is(err, ozerr.Unavailable) {
		t.Errorf("view: %v", err)
	}
}

func TestManyProposersAtOnceAndClose(t *testing.T) {
	n := openOne(t, oneConfig(t, t.TempDir()))
	mustPropose(t, n, createVolume("vol"))
	mustPropose(t, n, createBucket("vol", "bucket"))
	before := n.Stats()
	var wg sync.WaitGroup
	for w := range 64 {
		wg.Go(func() {
			for i := range 20 {
				mustPropose(t, n, commitKey("vol", "bucket", fmt.Sprintf("%d/%d", w, i)))
			}
		})
	}
	wg.Wait()
	after := n.Stats()
	if got := after.Requests - before.Requests; got != 64*20 {
		t.Errorf("%d requests applied", got)
	}
	if entries := after.Entries - before.Entries; entries >= 64*20/2 {
		t.Errorf("%d entries for %d requests: not grouped", entries, 64*20)
	}
	// Close while proposals are under way: each ends with an answer or Unavailable.
	for w := range 16 {
		wg.Go(func() {
			for i := 0; ; i++ {
				_, err := n.Propose(context.Background(), commitKey("vol", "bucket", fmt.Sprintf("x%d/%d", w, i)))
				if errors.Is(err, ozerr.Unavailable) || errors.Is(err, ozerr.NotLeader) {
					return
				}
				if err != nil {
					t.Errorf("proposal during close: %v", err)
					return
				}
			}
		})
	}
	closeNode(t, n)
	wg.Wait()
}
