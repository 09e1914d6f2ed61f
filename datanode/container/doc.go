// Package container keeps blocks on disks: a Set of containers, each an append-only
// log (format: package chunk) with an index in memory. What is promised, and what was
// rejected, is in DESIGN.md.
//
// # Files
//
// Under each volume directory, with the container id as 16 hex digits:
//
//	containers/ID.log  the log
//	containers/ID.idx  checkpoint of the index; written at close and at a clean stop
//	containers/ID.bad  the reason why the container is unhealthy, as text
//	containers/ID.gone empty: the container was removed, or closed before it was here
//	containers/ID.quar blocks in quarantine
//	containers/ID.new  a log that is being put together; removed at start
//	containers/ID.aside a log that gave way to a better one on another disk
//
// Checkpoint, version 1, little-endian:
//
//	 0  magic      8  "mOzIndx\n"
//	 8  version    4  1
//	12  crc        4  CRC32C of bytes 16 to the end
//	16  container  8
//	24  salt       8  of the log it belongs to
//	32  covered    8  bytes of the log that it speaks for, all of them durable
//	40  state      4  1 open, 3 closed (dnpb.ContainerState)
//	44  zeros      4
//	48  rows      24  each: local 8, place 8, length 4, crc 4; in order of local
//
// Quarantine, version 1, little-endian:
//
//	 0  magic      8  "mOzQuar\n"
//	 8  version    4  1
//	12  crc        4  CRC32C of bytes 16 to the end
//	16  container  8
//	24  rows      16  each: local 8, since 8 (Unix seconds); in order of local
//
// In the checkpoint, place is the offset in the log of the Whole (with bit 0 set) or Commit record that
// completed the block; 0 marks a deleted block, remembered so that a late write can't
// bring it back.
package container
