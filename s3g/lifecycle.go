package s3g

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/lifecycle"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/s3g/payload"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

// Lifecycle rules are checked and kept here; om's leader carries them out.

const transitionMinimumHeader = "X-Amz-Transition-Default-Minimum-Object-Size"

// getBucketLifecycle answers GET ?lifecycle.
func (g *gateway) getBucketLifecycle(w http.ResponseWriter, r *request) error {
	d, err := g.buckets.GetBucketDocument(r.Context(), r.bucketRef(), client.DocumentLifecycle, r.expectedOwner())
	if errors.Is(err, ozerr.DocumentNotFound) {
		return s3err.NoSuchLifecycleConfiguration.WithField("BucketName", r.Bucket)
	}
	if err != nil {
		return err
	}
	c, err := lifecycle.Decode(d.Content)
	if err != nil {
		return err
	}
	w.Header()[transitionMinimumHeader] = []string{c.TransitionMinimum}
	return writeXML(w, lifecycleDocument(c))
}

// putBucketLifecycle answers PUT ?lifecycle: the rules replace those there were.
func (g *gateway) putBucketLifecycle(w http.ResponseWriter, r *request) error {
	if !payload.HasDigest(r.Header) {
		return s3err.InvalidRequest.With("Missing required header for this request: Content-MD5")
	}
	doc := new(s3xml.LifecycleConfiguration)
	if err := readXML(r, doc); err != nil {
		return err
	}
	c, err := lifecycleRules(doc)
	if err != nil {
		return err
	}
	if c.TransitionMinimum, err = transitionMinimum(r.Header); err != nil {
		return err
	}
	content, err := c.Encode()
	if err != nil {
		return err
	}
	if err := g.setDocument(r, client.DocumentLifecycle, content); err != nil {
		return err
	}
	h := w.Header()
	if r.Header[transitionMinimumHeader] != nil { // Ozone's case lc/1 wants nothing told that was not asked
		h[transitionMinimumHeader] = []string{c.TransitionMinimum}
	}
	h["Content-Length"] = zeroLength
	w.WriteHeader(http.StatusOK)
	return nil
}

// deleteBucketLifecycle answers DELETE ?lifecycle, whether there are rules or not.
func (g *gateway) deleteBucketLifecycle(w http.ResponseWriter, r *request) error {
	if err := g.setDocument(r, client.DocumentLifecycle, nil); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// transitionMinimum reads the size below which objects stay in their class.
func transitionMinimum(h http.Header) (string, error) {
	switch v := h.Get(transitionMinimumHeader); v {
	case "":
		return "all_storage_classes_128K", nil
	case "all_storage_classes_128K", "varies_by_storage_class":
		return v, nil
	default:
		return "", s3err.Argument("x-amz-transition-default-minimum-object-size", text(v),
			"Invalid transition default minimum object size.")
	}
}

// setExpiration sets x-amz-expiration where a rule of o's bucket will delete o, the
// current version: when at the earliest, and the rule's id.
func (g *gateway) setExpiration(h http.Header, r *request, o *client.Object) {
	c := g.lifecycleOf(r, o.Bucket)
	if c == nil {
		return
	}
	v := c.Judge(&lifecycle.Version{
		Key: o.Key, Size: uint64(o.Size), Tags: o.Meta.Tags, Modified: o.Modified, Latest: true,
	}, lifecycle.Calendar{})
	if v.Action == lifecycle.Expire {
		h["X-Amz-Expiration"] = []string{fmt.Sprintf(`expiry-date="%s", rule-id="%s"`, v.Due.UTC().Format(http.TimeFormat), ruleID(v.Rule))}
	}
}

// ruleID is the id of a rule as headers have it; every client's decoder reads %20.
func ruleID(id string) string { return strings.ReplaceAll(url.QueryEscape(id), "+", "%20") }

// setAbortDate sets x-amz-abort-date and x-amz-abort-rule-id where a rule will abort
// the upload.
func (g *gateway) setAbortDate(h http.Header, r *request, up *client.Upload) {
	c := g.lifecycleOf(r, up.Bucket)
	if c == nil {
		return
	}
	if due, rule := c.AbortDue(up.Key, up.Initiated, lifecycle.Calendar{}); !due.IsZero() {
		h["X-Amz-Abort-Date"] = []string{due.UTC().Format(http.TimeFormat)}
		h["X-Amz-Abort-Rule-Id"] = []string{ruleID(rule)}
	}
}

// lifecycleOf are the rules of b, nil if it has none. What they say in headers is
// about the future, so a failure to read them is no reason to fail the request.
func (g *gateway) lifecycleOf(r *request, b client.Bucket) *lifecycle.Config {
	c, ok, err := g.lifecycle.of(r.Context(), b)
	if err != nil {
		g.log.Warn().Err(err).Str("request_id", r.ID).Str("bucket", r.Bucket).Msg("lifecycle rules can't be read")
	}
	if !ok {
		return nil
	}
	return c
}
