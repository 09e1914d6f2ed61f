// Package s3g is the S3 gateway: it speaks S3 to clients and keeps no state of
// its own. Behind it are three narrow interfaces (store.go), which *client.Client
// satisfies.
//
// The way of a request: gateway.go (id, slot, address, route, caller) → router.go
// (one table of all operations) → one file per group of operations → errors.go,
// where every error becomes S3 XML. DESIGN.md says what is promised.
package s3g
