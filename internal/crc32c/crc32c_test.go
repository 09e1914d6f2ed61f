package crc32c

import (
	"testing"

	"pgregory.net/rapid"
)

func TestKnownValues(t *testing.T) {
	for _, c := range []struct {
		in   string
		want uint32
	}{{"", 0}, {"123456789", 0xe3069283}, {"a", 0xc1d04330}} {
		if got := Sum([]byte(c.in)); got != c.want {
			t.Errorf("Sum(%q) = %08x, want %08x", c.in, got, c.want)
		}
	}
}

func TestCombineEqualsSumOfWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(t, "a")
		b := rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(t, "b")
		whole := append(append([]byte(nil), a...), b...)
		if got, want := Combine(Sum(a), Sum(b), int64(len(b))), Sum(whole); got != want {
			t.Fatalf("Combine = %08x, want %08x", got, want)
		}
		unit := rapid.IntRange(1, 700).Draw(t, "unit")
		if got, want := Whole(Units(nil, whole, unit), int64(unit), int64(len(whole))), Sum(whole); got != want {
			t.Fatalf("Whole = %08x, want %08x", got, want)
		}
	})
}

func TestCombineLong(t *testing.T) {
	// 8 GiB of zeros: more bits than the order of x, so that a cyclic table of powers would show.
	crc, n := Sum(make([]byte, 1<<20)), int64(1<<20)
	for n < 8<<30 {
		crc, n = Combine(crc, crc, n), n*2
	}
	step := Sum([]byte{1})
	half := Combine(Combine(step, crc, n), crc, n)
	if once := Combine(step, Combine(crc, crc, n), 2*n); once != half {
		t.Fatalf("combination is not associative at %d bytes: %08x, %08x", n, once, half)
	}
}

func BenchmarkWhole1024Units(b *testing.B) {
	sums := make([]uint32, 1024)
	for b.Loop() {
		Whole(sums, 256<<10, 256<<20)
	}
}

func BenchmarkCombine1MiB(b *testing.B) {
	for b.Loop() {
		Combine(1, 2, 1<<20)
	}
}
