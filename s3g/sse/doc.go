// Package sse encrypts the bytes of objects: server-side encryption as pure
// functions over streams, without HTTP and without a store.
//
// # Keys
//
// Every object has a data key of its own, 32 random bytes, which never leaves the
// gateway in plain. It is kept wrapped: under the customer's key (SSE-C), under a
// cluster key (SSE-S3, Keyring), or by a key management service (SSE-KMS, KMS).
//
//	wrapped = salt(16) ‖ AES-256-GCM(key HKDF(master, salt, "mini-ozone sse wrap 1"),
//	          nonce 0, additional data = kind ‖ 0 ‖ key id, data key)
//
// The wrapping key is used once, so its nonce may be constant.
//
// # Stored bytes
//
// A stream is an object written by one PUT, or one part of an upload. It has a
// random salt of 16 bytes and the key HKDF(data key, salt, "mini-ozone sse stream 1").
// All HKDF are over SHA-256, to 32 bytes. The plain bytes are cut into chunks of
// Chunk bytes, the last of 1 to Chunk bytes; an empty stream has none. Chunk i is
// stored as
//
//	AES-256-GCM(stream key, nonce, chunk)   Overhead bytes longer than the chunk
//	nonce = last(1) ‖ 0 0 0 ‖ i(8, big-endian);  last is 1 for the last chunk, else 0
//
// so that chunks can neither change places nor be left out, at the end neither. A
// stream's salt is never used for other bytes: a part sent again gets a new one.
// Parts lie one behind the other in the order of the object. Which streams make up
// an object, and that it is empty, is said by its entry in om alone.
//
// Objects remember their chunk size, so that Chunk may change.
package sse
