package s3g

import (
	"math"
	"net/http"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

// listParts answers GET ?uploadId.
func (g *gateway) listParts(w http.ResponseWriter, r *request) error {
	limit, err := countParam(r, "max-parts", maxListKeys)
	if err != nil {
		return err
	}
	after, err := partMarker(r)
	if err != nil {
		return err
	}
	kind, encode, err := encodingType(r)
	if err != nil {
		return err
	}
	page, err := g.uploads.ListParts(r.Context(), r.uploadRef(), after, max(limit, 1))
	if err != nil {
		return err
	}
	if limit == 0 {
		page.Parts, page.Truncated = nil, false
	}
	g.setAbortDate(w.Header(), r, &page.Upload)
	owner := g.owners(r)(page.Upload.Owner)
	doc := &s3xml.ListPartsResult{
		Bucket: r.Bucket, Key: encode(r.Key), UploadID: page.Upload.ID,
		Initiator: owner, Owner: owner,
		StorageClass:      classOrDefault(page.Upload.Meta.StorageClass),
		ChecksumAlgorithm: page.Upload.ChecksumAlgorithm, ChecksumType: page.Upload.ChecksumType,
		PartNumberMarker: after, MaxParts: limit, EncodingType: kind, IsTruncated: page.Truncated,
	}
	for _, p := range page.Parts {
		part := s3xml.Part{PartNumber: p.Number, LastModified: p.Modified, ETag: quote(p.ETag), Size: p.Size}
		setXMLChecksums(&part.Checksums, p.Checksums)
		part.ChecksumType = ""
		doc.Parts = append(doc.Parts, part)
		doc.NextPartNumberMarker = p.Number
	}
	return writeXML(w, doc)
}

// partMarker is the part number after which a page begins.
func partMarker(r *request) (int, error) {
	if r.Query.Get("part-number-marker") == "" {
		return 0, nil
	}
	return countParam(r, "part-number-marker", math.MaxInt32)
}

// listMultipartUploads answers GET ?uploads.
func (g *gateway) listMultipartUploads(w http.ResponseWriter, r *request) error {
	limit, err := countParam(r, "max-uploads", maxListKeys)
	if err != nil {
		return err
	}
	kind, encode, err := encodingType(r)
	if err != nil {
		return err
	}
	o := client.UploadListOptions{
		Prefix: r.Query.Get("prefix"), Delimiter: r.Query.Get("delimiter"),
		AfterKey: r.Query.Get("key-marker"), Limit: max(limit, 1), ExpectedOwner: r.expectedOwner(),
	}
	if o.AfterKey != "" { // without a key the marker means nothing
		o.AfterUploadID = r.Query.Get("upload-id-marker")
	}
	page, err := g.uploads.ListUploads(r.Context(), r.bucketRef(), o)
	if err != nil {
		return err
	}
	if limit == 0 {
		page = client.UploadListing{}
	}
	doc := &s3xml.ListMultipartUploadsResult{
		Bucket: r.Bucket, KeyMarker: encode(o.AfterKey), UploadIDMarker: o.AfterUploadID,
		Delimiter: encode(o.Delimiter), Prefix: encode(o.Prefix), EncodingType: kind,
		MaxUploads: limit, IsTruncated: page.Truncated,
	}
	if page.Truncated {
		doc.NextKeyMarker, doc.NextUploadIDMarker = encode(page.NextKey), page.NextUploadID
	}
	owners := g.owners(r)
	for _, u := range page.Uploads {
		doc.Uploads = append(doc.Uploads, uploadXML(u, encode, owners(u.Owner)))
	}
	for _, p := range page.CommonPrefixes {
		doc.CommonPrefixes = append(doc.CommonPrefixes, s3xml.CommonPrefix{Prefix: encode(p)})
	}
	return writeXML(w, doc)
}

func uploadXML(u client.Upload, encode func(string) string, owner s3xml.Owner) s3xml.Upload {
	return s3xml.Upload{
		Key: encode(u.Key), UploadID: u.ID,
		Initiator: owner, Owner: owner,
		StorageClass: classOrDefault(u.Meta.StorageClass), Initiated: u.Initiated,
		ChecksumAlgorithm: u.ChecksumAlgorithm, ChecksumType: u.ChecksumType,
	}
}
