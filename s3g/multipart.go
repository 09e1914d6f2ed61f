package s3g

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/s3g/payload"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

// maxParts is the highest part number, and how many parts an upload can have.
const maxParts = 10000

// uploadRef is the upload that the query names.
func (r *request) uploadRef() client.UploadRef {
	return client.UploadRef{KeyRef: r.keyRef(), ID: r.Query.Get("uploadId"), ExpectedOwner: r.expectedOwner()}
}

// createMultipartUpload answers POST ?uploads. Everything about the object but
// its bytes is said here.
func (g *gateway) createMultipartUpload(w http.ResponseWriter, r *request) error {
	meta, err := parseMeta(r)
	if err != nil {
		return err
	}
	protection, err := g.protection(r)
	if err != nil {
		return err
	}
	o := client.UploadOptions{Meta: meta, Protection: protection, ExpectedOwner: r.expectedOwner()}
	if o.ChecksumAlgorithm, o.ChecksumType, err = uploadChecksum(r.Header); err != nil {
		return err
	}
	sealing, err := g.newSealing(r)
	if err != nil {
		return err
	}
	o.Encryption = sealing.encryption()
	up, err := g.uploads.CreateUpload(r.Context(), r.keyRef(), o)
	if err != nil {
		return err
	}
	tellEncryption(w.Header(), up.Encryption)
	if o.ChecksumAlgorithm != "" {
		w.Header()["X-Amz-Checksum-Algorithm"] = []string{o.ChecksumAlgorithm}
		w.Header()["X-Amz-Checksum-Type"] = []string{o.ChecksumType}
	}
	g.setAbortDate(w.Header(), r, &up)
	return writeXML(w, &s3xml.InitiateMultipartUploadResult{Bucket: r.Bucket, Key: r.Key, UploadID: up.ID})
}

// Checksum types.
const (
	composite  = "COMPOSITE"   // hash of the parts' hashes
	fullObject = "FULL_OBJECT" // of the bytes, as for a single PUT
)

