package datanode

import (
	"context"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/mini-ozone/mini-ozone/internal/failpoint"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/internal/rpc"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// Write implements client.Blocks.
func (s *Server) Write(ctx context.Context, req *dnpb.WriteRequest, data []byte) error {
	start := time.Now()
	err := s.guard.allowWrite(ctx, req, len(data))
	if err == nil {
		err = s.set.Write(ctx, req, data)
	}
	s.metrics.wrote(req, len(data), start, err)
	if err != nil {
		s.log.Debug().Err(err).Str("request", rpc.RequestID(ctx)).Stringer("block", req.GetBlock()).Msg("write")
	}
	return err
}

// Read implements client.Blocks.
func (s *Server) Read(ctx context.Context, req *dnpb.ReadRequest, buf []byte) (*dnpb.ReadResponse, []byte, error) {
	if err := s.guard.allowRead(ctx, req); err != nil {
		s.metrics.read(0, time.Now(), err)
		return nil, nil, err
	}
	return s.read(ctx, req, buf)
}

// read is Read for who may.
func (s *Server) read(ctx context.Context, req *dnpb.ReadRequest, buf []byte) (*dnpb.ReadResponse, []byte, error) {
	start := time.Now()
	resp, payload, err := s.set.Read(ctx, req, buf)
	s.metrics.read(len(payload), start, err)
	if err != nil {
		s.log.Debug().Err(err).Str("request", rpc.RequestID(ctx)).Stringer("block", req.GetBlock()).Msg("read")
	}
	return resp, payload, err
}

// register makes the methods callable over the network.
func (s *Server) register(r *rpc.Server) {
	rpc.Bulk(r, "dn.Write", func(ctx context.Context, req *dnpb.WriteRequest, in []byte) (*dnpb.WriteResponse, rpc.Payload, error) {
		if err := s.meant(req.GetNode()); err != nil {
			return nil, rpc.Payload{}, err
		}
		err := s.Write(ctx, req, in)
		failpoint.Hit("datanode/before-ack")
		return &dnpb.WriteResponse{}, rpc.Payload{}, err
	})
	rpc.Bulk(r, "dn.Read", s.readRemote)
	rpc.Unary(r, "dn.ListBlocks", s.ListBlocks)
}

// ListBlocks tells what a container has.
func (s *Server) ListBlocks(ctx context.Context, req *dnpb.ListBlocksRequest) (*dnpb.ListBlocksResponse, error) {
	if err := s.meant(req.GetNode()); err != nil {
		return nil, err
	}
	if err := s.guard.allowList(ctx, req); err != nil {
		return nil, err
	}
	return s.set.List(req)
}

// meant refuses a call for another datanode: a client may hold an address that was
// another's when it heard of it, and a write here would be a replica that om looks
// for elsewhere.
func (s *Server) meant(node string) error {
	if node != "" && node != s.ID() {
		return ozerr.New(ozerr.WrongNode, "this is datanode %s, not %s", s.ID(), node)
	}
	return nil
}

// readRemote reads into a buffer that is taken back when the reply is sent, or, if the
// caller gave up before, when the disk has let go of it.
func (s *Server) readRemote(ctx context.Context, req *dnpb.ReadRequest, _ []byte) (*dnpb.ReadResponse, rpc.Payload, error) {
	if err := s.meant(req.GetNode()); err != nil {
		return nil, rpc.Payload{}, err
	}
	if err := s.guard.allowRead(ctx, req); err != nil { // before anything is told of the block
		s.metrics.read(0, time.Now(), err)
		return nil, rpc.Payload{}, err
	}
	need, err := s.set.ReadSize(req)
	if err != nil {
		return nil, rpc.Payload{}, err
	}
	buf, release, err := s.buffers.get(ctx, s.set.Disk(req.GetBlock().GetContainer()), need)
	if err != nil {
		return nil, rpc.Payload{}, err
	}
	done := make(chan reading, 1)
	go func() { // ends when the disk lets it
		r := reading{err: ozerr.New(ozerr.Internal, "the read of %v panicked", req.GetBlock())}
		defer func() {
			if p := recover(); p != nil {
				s.log.Error().Interface("panic", p).Bytes("stack", debug.Stack()).Msg("read panicked")
			}
			done <- r
		}()
		r.resp, r.payload, r.err = s.read(ctx, req, buf)
	}()
	select {
	case r := <-done:
		if r.err != nil {
			release()
			return nil, rpc.Payload{}, r.err
		}
		return r.resp, rpc.Payload{Bytes: r.payload, Release: release}, nil
	case <-ctx.Done():
		go func() {
			<-done
			release()
		}()
		return nil, rpc.Payload{}, ozerr.Wrap(ozerr.Timeout, ctx.Err(), "reading %v", req.GetBlock())
	}
}

// reading is what a read brought.
type reading struct {
	resp    *dnpb.ReadResponse
	payload []byte
	err     error
}

// maxReply is the largest payload of a reply.
const maxReply = rpc.MaxPayload

// maxReplies bounds the memory of replies that wait for slow readers, or for a disk. Each
// disk has its share, so that one that hangs doesn't take the others'; it is at least
// minReplies.
const (
	maxReplies = 128 << 20
	minReplies = 32 << 20
)

// buffers are reused reply buffers of a few sizes, bounded in sum for each disk.
type buffers struct {
	room  []*semaphore.Weighted // by disk
	pools []sync.Pool
}

// bufferSizes: small blocks, a unit, common chunks widened to units, anything.
var bufferSizes = []int{16 << 10, 256 << 10, 1280 << 10, 4352 << 10, maxReply}

func newBuffers(disks int) *buffers {
	b := &buffers{pools: make([]sync.Pool, len(bufferSizes))}
	for range disks {
		b.room = append(b.room, semaphore.NewWeighted(int64(max(minReplies, maxReplies/disks))))
	}
	for i, size := range bufferSizes {
		b.pools[i].New = func() any { p := make([]byte, size); return &p }
	}
	return b
}

// get returns a buffer of at least n bytes for a read of the disk, waiting for room
// until ctx ends.
func (b *buffers) get(ctx context.Context, disk, n int) ([]byte, func(), error) {
	i := 0
	for bufferSizes[i] < n {
		i++
	}
	room, size := b.room[disk], int64(bufferSizes[i])
	if err := room.Acquire(ctx, size); err != nil {
		return nil, nil, &ozerr.Error{Code: ozerr.Unavailable, Message: "too many replies wait to be read", Detail: ozerr.Busy, Err: err}
	}
	p := b.pools[i].Get().(*[]byte)
	return *p, func() {
		b.pools[i].Put(p)
		room.Release(size)
	}, nil
}
