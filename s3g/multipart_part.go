package s3g

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/s3g/payload"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

// partNumber is the part that the query names.
func (r *request) partNumber() (int, error) {
	v := r.Query.Get("partNumber")
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > maxParts {
		return 0, badPartNumber(v)
	}
	return n, nil
}

func badPartNumber(v string) error {
	return s3err.Argument("partNumber", v, "Part number must be an integer between 1 and 10000, inclusive")
}

// uploadPart answers PUT ?uploadId&partNumber. The upload is looked up before a
// byte is read: it may be gone, and it knows the checksum its parts need.
func (g *gateway) uploadPart(w http.ResponseWriter, r *request) error {
	if err := requireLength(r.Request); err != nil {
		return err
	}
	number, err := r.partNumber()
	if err != nil {
		return err
	}
	up, err := g.uploads.GetUpload(r.Context(), r.uploadRef())
	if err != nil {
		return err
	}
	body, err := r.openBody(payload.Options{MaxSize: maxPart, Algorithm: up.ChecksumAlgorithm})
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	if err := sameAlgorithm(up.ChecksumAlgorithm, body.Algorithm()); err != nil {
		return err
	}
	sealing, err := g.partSealing(r, &up)
	if err != nil {
		return err
	}
	part, err := g.putPart(r, up, number, body, sealing)
	if err != nil {
		return err
	}
	h := w.Header()
	tellEncryption(h, up.Encryption)
	h["Etag"] = []string{quote(part.ETag)}
	putChecksums(h, part.Checksums)
	delete(h, "X-Amz-Checksum-Type") // AWS has it for objects only
	h["Content-Length"] = zeroLength
	w.WriteHeader(http.StatusOK)
	return nil
}

// sameAlgorithm refuses a part with another checksum than its upload's.
func sameAlgorithm(upload, part string) error {
	if upload == "" || part == upload {
		return nil
	}
	return s3err.InvalidRequest.Withf("Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s",
		strings.ToLower(upload), strings.ToLower(part))
}

func (g *gateway) putPart(r *request, up client.Upload, number int, body *payload.Body, s *sealing) (client.Part, error) {
	return g.uploads.PutPart(r.Context(), r.uploadRef(), number, s.reader(body), client.PutOptions{
		ExpectedOwner: r.expectedOwner(),
		Replication:   replication(up.Meta.StorageClass),
		Encryption:    s.encryption(),
		Seal:          func(int64) (client.Sealed, error) { return s.seal(body) },
	})
}

// uploadPartCopy answers PUT ?uploadId&partNumber with x-amz-copy-source. Unlike
// CopyObject's the bytes travel through the gateway: a range of an object does
// not begin and end with its blocks.
func (g *gateway) uploadPartCopy(w http.ResponseWriter, r *request) error {
	number, err := r.partNumber()
	if err != nil {
		return err
	}
	up, err := g.uploads.GetUpload(r.Context(), r.uploadRef())
	if err != nil {
		return err
	}
	sealing, err := g.partSealing(r, &up)
	if err != nil {
		return err
	}
	src, part, err := g.partSource(r)
	if err != nil {
		return err
	}
	key, err := g.readerKey(r, sourcePrefix, &src)
	if err != nil {
		return err
	}
	if err := g.makeRoom(r, part.n); err != nil {
		return err
	}
	reader, err := g.read(r.Context(), src, key, part.off, part.n)
	if err != nil {
		return err
	}
	defer func() { _ = reader.Close() }()
	body := payload.Digest(reader, part.n, up.ChecksumAlgorithm)
	defer func() { _ = body.Close() }()
	copied, err := g.putPart(r, up, number, body, sealing)
	if err != nil {
		return err
	}
	tellEncryption(w.Header(), up.Encryption)
	tellSource(w.Header(), &src)
	doc := &s3xml.CopyPartResult{LastModified: copied.Modified, ETag: quote(copied.ETag)}
	setXMLChecksums(&doc.Checksums, copied.Checksums)
	doc.ChecksumType = ""
	return writeXML(w, doc)
}

