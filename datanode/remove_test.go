package datanode_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mini-ozone/mini-ozone/datanode"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// An order to remove a replica that a deposed leader gave, and that comes late: the replica
// has been made a member since, or is about to be. It stays.
func TestALateOrderToRemoveIsRefused(t *testing.T) {
	r := newRig(t, 2)
	want := r.fill(0, true)
	r.closeContainer(0)
	remove := func() *dnpb.Order {
		return &dnpb.Order{What: &dnpb.Order_DeleteContainer{DeleteContainer: &dnpb.DeleteContainer{Container: 1}}}
	}
	r.next = 100
	if f := r.reconcile(1, nil, 0); f != nil {
		t.Fatal(f)
	}
	r.next = 50 // an order of the leader before
	if f := r.order(1, remove()); f.GetCode() != string(ozerr.InvalidRequest) {
		t.Fatalf("an order older than the one to make the replica: %v", f)
	}
	r.check(1, want)
	r.next = 200
	r.om.mu.Lock()
	r.om.nodes = []string{r.dn[0].ID(), r.dn[1].ID()}
	r.om.mu.Unlock()
	if f := r.order(1, remove()); f.GetCode() != string(ozerr.InvalidRequest) {
		t.Fatalf("the log says it is a member: %v", f)
	}
	r.check(1, want)
	r.om.mu.Lock()
	r.om.nodes = r.om.nodes[:1]
	r.om.mu.Unlock()
	for range 2 { // repeated, as when the answer was lost
		r.do(1, remove())
	}
	r.settled(1, "the end of the replica", func(c *dnpb.ContainerReport) bool { return c == nil })
}

// A repair in place also brings what om doesn't list yet: a writer that lost this replica
// may commit it a minute later, and then three replicas are said to have it.
func TestReconcileInPlaceBringsWhatMayBeCommitted(t *testing.T) {
	r := newRig(t, 2)
	want := r.fill(0, true)
	for local, data := range want {
		putBig(t, r.dn[1], local, data)
	}
	want[1000] = []byte("not committed yet, and not stored on the other")
	putBig(t, r.dn[0], 1000, want[1000])
	r.closeContainer(0)
	r.closeContainer(1)
	if f := r.reconcile(1, nil, 0); f != nil {
		t.Fatal(f)
	}
	r.check(1, want)
	r.same(0, 1)
}

// An unhealthy replica that nobody else has a copy of is not replaced by a log that lacks
// what can't be read of it now: it is all there is.
func TestReconcileKeepsTheOnlyReplica(t *testing.T) {
	r := newRig(t, 2)
	want := r.fill(0, true)
	for local, data := range want {
		putBig(t, r.dn[1], local, data)
	}
	r.closeContainer(0)
	r.closeContainer(1)
	r.stop(1)
	names := logs(r.cfg[1])
	if len(names) != 1 {
		t.Fatal(names)
	}
	whole, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(names[0], int64(len(whole)-7<<20)); err != nil {
		t.Fatal(err)
	}
	r.start(1)
	unhealthy := func(c *dnpb.ContainerReport) bool { return c.GetState() == dnpb.ContainerState_UNHEALTHY }
	r.settled(1, "an unhealthy replica", unhealthy)
	if f := r.reconcile(1, nil); f == nil {
		t.Fatal("made whole from nothing")
	}
	r.settled(1, "the replica as it was", unhealthy)
	if st, err := os.Stat(names[0]); err != nil || st.Size() != int64(len(whole)-7<<20) {
		t.Fatalf("the old log was replaced: %v %v", st, err)
	}
	if f := r.reconcile(1, nil, 0); f != nil {
		t.Fatal(f)
	}
	r.check(1, want)
}

// logs are the names of the logs of a datanode.
func logs(cfg datanode.Config) (all []string) {
	for _, dir := range cfg.Dirs {
		names, _ := filepath.Glob(filepath.Join(dir, "containers", "*.log")) // the pattern is good
		all = append(all, names...)
	}
	return all
}
