package client

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/mini-ozone/mini-ozone/internal/crc32c"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// fault is what a fake datanode does to one call.
type fault int

const (
	healthy      fault = iota
	failBefore         // UNAVAILABLE, nothing happened
	failAfter          // UNAVAILABLE, but it was done
	hang               // until the ctx ends
	hangForever        // beyond the ctx, until the world ends
	slow               // an answer after a second
	slower             // after three
	closedHere         // writes: CLOSED_CONTAINER_IO
	flipPayload        // reads: a byte differs, the checksums don't
	flipStored         // reads: a byte and its checksum differ
	shortPayload       // reads: the last unit is missing
	missing            // reads: NO_SUCH_BLOCK
	lies               // reads: another block length
)

var (
	writeFaults = []fault{failBefore, failAfter, hang, hangForever, slow, slower, closedHere}
	readFaults  = []fault{failBefore, failAfter, hang, hangForever, slow, slower, flipPayload, flipStored, shortPayload, missing, lies}
)

// world is a fake cluster: om and datanodes in memory, with the rules that the
// client may rely on and with faults.
type world struct {
	blockSize uint64
	unit      int
	factor    int
	min       int
	tokenLife time.Duration // 0: open mode
	nodes     []*fakeNode

	mu         sync.Mutex
	faultOf    func(node int, write bool) fault // nil: healthy
	omFault    func(*ompb.Request) error        // nil: healthy
	keys       map[string]*ompb.KeyInfo
	parts      map[string]*ompb.PartInfo
	results    map[string]*ompb.Response // by client and sequence
	containers map[uint64]*fakeContainer
	nextID     uint64
	allocated  int                                            // AllocateBlocks answered
	holds      func(n *commonpb.Node, b *commonpb.Block) bool // asked at commit; nil: the fake datanodes
	requests   []*ompb.Request
	reports    []*ompb.ReportBadReplica
	ended      chan struct{}
}

type fakeContainer struct {
	nodes  []*commonpb.Node
	closed bool
}

type fakeNode struct {
	w     *world
	index int
	node  *commonpb.Node

	mu     sync.Mutex
	blocks map[[2]uint64]*fakeBlock
}

type fakeBlock struct {
	data      []byte
	lastOff   int
	committed bool
}

func newWorld(nodes, factor, minimum int) *world {
	w := &world{
		blockSize: 1000, unit: 16, factor: factor, min: minimum, keys: map[string]*ompb.KeyInfo{},
		parts: map[string]*ompb.PartInfo{}, results: map[string]*ompb.Response{},
		containers: map[uint64]*fakeContainer{}, ended: make(chan struct{}),
	}
	for i := range nodes {
		w.nodes = append(w.nodes, &fakeNode{
			w: w, index: i, blocks: map[[2]uint64]*fakeBlock{},
			node: &commonpb.Node{Id: fmt.Sprintf("node%d", i), Address: fmt.Sprintf("host%d:9859", i)},
		})
	}
	return w
}

// client returns a client with small chunks. The world ends with it.
func (w *world) client() (*Client, func()) {
	cfg := DefaultConfig()
	cfg.ChunkSize = 64
	c := New(w, w, cfg)
	c.chunks.smallSize = 32
	return c, func() {
		close(w.ended)
		_ = c.Close()
	}
}

func (w *world) setFaults(f func(node int, write bool) fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faultOf = f
}

func (w *world) Node(n *commonpb.Node) Blocks {
	for _, fn := range w.nodes {
		if fn.node.Id == n.GetId() {
			return fn
		}
	}
	panic("unknown node " + n.GetId())
}

// ---- om -------------------------------------------------------------------

func (w *world) Submit(ctx context.Context, req *ompb.Request) (*ompb.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, contextError(ctx, "submit")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests = append(w.requests, proto.CloneOf(req))
	if w.omFault != nil {
		if err := w.omFault(req); err != nil {
			return nil, err
		}
	}
	name := fmt.Sprint(req.ClientId, req.Sequence)
	if req.ClientId != "" && w.results[name] != nil {
		return w.results[name], nil
	}
	resp, err := w.apply(req)
	if err == nil && req.ClientId != "" {
		w.results[name] = resp
	}
	return resp, err
}

