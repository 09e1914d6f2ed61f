package s3g

// accessRows are the operations that say who may do what, and the reads of settings
// that a bucket always has.
func accessRows() []row {
	return []row{
		{level: bucket, method: "GET", sub: "acl", op: "GetBucketAcl", action: "s3:GetBucketAcl", handle: (*gateway).getBucketACL},
		{level: bucket, method: "PUT", sub: "acl", op: "PutBucketAcl", action: "s3:PutBucketAcl", handle: (*gateway).putBucketACL},
		{level: object, method: "GET", sub: "acl", op: "GetObjectAcl", params: versionParam, action: "s3:GetObjectAcl", handle: (*gateway).getObjectACL},
		{level: object, method: "PUT", sub: "acl", op: "PutObjectAcl", params: versionParam, action: "s3:PutObjectAcl", handle: (*gateway).putObjectACL},
		{level: bucket, method: "GET", sub: "policy", op: "GetBucketPolicy", action: "s3:GetBucketPolicy", handle: (*gateway).getBucketPolicy},
		{level: bucket, method: "PUT", sub: "policy", op: "PutBucketPolicy", action: "s3:PutBucketPolicy", handle: (*gateway).putBucketPolicy},
		{level: bucket, method: "DELETE", sub: "policy", op: "DeleteBucketPolicy", action: "s3:DeleteBucketPolicy", handle: (*gateway).deleteBucketPolicy},
		{level: bucket, method: "GET", sub: "policyStatus", op: "GetBucketPolicyStatus", action: "s3:GetBucketPolicyStatus", handle: (*gateway).getBucketPolicyStatus},
		{level: bucket, method: "GET", sub: "publicAccessBlock", op: "GetPublicAccessBlock", action: "s3:GetBucketPublicAccessBlock", handle: (*gateway).getPublicAccessBlock},
		{level: bucket, method: "PUT", sub: "publicAccessBlock", op: "PutPublicAccessBlock", action: "s3:PutBucketPublicAccessBlock", handle: (*gateway).putPublicAccessBlock},
		{level: bucket, method: "DELETE", sub: "publicAccessBlock", op: "DeletePublicAccessBlock", action: "s3:PutBucketPublicAccessBlock", handle: (*gateway).deletePublicAccessBlock},
		{level: bucket, method: "GET", sub: "ownershipControls", op: "GetBucketOwnershipControls", action: "s3:GetBucketOwnershipControls", handle: (*gateway).getOwnershipControls},
		{level: bucket, method: "PUT", sub: "ownershipControls", op: "PutBucketOwnershipControls", action: "s3:PutBucketOwnershipControls", handle: (*gateway).putOwnershipControls},
		{level: bucket, method: "DELETE", sub: "ownershipControls", op: "DeleteBucketOwnershipControls", action: "s3:PutBucketOwnershipControls", handle: (*gateway).deleteOwnershipControls},

		{level: bucket, method: "GET", sub: "requestPayment", op: "GetBucketRequestPayment", action: "s3:GetBucketRequestPayment", handle: (*gateway).getRequestPayment},
		{level: bucket, method: "GET", sub: "logging", op: "GetBucketLogging", action: "s3:GetBucketLogging", handle: (*gateway).getBucketLogging},
		{level: bucket, method: "GET", sub: "accelerate", op: "GetBucketAccelerateConfiguration", action: "s3:GetAccelerateConfiguration", handle: (*gateway).getAccelerate},
	}
}
