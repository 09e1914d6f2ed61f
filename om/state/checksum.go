package state

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc32"
	"strings"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

const (
	fullObject = "FULL_OBJECT"
	composite  = "COMPOSITE"
)

// algorithm is one of AWS's checksum algorithms: how parts' values become an object's
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html).
type algorithm struct {
	size int              // bytes of a value
	hash func() hash.Hash // of the composite kind; nil: there is none
	poly uint64           // reversed, of the full-object kind; 0: there is none
}

func algorithmOf(name string) (algorithm, bool) {
	switch name {
	case "CRC32":
		return algorithm{4, func() hash.Hash { return crc32.NewIEEE() }, crc32.IEEE}, true
	case "CRC32C":
		return algorithm{4, func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) }, crc32.Castagnoli}, true
	case "CRC64NVME":
		return algorithm{8, nil, 0x9a6c9329ac4bc9b5}, true
	case "SHA1":
		return algorithm{20, sha1.New, 0}, true
	case "SHA256":
		return algorithm{32, sha256.New, 0}, true
	}
	return algorithm{}, false
}

// checkAlgorithm: "" is no checksum; a type must be one the algorithm has.
func checkAlgorithm(name, typ string) error {
	if name == "" && typ == "" {
		return nil
	}
	a, ok := algorithmOf(name)
	switch {
	case !ok:
		return ozerr.New(ozerr.InvalidRequest, "no checksum algorithm %q", name)
	case typ == "", typ == fullObject && a.poly != 0, typ == composite && a.hash != nil:
		return nil
	}
	return ozerr.New(ozerr.InvalidRequest, "%s has no checksum of type %q", name, typ)
}

// checksumType is the type as given, or the algorithm's default: composite where it has that.
func checksumType(name, typ string) string {
	a, ok := algorithmOf(name)
	switch {
	case typ != "" || !ok:
		return typ
	case a.hash == nil:
		return fullObject
	}
	return composite
}

// checksumOf returns the value of the named algorithm, or "".
func checksumOf(sums []*ompb.Checksum, name string) string {
	for _, s := range sums {
		if s.Algorithm == name {
			return s.Value
		}
	}
	return ""
}

// objectChecksums computes the whole object's checksums from those of the parts: the one
// the upload was created with, and those the client expects, which must agree. Parts
// without that checksum leave the object without; then nothing may be expected of it.
func objectChecksums(u *ompb.UploadInfo, expected []*ompb.Checksum, parts []*ompb.PartInfo) ([]*ompb.Checksum, error) {
	var out []*ompb.Checksum
	if u.ChecksumAlgorithm != "" {
		sum, err := combine(u.ChecksumAlgorithm, u.ChecksumType, parts)
		if err != nil {
			return nil, err
		}
		if sum != nil {
			out = append(out, sum)
		}
	}
	for _, want := range expected {
		typ := want.Type
		if typ == "" && want.Algorithm == u.ChecksumAlgorithm {
			typ = u.ChecksumType
		}
		if typ == "" {
			typ = fullObject // what a client can know without the parts
		}
		if err := checkAlgorithm(want.Algorithm, typ); err != nil {
			return nil, err
		}
		sum, err := combine(want.Algorithm, typ, parts)
		switch {
		case err != nil:
			return nil, err
		case sum == nil:
			return nil, ozerr.New(ozerr.InvalidRequest, "the parts have no %s checksums to compare with", want.Algorithm)
		case plain(sum.Value) != plain(want.Value):
			return nil, ozerr.New(ozerr.BadDigest, "the object's %s checksum is %s, not %s", want.Algorithm, sum.Value, want.Value)
		}
		if checksumOf(out, sum.Algorithm) == "" {
			out = append(out, sum)
		}
	}
	return out, nil
}

// plain is a checksum without the number of parts.
func plain(value string) string {
	value, _, _ = strings.Cut(value, "-")
	return value
}

// combine computes an object's checksum, nil if a part has none of that algorithm.
func combine(name, typ string, parts []*ompb.PartInfo) (*ompb.Checksum, error) {
	a, ok := algorithmOf(name)
	if !ok {
		return nil, ozerr.New(ozerr.InvalidRequest, "no checksum algorithm %q", name)
	}
	values := make([][]byte, 0, len(parts))
	for _, p := range parts {
		text := checksumOf(p.Checksums, name)
		if text == "" {
			return nil, nil
		}
		v, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(v) != a.size {
			return nil, ozerr.New(ozerr.InvalidPart, "part %d has no valid %s checksum", p.Number, name)
		}
		values = append(values, v)
	}
	if typ == fullObject {
		return &ompb.Checksum{Algorithm: name, Type: typ, Value: base64.StdEncoding.EncodeToString(a.concat(values, parts))}, nil
	}
	h := a.hash()
	for _, v := range values {
		h.Write(v)
	}
	text := fmt.Sprintf("%s-%d", base64.StdEncoding.EncodeToString(h.Sum(nil)), len(parts))
	return &ompb.Checksum{Algorithm: name, Type: typ, Value: text}, nil
}

// concat is the CRC of the parts' bytes one after the other, from their CRCs and sizes.
// Appending n bytes multiplies the first CRC, as a polynomial, by x^8n; parts mostly
// have one size, so the last power is kept.
func (a algorithm) concat(values [][]byte, parts []*ompb.PartInfo) []byte {
	f := field{top: 1 << (8*a.size - 1), poly: a.poly}
	var sum, size, power uint64
	for i, v := range values {
		if i == 0 || parts[i].Size != size {
			size = parts[i].Size
			power = f.shift(size)
		}
		sum = f.mul(power, sum) ^ integer(v)
	}
	return binary.BigEndian.AppendUint64(nil, sum)[8-a.size:]
}

func integer(v []byte) (n uint64) {
	for _, b := range v {
		n = n<<8 | uint64(b)
	}
	return n
}

// field multiplies polynomials over GF(2) modulo a CRC's, with bits reversed as CRCs
// keep them: the top bit is x^0.
type field struct{ top, poly uint64 }

func (f field) mul(a, b uint64) (product uint64) {
	for bit := f.top; bit != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		carry := b&1 != 0
		b >>= 1
		if carry {
			b ^= f.poly
		}
	}
	return product
}

// shift is x^8n.
func (f field) shift(n uint64) uint64 {
	power, square := f.top, f.top>>8 // 1 and x^8
	for ; n != 0; n >>= 1 {
		if n&1 != 0 {
			power = f.mul(power, square)
		}
		square = f.mul(square, square)
	}
	return power
}