func (w *world) apply(req *ompb.Request) (*ompb.Response, error) {
	switch op := req.Op.(type) {
	case *ompb.Request_GetBucket:
		if op.GetBucket.Ref.Bucket != "b" {
			return nil, ozerr.New(ozerr.BucketNotFound, "%s", op.GetBucket.Ref.Bucket)
		}
		return &ompb.Response{Result: &ompb.Response_Bucket{Bucket: &ompb.BucketInfo{Name: "b", Replication: "THREE"}}}, nil
	case *ompb.Request_AllocateBlocks:
		return w.allocate(op.AllocateBlocks)
	case *ompb.Request_CommitKey:
		k := op.CommitKey
		if err := w.checkBlocks(k.Blocks, k.Size); err != nil {
			return nil, err
		}
		info := &ompb.KeyInfo{Key: k.Key, Size: k.Size, Etag: k.Etag, Blocks: k.Blocks, Replication: k.Replication}
		w.keys[k.Key] = info
		return w.keyResult(info), nil
	case *ompb.Request_CommitPart:
		p := op.CommitPart
		if err := w.checkBlocks(p.Blocks, p.Size); err != nil {
			return nil, err
		}
		info := &ompb.PartInfo{Number: p.Number, Size: p.Size, Etag: p.Etag, Blocks: p.Blocks}
		w.parts[fmt.Sprint(p.UploadId, p.Number)] = info
		return &ompb.Response{Result: &ompb.Response_Part{Part: info}}, nil
	case *ompb.Request_GetKey:
		info := w.keys[op.GetKey.Key]
		if info == nil {
			return nil, ozerr.New(ozerr.KeyNotFound, "%s", op.GetKey.Key)
		}
		return w.keyResult(info), nil
	case *ompb.Request_GetContainer:
		info := &ompb.ContainerInfo{Id: op.GetContainer.Container}
		for _, n := range w.containers[info.Id].nodes {
			info.Nodes = append(info.Nodes, n.Id)
		}
		return &ompb.Response{Result: &ompb.Response_Container{Container: info}}, nil
	case *ompb.Request_ListNodes:
		list := &ompb.NodeList{}
		for _, n := range w.nodes {
			list.Nodes = append(list.Nodes, &ompb.NodeInfo{Node: n.node})
		}
		return &ompb.Response{Result: &ompb.Response_Nodes{Nodes: list}}, nil
	case *ompb.Request_ReportBadReplica:
		w.reports = append(w.reports, op.ReportBadReplica)
		if c := w.containers[op.ReportBadReplica.Block.Container]; op.ReportBadReplica.CloseContainer && c != nil {
			c.closed = true
		}
		return &ompb.Response{}, nil
	}
	return nil, ozerr.New(ozerr.NotSupported, "%T", req.Op)
}

// checkBlocks insists that enough replicas hold every block, durably and right.
func (w *world) checkBlocks(blocks []*commonpb.Block, size uint64) error {
	holds := w.holds
	if holds == nil {
		holds = func(n *commonpb.Node, b *commonpb.Block) bool { return w.Node(n).(*fakeNode).holds(b) }
	}
	var total uint64
	for _, b := range blocks {
		total += b.Length
		good := 0
		for _, n := range w.containers[b.Id.Container].nodes {
			if holds(n, b) {
				good++
			}
		}
		if good < w.min || b.Offset != 0 || b.Length != b.BlockLength || b.BlockLength > w.blockSize {
			return ozerr.New(ozerr.Internal, "TEST: block %v is on %d replicas at commit", b, good)
		}
	}
	if total != size {
		return ozerr.New(ozerr.Internal, "TEST: key of %d bytes has blocks of %d", size, total)
	}
	return nil
}

func (w *world) keyResult(info *ompb.KeyInfo) *ompb.Response {
	r := &ompb.KeyResult{Key: info, Bucket: &ompb.BucketInfo{Name: "b"}, Locations: map[uint64]*ompb.Replicas{}}
	if w.tokenLife > 0 {
		r.Key = proto.CloneOf(info)
		for _, b := range r.Key.Blocks {
			b.Token = w.token("read", b.Id)
		}
	}
	for _, b := range info.Blocks {
		r.Locations[b.Id.Container] = &ompb.Replicas{Nodes: w.containers[b.Id.Container].nodes}
	}
	return &ompb.Response{Result: &ompb.Response_Key{Key: r}}
}

