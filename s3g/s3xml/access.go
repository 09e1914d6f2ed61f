package s3xml

import "encoding/xml"

// AccessControlPolicy is an access control list, both ways. In requests pointers are nil
// where the element is missing.
type AccessControlPolicy struct {
	XMLName           xml.Name           `xml:"http://s3.amazonaws.com/doc/2006-03-01/ AccessControlPolicy"`
	Owner             *Owner             `xml:"Owner"`
	AccessControlList *AccessControlList `xml:"AccessControlList"`
}

// AccessControlList is the list in an AccessControlPolicy.
type AccessControlList struct {
	Grants []Grant `xml:"Grant"`
}

// Grant is one grant.
type Grant struct {
	Grantee    *Grantee `xml:"Grantee"`
	Permission string   `xml:"Permission"`
}

// Grantee is whom a grant is for; Type is CanonicalUser, Group or
// AmazonCustomerByEmail.
type Grantee struct {
	Type         string `xml:"http://www.w3.org/2001/XMLSchema-instance type,attr"`
	ID           string `xml:"ID,omitempty"`
	DisplayName  string `xml:"DisplayName,omitempty"`
	EmailAddress string `xml:"EmailAddress,omitempty"`
	URI          string `xml:"URI,omitempty"`
}

// PublicAccessBlockConfiguration is the public access block of a bucket, both ways.
type PublicAccessBlockConfiguration struct {
	XMLName               xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ PublicAccessBlockConfiguration"`
	BlockPublicAcls       bool     `xml:"BlockPublicAcls"`
	IgnorePublicAcls      bool     `xml:"IgnorePublicAcls"`
	BlockPublicPolicy     bool     `xml:"BlockPublicPolicy"`
	RestrictPublicBuckets bool     `xml:"RestrictPublicBuckets"`
}

// OwnershipControls says who owns the objects of a bucket, both ways.
type OwnershipControls struct {
	XMLName xml.Name        `xml:"http://s3.amazonaws.com/doc/2006-03-01/ OwnershipControls"`
	Rules   []OwnershipRule `xml:"Rule"`
}

// OwnershipRule is the one rule of OwnershipControls.
type OwnershipRule struct {
	ObjectOwnership string `xml:"ObjectOwnership"`
}

// PolicyStatus answers GetBucketPolicyStatus.
type PolicyStatus struct {
	XMLName  xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ PolicyStatus"`
	IsPublic bool     `xml:"IsPublic"`
}

// RequestPaymentConfiguration answers GetBucketRequestPayment.
type RequestPaymentConfiguration struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ RequestPaymentConfiguration"`
	Payer   string   `xml:"Payer"`
}

// BucketLoggingStatus answers GetBucketLogging: empty, logging is off.
type BucketLoggingStatus struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ BucketLoggingStatus"`
}

// AccelerateConfiguration answers GetBucketAccelerateConfiguration: empty, it was never
// set.
type AccelerateConfiguration struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ AccelerateConfiguration"`
}
