package state

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/mini-ozone/mini-ozone/om/table"
)

// Hash is a digest of all rows of the state machine, for comparing replicas at one
// index. It reads everything.
func Hash(tx *table.Txn) [32]byte {
	h := sha256.New()
	var frame []byte
	tx.All(func(key, value []byte) bool {
		frame = binary.AppendUvarint(frame[:0], uint64(len(key)))
		frame = binary.AppendUvarint(append(frame, key...), uint64(len(value)))
		h.Write(append(frame, value...))
		return true
	})
	return [32]byte(h.Sum(nil))
}
