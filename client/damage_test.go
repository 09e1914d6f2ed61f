package client

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mini-ozone/mini-ozone/datanode/container"
	"github.com/mini-ozone/mini-ozone/datanode/vfs"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

var (
	damageCases = flag.Int("damage.cases", 100, "files of datanodes that TestDamagedReplica damages")
	damageSeed  = flag.Uint64("damage.seed", 0, "its seed; 0 takes one from the clock")
)

// TestDamagedReplica flips a bit in, or cuts, a random file of one of three datanodes,
// while it is stopped or while it runs, and reads everything through the client, whole
// and in part: every byte is right, from the other replicas where need be. Writing goes
// on, too, and what is written then is right. -damage.cases=2000 is the long form.
func TestDamagedReplica(t *testing.T) {
	seed := *damageSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-damage.seed=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	outcomes := map[string]int{}
	for done := 0; done < *damageCases; {
		synctest.Test(t, func(t *testing.T) {
			n, err := damageWorld(rng.Uint64(), rng, outcomes)
			if err != nil {
				t.Fatalf("case %d: %v (-damage.seed=%d)", done, err, seed)
			}
			done += n
		})
	}
	for _, o := range slices.Sorted(maps.Keys(outcomes)) {
		t.Logf("%5d %s", outcomes[o], o)
	}
}

// damageWorld fills a cluster of three, and damages one node's files several times.
func damageWorld(seed uint64, rng *rand.Rand, outcomes map[string]int) (cases int, err error) {
	p, err := newPowerWorld(seed, 3)
	if err != nil {
		return 0, err
	}
	p.ended = make(chan struct{})
	cfg := DefaultConfig()
	cfg.ChunkSize = 256 << 10
	c := New(p, p, cfg)
	defer func() {
		close(p.ended)
		err = errors.Join(err, c.Close(), p.close())
	}()
	have := map[int][]byte{}
	put := func(key, size int) error {
		data := make([]byte, size)
		_, _ = rand.NewChaCha8([32]byte{byte(key), byte(cases)}).Read(data) // never fails
		have[key] = data
		_, err := c.PutObject(context.Background(), keyNamed(fmt.Sprint(key)), bytes.NewReader(data), PutOptions{})
		return err
	}
	for key, size := range []int{0, 1, 700, 5000, 40_000, 262_144, 300_000, 700_000} {
		if err := put(key, size); err != nil {
			return 0, err
		}
	}
	victim := p.nodes[rng.IntN(3)]
	closed := map[uint64]bool{}
	for ; cases < 10; cases++ {
		if err := victim.age(p.world.containers, closed, rng); err != nil {
			return 0, err
		}
		what, err := victim.damage(rng)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", what, err)
		}
		outcomes[what]++
		if err := rightEverywhere(c, have, rng, 3); err != nil {
			return 0, fmt.Errorf("%s: %w", what, err)
		}
		key := rng.IntN(8)
		if err := put(key, len(have[key])); err != nil {
			return 0, fmt.Errorf("%s: write later: %w", what, err)
		}
		if err := rightEverywhere(c, have, rng, 1); err != nil {
			return 0, fmt.Errorf("%s: after a write: %w", what, err)
		}
	}
	return cases, nil
}

// age closes a container, so that there are checkpoints and closed logs too.
func (n *storeNode) age(all map[uint64]*fakeContainer, closed map[uint64]bool, rng *rand.Rand) error {
	ids := slices.Sorted(maps.Keys(all))
	id := ids[rng.IntN(len(ids))]
	if closed[id] || rng.IntN(2) == 0 {
		return nil
	}
	closed[id] = true
	err := n.set.CloseContainer(context.Background(), id)
	if errors.Is(err, container.ErrClosing) || errors.Is(err, ozerr.DiskFailed) {
		return nil
	}
	return err
}

// damage changes one file, of a node that is stopped cleanly, killed, or runs on.
func (n *storeNode) damage(rng *rand.Rand) (what string, err error) {
	how := []string{"stopped", "killed", "running"}[rng.IntN(3)]
	disk := n.mem
	switch how {
	case "killed":
		disk = n.mem.Kill()
		fallthrough
	case "stopped":
		if err := n.set.Close(context.Background()); err != nil && how == "stopped" {
			return how, err
		}
	}
	n.mem = disk
	name, err := damageFile(disk, rng, how != "running")
	what = how + ", " + name
	if err != nil || how == "running" {
		return what, err
	}
	return what, n.start()
}

// damageFile flips a bit of a random file that is not empty, or cuts it.
func damageFile(disk vfs.FS, rng *rand.Rand, cut bool) (what string, err error) {
	const dir = "/d/containers"
	names, err := disk.List(dir)
	if err != nil {
		return "", err
	}
	for {
		name := names[rng.IntN(len(names))]
		f, err := disk.OpenWrite(dir + "/" + name)
		if err != nil {
			return name, err
		}
		size, err := f.Size()
		if err != nil || size == 0 {
			_ = f.Close() // nothing was written
			continue
		}
		at, what := rng.Int64N(size), "flip in *"+path.Ext(name)
		if cut && rng.IntN(4) == 0 {
			return "cut of *" + path.Ext(name), errors.Join(f.Truncate(at), f.Sync(), f.Close())
		}
		b := make([]byte, 1)
		_, err = f.ReadAt(b, at)
		b[0] ^= 1 << rng.IntN(8)
		if err == nil {
			_, err = f.WriteAt(b, at)
		}
		return what, errors.Join(err, f.Sync(), f.Close())
	}
}

// rightEverywhere reads every key, and a range of it, so many times: each time from
// another replica first.
func rightEverywhere(c *Client, have map[int][]byte, rng *rand.Rand, times int) error {
	for key, want := range have {
		size := int64(len(want))
		off := rng.Int64N(size + 1)
		n := rng.Int64N(size - off + 1)
		for range times {
			c.health.forgive()
			got, err := get(c, fmt.Sprint(key), 0, -1)
			if err != nil || !bytes.Equal(got, want) {
				return fmt.Errorf("key %d: %d bytes, want %d, %w", key, len(got), size, err)
			}
			got, err = get(c, fmt.Sprint(key), off, n)
			if err != nil || !bytes.Equal(got, want[off:off+n]) {
				return fmt.Errorf("key %d [%d,+%d): %d bytes, %w", key, off, n, len(got), err)
			}
		}
	}
	return nil
}

// forgive forgets which nodes failed, so that reads try them again.
func (h *health) forgive() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.failed)
	clear(h.slow)
}
