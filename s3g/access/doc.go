// Package access decides who may do what: bucket policies, access control lists, public
// access blocks and object ownership, by AWS's rules. It is pure: no HTTP, no store, no
// clock. Package s3g asks it one Question for each thing a request does, and logs
// the Decision with its reason.
//
// Users are what accounts are on AWS: each owns its buckets and objects, and nobody
// manages it from outside. A user is named by its name (the access key) or its
// canonical id; arn:aws:iam::ANY:user/NAME and arn:aws:iam::NAME:root mean the same.
package access
