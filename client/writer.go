package client

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/crc32c"
	"github.com/mini-ozone/mini-ozone/internal/failpoint"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// PutObject stores body under ref and returns the new object, without blocks to
// read from. Nothing is visible unless it returns nil; then the bytes are on stable
// storage on every replica that was written, and the entry in om's log. An error of
// body comes back as it is. body is not read any more after the return, for which
// PutObject waits if need be. Errors: those of om's CommitKey; ozerr.Unavailable
// when too few datanodes could be written; with ozerr.Timeout the outcome is
// unknown.
func (c *Client) PutObject(ctx context.Context, ref KeyRef, body io.Reader, o PutOptions) (Object, error) {
	replication, err := c.replicationOf(ctx, ref.BucketRef, o)
	if err != nil {
		return Object{}, err
	}
	blocks, size, sealed, err := c.store(ctx, replication, body, o)
	if err != nil {
		return Object{}, err
	}
	failpoint.Hit("client/before-commit")
	resp, err := c.mutate(ctx, &ompb.Request{Op: &ompb.Request_CommitKey{CommitKey: &ompb.CommitKey{
		Ref: bucketRefTo(ref.BucketRef), Key: ref.Key, Size: size, Etag: sealed.ETag, Meta: metaTo(o.Meta),
		Checksums: mapSlice(sealed.Checksums, checksumTo), Blocks: blocks, Condition: conditionTo(o.Condition),
		ExpectedOwner: o.ExpectedOwner, Replication: replication,
		Acl: aclTo(o.ACL), Retention: retentionTo(o.Retention), LegalHold: o.LegalHold, Encryption: encryptionTo(o.Encryption), Post: o.Post,
	}}})
	if err != nil {
		return Object{}, err
	}
	failpoint.Hit("client/after-commit")
	return objectFrom(resp.GetKey()), nil
}

// PutPart stores body as a part of an upload; an earlier part of that number is
// replaced. What is said of PutObject holds. Meta and Condition are not used.
func (c *Client) PutPart(ctx context.Context, ref UploadRef, number int, body io.Reader, o PutOptions) (Part, error) {
	replication, err := c.replicationOf(ctx, ref.BucketRef, o)
	if err != nil {
		return Part{}, err
	}
	blocks, size, sealed, err := c.store(ctx, replication, body, o)
	if err != nil {
		return Part{}, err
	}
	var salt []byte
	if o.Encryption != nil {
		salt = o.Encryption.Salt
	}
	owner := o.ExpectedOwner
	if owner == "" {
		owner = ref.ExpectedOwner
	}
	failpoint.Hit("client/before-commit-part")
	resp, err := c.mutate(ctx, &ompb.Request{Op: &ompb.Request_CommitPart{CommitPart: &ompb.CommitPart{
		Ref: bucketRefTo(ref.BucketRef), Key: ref.Key, UploadId: ref.ID, Number: limit32(number),
		Size: size, Etag: sealed.ETag, Checksums: mapSlice(sealed.Checksums, checksumTo), Blocks: blocks,
		ExpectedOwner: owner, Salt: salt,
	}}})
	if err != nil {
		return Part{}, err
	}
	return partInfoFrom(resp.GetPart()), nil
}

// replicationOf is what o asks for, or what the bucket has.
func (c *Client) replicationOf(ctx context.Context, ref BucketRef, o PutOptions) (string, error) {
	if o.Replication != "" {
		return o.Replication, nil
	}
	return c.buckets.replication(ctx, ref)
}

// store writes body to datanodes, durably, and seals it.
func (c *Client) store(ctx context.Context, replication string, body io.Reader, o PutOptions) ([]*commonpb.Block, uint64, Sealed, error) {
	blocks, size, err := c.writeBody(ctx, replication, body)
	if err != nil {
		return nil, 0, Sealed{}, err
	}
	if o.Seal == nil {
		return blocks, size, Sealed{}, nil
	}
	sealed, err := o.Seal(int64(size))
	if o.Encryption != nil {
		size = uint64(max(sealed.Size, 0))
	}
	return blocks, size, sealed, err
}

