package raftnode

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// badDisk is a log that hangs or fails on request.
type badDisk struct {
	recordWriter
	mu   sync.Mutex
	hang chan struct{} // a write waits until it is closed; nil: none does
	fail error
}

func (d *badDisk) StoreLogs(l []*raft.Log) error {
	d.mu.Lock()
	hang, fail := d.hang, d.fail
	d.mu.Unlock()
	if hang != nil {
		<-hang
	}
	if fail != nil {
		return fail
	}
	return d.recordWriter.StoreLogs(l)
}

func (d *badDisk) set(hang chan struct{}, fail error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hang, d.fail = hang, fail
}

// disks gives each node of a cluster one.
type disks struct {
	mu   sync.Mutex
	byID map[string]*badDisk
}

func (ds *disks) change(cfg *Config) {
	id := cfg.ID
	cfg.wrapLog = func(w recordWriter) recordWriter {
		ds.mu.Lock()
		defer ds.mu.Unlock()
		ds.byID[id] = &badDisk{recordWriter: w}
		return ds.byID[id]
	}
}

func (ds *disks) of(id string) *badDisk {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	return ds.byID[id]
}

// A leader whose log disk hangs is replaced by its peers, and does no harm when the disk
// comes back: what it had taken and nobody else has is gone, what was acknowledged is not.
func TestStalledDiskMovesLeadership(t *testing.T) {
	ds := &disks{byID: map[string]*badDisk{}}
	c := newCluster(t, func(cfg *Config) {
		ds.change(cfg)
		cfg.StallLimit = time.Hour // it falls silent, and that must do
	})
	old := c.propose(createVolume("one"))
	release := make(chan struct{})
	ds.of(old.cfg.ID).set(release, nil)
	freed := sync.OnceFunc(func() {
		ds.of(old.cfg.ID).set(nil, nil)
		close(release)
	})
	t.Cleanup(freed) // before the cluster's, or it could not stop
	stuck := make(chan error, 1)
	go func() {
		_, err := old.Propose(testContext(t), createVolume("stuck"))
		stuck <- err
	}()
	next := old
	began := time.Now()
	for next == old {
		next = c.otherLeader(old)
	}
	t.Logf("replaced after %v", time.Since(began))
	mustPropose(t, next, createVolume("two"))
	if _, err := old.awaitTerm(testContext(t)); err == nil {
		t.Error("the silent leader still serves")
	}
	freed()
	if err := <-stuck; err == nil {
		t.Error("a write was acknowledged that no majority has")
	}
	c.sameState(old.cfg.ID)
	if !hasVolumeNow(t, old, "two") || hasVolumeNow(t, old, "stuck") {
		t.Error("it did not follow the new leader")
	}
}

// otherLeader is who serves beside n, or n if nobody does within a while.
func (c *cluster) otherLeader(n *Node) *Node {
	c.t.Helper()
	ctx := testContext(c.t)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, o := range c.nodes {
			if _, leads := o.Leading(); o != n && leads {
				return o
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			c.t.Fatal("nobody else leads")
		}
	}
}

// A write that never ends ends the process; one that fails does so at once.
func TestBadDiskIsFatal(t *testing.T) {
	for _, failing := range []bool{false, true} {
		ds := &disks{byID: map[string]*badDisk{}}
		fatal := make(chan error, 10)
		c := newCluster(t, func(cfg *Config) {
			ds.change(cfg)
			cfg.StallSilence, cfg.StallLimit = 50*time.Millisecond, 200*time.Millisecond
			cfg.Fatal = func(err error) { fatal <- err }
		})
		old := c.propose(createVolume("one"))
		for len(fatal) > 0 {
			<-fatal // a real disk that took 200 ms
		}
		release := make(chan struct{})
		broken := errors.New("input/output error")
		if failing {
			ds.of(old.cfg.ID).set(nil, broken)
		} else {
			ds.of(old.cfg.ID).set(release, nil)
		}
		stuck := make(chan error, 1)
		go func() {
			_, err := old.Propose(testContext(t), createVolume("stuck"))
			stuck <- err
		}()
		select {
		case err := <-fatal:
			if failing != errors.Is(err, broken) {
				t.Errorf("failing=%t: %v", failing, err)
			}
		case <-time.After(patience):
			t.Errorf("failing=%t: nothing happened", failing)
		}
		ds.of(old.cfg.ID).set(nil, nil)
		close(release)
		<-stuck
	}
}
