package container_test

import (
	"bytes"
	"flag"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mini-ozone/mini-ozone/datanode/container"
	"github.com/mini-ozone/mini-ozone/datanode/vfs"
	"github.com/mini-ozone/mini-ozone/internal/crc32c"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

var powerStates = flag.Int("power.states", 5000, "disks after a power loss that TestPowerLossStates looks at")

// TestPowerLossStates runs random histories and takes, before any of their disk
// operations, what a power loss would leave of the disk (vfs.Mem.Crash: unsynced bytes
// torn by sectors, names lost unless their directory was synced). Each such disk must
// open, hold every block whose commit was acknowledged, byte for byte, hold nothing that
// was deleted, and nothing that nobody wrote. Some lose power again while they recover.
//
// Unlike TestHistories, where a history goes on from one power loss, here many states
// hang off one history, so that it is their number that counts: -power.states=100000 is
// the long form.
func TestPowerLossStates(t *testing.T) {
	began, states, histories := time.Now(), 0, 0
	for states < *powerStates && !t.Failed() {
		rapid.Check(t, func(rt *rapid.T) {
			if states >= *powerStates {
				return
			}
			p := &powerHistory{model: newModel(rt)}
			p.rng = rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "power"), 2))
			defer func() { _ = p.set.Close(ctx) }()
			ops := []func(){p.write, p.write, p.write, p.begin, p.begin, p.finish, p.finish, p.remove, p.remove, p.maintain, p.closeOne, p.restart}
			for range rapid.IntRange(5, 25).Draw(rt, "steps") {
				p.during(ops[rapid.IntRange(0, len(ops)-1).Draw(rt, "op")])
			}
			states += p.states
			histories++
		})
	}
	t.Logf("%d states after a power loss in %d histories, %s", states, histories, time.Since(began).Round(time.Millisecond))
}

// powerHistory is a history whose disk is looked at as if the power had failed.
type powerHistory struct {
	*model
	rng    *rand.Rand // under mu while an operation runs
	mu     sync.Mutex
	images []*vfs.Mem
	states int // images that were checked
}

// facts are what the model knew for sure at a moment.
type facts struct {
	live   map[name][]byte
	dead   map[name]bool
	closed map[uint64]bool
}

func (p *powerHistory) facts() facts {
	return facts{maps.Clone(p.live), maps.Clone(p.dead), maps.Clone(p.closed)}
}

// during runs an operation and checks what a power loss in it would have left.
func (p *powerHistory) during(op func()) {
	before := p.facts()
	mem := p.mem
	p.fault.SetHook(func(o vfs.Op) error {
		if changes(o.Kind) {
			p.mu.Lock()
			defer p.mu.Unlock()
			if len(p.images) < 12 {
				image := mem.Crash(p.rng)
				if p.rng.IntN(4) == 0 {
					image = mem.Kill()
				}
				p.images = append(p.images, image)
			}
		}
		return nil
	})
	op()
	p.fault.SetHook(nil)
	p.mu.Lock()
	images := append(p.images, p.mem.Crash(p.rng)) // and one when it is done
	p.images = nil
	p.mu.Unlock()
	after := p.facts()
	for i, image := range images {
		if i == len(images)-1 {
			before = after // all of it is acknowledged
		}
		p.survives(image, before, after, p.rng.IntN(6) == 0)
	}
}

// changes says which operations make a difference to what a power loss leaves.
func changes(k vfs.Kind) bool {
	switch k {
	case vfs.OpCreate, vfs.OpRename, vfs.OpRemove, vfs.OpMkdir, vfs.OpSyncDir, vfs.OpWrite, vfs.OpSync, vfs.OpTruncate, vfs.OpPunch:
		return true
	}
	return false
}

// survives opens a disk after a power loss, or a kill, between before and after. again:
// the power fails once more while it is opened, and once after blocks were added.
func (p *powerHistory) survives(image *vfs.Mem, before, after facts, again bool) {
	p.states++
	fault := vfs.NewFault(image, nil)
	var second *vfs.Mem
	if again {
		at := p.rng.IntN(40)
		fault.SetHook(func(o vfs.Op) error {
			p.mu.Lock()
			defer p.mu.Unlock()
			if second == nil && o.N >= at && changes(o.Kind) {
				second = image.Crash(p.rng)
			}
			return nil
		})
	}
	set, err := openMemAt(fault, func() time.Time { return p.now })
	if err != nil {
		p.t.Fatalf("open after a power loss: %v", err)
	}
	fault.SetHook(nil)
	served := p.holds(set, before, after)
	var third *vfs.Mem
	more, most := facts{served, before.dead, before.closed}, after
	if again {
		more, most = p.grow(set, more, after)
		third = image.Crash(p.rng)
	}
	if err := set.Close(ctx); err != nil {
		p.t.Fatalf("close after a power loss: %v", err)
	}
	if second != nil {
		p.survives(second, before, after, false)
	}
	if third != nil {
		p.survives(third, more, most, false)
	}
}

// grow writes a block to some containers, if they take one, and adds it to the facts (to
// before's own map). The others keep what only a sync at their opening made durable.
func (p *powerHistory) grow(set *container.Set, before, after facts) (facts, facts) {
	after.live = maps.Clone(after.live)
	for c := range uint64(3) {
		if p.rng.IntN(2) == 0 {
			continue
		}
		n := name{c + 1, 1 << 40}
		data := bytesFor(n.container, 1+p.rng.IntN(5000))
		if err := set.Write(ctx, commitReq(n.id(), 0, data, data), data); err == nil {
			before.live[n], after.live[n] = data, data
		} else if !expected(err) {
			p.t.Fatalf("write after a power loss: %v", err)
		}
	}
	return before, after
}

// holds checks a set against what must, may and must not be there. What it returns was
// served, so no later power loss may take it.
func (p *powerHistory) holds(set *container.Set, before, after facts) map[name][]byte {
	listed, served := map[name]bool{}, map[name][]byte{}
	reports, _, _ := set.Reports(0)
	for _, r := range reports {
		if r.State == dnpb.ContainerState_UNHEALTHY || before.closed[r.Id] && r.State != dnpb.ContainerState_CLOSED {
			p.t.Fatalf("container %d is %v after a power loss", r.Id, r.State)
		}
		resp, err := set.List(&dnpb.ListBlocksRequest{Container: r.Id, Limit: 1000})
		if err != nil {
			p.t.Fatalf("list: %v", err)
		}
		for _, b := range resp.Blocks {
			listed[name{r.Id, b.Local}] = true
		}
	}
	for n := range before.live {
		if !listed[n] && !after.dead[n] {
			p.t.Fatalf("%v was acknowledged and is lost", n)
		}
	}
	for n := range listed {
		data, known := before.live[n]
		if !known {
			data, known = after.live[n]
		}
		if !known || before.dead[n] {
			p.t.Fatalf("%v is visible; deleted %t", n, before.dead[n])
		}
		p.whole(set, n, data)
		served[n] = data
	}
	return served
}

func (p *powerHistory) whole(set *container.Set, n name, data []byte) {
	got, err := verified(set, n.id(), 0, uint64(len(data)), uint64(crc32c.Sum(data)))
	if err != nil || !bytes.Equal(got, data) {
		p.t.Fatalf("%v after a power loss: %d bytes, want %d, %v", n, len(got), len(data), err)
	}
}
