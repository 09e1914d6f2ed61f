// Package crc32c is the checksum of block bytes: CRC-32 with Castagnoli's
// polynomial (hardware on amd64 and arm64), and its combination: the checksum of
// a whole from the checksums of its pieces, without the bytes.
package crc32c

import "hash/crc32"

// poly is Castagnoli's polynomial, reflected.
const poly = 0x82f63b78

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Sum returns the checksum of p.
func Sum(p []byte) uint32 { return crc32.Checksum(p, castagnoli) }

// Update returns the checksum of what crc stands for followed by p.
func Update(crc uint32, p []byte) uint32 { return crc32.Update(crc, castagnoli, p) }

// Combine returns the checksum of A followed by B, of which a and b are the
// checksums and lenB the bytes of B. It costs about 20 ns per set bit of lenB.
func Combine(a, b uint32, lenB int64) uint32 {
	return multiply(shift(lenB), a) ^ b
}

// Units returns the checksum of each unit bytes of p; the last may be shorter.
func Units(dst []uint32, p []byte, unit int) []uint32 {
	for len(p) > unit {
		dst = append(dst, Sum(p[:unit]))
		p = p[unit:]
	}
	if len(p) > 0 {
		dst = append(dst, Sum(p))
	}
	return dst
}

// Whole returns the checksum of length bytes from the checksums of its units of
// unit bytes each, of which only the last may be shorter. The number of sums must
// be length/unit rounded up.
func Whole(sums []uint32, unit, length int64) uint32 {
	if len(sums) == 0 {
		return 0
	}
	by, crc := shift(unit), sums[0]
	for _, s := range sums[1 : max(2, len(sums))-1] {
		crc = multiply(by, crc) ^ s
	}
	if len(sums) > 1 {
		crc = Combine(crc, sums[len(sums)-1], length-unit*int64(len(sums)-1))
	}
	return crc
}

// powers[k] is x^(2^k) modulo the polynomial, in the reflected form of crc.
var powers = makePowers()

func makePowers() (t [66]uint32) {
	t[0] = 1 << 30 // x
	for k := 1; k < len(t); k++ {
		t[k] = multiply(t[k-1], t[k-1])
	}
	return t
}

// shift returns x^(8n): multiplying by it is the effect of n zero bytes.
func shift(n int64) uint32 {
	p := uint32(1) << 31 // 1
	for k := 3; n > 0; n, k = n>>1, k+1 {
		if n&1 != 0 {
			p = multiply(powers[k], p)
		}
	}
	return p
}

// multiply returns a·b modulo the polynomial.
func multiply(a, b uint32) uint32 {
	var p uint32
	for m := uint32(1) << 31; m != 0; m >>= 1 {
		if a&m != 0 {
			p ^= b
		}
		b = b>>1 ^ poly&-(b&1)
	}
	return p
}
