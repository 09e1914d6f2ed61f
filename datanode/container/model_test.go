package container_test

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mini-ozone/mini-ozone/datanode/container"
	"github.com/mini-ozone/mini-ozone/datanode/vfs"
	"github.com/mini-ozone/mini-ozone/internal/crc32c"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// name is a block in the model.
type name struct{ container, local uint64 }

func (n name) id() *commonpb.BlockID { return block(n.container, n.local) }

// model is what a datanode must hold, and the datanode under test.
type model struct {
	t     *rapid.T
	mem   *vfs.Mem
	fault *vfs.Fault
	set   *container.Set

	live     map[name][]byte // committed for sure
	maybe    map[name][]byte // the commit was not acknowledged
	dying    map[name]bool   // the deletion was not acknowledged
	dead     map[name]bool   // deleted for sure
	open     map[name][]byte // being written
	touched  map[name]time.Time
	closed   map[uint64]bool
	draining map[uint64]bool // closing, for sure
	closing  map[uint64]bool // perhaps: the power failed meanwhile. It may come to light at the next write
	now      time.Time
	next     uint64
	crashMu  sync.Mutex
	crashed  *vfs.Mem // what a power loss in the middle of an operation left
}

func newModel(t *rapid.T) *model {
	m := &model{
		t: t, mem: vfs.NewMem(0),
		live: map[name][]byte{}, maybe: map[name][]byte{}, dying: map[name]bool{}, dead: map[name]bool{},
		open: map[name][]byte{}, touched: map[name]time.Time{},
		closed: map[uint64]bool{}, draining: map[uint64]bool{}, closing: map[uint64]bool{}, now: time.Unix(1_000_000, 0), next: 1,
	}
	m.start()
	return m
}

func (m *model) start() {
	m.fault = vfs.NewFault(m.mem, nil)
	var err error
	if m.set, err = openMemAt(m.fault, func() time.Time { return m.now }); err != nil {
		m.t.Fatalf("open: %v", err)
	}
	m.open = map[name][]byte{}
}

// step runs an operation. With a power loss planned, it happens during one of its
// disk operations; what the operation answered then doesn't count.
func (m *model) step(op func() error) (acked bool, err error) {
	err = op()
	m.crashMu.Lock()
	defer m.crashMu.Unlock()
	if m.crashed != nil {
		return false, err
	}
	if err != nil && !expected(err) {
		m.t.Fatalf("no fault, but %v", err)
	}
	return err == nil, err
}

// expected says that an error is an answer of the protocol and not a failure.
func expected(err error) bool {
	return errors.Is(err, ozerr.ContainerClosed) || errors.Is(err, ozerr.BlockNotFound) || errors.Is(err, container.ErrClosing)
}

func (m *model) pick(from map[name][]byte) (name, bool) {
	names := slices.SortedFunc(maps.Keys(from), func(a, b name) int {
		return int(a.container-b.container)*1_000_000 + int(a.local) - int(b.local)
	})
	if len(names) == 0 {
		return name{}, false
	}
	return names[rapid.IntRange(0, len(names)-1).Draw(m.t, "which")], true
}

// write puts a whole block in one go.
func (m *model) write() {
	n := m.newName()
	data := bytesFor(n.local, rapid.SampledFrom([]int{0, 1, 100, 4096, 5000, unit + 7}).Draw(m.t, "size"))
	m.commit(n, commitReq(n.id(), 0, data, data), data, data)
}

func (m *model) newName() name {
	n := name{rapid.Uint64Range(1, 3).Draw(m.t, "container"), m.next}
	m.next++
	return n
}

func (m *model) commit(n name, req *dnpb.WriteRequest, data, whole []byte) {
	_, begun := m.open[n]
	delete(m.open, n)
	acked, err := m.step(func() error { return m.set.Write(ctx, req, data) })
	m.admitted(n, begun, acked)
	switch {
	case acked:
		m.live[n] = whole
	case err == nil || !expected(err):
		m.maybe[n] = whole
	}
}

// admitted checks whether bytes of a block had to be taken: of a new block if the
// container is open, of one that was begun in any case. Closing didn't end it.
func (m *model) admitted(n name, begun, acked bool) {
	c := n.container
	switch {
	case m.crashed != nil:
	case begun && !acked:
		m.t.Fatalf("%v was begun and is refused; closing %t", n, m.draining[c])
	case acked && !begun && (m.closed[c] || m.draining[c]):
		m.t.Fatalf("%v is new and is taken; closed %t, closing %t", n, m.closed[c], m.draining[c])
	case !acked && !m.closed[c] && !m.draining[c] && !m.closing[c]:
		m.t.Fatalf("%v is refused by an open container", n)
	}
}

// begin writes the first chunks of a block, each of one unit.
func (m *model) begin() {
	n, ok := m.pick(m.open)
	if !ok || rapid.Bool().Draw(m.t, "another") {
		n = m.newName()
	}
	whole := bytesFor(n.local, len(m.open[n])+unit)
	req := chunkReq(n.id(), len(m.open[n]), whole[len(m.open[n]):])
	_, begun := m.open[n]
	acked, _ := m.step(func() error { return m.set.Write(ctx, req, whole[len(m.open[n]):]) })
	m.admitted(n, begun, acked)
	if acked {
		m.open[n], m.touched[n] = whole, m.now
	} else {
		delete(m.open, n)
	}
}

