package client

import (
	"io"
	"time"
)

// BucketRef names a bucket. With Volume "" the Bucket is an S3 bucket name, which
// om resolves through its global table.
type BucketRef struct {
	Volume, Bucket string
}

// S3Bucket is the reference to a bucket by its global S3 name.
func S3Bucket(name string) BucketRef { return BucketRef{Bucket: name} }

// KeyRef names a key in a bucket.
type KeyRef struct {
	BucketRef
	Key string
}

// Volume is what om knows of a volume.
type Volume struct {
	Name, Owner, Admin string
	Created, Modified  time.Time
	Buckets            uint64
}

// Bucket is what om knows of a bucket.
type Bucket struct {
	Volume, Name, Owner string
	Created, Modified   time.Time
	Replication         string // "ONE" or "THREE"
	Location            string // LocationConstraint as given at creation
	S3                  bool   // reachable through S3 under Name
}

// Meta is what a writer says of an object besides its bytes. User metadata names
// are lower-case without the x-amz-meta- prefix; header names are canonical.
type Meta struct {
	Metadata     map[string]string
	Headers      map[string]string
	Tags         map[string]string
	StorageClass string // "" is STANDARD
}

// Checksum is one x-amz-checksum-* value, base64, with "-N" when composite.
type Checksum struct {
	Algorithm string // CRC32, CRC32C, CRC64NVME, SHA1, SHA256
	Value     string
	Type      string // FULL_OBJECT or COMPOSITE
}

// Part is a part of an upload, or of an object made by one.
type Part struct {
	Number    int
	Size      int64
	ETag      string // hex, no quotes
	Checksums []Checksum
	Modified  time.Time
}

// Object is one version of an object: everything needed to answer HEAD, and the
// blocks to read it from. It stays readable for the grace period after an
// overwrite or a delete.
type Object struct {
	Key               string
	Size              int64
	ETag              string // hex, no quotes; "-N" suffix for multipart
	Created, Modified time.Time
	Owner             string
	Meta              Meta
	Checksums         []Checksum
	Parts             []Part // in order; empty unless multipart
	Replication       string
	Generation        uint64 // grows with every write of the key
	Bucket            Bucket

	blocks blockList // where the bytes are; for Client.ReadObject
}

// Condition guards a write, a delete or the source of a copy. It is decided in
// om's state machine. ETags without quotes; "*" matches any existing version.
type Condition struct {
	IfMatch           []string
	IfNoneMatch       []string
	IfModifiedSince   time.Time
	IfUnmodifiedSince time.Time
	IfGeneration      uint64
}

// Sealed is what is known of a body only after its last byte.
type Sealed struct {
	ETag      string
	Checksums []Checksum
}

// PutOptions go with PutObject and PutPart.
type PutOptions struct {
	Meta          Meta
	Condition     Condition
	ExpectedOwner string // bucket owner the caller insists on; "" for any
	Replication   string // "" for the bucket's
	// Seal is called once when the body has ended without error and its bytes are
	// on the datanodes, before the key becomes visible. An error stores nothing.
	// It returns the ETag and checksums to keep. nil: no ETag is kept.
	Seal func(size int64) (Sealed, error)
}

// ListOptions select a page of keys. Limit 0 means 1000.
type ListOptions struct {
	Prefix, Delimiter string
	After             string // exclusive; a common prefix given here is skipped whole
	Limit             int
	ExpectedOwner     string
}

// Listing is a page of keys, both lists in byte order.
type Listing struct {
	Objects        []Object // without parts, metadata and blocks
	CommonPrefixes []string
	Truncated      bool
	Next           string // After of the next page
}

// CopyOptions go with CopyObject.
type CopyOptions struct {
	SourceCondition     Condition
	Condition           Condition
	ReplaceMetadata     bool // take Meta's Metadata and Headers instead of the source's
	ReplaceTags         bool
	Meta                Meta // StorageClass is taken when set
	ExpectedOwner       string
	SourceExpectedOwner string
}

// DeleteKey is one key of a multi-delete.
type DeleteKey struct {
	Key       string
	Condition Condition
	MustExist bool
}

// DeleteResult is the outcome for one key of a multi-delete.
type DeleteResult struct {
	Key     string
	Existed bool
	Err     error
}

// Upload is a multipart upload.
type Upload struct {
	ID, Key           string
	Initiated         time.Time
	Owner             string
	Meta              Meta
	ChecksumAlgorithm string
	ChecksumType      string
	Bucket            Bucket
}

// UploadRef names a multipart upload.
type UploadRef struct {
	KeyRef
	ID            string
	ExpectedOwner string
}

// UploadOptions go with CreateUpload.
type UploadOptions struct {
	Meta              Meta
	ChecksumAlgorithm string
	ChecksumType      string
	ExpectedOwner     string
}

// CompleteOptions go with CompleteUpload.
type CompleteOptions struct {
	Condition    Condition
	Checksums    []Checksum // whole-object values the caller expects
	ExpectedSize int64      // -1: not given
}

// PartListing is a page of an upload's parts.
type PartListing struct {
	Upload    Upload
	Parts     []Part
	Truncated bool
}

// UploadListOptions select a page of uploads.
type UploadListOptions struct {
	Prefix, Delimiter       string
	AfterKey, AfterUploadID string
	Limit                   int
	ExpectedOwner           string
}

// UploadListing is a page of uploads, in order of key, then initiation.
type UploadListing struct {
	Uploads        []Upload
	CommonPrefixes []string
	Truncated      bool
	NextKey        string
	NextUploadID   string
}

// Reader is an open object. WriteTo is the fast way out. It never ends cleanly
// before the last byte asked for, and gives no byte that wasn't verified. Not for
// concurrent use; Close it, in any case.
type Reader interface {
	io.ReadCloser
	io.WriterTo
	// Ready waits until the first bytes are there, or there is nothing to read, and
	// returns the error that reading would. A server calls it before it promises a body.
	Ready() error
}
