package s3xml

import "encoding/xml"

// LifecycleConfiguration is the body of the lifecycle operations, both ways.
// Pointers are nil where an element is missing.
type LifecycleConfiguration struct {
	XMLName xml.Name        `xml:"http://s3.amazonaws.com/doc/2006-03-01/ LifecycleConfiguration"`
	Rules   []LifecycleRule `xml:"Rule"`
}

// LifecycleRule is one rule.
type LifecycleRule struct {
	ID                             string                  `xml:"ID,omitempty"`
	Prefix                         *string                 `xml:"Prefix"`
	Filter                         *LifecycleFilter        `xml:"Filter"`
	Status                         string                  `xml:"Status"`
	Transitions                    []LifecycleTransition   `xml:"Transition"`
	Expiration                     *LifecycleExpiration    `xml:"Expiration"`
	NoncurrentVersionTransitions   []NoncurrentTransition  `xml:"NoncurrentVersionTransition"`
	NoncurrentVersionExpiration    *NoncurrentExpiration   `xml:"NoncurrentVersionExpiration"`
	AbortIncompleteMultipartUpload *AbortIncompleteUploads `xml:"AbortIncompleteMultipartUpload"`
}

// LifecycleFilter has at most one element.
type LifecycleFilter struct {
	Prefix                *string       `xml:"Prefix"`
	Tag                   *Tag          `xml:"Tag"`
	ObjectSizeGreaterThan *int64        `xml:"ObjectSizeGreaterThan"`
	ObjectSizeLessThan    *int64        `xml:"ObjectSizeLessThan"`
	And                   *LifecycleAnd `xml:"And"`
}

// LifecycleAnd has two elements or more.
type LifecycleAnd struct {
	Prefix                *string `xml:"Prefix"`
	Tags                  []Tag   `xml:"Tag"`
	ObjectSizeGreaterThan *int64  `xml:"ObjectSizeGreaterThan"`
	ObjectSizeLessThan    *int64  `xml:"ObjectSizeLessThan"`
}

// LifecycleExpiration is of current versions. Date is as it came.
type LifecycleExpiration struct {
	Days                      *int    `xml:"Days"`
	Date                      *string `xml:"Date"`
	ExpiredObjectDeleteMarker *bool   `xml:"ExpiredObjectDeleteMarker"`
}

// LifecycleTransition is of current versions.
type LifecycleTransition struct {
	Days         *int    `xml:"Days"`
	Date         *string `xml:"Date"`
	StorageClass string  `xml:"StorageClass"`
}

// NoncurrentTransition is of noncurrent versions.
type NoncurrentTransition struct {
	NoncurrentDays          *int   `xml:"NoncurrentDays"`
	StorageClass            string `xml:"StorageClass"`
	NewerNoncurrentVersions *int   `xml:"NewerNoncurrentVersions"`
}

// NoncurrentExpiration is of noncurrent versions.
type NoncurrentExpiration struct {
	NoncurrentDays          *int `xml:"NoncurrentDays"`
	NewerNoncurrentVersions *int `xml:"NewerNoncurrentVersions"`
}

// AbortIncompleteUploads is of multipart uploads.
type AbortIncompleteUploads struct {
	DaysAfterInitiation *int `xml:"DaysAfterInitiation"`
}
