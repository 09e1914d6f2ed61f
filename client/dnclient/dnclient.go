// Package dnclient reaches datanodes over the network.
package dnclient

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/rpc"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// Options configure a Pool; the zero value is usable.
type Options struct {
	Timeout time.Duration // for calls whose ctx has no deadline; 0 means 10 s
	RPC     rpc.ClientOptions
}

// Pool keeps a connection set to every datanode it was asked for. It implements
// client.Nodes. Safe for concurrent use.
type Pool struct {
	opts Options

	mu    sync.Mutex
	nodes map[nodeKey]*Node
}

// nodeKey tells datanodes apart that had the same address one after the other.
type nodeKey struct{ id, address string }

// NewPool returns an empty pool.
func NewPool(o Options) *Pool {
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.RPC.DialTimeout <= 0 {
		o.RPC.DialTimeout = 2 * time.Second
	}
	return &Pool{opts: o, nodes: map[nodeKey]*Node{}}
}

// Node returns the datanode at n's address.
func (p *Pool) Node(n *commonpb.Node) client.Blocks {
	return p.find(nodeKey{n.GetId(), n.GetAddress()})
}

// At returns whichever datanode is at addr (host:port).
func (p *Pool) At(addr string) *Node { return p.find(nodeKey{address: addr}) }

func (p *Pool) find(key nodeKey) *Node {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.nodes[key]
	if n == nil {
		n = &Node{id: key.id, rpc: rpc.NewClient(key.address, p.opts.RPC), timeout: p.opts.Timeout}
		p.nodes[key] = n
	}
	return n
}

// Close breaks the connections; calls under way fail.
func (p *Pool) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, n := range p.nodes {
		errs = append(errs, n.rpc.Close())
	}
	return errors.Join(errs...)
}

// Node is one datanode.
type Node struct {
	id      string // "": whoever answers
	rpc     *rpc.Client
	timeout time.Duration
}

var _ client.Blocks = (*Node)(nil)

// Write is client.Blocks.Write over the network.
func (n *Node) Write(ctx context.Context, req *dnpb.WriteRequest, data []byte) error {
	ctx, cancel := n.deadline(ctx)
	defer cancel()
	// A copy, because the replicas of a block share the request.
	req = &dnpb.WriteRequest{
		Block: req.Block, Offset: req.Offset, Crc32C: req.Crc32C, Commit: req.Commit, BlockLength: req.BlockLength,
		BlockCrc32C: req.BlockCrc32C, Seal: req.Seal, Token: req.Token, Node: n.id,
	}
	_, err := n.rpc.CallBulk(ctx, "dn.Write", req, data, &dnpb.WriteResponse{}, nil)
	return err
}

// Read is client.Blocks.Read over the network.
func (n *Node) Read(ctx context.Context, req *dnpb.ReadRequest, buf []byte) (*dnpb.ReadResponse, []byte, error) {
	ctx, cancel := n.deadline(ctx)
	defer cancel()
	req = &dnpb.ReadRequest{
		Block: req.Block, Offset: req.Offset, Length: req.Length, WantChecksums: req.WantChecksums, Token: req.Token, Node: n.id,
	}
	var resp dnpb.ReadResponse
	payload, err := n.rpc.CallBulk(ctx, "dn.Read", req, nil, &resp, buf)
	if err != nil {
		return nil, nil, err
	}
	return &resp, payload, nil
}

// ListBlocks returns a page of a container's committed blocks, by local id.
func (n *Node) ListBlocks(ctx context.Context, req *dnpb.ListBlocksRequest) (*dnpb.ListBlocksResponse, error) {
	ctx, cancel := n.deadline(ctx)
	defer cancel()
	req = &dnpb.ListBlocksRequest{Container: req.Container, AfterLocal: req.AfterLocal, Limit: req.Limit, Token: req.Token, Node: n.id}
	var resp dnpb.ListBlocksResponse
	if err := n.rpc.Call(ctx, "dn.ListBlocks", req, &resp); err != nil {
		return nil, err
	}
	return &resp, nil
}

func (n *Node) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, n.timeout)
}
