package s3g

import (
	"net/http"
	"net/url"
	"time"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/s3g/sigv4"
)

// handler is one S3 operation. It either writes the whole answer and returns
// nil, or writes nothing and returns the error, which is turned into S3 XML in
// one place (errors.go). An error after the first byte of a body breaks the
// connection, so that no client takes a short body for a whole one.
type handler func(g *gateway, w http.ResponseWriter, r *request) error

// request is an HTTP request as S3 sees it: what it addresses, who asks, and
// what is asked for. Its context carries the caller and the request id.
type request struct {
	*http.Request
	ID     string     // x-amz-request-id
	Bucket string     // "" for the service
	Key    string     // "" for a bucket
	Query  url.Values // decoded once
	Auth   sigv4.Auth
	Start  time.Time
	place  *place // among the requests in work

	secret string // of the user whose signature was verified; "" in open mode
	target target // what the router looks at
	row    *row   // what the router chose; nil if nothing
	err    error  // what the answer was, for the log

	bucket  *client.Bucket     // the addressed one, once it has been looked up
	found   *found             // the addressed object, where authorisation looked it up
	tags    map[string]string  // that the document, or the source of a copy, gives the object, where authorisation asks for them
	lock    *client.LockChange // that the document asks for, likewise
	verdict *verdict           // for the audit log
}

// bucketRef is the addressed bucket.
func (r *request) bucketRef() client.BucketRef { return client.S3Bucket(r.Bucket) }

// keyRef is the addressed key, or the version of it that versionId names.
func (r *request) keyRef() client.KeyRef {
	return client.KeyRef{BucketRef: r.bucketRef(), Key: r.Key, VersionID: r.Query.Get("versionId")}
}

// expectedOwner is the bucket owner the caller insists on, "" for any. A bucket that was
// authorised must still be the same owner's when something is done to it.
func (r *request) expectedOwner() string {
	if v := r.Header.Get("X-Amz-Expected-Bucket-Owner"); v != "" || r.bucket == nil {
		return text(v)
	}
	return r.bucket.Owner
}

// operation names what was asked for, in logs and metrics.
func (r *request) operation() string {
	if r.row == nil {
		return "Unknown"
	}
	return r.row.op
}

// bucketOf is what om knows of the addressed bucket, which is asked once for a
// request. Another owner than the expected one is an error.
func (g *gateway) bucketOf(r *request) (client.Bucket, error) {
	if r.bucket == nil {
		b, err := g.buckets.GetBucket(r.Context(), r.bucketRef(), r.expectedOwner())
		if err != nil {
			return b, err
		}
		r.bucket = &b
	}
	return *r.bucket, nil
}
