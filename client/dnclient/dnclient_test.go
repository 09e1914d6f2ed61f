package dnclient

import (
	"bytes"
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/internal/rpc"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startNode serves a datanode that keeps one chunk per block.
func startNode(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := rpc.NewServer(zerolog.Nop())
	s.Grace = 0
	stored := make(chan []byte, 1)
	rpc.Bulk(s, "dn.Write", func(ctx context.Context, r *dnpb.WriteRequest, in []byte) (*dnpb.WriteResponse, rpc.Payload, error) {
		if r.Block.GetLocal() == 0 { // hangs
			<-ctx.Done()
			return nil, rpc.Payload{}, ctx.Err()
		}
		if r.Block.GetLocal() == 99 {
			return nil, rpc.Payload{}, ozerr.New(ozerr.ContainerClosed, "closed")
		}
		stored <- bytes.Clone(in)
		return &dnpb.WriteResponse{}, rpc.Payload{}, nil
	})
	rpc.Bulk(s, "dn.Read", func(_ context.Context, r *dnpb.ReadRequest, _ []byte) (*dnpb.ReadResponse, rpc.Payload, error) {
		b := <-stored
		return &dnpb.ReadResponse{BlockLength: uint64(len(b))}, rpc.Payload{Bytes: b}, nil
	})
	rpc.Unary(s, "dn.ListBlocks", func(_ context.Context, r *dnpb.ListBlocksRequest) (*dnpb.ListBlocksResponse, error) {
		return &dnpb.ListBlocksResponse{Blocks: []*dnpb.StoredBlock{{Local: r.AfterLocal + 1}}}, nil
	})
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = s.Serve(l)
	}()
	t.Cleanup(func() {
		_ = s.Close()
		<-served
	})
	return l.Addr().String()
}

func TestCalls(t *testing.T) {
	addr := startNode(t)
	p := NewPool(Options{})
	defer p.Close()
	n := p.Node(&commonpb.Node{Address: addr})
	if p.At(addr) != n {
		t.Fatal("two connection sets to one address")
	}
	for _, size := range []int{10, 1 << 20} {
		data := bytes.Repeat([]byte{5}, size)
		if err := n.Write(context.Background(), &dnpb.WriteRequest{Block: &commonpb.BlockID{Local: 1}}, data); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, size)
		resp, got, err := n.Read(context.Background(), &dnpb.ReadRequest{}, buf)
		if err != nil || !bytes.Equal(got, data) || resp.BlockLength != uint64(size) || &got[0] != &buf[0] {
			t.Fatalf("%d bytes, %v, %v", len(got), resp, err)
		}
	}
	list, err := p.At(addr).ListBlocks(context.Background(), &dnpb.ListBlocksRequest{AfterLocal: 4})
	if err != nil || list.Blocks[0].Local != 5 {
		t.Fatalf("%v, %v", list, err)
	}
	err = n.Write(context.Background(), &dnpb.WriteRequest{Block: &commonpb.BlockID{Local: 99}}, nil)
	if !errors.Is(err, ozerr.ContainerClosed) {
		t.Fatal(err)
	}
}

func TestCallsHaveADeadline(t *testing.T) {
	p := NewPool(Options{Timeout: 50 * time.Millisecond})
	defer p.Close()
	err := p.At(startNode(t)).Write(context.Background(), &dnpb.WriteRequest{}, nil) // hangs
	if !errors.Is(err, ozerr.Timeout) {
		t.Fatalf("a call without deadline ended with %v", err)
	}
}

func TestNodeDown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	p := NewPool(Options{})
	defer p.Close()
	n := p.At(l.Addr().String())
	if err := n.Write(t.Context(), &dnpb.WriteRequest{}, nil); !errors.Is(err, ozerr.Unavailable) {
		t.Fatal(err)
	}
	if _, _, err := n.Read(t.Context(), &dnpb.ReadRequest{}, nil); !errors.Is(err, ozerr.Unavailable) {
		t.Fatal(err)
	}
}
