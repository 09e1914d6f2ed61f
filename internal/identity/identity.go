// Package identity names S3 users as AWS does: every user has a canonical id, 64 hex
// digits that never change, which stands in ACLs and in every Owner and Initiator.
package identity

import (
	"crypto/sha256"
	"encoding/hex"
)

// Anonymous is the name of callers without an access key, as an owner.
const Anonymous = "anonymous"

// AllUsers, AuthenticatedUsers and LogDelivery are AWS's predefined groups.
const (
	AllUsers           = "http://acs.amazonaws.com/groups/global/AllUsers"
	AuthenticatedUsers = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
	LogDelivery        = "http://acs.amazonaws.com/groups/s3/LogDelivery"
)

// CanonicalID is the canonical id of the user of that name (the access key); "" is
// anonymous. It is a function of the name alone, so every server knows it without
// asking, in open mode too, where any name is a user.
func CanonicalID(name string) string {
	if name == "" {
		name = Anonymous
	}
	sum := sha256.Sum256([]byte("mini-ozone user " + name))
	return hex.EncodeToString(sum[:])
}
