package sse

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
)

const (
	// KeySize is the length in bytes of data keys, cluster keys and customers' keys.
	KeySize = 32
	// SaltSize is the length in bytes of a stream's salt.
	SaltSize = 16

	streamInfo = "mini-ozone sse stream 1"
	wrapInfo   = "mini-ozone sse wrap 1"
)

// ErrWrongKey says that a wrapped key was wrapped under another key, or is damaged.
var ErrWrongKey = errors.New("sse: the key does not unwrap the object's key")

// DataKey is the key of one object. Never log it.
type DataKey [KeySize]byte

// String keeps a key out of logs.
func (DataKey) String() string { return "sse.DataKey" }

// GoString keeps a key out of logs.
func (DataKey) GoString() string { return "sse.DataKey" }

// NewDataKey is a fresh key.
func NewDataKey() DataKey {
	var k DataKey
	_, _ = rand.Read(k[:]) // never fails
	return k
}

// NewSalt is a fresh salt, for one stream.
func NewSalt() []byte {
	salt := make([]byte, SaltSize)
	_, _ = rand.Read(salt)
	return salt
}

// derived is AES-GCM under the key that master, salt and info give.
func derived(master, salt []byte, info string) cipher.AEAD {
	key, err := hkdf.Key(sha256.New, master, salt, info, KeySize)
	if err != nil {
		panic(err) // only for lengths that HKDF can't have
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // only for lengths that AES hasn't
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // only for other ciphers
	}
	return aead
}

// Wrap encrypts a data key under master. kind and keyID go into the seal: Unwrap
// needs the same ones.
func Wrap(master []byte, kind, keyID string, key DataKey) []byte {
	salt := NewSalt()
	aead := derived(master, salt, wrapInfo)
	return aead.Seal(salt, make([]byte, aead.NonceSize()), key[:], wrapContext(kind, keyID))
}

// Unwrap is the inverse of Wrap; ErrWrongKey if master is another one.
func Unwrap(master []byte, kind, keyID string, wrapped []byte) (key DataKey, err error) {
	if len(wrapped) != SaltSize+KeySize+Overhead {
		return key, ErrWrongKey
	}
	aead := derived(master, wrapped[:SaltSize], wrapInfo)
	plain, err := aead.Open(nil, make([]byte, aead.NonceSize()), wrapped[SaltSize:], wrapContext(kind, keyID))
	if err != nil {
		return key, ErrWrongKey
	}
	copy(key[:], plain)
	return key, nil
}

func wrapContext(kind, keyID string) []byte {
	return append(append([]byte(kind), 0), keyID...)
}
