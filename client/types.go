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
// VersionID "" is the current version, "null" the null version. Generation, if it is not
// 0, is which write of it: SetObjectTags and SetObjectACL change no other, which is
// ozerr.PreconditionFailed.
type KeyRef struct {
	BucketRef
	Key        string
	VersionID  string
	Generation uint64
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

	ID                uint64
	Versioning        string // "" (never), "Enabled", "Suspended"
	ObjectLock        *ObjectLock
	ObjectOwnership   string // BucketOwnerEnforced, BucketOwnerPreferred, ObjectWriter; "": not set
	PublicAccessBlock *PublicAccessBlock
	ACL               *ACL // nil: private
	Encryption        *DefaultEncryption
	// Documents has the raft index of the last change of each document of the bucket.
	Documents map[string]uint64
}

// Kinds of bucket documents.
const (
	DocumentPolicy       = "policy"
	DocumentCORS         = "cors"
	DocumentLifecycle    = "lifecycle"
	DocumentTagging      = "tagging"
	DocumentNotification = "notification"
)

// ObjectLock says that versions can be locked, and how new ones are by default.
type ObjectLock struct {
	Mode        string // GOVERNANCE, COMPLIANCE; "": no default
	Days, Years int    // one of them, with a mode
}

// PublicAccessBlock has AWS's four switches.
type PublicAccessBlock struct {
	BlockPublicACLs, IgnorePublicACLs, BlockPublicPolicy, RestrictPublicBuckets bool
}

// DefaultEncryption is what objects get whose writer asks for none.
type DefaultEncryption struct {
	Algorithm string // AES256, aws:kms
	KeyID     string
	BucketKey bool
}

// ACL is an access control list. Owner is a user's name, "" that of the bucket or
// the object.
type ACL struct {
	Owner  string
	Grants []Grant
}

// Grant gives a user (ID, a canonical id) or a group (URI) a permission.
type Grant struct {
	ID, URI    string
	Permission string // FULL_CONTROL, READ, WRITE, READ_ACP, WRITE_ACP
}

// Retention keeps a version from being deleted until then. Mode "" is none.
type Retention struct {
	Mode  string // GOVERNANCE, COMPLIANCE
	Until time.Time
}

// Encryption says how the stored bytes were made of the object's own, see
// ompb.Encryption. Sizes everywhere are those of the plain bytes; only ReadObject
// counts stored bytes.
type Encryption struct {
	Kind           string // SSE-C, SSE-S3, SSE-KMS
	Algorithm      string
	KeyID          string
	WrappedKey     []byte
	CustomerKeyMD5 string
	Chunk          int // plain bytes of a chunk
	Overhead       int // by which a stored chunk is longer
	Salt           []byte
	Context        string
	BucketKey      bool
}

// StoredSize is the length of size plain bytes as stored.
func (e *Encryption) StoredSize(size int64) int64 {
	if e == nil {
		return size
	}
	chunk := int64(max(e.Chunk, 1))
	chunks := size / chunk
	if size%chunk != 0 {
		chunks++
	}
	return size + chunks*int64(e.Overhead)
}

// Protection is what a writer says of who may read and who may delete an object.
type Protection struct {
	ACL       *ACL       // nil: private
	Retention *Retention // nil: the bucket's default
	LegalHold bool
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
	Salt      []byte // of the part's encryption
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
	VersionID         string // "" is the null version
	DeleteMarker      bool   // GetObject returns such a one beside its error
	Latest            bool   // in version listings
	ACL               *ACL   // nil: private
	Retention         *Retention
	LegalHold         bool
	LegalHoldOff      bool        // it was taken off; both false: there never was one
	Encryption        *Encryption // nil: stored as it is
	// SourceVersionID is the version that CopyObject copied.
	SourceVersionID string

	blocks blockList // where the bytes are; for Client.ReadObject
}

// StoredSize is how many bytes ReadObject can read: more than Size where the object
// is encrypted, every part by itself.
func (o *Object) StoredSize() int64 {
	if len(o.Parts) == 0 || o.Encryption == nil {
		return o.Encryption.StoredSize(o.Size)
	}
	var n int64
	for i := range o.Parts {
		n += o.Encryption.StoredSize(o.Parts[i].Size)
	}
	return n
}

