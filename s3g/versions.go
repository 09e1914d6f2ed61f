package s3g

import (
	"errors"
	"net/http"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

const (
	// nullVersion is how clients call the version that was written while its bucket
	// gave out no version ids.
	nullVersion = "null"
	// versionLength is the length of the ids that om gives out.
	versionLength = 32
)

// checkVersion refuses what no version id can be.
func checkVersion(id string) error {
	switch {
	case id == "":
		return s3err.Argument("versionId", "", "Version id cannot be the empty string")
	case !plausibleVersion(id):
		return s3err.Argument("versionId", id, "Invalid version id specified")
	}
	return nil
}

func plausibleVersion(id string) bool {
	if id == nullVersion {
		return true
	}
	if len(id) != versionLength {
		return false
	}
	for i := range len(id) {
		if c := id[i]; !alnum(c) && !(c >= 'A' && c <= 'Z') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// versionName is om's id of a version as clients see it.
func versionName(id string) string {
	if id == "" {
		return nullVersion
	}
	return id
}

// tellVersion sets x-amz-version-id, which objects have in buckets that are or once were
// versioned.
func tellVersion(h http.Header, o *client.Object) {
	if o.Bucket.Versioning != "" {
		h["X-Amz-Version-Id"] = []string{versionName(o.VersionID)}
	}
}

// tellNewVersion sets x-amz-version-id for who wrote o. Unlike a reader, who writes while
// versioning is suspended is not told that it was the null version.
func tellNewVersion(h http.Header, o *client.Object) {
	if o.VersionID != "" {
		tellVersion(h, o)
	}
}

// lookup finds the version of the key that r addresses, as authorisation has seen it.
func (g *gateway) lookup(r *request) (client.Object, error) {
	var o client.Object
	var err error
	if r.found != nil {
		o, err = r.found.object, r.found.err
	} else {
		o, err = g.objects.GetObject(r.Context(), r.keyRef(), r.expectedOwner())
	}
	if err != nil && o.DeleteMarker {
		return o, markerError(r, &o)
	}
	return o, err
}

// markerError is the answer to who wants an object and finds a delete marker: without a
// version id there is no object; with the marker's own there is something, but nothing
// that can be done with it except to delete it. Tags are asked of the marker itself in
// either case, so AWS.
func markerError(r *request, o *client.Object) error {
	e := s3err.NoSuchKey.WithField("Key", r.Key)
	if r.Query.Get("versionId") != "" || r.target.sub == "tagging" {
		e = s3err.MethodNotAllowed.WithField("Method", r.Method).WithField("ResourceType", "DeleteMarker").
			WithHeader("Allow", http.MethodDelete).
			WithHeader("Last-Modified", o.Modified.UTC().Format(http.TimeFormat))
	}
	return e.WithHeader("X-Amz-Delete-Marker", "true").WithHeader("X-Amz-Version-Id", versionName(o.VersionID))
}

// seenRef is keyRef of the very write that authorisation has seen: whoever may change his
// own object may not change another's that has just taken its place.
func (r *request) seenRef() client.KeyRef {
	ref := r.keyRef()
	if r.found != nil {
		ref.Generation = r.found.object.Generation
	}
	return ref
}

// changeError is err, of a change of a version's tags, ACL or locks. om knows a delete
// marker only as something that isn't there; that it is one has to be told.
func (g *gateway) changeError(r *request, err error) error {
	if errors.Is(err, ozerr.PreconditionFailed) { // overwritten since it was seen
		return s3err.ConditionalRequestConflict.Wrap(err)
	}
	if errors.Is(err, ozerr.KeyNotFound) {
		if _, found := g.lookup(r); found != nil {
			return found
		}
	}
	return err
}
