package access

import "strings"

// actions are the actions a bucket policy can name, as AWS's service authorization
// reference lists them for buckets and objects. True: it is about objects.
var actions = map[string]bool{
	"s3:AbortMultipartUpload": true, "s3:BypassGovernanceRetention": true, "s3:DeleteObject": true, "s3:DeleteObjectTagging": true,
	"s3:DeleteObjectVersion": true, "s3:DeleteObjectVersionTagging": true, "s3:GetObject": true, "s3:GetObjectAcl": true,
	"s3:GetObjectAttributes": true, "s3:GetObjectLegalHold": true, "s3:GetObjectRetention": true, "s3:GetObjectTagging": true,
	"s3:GetObjectTorrent": true, "s3:GetObjectVersion": true, "s3:GetObjectVersionAcl": true, "s3:GetObjectVersionAttributes": true,
	"s3:GetObjectVersionForReplication": true, "s3:GetObjectVersionTagging": true, "s3:GetObjectVersionTorrent": true,
	"s3:InitiateReplication": true, "s3:ListMultipartUploadParts": true, "s3:ObjectOwnerOverrideToBucketOwner": true,
	"s3:PutObject": true, "s3:PutObjectAcl": true, "s3:PutObjectLegalHold": true, "s3:PutObjectRetention": true,
	"s3:PutObjectTagging": true, "s3:PutObjectVersionAcl": true, "s3:PutObjectVersionTagging": true, "s3:ReplicateDelete": true,
	"s3:ReplicateObject": true, "s3:ReplicateTags": true, "s3:RestoreObject": true, "s3:UpdateObjectEncryption": true,

	"s3:CreateBucket": false, "s3:CreateBucketMetadataTableConfiguration": false, "s3:DeleteBucket": false,
	"s3:DeleteBucketMetadataTableConfiguration": false, "s3:DeleteBucketOwnershipControls": false, "s3:DeleteBucketPolicy": false,
	"s3:DeleteBucketPublicAccessBlock": false, "s3:DeleteBucketWebsite": false, "s3:GetAccelerateConfiguration": false,
	"s3:GetAnalyticsConfiguration": false, "s3:GetBucketAbac": false, "s3:GetBucketAcl": false, "s3:GetBucketCORS": false,
	"s3:GetBucketLocation": false, "s3:GetBucketLogging": false, "s3:GetBucketMetadataTableConfiguration": false,
	"s3:GetBucketNotification": false, "s3:GetBucketObjectLockConfiguration": false, "s3:GetBucketOwnershipControls": false,
	"s3:GetBucketPolicy": false, "s3:GetBucketPolicyStatus": false, "s3:GetBucketPublicAccessBlock": false,
	"s3:GetBucketRequestPayment": false, "s3:GetBucketTagging": false, "s3:GetBucketVersioning": false, "s3:GetBucketWebsite": false,
	"s3:GetEncryptionConfiguration": false, "s3:GetIntelligentTieringConfiguration": false, "s3:GetInventoryConfiguration": false,
	"s3:GetLifecycleConfiguration": false, "s3:GetMetricsConfiguration": false, "s3:GetReplicationConfiguration": false,
	"s3:ListBucket": false, "s3:ListBucketMultipartUploads": false, "s3:ListBucketVersions": false, "s3:ListTagsForResource": false,
	"s3:PutAccelerateConfiguration": false, "s3:PutAnalyticsConfiguration": false, "s3:PutBucketAbac": false, "s3:PutBucketAcl": false,
	"s3:PutBucketCORS": false, "s3:PutBucketLogging": false, "s3:PutBucketNotification": false,
	"s3:PutBucketObjectLockConfiguration": false, "s3:PutBucketOwnershipControls": false, "s3:PutBucketPolicy": false,
	"s3:PutBucketPublicAccessBlock": false, "s3:PutBucketRequestPayment": false, "s3:PutBucketTagging": false,
	"s3:PutBucketVersioning": false, "s3:PutBucketWebsite": false, "s3:PutEncryptionConfiguration": false,
	"s3:PutIntelligentTieringConfiguration": false, "s3:PutInventoryConfiguration": false, "s3:PutLifecycleConfiguration": false,
	"s3:PutMetricsConfiguration": false, "s3:PutReplicationConfiguration": false, "s3:TagResource": false, "s3:UntagResource": false,
	"s3:UpdateBucketMetadataInventoryTableConfiguration": false, "s3:UpdateBucketMetadataJournalTableConfiguration": false,
}

