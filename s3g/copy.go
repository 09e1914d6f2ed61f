package s3g

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/s3g/payload"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

// copyObject answers PUT with x-amz-copy-source.
func (g *gateway) copyObject(w http.ResponseWriter, r *request) error {
	src, err := copySource(r.Header)
	if err != nil {
		return err
	}
	o, err := copyOptions(r)
	if err != nil {
		return err
	}
	if o.Protection, err = g.protection(r); err != nil {
		return err
	}
	if src == r.keyRef() && !o.ReplaceMetadata && r.Header.Get("X-Amz-Storage-Class") == "" && !asksEncryption(r.Header) {
		return s3err.InvalidRequest.With("This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	obj, err := g.copy(r, src, o)
	if err != nil {
		return g.copyError(src, r, err)
	}
	h := w.Header()
	tellNewVersion(h, &obj)
	tellEncryption(h, obj.Encryption)
	g.setExpiration(h, r, &obj)
	if v := obj.SourceVersionID; v != "" {
		h[sourceVersionHeader] = []string{v}
	}
	doc := &s3xml.CopyObjectResult{LastModified: obj.Modified, ETag: quote(obj.ETag)}
	for _, c := range obj.Checksums {
		doc.Set(c.Algorithm, c.Value)
		doc.ChecksumType = c.Type
	}
	return writeXML(w, doc)
}

// copyError names the source where the source is what is missing. om does not say
// which of the two buckets it means, so it is asked for the source's.
func (g *gateway) copyError(src client.KeyRef, r *request, err error) error {
	if translate(r, err).Code == s3err.NoSuchBucket.Code {
		if _, missing := g.buckets.GetBucket(r.Context(), src.BucketRef, ""); !errors.Is(missing, ozerr.BucketNotFound) {
			return err
		}
	}
	if errors.Is(err, ozerr.KeyNotFound) {
		if o, _ := g.objects.GetObject(r.Context(), src, ""); o.DeleteMarker {
			return markerSource(src, &o)
		}
	}
	return sourceError(src, r, err)
}

const sourceVersionHeader = "X-Amz-Copy-Source-Version-Id"

// tellSource sets x-amz-copy-source-version-id, which sources in buckets that are or once
// were versioned have.
func tellSource(h http.Header, src *client.Object) {
	if src.Bucket.Versioning != "" {
		h[sourceVersionHeader] = []string{versionName(src.VersionID)}
	}
}

// markerSource is the answer to a copy whose source is a delete marker.
func markerSource(src client.KeyRef, o *client.Object) error {
	if src.VersionID != "" {
		return s3err.InvalidRequest.With("The source of a copy request may not specifically refer to a delete marker by version id.")
	}
	return s3err.NoSuchKey.WithField("Key", src.Key).
		WithHeader("X-Amz-Delete-Marker", "true").WithHeader(sourceVersionHeader, versionName(o.VersionID))
}

func copyOptions(r *request) (client.CopyOptions, error) {
	var o client.CopyOptions
	var err error
	if o.ReplaceMetadata, err = directive(r.Header, "X-Amz-Metadata-Directive", "Unknown metadata directive."); err != nil {
		return o, err
	}
	if o.ReplaceTags, err = directive(r.Header, "X-Amz-Tagging-Directive", "Unknown tagging directive."); err != nil {
		return o, err
	}
	if name := r.Header.Get("X-Amz-Checksum-Algorithm"); name != "" && payload.Algorithm(name) == "" {
		return o, badAlgorithm()
	}
	if o.Meta, err = parseMeta(r); err != nil {
		return o, err
	}
	if o.Condition, err = writeCondition(r.Header); err != nil {
		return o, err
	}
	if r.Header.Get("X-Amz-Storage-Class") != "" {
		o.Meta.StorageClass = classOrDefault(o.Meta.StorageClass)
	}
	o.SourceCondition = copySourceCondition(r.Header, r.Start)
	o.ExpectedOwner = r.expectedOwner()
	o.SourceExpectedOwner = text(r.Header.Get("X-Amz-Source-Expected-Bucket-Owner"))
	return o, nil
}

// directive is true for REPLACE, false for COPY and nothing.
func directive(h http.Header, name, complaint string) (bool, error) {
	switch v := h.Get(name); v {
	case "", "COPY":
		return false, nil
	case "REPLACE":
		return true, nil
	default:
		return false, s3err.Argument(strings.ToLower(name), text(v), complaint)
	}
}

// versionMark separates the source from its version; any other question mark is
// part of the key.
const versionMark = "?versionId="

// copySource parses x-amz-copy-source: `bucket/key` or `/bucket/key`, escaped as
// a query is (goofys escapes the slash and writes a space as `+`; everybody else
// writes a plus as %2B), with an optional ?versionId. It is decoded first and
// split after.
func copySource(h http.Header) (client.KeyRef, error) {
	raw := h.Get("X-Amz-Copy-Source")
	source, version := raw, ""
	if i := strings.LastIndex(raw, versionMark); i >= 0 {
		source, version = raw[:i], raw[i+len(versionMark):]
		if err := checkVersion(version); err != nil {
			return client.KeyRef{}, err
		}
	}
	plain, err := url.QueryUnescape(source)
	if err != nil {
		return client.KeyRef{}, badSource(raw)
	}
	name, key, _ := strings.Cut(strings.TrimPrefix(plain, "/"), "/")
	if !plausibleBucket(name) || key == "" || !validText(key) {
		return client.KeyRef{}, badSource(raw)
	}
	if err := checkKey(key); err != nil {
		return client.KeyRef{}, err
	}
	return client.KeyRef{BucketRef: client.S3Bucket(name), Key: key, VersionID: version}, nil
}

func badSource(raw string) error {
	return s3err.Argument("x-amz-copy-source", text(raw),
		"Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
}
