package s3g

import (
	"encoding/xml"
	"net/http"
	"time"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

// listObjectVersions answers GET ?versions: the versions and delete markers of a bucket,
// by key, the newest first. A bucket that never was versioned has null versions.
func (g *gateway) listObjectVersions(w http.ResponseWriter, r *request) error {
	l, err := g.parseListing(r)
	if err != nil {
		return err
	}
	l.After = r.Query.Get("key-marker")
	marker, err := versionMarker(r)
	if err != nil {
		return err
	}
	page, err := g.fetchVersions(r, l, marker)
	if err != nil {
		return err
	}
	doc := &s3xml.ListVersionsResult{
		Name: r.Bucket, Prefix: l.encode(l.Prefix), KeyMarker: l.encode(l.After), VersionIDMarker: marker,
		MaxKeys: l.Limit, Delimiter: l.encode(l.Delimiter), EncodingType: l.typ, IsTruncated: page.Truncated,
	}
	if page.Truncated {
		doc.NextKeyMarker, doc.NextVersionIDMarker = l.encode(page.NextKey), page.NextVersion
	}
	for i := range page.Versions {
		doc.Entries = append(doc.Entries, l.entry(&page.Versions[i]))
	}
	for _, p := range page.CommonPrefixes {
		doc.CommonPrefixes = append(doc.CommonPrefixes, s3xml.CommonPrefix{Prefix: l.encode(p)})
	}
	return writeXML(w, doc)
}

// versionMarker reads version-id-marker, which goes with a key-marker. An empty one is
// none: SDKs send back what a page gave them, and one that ended with a prefix gave none.
func versionMarker(r *request) (string, error) {
	const name = "version-id-marker"
	v := r.Query.Get(name)
	switch {
	case v == "":
		return "", nil
	case r.Query.Get("key-marker") == "":
		return "", s3err.Argument(name, v, "A version-id marker cannot be specified without a key marker.")
	case !plausibleVersion(v):
		return "", s3err.Argument(name, v, "Invalid version id specified")
	}
	return v, nil
}

func (g *gateway) fetchVersions(r *request, l listing, marker string) (client.VersionListing, error) {
	if l.Limit == 0 {
		_, err := g.buckets.GetBucket(r.Context(), r.bucketRef(), l.ExpectedOwner)
		return client.VersionListing{}, err
	}
	return g.objects.ListVersions(r.Context(), r.bucketRef(), client.VersionListOptions{
		Prefix: l.Prefix, Delimiter: l.Delimiter, AfterKey: l.After, AfterVersion: marker,
		Limit: l.Limit, ExpectedOwner: l.ExpectedOwner,
	})
}

// entry is a version or a delete marker as the listing shows it.
func (l listing) entry(o *client.Object) s3xml.VersionEntry {
	e := s3xml.VersionEntry{
		XMLName: xml.Name{Local: "Version"}, Key: l.encode(o.Key), VersionID: versionName(o.VersionID),
		IsLatest: o.Latest, LastModified: o.Modified.Truncate(time.Second), Owner: l.owner(o),
	}
	if o.DeleteMarker {
		e.XMLName.Local = "DeleteMarker"
		return e
	}
	if o.ETag != "" {
		e.ETag = quote(o.ETag)
	}
	for _, c := range o.Checksums {
		e.ChecksumAlgorithm = append(e.ChecksumAlgorithm, c.Algorithm)
		e.ChecksumType = c.Type
	}
	e.Size, e.StorageClass = &o.Size, classOrDefault(o.Meta.StorageClass)
	return e
}
