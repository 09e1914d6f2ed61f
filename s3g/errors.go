package s3g

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

// The one place where errors of the inner world become S3's.

// byCode says what a client sees of each ozerr code; codes that are not here are
// InternalError.
var byCode = map[ozerr.Code]*s3err.Error{
	ozerr.VolumeNotFound:      s3err.NoSuchBucket,
	ozerr.BucketNotFound:      s3err.NoSuchBucket,
	ozerr.BucketAlreadyExists: s3err.BucketAlreadyExists,
	ozerr.BucketAlreadyOwned:  s3err.BucketAlreadyOwnedByYou,
	ozerr.BucketNotEmpty:      s3err.BucketNotEmpty,
	ozerr.InvalidBucketName:   s3err.InvalidBucketName,
	ozerr.InvalidVolumeName:   s3err.InvalidBucketName,
	ozerr.WrongBucketOwner:    s3err.AccessDenied,
	ozerr.EncryptionRequired:  s3err.ServiceUnavailable, // switched on while these bytes came in
	ozerr.InvalidBucketState:  s3err.InvalidBucketState,
	ozerr.NoObjectLock:        s3err.NoObjectLock,
	ozerr.KeyNotFound:         s3err.NoSuchKey,
	ozerr.VersionNotFound:     s3err.NoSuchVersion,
	ozerr.KeyLocked:           s3err.ObjectLocked,
	ozerr.KeyAlreadyExists:    s3err.ObjectAlreadyExists,
	ozerr.InvalidKeyName:      s3err.InvalidURI,
	ozerr.PreconditionFailed:  s3err.PreconditionFailed,
	ozerr.NoSuchUpload:        s3err.NoSuchUpload,
	ozerr.InvalidPart:         s3err.InvalidPart,
	ozerr.InvalidPartOrder:    s3err.InvalidPartOrder,
	ozerr.EntityTooSmall:      s3err.EntityTooSmall,
	ozerr.BadDigest:           s3err.BadDigest,
	ozerr.InvalidArgument:     s3err.InvalidArgument,
	ozerr.InvalidRequest:      s3err.InvalidRequest,
	ozerr.NotSupported:        s3err.NotImplemented,
	ozerr.PermissionDenied:    s3err.AccessDenied,
	ozerr.AdminKeyRefused:     s3err.ServiceUnavailable, // ours to set right, not the client's
	ozerr.NotLeader:           s3err.ServiceUnavailable,
	ozerr.Unavailable:         s3err.ServiceUnavailable,
	ozerr.Timeout:             s3err.ServiceUnavailable,
	ozerr.Canceled:            s3err.ServiceUnavailable,
	ozerr.DiskFull:            s3err.InsufficientStorage,
}

// translate gives err the form that clients get. Messages of ours that tell a
// client what it did wrong are kept; those about our insides are not.
func translate(r *request, err error) *s3err.Error {
	var e *s3err.Error
	if errors.As(err, &e) {
		return e
	}
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &tooBig):
		return s3err.MaxMessageLengthExceeded
	case errors.Is(err, context.DeadlineExceeded):
		return s3err.ServiceUnavailable.Wrap(err)
	}
	e, ok := byCode[ozerr.CodeOf(err)]
	if !ok {
		return s3err.InternalError.Wrap(err)
	}
	var inner *ozerr.Error
	if errors.As(err, &inner) && inner.Code == ozerr.Unavailable && inner.Detail == ozerr.Busy {
		return s3err.SlowDown.Wrap(err)
	}
	if errors.As(err, &inner) && inner.Message != "" && (e == s3err.InvalidArgument || e == s3err.InvalidRequest || e == s3err.NotImplemented) {
		e = e.With(inner.Message)
	}
	return locateError(r, e).Wrap(err)
}

// locateError adds the elements by which AWS says what an error is about.
func locateError(r *request, e *s3err.Error) *s3err.Error {
	if len(e.Fields) > 0 {
		return e
	}
	switch e {
	case s3err.NoSuchBucket, s3err.BucketNotEmpty, s3err.BucketAlreadyExists, s3err.BucketAlreadyOwnedByYou, s3err.InvalidBucketName:
		return e.WithField("BucketName", r.Bucket)
	case s3err.NoObjectLock:
		switch r.operation() {
		case "PutObject", "PostObject", "CopyObject", "CreateMultipartUpload": // AWS's words differ
			return e.With("Bucket is missing ObjectLockConfiguration")
		}
	case s3err.NoSuchVersion:
		return e.WithField("Key", r.Key).WithField("VersionId", r.Query.Get("versionId"))
	case s3err.NoSuchKey:
		return e.WithField("Key", r.Key)
	case s3err.NoSuchUpload:
		return e.WithField("UploadId", r.Query.Get("uploadId"))
	}
	return e
}

// retryAfter is how long a client should wait after a 503.
const retryAfter = "1"

// writeError answers with an error document, to HEAD and 304 with the head alone.
func writeError(w http.ResponseWriter, r *request, err error) {
	e := translate(r, err)
	h := w.Header()
	h.Del("Content-Encoding")
	if e.Status == http.StatusNotModified {
		h.Del("Content-Length")
		h.Del("Content-Type")
		w.WriteHeader(e.Status)
		return
	}
	for name := range h { // what was meant for the answer that did not come
		if !keptOnError(name) {
			delete(h, name)
		}
	}
	if e.Status == http.StatusServiceUnavailable {
		h["Retry-After"] = []string{retryAfter}
	}
	for _, f := range e.Header {
		h.Set(f.Name, f.Value)
	}
	h["Content-Type"] = xmlType
	if r.Method == http.MethodHead {
		w.WriteHeader(e.Status)
		return
	}
	doc := s3xml.Error(e, r.URL.Path, r.ID, r.ID)
	h["Content-Length"] = []string{strconv.Itoa(len(doc))}
	w.WriteHeader(e.Status)
	_, _ = w.Write(doc) // a client that is gone needs no answer
}

func keptOnError(name string) bool {
	switch name {
	case "Server", "X-Amz-Request-Id", "X-Amz-Id-2", "Date", "Connection", "Allow", "Vary":
		return true
	}
	return strings.HasPrefix(name, "Access-Control-")
}

var xmlType = []string{"application/xml"}

// writeXML answers 200 with a document.
func writeXML(w http.ResponseWriter, v any) error {
	doc := s3xml.Marshal(v)
	h := w.Header()
	h["Content-Type"] = xmlType
	h["Content-Length"] = []string{strconv.Itoa(len(doc))}
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(doc)
	return err
}
