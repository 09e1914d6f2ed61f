package client

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/mini-ozone/mini-ozone/datanode/container"
	"github.com/mini-ozone/mini-ozone/datanode/vfs"
	"github.com/mini-ozone/mini-ozone/internal/crc32c"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

var powerLosses = flag.Int("power.losses", 200, "power losses in TestHistoriesWithPowerLoss")

// storeNode is a datanode with a real container store on a disk in memory.
type storeNode struct {
	p    *powerWorld
	node *commonpb.Node
	mem  *vfs.Mem

	set    *container.Set
	fault  *vfs.Fault
	failed *vfs.Mem // what a power loss left; the node is down
}

// powerWorld is an om that forgets nothing, as a model, with real container stores
// whose power fails before a disk operation of our choice.
type powerWorld struct {
	*world
	nodes []*storeNode

	mu      sync.Mutex
	rng     *rand.Rand
	ops     int // disk operations left before the power fails; 0: it doesn't
	victims []*storeNode
	losses  int
}

func newPowerWorld(seed uint64, nodes int) (*powerWorld, error) {
	p := &powerWorld{world: newWorld(nodes, 3, 2), rng: rand.New(rand.NewPCG(seed, 3))}
	p.blockSize = 600 << 10 // blocks of three chunks
	p.holds = func(n *commonpb.Node, b *commonpb.Block) bool { return p.store(n).holds(b) }
	for _, fake := range p.world.nodes {
		n := &storeNode{p: p, node: fake.node, mem: vfs.NewMem(0)}
		p.nodes = append(p.nodes, n)
		if err := n.start(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *powerWorld) store(n *commonpb.Node) *storeNode {
	for _, s := range p.nodes {
		if s.node.Id == n.GetId() {
			return s
		}
	}
	panic("unknown node " + n.GetId())
}

// Node implements Nodes.
func (p *powerWorld) Node(n *commonpb.Node) Blocks { return p.store(n) }

// cutSoon makes the power of some nodes, or of all at once, fail before the n-th disk
// operation from now, of whichever node.
func (p *powerWorld) cutSoon(n int, victims []*storeNode) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ops, p.victims = n, victims
}

// tick counts a disk operation, and takes the power away if it is time.
func (p *powerWorld) tick(vfs.Op) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ops == 0 {
		return nil
	}
	if p.ops--; p.ops == 0 {
		for _, v := range p.victims {
			if v.failed == nil {
				v.failed = v.mem.Crash(p.rng)
				p.losses++
			}
		}
	}
	return nil
}

func (n *storeNode) start() (err error) {
	n.fault = vfs.NewFault(n.mem, n.p.tick)
	opt := container.DefaultOptions()
	opt.MinFree = 0
	n.set, err = container.Open([]container.Volume{{Dir: "/d", FS: n.fault}}, opt)
	return err
}

func (n *storeNode) down() bool {
	n.p.mu.Lock()
	defer n.p.mu.Unlock()
	return n.failed != nil
}

var errPower = ozerr.New(ozerr.Unavailable, "no power")

// Write implements Blocks. What happened after the power failed, nobody hears of.
func (n *storeNode) Write(ctx context.Context, req *dnpb.WriteRequest, data []byte) error {
	if n.down() {
		return errPower
	}
	err := n.set.Write(ctx, req, data)
	if n.down() {
		return errPower
	}
	return err
}

// Read implements Blocks.
func (n *storeNode) Read(ctx context.Context, req *dnpb.ReadRequest, buf []byte) (*dnpb.ReadResponse, []byte, error) {
	if n.down() {
		return nil, nil, errPower
	}
	resp, payload, err := n.set.Read(ctx, req, buf)
	if n.down() {
		return nil, nil, errPower
	}
	return resp, payload, err
}

// holds says whether a commit of b may count this node: it has the block, or it had it
// before its power failed, which the audit will show.
func (n *storeNode) holds(b *commonpb.Block) bool {
	if n.down() {
		return true
	}
	resp, payload, err := n.set.Read(context.Background(), &dnpb.ReadRequest{Block: b.Id, Length: b.BlockLength, WantChecksums: true}, nil)
	return err == nil && resp.BlockLength == b.BlockLength && crc32c.Sum(payload) == b.Crc32C
}

// restart brings back the nodes that are down, with what their disks kept.
func (p *powerWorld) restart() error {
	p.cutSoon(0, nil)
	for _, n := range p.nodes {
		if !n.down() {
			continue
		}
		if err := n.set.Close(context.Background()); err != nil {
			return fmt.Errorf("%s: close: %w", n.node.Id, err)
		}
		p.mu.Lock()
		n.mem, n.failed = n.failed, nil
		p.mu.Unlock()
		if err := n.start(); err != nil {
			return fmt.Errorf("%s: open after a power loss: %w", n.node.Id, err)
		}
	}
	return nil
}

