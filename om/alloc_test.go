package om

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

func TestAllocateByHealthyNodes(t *testing.T) {
	tests := []struct {
		nodes       int
		replication string
		min         int    // ozone.replication.min
		replicas    int    // 0: unavailable
		leaseMin    uint32 // in the lease
	}{
		{nodes: 3, replication: "THREE", replicas: 3, leaseMin: 2},
		{nodes: 5, replication: "", replicas: 3, leaseMin: 2},
		{nodes: 3, replication: "RATIS/THREE", min: 3, replicas: 3, leaseMin: 3},
		{nodes: 2, replication: "THREE", replicas: 2, leaseMin: 2},
		{nodes: 2, replication: "THREE", min: 3},
		{nodes: 1, replication: "THREE"},
		{nodes: 1, replication: "THREE", min: 1, replicas: 1, leaseMin: 1},
		{nodes: 1, replication: "ONE", replicas: 1, leaseMin: 1},
		{nodes: 3, replication: "ONE", min: 2, replicas: 1, leaseMin: 1},
		{nodes: 0, replication: "ONE"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%d nodes %s min %d", tt.nodes, tt.replication, tt.min), func(t *testing.T) {
			cfg, _ := testConfig(t, t.TempDir())
			cfg.MinReplicas = tt.min
			s := openServer(t, cfg)
			defer closeServer(t, s)
			startNodes(t, s, tt.nodes)
			resp, err := s.Submit(testContext(t), allocate(10, tt.replication))
			if tt.replicas == 0 {
				if !errors.Is(err, ozerr.Unavailable) {
					t.Fatalf("got %v, %v; want UNAVAILABLE", resp, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := len(resp.GetLeases().GetLeases()); got != 10 {
				t.Fatalf("%d leases", got)
			}
			for _, l := range resp.GetLeases().GetLeases() {
				if len(l.Replicas) != tt.replicas || l.MinReplicas != tt.leaseMin {
					t.Errorf("lease has %d replicas, at least %d; want %d, %d", len(l.Replicas), l.MinReplicas, tt.replicas, tt.leaseMin)
				}
			}
		})
	}
}

func TestAllocateRefusesNonsense(t *testing.T) {
	cfg, _ := testConfig(t, t.TempDir())
	s := openServer(t, cfg)
	defer closeServer(t, s)
	startNodes(t, s, 3)
	for _, req := range []*ompb.Request{allocate(maxLeases+1, "ONE"), allocate(1, "TWO"), allocate(1, "RATIS/SEVEN")} {
		if _, err := s.Submit(testContext(t), req); !errors.Is(err, ozerr.InvalidArgument) {
			t.Errorf("%v: %v, want INVALID_ARGUMENT", req, err)
		}
	}
}

func TestAllocateWaitsForTheFirstDatanode(t *testing.T) {
	cfg, _ := testConfig(t, t.TempDir())
	cfg.AllocateWait = patience
	s := openServer(t, cfg)
	defer closeServer(t, s)
	done := make(chan error, 1)
	changed := s.view.Changed()
	go func() {
		_, err := s.Submit(testContext(t), allocate(1, "ONE"))
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("answered %v without a datanode", err)
	case <-time.After(20 * time.Millisecond): // give it the chance to be wrong
	}
	startNodes(t, s, 1)
	<-changed
	if err := <-done; err != nil {
		t.Errorf("after the first heartbeat: %v", err)
	}
}

func TestAllocateEndsWithItsContext(t *testing.T) {
	cfg, _ := testConfig(t, t.TempDir())
	cfg.AllocateWait = patience
	s := openServer(t, cfg)
	defer closeServer(t, s)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := s.Submit(ctx, allocate(1, "ONE")); !errors.Is(err, ozerr.Timeout) {
		t.Errorf("got %v, want TIMEOUT", err)
	}
}

// No block id is leased twice, not by concurrent callers and not after a restart.
func TestBlockIDsAreUnique(t *testing.T) {
	cfg, _ := testConfig(t, t.TempDir())
	seen := map[string]bool{}
	for range 3 {
		s := openServer(t, cfg)
		startNodes(t, s, 3)
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for _, l := range leases(t, s, 50, "THREE") {
					mu.Lock()
					if id := fmt.Sprint(l.Id.Local); seen[id] {
						t.Errorf("block %s leased twice", id)
					} else {
						seen[id] = true
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		closeServer(t, s)
	}
}

func TestExclusionsAndSilentNodesAreAvoided(t *testing.T) {
	cfg, clk := testConfig(t, t.TempDir())
	s := openServer(t, cfg)
	defer closeServer(t, s)
	nodes := startNodes(t, s, 4)
	uses := func(ls []*ompb.BlockLease, node string) bool {
		return slices.ContainsFunc(ls, func(l *ompb.BlockLease) bool {
			return slices.ContainsFunc(l.Replicas, func(n *commonpb.Node) bool { return n.Id == node })
		})
	}
	req := allocate(20, "THREE")
	req.GetAllocateBlocks().ExcludeNodes = []string{"dn2"}
	if uses(submit(t, s, req).GetLeases().GetLeases(), "dn2") {
		t.Error("an excluded node was leased")
	}
	first := leases(t, s, 20, "THREE")
	req = allocate(20, "THREE")
	for _, l := range first {
		req.GetAllocateBlocks().ExcludeContainers = append(req.GetAllocateBlocks().ExcludeContainers, l.Id.Container)
	}
	for _, l := range submit(t, s, req).GetLeases().GetLeases() {
		if slices.Contains(req.GetAllocateBlocks().ExcludeContainers, l.Id.Container) {
			t.Errorf("excluded container %d was leased", l.Id.Container)
		}
	}
	clk.advance(time.Minute)
	for _, n := range nodes[:3] {
		n.heartbeat()
	}
	if uses(leases(t, s, 50, "THREE"), "dn4") {
		t.Error("a stale node was leased")
	}
}

func TestFullContainerCloses(t *testing.T) {
	cfg, _ := testConfig(t, t.TempDir())
	s := openServer(t, cfg)
	defer closeServer(t, s)
	nodes := startNodes(t, s, 3)
	id := leases(t, s, 1, "THREE")[0].Id.Container
	nodes[0].report(id, dnpb.ContainerState_OPEN, 950) // of 1000
	until(t, nodes, "the container is closed", func() bool {
		return containerInfo(t, s, id).State == uint32(dnpb.ContainerState_CLOSED)
	})
	for _, l := range leases(t, s, 50, "THREE") {
		if l.Id.Container == id {
			t.Error("a closed container was leased")
		}
	}
	for _, n := range nodes {
		if len(n.taken) != 1 || n.taken[0].GetCloseContainer().GetContainer() != id {
			t.Errorf("%s got orders %v", n.beat.Node.Id, n.taken)
		}
	}
}

// A container fills within a heartbeat interval: what om commits counts at once.
func TestCommittedBytesFillAContainer(t *testing.T) {
	cfg, _ := testConfig(t, t.TempDir())
	s := openServer(t, cfg)
	defer closeServer(t, s)
	startNodes(t, s, 1)
	ref := makeBucket(t, s)
	l := leases(t, s, 1, "ONE")[0]
	commit(t, s, ref, "big", l, 900)
	if next := leases(t, s, 1, "ONE")[0]; next.Id.Container == l.Id.Container {
		t.Error("the container is full and was leased again")
	}
}

func TestBadReplicaClosesItsContainerAtOnce(t *testing.T) {
	cfg, clk := testConfig(t, t.TempDir())
	s := openServer(t, cfg)
	defer closeServer(t, s)
	nodes := startNodes(t, s, 3)
	l := leases(t, s, 1, "THREE")[0]
	report := &ompb.Request{Op: &ompb.Request_ReportBadReplica{ReportBadReplica: &ompb.ReportBadReplica{
		Block: l.Id, NodeId: "dn3", Reason: "broken", CloseContainer: true}}}
	submit(t, s, report)
	submit(t, s, report) // a second client, the same news
	if st := containerInfo(t, s, l.Id.Container).State; st == uint32(dnpb.ContainerState_OPEN) {
		t.Error("still open after the answer")
	}
	for _, n := range leases(t, s, 50, "THREE") {
		if n.Id.Container == l.Id.Container {
			t.Error("the container was leased again")
		}
	}
	// The node that failed is dead: the others close without it.
	clk.advance(time.Hour)
	until(t, nodes[:2], "the container is closed by the living", func() bool {
		return containerInfo(t, s, l.Id.Container).State == uint32(dnpb.ContainerState_CLOSED)
	})
}

// A replica that lets blocks finish says CLOSING and leaves the order undone: the
// container is not closed, and the order is repeated, until all have said CLOSED.
func TestClosingWaitsForEveryReplica(t *testing.T) {
	cfg, _ := testConfig(t, t.TempDir())
	s := openServer(t, cfg)
	defer closeServer(t, s)
	nodes := startNodes(t, s, 3)
	l := leases(t, s, 1, "THREE")[0]
	id := l.Id.Container
	for _, n := range nodes {
		n.lazy = true
		n.report(id, dnpb.ContainerState_OPEN, 950)
	}
	until(t, nodes, "every node has the order", func() bool {
		return !slices.ContainsFunc(nodes, func(n *fakeNode) bool { return len(n.taken) == 0 })
	})
	if again := s.present().orders.pending("dn1", time.Now().Add(time.Hour), 8); len(again) != 1 || again[0].Id != nodes[0].taken[0].Id {
		t.Errorf("later the order is not repeated: %v", again)
	}
	for i, n := range nodes {
		n.report(id, dnpb.ContainerState_CLOSING, 0)
		for range 3 { // rounds of the closer
			n.heartbeat()
			if err := s.closeContainers(testContext(t), s.present()); err != nil {
				t.Fatal(err)
			}
			if st := containerInfo(t, s, id).State; st != uint32(dnpb.ContainerState_CLOSING) {
				t.Fatalf("state %d while %d replicas are closed", st, i)
			}
		}
		n.report(id, dnpb.ContainerState_CLOSED, 0)
		n.heartbeat() // its report is enough: the order may never be answered
	}
	until(t, nodes, "the container is closed", func() bool {
		return containerInfo(t, s, id).State == uint32(dnpb.ContainerState_CLOSED)
	})
}

// A client goes on avoiding containers long after they closed. It still gets the
// usual number of open ones, or its whole load would go to one.
func TestAvoidingClosedContainersIsNoTrouble(t *testing.T) {
	cfg, _ := testConfig(t, t.TempDir())
	s := openServer(t, cfg)
	defer closeServer(t, s)
	startNodes(t, s, 6)
	var avoided []uint64
	for _, l := range leases(t, s, 200, "THREE") {
		if !slices.Contains(avoided, l.Id.Container) {
			avoided = append(avoided, l.Id.Container)
			submit(t, s, &ompb.Request{Op: &ompb.Request_ReportBadReplica{ReportBadReplica: &ompb.ReportBadReplica{
				Block: l.Id, CloseContainer: true}}})
		}
	}
	req := allocate(1, "THREE")
	req.GetAllocateBlocks().ExcludeContainers = avoided
	submit(t, s, req)
	if n := s.present().alloc.count(); n != 2 {
		t.Errorf("%d open containers on six nodes, want 2", n)
	}
}

// Closing goes on after a restart, and so do the containers that were open.
func TestContainersSurviveARestart(t *testing.T) {
	cfg, _ := testConfig(t, t.TempDir())
	s := openServer(t, cfg)
	nodes := startNodes(t, s, 3)
	ls := leases(t, s, 50, "THREE")
	closing := ls[0].Id.Container
	submit(t, s, &ompb.Request{Op: &ompb.Request_ReportBadReplica{ReportBadReplica: &ompb.ReportBadReplica{
		Block: ls[0].Id, CloseContainer: true}}})
	open := map[uint64]bool{}
	for _, l := range leases(t, s, 50, "THREE") {
		open[l.Id.Container] = true
	}
	closeServer(t, s)
	s = openServer(t, cfg)
	defer closeServer(t, s)
	for _, n := range nodes {
		n.s = s
		n.heartbeat()
	}
	for _, l := range leases(t, s, 50, "THREE") {
		if !open[l.Id.Container] {
			t.Errorf("container %d is new; %v were open", l.Id.Container, open)
		}
	}
	until(t, nodes, "the container is closed", func() bool {
		return containerInfo(t, s, closing).State == uint32(dnpb.ContainerState_CLOSED)
	})
}

// Containers made while nodes were missing are replaced once there are enough.
func TestThinContainersAreReplaced(t *testing.T) {
	cfg, _ := testConfig(t, t.TempDir())
	s := openServer(t, cfg)
	defer closeServer(t, s)
	nodes := startNodes(t, s, 2)
	thin := leases(t, s, 1, "THREE")[0]
	if len(thin.Replicas) != 2 {
		t.Fatalf("%d replicas on two nodes", len(thin.Replicas))
	}
	n := newNode(t, s, "dn3")
	nodes = append(nodes, n)
	n.heartbeat()
	for _, l := range leases(t, s, 20, "THREE") {
		if len(l.Replicas) != 3 {
			t.Errorf("%d replicas with three nodes", len(l.Replicas))
		}
	}
	until(t, nodes, "the thin container is closed", func() bool {
		return containerInfo(t, s, thin.Id.Container).State == uint32(dnpb.ContainerState_CLOSED)
	})
}
