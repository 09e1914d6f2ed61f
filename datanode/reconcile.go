package datanode

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/datanode/chunk"
	"github.com/mini-ozone/mini-ozone/datanode/container"
	"github.com/mini-ozone/mini-ozone/internal/crc32c"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// Leader asks the leading om, whichever that is. Real: *omclient.Client over the
// network, *om.Server in the same process.
type Leader interface {
	Submit(ctx context.Context, req *ompb.Request) (*ompb.Response, error)
}

// lister is what a client.Blocks of a datanode also has: see dnpb.ListBlocksRequest.
type lister interface {
	ListBlocks(ctx context.Context, req *dnpb.ListBlocksRequest) (*dnpb.ListBlocksResponse, error)
}

const (
	sourceTimeout = 10 * time.Second // for one call of another datanode, at most 1 MiB
	listTimeout   = 30 * time.Second // for a page of om's list
	fetchers      = 4                // blocks of one container at once, each up to 1 MiB of memory
	fetchStep     = 1 << 20
)

// reconcile carries out one ReconcileContainer.
type reconcile struct {
	order   *dnpb.ReconcileContainer
	leader  Leader
	nodes   client.Nodes
	repair  *container.Repair
	take    func(context.Context, int) error // throttle
	fetched func(bytes int)                  // counts

	mu   sync.Mutex
	slow map[string]bool // sources that failed to answer: asked last
	lost []uint64        // om lists them, and no source that answered has good bytes
	dear map[uint64]bool // lost ones that are here, and may be readable another time
	err  error           // the first that another try may mend
}

// run does it. In place, what could be mended is mended even if the rest could not.
// BlockNotFound means that all is done but for blocks that no source has: om relies on it.
func (r *reconcile) run(ctx context.Context) error {
	err := r.everything(ctx)
	if err == nil {
		err = r.recheck(ctx)
	}
	if err == nil {
		err = r.err
	}
	if err == nil && r.repair.Anew() && slices.ContainsFunc(r.lost, func(l uint64) bool { return r.dear[l] }) {
		err = ozerr.New(ozerr.DiskFailed, "the replica of container %d here has blocks that no source has and that can't be read now", r.order.GetContainer())
	}
	if err != nil && r.repair.Anew() {
		r.repair.Abort()
		return err
	}
	if ferr := r.repair.Finish(ctx); err == nil {
		err = ferr
	}
	if err == nil && len(r.lost) > 0 {
		err = ozerr.New(ozerr.BlockNotFound, "no source has good bytes of %d blocks of container %d, such as %d", len(r.lost), r.order.GetContainer(), r.lost[0])
	}
	return err
}

func (r *reconcile) everything(ctx context.Context) error {
	if locals := r.order.GetLocals(); len(locals) > 0 && !r.repair.Anew() {
		return r.some(ctx, slices.Sorted(slices.Values(locals)))
	}
	for after, more := uint64(0), true; more; {
		page, err := r.list(ctx, after, 0)
		if err != nil {
			return err
		}
		last := uint64(math.MaxUint64)
		if more = page.GetTruncated(); more {
			last = page.GetBlocks()[len(page.GetBlocks())-1].GetLocal()
		}
		if err := r.page(ctx, page, after, last, r.order.GetVerify()); err != nil {
			return err
		}
		after = last
	}
	return nil
}

// some reconciles single blocks; they are always read, for somebody doubts them.
func (r *reconcile) some(ctx context.Context, locals []uint64) error {
	for _, local := range locals {
		page, err := r.one(ctx, local)
		if err != nil {
			return err
		}
		if err := r.page(ctx, page, local-1, local, true); err != nil {
			return err
		}
	}
	return nil
}

// one asks om about a single block.
func (r *reconcile) one(ctx context.Context, local uint64) (*ompb.ContainerBlocks, error) {
	page, err := r.list(ctx, local-1, 1)
	if err == nil && len(page.GetBlocks()) > 0 && page.GetBlocks()[0].GetLocal() != local {
		page.Blocks = nil
	}
	return page, err
}

func (r *reconcile) list(ctx context.Context, after uint64, limit uint32) (*ompb.ContainerBlocks, error) {
	return listBlocksAtOM(ctx, r.leader, r.order.GetContainer(), after, limit)
}

