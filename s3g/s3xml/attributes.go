package s3xml

import "encoding/xml"

// GetObjectAttributesResponse answers GetObjectAttributes. The ETag has no quotes here;
// what was not asked for, or isn't there, is nil or "".
type GetObjectAttributesResponse struct {
	XMLName      xml.Name     `xml:"http://s3.amazonaws.com/doc/2006-03-01/ GetObjectAttributesResponse"`
	ETag         string       `xml:"ETag,omitempty"`
	Checksum     *Checksums   `xml:"Checksum"`
	ObjectParts  *ObjectParts `xml:"ObjectParts"`
	StorageClass string       `xml:"StorageClass,omitempty"`
	ObjectSize   *int64       `xml:"ObjectSize"`
}

// ObjectParts says of which parts an object was made. Only PartsCount is there when the
// parts have no checksums.
type ObjectParts struct {
	IsTruncated          *bool        `xml:"IsTruncated"`
	MaxParts             *int         `xml:"MaxParts"`
	NextPartNumberMarker *int         `xml:"NextPartNumberMarker"`
	PartNumberMarker     *int         `xml:"PartNumberMarker"`
	Parts                []ObjectPart `xml:"Part"`
	PartsCount           int          `xml:"PartsCount"`
}

// ObjectPart is an entry of ObjectParts.
type ObjectPart struct {
	Checksums
	PartNumber int   `xml:"PartNumber"`
	Size       int64 `xml:"Size"`
}