func (p *powerWorld) close() error {
	p.cutSoon(0, nil)
	var errs []error
	for _, n := range p.nodes {
		errs = append(errs, n.set.Close(context.Background()))
	}
	return errors.Join(errs...)
}

// powerStep is one step of a history: something a client does, a power loss to come,
// or the return of power.
type powerStep struct {
	What    string
	Key     int
	Size    int
	In      int  // disk operations until the power fails
	Victims uint // bit set of nodes
}

func drawPowerSteps(t *rapid.T) []powerStep {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) powerStep {
		return powerStep{
			What: rapid.SampledFrom([]string{"put", "put", "put", "get", "cut", "cut", "restart"}).Draw(t, "what"),
			Key:  rapid.IntRange(0, 3).Draw(t, "key"),
			Size: rapid.SampledFrom([]int{0, 1, 5000, 262_144, 262_145, 700_000, 1_400_000}).Draw(t, "size"),
			In:   rapid.IntRange(1, 60).Draw(t, "in"),
			// One node, two, or all at once.
			Victims: rapid.SampledFrom([]uint{1, 2, 4, 3, 6, 15, 15, 15}).Draw(t, "victims"),
		}
	}), 4, 25).Draw(t, "steps")
}

func (p *powerWorld) victimsOf(bits uint) (out []*storeNode) {
	for i, n := range p.nodes {
		if bits>>i&1 == 1 {
			out = append(out, n)
		}
	}
	return out
}

// play runs the steps and returns the first broken promise.
func (p *powerWorld) play(c *Client, steps []powerStep) error {
	have := map[int][]byte{}
	for i, s := range steps {
		var err error
		switch s.What {
		case "put":
			data := make([]byte, s.Size)
			_, _ = rand.NewChaCha8([32]byte{byte(i)}).Read(data) // never fails
			_, err = c.PutObject(context.Background(), keyNamed(fmt.Sprint(s.Key)), bytes.NewReader(data), PutOptions{})
			if err == nil {
				have[s.Key] = data
			} else if errors.Is(err, ozerr.Unavailable) {
				err = nil // nodes are down; the key is what it was
			}
		case "get":
			err = p.mayHave(c, s.Key, have)
		case "cut":
			p.cutSoon(s.In, p.victimsOf(s.Victims))
		case "restart":
			if err = p.restart(); err == nil {
				err = p.mustHaveAll(c, have)
			}
		}
		if err != nil {
			return fmt.Errorf("step %d, %s: %w", i, s.What, err)
		}
	}
	if err := p.restart(); err != nil {
		return err
	}
	return p.mustHaveAll(c, have)
}

// mayHave reads a key while nodes may be down: an answer must be right.
func (p *powerWorld) mayHave(c *Client, key int, have map[int][]byte) error {
	got, err := get(c, fmt.Sprint(key), 0, -1)
	want, stored := have[key]
	switch {
	case err == nil && (!stored || !bytes.Equal(got, want)):
		return fmt.Errorf("key %d: %d bytes that are not those stored", key, len(got))
	case err == nil || !stored && errors.Is(err, ozerr.KeyNotFound) || errors.Is(err, ozerr.Unavailable):
		return nil
	}
	return err
}

// mustHaveAll reads everything with all nodes up, through the client and from each
// replica that the write counted.
func (p *powerWorld) mustHaveAll(c *Client, have map[int][]byte) error {
	for key, want := range have {
		got, err := get(c, fmt.Sprint(key), 0, -1)
		if err != nil || !bytes.Equal(got, want) {
			return fmt.Errorf("key %d: %d bytes, want %d, %w", key, len(got), len(want), err)
		}
	}
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	for _, k := range p.keys {
		if err := p.checkBlocks(k.Blocks, k.Size); err != nil {
			return fmt.Errorf("after a power loss: %w", err)
		}
	}
	return nil
}

// TestHistoriesWithPowerLoss: what a client was told is stored outlives power losses of
// any nodes, all at once too, before any disk operation, on as many replicas as the
// write had counted. -power.losses=20000 is the long form.
func TestHistoriesWithPowerLoss(t *testing.T) {
	losses, histories := 0, 0
	for losses < *powerLosses && !t.Failed() {
		rapid.Check(t, func(rt *rapid.T) {
			if losses >= *powerLosses {
				return
			}
			steps, seed := drawPowerSteps(rt), rapid.Uint64().Draw(rt, "seed")
			var err error
			synctest.Test(t, func(*testing.T) {
				var p *powerWorld
				if p, err = newPowerWorld(seed, 4); err != nil {
					return
				}
				p.ended = make(chan struct{})
				cfg := DefaultConfig()
				cfg.ChunkSize = 256 << 10
				c := New(p, p, cfg)
				err = p.play(c, steps)
				close(p.ended)
				err = errors.Join(err, c.Close(), p.close())
				losses += p.losses
				histories++
			})
			if err != nil {
				rt.Fatal(err)
			}
		})
	}
	t.Logf("%d power losses of nodes in %d histories", losses, histories)
}
