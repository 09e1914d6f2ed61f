package s3g

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/identity"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/s3g/access"
	"github.com/mini-ozone/mini-ozone/s3g/payload"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

// callerName is who owns what r creates.
func (r *request) callerName() string {
	if name := client.Caller(r.Context()); name != "" {
		return name
	}
	return identity.Anonymous
}

// maxBuckets is the largest page of ListBuckets.
const maxBuckets = 10000

// listBuckets answers GET of the service: the caller's buckets. Without
// max-buckets it gives all of them.
func (g *gateway) listBuckets(w http.ResponseWriter, r *request) error {
	limit, paged, err := maxBucketsParam(r)
	if err != nil {
		return err
	}
	after, err := decodeBucketToken(r.Query.Get("continuation-token"))
	if err != nil {
		return err
	}
	doc := &s3xml.ListAllMyBucketsResult{Owner: g.owners(r)(r.callerName()), Prefix: r.Query.Get("prefix")}
	if region := r.Query.Get("bucket-region"); region != "" && region != g.cfg.Region {
		return writeXML(w, doc)
	}
	volume := VolumeFor(client.Caller(r.Context()))
	for more := true; more && len(doc.Buckets) < limit; {
		var page []client.Bucket
		page, more, err = g.buckets.ListBuckets(r.Context(), client.ListBucketsOptions{
			Volume: volume, Owner: g.ownBuckets(r), Prefix: doc.Prefix, After: after, Limit: min(1000, limit-len(doc.Buckets)),
		})
		if errors.Is(err, ozerr.VolumeNotFound) {
			break
		}
		if err != nil {
			return err
		}
		for _, b := range page {
			after = b.Name
			if b.S3 {
				doc.Buckets = append(doc.Buckets, s3xml.Bucket{Name: b.Name, CreationDate: b.Created, BucketRegion: g.region(b)})
			}
		}
		if paged && more && len(doc.Buckets) == limit {
			doc.ContinuationToken = encodeBucketToken(after)
		}
	}
	return writeXML(w, doc)
}

// ownBuckets is whose buckets a caller sees: in open mode all of its volume.
func (g *gateway) ownBuckets(r *request) string {
	if !g.cfg.Secure {
		return ""
	}
	return r.callerName()
}

func maxBucketsParam(r *request) (limit int, paged bool, err error) {
	v := r.Query.Get("max-buckets")
	if v == "" {
		return 1 << 30, false, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > maxBuckets {
		return 0, false, s3err.Argument("max-buckets", v, "Argument max-buckets must be an integer between 1 and 10000")
	}
	return n, true, nil
}

func encodeBucketToken(after string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(after))
}

func decodeBucketToken(token string) (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || token != "" && !plausibleBucket(string(b)) {
		return "", s3err.Argument("continuation-token", token, "The continuation token provided is incorrect")
	}
	return string(b), nil
}

// createBucket answers PUT of a bucket. One's own bucket again is 200 as on AWS
// us-east-1, or 409 where the configuration asks for Ozone's present answer.
func (g *gateway) createBucket(w http.ResponseWriter, r *request) error {
	if !validBucketName(r.Bucket) {
		return s3err.InvalidBucketName.WithField("BucketName", r.Bucket)
	}
	if err := refuseHeaders(r.Header); err != nil {
		return err
	}
	lock, err := lockFromFirst(r.Header)
	if err != nil {
		return err
	}
	acl, setting, err := g.newBucketAccess(r)
	if err != nil {
		return err
	}
	location, documents, err := readNewBucket(r)
	if err != nil {
		return err
	}
	err = g.createOrReset(r, client.CreateBucketOptions{
		Volume: VolumeFor(client.Caller(r.Context())), Bucket: r.Bucket, Owner: r.callerName(), S3: true, Location: location, ObjectLock: lock,
		ACL: acl, Ownership: setting, Documents: documents,
	})
	if err != nil {
		return err
	}
	h := w.Header()
	h["Location"] = []string{"/" + r.Bucket}
	h["Content-Length"] = zeroLength
	w.WriteHeader(http.StatusOK)
	return nil
}

// createAttempts is how often a bucket may be deleted while it is created again.
const createAttempts = 8

// createOrReset creates a bucket, or resets the one of the caller that is there. If that
// one is deleted meanwhile there is none again, so it is created.
func (g *gateway) createOrReset(r *request, o client.CreateBucketOptions) error {
	for range createAttempts {
		_, err := g.buckets.CreateBucket(r.Context(), o)
		if !errors.Is(err, ozerr.BucketAlreadyOwned) || g.cfg.RecreateConflict {
			return err
		}
		if err := g.resetACL(r, o.ACL); !errors.Is(err, ozerr.BucketNotFound) {
			return err
		}
	}
	return s3err.SlowDown
}

// resetACL gives a bucket that is created again the ACL that it would have got, as AWS
// us-east-1 does.
func (g *gateway) resetACL(r *request, acl *client.ACL) error {
	b, err := g.bucketOf(r)
	if err != nil || acl == nil && b.ACL == nil || b.ObjectOwnership == access.BucketOwnerEnforced {
		return err
	}
	if acl == nil {
		acl = ownersACL(b.Owner)
	}
	if err := checkPublicACL(b, acl); err != nil {
		return err
	}
	_, err = g.buckets.SetBucket(r.Context(), r.bucketRef(), client.BucketChange{ACL: acl}, r.expectedOwner())
	return err
}