// versioned are the actions that have another name when a version is named.
var versioned = map[string]string{
	"s3:DeleteObject": "s3:DeleteObjectVersion", "s3:DeleteObjectTagging": "s3:DeleteObjectVersionTagging",
	"s3:GetObject": "s3:GetObjectVersion", "s3:GetObjectAcl": "s3:GetObjectVersionAcl",
	"s3:GetObjectAttributes": "s3:GetObjectVersionAttributes", "s3:GetObjectTagging": "s3:GetObjectVersionTagging",
	"s3:PutObjectAcl": "s3:PutObjectVersionAcl", "s3:PutObjectTagging": "s3:PutObjectVersionTagging",
}

// WithVersion is the name of an action on a version named by its id.
func WithVersion(action string) string {
	if v, ok := versioned[action]; ok {
		return v
	}
	return action
}

// known says whether an action of a policy, in lower case and perhaps with wildcards,
// means any action, and of which levels.
func known(action string) (buckets, objects bool) {
	p := newPattern(action, true, false)
	for name, object := range actions {
		if match(p.fixed, strings.ToLower(name)) {
			buckets, objects = buckets || !object, objects || object
		}
	}
	return buckets, objects
}

// need is what an action needs besides what a bucket policy says of it.
type need int

const (
	needBucketOwner need = iota // to own the bucket: what is not in the table below
	needSigned                  // to be somebody
	needInitiator               // to have begun the upload, or to own the bucket
	needBucketRead              // a permission in the ACL of the bucket
	needBucketWrite
	needBucketReadACP
	needBucketWriteACP
	needObjectRead // a permission in the ACL of the object
	needObjectReadACP
	needObjectWriteACP
	needObjectOwner // to own the object
)

// needs are AWS's: "Mapping of ACL permissions and access policy permissions". Where it
// leaves open what WRITE means for deletes, those of older documents hold: whoever may
// write into a bucket may overwrite and delete there, but not delete versions.
var needs = map[string]need{
	"s3:ListAllMyBuckets": needSigned, "s3:CreateBucket": needSigned,

	"s3:ListBucket": needBucketRead, "s3:ListBucketVersions": needBucketRead, "s3:ListBucketMultipartUploads": needBucketRead,
	"s3:PutObject": needBucketWrite, "s3:DeleteObject": needBucketWrite,
	"s3:AbortMultipartUpload": needInitiator, "s3:ListMultipartUploadParts": needInitiator,
	"s3:GetBucketAcl": needBucketReadACP, "s3:PutBucketAcl": needBucketWriteACP,

	"s3:GetObject": needObjectRead, "s3:GetObjectVersion": needObjectRead, "s3:GetObjectTorrent": needObjectRead,
	"s3:GetObjectAttributes": needObjectRead, "s3:GetObjectVersionAttributes": needObjectRead,
	"s3:GetObjectAcl": needObjectReadACP, "s3:GetObjectVersionAcl": needObjectReadACP,
	"s3:PutObjectAcl": needObjectWriteACP, "s3:PutObjectVersionAcl": needObjectWriteACP,

	"s3:GetObjectTagging": needObjectOwner, "s3:GetObjectVersionTagging": needObjectOwner,
	"s3:PutObjectTagging": needObjectOwner, "s3:PutObjectVersionTagging": needObjectOwner,
	"s3:DeleteObjectTagging": needObjectOwner, "s3:DeleteObjectVersionTagging": needObjectOwner,
}

// permission is what an ACL calls a need; "" for needs that no ACL meets.
func (n need) permission() string {
	switch n {
	case needBucketRead, needObjectRead:
		return Read
	case needBucketWrite:
		return Write
	case needBucketReadACP, needObjectReadACP:
		return ReadACP
	case needBucketWriteACP, needObjectWriteACP:
		return WriteACP
	}
	return ""
}

// ofObject says whether the owner and the ACL of the object count, not the bucket's.
func (n need) ofObject() bool { return n >= needObjectRead }

// NeedsUpload says whether what Decide must know as the Object is the upload: its owner.
func NeedsUpload(action string) bool { return needs[action] == needInitiator }

// NeedsObject says whether Decide must know the object that the action is about: its
// owner, its ACL, its tags.
func NeedsObject(action string) bool {
	return needs[action].ofObject() || action == "s3:GetObjectRetention" || action == "s3:GetObjectLegalHold"
}

// Action says whether policies can name it.
func Action(name string) bool {
	_, ok := actions[name]
	return ok
}
