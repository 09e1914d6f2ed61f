// Package blocktoken makes and checks block tokens: in secure mode om gives them to who
// may read or write a block, and datanodes do nothing for who shows none.
//
// A token is
//
//	byte   version, 1
//	       dnpb.BlockToken, protobuf
//	[32]   HMAC-SHA256 of all that is before, with the key that the message names
//
// om makes the keys and gives them to datanodes with the replies to their heartbeats. What
// a token is good for is in dnpb.BlockToken: one block (or the whole of a container, for
// reading only), reading or writing, how long the block may get, until when, and on whose
// behalf it was given.
package blocktoken

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

const (
	// KeySize is the size of a key in bytes.
	KeySize = 32
	// Skew is how far the clocks of om and a datanode may differ.
	Skew = time.Minute

	version  = 1
	maxToken = 1 << 10
)

// key is a key with the HMACs that are at hand for it.
type key struct {
	id      uint64
	secret  []byte
	expires time.Time
	macs    sync.Pool // hash.Hash
}

func newKey(k *dnpb.TokenKey) *key {
	n := &key{id: k.GetId(), secret: k.GetSecret(), expires: time.Unix(0, k.GetExpiresNs())}
	n.macs.New = func() any { return hmac.New(sha256.New, n.secret) }
	return n
}

// gone tells whether no token of the key is good any more.
func (k *key) gone(now time.Time) bool { return now.After(k.expires.Add(Skew)) }

// sum appends the HMAC of b to out.
func (k *key) sum(out, b []byte) []byte {
	mac := k.macs.Get().(hash.Hash)
	defer k.macs.Put(mac)
	mac.Reset()
	mac.Write(b)
	return mac.Sum(out)
}

// Minter makes tokens with one key. Safe for concurrent use.
type Minter struct{ key *key }

// NewMinter returns a Minter with the key k.
func NewMinter(k *dnpb.TokenKey) *Minter { return &Minter{newKey(k)} }

// Read is a token to read a block, or with local 0 every block of a container, until
// expires.
func (m *Minter) Read(id *commonpb.BlockID, user string, expires time.Time) []byte {
	return m.mint(&dnpb.BlockToken{Block: id, Read: true, User: user}, expires)
}

// Write is a token to write a block of at most length bytes until expires.
func (m *Minter) Write(id *commonpb.BlockID, length uint64, user string, expires time.Time) []byte {
	return m.mint(&dnpb.BlockToken{Block: id, Write: true, MaxLength: length, User: user}, expires)
}

// mint signs t. No token outlives its key.
func (m *Minter) mint(t *dnpb.BlockToken, expires time.Time) []byte {
	if m.key.expires.Before(expires) {
		expires = m.key.expires
	}
	t.Key, t.ExpiresNs = m.key.id, expires.UnixNano()
	out := make([]byte, 1, 1+proto.Size(t)+sha256.Size)
	out[0] = version
	out, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(out, t)
	if err != nil {
		return nil // a user name that is not UTF-8: no datanode takes it
	}
	return m.key.sum(out, out)
}
