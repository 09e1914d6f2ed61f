package s3g

import (
	"errors"
	"io"
	"net/http"
	"slices"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/s3g/payload"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/sse"
)

// copyAttempts is how often a source may be overwritten while it is being copied.
const copyAttempts = 8

// copy copies src to the key that r addresses. The copy shares the source's blocks
// where that can be (sharable); if they are encrypted, with the same data key wrapped
// anew. Otherwise the bytes go through here.
func (g *gateway) copy(r *request, src client.KeyRef, o client.CopyOptions) (client.Object, error) {
	wish, err := g.writerWish(r)
	if err != nil {
		return client.Object{}, err
	}
	for range copyAttempts {
		from, err := g.objects.GetObject(r.Context(), src, o.SourceExpectedOwner)
		if denied := g.allowSource(r, src, &from, err, !o.ReplaceTags); denied != nil {
			return from, denied
		}
		if err != nil {
			return from, err
		}
		obj, err := g.copyVersion(r, src, &from, wish, o)
		if !errors.Is(err, ozerr.PreconditionFailed) || !g.overwritten(r, src, &from) {
			return obj, err
		}
	}
	return client.Object{}, s3err.SlowDown // nothing happened, and a client that repeats it may have more luck
}

// copyVersion copies one version of the source, that and no other.
func (g *gateway) copyVersion(r *request, src client.KeyRef, from *client.Object, wish encryptionWish, o client.CopyOptions) (client.Object, error) {
	if err := checkSource(o.SourceCondition, from); err != nil {
		return client.Object{}, err
	}
	customer, err := g.readerKey(r, sourcePrefix, from)
	if err != nil {
		return client.Object{}, err
	}
	if !sharable(from, wish) {
		return g.copyBytes(r, from, customer, wish, o)
	}
	o.SourceCondition.IfGeneration = from.Generation
	if o.Encryption, err = g.rewrapped(r, from.Encryption, customer, wish); err != nil {
		return client.Object{}, err
	}
	if o.Checksums, err = g.copiedChecksums(r, from, customer); err != nil {
		return client.Object{}, err
	}
	return g.objects.CopyObject(r.Context(), src, r.keyRef(), o)
}

// sharable says whether a copy that the wish wants can have from's own stored bytes:
// both are plain or both encrypted. An ETag that has to be the MD5 of the bytes must be
// known, though: clients verify what they read by it.
func sharable(from *client.Object, wish encryptionWish) bool {
	if from.Encryption == nil || wish.empty() {
		return from.Encryption == nil && wish.empty()
	}
	return wish.algorithm != algorithmAES || from.Encryption.Kind == sse.KindS3 || len(from.Parts) > 0
}

// copiedChecksums are what x-amz-checksum-algorithm asks for where the source does not
// have it of its bytes as a whole: then they are read through here. nil leaves the copy
// the source's own.
func (g *gateway) copiedChecksums(r *request, from *client.Object, customer *customerKey) ([]client.Checksum, error) {
	asked := payload.Algorithm(r.Header.Get("X-Amz-Checksum-Algorithm"))
	has := slices.ContainsFunc(from.Checksums, func(c client.Checksum) bool { return c.Algorithm == asked && c.Type != composite })
	if asked == "" || has {
		return nil, nil
	}
	if err := g.makeRoom(r, from.Size); err != nil {
		return nil, err
	}
	source, err := g.read(r.Context(), *from, customer, 0, from.Size)
	if err != nil {
		return nil, err
	}
	defer func() { _ = source.Close() }()
	body := payload.Digest(source, from.Size, asked)
	defer func() { _ = body.Close() }()
	if _, err := io.Copy(io.Discard, body); err != nil {
		return nil, err
	}
	var plain *sealing
	sealed, err := plain.seal(body)
	return sealed.Checksums, err
}

// rewrapped is e with its data key wrapped as the wish wants it; nil for nil.
func (g *gateway) rewrapped(r *request, e *client.Encryption, customer *customerKey, wish encryptionWish) (*client.Encryption, error) {
	if e == nil {
		return nil, nil
	}
	key, err := g.dataKey(r.Context(), e, customer)
	if err != nil {
		return nil, err
	}
	out, err := g.wrap(r.Context(), key, wish)
	out.Chunk, out.Overhead, out.Salt = e.Chunk, e.Overhead, e.Salt
	return &out, err
}

// copyBytes writes from's bytes as a new object.
func (g *gateway) copyBytes(r *request, from *client.Object, customer *customerKey, wish encryptionWish, o client.CopyOptions) (client.Object, error) {
	if err := g.makeRoom(r, from.Size); err != nil {
		return client.Object{}, err
	}
	sealing, err := g.seal(r.Context(), wish)
	if err != nil {
		return client.Object{}, err
	}
	source, err := g.read(r.Context(), *from, customer, 0, from.Size)
	if err != nil {
		return client.Object{}, err
	}
	defer func() { _ = source.Close() }()
	body := payload.Digest(source, from.Size, copiedAlgorithm(r.Header, from))
	defer func() { _ = body.Close() }()
	obj, err := g.objects.PutObject(r.Context(), r.keyRef(), sealing.reader(body), client.PutOptions{
		Meta: copiedMeta(from.Meta, o), Protection: o.Protection, Condition: o.Condition, ExpectedOwner: o.ExpectedOwner,
		Replication: replication(o.Meta.StorageClass),
		Encryption:  sealing.encryption(),
		Seal:        func(int64) (client.Sealed, error) { return sealing.seal(body) },
	})
	if from.Bucket.Versioning != "" {
		obj.SourceVersionID = versionName(from.VersionID)
	}
	return obj, err
}

// overwritten says whether src is another version by now than from.
func (g *gateway) overwritten(r *request, src client.KeyRef, from *client.Object) bool {
	now, err := g.objects.GetObject(r.Context(), src, "")
	return err != nil || now.Generation != from.Generation
}

// copiedAlgorithm is the checksum that a copy gets: the one asked for, else the
// source's.
func copiedAlgorithm(h http.Header, from *client.Object) string {
	if asked := payload.Algorithm(h.Get("X-Amz-Checksum-Algorithm")); asked != "" {
		return asked
	}
	if len(from.Checksums) > 0 {
		return from.Checksums[0].Algorithm
	}
	return ""
}

// copiedMeta is what om would make of it in CopyObject.
func copiedMeta(from client.Meta, o client.CopyOptions) client.Meta {
	m := client.Meta{Metadata: from.Metadata, Headers: from.Headers, Tags: from.Tags, StorageClass: o.Meta.StorageClass}
	if o.ReplaceMetadata {
		m.Metadata, m.Headers = o.Meta.Metadata, o.Meta.Headers
	}
	if o.ReplaceTags {
		m.Tags = o.Meta.Tags
	}
	return m
}
