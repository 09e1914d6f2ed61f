package state

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/mini-ozone/mini-ozone/internal/notification"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// MinPartSize is what every part but the last must have, as S3 demands.
const MinPartSize = 5 << 20

// completeUpload turns the listed parts into a key. It is linear in the parts: each is
// one row read and one removed, and its blocks change owner.
func (c *call) completeUpload(r *ompb.CompleteUpload) (*ompb.Response, error) {
	u, err := c.uploadName(r.Ref, r.Key, r.UploadId, r.ExpectedOwner)
	if err != nil {
		return nil, err
	}
	if u.info = table.Uploads.Get(c.tx, u.row()); u.info == nil {
		return c.completedBefore(u, r)
	}
	if err := checkPartList(r.Parts); err != nil {
		return nil, err
	}
	stored, blocks := c.parts(u)
	listed, err := pick(stored, r.Parts)
	if err != nil {
		return nil, err
	}
	if err := checkListedChecksums(u.info, r.Parts); err != nil {
		return nil, err
	}
	k, err := assemble(u, r, listed)
	if err != nil {
		return nil, err
	}
	s, err := c.replaceable(u.bucket, r.Key, r.Condition)
	if err != nil {
		return nil, err
	}
	if err := c.room(blocks); err != nil {
		return nil, err
	}
	c.putKey(u.bucket, k, s)
	c.tell(u.bucket, notification.CreatedMultipart, k)
	c.closeUpload(u, stored)
	c.keepCompleted(u, r, k)
	return keyAnswer(u.bucket, k), nil
}

// checkPartList checks what can be seen without the parts.
func checkPartList(parts []*ompb.Part) error {
	if len(parts) == 0 {
		return ozerr.New(ozerr.InvalidRequest, "a multipart object needs at least one part")
	}
	last := uint32(0)
	for _, p := range parts {
		if p.Number <= last {
			return ozerr.New(ozerr.InvalidPartOrder, "part %d comes after part %d", p.Number, last)
		}
		last = p.Number
	}
	return nil
}

// checkListedChecksums: an object whose checksum is made of its parts' needs all of
// them told again, as AWS wants it.
func checkListedChecksums(u *ompb.UploadInfo, listed []*ompb.Part) error {
	if u.ChecksumAlgorithm == "" || checksumType(u.ChecksumAlgorithm, u.ChecksumType) != composite {
		return nil
	}
	for _, p := range listed {
		if checksumOf(p.Checksums, u.ChecksumAlgorithm) == "" {
			return ozerr.New(ozerr.InvalidRequest, "The upload was created using a %s checksum. The complete request must include the checksum for each part. It was missing for part %d in the request.",
				strings.ToLower(u.ChecksumAlgorithm), p.Number)
		}
	}
	return nil
}

// pick returns the stored parts that are listed, in order. Both lists are sorted.
func pick(stored []*ompb.PartInfo, listed []*ompb.Part) ([]*ompb.PartInfo, error) {
	out := make([]*ompb.PartInfo, 0, len(listed))
	for _, want := range listed {
		for len(stored) > 0 && stored[0].Number < want.Number {
			stored = stored[1:]
		}
		if len(stored) == 0 || stored[0].Number != want.Number {
			return nil, ozerr.New(ozerr.InvalidPart, "part %d was not uploaded", want.Number)
		}
		p := stored[0]
		if p.Etag != want.Etag {
			return nil, ozerr.New(ozerr.InvalidPart, "part %d has another etag", want.Number)
		}
		for _, sum := range want.Checksums {
			if checksumOf(p.Checksums, sum.Algorithm) != sum.Value {
				return nil, ozerr.New(ozerr.InvalidPart, "part %d has another %s checksum", want.Number, sum.Algorithm)
			}
		}
		out = append(out, p)
	}
	return out, checkPartSizes(out)
}

// checkPartSizes: as in AWS, parts that are not there are told before parts that are too
// small.
func checkPartSizes(parts []*ompb.PartInfo) error {
	for _, p := range parts[:len(parts)-1] {
		if p.Size < MinPartSize {
			return ozerr.New(ozerr.EntityTooSmall, "part %d has %d bytes, all but the last need %d", p.Number, p.Size, MinPartSize)
		}
	}
	return nil
}

// assemble makes the key of its parts.
func assemble(u *upload, r *ompb.CompleteUpload, parts []*ompb.PartInfo) (*ompb.KeyInfo, error) {
	k := &ompb.KeyInfo{
		Key: u.key, Etag: multipartETag(parts), Owner: first(u.info.Acl.GetOwner(), u.info.Owner), Meta: u.info.Meta, Replication: u.bucket.Replication,
		Encryption: u.info.Encryption, Acl: u.info.Acl, Retention: u.info.Retention, LegalHold: u.info.LegalHold,
		Parts: make([]*ompb.Part, 0, len(parts)), Blocks: make([]*commonpb.Block, 0, len(parts)),
	}
	for _, p := range parts {
		k.Size += p.Size
		k.Blocks = append(k.Blocks, p.Blocks...)
		k.Parts = append(k.Parts, &ompb.Part{Number: p.Number, Size: p.Size, Etag: p.Etag, Checksums: p.Checksums, Salt: p.Salt})
	}
	if r.ExpectedSize != nil && *r.ExpectedSize != k.Size {
		return nil, ozerr.New(ozerr.InvalidRequest, "the parts have %d bytes, %d were announced", k.Size, *r.ExpectedSize)
	}
	var err error
	k.Checksums, err = objectChecksums(u.info, r.Checksums, parts)
	return k, err
}

// multipartETag is AWS's: the MD5 of the parts' binary MD5s, and their number. An etag
// that is no MD5 counts with its text.
func multipartETag(parts []*ompb.PartInfo) string {
	h := md5.New()
	for _, p := range parts {
		raw, err := hex.DecodeString(p.Etag)
		if err != nil {
			raw = []byte(p.Etag)
		}
		h.Write(raw)
	}
	return fmt.Sprintf("%x-%d", h.Sum(nil), len(parts))
}

// partListDigest identifies what a Complete asked for.
func partListDigest(parts []*ompb.Part) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(binary.BigEndian.AppendUint32(nil, p.Number))
		h.Write(table.AppendEscaped(nil, p.Etag))
	}
	return h.Sum(nil)
}

// keepCompleted remembers a completed upload, for repetitions, until PruneResults.
func (c *call) keepCompleted(u *upload, r *ompb.CompleteUpload, k *ompb.KeyInfo) {
	table.Completed.Put(c.tx, u.row(), &ompb.UploadInfo{
		InitiatedNs: u.info.InitiatedNs, CompletedNs: c.now(), CompletedDigest: partListDigest(r.Parts),
		CompletedEtag: k.Etag, CompletedKey: brief(k),
	})
	table.CompleteAt.Put(c.tx, append(table.U64(uint64(c.now())), u.row()...), nil)
}

// completedBefore gives the repetition of a Complete, by whatever client, its answer again.
func (c *call) completedBefore(u *upload, r *ompb.CompleteUpload) (*ompb.Response, error) {
	done := table.Completed.Get(c.tx, u.row())
	if done == nil || !bytes.Equal(done.CompletedDigest, partListDigest(r.Parts)) {
		return nil, noUpload(r.UploadId)
	}
	return keyAnswer(u.bucket, done.CompletedKey), nil
}
