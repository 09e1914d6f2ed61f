// Package chunk is the on-disk format of a container log, version 1: what its
// bytes mean, how to write them, and how to find again what is in a log that a
// crash or a bad disk has damaged. All numbers are little-endian; every checksum is
// CRC32C.
//
// # File
//
// A log is a 4096 byte file header followed by records, each starting at a multiple
// of 8. The file header holds the same 64 bytes at offsets 0 and 2048; one good copy
// is enough. It is synced before the first record is written.
//
//	 0  magic      8  "mOzCont\n"
//	 8  version    4  1
//	12  crc        4  of bytes 16 to 64
//	16  container  8  id
//	24  salt       8  random, never shown to clients
//	32  unit       4  262144, bytes under one checksum
//	36  state      4  0, or 3: closed from the beginning (dnpb.ContainerState)
//	40  born       8  Unix ms at which a repair or a compaction made the log; else 0
//	48  zeros     16
//
// # Record
//
//	 0  magic         4  "mOzR"
//	 4  crc           4  of salt (8), file offset of the record (8), bytes 8 to 64
//	 8  type          1  see below
//	 9  zeros         3
//	12  table length  4  at most 1 MiB
//	16  local         8  block
//	24  block offset  8  where in the block the payload belongs
//	32  payload len   4  at most 4 MiB
//	36  payload crc   4
//	40  durable       8  so many bytes of the log were synced when this was written
//	48  block length  8
//	56  block crc     4
//	60  table crc     4
//	64  table, payload, zeros up to a multiple of 8 (these may be missing at the end)
//
// Salt and offset are part of the checksum, so bytes that a user stored, even a
// copy of a log, never pass for a record.
//
// Types:
//
//	1 data    payload is a chunk of the block at block offset; the table holds the
//	          crc of each unit of it. Says nothing about the block being complete.
//	2 whole   payload is the whole block, committed; the table as in data.
//	3 commit  the block is complete: the table holds the crc of each of its units and
//	          then where its bytes are: (file offset 8, length 4) pieces in order.
//	4 delete  the table holds local ids (8 each) that are deleted for ever.
//	5 mark    nothing but `durable`; written when the log falls silent.
//
// Of several whole or commit records for a block the last one counts: a repair has
// replaced bytes that had gone bad. After a delete no other record of a block counts,
// wherever it is.
//
// A log with a time of birth was put together under another name and got its own when
// it was complete and durable: it holds a mark, and what it took the place of is gone
// or, on another disk, older.
//
// A unit is 256 KiB of a block, counted from the block's start; only the last unit of
// a block is shorter. Every chunk but the last of a block is therefore a multiple of
// the unit.
//
// # Finding the end
//
// One appender writes in order, and an acknowledgement follows a sync of everything
// before it. So no record was acknowledged after the largest `durable` D of the
// records that survive unless all its group is whole, and below D every byte was once
// on the disk. Scan therefore goes from record to record by their headers and, where
// a header is not valid, searches on for the next valid one. Damage below D is
// corruption: the log is not touched, what can be read is kept. From D on payloads are
// checked too, and the log is cut at the first thing that is not whole: it was being
// written when the power went.
package chunk