func (w *world) allocate(op *ompb.AllocateBlocks) (*ompb.Response, error) {
	w.allocated++
	var nodes []*commonpb.Node
	for i := range w.nodes {
		n := w.nodes[(i+w.allocated)%len(w.nodes)].node
		if !slices.Contains(op.ExcludeNodes, n.Id) && len(nodes) < w.factor {
			nodes = append(nodes, n)
		}
	}
	if len(nodes) < w.min {
		return nil, ozerr.New(ozerr.Unavailable, "%d datanodes", len(nodes))
	}
	w.nextID++
	container := w.nextID
	w.containers[container] = &fakeContainer{nodes: nodes}
	leases := &ompb.BlockLeases{BlockSize: w.blockSize, ValidNs: int64(time.Minute)}
	for range op.Count {
		w.nextID++
		leases.Leases = append(leases.Leases, &ompb.BlockLease{
			Id: &commonpb.BlockID{Container: container, Local: w.nextID}, Replicas: nodes, MinReplicas: uint32(w.min),
		})
	}
	if w.tokenLife > 0 {
		leases.TokenValidNs = int64(w.tokenLife)
		for _, l := range leases.Leases {
			l.Token = w.token("write", l.Id)
		}
	}
	return &ompb.Response{Result: &ompb.Response_Leases{Leases: leases}}, nil
}

// token is what the fake datanodes want to see in secure mode.
func (w *world) token(mode string, id *commonpb.BlockID) []byte {
	return fmt.Appendf(nil, "%s %d/%d %d", mode, id.Container, id.Local, time.Now().Add(w.tokenLife).UnixNano())
}

func (w *world) verify(token []byte, mode string, id *commonpb.BlockID) error {
	if w.tokenLife == 0 {
		return nil
	}
	var expires int64
	_, err := fmt.Sscanf(string(token), fmt.Sprintf("%s %d/%d %%d", mode, id.GetContainer(), id.GetLocal()), &expires)
	if err != nil || time.Now().UnixNano() > expires {
		return ozerr.New(ozerr.BlockTokenRefused, "%q to %s %v", token, mode, id)
	}
	return nil
}

// ---- datanode ---------------------------------------------------------------

// suffer waits as the fault demands; false: the call ends with err.
func (n *fakeNode) suffer(ctx context.Context, f fault) (goOn bool, err error) {
	switch f {
	case failBefore:
		return false, ozerr.New(ozerr.Unavailable, "%s is down", n.node.Id)
	case hang:
		<-ctx.Done()
		return false, contextError(ctx, "hanging")
	case hangForever:
		<-n.w.ended
		return false, ozerr.New(ozerr.Unavailable, "the world has ended")
	case slow, slower:
		d := time.Second
		if f == slower {
			d = 3 * time.Second
		}
		if pause(ctx, d) != nil {
			return false, contextError(ctx, "slow")
		}
	case closedHere:
		return false, ozerr.New(ozerr.ContainerClosed, "closed")
	case missing:
		return false, ozerr.New(ozerr.BlockNotFound, "not here")
	}
	return true, nil
}

func (n *fakeNode) fault(write bool) fault {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	if n.w.faultOf == nil {
		return healthy
	}
	return n.w.faultOf(n.index, write)
}

func (n *fakeNode) Write(ctx context.Context, req *dnpb.WriteRequest, data []byte) error {
	if err := n.w.verify(req.Token, "write", req.Block); err != nil {
		return err
	}
	f := n.fault(true)
	if ok, err := n.suffer(ctx, f); !ok {
		return err
	}
	if err := n.write(req, data); err != nil {
		return err
	}
	if f == failAfter {
		return ozerr.New(ozerr.Unavailable, "the reply was lost")
	}
	return nil
}

