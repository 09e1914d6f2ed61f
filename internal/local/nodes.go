package local

import (
	"context"
	"sync"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// nodes finds the datanodes of this process by their ids. It implements
// client.Nodes.
type nodes struct {
	mu   sync.RWMutex
	byID map[string]client.Blocks
}

func newNodes() *nodes { return &nodes{byID: map[string]client.Blocks{}} }

func (n *nodes) put(id string, b client.Blocks) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.byID[id] = b
}

// Node implements client.Nodes.
func (n *nodes) Node(node *commonpb.Node) client.Blocks {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if b, ok := n.byID[node.GetId()]; ok {
		return b
	}
	return missing(node.GetId())
}

// missing is a datanode that om knows and that does not run here: its directory
// was removed, say.
type missing string

func (id missing) err() error {
	return ozerr.New(ozerr.Unavailable, "datanode %s does not run in this process", string(id))
}

func (id missing) Write(context.Context, *dnpb.WriteRequest, []byte) error { return id.err() }

func (id missing) Read(context.Context, *dnpb.ReadRequest, []byte) (*dnpb.ReadResponse, []byte, error) {
	return nil, nil, id.err()
}
