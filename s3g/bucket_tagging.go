package s3g

import (
	"errors"
	"net/http"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

// maxBucketTags is how many tags a bucket can have.
const maxBucketTags = 50

// getBucketTagging answers GET ?tagging of a bucket, tags in the order they were given.
func (g *gateway) getBucketTagging(w http.ResponseWriter, r *request) error {
	stored, err := g.buckets.GetBucketDocument(r.Context(), r.bucketRef(), client.DocumentTagging, r.expectedOwner())
	if errors.Is(err, ozerr.DocumentNotFound) {
		return s3err.NoSuchTagSet.WithField("BucketName", r.Bucket).Wrap(err)
	}
	if err != nil {
		return err
	}
	doc := new(s3xml.Tagging)
	if err := s3xml.Unmarshal(stored.Content, doc); err != nil {
		return s3err.InternalError.Wrap(err)
	}
	return writeXML(w, doc)
}

// putBucketTagging answers PUT ?tagging of a bucket: the tags replace those there were,
// and none is as DELETE.
func (g *gateway) putBucketTagging(w http.ResponseWriter, r *request) error {
	doc, err := readTagging(r)
	if err != nil {
		return err
	}
	stored, err := bucketTags(doc.TagSet)
	if err != nil {
		return err
	}
	return g.setBucketTags(w, r, stored)
}

// bucketTags checks a bucket's tags and gives them as they are stored; without any there
// is no document.
func bucketTags(set []s3xml.Tag) (client.Document, error) {
	doc := client.Document{Kind: client.DocumentTagging}
	if len(set) > maxBucketTags {
		return doc, s3err.BadRequest.Withf("Bucket tag count cannot be greater than %d", maxBucketTags)
	}
	if _, err := tagMap(set); err != nil {
		return doc, err
	}
	if len(set) > 0 {
		doc.Content = s3xml.Marshal(&s3xml.Tagging{TagSet: set})
	}
	return doc, nil
}

// deleteBucketTagging answers DELETE ?tagging of a bucket.
func (g *gateway) deleteBucketTagging(w http.ResponseWriter, r *request) error {
	return g.setBucketTags(w, r, client.Document{Kind: client.DocumentTagging})
}

func (g *gateway) setBucketTags(w http.ResponseWriter, r *request, tags client.Document) error {
	change := client.BucketChange{Document: &tags}
	if _, err := g.buckets.SetBucket(r.Context(), r.bucketRef(), change, r.expectedOwner()); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
