package s3g

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

// getObjectAttributes answers GET ?attributes: those of an object's attributes that
// x-amz-object-attributes names.
func (g *gateway) getObjectAttributes(w http.ResponseWriter, r *request) error {
	wanted, err := wantedAttributes(r.Header)
	if err != nil {
		return err
	}
	parts := partsPage(r.Header)
	o, err := g.lookup(r)
	if err != nil {
		return err
	}
	if _, err := g.readerKey(r, customerPrefix, &o); err != nil {
		return err
	}
	doc := new(s3xml.GetObjectAttributesResponse)
	if wanted["ETag"] {
		doc.ETag = o.ETag
	}
	if wanted["Checksum"] && len(o.Checksums) > 0 {
		doc.Checksum = attributeChecksums(&o)
	}
	if wanted["ObjectParts"] && len(o.Parts) > 0 {
		doc.ObjectParts = parts.of(&o)
	}
	if wanted["StorageClass"] {
		doc.StorageClass = classOrDefault(o.Meta.StorageClass)
	}
	if wanted["ObjectSize"] {
		doc.ObjectSize = &o.Size
	}
	h := w.Header()
	h["Last-Modified"] = []string{o.Modified.UTC().Format(http.TimeFormat)}
	tellVersion(h, &o)
	return writeXML(w, doc)
}

// wantedAttributes reads x-amz-object-attributes, a list, perhaps in several headers.
func wantedAttributes(h http.Header) (map[string]bool, error) {
	const name = "X-Amz-Object-Attributes"
	wanted := map[string]bool{}
	for _, list := range h[name] {
		for a := range strings.SplitSeq(list, ",") {
			switch a = strings.TrimSpace(a); a {
			case "ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize":
				wanted[a] = true
			case "":
			default:
				return nil, s3err.Argument(strings.ToLower(name), text(a), "Invalid attribute name specified.")
			}
		}
	}
	if len(wanted) == 0 {
		return nil, s3err.InvalidRequest.With("The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty")
	}
	return wanted, nil
}

// attributeChecksums are o's checksums. Here, and nowhere else, composite ones are without
// the number of parts behind them.
func attributeChecksums(o *client.Object) *s3xml.Checksums {
	doc := new(s3xml.Checksums)
	for _, c := range o.Checksums {
		value, _, _ := strings.Cut(c.Value, "-") // no base64 has a dash
		doc.Set(c.Algorithm, value)
		doc.ChecksumType = c.Type
	}
	return doc
}

// partPage is which of an object's parts are wanted: at most limit, with numbers above
// after.
type partPage struct{ after, limit int }

// partsPage reads which; values that are no numbers are as if they weren't there, as on
// AWS.
func partsPage(h http.Header) partPage {
	return partPage{
		limit: min(countHeader(h, "X-Amz-Max-Parts", maxListKeys), maxListKeys),
		after: countHeader(h, "X-Amz-Part-Number-Marker", 0),
	}
}

// countHeader reads a number from 0 on, otherwise where there is none.
func countHeader(h http.Header, name string, otherwise int) int {
	n, err := strconv.ParseInt(h.Get(name), 10, 32)
	if err != nil || n < 0 {
		return otherwise
	}
	return int(n)
}

// of is the page of o's parts. As on AWS parts are listed only if they have checksums of
// their own, and the object's is made of them; how many there are is always told.
func (p partPage) of(o *client.Object) *s3xml.ObjectParts {
	doc := &s3xml.ObjectParts{PartsCount: len(o.Parts)}
	if len(o.Parts[0].Checksums) == 0 || len(o.Checksums) > 0 && o.Checksums[0].Type == fullObject {
		return doc
	}
	last, more := p.after, false
	for _, part := range o.Parts {
		if part.Number <= p.after {
			continue
		}
		if more = len(doc.Parts) == p.limit; more {
			break
		}
		entry := s3xml.ObjectPart{PartNumber: part.Number, Size: part.Size}
		setXMLChecksums(&entry.Checksums, part.Checksums)
		entry.ChecksumType = ""
		doc.Parts = append(doc.Parts, entry)
		last = part.Number
	}
	doc.IsTruncated, doc.MaxParts, doc.PartNumberMarker, doc.NextPartNumberMarker = &more, &p.limit, &p.after, &last
	return doc
}
