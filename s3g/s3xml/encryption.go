package s3xml

import "encoding/xml"

// ServerSideEncryptionConfiguration is the body of the bucket encryption operations,
// both ways.
type ServerSideEncryptionConfiguration struct {
	XMLName xml.Name         `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ServerSideEncryptionConfiguration"`
	Rules   []EncryptionRule `xml:"Rule"`
}

// EncryptionRule says how objects are encrypted by default. Fields that a request
// lacks are nil.
type EncryptionRule struct {
	Default   *EncryptionByDefault `xml:"ApplyServerSideEncryptionByDefault"`
	BucketKey *bool                `xml:"BucketKeyEnabled"`
}

// EncryptionByDefault names the encryption.
type EncryptionByDefault struct {
	SSEAlgorithm   string `xml:"SSEAlgorithm"`
	KMSMasterKeyID string `xml:"KMSMasterKeyID,omitempty"`
}