// finish commits a begun block, with a last chunk or sealed somewhere.
func (m *model) finish() {
	n, ok := m.pick(m.open)
	if !ok {
		return
	}
	has := len(m.open[n])
	if rapid.Bool().Draw(m.t, "seal") {
		whole := m.open[n][:rapid.IntRange(0, has).Draw(m.t, "length")]
		req := commitReq(n.id(), 0, nil, whole)
		req.Seal = true
		m.commit(n, req, nil, whole)
		return
	}
	last := rapid.SampledFrom([]int{0, 1, 3000}).Draw(m.t, "last")
	whole := bytesFor(n.local, has+last)
	if !bytes.Equal(whole[:has], m.open[n]) {
		m.t.Fatal("the test's data isn't stable")
	}
	m.commit(n, commitReq(n.id(), has, whole[has:], whole), whole[has:], whole)
}

func (m *model) remove() {
	n, ok := m.pick(m.live)
	if !ok {
		return
	}
	acked, err := m.step(func() error { return m.set.Delete(ctx, []*commonpb.BlockID{n.id()}) })
	switch {
	case acked:
		delete(m.live, n)
		m.dead[n] = true
	case m.crashed == nil:
		m.t.Fatalf("delete: %v", err)
	default:
		m.dying[n] = true
	}
}

func (m *model) closeOne() {
	c := rapid.Uint64Range(1, 3).Draw(m.t, "container")
	acked, err := m.step(func() error { return m.set.CloseContainer(ctx, c) })
	if m.crashed != nil {
		m.closing[c] = true
		return
	}
	left := m.forget(c, closingIdle)
	switch {
	case acked && left == 0:
		m.closed[c] = true
		delete(m.draining, c)
	case errors.Is(err, container.ErrClosing) && left > 0:
		m.draining[c] = true
	default:
		m.t.Fatalf("close with %d unfinished blocks: %v", left, err)
	}
}

// Those of container.DefaultOptions.
const idle, closingIdle = 10 * time.Minute, 30 * time.Second

// forget drops what was not written to for so long, and returns how many unfinished
// blocks of the container are left.
func (m *model) forget(c uint64, after time.Duration) (left int) {
	for n := range m.open {
		if n.container != c {
			continue
		}
		if m.now.Sub(m.touched[n]) > after {
			delete(m.open, n)
		} else {
			left++
		}
	}
	return left
}

// again repeats a commit, as a client does after a lost reply, and tries to bring
// back what was deleted.
func (m *model) again() {
	if n, ok := m.pick(m.live); ok {
		_, err := m.step(func() error { return m.set.Write(ctx, commitReq(n.id(), 0, m.live[n], m.live[n]), m.live[n]) })
		if err != nil && m.crashed == nil {
			m.t.Fatalf("repeated commit of %v: %v", n, err)
		}
	}
	for n := range m.dead {
		err := m.set.Write(ctx, commitReq(n.id(), 0, []byte("x"), []byte("x")), []byte("x"))
		if err == nil {
			m.t.Fatalf("deleted %v was written again", n)
		}
		break
	}
}

// maintain lets time pass and the datanode do what is due then.
func (m *model) maintain() {
	m.now = m.now.Add(rapid.SampledFrom([]time.Duration{0, 20 * time.Second, 40 * time.Second, time.Hour}).Draw(m.t, "later"))
	_, err := m.step(func() error { return m.set.Maintain(ctx, m.now) })
	if m.crashed != nil {
		maps.Copy(m.closing, m.draining)
		return
	}
	if err != nil {
		m.t.Fatalf("maintain: %v", err)
	}
	for c := range uint64(5) {
		after := idle
		if m.draining[c] {
			after = closingIdle
		}
		if left := m.forget(c, after); m.draining[c] && left == 0 {
			m.closed[c] = true
			delete(m.draining, c)
		}
	}
	m.states()
}

// restart ends the datanode cleanly, by a kill, or by a power loss, and starts it again.
func (m *model) restart() {
	how := rapid.SampledFrom([]string{"stop", "kill", "power"}).Draw(m.t, "restart")
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(m.t, "seed"), 0))
	next := m.mem
	switch how {
	case "kill":
		next = m.mem.Kill()
	case "power":
		next = m.mem.Crash(rng)
	}
	if how != "stop" {
		m.fault.SetHook(nil) // what a planned power loss would leave of the end doesn't count
	}
	if err := m.set.Close(ctx); err != nil {
		m.t.Fatalf("close: %v", err)
	}
	if m.crashedNow() {
		return // see recover
	}
	if how != "stop" { // a stop keeps it, with nothing left to wait for
		maps.Copy(m.closing, m.draining)
		clear(m.draining)
	}
	m.mem = next
	m.start()
	m.audit()
}

