package state

import (
	"slices"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// documentKinds are the documents a bucket may have.
var documentKinds = []string{"policy", "cors", "lifecycle", "tagging", "notification"}

// maxDocument bounds a document, which is one row. AWS's own limits are lower: 20 KiB of
// policy, 64 KiB of CORS rules, 1000 lifecycle rules.
const maxDocument = table.MaxValue - 4<<10

// legalDocument is an error if the document can't be kept.
func legalDocument(d *ompb.BucketDocument) error {
	if !slices.Contains(documentKinds, d.GetKind()) {
		return ozerr.New(ozerr.InvalidArgument, "%.40q is no kind of document", d.GetKind())
	}
	if n := len(d.GetContent()); n > maxDocument {
		return ozerr.New(ozerr.InvalidArgument, "a document of %d bytes, at most %d", n, maxDocument)
	}
	return checkDocument(d)
}

// setDocument replaces a document of the bucket; without content it removes it. The
// bucket's row has the index of its last change, so who reads that knows whether a
// document it has parsed is still right.
func (c *call) setDocument(b *ompb.BucketInfo, d *ompb.BucketDocument) error {
	if err := legalDocument(d); err != nil {
		return err
	}
	kind := d.Kind
	row := table.DocumentKey(b.Id, kind)
	if len(d.Content) == 0 {
		table.Documents.Delete(c.tx, row)
		delete(b.Documents, kind)
		return nil
	}
	table.Documents.Put(c.tx, row, &ompb.BucketDocument{Kind: kind, Content: d.Content, Index: c.index})
	if b.Documents == nil {
		b.Documents = map[string]uint64{}
	}
	b.Documents[kind] = c.index
	return nil
}

func (c *call) getBucketDocument(r *ompb.GetBucketDocument) (*ompb.Response, error) {
	b, err := c.bucket(r.Ref, r.ExpectedOwner)
	if err != nil {
		return nil, err
	}
	d := table.Documents.Get(c.tx, table.DocumentKey(b.Id, r.Kind))
	if d == nil {
		return nil, ozerr.New(ozerr.DocumentNotFound, "bucket %s has no %.40q document", b.Name, r.Kind)
	}
	return &ompb.Response{Result: &ompb.Response_Document{Document: d}}, nil
}
