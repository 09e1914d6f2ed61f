package s3xml

import (
	"encoding/xml"
	"time"
)

// Owner is who owns a bucket or an object.
type Owner struct {
	ID          string `xml:"ID"`
	DisplayName string `xml:"DisplayName,omitempty"`
}

// ListAllMyBucketsResult answers ListBuckets.
type ListAllMyBucketsResult struct {
	XMLName           xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListAllMyBucketsResult"`
	Owner             Owner    `xml:"Owner"`
	Buckets           []Bucket `xml:"Buckets>Bucket"`
	ContinuationToken string   `xml:"ContinuationToken,omitempty"`
	Prefix            string   `xml:"Prefix,omitempty"`
}

// Bucket is an entry of ListAllMyBucketsResult.
type Bucket struct {
	Name         string    `xml:"Name"`
	CreationDate time.Time `xml:"CreationDate"`
	BucketRegion string    `xml:"BucketRegion,omitempty"`
}

// CreateBucketConfiguration is the optional body of CreateBucket.
type CreateBucketConfiguration struct {
	XMLName            xml.Name      `xml:"CreateBucketConfiguration"`
	LocationConstraint string        `xml:"LocationConstraint"`
	Location           *LocationInfo `xml:"Location"`
	Bucket             *BucketInfo   `xml:"Bucket"`
	Tags               []Tag         `xml:"Tags>Tag"`
}

// LocationInfo says where a directory bucket lives; general purpose buckets have
// none.
type LocationInfo struct {
	Name string `xml:"Name"`
	Type string `xml:"Type"`
}

// BucketInfo describes a directory bucket.
type BucketInfo struct {
	DataRedundancy string `xml:"DataRedundancy"`
	Type           string `xml:"Type"`
}

// LocationConstraint answers GetBucketLocation; empty text is us-east-1.
type LocationConstraint struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ LocationConstraint"`
	Value   string   `xml:",chardata"`
}

// TaggingRequest is the body of the operations that set tags. TagSet is nil where the
// element is missing.
type TaggingRequest struct {
	XMLName xml.Name `xml:"Tagging"`
	TagSet  *TagSet  `xml:"TagSet"`
}

// TagSet is the list in TaggingRequest.
type TagSet struct {
	Tags []Tag `xml:"Tag"`
}

// Tagging answers those that get them.
type Tagging struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ Tagging"`
	TagSet  []Tag    `xml:"TagSet>Tag"`
}

// Tag is one tag. Value is nil when the element is missing from a request.
type Tag struct {
	Key   string  `xml:"Key"`
	Value *string `xml:"Value"`
}