// Condition guards a write, a delete or the source of a copy. It is decided in
// om's state machine. ETags without quotes; "*" matches any existing version.
type Condition struct {
	IfMatch           []string
	IfNoneMatch       []string
	IfModifiedSince   time.Time
	IfUnmodifiedSince time.Time
	IfGeneration      uint64
	IfSize            *int64
	IfModified        time.Time // the date must be this one, to the second
}

// Sealed is what is known of a body only after its last byte.
type Sealed struct {
	ETag      string
	Checksums []Checksum
	Size      int64 // of the plain bytes, where PutOptions.Encryption is set
}

// PutOptions go with PutObject and PutPart.
type PutOptions struct {
	Meta          Meta
	Condition     Condition
	ExpectedOwner string // bucket owner the caller insists on; "" for any
	Replication   string // "" for the bucket's
	Post          bool   // it came as a form, for events
	Protection           // not used by PutPart
	// Encryption is set when body gives bytes that were encrypted so; PutPart takes
	// only the Salt.
	Encryption *Encryption
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

// VersionListOptions select a page of versions and delete markers.
type VersionListOptions struct {
	Prefix, Delimiter      string
	AfterKey, AfterVersion string // exclusive; without a version, all of the key is skipped
	Limit                  int
	ExpectedOwner          string
}

// VersionListing is a page of versions, by key, the newest first.
type VersionListing struct {
	Versions       []Object // as in Listing; DeleteMarker and Latest are set
	CommonPrefixes []string
	Truncated      bool
	NextKey        string
	NextVersion    string // "" when NextKey is a common prefix
}

// LockChange is a change of one of the two locks of a version.
type LockChange struct {
	Retention        *Retention // nil: the legal hold changes
	LegalHold        bool
	BypassGovernance bool
}

// BucketChange is one change of a bucket; exactly one field is set.
type BucketChange struct {
	Versioning        string // Enabled, Suspended
	ObjectLock        *ObjectLock
	ObjectOwnership   *string // "" removes it
	PublicAccessBlock *PublicAccessBlock
	ACL               *ACL
	Encryption        *DefaultEncryption // Algorithm "" removes it
	// NoPublicAccessBlock removes it, which one with nothing in it does not.
	NoPublicAccessBlock bool
	Document            *Document // without Content removes it
	Owner               string
}

// Document is a configuration that om keeps whole, see DocumentPolicy and the others.
type Document struct {
	Kind    string
	Content []byte
	Index   uint64 // of its last change; not for changes
}

// User is a user of S3; the name is the access key.
type User struct {
	Name, CanonicalID, DisplayName, Email string
	Created, Modified                     time.Time
	HasSecret                             bool
	Secret                                string // where a secret was asked for
}

// UserChange makes or changes a user; nil fields stay as they are.
type UserChange struct {
	Name        string
	Create      bool // must be new
	MustExist   bool
	DisplayName *string
	Email       *string
}

// UserQuery finds a user by one of its fields.
type UserQuery struct{ Name, CanonicalID, Email string }

// CopyOptions go with CopyObject.
type CopyOptions struct {
	SourceCondition     Condition
	Condition           Condition
	ReplaceMetadata     bool // take Meta's Metadata and Headers instead of the source's
	ReplaceTags         bool
	Meta                Meta // StorageClass is taken when set
	ExpectedOwner       string
	SourceExpectedOwner string
	Protection
	// Encryption replaces the source's: the same data key wrapped anew. The source
	// must be pinned by its VersionID or SourceCondition.IfGeneration. nil keeps it.
	Encryption *Encryption
	// Checksums replace the source's, which must be pinned likewise. nil keeps them.
	Checksums []Checksum
}

// DeleteKey is one key of a multi-delete.
type DeleteKey struct {
	Key       string
	Condition Condition
	MustExist bool
	// VersionID "" deletes the key: where versioning is on, by a delete marker.
	VersionID        string
	BypassGovernance bool
}

// DeleteResult is the outcome for one key of a multi-delete.
type DeleteResult struct {
	Key     string
	Existed bool
	Err     error
	// VersionID is the version that was removed, or the delete marker that was added.
	VersionID    string
	DeleteMarker bool // a marker was removed or added
	MarkerAdded  bool
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
	Protection
	Encryption *Encryption
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
	Protection
	Encryption *Encryption
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
