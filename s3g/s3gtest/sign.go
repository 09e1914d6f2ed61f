package s3gtest

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Signer makes the signatures AWS documents ("Authenticating Requests"), from its
// own reading of them: it shares no code with the gateway's s3g/sigv4.
type Signer struct {
	AccessKey, Secret string
	Region            string // us-east-1 if empty
	Service           string // s3 if empty
	Time              time.Time
}

const (
	amzLong      = "20060102T150405Z"
	amzShort     = "20060102"
	unsignedBody = "UNSIGNED-PAYLOAD"
	streamSigned = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	streamTrail  = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	streamPlain  = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
)

func (s Signer) now() time.Time {
	if s.Time.IsZero() {
		return time.Now().UTC()
	}
	return s.Time.UTC()
}

func (s Signer) scope() string {
	region, service := s.Region, s.Service
	if region == "" {
		region = "us-east-1"
	}
	if service == "" {
		service = "s3"
	}
	return s.now().Format(amzShort) + "/" + region + "/" + service + "/aws4_request"
}

// key derives the signing key of the scope.
func (s Signer) key() []byte {
	k := []byte("AWS4" + s.Secret)
	for part := range strings.SplitSeq(s.scope(), "/") {
		k = hmac256(k, part)
	}
	return k
}

// Header signs req with version 4 in the Authorization header; hash is what
// x-amz-content-sha256 says. It returns the signature, the seed of chunks.
func (s Signer) Header(req *http.Request, hash string) string {
	s.Time = s.now() // one moment for all of it
	if req.Header.Get("X-Amz-Date") == "" && req.Header.Get("Date") == "" {
		req.Header.Set("X-Amz-Date", s.now().Format(amzLong))
	}
	if req.Header.Get("X-Amz-Content-Sha256") == "" {
		req.Header.Set("X-Amz-Content-Sha256", hash)
	}
	names := signedNames(req.Header)
	signature := s.sign(canonical(req, names, hash))
	req.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
		s.AccessKey, s.scope(), strings.Join(names, ";"), signature))
	return signature
}

// Presign signs req with version 4 in its query, for seconds. The headers it has
// are signed with it and must be sent.
func (s Signer) Presign(req *http.Request, seconds string) { s.PresignBody(req, seconds, unsignedBody) }

// PresignBody is Presign for one body, with that hash, which the query says already.
func (s Signer) PresignBody(req *http.Request, seconds, hash string) {
	s.Time = s.now() // one moment for all of it
	names := signedNames(req.Header)
	q := url.Values{
		"X-Amz-Algorithm":     {"AWS4-HMAC-SHA256"},
		"X-Amz-Credential":    {s.AccessKey + "/" + s.scope()},
		"X-Amz-Date":          {s.now().Format(amzLong)},
		"X-Amz-Expires":       {seconds},
		"X-Amz-SignedHeaders": {strings.Join(names, ";")},
	}
	addQuery(req, q.Encode())
	addQuery(req, "X-Amz-Signature="+s.sign(canonical(req, names, hash)))
}

// V2 signs req with version 2 in the Authorization header.
func (s Signer) V2(req *http.Request) {
	s.Time = s.now() // one moment for all of it
	if req.Header.Get("Date") == "" && req.Header.Get("X-Amz-Date") == "" {
		req.Header.Set("Date", s.now().Format(http.TimeFormat))
	}
	date := req.Header.Get("Date")
	if req.Header.Get("X-Amz-Date") != "" {
		date = ""
	}
	req.Header.Set("Authorization", "AWS "+s.AccessKey+":"+s.v2(req, date))
}

// PresignV2 signs req with version 2 in its query, until then.
func (s Signer) PresignV2(req *http.Request, until time.Time) {
	expires := fmt.Sprint(until.Unix())
	signature := s.v2(req, expires)
	addQuery(req, url.Values{"AWSAccessKeyId": {s.AccessKey}, "Expires": {expires}, "Signature": {signature}}.Encode())
}

