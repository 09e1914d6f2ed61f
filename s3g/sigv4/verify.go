package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

// Verify checks the signature of r against secret, in constant time. r.URL must
// be as it came: the escaped path and the raw query are what was signed. Failures
// are SignatureDoesNotMatch, or AccessDenied when headers that change what the
// request means were not signed. The body is not looked at: its hash, or its
// chunks' signatures, are payload's business.
func (a Auth) Verify(r *http.Request, secret string) error {
	switch a.Kind {
	case HeaderV4, QueryV4:
		if a.Asymmetric {
			return s3err.NotImplemented.With("SigV4A signatures are not supported. Please use AWS4-HMAC-SHA256.")
		}
		return a.VerifyKey(r, a.Scope.SigningKey(secret))
	case HeaderV2, QueryV2:
		return a.verifyV2(r, secret)
	}
	return s3err.AccessDenied
}

// VerifyKey is Verify for version 4 with the derived signing key, so the secret
// itself need not be here.
func (a Auth) VerifyKey(r *http.Request, key []byte) error {
	if err := a.checkSigned(r); err != nil {
		return err
	}
	given, err := hex.DecodeString(a.Signature)
	if err != nil {
		return a.mismatch("", "")
	}
	var firstString, firstRequest string
	for _, path := range pathForms(r.URL) {
		request := a.canonicalRequest(r, path)
		s := a.stringToSign(request)
		if hmac.Equal(hmacSHA256(key, s), given) {
			return nil
		}
		if firstString == "" {
			firstString, firstRequest = s, request
		}
	}
	return a.mismatch(firstString, firstRequest)
}

// mismatch is SignatureDoesNotMatch with what we signed, as AWS sends it: it is how
// people find out what their client did wrong, and holds nothing secret. The bytes are
// there for what cannot be seen in a text.
func (a Auth) mismatch(stringToSign, canonicalRequest string) error {
	e := s3err.SignatureDoesNotMatch.
		WithField("AWSAccessKeyId", a.AccessKey).
		WithField("StringToSign", stringToSign).
		WithField("SignatureProvided", a.Signature).
		WithField("StringToSignBytes", spacedHex(stringToSign))
	if canonicalRequest != "" {
		e = e.WithField("CanonicalRequest", canonicalRequest).
			WithField("CanonicalRequestBytes", spacedHex(canonicalRequest))
	}
	return e
}

// spacedHex is "61 62" for "ab".
func spacedHex(s string) string { return fmt.Sprintf("% x", s) }

// checkSigned refuses requests whose host or x-amz-* headers are not covered by
// the signature: whoever holds a presigned URL could add a copy source or tags.
func (a Auth) checkSigned(r *http.Request) error {
	var missing []string
	if !a.signs("host") {
		missing = append(missing, "host")
	}
	for name := range r.Header {
		lower := strings.ToLower(name)
		if !strings.HasPrefix(lower, "x-amz-") || a.signs(lower) {
			continue
		}
		if a.Kind == QueryV4 && lower == "x-amz-content-sha256" && (a.PayloadHash == unsignedPayload || a.PayloadHash == r.Header.Get(name)) {
			continue // makes the body's check stricter, not other
		}
		missing = append(missing, lower)
	}
	if missing == nil {
		return nil
	}
	slices.Sort(missing)
	return s3err.AccessDenied.With("There were headers present in the request which were not signed").
		WithField("HeadersNotSigned", strings.Join(missing, ", "))
}

func (a Auth) signs(lower string) bool {
	return slices.ContainsFunc(a.SignedHeaders, func(s string) bool { return strings.EqualFold(s, lower) })
}

// SigningKey derives the key of the scope from a secret.
func (s Scope) SigningKey(secret string) []byte {
	key := hmacSHA256([]byte("AWS4"+secret), s.Date)
	key = hmacSHA256(key, s.Region)
	key = hmacSHA256(key, s.Service)
	return hmacSHA256(key, terminator)
}

func (a Auth) stringToSign(canonicalRequest string) string {
	sum := sha256.Sum256([]byte(canonicalRequest))
	return algorithm + "\n" + a.Date.Format(longFormat) + "\n" + a.Scope.String() + "\n" + hex.EncodeToString(sum[:])
}

func hmacSHA256(key []byte, data string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(data))
	return mac.Sum(nil)
}
