package client

import (
	"context"

	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// Submitter is what the client needs of om: one request in, its response or an
// error out. Real: *omclient.Client over the network, *om.Server in the same
// process. A response with Error set is turned into that error by the Submitter,
// so a nil error means success. Safe for concurrent use.
type Submitter interface {
	Submit(ctx context.Context, req *ompb.Request) (*ompb.Response, error)
}

// Blocks is what the client needs of one datanode. Real: *dnclient.Node over the
// network, *datanode.Server in the same process. Safe for concurrent use.
type Blocks interface {
	// Write appends data to a block, and commits it if asked: see dnpb.WriteRequest.
	// data is not kept after the return. With commit the bytes are on stable
	// storage when it returns nil.
	Write(ctx context.Context, req *dnpb.WriteRequest, data []byte) error
	// Neither data nor buf is touched after the return. A call ends soon after ctx.
	// Read returns the payload, which starts and ends on checksum units and may be
	// wider than asked. It uses buf when that is large enough. The payload is not
	// verified: the caller does that against the checksums in the response.
	Read(ctx context.Context, req *dnpb.ReadRequest, buf []byte) (*dnpb.ReadResponse, []byte, error)
}

// Nodes finds the Blocks of a datanode. Real: *dnclient.Pool, or the map of an
// in-process cluster.
type Nodes interface {
	Node(n *commonpb.Node) Blocks
}
