package s3g

import (
	"crypto/tls"
	"maps"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/identity"
	"github.com/mini-ozone/mini-ozone/s3g/sigv4"
)

// conditionKeys are what policies can ask of a request, by the names AWS documents.
type conditionKeys struct {
	r      *request
	ref    client.KeyRef  // what is asked about
	object *client.Object // nil: there is none, or it does not matter
	// upload is the one that r adds to or completes: parts are encrypted as it says, and
	// clients say it to CreateMultipartUpload alone. nil for other operations.
	upload func() (client.Upload, error)
}

// Values implements access.Keys.
func (k *conditionKeys) Values(name string) []string {
	if tag, ok := strings.CutPrefix(name, "s3:existingobjecttag/"); ok {
		if k.object == nil {
			return nil
		}
		return tagValue(k.object.Meta.Tags, tag)
	}
	if tag, ok := strings.CutPrefix(name, "s3:requestobjecttag/"); ok {
		return tagValue(k.r.newTags(), tag)
	}
	if v := k.global(name); v != nil {
		return v
	}
	return k.ofS3(name)
}

// tagValue finds a tag by a condition key, in which case does not count. Of several such
// tags it is always the same one.
func tagValue(tags map[string]string, name string) []string {
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		if strings.EqualFold(k, name) {
			return []string{tags[k]}
		}
	}
	return nil
}

// global are the keys of all services.
func (k *conditionKeys) global(name string) []string {
	r, caller := k.r, client.Caller(k.r.Context())
	switch name {
	case "aws:sourceip":
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		return one(host, err == nil)
	case "aws:securetransport":
		return []string{strconv.FormatBool(r.TLS != nil)}
	case "aws:useragent":
		return header(r.Header, "User-Agent")
	case "aws:referer":
		return header(r.Header, "Referer")
	case "aws:currenttime":
		return []string{r.Start.UTC().Format(time.RFC3339)}
	case "aws:epochtime":
		return []string{strconv.FormatInt(r.Start.Unix(), 10)}
	case "aws:username":
		return one(caller, caller != "")
	case "aws:userid", "aws:principalaccount":
		return one(identity.CanonicalID(caller), caller != "")
	case "aws:principalarn":
		return one("arn:aws:iam:::user/"+caller, caller != "")
	case "aws:principaltype":
		if caller == "" {
			return []string{"Anonymous"}
		}
		return []string{"User"}
	case "aws:viaawsservice", "aws:principalisawsservice": // AWS says so in every request
		return []string{"false"}
	}
	return nil
}

// ofS3 are S3's own keys. Those named like headers are those headers.
func (k *conditionKeys) ofS3(name string) []string {
	r := k.r
	switch name {
	case "s3:prefix": // a listing without a prefix is one of everything
		return one(r.Query.Get("prefix"), r.Key == "" && r.Method == http.MethodGet)
	case "s3:delimiter", "s3:max-keys":
		v := r.Query.Get(name[3:])
		return one(v, v != "")
	case "s3:versionid":
		return one(k.ref.VersionID, k.ref.VersionID != "")
	case "s3:if-match", "s3:if-none-match":
		return headerLines(r.Header, name[3:])
	case "s3:object-lock-mode", "s3:object-lock-legal-hold", "s3:object-lock-retain-until-date", "s3:object-lock-remaining-retention-days":
		return r.newLock(name)
	case "s3:requestobjecttagkeys":
		return slices.Sorted(maps.Keys(r.newTags()))
	case "s3:x-amz-copy-source":
		src, err := copySource(r.Header)
		return one(src.Bucket+"/"+src.Key, err == nil && r.target.copy)
	case "s3:x-amz-content-sha256": // presigned URLs have it without saying it
		if hash := r.Auth.PayloadHash; hash != "" {
			return []string{hash}
		}
	case "s3:objectcreationoperation":
		return []string{strconv.FormatBool(r.row.op != "UploadPart" && r.row.op != "UploadPartCopy")}
	}
	if strings.HasPrefix(name, "s3:x-amz-server-side-encryption") && k.upload != nil {
		up, err := k.upload()
		if err != nil || up.Encryption == nil {
			return nil
		}
		h := http.Header{}
		tellEncryption(h, up.Encryption)
		return header(h, name[3:])
	}
	if strings.HasPrefix(name, "s3:x-amz-grant-") {
		return headerLines(r.Header, name[3:])
	}
	if strings.HasPrefix(name, "s3:x-amz-") {
		return header(r.Header, name[3:])
	}
	return k.signature(name)
}