func (c *Client) writeBody(ctx context.Context, replication string, body io.Reader) ([]*commonpb.Block, uint64, error) {
	source := newBodySource(ctx, body, c.chunks, c.cfg.Window)
	defer source.stop()
	w := &writer{c: c, ctx: ctx, replication: replication}
	for {
		ch, err := source.next()
		if err == io.EOF {
			return nil, 0, nil
		}
		if err != nil {
			return nil, 0, err
		}
		last := ch.last
		err = w.add(ch)
		ch.release()
		if err != nil {
			return nil, 0, err
		}
		if last {
			return w.blocks, w.size, nil
		}
		failpoint.Hit("client/mid-body")
	}
}

// maxClosed is in how many containers in a row a block may find itself refused: om has
// a few open at a time, and all of them may close while we hold leases for them.
const maxClosed = 16

// errLeaseClosed says that the container of a lease closed before its block was begun
// on every replica.
var errLeaseClosed = errors.New("the container has closed")

// writer writes one body into blocks, one after the other.
type writer struct {
	c           *Client
	ctx         context.Context
	replication string
	blocks      []*commonpb.Block // committed
	size        uint64            // bytes in them
	cur         *openBlock        // nil: the next byte begins a new block
}

// openBlock is a block being written. off bytes with checksum crc are stored on
// every one of replicas.
type openBlock struct {
	lease
	replicas []*commonpb.Node
	off      uint64
	crc      uint32
}

