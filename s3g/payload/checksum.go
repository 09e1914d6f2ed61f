package payload

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"hash/crc32"
	"strings"
	"sync"

	"github.com/minio/crc64nvme"
)

// algorithm is one way of hashing a body. Hashes are pooled: a small PUT costs
// little more than its hashing, and a new MD5 is not free beside 4 KiB of it.
type algorithm struct {
	name   string // as in <ChecksumAlgorithm>; "MD5" for the ETag
	header string // canonical x-amz-checksum-* name
	size   int    // bytes
	slow   bool   // worth a goroutine of its own on large bodies
	pool   *sync.Pool
}

// The hashes of S3. contentSHA256 is the hash of x-amz-content-sha256, which may
// be wanted beside a SHA256 checksum.
var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)

	md5sum    = newAlgorithm("MD5", "", md5.Size, true, md5.New)
	checksums = []*algorithm{
		newAlgorithm("CRC32", "X-Amz-Checksum-Crc32", crc32.Size, false, func() hash.Hash { return crc32.NewIEEE() }),
		newAlgorithm("CRC32C", "X-Amz-Checksum-Crc32c", crc32.Size, false, func() hash.Hash { return crc32.New(castagnoli) }),
		newAlgorithm("CRC64NVME", "X-Amz-Checksum-Crc64nvme", crc64nvme.Size, false, func() hash.Hash { return crc64nvme.New() }),
		newAlgorithm("SHA1", "X-Amz-Checksum-Sha1", sha1.Size, true, sha1.New),
		newAlgorithm("SHA256", "X-Amz-Checksum-Sha256", sha256.Size, true, sha256.New),
	}
	contentSHA256 = checksums[4]
)

func newAlgorithm(name, header string, size int, slow bool, f func() hash.Hash) *algorithm {
	return &algorithm{
		name: name, header: header, size: size, slow: slow,
		pool: &sync.Pool{New: func() any { return f() }},
	}
}

// get takes a fresh hash out of the pool; put gives it back.
func (a *algorithm) get() hash.Hash {
	h := a.pool.Get().(hash.Hash)
	h.Reset()
	return h
}

func (a *algorithm) put(h hash.Hash) { a.pool.Put(h) }

// byName finds a checksum algorithm, in any case; nil if S3 has none such.
func byName(name string) *algorithm {
	for _, a := range checksums {
		if strings.EqualFold(a.name, name) {
			return a
		}
	}
	return nil
}

// byHeader finds a checksum algorithm by its header's name, in any case.
func byHeader(header string) *algorithm {
	for _, a := range checksums {
		if strings.EqualFold(a.header, header) {
			return a
		}
	}
	return nil
}

// decode returns the bytes of a base64 value, nil if it is none of this size.
func (a *algorithm) decode(value string) []byte {
	sum, err := base64.StdEncoding.Strict().DecodeString(value)
	if err != nil || len(sum) != a.size {
		return nil
	}
	return sum
}

// Valid says whether value is base64 of the right length for the checksum
// algorithm of that name.
func Valid(algorithm, value string) bool {
	a := byName(algorithm)
	return a != nil && a.decode(value) != nil
}

// Algorithm returns the canonical name (CRC32, …) of a checksum algorithm given
// in any case, "" for an unknown one.
func Algorithm(name string) string {
	if a := byName(name); a != nil {
		return a.name
	}
	return ""
}

// Header returns the x-amz-checksum-* header of an algorithm, in canonical form,
// "" for an unknown one.
func Header(algorithm string) string {
	if a := byName(algorithm); a != nil {
		return a.header
	}
	return ""
}