// listBlocksAtOM returns a page of om's list of a container's blocks, as of now.
func listBlocksAtOM(ctx context.Context, leader Leader, id, after uint64, limit uint32) (*ompb.ContainerBlocks, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	resp, err := leader.Submit(ctx, &ompb.Request{Op: &ompb.Request_ListContainerBlocks{ListContainerBlocks: &ompb.ListContainerBlocks{
		Container: id, AfterLocal: after, Limit: limit,
	}}})
	if err != nil {
		return nil, ozerr.Wrap(ozerr.Unavailable, err, "asking om for the blocks of container %d", id)
	}
	page := resp.GetContainerBlocks()
	if page == nil || page.GetTruncated() && len(page.GetBlocks()) == 0 {
		return nil, ozerr.New(ozerr.Internal, "om's list of container %d makes no sense", id)
	}
	return page, nil
}

// page reconciles the blocks with ids in (after, last], for which om's list is page.
func (r *reconcile) page(ctx context.Context, page *ompb.ContainerBlocks, after, last uint64, verify bool) error {
	mine, err := r.mine(after, last)
	if err != nil {
		return err
	}
	fenced := page.GetContainer().GetFenced()
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(fetchers)
	var freed []uint64
	for _, b := range page.GetBlocks() {
		own, here := mine[b.GetLocal()]
		delete(mine, b.GetLocal())
		if b.GetFreed() {
			// A reader may be under way in it: om orders it deleted when the grace is over.
			if r.repair.Anew() {
				freed = append(freed, b.GetLocal())
			}
			continue
		}
		r.repair.Quarantine(b.GetLocal(), false)
		g.Go(func() error { return r.block(gctx, wanted(b), own, here, verify) })
	}
	unknown, err := r.unknown(ctx, after, last, page, mine, fenced)
	if err != nil {
		return errors.Join(err, g.Wait())
	}
	for _, b := range unknown {
		g.Go(func() error { return r.orphan(gctx, b, mine) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for local := range mine {
		if fenced {
			r.repair.Quarantine(local, true)
		}
	}
	return r.repair.Delete(ctx, freed)
}

// mine returns the blocks that are here with ids in (after, last].
func (r *reconcile) mine(after, last uint64) (map[uint64]container.StoredBlock, error) {
	out := map[uint64]container.StoredBlock{}
	for more := true; more && after < last; {
		var list []container.StoredBlock
		list, more = r.repair.Blocks(after, 1000)
		for _, b := range list {
			if b.Local > last {
				return out, nil
			}
			out[b.Local] = b
			after = b.Local
		}
	}
	return out, nil
}

// want is a block as om has it, or as a source does if om doesn't know it.
type want struct {
	container.Block
	hasCRC bool
}

func wanted(b *ompb.ContainerBlock) want {
	return want{container.Block{Local: b.GetLocal(), Length: b.GetLength(), CRC: b.GetCrc32C()}, b.GetHasCrc()}
}

func (w want) is(b container.Block) bool {
	return w.Length == b.Length && (!w.hasCRC || w.CRC == b.CRC)
}

// block makes one block that om lists what it should be.
func (r *reconcile) block(ctx context.Context, w want, own container.StoredBlock, here, verify bool) error {
	dear := false
	if here = here && w.is(own.Block); here {
		var err error
		switch {
		case r.repair.Anew():
			err = r.repair.Keep(ctx, w.Local)
		case verify:
			err = r.repair.Verify(ctx, w.Local)
		}
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || !unreadable(err) {
			return err
		}
		// Without sources nothing proves that the replica is worth less than its new log.
		dear = errors.Is(err, ozerr.DiskFailed) || len(r.order.GetSources()) == 0
	}
	err := r.fetch(ctx, w)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil, errors.Is(err, errHere):
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if isLost(err) {
		r.lost = append(r.lost, w.Local)
		if dear {
			r.dear[w.Local] = true
		}
	} else if r.err == nil {
		r.err = err
	}
	return nil
}

// unreadable says that a block's bytes here are not good, as opposed to a failure that
// says nothing of them.
func unreadable(err error) bool {
	return errors.Is(err, ozerr.ChecksumMismatch) || errors.Is(err, ozerr.DiskFailed) || errors.Is(err, ozerr.BlockNotFound)
}

// isLost says that a source has no good bytes of a block and never will.
func isLost(err error) bool {
	return errors.Is(err, ozerr.ChecksumMismatch) || errors.Is(err, ozerr.BlockNotFound)
}

// recheck asks om again about blocks that no source has: they may have been deleted
// since the list was made.
func (r *reconcile) recheck(ctx context.Context) error {
	var still []uint64
	for _, local := range r.lost {
		page, err := r.one(ctx, local)
		if err != nil {
			return err
		}
		if b := page.GetBlocks(); len(b) > 0 && !b[0].GetFreed() {
			still = append(still, local)
		}
	}
	slices.Sort(still)
	r.lost = still
	return nil
}

// unknown returns the blocks that om doesn't list and that are taken over all the same:
// what the old replica has, if it is made anew; and unless the container is fenced, when
// they can become nobody's any more, what the sources have. A writer that lost this
// replica may commit them later, and nobody would look again for long.
func (r *reconcile) unknown(ctx context.Context, after, last uint64, page *ompb.ContainerBlocks, mine map[uint64]container.StoredBlock, fenced bool) ([]want, error) {
	all := map[uint64]want{}
	if r.repair.Anew() {
		for _, b := range mine {
			all[b.Local] = want{b.Block, true}
		}
	}
	if !fenced && (r.repair.Anew() || len(r.order.GetLocals()) == 0) {
		listed := make(map[uint64]bool, len(page.GetBlocks()))
		for _, b := range page.GetBlocks() {
			listed[b.GetLocal()] = true
		}
		if err := r.atSources(ctx, after, last, func(b *dnpb.StoredBlock) {
			_, have := all[b.GetLocal()]
			_, here := mine[b.GetLocal()]
			if !have && !here && !listed[b.GetLocal()] {
				all[b.GetLocal()] = want{container.Block{Local: b.GetLocal(), Length: b.GetLength(), CRC: b.GetCrc32C()}, true}
			}
		}); err != nil {
			return nil, err
		}
	}
	out := make([]want, 0, len(all))
	for _, w := range all {
		out = append(out, w)
	}
	slices.SortFunc(out, func(a, b want) int {
		if a.Local < b.Local {
			return -1
		}
		return 1
	})
	return out, nil
}

// atSources calls visit with the blocks that sources have with ids in (after, last]. A
// source that doesn't answer is left out, unless none does.
func (r *reconcile) atSources(ctx context.Context, after, last uint64, visit func(*dnpb.StoredBlock)) error {
	var failed error
	answered := len(r.order.GetSources()) == 0
	for _, n := range r.order.GetSources() {
		src, ok := r.nodes.Node(n).(lister)
		if !ok {
			failed = ozerr.New(ozerr.Unavailable, "datanode %s can't be asked for its blocks", n.GetId())
			continue
		}
		if err := r.listSource(ctx, src, n.GetId(), after, last, visit); err != nil {
			failed = err
			continue
		}
		answered = true
	}
	if !answered {
		return failed
	}
	return nil
}

func (r *reconcile) listSource(ctx context.Context, src lister, node string, after, last uint64, visit func(*dnpb.StoredBlock)) error {
	for {
		resp, err := listBlocks(ctx, src, &dnpb.ListBlocksRequest{
			Container: r.order.GetContainer(), AfterLocal: after, Limit: 10_000, Token: r.order.GetToken(), Node: node,
		})
		if errors.Is(err, ozerr.ContainerNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, b := range resp.GetBlocks() {
			if b.GetLocal() > last {
				return nil
			}
			visit(b)
			after = b.GetLocal()
		}
		if !resp.GetTruncated() || len(resp.GetBlocks()) == 0 {
			return nil
		}
	}
}

func listBlocks(ctx context.Context, src lister, req *dnpb.ListBlocksRequest) (*dnpb.ListBlocksResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, sourceTimeout)
	defer cancel()
	return src.ListBlocks(ctx, req)
}

// orphan takes over a block that om doesn't know, if anybody has good bytes of it.
func (r *reconcile) orphan(ctx context.Context, w want, mine map[uint64]container.StoredBlock) error {
	if _, here := mine[w.Local]; here {
		if err := r.repair.Keep(ctx, w.Local); err == nil || ctx.Err() != nil || !unreadable(err) {
			return err
		}
	}
	if err := r.fetch(ctx, w); err != nil && (ctx.Err() != nil || errors.Is(err, errHere)) {
		return err
	}
	return nil // nobody was promised it
}

// errHere marks a failure to store: another source will not help.
var errHere = errors.New("storing here failed")

// fetch brings a block from the first source that has good bytes of it. The error is
// that of the source that raises most hope.
func (r *reconcile) fetch(ctx context.Context, w want) error {
	if len(r.order.GetSources()) == 0 {
		return ozerr.New(ozerr.BlockNotFound, "there is no source for block %d", w.Local)
	}
	var best error
	for _, n := range r.sources() {
		err := r.fetchFrom(ctx, n, w)
		if err == nil || ctx.Err() != nil || errors.Is(err, errHere) {
			return err
		}
		r.demote(n, !isLost(err))
		if best == nil || isLost(best) {
			best = ozerr.Wrap(ozerr.Unavailable, err, "block %d from datanode %s", w.Local, n.GetId())
		}
	}
	return best
}

// sources returns the sources, those last that failed to answer: each block would wait
// for them.
func (r *reconcile) sources() []*commonpb.Node {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := slices.Clone(r.order.GetSources())
	slices.SortStableFunc(out, func(a, b *commonpb.Node) int {
		return btoi(r.slow[a.GetId()]) - btoi(r.slow[b.GetId()])
	})
	return out
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (r *reconcile) demote(n *commonpb.Node, slow bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.slow[n.GetId()] = slow
}

func (r *reconcile) fetchFrom(ctx context.Context, n *commonpb.Node, w want) error {
	s := &stream{r: r, src: r.nodes.Node(n), node: n.GetId(), w: w, buf: make([]byte, min(fetchStep, w.Length))}
	first, err := s.read(ctx, 0, len(s.buf))
	if err != nil {
		return err
	}
	err = r.repair.Put(ctx, container.Block{Local: w.Local, Length: w.Length, CRC: s.crc}, func(off uint64, size int) ([]byte, error) {
		if off == 0 {
			return first, nil
		}
		data, err := s.read(ctx, off, size)
		s.failed = err
		return data, err
	})
	if err != nil && s.failed == nil && !errors.Is(err, ozerr.ChecksumMismatch) {
		return errors.Join(errHere, err)
	}
	if err == nil {
		r.fetched(int(w.Length))
	}
	return err
}

// stream reads a block from one source and verifies each unit, the list of checksums
// against the block's, and that against om's.
type stream struct {
	r      *reconcile
	src    client.Blocks
	node   string
	w      want
	buf    []byte
	sums   []uint32 // of the whole block, from the first answer
	crc    uint32
	failed error
}

func (s *stream) read(ctx context.Context, off uint64, n int) ([]byte, error) {
	if err := s.r.take(ctx, n); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, sourceTimeout)
	defer cancel()
	resp, data, err := s.src.Read(ctx, &dnpb.ReadRequest{
		Block:  &commonpb.BlockID{Container: s.r.order.GetContainer(), Local: s.w.Local},
		Offset: off, Length: uint64(n), WantChecksums: off == 0, Token: s.r.order.GetToken(), Node: s.node,
	}, s.buf)
	if err != nil {
		return nil, err
	}
	if off == 0 {
		if err := s.begin(resp); err != nil {
			return nil, err
		}
	}
	if resp.GetPayloadOffset() != off || len(data) != n {
		return nil, s.wrong("sent %d bytes from %d, not %d from %d", len(data), resp.GetPayloadOffset(), n, off)
	}
	for i, got := range crc32c.Units(nil, data, chunk.Unit) {
		if at := int(off/chunk.Unit) + i; got != s.sums[at] {
			return nil, s.wrong("unit %d sums to %08x, not %08x", at, got, s.sums[at])
		}
	}
	return data, nil
}

// begin takes the list of checksums, if it is that of the block om means.
func (s *stream) begin(resp *dnpb.ReadResponse) error {
	units := int((s.w.Length + chunk.Unit - 1) / chunk.Unit)
	if resp.GetBlockLength() != s.w.Length || resp.GetUnit() != chunk.Unit || len(resp.GetChecksums()) != units {
		return s.wrong("has %d bytes in %d units, not %d in %d", resp.GetBlockLength(), len(resp.GetChecksums()), s.w.Length, units)
	}
	s.sums, s.crc = slices.Clone(resp.GetChecksums()), crc32c.Whole(resp.GetChecksums(), chunk.Unit, int64(s.w.Length))
	if s.w.hasCRC && s.crc != s.w.CRC {
		return s.wrong("sums to %08x, not %08x", s.crc, s.w.CRC)
	}
	return nil
}

func (s *stream) wrong(format string, args ...any) error {
	return ozerr.Wrap(ozerr.ChecksumMismatch, ozerr.New(ozerr.ChecksumMismatch, format, args...), "block %d at datanode %s", s.w.Local, s.node)
}
