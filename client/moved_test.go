package client

import (
	"bytes"
	"io"
	"maps"
	"testing"

	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// TestReplicasMoveUnderAReader: each replica of an object moves to another datanode after
// its reader has learned where they are, and is deleted where it was.
func TestReplicasMoveUnderAReader(t *testing.T) {
	w := newWorld(6, 3, 2)
	inWorld(t, w, func(t *testing.T, c *Client) {
		data := testBytes(5000, 1)
		mustPut(t, c, "k", data)
		o, err := c.GetObject(t.Context(), key, "")
		if err != nil {
			t.Fatal(err)
		}
		w.moveAll()
		r := c.ReadObject(t.Context(), o, 0, -1)
		defer r.Close()
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%d bytes of %d, %v", len(got), len(data), err)
		}
		asked := map[uint64]int{}
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, req := range w.requests {
			if g, ok := req.Op.(*ompb.Request_GetContainer); ok {
				asked[g.GetContainer.Container]++
			}
		}
		for id, n := range asked {
			if n > 1 {
				t.Errorf("om was asked %d times where container %d is", n, id)
			}
		}
	})
}

// moveAll gives every container to the datanodes that don't have it, and takes it from
// those that do.
func (w *world) moveAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, c := range w.containers {
		was := c.nodes
		c.nodes = nil
		for _, fn := range w.nodes {
			if !has(was, fn.node.Id) {
				c.nodes = append(c.nodes, fn.node)
				w.copyContainer(id, was, fn)
			}
		}
		w.dropContainer(id, was)
	}
}

func has(nodes []*commonpb.Node, id string) bool {
	for _, n := range nodes {
		if n.Id == id {
			return true
		}
	}
	return false
}

func (w *world) copyContainer(id uint64, from []*commonpb.Node, to *fakeNode) {
	for _, fn := range w.nodes {
		if !has(from, fn.node.Id) {
			continue
		}
		fn.mu.Lock()
		blocks := maps.Clone(fn.blocks)
		fn.mu.Unlock()
		for b, data := range blocks {
			if b[0] != id {
				continue
			}
			to.mu.Lock()
			to.blocks[b] = data
			to.mu.Unlock()
		}
	}
}

// dropContainer deletes the replicas of a container on these nodes.
func (w *world) dropContainer(id uint64, on []*commonpb.Node) {
	for _, fn := range w.nodes {
		if has(on, fn.node.Id) {
			fn.mu.Lock()
			maps.DeleteFunc(fn.blocks, func(b [2]uint64, _ *fakeBlock) bool { return b[0] == id })
			fn.mu.Unlock()
		}
	}
}