// partSource finds the object and the bytes of it to copy.
func (g *gateway) partSource(r *request) (client.Object, span, error) {
	ref, err := copySource(r.Header)
	if err != nil {
		return client.Object{}, span{}, err
	}
	src, err := g.objects.GetObject(r.Context(), ref, text(r.Header.Get("X-Amz-Source-Expected-Bucket-Owner")))
	if denied := g.allowSource(r, ref, &src, err, false); denied != nil {
		return src, span{}, denied
	}
	if err != nil {
		if src.DeleteMarker {
			return src, span{}, markerSource(ref, &src)
		}
		return src, span{}, sourceError(ref, r, err)
	}
	if err := checkSource(copySourceCondition(r.Header, r.Start), &src); err != nil {
		return src, span{}, err
	}
	part, err := copyRange(r.Header.Get("X-Amz-Copy-Source-Range"), src.Size)
	if err == nil && part.n > maxPart {
		err = s3err.InvalidRequest.Withf("The specified copy source is larger than the maximum allowable size for a copy source: %d", maxPart)
	}
	return src, part, err
}

// sourceError names the source's bucket or key as what is missing.
func sourceError(src client.KeyRef, r *request, err error) error {
	switch e := translate(r, err); e.Code {
	case s3err.NoSuchBucket.Code:
		return s3err.NoSuchBucket.WithField("BucketName", src.Bucket).Wrap(err)
	case s3err.NoSuchKey.Code:
		return s3err.NoSuchKey.WithField("Key", src.Key).Wrap(err)
	case s3err.NoSuchVersion.Code:
		return s3err.NoSuchVersion.WithField("Key", src.Key).WithField("VersionId", src.VersionID).Wrap(err)
	}
	return err
}

// checkSource decides x-amz-copy-source-if-*. As AWS documents, a matching
// If-Match outweighs If-Unmodified-Since, and a matching If-None-Match shuts out
// If-Modified-Since.
func checkSource(c client.Condition, o *client.Object) error {
	failed := func(name string) error {
		return s3err.PreconditionFailed.WithField("Condition", "x-amz-copy-source-"+name)
	}
	modified := o.Modified.Truncate(time.Second)
	matches := func(tags []string) bool {
		return slices.Contains(tags, "*") || slices.Contains(tags, o.ETag)
	}
	switch {
	case c.IfMatch != nil && !matches(c.IfMatch):
		return failed("If-Match")
	case c.IfMatch == nil && !c.IfUnmodifiedSince.IsZero() && modified.After(c.IfUnmodifiedSince):
		return failed("If-Unmodified-Since")
	case c.IfNoneMatch != nil && matches(c.IfNoneMatch):
		return failed("If-None-Match")
	case c.IfNoneMatch == nil && !c.IfModifiedSince.IsZero() && !modified.After(c.IfModifiedSince):
		return failed("If-Modified-Since")
	}
	return nil
}

// copyRange reads x-amz-copy-source-range, which is stricter than Range: both
// ends are needed, and both must be in the object.
func copyRange(v string, size int64) (span, error) {
	if v == "" {
		return span{0, size}, nil
	}
	spec, ok := strings.CutPrefix(v, "bytes=")
	first, last, dash := strings.Cut(spec, "-")
	if !ok || !dash || first == "" || last == "" || !digits(first) || !digits(last) || number(last) < number(first) {
		return span{}, s3err.Argument("x-amz-copy-source-range", text(v),
			"The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy")
	}
	from, to := number(first), number(last)
	if to >= size {
		return span{}, s3err.Argument("x-amz-copy-source-range", text(v),
			"Range specified is not valid for source object of size: "+strconv.FormatInt(size, 10))
	}
	return span{from, to - from + 1}, nil
}