// v2 is the signature of version 2 over method, digests, date, headers, resource.
func (s Signer) v2(req *http.Request, date string) string {
	var names []string
	for name := range req.Header {
		if strings.HasPrefix(name, "X-Amz-") {
			names = append(names, strings.ToLower(name))
		}
	}
	slices.Sort(names)
	text := req.Method + "\n" + req.Header.Get("Content-Md5") + "\n" + req.Header.Get("Content-Type") + "\n" + date + "\n"
	for _, name := range names {
		text += name + ":" + strings.Join(req.Header.Values(name), ",") + "\n"
	}
	text += req.URL.EscapedPath() + v2Resource(req.URL)
	mac := hmac.New(sha1.New, []byte(s.Secret))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// v2Signed are the query parameters that version 2 signs (AWS, "Signing and
// Authenticating REST Requests", and what came later, as botocore has it).
var v2Signed = []string{"accelerate", "acl", "analytics", "cors", "inventory", "metrics", "replication", "delete", "encryption", "legal-hold", "lifecycle", "location", "logging", "notification", "object-lock",
	"partNumber", "policy", "policyStatus", "publicAccessBlock", "ownershipControls", "requestPayment", "response-cache-control",
	"response-content-disposition", "response-content-encoding", "response-content-language", "response-content-type", "response-expires",
	"restore", "retention", "select", "select-type", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning", "versions", "website"}

func v2Resource(u *url.URL) string {
	q := u.Query()
	var parts []string
	for _, name := range v2Signed {
		if values, ok := q[name]; ok {
			if values[0] == "" {
				parts = append(parts, name)
			} else {
				parts = append(parts, name+"="+values[0])
			}
		}
	}
	if len(parts) == 0 {
		return ""
	}
	slices.Sort(parts)
	return "?" + strings.Join(parts, "&")
}

// Chunks is body in aws-chunked form, in chunks of size bytes, each signed onto
// the one before; trailer is "name:value" or "". signed is false for
// STREAMING-UNSIGNED-PAYLOAD-TRAILER.
func (s Signer) Chunks(seed, body string, size int, trailer string, signed bool) string {
	var b strings.Builder
	previous := seed
	chunk := func(data string) {
		if !signed {
			fmt.Fprintf(&b, "%x\r\n", len(data))
			return
		}
		previous = hexOf(hmac256(s.key(), "AWS4-HMAC-SHA256-PAYLOAD\n"+s.now().Format(amzLong)+"\n"+s.scope()+"\n"+previous+"\n"+hashOf("")+"\n"+hashOf(data)))
		fmt.Fprintf(&b, "%x;chunk-signature=%s\r\n", len(data), previous)
	}
	for rest := body; rest != ""; {
		n := min(size, len(rest))
		chunk(rest[:n])
		b.WriteString(rest[:n] + "\r\n")
		rest = rest[n:]
	}
	chunk("")
	if trailer != "" {
		b.WriteString(trailer + "\r\n")
		if signed {
			mac := hmac256(s.key(), "AWS4-HMAC-SHA256-TRAILER\n"+s.now().Format(amzLong)+"\n"+s.scope()+"\n"+previous+"\n"+hashOf(trailer+"\n"))
			b.WriteString("x-amz-trailer-signature:" + hexOf(mac) + "\r\n")
		}
	}
	return b.String() + "\r\n"
}

// Form is the fields that sign a POST policy with version 4.
func (s Signer) Form(policy string) map[string]string {
	s.Time = s.now() // one moment for all of it
	return map[string]string{
		"policy":           policy,
		"x-amz-algorithm":  "AWS4-HMAC-SHA256",
		"x-amz-credential": s.AccessKey + "/" + s.scope(),
		"x-amz-date":       s.now().Format(amzLong),
		"x-amz-signature":  hexOf(hmac256(s.key(), policy)),
	}
}

// FormV2 is the fields that sign a POST policy with version 2.
func (s Signer) FormV2(policy string) map[string]string {
	mac := hmac.New(sha1.New, []byte(s.Secret))
	mac.Write([]byte(policy))
	return map[string]string{"policy": policy, "AWSAccessKeyId": s.AccessKey, "signature": base64.StdEncoding.EncodeToString(mac.Sum(nil))}
}

func (s Signer) sign(canonicalRequest string) string {
	return hexOf(hmac256(s.key(), "AWS4-HMAC-SHA256\n"+s.now().Format(amzLong)+"\n"+s.scope()+"\n"+hashOf(canonicalRequest)))
}

// signedNames are host and every header that version 4 wants signed, sorted.
func signedNames(h http.Header) []string {
	names := []string{"host"}
	for name := range h {
		if low := strings.ToLower(name); strings.HasPrefix(low, "x-amz-") || low == "content-type" || low == "content-md5" || low == "date" {
			names = append(names, low)
		}
	}
	slices.Sort(names)
	return names
}

// canonical is AWS's canonical request.
func canonical(req *http.Request, names []string, hash string) string {
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	var headers string
	for _, name := range names {
		value := host
		if name != "host" {
			values := slices.Clone(req.Header.Values(name))
			for i, v := range values {
				values[i] = strings.Join(strings.Fields(v), " ")
			}
			value = strings.Join(values, ",")
		}
		headers += name + ":" + value + "\n"
	}
	path := req.URL.EscapedPath()
	switch {
	case req.URL.Opaque != "": // as it will be sent
		path = req.URL.Opaque
	case path == "":
		path = "/"
	}
	return req.Method + "\n" + path + "\n" + canonicalQuery(req.URL.RawQuery) + "\n" + headers + "\n" + strings.Join(names, ";") + "\n" + hash
}

func canonicalQuery(raw string) string {
	var pairs []string
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, _ = url.QueryUnescape(name)
		value, _ = url.QueryUnescape(value)
		pairs = append(pairs, escapeAll(name)+"="+escapeAll(value))
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

func addQuery(req *http.Request, more string) {
	if req.URL.RawQuery != "" {
		more = req.URL.RawQuery + "&" + more
	}
	req.URL.RawQuery = more
}

// escapeAll escapes all but AWS's unreserved characters.
func escapeAll(s string) string { return strings.ReplaceAll(escapeKey(s), "/", "%2F") }

func hmac256(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }

func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hexOf(sum[:])
}

// SHA256 is the digest of s, in hexadecimal.
func SHA256(s string) string { return hashOf(s) }

// CRC32 is the checksum of s as S3 writes it.
func CRC32(s string) string { return crc32Of(s) }
