package s3g

import (
	"net/http"
	"strings"
	"time"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/s3g/payload"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

// The headers by which writers lock what they write, and readers learn of it.
const (
	lockModeHeader  = "X-Amz-Object-Lock-Mode"
	lockUntilHeader = "X-Amz-Object-Lock-Retain-Until-Date"
	legalHoldHeader = "X-Amz-Object-Lock-Legal-Hold"
)

// States of a legal hold.
const (
	holdOn  = "ON"
	holdOff = "OFF"
)

// headerLock puts what x-amz-object-lock-* ask for into p. Whether the bucket can lock
// versions at all is om's decision.
func headerLock(r *request, p *client.Protection) error {
	mode, until := r.Header.Get(lockModeHeader), r.Header.Get(lockUntilHeader)
	if mode != "" || until != "" {
		var err error
		if p.Retention, err = headerRetention(mode, until, r.Start); err != nil {
			return err
		}
	}
	switch v := r.Header.Get(legalHoldHeader); v {
	case "", holdOff:
	case holdOn:
		p.LegalHold = true
	default:
		return s3err.Argument(strings.ToLower(legalHoldHeader), text(v), "Legal Hold must be either of 'ON' or 'OFF'")
	}
	return nil
}

func headerRetention(mode, until string, now time.Time) (*client.Retention, error) {
	switch {
	case mode == "" || until == "":
		return nil, s3err.InvalidArgument.With("x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied")
	case !retentionMode(mode):
		return nil, s3err.Argument(strings.ToLower(lockModeHeader), text(mode), "Unknown wormMode directive.")
	}
	t, err := time.Parse(time.RFC3339, until)
	if err != nil {
		return nil, s3err.Argument(strings.ToLower(lockUntilHeader), text(until), "The retain until date must be provided in ISO 8601 format")
	}
	if !t.After(now) {
		return nil, s3err.Argument(strings.ToLower(lockUntilHeader), text(until), "The retain until date must be in the future!")
	}
	return &client.Retention{Mode: mode, Until: t}, nil
}

// requireLockDigest refuses a PUT that locks what it writes without a digest of it: a
// damaged object could not be replaced. POST forms have no place for one. A signature of
// the body counts too, unlike on AWS: minio-go sends nothing else.
func requireLockDigest(r *request, p *client.Protection) error {
	if p.Retention == nil && !p.LegalHold || r.Method != http.MethodPut || payload.HasDigest(r.Header) {
		return nil
	}
	switch r.Header.Get("X-Amz-Content-Sha256") {
	case "", "UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER":
		return s3err.InvalidRequest.With("Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters")
	}
	return nil
}

// tellLock sets the headers that say how o is locked.
func tellLock(h http.Header, o *client.Object) {
	if o.Retention != nil {
		h[lockModeHeader] = []string{o.Retention.Mode}
		h[lockUntilHeader] = []string{o.Retention.Until.UTC().Format(lockTime)}
	}
	if status := legalHold(o); status != "" {
		h[legalHoldHeader] = []string{status}
	}
}

// legalHold is the state of o's legal hold, "" if it never had one.
func legalHold(o *client.Object) string {
	switch {
	case o.LegalHold:
		return holdOn
	case o.LegalHoldOff:
		return holdOff
	}
	return ""
}

// lockFromFirst reads whether a new bucket is to have object lock from the first day.
func lockFromFirst(h http.Header) (bool, error) {
	const name = "X-Amz-Bucket-Object-Lock-Enabled"
	switch v := h.Get(name); strings.ToLower(v) {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	default:
		return false, s3err.Argument(strings.ToLower(name), text(v), "Invalid value for "+strings.ToLower(name))
	}
}
