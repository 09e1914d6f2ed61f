package table

import (
	"bytes"
	"encoding/binary"

	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// The tables; the package comment is their specification.
var (
	Volumes    = Rows[ompb.VolumeInfo, *ompb.VolumeInfo]{'v'}
	Buckets    = Rows[ompb.BucketInfo, *ompb.BucketInfo]{'b'}
	S3Names    = Raw{'s'}
	Uploads    = Rows[ompb.UploadInfo, *ompb.UploadInfo]{'u'}
	Completed  = Rows[ompb.UploadInfo, *ompb.UploadInfo]{'U'}
	CompleteAt = Raw{'T'}
	Parts      = Rows[ompb.PartInfo, *ompb.PartInfo]{'p'}
	Blocks     = Raw{'B'}
	Owners     = Raw{'O'}
	Deleted    = Rows[ompb.DeletedBlock, *ompb.DeletedBlock]{'D'}
	Containers = Rows[ompb.ContainerInfo, *ompb.ContainerInfo]{'C'}
	Nodes      = Rows[ompb.NodeInfo, *ompb.NodeInfo]{'N'}
	IDs        = Raw{'I'}
	Results    = Rows[ompb.Response, *ompb.Response]{'R'}
	Sessions   = Raw{'S'}
	Cluster    = Raw{'L'}
	Extra      = Raw{'X'}
	TokenKeys  = Rows[ompb.SetTokenKeys, *ompb.SetTokenKeys]{'t'}
	Documents  = Rows[ompb.BucketDocument, *ompb.BucketDocument]{'g'}
	Users      = Rows[ompb.UserInfo, *ompb.UserInfo]{'a'}
	UserNames  = Raw{'e'}
	Places     = Raw{'z'}
	Events     = Rows[ompb.EventInfo, *ompb.EventInfo]{'E'}
)

// UploadIDSize is the bytes of an upload id: initiated_ns u64, then 16 of entropy, so
// that ids of one key sort by initiation.
const UploadIDSize = 24

// U64 is a key of one integer.
func U64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// BucketKey names a bucket row. Neither name may hold 0x00.
func BucketKey(volume, bucket string) []byte {
	return append(append([]byte(volume), 0), bucket...)
}

// ObjectKey names a key row, and its owner rows after 'K'.
func ObjectKey(bucket uint64, key string) []byte {
	b := make([]byte, 0, 8+len(key))
	return append(binary.BigEndian.AppendUint64(b, bucket), key...)
}

// VersionsKey is the prefix of the version rows of a key.
func VersionsKey(bucket uint64, key string) []byte {
	b := make([]byte, 0, 8+len(key)+2+positionSize)
	return AppendEscaped(binary.BigEndian.AppendUint64(b, bucket), key)
}

// VersionKey names the version row of the version written as (generation, ordinal): the
// newest comes first.
func VersionKey(bucket uint64, key string, generation uint64, ordinal uint32) []byte {
	b := binary.BigEndian.AppendUint64(VersionsKey(bucket, key), ^generation)
	return binary.BigEndian.AppendUint32(b, ^ordinal)
}

// positionSize is the bytes of a generation and an ordinal.
const positionSize = 12

func objectName(row []byte) string { return string(row[8:]) }

func versionName(row []byte) string { return Unescape(row[8 : len(row)-positionSize]) }

// UploadKey names an upload row; upload may be empty for the prefix of a key's uploads.
func UploadKey(bucket uint64, key string, upload []byte) []byte {
	b := make([]byte, 0, 8+len(key)+2+len(upload))
	return append(AppendEscaped(binary.BigEndian.AppendUint64(b, bucket), key), upload...)
}

// PartKey names a part row; its owner rows have it after 'P'.
func PartKey(upload []byte, number uint32) []byte {
	b := make([]byte, 0, len(upload)+4)
	return binary.BigEndian.AppendUint32(append(b, upload...), number)
}

// BlockKey names a block row, and prefixes its owner rows.
func BlockKey(container, local uint64) []byte {
	b := make([]byte, 0, 16)
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, container), local)
}

// DocumentKey names a document of a bucket.
func DocumentKey(bucket uint64, kind string) []byte { return ObjectKey(bucket, kind) }

// EventsKey is the prefix of the events of a target.
func EventsKey(target string) []byte {
	b := make([]byte, 0, len(target)+2+12)
	return AppendEscaped(b, target)
}

// EventKey names an event.
func EventKey(target string, index uint64, ordinal uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(EventsKey(target), index), ordinal)
}

// DeletedKey names a deleted row.
func DeletedKey(index uint64, ordinal uint32) []byte {
	b := make([]byte, 0, 12)
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(b, index), ordinal)
}

// ResultKey names a result row.
func ResultKey(client string, sequence uint64) []byte {
	return binary.BigEndian.AppendUint64(AppendEscaped(nil, client), sequence)
}

// AppendEscaped appends esc(s), see the package comment.
func AppendEscaped(b []byte, s string) []byte {
	b = AppendEscapedPrefix(b, s)
	return append(b, 0, 1)
}

// AppendEscapedPrefix is AppendEscaped without the end: a prefix of all esc(s…).
func AppendEscapedPrefix(b []byte, s string) []byte {
	for i := range len(s) {
		b = append(b, s[i])
		if s[i] == 0 {
			b = append(b, 0xFF)
		}
	}
	return b
}

// Unescape is s of esc(s).
func Unescape(b []byte) string {
	return string(bytes.ReplaceAll(b[:len(b)-2], []byte{0, 0xFF}, []byte{0}))
}

// After returns the smallest key above every key with this prefix, nil if there is none.
func After(prefix []byte) []byte {
	for n := len(prefix); n > 0; n-- {
		if prefix[n-1] != 0xFF {
			b := append([]byte(nil), prefix[:n]...)
			b[n-1]++
			return b
		}
	}
	return nil
}