// readNewBucket reads the optional document of CreateBucket: where the bucket is to be,
// and its tags. Any region that could be one is taken and told again by
// GetBucketLocation: there is only one place.
func readNewBucket(r *request) (location string, documents []client.Document, err error) {
	body, err := r.openBody(payload.Options{MaxSize: maxXML})
	if errors.Is(err, s3err.MissingContentLength) {
		return "", nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = body.Close() }()
	raw, err := io.ReadAll(body)
	if err != nil || len(raw) == 0 {
		return "", nil, err
	}
	doc := new(s3xml.CreateBucketConfiguration)
	if err := s3xml.Unmarshal(raw, doc); err != nil {
		return "", nil, err
	}
	switch {
	case doc.Location != nil || doc.Bucket != nil:
		return "", nil, notImplemented("CreateBucket of a directory bucket")
	case !plausibleRegion(doc.LocationConstraint):
		return "", nil, s3err.InvalidLocationConstraint.WithField("LocationConstraint", doc.LocationConstraint)
	case len(doc.Tags) > 0:
		var tags client.Document
		tags, err = bucketTags(doc.Tags)
		documents = []client.Document{tags}
	}
	return doc.LocationConstraint, documents, err
}

func plausibleRegion(s string) bool {
	if len(s) > 63 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !alnum(c) && !(c >= 'A' && c <= 'Z') && c != '-' {
			return false
		}
	}
	return true
}

// validBucketName is AWS's rule for new buckets.
func validBucketName(name string) bool {
	if !legalVolume(name) || strings.HasPrefix(name, "xn--") || strings.HasSuffix(name, "-s3alias") {
		return false
	}
	return !addressLike(name)
}

// addressLike says whether name has the form of an IPv4 address.
func addressLike(name string) bool {
	parts := strings.Split(name, ".")
	if len(parts) != 4 {
		return false
	}
	for _, p := range parts {
		if !digits(p) {
			return false
		}
	}
	return true
}

// headBucket answers HEAD of a bucket. The region is always told: without it
// goofys takes a bucket that answers its unsigned question for a public one and
// drops its credentials (clients.md §2).
func (g *gateway) headBucket(w http.ResponseWriter, r *request) error {
	b, err := g.buckets.GetBucket(r.Context(), r.bucketRef(), r.expectedOwner())
	if err != nil {
		return err
	}
	h := w.Header()
	h["X-Amz-Bucket-Region"] = []string{g.region(b)}
	h["X-Amz-Access-Point-Alias"] = []string{"false"}
	h["Content-Type"] = xmlType
	w.WriteHeader(http.StatusOK)
	return nil
}

// region is where a bucket says it is.
func (g *gateway) region(b client.Bucket) string {
	if b.Location != "" {
		return b.Location
	}
	return g.cfg.Region
}

// deleteBucket answers DELETE of a bucket, which must be empty.
func (g *gateway) deleteBucket(w http.ResponseWriter, r *request) error {
	err := g.buckets.DeleteBucket(r.Context(), r.bucketRef(), r.expectedOwner())
	if errors.Is(err, ozerr.BucketNotEmpty) && g.cfg.DeleteUploads {
		if err := g.abortUploads(r); err != nil {
			return err
		}
		err = g.buckets.DeleteBucket(r.Context(), r.bucketRef(), r.expectedOwner())
	}
	if errors.Is(err, ozerr.BucketNotEmpty) {
		if b, unknown := g.bucketOf(r); unknown == nil && b.Versioning != "" {
			return s3err.BucketNotEmpty.With("The bucket you tried to delete is not empty. You must delete all versions in the bucket.").
				WithField("BucketName", r.Bucket).Wrap(err)
		}
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// abortUploads aborts the open uploads of a bucket without objects, for who may delete
// the bucket. om decides afterwards whether it is empty: one that has got an object or
// an upload meanwhile stays.
func (g *gateway) abortUploads(r *request) error {
	l, err := g.objects.ListVersions(r.Context(), r.bucketRef(), client.VersionListOptions{Limit: 1, ExpectedOwner: r.expectedOwner()})
	if err != nil || len(l.Versions) > 0 {
		return err
	}
	o := client.UploadListOptions{Limit: maxListKeys, ExpectedOwner: r.expectedOwner()}
	for {
		l, err := g.uploads.ListUploads(r.Context(), r.bucketRef(), o)
		if err != nil {
			return err
		}
		for _, u := range l.Uploads {
			ref := client.UploadRef{KeyRef: client.KeyRef{BucketRef: r.bucketRef(), Key: u.Key}, ID: u.ID, ExpectedOwner: r.expectedOwner()}
			if err := g.uploads.AbortUpload(r.Context(), ref); err != nil && !errors.Is(err, ozerr.NoSuchUpload) {
				return err
			}
		}
		if !l.Truncated {
			return nil
		}
		o.AfterKey, o.AfterUploadID = l.NextKey, l.NextUploadID
	}
}

// getBucketLocation answers GET ?location; nothing means us-east-1.
func (g *gateway) getBucketLocation(w http.ResponseWriter, r *request) error {
	b, err := g.buckets.GetBucket(r.Context(), r.bucketRef(), r.expectedOwner())
	if err != nil {
		return err
	}
	location := g.region(b)
	if location == "us-east-1" {
		location = ""
	}
	return writeXML(w, &s3xml.LocationConstraint{Value: location})
}
