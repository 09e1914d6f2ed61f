package s3g

// accessRows are the operations that say who may do what, and the reads of settings
// that a bucket always has.
func accessRows() []row {
	return []row{
		{level: bucket, method: "GET", sub: "acl", op: "GetBucketAcl", handle: (*gateway).getBucketACL},
		{level: bucket, method: "PUT", sub: "acl", op: "PutBucketAcl", handle: (*gateway).putBucketACL},
		{level: object, method: "GET", sub: "acl", op: "GetObjectAcl", params: versionParam, handle: (*gateway).getObjectACL},
		{level: object, method: "PUT", sub: "acl", op: "PutObjectAcl", params: versionParam, handle: (*gateway).putObjectACL},
		{level: bucket, method: "GET", sub: "policy", op: "GetBucketPolicy", handle: (*gateway).getBucketPolicy},
		{level: bucket, method: "PUT", sub: "policy", op: "PutBucketPolicy", handle: (*gateway).putBucketPolicy},
		{level: bucket, method: "DELETE", sub: "policy", op: "DeleteBucketPolicy", handle: (*gateway).deleteBucketPolicy},
		{level: bucket, method: "GET", sub: "policyStatus", op: "GetBucketPolicyStatus", handle: (*gateway).getBucketPolicyStatus},
		{level: bucket, method: "GET", sub: "publicAccessBlock", op: "GetPublicAccessBlock", handle: (*gateway).getPublicAccessBlock},
		{level: bucket, method: "PUT", sub: "publicAccessBlock", op: "PutPublicAccessBlock", handle: (*gateway).putPublicAccessBlock},
		{level: bucket, method: "DELETE", sub: "publicAccessBlock", op: "DeletePublicAccessBlock", handle: (*gateway).deletePublicAccessBlock},
		{level: bucket, method: "GET", sub: "ownershipControls", op: "GetBucketOwnershipControls", handle: (*gateway).getOwnershipControls},
		{level: bucket, method: "PUT", sub: "ownershipControls", op: "PutBucketOwnershipControls", handle: (*gateway).putOwnershipControls},
		{level: bucket, method: "DELETE", sub: "ownershipControls", op: "DeleteBucketOwnershipControls", handle: (*gateway).deleteOwnershipControls},

		{level: bucket, method: "GET", sub: "requestPayment", op: "GetBucketRequestPayment", handle: (*gateway).getRequestPayment},
		{level: bucket, method: "GET", sub: "logging", op: "GetBucketLogging", handle: (*gateway).getBucketLogging},
		{level: bucket, method: "GET", sub: "accelerate", op: "GetBucketAccelerateConfiguration", handle: (*gateway).getAccelerate},
	}
}
