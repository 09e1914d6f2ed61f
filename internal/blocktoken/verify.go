package blocktoken

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"maps"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// ErrUnknownKey is in the error for a token whose key is not known (yet).
var ErrUnknownKey = errors.New("its key is not known here")

// Keys are those that tokens are checked with. The zero value knows none. Safe for
// concurrent use.
type Keys struct {
	known atomic.Pointer[map[uint64]*key]
}

// Add takes keys in and forgets those that have expired. It tells whether a key is new.
func (k *Keys) Add(list []*dnpb.TokenKey, now time.Time) bool {
	for {
		old := k.known.Load()
		next := map[uint64]*key{}
		if old != nil {
			maps.Copy(next, *old)
		}
		added := false
		for _, t := range list {
			n := newKey(t)
			if next[n.id] == nil && len(n.secret) == KeySize && !n.gone(now) {
				next[n.id], added = n, true
			}
		}
		before := len(next)
		maps.DeleteFunc(next, func(_ uint64, n *key) bool { return n.gone(now) })
		if !added && len(next) == before {
			return false
		}
		if k.known.CompareAndSwap(old, &next) {
			return added
		}
	}
}

// Use is what somebody wants to do.
type Use struct {
	Block *commonpb.BlockID
	// Write: the block is to have Length bytes at the least. Otherwise it is read.
	Write  bool
	Length uint64
	// Container: not a block, but what the container has is asked for.
	Container bool
}

// Verify returns nil when the token is good for the use. The error has the code
// ozerr.BlockTokenRefused; it wraps ErrUnknownKey when the key may only be late.
func (k *Keys) Verify(token []byte, use Use, now time.Time) error {
	t, err := k.open(token)
	if err != nil {
		return err
	}
	switch {
	case now.After(time.Unix(0, t.GetExpiresNs()).Add(Skew)):
		return refused("it expired at %v", time.Unix(0, t.GetExpiresNs()).UTC().Format(time.RFC3339))
	case t.GetBlock().GetContainer() != use.Block.GetContainer(), !covers(t, use):
		return refused("it is for block %d/%d", t.GetBlock().GetContainer(), t.GetBlock().GetLocal())
	case use.Write && !t.GetWrite(), !use.Write && !t.GetRead():
		return refused("it is not for this")
	case use.Write && use.Length > t.GetMaxLength():
		return refused("it is for a block of at most %d bytes, not %d", t.GetMaxLength(), use.Length)
	}
	return nil
}

// covers tells whether the token's block, of the container that is meant, is the use's.
func covers(t *dnpb.BlockToken, use Use) bool {
	local := t.GetBlock().GetLocal()
	switch {
	case use.Container:
		return local == 0
	case use.Write:
		return local == use.Block.GetLocal() && local != 0
	}
	return local == use.Block.GetLocal() || local == 0
}

// open checks who made the token. Nothing in it is believed before, but the name of the key.
func (k *Keys) open(token []byte) (*dnpb.BlockToken, error) {
	switch {
	case len(token) == 0:
		return nil, refused("there is none")
	case len(token) > maxToken || len(token) <= 1+sha256.Size || token[0] != version:
		return nil, refused("it is none that this version knows")
	}
	said, mac := token[:len(token)-sha256.Size], token[len(token)-sha256.Size:]
	var t dnpb.BlockToken
	if proto.Unmarshal(said[1:], &t) != nil {
		return nil, refused("it is damaged")
	}
	var known *key
	if m := k.known.Load(); m != nil {
		known = (*m)[t.GetKey()]
	}
	if known == nil {
		return nil, &ozerr.Error{Code: ozerr.BlockTokenRefused, Message: "block token: " + ErrUnknownKey.Error(), Err: ErrUnknownKey}
	}
	if !hmac.Equal(mac, known.sum(make([]byte, 0, sha256.Size), said)) {
		return nil, refused("it was not made by om, or changed")
	}
	return &t, nil
}

func refused(format string, args ...any) error {
	e := ozerr.New(ozerr.BlockTokenRefused, format, args...)
	e.Message = "block token: " + e.Message
	return e
}
