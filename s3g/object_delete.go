package s3g

import (
	"net/http"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/s3g/payload"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

const (
	maxDeleteKeys = 1000
	maxXML        = 2 << 20 // bytes of a request document
)

// deleteObject answers DELETE of an object; one that is not there is deleted.
func (g *gateway) deleteObject(w http.ResponseWriter, r *request) error {
	key := client.DeleteKey{Key: r.Key, VersionID: r.Query.Get("versionId"), BypassGovernance: g.mayBypass(r, r.keyRef())}
	var err error
	if key.Condition, err = deleteCondition(r.Header); err != nil {
		return err
	}
	results, err := g.objects.DeleteObjects(r.Context(), r.bucketRef(), []client.DeleteKey{key}, r.expectedOwner())
	if err != nil {
		return err
	}
	res := results[0]
	if res.Err != nil {
		return res.Err
	}
	h := w.Header()
	if res.VersionID != "" {
		h["X-Amz-Version-Id"] = []string{res.VersionID}
	}
	if res.DeleteMarker {
		h["X-Amz-Delete-Marker"] = trueValue
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

var trueValue = []string{"true"}

// deleteObjects answers POST ?delete: up to 1000 keys, each with its own outcome.
func (g *gateway) deleteObjects(w http.ResponseWriter, r *request) error {
	req, err := readDelete(r)
	if err != nil {
		return err
	}
	outcomes := make([]outcome, len(req.Objects))
	var keys []client.DeleteKey
	var at []int // position of each of keys
	for i, o := range req.Objects {
		key, err := deleteKey(o)
		outcomes[i] = outcome{Deleted: s3xml.Deleted{Key: *o.Key, VersionID: key.VersionID}, err: err}
		if err != nil {
			continue
		}
		ref := client.KeyRef{BucketRef: r.bucketRef(), Key: key.Key, VersionID: key.VersionID}
		if denied := g.allow(r, r.row.action, ref); denied != nil {
			outcomes[i].err = translate(r, denied)
			continue
		}
		key.BypassGovernance = g.mayBypass(r, ref)
		keys, at = append(keys, key), append(at, i)
	}
	results, err := g.objects.DeleteObjects(r.Context(), r.bucketRef(), keys, r.expectedOwner())
	if err != nil {
		return err
	}
	for i, res := range results {
		outcomes[at[i]].settle(r, res)
	}
	return writeXML(w, deleteResult(outcomes, req.Quiet))
}

// readDelete reads and checks the document. Like AWS it wants a digest of it.
func readDelete(r *request) (*s3xml.Delete, error) {
	if !payload.HasDigest(r.Header) {
		return nil, s3err.InvalidRequest.With("Missing required header for this request: Content-MD5")
	}
	req := new(s3xml.Delete)
	if err := readXML(r, req); err != nil {
		return nil, err
	}
	if len(req.Objects) == 0 || len(req.Objects) > maxDeleteKeys {
		return nil, s3err.MalformedXML
	}
	for _, o := range req.Objects {
		if o.Key == nil || *o.Key == "" {
			return nil, s3err.MalformedXML
		}
	}
	return req, nil
}

// readXML reads the request document, verified against the digests in r's
// headers, into v.
func readXML(r *request, v any) error {
	body, err := r.openBody(payload.Options{MaxSize: maxXML})
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	return s3xml.Decode(body, maxXML, v)
}

// deleteKey is one entry as the store wants it.
func deleteKey(o s3xml.ObjectIdentifier) (client.DeleteKey, *s3err.Error) {
	key := client.DeleteKey{Key: *o.Key}
	if o.VersionID != nil {
		key.VersionID = *o.VersionID
	}
	switch {
	case len(*o.Key) > maxKeyBytes:
		return key, s3err.KeyTooLongError
	case key.VersionID != "" && !plausibleVersion(key.VersionID):
		return key, s3err.NoSuchVersion
	case o.Size != nil && *o.Size < 0:
		return key, s3err.InvalidArgument
	}
	if o.ETag != nil {
		key.Condition.IfMatch = etags([]string{*o.ETag})
	}
	key.Condition.IfSize = o.Size
	if o.LastModifiedTime != nil {
		var ok bool
		if key.Condition.IfModified, ok = conditionTime(*o.LastModifiedTime); !ok {
			return key, s3err.InvalidArgument
		}
	}
	return key, nil
}

// outcome is what came of one entry.
type outcome struct {
	s3xml.Deleted
	err *s3err.Error
}

// settle puts om's result into an outcome.
func (o *outcome) settle(r *request, res client.DeleteResult) {
	if res.Err != nil {
		o.err = translate(r, res.Err)
		return
	}
	if res.DeleteMarker {
		o.DeleteMarker, o.DeleteMarkerVersionID = true, res.VersionID
	}
}

func deleteResult(outcomes []outcome, quiet bool) *s3xml.DeleteResult {
	res := new(s3xml.DeleteResult)
	for _, o := range outcomes {
		switch {
		case o.err != nil:
			res.Errors = append(res.Errors, s3xml.DeleteError{Key: o.Key, VersionID: o.VersionID, Code: o.err.Code, Message: o.err.Message})
		case !quiet:
			res.Deleted = append(res.Deleted, o.Deleted)
		}
	}
	return res
}
