package s3g

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"

	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

// getObjectTagging answers GET ?tagging, tags sorted by key.
func (g *gateway) getObjectTagging(w http.ResponseWriter, r *request) error {
	o, err := g.lookup(r)
	if err != nil {
		return err
	}
	doc := new(s3xml.Tagging)
	for _, k := range slices.Sorted(maps.Keys(o.Meta.Tags)) {
		v := o.Meta.Tags[k]
		doc.TagSet = append(doc.TagSet, s3xml.Tag{Key: k, Value: &v})
	}
	tellVersion(w.Header(), &o)
	return writeXML(w, doc)
}

// putObjectTagging answers PUT ?tagging: the tags replace those there were.
func (g *gateway) putObjectTagging(w http.ResponseWriter, r *request) error {
	var invalid error
	r.tags, invalid = readObjectTags(r)
	if err := g.allow(r, r.row.action, r.keyRef()); err != nil { // policies can ask for the tags
		return err
	}
	if invalid != nil { // only those are told who may
		return invalid
	}
	return g.setTags(w, r, r.tags, http.StatusOK)
}

func readObjectTags(r *request) (map[string]string, error) {
	doc, err := readTagging(r)
	if err != nil {
		return nil, err
	}
	if len(doc.TagSet) > maxTags {
		return nil, s3err.BadRequest.With(tooManyTags)
	}
	return tagMap(doc.TagSet)
}

// deleteObjectTagging answers DELETE ?tagging.
func (g *gateway) deleteObjectTagging(w http.ResponseWriter, r *request) error {
	return g.setTags(w, r, nil, http.StatusNoContent)
}

func (g *gateway) setTags(w http.ResponseWriter, r *request, tags map[string]string, status int) error {
	o, err := g.objects.SetObjectTags(r.Context(), r.seenRef(), tags, r.expectedOwner())
	if err != nil {
		return g.changeError(r, err)
	}
	tellVersion(w.Header(), &o)
	if status == http.StatusOK {
		w.Header()["Content-Length"] = zeroLength
	}
	w.WriteHeader(status)
	return nil
}

// readTagging reads the document of the tagging operations.
func readTagging(r *request) (*s3xml.Tagging, error) {
	doc := new(s3xml.TaggingRequest)
	err := readXML(r, doc)
	if errors.Is(err, s3err.MalformedXML) && errors.Is(err, io.EOF) { // there is nothing
		return nil, s3err.MissingRequestBodyError
	}
	if err != nil {
		return nil, err
	}
	if doc.TagSet == nil {
		return nil, s3err.MalformedXML
	}
	return &s3xml.Tagging{TagSet: doc.TagSet.Tags}, nil
}
