package access

import "strings"

// s3Keys are the condition keys of S3's own, in lower case; those that end with a
// slash have a tag's name behind it.
var s3Keys = map[string]bool{
	"s3:authtype": true, "s3:bucketkeyenabled": true, "s3:dataaccesspointaccount": true, "s3:dataaccesspointarn": true,
	"s3:delimiter": true, "s3:if-match": true, "s3:if-none-match": true, "s3:inventoryaccessibleoptionalfields": true,
	"s3:locationconstraint": true, "s3:max-keys": true, "s3:object-lock-legal-hold": true, "s3:object-lock-mode": true,
	"s3:object-lock-remaining-retention-days": true, "s3:object-lock-retain-until-date": true, "s3:objectcreationoperation": true,
	"s3:prefix": true, "s3:requestobjecttagkeys": true, "s3:resourceaccount": true, "s3:signatureage": true,
	"s3:signatureversion": true, "s3:tlsversion": true, "s3:versionid": true, "s3:x-amz-acl": true, "s3:x-amz-content-sha256": true,
	"s3:x-amz-copy-source": true, "s3:x-amz-grant-full-control": true, "s3:x-amz-grant-read": true, "s3:x-amz-grant-read-acp": true,
	"s3:x-amz-grant-write": true, "s3:x-amz-grant-write-acp": true, "s3:x-amz-metadata-directive": true,
	"s3:x-amz-object-ownership": true, "s3:x-amz-server-side-encryption": true,
	"s3:x-amz-server-side-encryption-aws-kms-key-id":     true,
	"s3:x-amz-server-side-encryption-customer-algorithm": true, "s3:x-amz-storage-class": true,
	"s3:x-amz-website-redirect-location": true,
}

// knownKey says whether a policy can have a condition on the key. AWS adds keys of all
// services (aws:) often, and takes those it does not know.
func knownKey(key string) bool {
	if s3Keys[key] {
		return true
	}
	for _, prefix := range []string{"aws:", "s3:existingobjecttag/", "s3:requestobjecttag/", "s3:buckettag/"} {
		if len(key) > len(prefix) && strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}
