package sse

import (
	"context"
	"errors"
)

// Errors of a KMS. Others mean that it could not be asked.
var (
	ErrKMSKey    = errors.New("sse: the KMS has no such key")
	ErrKMSDenied = errors.New("sse: the KMS refuses")
)

// KMS is a key management service that wraps the data keys of SSE-KMS. Real:
// *Vault. Methods are safe for concurrent use. encryptionContext, "" for none, is
// bound to the wrapped key: Unwrap needs the same.
type KMS interface {
	// Wrap encrypts key under the service's key keyID, "" for the default one; id is
	// the name by which it is told to clients and given to Unwrap.
	Wrap(ctx context.Context, keyID, encryptionContext string, key DataKey) (wrapped []byte, id string, err error)
	Unwrap(ctx context.Context, id, encryptionContext string, wrapped []byte) (DataKey, error)
}
