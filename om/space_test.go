package om

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// aDisk has 100 GiB, of which so many bytes are free.
type aDisk struct{ free atomic.Uint64 }

func (d *aDisk) space() (capacity, free uint64, err error) { return 100 << 30, d.free.Load(), nil }

// An om whose disk is full refuses what grows and does what shrinks, and goes on by
// itself when there is room.
func TestFullDiskOfOM(t *testing.T) {
	cfg, _ := testConfig(t, t.TempDir())
	var disk aDisk
	disk.free.Store(50 << 30)
	cfg.DiskSpace = disk.space
	s := openServer(t, cfg)
	defer closeServer(t, s)
	for _, id := range []string{"dn1", "dn2", "dn3"} {
		newNode(t, s, id).heartbeat()
	}
	ref := makeBucket(t, s)
	l := leases(t, s, 2, "THREE")
	commit(t, s, ref, "a", l[0], 10)
	commit(t, s, ref, "b", l[1], 10)

	disk.free.Store(1<<30 - 1)
	s.lookAtSpace()
	createVolume := &ompb.Request{User: "u", Op: &ompb.Request_CreateVolume{CreateVolume: &ompb.CreateVolume{Volume: "volume"}}}
	for _, req := range []*ompb.Request{allocate(1, "THREE"), createVolume} {
		if _, err := s.Submit(testContext(t), req); !errors.Is(err, ozerr.DiskFull) {
			t.Errorf("%T: %v", req.Op, err)
		}
	}
	get := func(key string) error {
		_, err := s.Submit(testContext(t), &ompb.Request{Op: &ompb.Request_GetKey{GetKey: &ompb.GetKey{Ref: ref, Key: key}}})
		return err
	}
	if err := get("a"); err != nil {
		t.Errorf("read: %v", err)
	}
	submit(t, s, &ompb.Request{User: "u", Op: &ompb.Request_DeleteKeys{DeleteKeys: &ompb.DeleteKeys{
		Ref: ref, Keys: []*ompb.KeyToDelete{{Key: "a"}}}}})
	if err := get("a"); !errors.Is(err, ozerr.KeyNotFound) {
		t.Errorf("deleted: %v", err)
	}
	if err := s.node.Mark(); err != nil {
		t.Errorf("the log is not cut: %v", err)
	}

	disk.free.Store(1<<30 + 1) // a little is not enough, or it would flap
	s.lookAtSpace()
	if _, err := s.Submit(testContext(t), createVolume); !errors.Is(err, ozerr.DiskFull) {
		t.Errorf("with a little room: %v", err)
	}
	disk.free.Store(2 << 30)
	s.lookAtSpace()
	submit(t, s, createVolume)
	leases(t, s, 1, "THREE")
	if err := get("b"); err != nil {
		t.Errorf("at the end: %v", err)
	}
}

// The reserve is no more than a twentieth of a small disk.
func TestReserveOfASmallDisk(t *testing.T) {
	d := space{min: 1 << 30}
	for _, tc := range []struct {
		capacity, free uint64
		low            bool
	}{{1 << 30, 60 << 20, false}, {1 << 30, 50 << 20, true}, {100 << 30, 1<<30 - 1, true}, {100 << 30, 2 << 30, false}} {
		if _, low := d.look(tc.capacity, tc.free); low != tc.low {
			t.Errorf("%d of %d free: low is %v", tc.free, tc.capacity, low)
		}
	}
}

// Leadership goes to an om with room, once; callers see errors that they may repeat.
func TestFullDiskMovesLeadership(t *testing.T) {
	disks := map[string]*aDisk{}
	servers := threeServers(t, func(c *Config) {
		d := &aDisk{}
		d.free.Store(50 << 30)
		disks[c.ID], c.DiskSpace = d, d.space
	})
	create := &ompb.Request{User: "u", Op: &ompb.Request_CreateVolume{CreateVolume: &ompb.CreateVolume{Volume: "volume"}}}
	leading := func() *Server {
		for _, s := range servers {
			if _, ok := s.node.Leading(); ok {
				return s
			}
		}
		return nil
	}
	var first *Server
	wait := func(what string, cond func() bool) {
		t.Helper()
		for late := time.Now().Add(patience); !cond(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(late) {
				t.Fatal("not in time: " + what)
			}
		}
	}
	wait("a leader", func() bool { first = leading(); return first != nil })
	disks[first.cfg.ID].free.Store(1)
	answered := false
	wait("another leader takes it", func() bool {
		s := leading()
		if s == nil {
			return false
		}
		_, err := s.Submit(testContext(t), create)
		switch c := ozerr.CodeOf(err); {
		case err == nil || c == ozerr.VolumeAlreadyExists:
			answered = true
		case s == first && c == ozerr.DiskFull:
			t.Fatal("the client is told that the cluster is full")
		}
		return answered && s != first
	})
	if first.space.handOver(time.Now()) {
		t.Error("it would hand over again at once")
	}
}
