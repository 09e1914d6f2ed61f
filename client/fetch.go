package client

import (
	"context"
	"errors"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// readRounds is how often all replicas are tried while some may only be away.
const readRounds = 3

// fetcher reads pieces of one object, one after the other.
type fetcher struct {
	c     *Client
	block *commonpb.Block // the block that list belongs to
	list  *unitList
	now   map[uint64][]*commonpb.Node // where containers are now, as far as it was asked
}

// answer is what came of asking one replica.
type answer struct {
	node  *commonpb.Node
	chunk *chunk // holds the verified bytes
	list  *unitList
	err   error
}

// fetch returns the verified bytes of p in a chunk that is the caller's to
// release. It tries every replica, and again those that may come back, or that om has
// elsewhere by now.
func (f *fetcher) fetch(ctx context.Context, p piece) (*chunk, error) {
	if f.block != p.block {
		f.block, f.list = p.block, nil
	}
	if nodes := f.now[p.block.GetId().GetContainer()]; len(nodes) > 0 {
		p.replicas = nodes
	}
	var err error
	for round := range readRounds {
		if round > 0 && pause(ctx, f.c.cfg.Hiccup) != nil {
			break
		}
		var a answer
		if a, err = f.round(ctx, p); err == nil {
			f.list = a.list
			return a.chunk, nil
		}
		if ctx.Err() != nil || !f.moved(ctx, &p) && !errors.Is(err, ozerr.Unavailable) {
			break
		}
	}
	if ctx.Err() != nil {
		return nil, contextError(ctx, "reading")
	}
	return nil, err
}

// round asks the replicas in turn: the next one when one fails, or is slow, when
// the first good answer counts.
func (f *fetcher) round(ctx context.Context, p piece) (answer, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // those that are late
	order := f.c.health.readOrder(p.replicas)
	answers := make(chan answer, len(order))
	asked := 0
	ask := func() {
		n := order[asked]
		asked++
		known := f.list
		f.c.wg.Go(func() { answers <- f.c.ask(ctx, n, p, known) })
	}
	failure := ozerr.New(ozerr.Unavailable, "block %d/%d has no known replica", p.block.GetId().GetContainer(), p.block.GetId().GetLocal())
	if len(order) == 0 {
		return answer{}, failure
	}
	ask()
	patience := time.NewTimer(f.c.patience(asked, order))
	defer patience.Stop()
	for failed := 0; failed < len(order); {
		select {
		case a := <-answers:
			if a.err == nil {
				f.slower(order[:asked], a.node)
				return a, nil
			}
			failed++
			failure = worse(failure, a)
			if failed < asked || asked == len(order) {
				continue
			}
		case <-patience.C:
			if asked == len(order) { // a datanode client that ignores its deadline
				return answer{}, ozerr.New(ozerr.Unavailable, "reading: no replica answered in %v", f.c.cfg.ReadTimeout)
			}
		case <-ctx.Done():
			return answer{}, contextError(ctx, "reading")
		}
		ask()
		patience.Reset(f.c.patience(asked, order))
	}
	return answer{}, failure
}

// patience is how long to wait before something else is done about a read.
func (c *Client) patience(asked int, order []*commonpb.Node) time.Duration {
	if asked == len(order) {
		return c.cfg.ReadTimeout + overtime
	}
	return c.cfg.HedgeAfter
}

// slower notes that those asked before the winner had not answered when it did.
func (f *fetcher) slower(asked []*commonpb.Node, winner *commonpb.Node) {
	for _, n := range asked {
		if n == winner {
			f.c.health.nodeWorks(n.GetId())
			return
		}
		f.c.health.nodeSlow(n.GetId())
	}
}

// worse is the error for the caller after one more replica failed: one that may
// pass, if any may, so that it tries again.
func worse(before *ozerr.Error, a answer) *ozerr.Error {
	e := &ozerr.Error{Code: ozerr.CodeOf(a.err), Message: "reading from " + a.node.GetAddress() + ": " + a.err.Error(), Err: a.err}
	if e.Code == ozerr.Timeout {
		e.Code = ozerr.Unavailable
	}
	if before.Err != nil && before.Code == ozerr.Unavailable {
		return before
	}
	return e
}

// ask reads p from one replica and verifies it; a fault is remembered and told to om.
func (c *Client) ask(ctx context.Context, n *commonpb.Node, p piece, known *unitList) answer {
	timed, cancel := context.WithTimeout(ctx, c.cfg.ReadTimeout)
	defer cancel()
	want := known == nil && p.block.GetBlockLength() > usualUnit
	ch, list, err := c.readVerified(timed, n, p, known, want)
	if err == errNeedList {
		ch, list, err = c.readVerified(timed, n, p, nil, true)
	}
	if err == errNeedList {
		err = ozerr.New(ozerr.ChecksumMismatch, "the replica did not send the checksums of the whole block")
	}
	if ctx.Err() != nil { // another replica was faster, or nobody wants it any more
		if ch != nil {
			ch.release()
		}
		return answer{node: n, err: contextError(ctx, "reading")}
	}
	if err != nil {
		c.blameRead(p.block.GetId(), n, err)
	}
	return answer{node: n, chunk: ch, list: list, err: err}
}

func (c *Client) readVerified(ctx context.Context, n *commonpb.Node, p piece, known *unitList, want bool) (*chunk, *unitList, error) {
	req := &dnpb.ReadRequest{Block: p.block.GetId(), Offset: p.from, Length: p.to - p.from, WantChecksums: want, Token: p.block.GetToken()}
	room := p.payloadRoom()
	ch := c.chunks.get(room)
	resp, payload, err := c.nodes.Node(n).Read(ctx, req, ch.mem[:room:room])
	if err != nil {
		ch.release()
		return nil, nil, err
	}
	data, list, err := p.verify(resp, payload, known)
	if err != nil {
		ch.release()
		return nil, nil, err
	}
	if &payload[0] != &ch.mem[0] { // it needed other memory
		ch.release()
		ch = &chunk{mem: payload}
		ch.hold()
	}
	ch.data = data
	return ch, list, nil
}

// blameRead draws the conclusions from a failed read.
func (c *Client) blameRead(id *commonpb.BlockID, n *commonpb.Node, err error) {
	switch ozerr.CodeOf(err) {
	case ozerr.Unavailable, ozerr.Timeout:
		c.health.nodeFailed(n.GetId()) // om sees that for itself
		return
	case ozerr.Canceled, ozerr.BlockTokenRefused: // the replica is not to blame
		return
	}
	key := replicaKey{container: id.GetContainer(), local: id.GetLocal(), node: n.GetId()}
	c.report(key, &ompb.ReportBadReplica{Block: id, NodeId: n.GetId(), Reason: err.Error()})
}