// plan makes the power fail at one of the next disk operations.
func (m *model) plan() {
	in := rapid.IntRange(0, rapid.SampledFrom([]int{12, 60}).Draw(m.t, "soon")).Draw(m.t, "crash in")
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(m.t, "seed"), 1))
	at := m.fault.Count() + in
	m.fault.SetHook(func(op vfs.Op) error {
		m.crashMu.Lock()
		defer m.crashMu.Unlock()
		if op.N >= at && m.crashed == nil {
			m.crashed = m.mem.Crash(rng)
		}
		return nil
	})
}

// recover starts again after a planned power loss, if it happened.
func (m *model) recover() {
	m.crashMu.Lock()
	crashed := m.crashed
	m.crashMu.Unlock()
	if crashed == nil {
		return
	}
	if err := m.set.Close(ctx); err != nil {
		m.t.Fatalf("close: %v", err)
	}
	maps.Copy(m.closing, m.draining)
	clear(m.draining)
	m.mem, m.crashed = crashed, nil
	m.start()
	m.audit()
}

// audit compares everything the datanode has with the model, and turns what was
// unknown into what it turned out to be.
func (m *model) audit() {
	listed := m.list()
	for n, data := range m.live {
		if m.dying[n] && !m.there(n) {
			delete(m.live, n)
			m.dead[n] = true
			continue
		}
		m.same(n, data)
	}
	m.dying = map[name]bool{}
	for n, data := range m.maybe {
		if m.there(n) {
			m.same(n, data)
			m.live[n] = data
		}
	}
	m.maybe = map[name][]byte{}
	for n := range m.dead {
		if _, _, err := m.set.Read(ctx, &dnpb.ReadRequest{Block: n.id()}, nil); err == nil {
			m.t.Fatalf("deleted %v is back", n)
		}
	}
	for n := range listed {
		if _, ok := m.live[n]; !ok {
			m.t.Fatalf("%v is visible but was never committed, or was deleted", n)
		}
	}
	m.states()
}

// states compares the reported states with the model. A close that was not
// acknowledged may have gone through.
func (m *model) states() {
	reports, _, _ := m.set.Reports(0)
	for _, r := range reports {
		switch {
		case r.State == dnpb.ContainerState_UNHEALTHY:
			m.t.Fatalf("container %d is unhealthy without a fault", r.Id)
		case m.closed[r.Id] && r.State != dnpb.ContainerState_CLOSED, m.draining[r.Id] && r.State != dnpb.ContainerState_CLOSING:
			m.t.Fatalf("container %d was closed %t, closing %t, now %v", r.Id, m.closed[r.Id], m.draining[r.Id], r.State)
		case r.State == dnpb.ContainerState_OPEN:
		case !m.closed[r.Id] && !m.draining[r.Id] && !m.closing[r.Id]:
			m.t.Fatalf("container %d is %v, nobody closed it", r.Id, r.State)
		case r.State == dnpb.ContainerState_CLOSED:
			m.closed[r.Id] = true
		case r.State == dnpb.ContainerState_CLOSING:
			m.draining[r.Id] = true
		}
	}
}

func (m *model) list() map[name]uint32 {
	out := map[name]uint32{}
	reports, _, _ := m.set.Reports(0)
	for _, r := range reports {
		req := &dnpb.ListBlocksRequest{Container: r.Id, Limit: 3}
		for {
			resp, err := m.set.List(req)
			if err != nil {
				m.t.Fatalf("list: %v", err)
			}
			for _, b := range resp.Blocks {
				out[name{r.Id, b.Local}] = b.Crc32C
				req.AfterLocal = b.Local
			}
			if !resp.Truncated {
				break
			}
		}
	}
	return out
}

// same checks a block whole and a random range of it.
func (m *model) same(n name, data []byte) {
	crc := uint64(crc32c.Sum(data))
	got, err := verified(m.set, n.id(), 0, uint64(len(data)), crc)
	if err != nil || !bytes.Equal(got, data) {
		m.t.Fatalf("%v: %d bytes, want %d, %v", n, len(got), len(data), err)
	}
	off := rapid.Uint64Range(0, uint64(len(data))).Draw(m.t, "off")
	length := rapid.Uint64Range(0, uint64(len(data))-off).Draw(m.t, "n")
	got, err = verified(m.set, n.id(), off, length, crc)
	if err != nil || !bytes.Equal(got, data[off:off+length]) {
		m.t.Fatalf("%v [%d,+%d): %d bytes, %v", n, off, length, len(got), err)
	}
}

// TestHistories runs random histories with stops, kills and power losses between and
// inside operations: what was acknowledged is there, what was deleted is not, and
// nothing else ever is.
func TestHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		defer func() { _ = m.set.Close(ctx) }() // after a failure, so that nothing leaks
		ops := []func(){m.write, m.write, m.begin, m.begin, m.finish, m.remove, m.again, m.maintain, m.closeOne, m.restart, m.plan, m.repair, m.repair, m.compact, m.aside, m.deleteContainer}
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			ops[rapid.IntRange(0, len(ops)-1).Draw(t, "op")]()
			m.recover()
		}
		m.fault.SetHook(nil)
		m.restart()
	})
}
