package client

import (
	"context"
	"slices"
	"time"

	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// movedTimeout bounds the question where a container is now.
const movedTimeout = 2 * time.Second

// moved asks om, once per container, where its replicas are now: while a long read goes
// on they may be repaired or moved elsewhere, and where they were they are deleted some
// time later. It tells whether there are nodes that p doesn't have, and gives p those.
func (f *fetcher) moved(ctx context.Context, p *piece) bool {
	id := p.block.GetId().GetContainer()
	if _, asked := f.now[id]; asked {
		return false
	}
	if f.now == nil {
		f.now = map[uint64][]*commonpb.Node{}
	}
	f.now[id] = f.c.whereabouts(ctx, id)
	known := func(n *commonpb.Node) bool {
		return slices.ContainsFunc(p.replicas, func(k *commonpb.Node) bool { return k.GetId() == n.GetId() && k.GetAddress() == n.GetAddress() })
	}
	if !slices.ContainsFunc(f.now[id], func(n *commonpb.Node) bool { return !known(n) }) {
		return false
	}
	p.replicas = f.now[id]
	return true
}

// whereabouts are the nodes of a container's replica set; none if om can't say.
func (c *Client) whereabouts(ctx context.Context, container uint64) []*commonpb.Node {
	ctx, cancel := context.WithTimeout(ctx, movedTimeout)
	defer cancel()
	info, err := c.read(ctx, &ompb.Request{Op: &ompb.Request_GetContainer{GetContainer: &ompb.GetContainer{Container: container}}})
	if err != nil {
		return nil
	}
	list, err := c.read(ctx, &ompb.Request{Op: &ompb.Request_ListNodes{ListNodes: &ompb.ListNodes{}}})
	if err != nil {
		return nil
	}
	var out []*commonpb.Node
	for _, n := range list.GetNodes().GetNodes() {
		if slices.Contains(info.GetContainer().GetNodes(), n.GetNode().GetId()) {
			out = append(out, n.GetNode())
		}
	}
	return out
}
