// Package state is om's state machine: volumes, buckets, keys, uploads, and which
// blocks, containers and nodes hold their bytes.
//
// Apply executes one request of the raft log on the tables; Read answers one that
// changes nothing. Both are pure: what they know is in the tables and in the request,
// where the leader has stamped time and entropy before the log. Every replica, and every
// replay of the log, computes the same rows and the same responses, for ever. So
// there is no clock here, no randomness, no log line, and nothing that depends on the
// order of a map.
//
// A handler checks everything first and writes afterwards: an error response means
// that nothing changed.
//
// # Blocks
//
// Every block that a committed key or part refers to has a row with the number of its
// owners, and one owner row for each. Keys share blocks after a copy, parts after
// an upload-part-copy. When the last owner goes the block gets a row in the table of
// deleted blocks, named by the raft index, and its own row stays, with no owners, until om
// forgets it (ForgetDeletedBlocks, when the datanodes have confirmed): so nobody can
// take up a block whose bytes are going away. Hence the invariant the tests check:
// owned blocks and deleted rows together are exactly the blocks that were ever
// committed and not yet forgotten.
package state
