package rpc

import (
	"bytes"
	"io"
	"net"
	"reflect"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/proto/commonpb"
)

func TestHeaderRoundTrip(t *testing.T) {
	for _, h := range []header{
		{kind: kindCall, method: 9, requestID: 255, timeLeft: 1500 * time.Millisecond, call: 1 << 60, message: MaxMessage, payload: MaxPayload, bodyCRC: 42},
		{kind: kindReply, flags: flagError, call: 3, message: 7},
		{kind: kindPing},
	} {
		var b [headerLen]byte
		h.put(b[:])
		got, err := parseHeader(b[:])
		if err != nil || !reflect.DeepEqual(got, h) {
			t.Fatalf("got %+v, %v, want %+v", got, err, h)
		}
		for i := range b {
			damaged := b
			damaged[i] ^= 0x10
			if _, err := parseHeader(damaged[:]); err == nil {
				t.Fatalf("damage of byte %d went unnoticed", i)
			}
		}
	}
}

func TestHeaderLimits(t *testing.T) {
	for name, h := range map[string]header{
		"no kind":           {},
		"unknown kind":      {kind: 6},
		"message too long":  {kind: kindCall, message: MaxMessage + 1},
		"payload too long":  {kind: kindReply, payload: MaxPayload + 1},
		"ping with content": {kind: kindPing, message: 1},
		"named reply":       {kind: kindReply, method: 1},
	} {
		var b [headerLen]byte
		h.put(b[:])
		if _, err := parseHeader(b[:]); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// stream is a connection that only reads given bytes.
type stream struct {
	net.Conn
	io.Reader
}

func (s stream) Read(p []byte) (int, error) { return s.Reader.Read(p) }

// FuzzFrames feeds any bytes to the frame reader: it neither panics nor allocates
// beyond the limits, and what it accepts encodes to the same bytes.
func FuzzFrames(f *testing.F) {
	var p pool
	l := newLink(stream{}, &p)
	var all []byte
	for _, h := range []header{{kind: kindCall, call: 1, timeLeft: time.Second}, {kind: kindReply, call: 1}, {kind: kindReply, flags: flagError, call: 2}} {
		method := ""
		if h.kind == kindCall {
			method = "dn.Write"
		}
		head, err := l.encode(h, method, "", &commonpb.Error{Code: "X"}, 3)
		if err != nil {
			f.Fatal(err)
		}
		frame := append(bytes.Clone(head.b), "abc"...)
		f.Add(frame)
		all = append(all, frame...)
	}
	for _, k := range []kind{kindCancel, kindPing, kindPong} {
		head, _ := l.encode(header{kind: k, call: 9}, "", "", nil, 0)
		all = append(all, head.b...)
	}
	f.Add(all)
	f.Add(all[:len(all)-1])
	f.Fuzz(func(t *testing.T, data []byte) {
		var p pool
		l := newLink(stream{Reader: bytes.NewReader(data)}, &p)
		used := 0
		for {
			fr, err := l.next()
			if err != nil {
				return
			}
			var b [headerLen]byte
			fr.header.put(b[:])
			if !bytes.Equal(b[:], data[used:used+headerLen]) {
				t.Fatalf("header encodes to %x, came as %x", b, data[used:used+headerLen])
			}
			if got := len(fr.methodName()) + len(fr.requestIDOf()) + len(fr.messageBytes()); got != fr.body() {
				t.Fatalf("content of %d bytes, not %d", got, fr.body())
			}
			fr.content.free()
			if l.skip(fr.header.payload) != nil {
				return
			}
			used += headerLen + fr.body() + fr.header.payload
		}
	})
}
