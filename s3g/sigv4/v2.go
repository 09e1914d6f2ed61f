package sigv4

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

// parseHeaderV2 reads `AWS AKID:signature`.
func parseHeaderV2(r *http.Request, header, rest string) (Auth, error) {
	key, signature, ok := strings.Cut(strings.TrimSpace(rest), ":")
	switch {
	case !ok || signature == "" || strings.ContainsAny(rest, " \t"):
		return Auth{}, s3err.Argument("Authorization", header, "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature")
	case key == "":
		return Auth{}, s3err.AuthorizationHeaderMalformed
	}
	date, err := requestDate(r.Header)
	if err != nil {
		return Auth{}, err
	}
	return Auth{Kind: HeaderV2, AccessKey: key, Signature: signature, Date: date}, nil
}

func parseQueryV2(r *http.Request, now time.Time) (Auth, error) {
	q := r.URL.Query()
	a := Auth{Kind: QueryV2, AccessKey: q.Get("AWSAccessKeyId"), Signature: q.Get("Signature")}
	expires := q.Get("Expires")
	if a.AccessKey == "" || a.Signature == "" || expires == "" {
		return Auth{}, s3err.AccessDenied.With("Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters")
	}
	seconds, err := strconv.ParseInt(expires, 10, 64)
	if err != nil {
		return Auth{}, s3err.AccessDenied.Withf("Invalid date (should be seconds since epoch): %s", expires)
	}
	a.Deadline = time.Unix(seconds, 0).UTC()
	if !now.Before(a.Deadline) {
		return Auth{}, expired(a.Deadline, now)
	}
	return a, nil
}

// verifyV2 tries the forms clients are known to sign: the path as sent or in
// canonical escapes, that of a bucket with or without the slash at its end (botocore
// signs one that it does not send), and `?uploads=` with or without its empty value.
func (a Auth) verifyV2(r *http.Request, secret string) error {
	given, err := base64.StdEncoding.DecodeString(a.Signature)
	if err != nil {
		return a.mismatch("", "")
	}
	first := ""
	for _, path := range a.pathFormsV2(r.URL) {
		for _, keepEmpty := range [...]bool{true, false} {
			s := a.stringToSignV2(r, path, keepEmpty)
			mac := hmac.New(sha1.New, []byte(secret))
			mac.Write([]byte(s))
			if hmac.Equal(mac.Sum(nil), given) {
				return nil
			}
			if first == "" {
				first = s
			}
		}
	}
	return a.mismatch(first, "")
}

func (a Auth) pathFormsV2(u *url.URL) []string {
	forms := pathForms(u)
	if a.HostBucket == "" && len(forms[0]) > 1 && strings.LastIndexByte(forms[0], '/') == 0 {
		for _, form := range forms[:len(forms):len(forms)] {
			forms = append(forms, form+"/")
		}
	}
	return forms
}

// stringToSignV2 is what version 2 signs.
func (a Auth) stringToSignV2(r *http.Request, path string, keepEmpty bool) string {
	date := r.Header.Get("Date")
	switch {
	case a.Kind == QueryV2:
		date = strconv.FormatInt(a.Deadline.Unix(), 10)
	case r.Header.Get("X-Amz-Date") != "":
		date = "" // it is among the amz headers
	}
	h := r.Header
	if a.Kind == QueryV2 {
		h = withQueryHeaders(r)
	}
	var b strings.Builder
	for _, line := range [...]string{r.Method, h.Get("Content-Md5"), h.Get("Content-Type"), date} {
		b.WriteString(line)
		b.WriteByte('\n')
	}
	writeAmzHeaders(&b, h)
	if a.HostBucket != "" {
		b.WriteByte('/')
		b.WriteString(a.HostBucket)
	}
	b.WriteString(path)
	writeSubresources(&b, r.URL.RawQuery, keepEmpty)
	return b.String()
}

// withQueryHeaders are r's headers and those that stand in its query: presigners put
// the headers they sign there. Whoever adds one to a presigned URL, in whatever case,
// changes what was signed. The query has been parsed before: its escapes are right.
func withQueryHeaders(r *http.Request) http.Header {
	h := r.Header.Clone()
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, err1 := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		key := http.CanonicalHeaderKey(name)
		if err1 == nil && err2 == nil && QueryHeader(QueryV2, name) && r.Header[key] == nil {
			h[key] = append(h[key], value)
		}
	}
	return h
}

// QueryHeader tells whether the parameter name of a URL that was presigned in that way
// is a header: x-amz-* of either version, and what version 2 signs besides.
func QueryHeader(kind Kind, name string) bool {
	if len(name) > 6 && strings.EqualFold(name[:6], "x-amz-") {
		return true
	}
	return kind == QueryV2 && (strings.EqualFold(name, "content-type") || strings.EqualFold(name, "content-md5"))
}

func writeAmzHeaders(b *strings.Builder, h http.Header) {
	var names []string
	for name := range h {
		if strings.HasPrefix(name, "X-Amz-") {
			names = append(names, strings.ToLower(name))
		}
	}
	slices.Sort(names)
	for _, name := range names {
		b.WriteString(name)
		b.WriteByte(':')
		for i, v := range h.Values(name) {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(strings.TrimSpace(v))
		}
		b.WriteByte('\n')
	}
}

// signedParameters are the query parameters version 2 signs, sorted.
var signedParameters = []string{
	"accelerate", "acl", "analytics", "cors", "defaultObjectAcl", "delete", "encryption", "inventory",
	"legal-hold", "lifecycle", "location", "logging", "metrics", "notification", "object-lock", "ownershipControls",
	"partNumber", "policy", "policyStatus", "publicAccessBlock", "replication", "requestPayment",
	"response-cache-control", "response-content-disposition", "response-content-encoding",
	"response-content-language", "response-content-type", "response-expires", "restore", "retention",
	"select", "select-type", "storageClass", "tagging", "torrent", "uploadId", "uploads",
	"versionId", "versioning", "versions", "website",
}

// writeSubresources writes `?name=value&…`, both decoded: an escape in a name must not
// take it out of what is signed. With keepEmpty a parameter sent as `name=` keeps its
// equals sign.
func writeSubresources(b *strings.Builder, raw string, keepEmpty bool) {
	var found []string
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, equals := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		if _, ok := slices.BinarySearch(signedParameters, name); !ok {
			continue
		}
		if v, err := url.QueryUnescape(value); err == nil {
			value = v
		}
		if value != "" || equals && keepEmpty {
			name += "=" + value
		}
		found = append(found, name)
	}
	slices.Sort(found)
	for i, p := range found {
		b.WriteByte("?&"[min(i, 1)])
		b.WriteString(p)
	}
}
