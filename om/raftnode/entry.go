package raftnode

import (
	"encoding/binary"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// entryVersion is the first byte of every entry. A node that meets a version it
// does not know stops: skipping would make it diverge.
const entryVersion = 1

// Field numbers of ompb.Request that the leader stamps.
const (
	fieldTime    protowire.Number = 6
	fieldEntropy protowire.Number = 7
)

var errEntry = errors.New("raftnode: malformed entry")

// newEntry starts an entry of n requests.
func newEntry(n, size int) []byte {
	b := make([]byte, 0, size+n*40+8)
	b = append(b, entryVersion)
	return binary.AppendUvarint(b, uint64(n))
}

// appendRequest adds one marshalled request, stamped with time and entropy. The
// stamps are appended as fields of their own: in protobuf the last value of a
// field wins, so whatever a client may have sent there is void, and the request
// need be marshalled only once, by its own goroutine.
func appendRequest(b, req []byte, timeNS int64, entropy []byte) []byte {
	n := len(req) +
		protowire.SizeTag(fieldTime) + protowire.SizeVarint(uint64(timeNS)) +
		protowire.SizeTag(fieldEntropy) + protowire.SizeBytes(len(entropy))
	b = binary.AppendUvarint(b, uint64(n))
	b = append(b, req...)
	b = protowire.AppendTag(b, fieldTime, protowire.VarintType)
	b = protowire.AppendVarint(b, uint64(timeNS))
	b = protowire.AppendTag(b, fieldEntropy, protowire.BytesType)
	return protowire.AppendBytes(b, entropy)
}

// decodeEntry returns the requests of an entry.
func decodeEntry(b []byte) ([]*ompb.Request, error) {
	if len(b) == 0 || b[0] != entryVersion {
		return nil, fmt.Errorf("%w: unknown version", errEntry)
	}
	count, b, err := uvarint(b[1:])
	if err != nil {
		return nil, err
	}
	if count > uint64(len(b)) {
		return nil, fmt.Errorf("%w: %d requests in %d bytes", errEntry, count, len(b))
	}
	reqs := make([]*ompb.Request, 0, count)
	for range count {
		var n uint64
		if n, b, err = uvarint(b); err != nil {
			return nil, err
		}
		if n > uint64(len(b)) {
			return nil, fmt.Errorf("%w: request of %d bytes in %d", errEntry, n, len(b))
		}
		req := new(ompb.Request)
		if err := proto.Unmarshal(b[:n], req); err != nil {
			return nil, fmt.Errorf("%w: %w", errEntry, err)
		}
		reqs, b = append(reqs, req), b[n:]
	}
	if len(b) != 0 {
		return nil, fmt.Errorf("%w: %d bytes too many", errEntry, len(b))
	}
	return reqs, nil
}

func uvarint(b []byte) (uint64, []byte, error) {
	v, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, fmt.Errorf("%w: cut short", errEntry)
	}
	return v, b[n:], nil
}