func (n *fakeNode) write(req *dnpb.WriteRequest, data []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if crc32c.Sum(data) != req.Crc32C {
		return ozerr.New(ozerr.ChecksumMismatch, "chunk")
	}
	id := [2]uint64{req.Block.Container, req.Block.Local}
	b := n.blocks[id]
	if b == nil {
		b = &fakeBlock{}
		n.blocks[id] = b
	}
	if b.committed {
		if req.Commit && req.BlockLength == uint64(len(b.data)) && req.BlockCrc32C == crc32c.Sum(b.data) {
			return nil
		}
		return ozerr.New(ozerr.BlockConflict, "committed")
	}
	if len(data) > 0 {
		again := len(b.data) > 0 && req.Offset == uint64(b.lastOff) && bytes.Equal(b.data[b.lastOff:], data)
		switch {
		case again:
		case req.Offset != uint64(len(b.data)) || len(b.data)%n.w.unit != 0:
			return ozerr.New(ozerr.BlockConflict, "chunk for %d, block has %d", req.Offset, len(b.data))
		default:
			b.lastOff = len(b.data)
			b.data = append(b.data, data...)
		}
	}
	if !req.Commit {
		return nil
	}
	if req.Seal && req.BlockLength <= uint64(len(b.data)) {
		b.data = b.data[:req.BlockLength]
	}
	if req.BlockLength != uint64(len(b.data)) || req.BlockCrc32C != crc32c.Sum(b.data) {
		return ozerr.New(ozerr.BlockConflict, "commit of %d bytes, block has %d", req.BlockLength, len(b.data))
	}
	b.committed = true
	return nil
}

func (n *fakeNode) holds(b *commonpb.Block) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	got := n.blocks[[2]uint64{b.Id.Container, b.Id.Local}]
	return got != nil && got.committed && uint64(len(got.data)) == b.BlockLength && crc32c.Sum(got.data) == b.Crc32C
}

func (n *fakeNode) Read(ctx context.Context, req *dnpb.ReadRequest, buf []byte) (*dnpb.ReadResponse, []byte, error) {
	if err := n.w.verify(req.Token, "read", req.Block); err != nil {
		return nil, nil, err
	}
	f := n.fault(false)
	if ok, err := n.suffer(ctx, f); !ok {
		return nil, nil, err
	}
	if f == failAfter {
		return nil, nil, ozerr.New(ozerr.Unavailable, "the reply was lost")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	b := n.blocks[[2]uint64{req.Block.Container, req.Block.Local}]
	if b == nil || !b.committed {
		return nil, nil, ozerr.New(ozerr.BlockNotFound, "no block %v", req.Block)
	}
	unit, length := uint64(n.w.unit), uint64(len(b.data))
	from := req.Offset / unit * unit
	to := min((req.Offset+req.Length+unit-1)/unit*unit, length)
	payload := append(buf[:0], b.data[from:to]...)
	data := slices.Clone(b.data)
	if f == flipStored {
		data[from] ^= 1
	}
	if f == flipStored || f == flipPayload {
		payload[0] ^= 1
	}
	sums := crc32c.Units(nil, data, n.w.unit)
	if !req.WantChecksums {
		sums = sums[from/unit : (to+unit-1)/unit]
	}
	if f == shortPayload {
		payload = payload[:(len(payload)-1)/n.w.unit*n.w.unit]
	}
	if f == lies {
		length++
	}
	return &dnpb.ReadResponse{PayloadOffset: from, BlockLength: length, Unit: uint32(unit), Checksums: sums}, payload, nil
}

// ---- bodies -----------------------------------------------------------------

// testBytes are n bytes that differ with seed.
func testBytes(n int, seed byte) []byte {
	b := make([]byte, n)
	x := uint32(seed) + 1
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

var key = KeyRef{BucketRef: S3Bucket("b"), Key: "k"}

func keyNamed(name string) KeyRef { return KeyRef{BucketRef: S3Bucket("b"), Key: name} }

// reasons of the reports so far.
func (w *world) reasons() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, r := range w.reports {
		out = append(out, fmt.Sprintf("%s close=%v %s", r.NodeId, r.CloseContainer, r.Reason))
	}
	return strings.Join(out, "\n")
}
