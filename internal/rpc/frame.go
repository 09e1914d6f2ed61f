package rpc

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/crc32c"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// Limits of one frame.
const (
	MaxMessage = 4 << 20 // bytes of a protobuf message
	MaxPayload = 8 << 20 // bytes of a raw payload
)

// protocol is what TLS calls this package's frames.
const protocol = "mini-ozone-rpc/1"

const (
	prefaceLen = 8
	headerLen  = 32
	maxName    = math.MaxUint8 // method name, request id
)

type kind uint8

const (
	kindCall kind = iota + 1
	kindReply
	kindCancel
	kindPing
	kindPong
)

const flagError = 1

// Modes of a stream.
const (
	modeOpen   = 0
	modeKeyed  = 1 // of the first version with a key: proven, but in the clear
	modeSecure = 2
)

// preface opens a stream in both directions.
func preface(mode byte) []byte { return []byte{'M', 'O', 'Z', 'R', 0, 1, 0, mode} }

// header is the fixed part of a frame; see the package comment.
type header struct {
	kind      kind
	flags     uint8
	method    int
	requestID int
	timeLeft  time.Duration // whole milliseconds; 0: none
	call      uint64
	message   int
	payload   int
	bodyCRC   uint32
}

// body is how many bytes lie between header and payload.
func (h *header) body() int { return h.method + h.requestID + h.message }

// put encodes h into the first headerLen bytes of b.
func (h *header) put(b []byte) {
	b[0], b[1] = byte(h.kind), h.flags
	b[2], b[3] = byte(h.method), byte(h.requestID)
	binary.BigEndian.PutUint32(b[4:], millis(h.timeLeft))
	binary.BigEndian.PutUint64(b[8:], h.call)
	binary.BigEndian.PutUint32(b[16:], uint32(h.message))
	binary.BigEndian.PutUint32(b[20:], uint32(h.payload))
	binary.BigEndian.PutUint32(b[24:], h.bodyCRC)
	binary.BigEndian.PutUint32(b[28:], crc32c.Sum(b[:28]))
}

// parseHeader decodes and checks the first headerLen bytes of b.
func parseHeader(b []byte) (header, error) {
	if crc32c.Sum(b[:28]) != binary.BigEndian.Uint32(b[28:]) {
		return header{}, ozerr.New(ozerr.ChecksumMismatch, "frame header is damaged")
	}
	h := header{
		kind: kind(b[0]), flags: b[1], method: int(b[2]), requestID: int(b[3]),
		timeLeft: time.Duration(binary.BigEndian.Uint32(b[4:])) * time.Millisecond,
		call:     binary.BigEndian.Uint64(b[8:]),
		bodyCRC:  binary.BigEndian.Uint32(b[24:]),
	}
	message, payload := binary.BigEndian.Uint32(b[16:]), binary.BigEndian.Uint32(b[20:])
	switch {
	case h.kind < kindCall || h.kind > kindPong:
		return header{}, ozerr.New(ozerr.InvalidRequest, "frame of unknown kind %d", b[0])
	case message > MaxMessage || payload > MaxPayload:
		return header{}, ozerr.New(ozerr.InvalidRequest, "frame too large: message %d, payload %d", message, payload)
	case h.kind > kindReply && message+payload > 0:
		return header{}, ozerr.New(ozerr.InvalidRequest, "frame of kind %d with content", b[0])
	case h.kind != kindCall && h.method+h.requestID > 0:
		return header{}, ozerr.New(ozerr.InvalidRequest, "frame of kind %d with a name", b[0])
	}
	h.message, h.payload = int(message), int(payload)
	return h, nil
}

// millis rounds d up to milliseconds, so that a deadline never turns into none.
func millis(d time.Duration) uint32 {
	if d <= 0 {
		return 0
	}
	return uint32(min((d+time.Millisecond-1)/time.Millisecond, math.MaxUint32))
}