// add writes a chunk, into more than one block where it must be.
func (w *writer) add(ch *chunk) error {
	for rest := ch.data; len(rest) > 0; {
		n, err := w.place(ch, rest)
		if err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// place writes the beginning of rest, as much as fits the block at hand, and says
// how much that was. A block that fails is ended where it was, and the bytes
// written to another one.
func (w *writer) place(ch *chunk, rest []byte) (int, error) {
	var failure error
	begun, closed := time.Now(), 0
	for i := 0; i < w.c.cfg.Attempts && closed < maxClosed && time.Since(begun) < 2*w.c.cfg.WriteTimeout; i++ {
		if err := w.open(); err != nil {
			return 0, err
		}
		if !w.cur.ends.IsZero() && time.Now().After(w.cur.ends) {
			if err := w.interrupt(); err != nil { // a slow writer's token is about to expire
				return 0, err
			}
			if err := w.open(); err != nil {
				return 0, err
			}
		}
		b := w.cur
		room := b.size - b.off
		piece := rest[:min(uint64(len(rest)), room)]
		commit := uint64(len(piece)) == room || ch.last && len(piece) == len(rest)
		failed, err := w.write(b, ch, piece, commit)
		switch {
		case err == nil && commit:
			w.close()
			return len(piece), nil
		case err == nil && failed == 0:
			return len(piece), nil
		case w.ctx.Err() != nil:
			return 0, contextError(w.ctx, "writing")
		case err == nil: // stored, but a replica was lost: go on elsewhere
			return len(piece), w.interrupt()
		}
		failure = err
		if errors.Is(err, errLeaseClosed) {
			closed++
			i-- // no datanode failed
		}
		if err := w.interrupt(); err != nil {
			return 0, err
		}
	}
	return 0, ozerr.Wrap(ozerr.Unavailable, failure, "found no datanodes to write to in %v", time.Since(begun).Round(time.Millisecond))
}

// open begins a block if there is none. Replicas known to fail are left out from
// the start where enough others remain; om hears of it.
func (w *writer) open() error {
	if w.cur != nil {
		return nil
	}
	l, err := w.c.leases.take(w.ctx, w.replication)
	if err != nil {
		return err
	}
	var good, bad []*commonpb.Node
	for _, n := range l.replicas {
		if w.c.health.isFailed(n.GetId()) {
			bad = append(bad, n)
		} else {
			good = append(good, n)
		}
	}
	w.cur = &openBlock{lease: l, replicas: l.replicas}
	failpoint.Hit("client/after-alloc")
	if len(good) >= l.min && len(bad) > 0 {
		w.cur.replicas = good
		for _, n := range bad {
			key := replicaKey{container: l.id.GetContainer(), node: n.GetId()}
			w.c.report(key, &ompb.ReportBadReplica{Block: l.id, NodeId: n.GetId(), Reason: "failed lately", CloseContainer: true})
		}
	}
	return nil
}

// write appends piece to b on all its replicas. It succeeds with enough
// acknowledgements; then b continues on those that gave one, and failed says how
// many did not.
func (w *writer) write(b *openBlock, ch *chunk, piece []byte, commit bool) (failed int, err error) {
	sum := crc32c.Sum(piece)
	req := &dnpb.WriteRequest{Block: b.id, Offset: b.off, Crc32C: sum, Token: b.token}
	crc, length := crc32c.Combine(b.crc, sum, int64(len(piece))), b.off+uint64(len(piece))
	if commit {
		req.Commit, req.BlockLength, req.BlockCrc32C = true, length, crc
	}
	acked, lost := w.c.replicate(w.ctx, b.replicas, b.min, req, ch, piece)
	for _, f := range lost {
		w.c.blame(w.ctx, b.id, f)
	}
	if b.off == 0 && refused(lost) {
		return len(lost), errLeaseClosed
	}
	if len(acked) < b.min {
		return len(lost), tooFew(b, len(acked), lost)
	}
	b.replicas, b.off, b.crc = acked, length, crc
	return len(lost), nil
}

// refused tells whether a replica takes no new blocks. The order to close reaches the
// replicas at different times; as long as the bytes are here, another container can
// have them on all of its replicas. What some took of this block stays unused.
func refused(lost []replicaError) bool {
	return slices.ContainsFunc(lost, func(f replicaError) bool { return errors.Is(f.err, ozerr.ContainerClosed) })
}

// tooFew is the error for a write that fewer than the minimum acknowledged.
func tooFew(b *openBlock, acked int, lost []replicaError) error {
	e := ozerr.New(ozerr.Unavailable, "%d of %d replicas of container %d acknowledged, %d must", acked, len(b.replicas), b.id.GetContainer(), b.min)
	if len(lost) > 0 {
		e.Message += ": " + lost[0].err.Error()
		e.Err = lost[0].err
	}
	return e
}

// interrupt ends the block where it is, so that the next byte goes to another one.
// What it has must not be lost, as nobody else has it any more: if too few
// replicas can seal it, that is the end of the whole write.
func (w *writer) interrupt() error {
	b := w.cur
	if b.off == 0 {
		w.cur = nil // never committed: the datanodes forget it
		return nil
	}
	req := &dnpb.WriteRequest{Block: b.id, Offset: b.off, Commit: true, Seal: true, BlockLength: b.off, BlockCrc32C: b.crc, Token: b.token}
	sealed, lost := w.c.replicate(w.ctx, b.replicas, b.min, req, nil, nil)
	for _, f := range lost {
		w.c.blame(w.ctx, b.id, f)
	}
	if len(sealed) < b.min {
		if w.ctx.Err() != nil {
			return contextError(w.ctx, "writing")
		}
		return ozerr.Wrap(ozerr.Unavailable, tooFew(b, len(sealed), lost), "seal block %d/%d", b.id.GetContainer(), b.id.GetLocal())
	}
	w.close()
	return nil
}

// close takes the committed block into the list.
func (w *writer) close() {
	b := w.cur
	w.cur = nil
	w.size += b.off
	w.blocks = append(w.blocks, &commonpb.Block{Id: b.id, BlockLength: b.off, Crc32C: b.crc, Length: b.off})
}
