package client

import (
	"context"
	"sync"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/internal/rpc"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// Config tunes a Client. DefaultConfig has the defaults.
type Config struct {
	ChunkSize      int           // bytes in one write or read call; 256 KiB to 4 MiB, whole checksum units of 256 KiB
	Window         int           // chunks read ahead, of a body or of an object
	WriteTimeout   time.Duration // a replica that takes longer for one chunk has failed
	StragglerAfter time.Duration // a replica that is behind by so much when enough others are done has failed, too
	ReadTimeout    time.Duration // as WriteTimeout, for one read
	HedgeAfter     time.Duration // a read that takes longer is tried on the next replica too
	AvoidFor       time.Duration // how long a datanode that failed is avoided
	Hiccup         time.Duration // wait before a call is tried once more on a datanode whose connection broke
	LeaseBatch     int           // block leases fetched at once, per replication
	Attempts       int           // tries to place one block before the write fails
	OMTimeout      time.Duration // for requests whose ctx has no deadline
}

// DefaultConfig is what servers use unless told otherwise.
func DefaultConfig() Config {
	return Config{
		ChunkSize:      1 << 20,
		Window:         2,
		WriteTimeout:   10 * time.Second,
		StragglerAfter: 1200 * time.Millisecond,
		ReadTimeout:    10 * time.Second,
		HedgeAfter:     500 * time.Millisecond,
		AvoidFor:       30 * time.Second,
		Hiccup:         100 * time.Millisecond,
		LeaseBatch:     64,
		Attempts:       4,
		OMTimeout:      15 * time.Second,
	}
}

// Validate says what is wrong with the settings.
func (c Config) Validate() error {
	switch {
	case c.ChunkSize < usualUnit || c.ChunkSize > 4<<20 || c.ChunkSize%usualUnit != 0:
		return ozerr.New(ozerr.InvalidArgument, "chunk size %d is not 256 KiB to 4 MiB in steps of 256 KiB", c.ChunkSize)
	case c.Window < 1:
		return ozerr.New(ozerr.InvalidArgument, "window %d is below 1", c.Window)
	case c.LeaseBatch < 1 || c.Attempts < 1:
		return ozerr.New(ozerr.InvalidArgument, "lease batch %d or attempts %d is below 1", c.LeaseBatch, c.Attempts)
	case c.WriteTimeout <= 0 || c.StragglerAfter <= 0 || c.ReadTimeout <= 0 || c.HedgeAfter <= 0 || c.OMTimeout <= 0 || c.Hiccup < 0 || c.AvoidFor < 0:
		return ozerr.New(ozerr.InvalidArgument, "a time-out is not positive")
	}
	return nil
}

// Client stores and reads objects. It is safe for concurrent use; a process
// needs one.
type Client struct {
	om    Submitter
	nodes Nodes
	cfg   Config
	names *sequencer

	chunks  *chunkPool
	health  *health
	leases  leasePool
	buckets bucketCache
	reports chan struct{} // places for reports under way

	ctx    context.Context // of background work; ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup // background work, and calls on datanodes
}

// New returns a client of one cluster. cfg must be valid.
func New(om Submitter, nodes Nodes, cfg Config) *Client {
	c := &Client{
		om: om, nodes: nodes, cfg: cfg, names: newSequencer(),
		chunks: newChunkPool(cfg.ChunkSize), health: newHealth(cfg.AvoidFor),
		reports: make(chan struct{}, maxReports),
	}
	c.leases = leasePool{c: c, queues: map[string]*leaseQueue{}}
	c.buckets = bucketCache{c: c, entries: map[BucketRef]bucketEntry{}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// Close ends background work and waits for it. Call it after the last operation
// has returned and every Reader is closed. It closes neither om nor nodes.
func (c *Client) Close() error {
	c.cancel()
	c.wg.Wait()
	return nil
}

// read submits a request that changes nothing, or whose repetition does no harm.
func (c *Client) read(ctx context.Context, req *ompb.Request) (*ompb.Response, error) {
	req.RequestId = rpc.RequestID(ctx)
	req.User = Caller(ctx)
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.cfg.OMTimeout)
		defer cancel()
	}
	resp, err := c.om.Submit(ctx, req)
	if err == nil {
		err = ozerr.FromProto(resp.GetError())
	}
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// mutate submits a request that goes through the log, named so that it takes
// effect once however often it is sent.
func (c *Client) mutate(ctx context.Context, req *ompb.Request) (*ompb.Response, error) {
	req.ClientId = c.names.client
	req.Sequence, req.AckedBelow = c.names.begin()
	defer c.names.end(req.Sequence)
	return c.read(ctx, req)
}
