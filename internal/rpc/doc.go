// Package rpc carries calls between the servers: protobuf messages as schema,
// raw bytes beside them, over a framed and multiplexed stream of our own. It is
// the only place that knows how errors, deadlines and request ids cross the wire.
//
// # Stream
//
// Either side begins with a preface of 8 bytes: "MOZR", the version (uint16, now
// 1), a zero byte and the mode: 0 open, 2 secure. A side that reads anything else, or another
// mode than its own, closes the stream. Frames follow, in both directions. All
// integers are big endian.
//
// In mode 2 TLS 1.3 begins right after the prefaces, with a certificate on both sides
// that only who has the cluster's key can make (see Credentials); the server's first
// bytes in it are its preface again, which tells the client that it was taken. Frames
// follow in TLS. Mode 1 was a proof of the key without encryption, and is refused.
//
//	offset size field
//	     0    1 kind: 1 call, 2 reply, 3 cancel, 4 ping, 5 pong
//	     1    1 flags: 1 in a reply: the message is a commonpb.Error
//	     2    1 M, length of the method name (calls only)
//	     3    1 R, length of the request id (calls only)
//	     4    4 time left for the call in milliseconds, 0: no deadline
//	     8    8 call id, chosen by the client, never used twice on a stream
//	    16    4 L, length of the message; at most 4 MiB
//	    20    4 P, length of the payload; at most 8 MiB
//	    24    4 CRC32C of method name, request id and message
//	    28    4 CRC32C of bytes 0..27
//	    32    M method name
//	          R request id
//	          L message, protobuf
//	          P payload, raw; who needs it checked puts a checksum into the message
//
// A time left travels, not an instant: clocks may differ. A call is answered by
// one reply of the same id, unless a cancel of that id came first, when a reply
// may or may not come. A ping is answered by a pong of the same id. Any frame
// that breaks these rules ends the stream: after damage nothing on it can be
// trusted.
//
// # Promises
//
//   - Calls fail in bounded time. A call ends with its ctx; a stream that says
//     nothing, not even a pong, is broken off, and its calls with it.
//   - When a call has returned, the memory given to it (in, buf, req, resp) is no
//     longer touched.
//   - A small call doesn't wait behind a big payload: those have connections of
//     their own.
//   - Memory is bounded on both sides: by the calls in flight, which the server
//     limits, and by the bytes they carry, which it limits too.
//   - A call is sent at most once. Who wants it repeated does that above.
package rpc
