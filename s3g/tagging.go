package s3g

import (
	"maps"
	"net/http"
	"slices"

	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

// getObjectTagging answers GET ?tagging, tags sorted by key.
func (g *gateway) getObjectTagging(w http.ResponseWriter, r *request) error {
	o, err := g.objects.GetObject(r.Context(), r.keyRef(), r.expectedOwner())
	if err != nil {
		return err
	}
	doc := new(s3xml.Tagging)
	for _, k := range slices.Sorted(maps.Keys(o.Meta.Tags)) {
		v := o.Meta.Tags[k]
		doc.TagSet = append(doc.TagSet, s3xml.Tag{Key: k, Value: &v})
	}
	return writeXML(w, doc)
}

// putObjectTagging answers PUT ?tagging: the tags replace those there were.
func (g *gateway) putObjectTagging(w http.ResponseWriter, r *request) error {
	doc := new(s3xml.Tagging)
	if err := readXML(r, doc); err != nil {
		return err
	}
	tags := map[string]string{}
	for _, t := range doc.TagSet {
		if t.Value == nil {
			return s3err.MalformedXML
		}
		if err := addTag(tags, t.Key, *t.Value); err != nil {
			return err
		}
	}
	if _, err := g.objects.SetObjectTags(r.Context(), r.keyRef(), tags, r.expectedOwner()); err != nil {
		return err
	}
	w.Header()["Content-Length"] = zeroLength
	w.WriteHeader(http.StatusOK)
	return nil
}

// deleteObjectTagging answers DELETE ?tagging.
func (g *gateway) deleteObjectTagging(w http.ResponseWriter, r *request) error {
	if _, err := g.objects.SetObjectTags(r.Context(), r.keyRef(), nil, r.expectedOwner()); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
