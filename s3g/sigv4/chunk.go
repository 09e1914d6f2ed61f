package sigv4

import (
	"crypto/hmac"
	"encoding/hex"
)

// emptySHA256 is the hash of nothing, which every chunk's string to sign has.
const emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// ChunkSigner checks the signatures inside an aws-chunked body. Each covers the
// one before, the first that of the request (the seed). It is a
// payload.Verifier, for one body and one goroutine.
type ChunkSigner struct {
	auth     Auth
	key      []byte
	previous string
}

// ChunkSigner returns the checker of the body of a request that Verify accepted.
func (a Auth) ChunkSigner(secret string) *ChunkSigner {
	return a.ChunkSignerKey(a.Scope.SigningKey(secret))
}

// ChunkSignerKey is ChunkSigner with the derived signing key.
func (a Auth) ChunkSignerKey(key []byte) *ChunkSigner {
	return &ChunkSigner{auth: a, key: key, previous: a.Signature}
}

// Chunk checks one chunk, whose data has the SHA-256 sum.
func (c *ChunkSigner) Chunk(sum []byte, signature string) error {
	return c.check("AWS4-HMAC-SHA256-PAYLOAD", emptySHA256+"\n"+hex.EncodeToString(sum), signature)
}

// Trailer checks the trailer, whose canonical lines have the SHA-256 sum.
func (c *ChunkSigner) Trailer(sum []byte, signature string) error {
	return c.check("AWS4-HMAC-SHA256-TRAILER", hex.EncodeToString(sum), signature)
}

func (c *ChunkSigner) check(kind, hashes, signature string) error {
	s := kind + "\n" + c.auth.Date.Format(longFormat) + "\n" + c.auth.Scope.String() + "\n" + c.previous + "\n" + hashes
	want := hmacSHA256(c.key, s)
	given, err := hex.DecodeString(signature)
	if err != nil || !hmac.Equal(want, given) {
		a := c.auth
		a.Signature = signature
		return a.mismatch(s, "")
	}
	c.previous = hex.EncodeToString(want)
	return nil
}
