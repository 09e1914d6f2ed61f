package state

import (
	"encoding/binary"
	"encoding/hex"
	"errors"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// MaxPartNumber is S3's.
const MaxPartNumber = 10_000

// upload is an open upload with what names its rows.
type upload struct {
	bucket *ompb.BucketInfo
	key    string
	id     []byte
	info   *ompb.UploadInfo
}

func (u *upload) row() []byte { return table.UploadKey(u.bucket.Id, u.key, u.id) }

func noUpload(id string) error {
	return ozerr.New(ozerr.NoSuchUpload, "upload %q does not exist", id)
}

// uploadName finds bucket and row name; info is not read. A made-up id finds nothing.
func (c *call) uploadName(ref *ompb.BucketRef, key, id, expectedOwner string) (*upload, error) {
	b, err := c.bucket(ref, expectedOwner)
	if err != nil {
		return nil, err
	}
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != table.UploadIDSize || hex.EncodeToString(raw) != id || len(key) > maxKey {
		return nil, noUpload(id)
	}
	return &upload{bucket: b, key: key, id: raw}, nil
}

// openUpload finds an upload that is neither completed nor aborted.
func (c *call) openUpload(ref *ompb.BucketRef, key, id, expectedOwner string) (*upload, error) {
	u, err := c.uploadName(ref, key, id, expectedOwner)
	if err != nil {
		return nil, err
	}
	if u.info = table.Uploads.Get(c.tx, u.row()); u.info == nil {
		return nil, noUpload(id)
	}
	return u, nil
}

// full is the upload as answers show it.
func (u *upload) full() *ompb.UploadInfo {
	u.info.Bucket, u.info.Key, u.info.UploadId = u.bucket, u.key, hex.EncodeToString(u.id)
	return u.info
}

func uploadAnswer(u *ompb.UploadInfo) *ompb.Response {
	return &ompb.Response{Result: &ompb.Response_Upload{Upload: u}}
}

func (c *call) createUpload(r *ompb.CreateUpload) (*ompb.Response, error) {
	b, err := c.bucket(r.Ref, r.ExpectedOwner)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(checkKey(r.Key), checkMeta(r.Meta), checkShort(c.req.User)); err != nil {
		return nil, err
	}
	if err := checkAlgorithm(r.ChecksumAlgorithm, r.ChecksumType); err != nil {
		return nil, err
	}
	if err := checkEncryption(b, r.Encryption); err != nil {
		return nil, err
	}
	asked := &ompb.KeyInfo{Acl: r.Acl, Retention: r.Retention, LegalHold: r.LegalHold}
	if err := checkProtection(b, asked, c.now()); err != nil {
		return nil, err
	}
	if len(c.req.Entropy) != 16 {
		return nil, ozerr.New(ozerr.InvalidRequest, "the request carries %d bytes of entropy, not 16", len(c.req.Entropy))
	}
	id := append(binary.BigEndian.AppendUint64(nil, uint64(c.now())), c.req.Entropy...)
	u := &upload{bucket: b, key: r.Key, id: id, info: &ompb.UploadInfo{
		InitiatedNs: c.now(), Owner: c.req.User, Meta: r.Meta,
		ChecksumAlgorithm: r.ChecksumAlgorithm, ChecksumType: checksumType(r.ChecksumAlgorithm, r.ChecksumType),
		Encryption: r.Encryption, Acl: r.Acl, Retention: r.Retention, LegalHold: r.LegalHold,
	}}
	if table.Uploads.Has(c.tx, u.row()) || table.Completed.Has(c.tx, u.row()) {
		return nil, ozerr.New(ozerr.InvalidRequest, "entropy used twice")
	}
	table.Uploads.Put(c.tx, u.row(), u.info)
	return uploadAnswer(u.full()), nil
}

func (c *call) getUpload(r *ompb.GetUpload) (*ompb.Response, error) {
	u, err := c.openUpload(r.Ref, r.Key, r.UploadId, r.ExpectedOwner)
	if err != nil {
		return nil, err
	}
	return uploadAnswer(u.full()), nil
}

// commitPart stores a part; a part of the same number is replaced and its blocks freed.
func (c *call) commitPart(r *ompb.CommitPart) (*ompb.Response, error) {
	u, err := c.openUpload(r.Ref, r.Key, r.UploadId, r.ExpectedOwner)
	if err != nil {
		return nil, err
	}
	if r.Number < 1 || r.Number > MaxPartNumber {
		return nil, ozerr.New(ozerr.InvalidArgument, "part number %d is not within 1 and %d", r.Number, MaxPartNumber)
	}
	if len(r.Blocks) > maxPartBlocks {
		return nil, ozerr.New(ozerr.InvalidRequest, "a part of %d blocks, at most %d", len(r.Blocks), maxPartBlocks)
	}
	if err := checkDigests(r.Etag, r.Checksums); err != nil {
		return nil, err
	}
	if err := checkSalt(u.info.Encryption, r.Salt); err != nil {
		return nil, err
	}
	if err := c.checkBlocks(r.Blocks, storedSize(u.info.Encryption, r.Size), u.info.Encryption == nil); err != nil {
		return nil, err
	}
	row := table.PartKey(u.id, r.Number)
	old := table.Parts.Get(c.tx, row)
	if err := c.room(len(old.GetBlocks())); err != nil {
		return nil, err
	}
	p := &ompb.PartInfo{
		Number: r.Number, Size: r.Size, Etag: r.Etag, Checksums: r.Checksums, Blocks: r.Blocks, ModifiedNs: c.now(),
		Salt: r.Salt,
	}
	o := partOwner(u.id, r.Number)
	c.own(o, p.Blocks)
	c.disown(o, old.GetBlocks(), p.Blocks)
	table.Parts.Put(c.tx, row, p)
	answer := &ompb.PartInfo{Number: p.Number, Size: p.Size, Etag: p.Etag, Checksums: p.Checksums, ModifiedNs: p.ModifiedNs, Salt: p.Salt}
	return &ompb.Response{Result: &ompb.Response_Part{Part: answer}}, nil
}

func (c *call) listParts(r *ompb.ListParts) (*ompb.Response, error) {
	u, err := c.openUpload(r.Ref, r.Key, r.UploadId, r.ExpectedOwner)
	if err != nil {
		return nil, err
	}
	list, limit := &ompb.PartList{Upload: u.full()}, page(r.Limit)
	from := table.PartKey(u.id, max(r.After, r.After+1))
	table.Parts.Scan(c.tx, u.id, from, func(_ []byte, p *ompb.PartInfo) bool {
		if p.Number <= r.After {
			return true
		}
		if len(list.Parts) == limit {
			list.Truncated = true
			return false
		}
		p.Blocks = nil
		list.Parts = append(list.Parts, p)
		return true
	})
	return &ompb.Response{Result: &ompb.Response_Parts{Parts: list}}, nil
}

// parts are all parts of an upload by number.
func (c *call) parts(u *upload) (list []*ompb.PartInfo, blocks int) {
	table.Parts.Scan(c.tx, u.id, nil, func(_ []byte, p *ompb.PartInfo) bool {
		list = append(list, p)
		blocks += len(p.Blocks)
		return true
	})
	return list, blocks
}

func (c *call) abortUpload(r *ompb.AbortUpload) (*ompb.Response, error) {
	u, err := c.openUpload(r.Ref, r.Key, r.UploadId, r.ExpectedOwner)
	if err != nil {
		return nil, err
	}
	parts, blocks := c.parts(u)
	if err := c.room(blocks); err != nil {
		return nil, err
	}
	c.closeUpload(u, parts)
	return nil, nil
}

// closeUpload removes an upload with its parts; blocks that a key has taken over stay.
func (c *call) closeUpload(u *upload, parts []*ompb.PartInfo) {
	for _, p := range parts {
		c.disown(partOwner(u.id, p.Number), p.Blocks, nil)
		table.Parts.Delete(c.tx, table.PartKey(u.id, p.Number))
	}
	table.Uploads.Delete(c.tx, u.row())
}
