// Package table is om's metadata on disk: typed rows in badger, with a durability
// scheme of its own on top. It knows how rows are named and when they are safe; what
// they mean is package state's business.
//
// # Rows
//
// A row's key starts with one byte that names its table. Integers in keys are
// big-endian, so byte order is numeric order. `esc(s)` is s with every 0x00
// written 0x00 0xFF, then 0x00 0x01: it keeps byte order when more follows.
//
//	table       key                                        value
//	'v' volume  volume                                     VolumeInfo
//	'b' bucket  volume 0x00 bucket                         BucketInfo
//	's' s3name  bucket                                     volume name
//	'k' key     bucket u64, raw key bytes                  key row (below) of the current version
//	'w' versn   bucket u64, esc(key), ^gen u64, ^ord u32   key row of a version behind it, or a marker
//	'z' places  bucket u64, raw key bytes                  where in 'w', each gen u64, ord u32: the null version, the newest
//	'y' body    index u64, ordinal u32, chunk u32          KeyInfo with some blocks and parts
//	'u' upload  bucket u64, esc(key), upload 24 B          UploadInfo, still open
//	'U' done    bucket u64, esc(key), upload 24 B          UploadInfo, completed
//	'T' doneAt  completed_ns u64, then the key of 'U'      empty
//	'p' part    upload 24 B, number u32                    PartInfo
//	'B' block   container u64, local u64                   refs u32, stored length u64, crc32c u32 (absent in old rows)
//	'O' owner   container u64, local u64, owner            empty
//	'D' deleted index u64, ordinal u32                     DeletedBlock
//	'C' contnr  container u64                              ContainerInfo
//	'N' node    node id                                    NodeInfo, hard fields
//	'I' ids     kind                                       next id u64
//	'R' result  esc(client), sequence u64                  Response, without names the request has
//	'S' session client                                     low u64, last_ns u64
//	'L' cluster (nothing)                                  cluster id
//	'X' extra   name                                       bytes of the server around (raft's configuration)
//	't' tokens  "token-keys"                               SetTokenKeys
//	'g' documnt bucket u64, kind                           BucketDocument
//	'a' user    name                                       UserInfo
//	'e' userOf  "i" canonical id, or "m" e-mail            name
//	'E' event   esc(target), index u64, ordinal u32        EventInfo
//	'M' applied (nothing)                                  index u64, term u64
//
// Every value starts with the format byte 0x01, so that no value is empty and every
// kind of row can change. An owner is 'K', bucket u64, raw key bytes for the null
// version of a key; 'V', the same, generation u64, ordinal u32 for another version; or
// 'P', upload 24 B, number u32. A block row with refs 0 stays until the datanodes have deleted
// the block and its 'D' row is forgotten: nothing can take it up again meanwhile.
//
// A key row is 0x01, uvarint n, n bytes of KeyInfo with what a listing shows, uvarint
// c, and, if c > 0, index u64 and ordinal u32 of c body rows; the rest is KeyInfo with
// everything else. The pieces of one message concatenated are the message (a property
// of protobuf), so a listing decodes n bytes and a read decodes all. Objects of more
// than InlinePieces blocks and parts have them in body rows of BodyPieces each: no row
// grows with its object, and none comes near badger's value log threshold (1 MiB).
//
// (generation, ordinal) is the place of a version in time: the index of the entry that
// wrote it, and an ordinal of that entry. The newest version of a key is in 'k' unless it
// is a delete marker; then the key has no 'k' row. So a bucket that never had versions
// has 'k' rows only, and a listing of keys reads nothing else. A version that moves
// between 'k' and 'w' keeps its value, and its body and owner rows. 'z' finds two rows of
// 'w' at once: that of the null version, of which a key has at most one, if it is there; and
// that of the newest version, if it is a delete marker (with a 'k' row this part means
// nothing). What leads to no row is none.
//
// # Time and durability
//
// badger runs in managed mode; the commit timestamp is the raft index of the last
// entry of the batch. Commits are not synced. Barrier fsyncs what they left in
// the page cache and then, and only then, moves the durable marker, a small checksummed
// file MARKER. Open always goes back to the marker: rows with higher timestamps are
// still in the files, whole or in part, and invisible; the raft log is replayed over
// them. DESIGN.md says why this is right. Versions older than the marker are dropped
// by compaction, except those an open View still needs.
package table
