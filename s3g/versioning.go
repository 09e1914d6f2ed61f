package s3g

import (
	"errors"
	"net/http"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

// getBucketVersioning answers GET ?versioning; a bucket that never had versions has no
// Status.
func (g *gateway) getBucketVersioning(w http.ResponseWriter, r *request) error {
	b, err := g.buckets.GetBucket(r.Context(), r.bucketRef(), r.expectedOwner())
	if err != nil {
		return err
	}
	doc := new(s3xml.VersioningConfiguration)
	if b.Versioning != "" {
		doc.Status = &b.Versioning
	}
	return writeXML(w, doc)
}

// putBucketVersioning answers PUT ?versioning.
func (g *gateway) putBucketVersioning(w http.ResponseWriter, r *request) error {
	status, err := readVersioning(r)
	if err != nil {
		return err
	}
	_, err = g.buckets.SetBucket(r.Context(), r.bucketRef(), client.BucketChange{Versioning: status}, r.expectedOwner())
	if errors.Is(err, ozerr.InvalidBucketState) {
		return s3err.InvalidBucketState.With("An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.").Wrap(err)
	}
	if err != nil {
		return err
	}
	return writeEmpty(w)
}

// readVersioning reads the wanted status, Enabled or Suspended. There are no devices for
// multi-factor authentication here, so a delete that needs one is refused as AWS does
// where none is shown.
func readVersioning(r *request) (string, error) {
	doc := new(s3xml.VersioningConfiguration)
	if err := readXML(r, doc); err != nil {
		return "", err
	}
	if doc.MFADelete != nil {
		switch *doc.MFADelete {
		case "Disabled":
		case "Enabled":
			return "", s3err.AccessDenied.With("Mfa Authentication must be used for this request")
		default:
			return "", s3err.MalformedXML
		}
	}
	switch {
	case doc.Status == nil:
		return "", s3err.IllegalVersioningConfiguration
	case *doc.Status != "Enabled" && *doc.Status != "Suspended":
		return "", s3err.MalformedXML
	}
	return *doc.Status, nil
}

// writeEmpty answers 200 without a body.
func writeEmpty(w http.ResponseWriter) error {
	w.Header()["Content-Length"] = zeroLength
	w.WriteHeader(http.StatusOK)
	return nil
}
