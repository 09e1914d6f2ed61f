package s3g

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/sse"
)

// Headers of server-side encryption, canonical. sourceHeader stands before those
// that speak of the source of a copy.
const (
	sseHeader       = "X-Amz-Server-Side-Encryption"
	sseKeyIDHeader  = sseHeader + "-Aws-Kms-Key-Id"
	sseContext      = sseHeader + "-Context"
	sseBucketKey    = sseHeader + "-Bucket-Key-Enabled"
	customerPrefix  = "X-Amz-Server-Side-Encryption-Customer-"
	sourcePrefix    = "X-Amz-Copy-Source-Server-Side-Encryption-Customer-"
	algorithmAES    = "AES256"
	algorithmKMS    = "aws:kms"
	algorithmDSSE   = "aws:kms:dsse"
	maxContext      = 8 << 10
	noCustomerHTTPS = "Requests specifying Server Side Encryption with Customer provided keys must be made over a secure connection."
)

// customerKey is the key that a request brings for SSE-C. It must not be logged.
type customerKey struct {
	key []byte
	md5 string // base64, as S3 tells it back
}

// String keeps the key out of logs.
func (*customerKey) String() string { return "customer's key" }

// GoString keeps the key out of logs.
func (*customerKey) GoString() string { return "customer's key" }

// is says whether the key has the MD5 that an object or an upload was made with.
func (c *customerKey) is(md5 string) bool {
	return subtle.ConstantTimeCompare([]byte(c.md5), []byte(md5)) == 1
}

// customerKey reads the three headers of SSE-C, which begin with prefix; nil if
// none of them is there. Codes and words are AWS's.
func (g *gateway) customerKey(r *request, prefix string) (*customerKey, error) {
	algorithm, key, sum := r.Header.Get(prefix+"Algorithm"), r.Header.Get(prefix+"Key"), r.Header.Get(prefix+"Key-Md5")
	bad := func(header, value, why string) error {
		return s3err.Argument(strings.ToLower(prefix)+header, text(value), why)
	}
	switch {
	case algorithm == "" && key == "" && sum == "":
		return nil, nil
	case r.TLS == nil && !g.cfg.CustomerKeysOverHTTP:
		return nil, s3err.InvalidRequest.With(noCustomerHTTPS)
	case algorithm == "":
		return nil, bad("algorithm", "", "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.")
	case algorithm != algorithmAES:
		return nil, s3err.InvalidEncryptionAlgorithmError.With("The Encryption request you specified is not valid. Supported value: AES256.").
			WithField("ArgumentName", strings.ToLower(prefix)+"algorithm").WithField("ArgumentValue", text(algorithm))
	case key == "":
		return nil, bad("key", "", "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key.")
	case sum == "":
		return nil, bad("key-MD5", "", "Requests specifying Server Side Encryption with Customer provided keys must provide the client calculated MD5 of the secret key.")
	}
	raw, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(raw) != sse.KeySize {
		return nil, bad("key", "", "The secret key was invalid for the specified algorithm.")
	}
	digest := md5.Sum(raw)
	c := &customerKey{key: raw, md5: base64.StdEncoding.EncodeToString(digest[:])}
	if !c.is(sum) {
		return nil, bad("key-MD5", sum, "The calculated MD5 hash of the key did not match the hash that was provided.")
	}
	return c, nil
}

// encryptionWish is what a writer's headers ask for.
type encryptionWish struct {
	customer  *customerKey
	algorithm string // AES256, aws:kms; "" with a customer's key, or where nothing is asked
	keyID     string
	context   string // base64 of JSON
	bucketKey bool
}

func (w encryptionWish) empty() bool { return w.customer == nil && w.algorithm == "" }

// asksEncryption says whether a writer's headers name an encryption.
func asksEncryption(h http.Header) bool {
	return h.Get(sseHeader) != "" || h.Get(customerPrefix+"Algorithm") != ""
}

// encryptionWish reads x-amz-server-side-encryption and its like.
func (g *gateway) encryptionWish(r *request) (encryptionWish, error) {
	w := encryptionWish{algorithm: r.Header.Get(sseHeader)}
	var err error
	if w.customer, err = g.customerKey(r, customerPrefix); err != nil {
		return w, err
	}
	switch {
	case w.customer != nil && w.algorithm != "":
		return w, encryptionArgument(w.algorithm, "Server Side Encryption with Customer provided key is incompatible with the encryption method specified")
	case w.algorithm == algorithmDSSE:
		return w, noDualLayer()
	case w.algorithm != "" && w.algorithm != algorithmAES && w.algorithm != algorithmKMS:
		return w, encryptionArgument(text(w.algorithm), "The encryption method specified is not supported")
	case w.algorithm != algorithmKMS && (r.Header.Get(sseKeyIDHeader) != "" || r.Header.Get(sseContext) != ""):
		return w, encryptionArgument(w.algorithm, "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms")
	case w.algorithm != algorithmKMS:
		return w, nil
	}
	w.keyID = r.Header.Get(sseKeyIDHeader)
	w.bucketKey = strings.EqualFold(r.Header.Get(sseBucketKey), "true")
	w.context, err = kmsContext(r.Header)
	return w, err
}

// kmsContext is the encryption context: base64 of a JSON object.
func kmsContext(h http.Header) (string, error) {
	v := h.Get(sseContext)
	raw, err := base64.StdEncoding.DecodeString(v)
	if err != nil || len(v) > maxContext || v != "" && !stringMap(raw) {
		return "", s3err.Argument(strings.ToLower(sseContext), "", "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string holding JSON which represents a string-string map")
	}
	return v, nil
}

func encryptionArgument(value, why string) error {
	return s3err.Argument(strings.ToLower(sseHeader), value, why)
}
