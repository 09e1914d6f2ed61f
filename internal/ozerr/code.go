package ozerr

// Metadata.
const (
	VolumeNotFound      Code = "VOLUME_NOT_FOUND"
	VolumeAlreadyExists Code = "VOLUME_ALREADY_EXISTS"
	VolumeNotEmpty      Code = "VOLUME_NOT_EMPTY"
	InvalidVolumeName   Code = "INVALID_VOLUME_NAME"

	BucketNotFound      Code = "BUCKET_NOT_FOUND"
	BucketAlreadyExists Code = "BUCKET_ALREADY_EXISTS" // somebody else's
	BucketAlreadyOwned  Code = "BUCKET_ALREADY_OWNED"  // the caller's own (ours; Ozone has one code)
	BucketNotEmpty      Code = "BUCKET_NOT_EMPTY"      // keys or open uploads
	InvalidBucketName   Code = "INVALID_BUCKET_NAME"
	WrongBucketOwner    Code = "WRONG_BUCKET_OWNER"   // expected-bucket-owner differs
	EncryptionRequired  Code = "ENCRYPTION_REQUIRED"  // the bucket encrypts by default, and these bytes are plain (ours)
	InvalidBucketState  Code = "INVALID_BUCKET_STATE" // versioning can't be suspended under object lock, and the like (ours)
	NoObjectLock        Code = "NO_OBJECT_LOCK"       // the bucket has no object lock (ours)
	DocumentNotFound    Code = "DOCUMENT_NOT_FOUND"   // the bucket has no policy, no CORS rules, … (ours)

	KeyNotFound        Code = "KEY_NOT_FOUND"
	VersionNotFound    Code = "VERSION_NOT_FOUND"  // ours: the key may exist, that version of it does not
	KeyAlreadyExists   Code = "KEY_ALREADY_EXISTS" // rename onto an existing key
	KeyLocked          Code = "KEY_LOCKED"         // retention or a legal hold forbids it (ours)
	InvalidKeyName     Code = "INVALID_KEY_NAME"
	PreconditionFailed Code = "PRECONDITION_FAILED"

	NoSuchUpload     Code = "NO_SUCH_MULTIPART_UPLOAD_ERROR"
	InvalidPart      Code = "INVALID_PART"
	InvalidPartOrder Code = "INVALID_PART_ORDER"
	EntityTooSmall   Code = "ENTITY_TOO_SMALL"
	BadDigest        Code = "BAD_DIGEST" // a checksum given at Complete differs
)

// Everything else.
const (
	InvalidArgument  Code = "INVALID_ARGUMENT" // a value out of range
	InvalidRequest   Code = "INVALID_REQUEST"  // a request that makes no sense as a whole
	NotSupported     Code = "NOT_SUPPORTED_OPERATION"
	PermissionDenied Code = "PERMISSION_DENIED"

	AdminKeyRefused Code = "ADMIN_KEY_REFUSED" // a caller or a server that does not know the admin key (ours)

	// A datanode was shown no block token, or one that is not good for what was asked (Ozone's).
	BlockTokenRefused Code = "BLOCK_TOKEN_VERIFICATION_FAILED"

	UserNotFound       Code = "USER_NOT_FOUND"
	UserAlreadyExists  Code = "USER_ALREADY_EXISTS" // or its e-mail address
	SecretAlreadyShown Code = "S3_SECRET_ALREADY_EXISTS"

	NotLeader   Code = "NOT_LEADER"  // Detail: the leader's rpc address, if known
	Unavailable Code = "UNAVAILABLE" // try again later: no quorum, no datanodes, node down, overload
	Timeout     Code = "TIMEOUT"     // the deadline passed; the outcome may be unknown
	Canceled    Code = "CANCELED"
	Internal    Code = "INTERNAL_ERROR"

	ContainerNotFound Code = "CONTAINER_NOT_FOUND"
	ContainerClosed   Code = "CLOSED_CONTAINER_IO" // takes no more writes
	BlockNotFound     Code = "NO_SUCH_BLOCK"
	BlockConflict     Code = "BLOCK_CONFLICT" // other bytes are already there
	ChecksumMismatch  Code = "CHECKSUM_MISMATCH"
	WrongNode         Code = "WRONG_NODE" // another datanode answers at the address of the one that was meant
	DiskFull          Code = "DISK_OUT_OF_SPACE"
	DiskFailed        Code = "IO_EXCEPTION"
)

// Busy is the Detail of an Unavailable that means overload: what was asked for has
// certainly not been begun, and callers should slow down.
const Busy = "busy"
