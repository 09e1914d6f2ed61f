// Package chaos tries to lose data. It runs the real programs as processes, lets clients
// write, overwrite, copy, delete, list and read through S3, and meanwhile kills, freezes,
// stops, wipes and damages the processes by a schedule that a seed decides. Every answer
// is held against a model of what the clients were told; at the end every key is read, the
// listing compared, everything killed at once and read again, and every replica of every
// block is read from its datanode.
//
// # What counts as a failure
//
//   - an acknowledged write that is not there, or not byte for byte; a deleted key that
//     returns; an object that is half old and half new
//   - a listing that does not say what the reads say
//   - a success with another meaning, an error that is not S3's XML, an answer that did
//     not come within a minute
//   - a process that ended by itself, panicked, or reported a data race
//   - at the end, after quiet: a block without all its replicas, a replica with other bytes
//     than om's checksum says, bytes that nothing refers to
//
// A run whose load was too low to prove anything is refused as invalid, whatever it found.
//
// # A request without an answer
//
// It leaves its key in one of two versions, and may even take effect later. The key is then
// left alone for the rest of the run: at the end it must be one of the two, whole, and stay
// what it is.
//
// # Replay
//
// The seed decides what the clients do and what happens to whom; the operating system
// decides the moments. The same seed therefore finds the same kind of trouble, not always
// the same trouble. A failed run keeps its directory: data, logs of the processes, the
// journal of every operation (journal.jsonl) and of every fault (faults.log).
package chaos