// uploadChecksum reads which checksum an upload is to have. Of the two types
// only CRCs can have full object, and CRC64NVME has nothing else.
func uploadChecksum(h http.Header) (algorithm, kind string, err error) {
	name, kind := h.Get("X-Amz-Checksum-Algorithm"), h.Get("X-Amz-Checksum-Type")
	if algorithm = payload.Algorithm(name); algorithm == "" && name != "" {
		return "", "", badAlgorithm()
	}
	switch {
	case kind != "" && kind != composite && kind != fullObject:
		return "", "", s3err.InvalidRequest.With("Value for x-amz-checksum-type header is invalid.")
	case kind != "" && algorithm == "":
		return "", "", s3err.InvalidRequest.With("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
	case algorithm == "":
		return "", "", nil
	case kind == "" && algorithm == "CRC64NVME":
		return algorithm, fullObject, nil
	case kind == "":
		return algorithm, composite, nil
	case kind == composite && algorithm == "CRC64NVME", kind == fullObject && strings.HasPrefix(algorithm, "SHA"):
		return "", "", s3err.InvalidRequest.Withf("The %s checksum type cannot be used with the %s checksum algorithm.", kind, strings.ToLower(algorithm))
	}
	return algorithm, kind, nil
}

func badAlgorithm() error {
	return s3err.InvalidRequest.With("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
}

// completeMultipartUpload answers POST ?uploadId: the listed parts become the
// object, in one step of om.
func (g *gateway) completeMultipartUpload(w http.ResponseWriter, r *request) error {
	o, err := g.completeOptions(r)
	if err != nil {
		return err
	}
	parts, err := readParts(r)
	if err != nil {
		return err
	}
	obj, err := g.uploads.CompleteUpload(r.Context(), r.uploadRef(), parts, o)
	if err != nil {
		return err
	}
	doc := &s3xml.CompleteMultipartUploadResult{
		Location: g.location(r), Bucket: r.Bucket, Key: r.Key, ETag: quote(obj.ETag),
	}
	setXMLChecksums(&doc.Checksums, obj.Checksums)
	tellNewVersion(w.Header(), &obj)
	tellManaged(w.Header(), obj.Encryption)
	g.setExpiration(w.Header(), r, &obj)
	return writeXML(w, doc)
}

func setXMLChecksums(to *s3xml.Checksums, from []client.Checksum) {
	for _, c := range from {
		to.Set(c.Algorithm, c.Value)
		to.ChecksumType = c.Type
	}
}

// location is the URL of the object, in the style of the request.
func (g *gateway) location(r *request) string {
	u := url.URL{Scheme: "http", Host: r.Host, Path: "/" + r.Key}
	if r.TLS != nil {
		u.Scheme = "https"
	}
	if virtualBucket(r.Host, g.cfg.Domains) == "" {
		u.Path = "/" + r.Bucket + u.Path
	}
	return u.String()
}

// completeOptions reads what the headers of Complete ask of the object.
func (g *gateway) completeOptions(r *request) (client.CompleteOptions, error) {
	o := client.CompleteOptions{ExpectedSize: -1}
	var err error
	if o.Condition, err = writeCondition(r.Header); err != nil {
		return o, err
	}
	if v := r.Header.Get("X-Amz-Mp-Object-Size"); v != "" {
		if o.ExpectedSize, err = strconv.ParseInt(v, 10, 64); err != nil || o.ExpectedSize < 0 {
			return o, s3err.InvalidRequest.Withf("Value for x-amz-mp-object-size header is invalid: '%s'", text(v))
		}
	}
	kind, err := g.completeType(r)
	if err != nil {
		return o, err
	}
	o.Checksums, err = objectChecksums(r.Header, kind)
	return o, err
}

// completeType is the checksum type of Complete, which must be the upload's. An
// upload that is not there is left to Complete itself: the same call may have
// succeeded before.
func (g *gateway) completeType(r *request) (string, error) {
	kind := r.Header.Get("X-Amz-Checksum-Type")
	if kind == "" {
		return "", nil
	}
	if kind != composite && kind != fullObject {
		return "", s3err.InvalidRequest.With("Value for x-amz-checksum-type header is invalid.")
	}
	up, err := g.uploads.GetUpload(r.Context(), r.uploadRef())
	switch {
	case errors.Is(err, ozerr.NoSuchUpload):
		return kind, nil
	case err != nil:
		return "", err
	case up.ChecksumType != "" && up.ChecksumType != kind:
		return "", s3err.InvalidRequest.Withf("The upload was created using the %s checksum mode. The complete request must use the same checksum mode.", up.ChecksumType)
	}
	return kind, nil
}

// objectChecksums reads the x-amz-checksum-* headers of Complete, which speak of
// the object and not of the request's body.
func objectChecksums(h http.Header, kind string) ([]client.Checksum, error) {
	var sums []client.Checksum
	for _, alg := range checksumAlgorithms {
		name := payload.Header(alg)
		v := h.Get(name)
		if v == "" {
			continue
		}
		if value, _, _ := strings.Cut(v, "-"); !payload.Valid(alg, value) {
			return nil, s3err.InvalidRequest.Withf("Value for %s header is invalid.", strings.ToLower(name))
		}
		sums = append(sums, client.Checksum{Algorithm: alg, Value: v, Type: kind})
	}
	if len(sums) > 1 {
		return nil, s3err.InvalidRequest.With("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
	}
	return sums, nil
}

var checksumAlgorithms = [...]string{"CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"}

// readParts reads the part list of Complete.
func readParts(r *request) ([]client.Part, error) {
	body, err := r.openBody(payload.Options{MaxSize: s3xml.MaxComplete, ObjectChecksums: true})
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	doc := new(s3xml.CompleteMultipartUpload)
	if err := s3xml.Decode(body, s3xml.MaxComplete, doc); err != nil {
		return nil, err
	}
	if len(doc.Parts) == 0 || len(doc.Parts) > maxParts {
		return nil, s3err.MalformedXML
	}
	parts := make([]client.Part, len(doc.Parts))
	for i := range doc.Parts {
		if parts[i], err = completedPart(&doc.Parts[i]); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

func completedPart(p *s3xml.CompletedPart) (client.Part, error) {
	if p.PartNumber == nil || p.ETag == nil {
		return client.Part{}, s3err.MalformedXML
	}
	n := *p.PartNumber
	switch {
	case n < 1:
		return client.Part{}, s3err.Argument("PartNumber", strconv.Itoa(n), "PartNumber must be >= 1")
	case n > maxParts:
		return client.Part{}, badPartNumber(strconv.Itoa(n))
	}
	part := client.Part{Number: n, ETag: unquote(strings.TrimSpace(*p.ETag))}
	valid := true
	p.Each(func(alg, value string) {
		valid = valid && payload.Valid(alg, value)
		part.Checksums = append(part.Checksums, client.Checksum{Algorithm: alg, Value: value})
	})
	if !valid || len(part.Checksums) > 1 {
		return client.Part{}, s3err.Argument("Checksum", "", "Invalid Base64 or multiple checksums present in request")
	}
	return part, nil
}

// abortMultipartUpload answers DELETE ?uploadId.
func (g *gateway) abortMultipartUpload(w http.ResponseWriter, r *request) error {
	if err := g.uploads.AbortUpload(r.Context(), r.uploadRef()); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