// signature are the keys about how the request is signed and sent.
func (k *conditionKeys) signature(name string) []string {
	auth := &k.r.Auth
	switch name {
	case "s3:signatureversion":
		switch auth.Kind {
		case sigv4.HeaderV4, sigv4.QueryV4, sigv4.FormV4:
			return []string{"AWS4-HMAC-SHA256"}
		case sigv4.HeaderV2, sigv4.QueryV2, sigv4.FormV2:
			return []string{"AWS"}
		}
	case "s3:authtype":
		switch {
		case auth.Kind == sigv4.HeaderV4, auth.Kind == sigv4.HeaderV2:
			return []string{"REST-HEADER"}
		case auth.Kind == sigv4.QueryV4, auth.Kind == sigv4.QueryV2:
			return []string{"REST-QUERY-STRING"}
		case auth.Kind == sigv4.FormV4, auth.Kind == sigv4.FormV2:
			return []string{"POST"}
		}
	case "s3:signatureage":
		return one(strconv.FormatInt(k.r.Start.Sub(auth.Date).Milliseconds(), 10), !auth.Date.IsZero())
	case "s3:tlsversion":
		if k.r.TLS != nil {
			return []string{strings.TrimPrefix(tls.VersionName(k.r.TLS.Version), "TLS ")}
		}
	}
	return nil
}

func one(v string, ok bool) []string {
	if !ok {
		return nil
	}
	return []string{v}
}

// header is what the operations see of a header: its first line, and an empty one is
// none.
func header(h http.Header, name string) []string {
	v := h.Get(name)
	return one(v, v != "")
}

// headerLines is header for the few of which they see all lines.
func headerLines(h http.Header, name string) []string {
	v := strings.Join(h.Values(name), ",")
	return one(v, v != "")
}

// newLock are the keys about how the request locks an object, by its document or its
// headers.
func (r *request) newLock(name string) []string {
	mode, until, hold := r.Header.Get(lockModeHeader), r.Header.Get(lockUntilHeader), r.Header.Get(legalHoldHeader)
	if c := r.lock; c != nil && c.Retention != nil && c.Retention.Mode != "" {
		mode, until = c.Retention.Mode, c.Retention.Until.UTC().Format(time.RFC3339)
	} else if c != nil && c.Retention == nil {
		hold = holdOff
		if c.LegalHold {
			hold = holdOn
		}
	}
	switch name {
	case "s3:object-lock-mode":
		return one(mode, mode != "")
	case "s3:object-lock-legal-hold":
		return one(hold, hold != "")
	case "s3:object-lock-retain-until-date":
		return one(until, until != "")
	}
	t, err := time.Parse(time.RFC3339, until)
	days := math.Ceil(t.Sub(r.Start).Hours() / 24)
	return one(strconv.Itoa(int(days)), err == nil)
}

// newTags are the tags that the request gives an object; those that cannot be read the
// handler refuses. Those that a copy takes over are known when its source is.
func (r *request) newTags() map[string]string {
	if r.tags != nil || r.row.op == "CopyObject" && r.Header.Get("X-Amz-Tagging-Directive") != "REPLACE" {
		return r.tags
	}
	tags, err := tagsFromHeader(r.Header)
	if err != nil {
		return nil
	}
	return tags
}
