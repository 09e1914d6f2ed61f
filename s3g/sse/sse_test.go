package sse

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// memory is stored bytes as a Source, which remembers what was read of it.
type memory struct {
	stored []byte
	read   int
	opens  int
}

func (m *memory) open(off, n int64) Reader {
	m.opens++
	m.read = int(n)
	return &memoryReader{Reader: bytes.NewReader(m.stored[min(off, int64(len(m.stored))):min(off+n, int64(len(m.stored)))])}
}

type memoryReader struct {
	*bytes.Reader
	err    error
	closed bool
}

func (r *memoryReader) Ready() error { return r.err }
func (r *memoryReader) Close() error { r.closed = true; return nil }
func (r *memoryReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	return r.Reader.Read(p)
}

func random(n int) []byte {
	b := make([]byte, n)
	src := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)})
	_, _ = src.Read(b)
	return b
}

func encrypt(t rapid.TB, plain []byte, key DataKey, salt []byte) []byte {
	t.Helper()
	e := Encrypt(bytes.NewReader(plain), key, salt)
	stored, err := io.ReadAll(e)
	if err != nil {
		t.Fatal(err)
	}
	if e.Size() != int64(len(plain)) || int64(len(stored)) != StoredSize(e.Size(), Chunk) {
		t.Fatalf("%d plain bytes: size %d, stored %d, StoredSize %d", len(plain), e.Size(), len(stored), StoredSize(e.Size(), Chunk))
	}
	return stored
}

var sizes = []int{0, 1, 2, 4095, 4096, Chunk - 1, Chunk, Chunk + 1, 2*Chunk - 1, 2 * Chunk, 2*Chunk + 1, 3*Chunk + 100}

// Every size at the boundaries of chunks, every range at them.
func TestRoundTrip(t *testing.T) {
	key, salt := NewDataKey(), NewSalt()
	for _, size := range sizes {
		plain := random(size)
		m := &memory{stored: encrypt(t, plain, key, salt)}
		if size >= 16 && bytes.Contains(m.stored, plain[:16]) {
			t.Fatalf("%d bytes are stored in plain", size)
		}
		for _, off := range append(sizes, 100, Chunk/2) {
			for _, end := range append(sizes, size, off+1) {
				if off > end || end > size {
					continue
				}
				d := Decrypt(m.open, key, Chunk, []Part{{int64(size), salt}}, int64(off), int64(end-off))
				if err := d.Ready(); err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(d)
				if err != nil || !bytes.Equal(got, plain[off:end]) {
					t.Fatalf("bytes %d to %d of %d: %d bytes, %v", off, end, size, len(got), err)
				}
				if most := end - off + 2*Chunk + 4*Overhead; end > off && m.read > most {
					t.Fatalf("bytes %d to %d of %d: read %d stored bytes", off, end, size, m.read)
				}
			}
		}
	}
}

// The way the bytes come and go makes no difference.
func TestReaders(t *testing.T) {
	key, salt := NewDataKey(), NewSalt()
	plain := random(2*Chunk + 5)
	want := encrypt(t, plain, key, salt)
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"one byte": iotest.OneByteReader, "half": iotest.HalfReader, "data with EOF": iotest.DataErrReader,
	} {
		in, err := io.ReadAll(Encrypt(wrap(bytes.NewReader(plain)), key, salt))
		if err != nil || !bytes.Equal(in, want) {
			t.Errorf("%s in: %v", name, err)
		}
		out, err := io.ReadAll(wrap(Encrypt(bytes.NewReader(plain), key, salt)))
		if err != nil || !bytes.Equal(out, want) {
			t.Errorf("%s out: %v", name, err)
		}
	}
	exact := random(Chunk) // with EOF beside the last byte, and a byte more
	for _, n := range []int{0, 1} {
		body := append(exact[:Chunk:Chunk], exact[:n]...)
		if got, err := io.ReadAll(Encrypt(iotest.DataErrReader(bytes.NewReader(body)), key, salt)); err != nil || !bytes.Equal(got, encrypt(t, body, key, salt)) {
			t.Errorf("chunk and %d: %v", n, err)
		}
	}
	var w bytes.Buffer
	m := &memory{stored: want}
	d := Decrypt(m.open, key, Chunk, []Part{{int64(len(plain)), salt}}, 7, Chunk)
	if n, err := d.WriteTo(&w); n != Chunk || err != nil || !bytes.Equal(w.Bytes(), plain[7:7+Chunk]) {
		t.Errorf("WriteTo: %d %v", n, err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if _, err := d.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("Read after Close: %v", err)
	}
}

// A body that fails never looks like one that ended; ErrUnexpectedEOF is no end.
func TestSourceFails(t *testing.T) {
	key, salt := NewDataKey(), NewSalt()
	for _, failure := range []error{errors.New("gone"), io.ErrUnexpectedEOF} {
		for _, size := range sizes {
			src := io.MultiReader(bytes.NewReader(random(size)), iotest.ErrReader(failure))
			if _, err := io.ReadAll(Encrypt(src, key, salt)); err != failure { //nolint:errorlint // as it is
				t.Errorf("%d bytes: %v, want %v", size, err, failure)
			}
		}
	}
	failing := func(int64, int64) Reader { return &memoryReader{err: errors.New("disk")} }
	d := Decrypt(failing, key, Chunk, []Part{{10, salt}}, 0, 10)
	if err := d.Ready(); err == nil || err.Error() != "disk" {
		t.Errorf("Ready: %v", err)
	}
	if n, err := d.WriteTo(io.Discard); n != 0 || err == nil {
		t.Errorf("WriteTo: %d %v", n, err)
	}
}

// Whatever is done to the stored bytes, what was given out is a prefix of the plain
// ones, and the end is an error.
func TestTampering(t *testing.T) {
	key, salt := NewDataKey(), NewSalt()
	plain := random(3*Chunk + 100)
	stored := encrypt(t, plain, key, salt)
	const step = Chunk + Overhead
	swap := bytes.Clone(stored)
	copy(swap, stored[step:2*step])
	copy(swap[step:], stored[:step])
	flip := func(i int) []byte {
		b := bytes.Clone(stored)
		b[i] ^= 1
		return b
	}
	read := func(stored []byte, size int, key DataKey, salt []byte) error {
		m := &memory{stored: stored}
		got, err := io.ReadAll(Decrypt(m.open, key, Chunk, []Part{{int64(size), salt}}, 0, int64(size)))
		if !bytes.HasPrefix(plain, got) {
			t.Errorf("wrong bytes were given out")
		}
		return err
	}
	for name, tc := range map[string]struct {
		stored []byte
		size   int
	}{
		"first byte": {flip(0), len(plain)}, "tag": {flip(step - 1), len(plain)}, "last byte": {flip(len(stored) - 1), len(plain)},
		"swapped":                 {swap, len(plain)},
		"cut":                     {stored[:len(stored)-1], len(plain)},
		"cut at a chunk":          {stored[:3*step], len(plain)},
		"last chunk left out":     {stored[:3*step], 3 * Chunk},
		"first chunk left out":    {stored[step:], 2*Chunk + 100},
		"a chunk in the middle":   {append(bytes.Clone(stored[:step]), stored[2*step:]...), 2*Chunk + 100},
		"last chunk in its place": {append(bytes.Clone(stored[:step]), stored[3*step:]...), Chunk + 100},
	} {
		if err := read(tc.stored, tc.size, key, salt); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := read(stored, len(plain), NewDataKey(), salt); !errors.Is(err, ErrDamaged) {
		t.Errorf("other key: %v", err)
	}
	if err := read(stored, len(plain), key, NewSalt()); !errors.Is(err, ErrDamaged) {
		t.Errorf("other salt: %v", err)
	}
	if err := read(stored, len(plain), key, salt); err != nil {
		t.Errorf("untouched: %v", err)
	}
	d := Decrypt((&memory{stored: stored}).open, key, Chunk, []Part{{10, salt}}, 5, 6)
	if err := d.Ready(); err == nil {
		t.Error("a range past the end")
	}
}

// Parts lie behind each other, each encrypted by itself, empty ones too; a range
// over them is one run of stored bytes, opened once.
func TestParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := NewDataKey()
		size := rapid.OneOf(rapid.SampledFrom(sizes), rapid.IntRange(0, 3*Chunk))
		m := &memory{}
		var plain []byte
		var parts []Part
		for range rapid.IntRange(1, 5).Draw(t, "parts") {
			p := random(size.Draw(t, "size"))
			salt := NewSalt()
			m.stored = append(m.stored, encrypt(t, p, key, salt)...)
			plain = append(plain, p...)
			parts = append(parts, Part{int64(len(p)), salt})
		}
		for range 10 {
			off := rapid.IntRange(0, len(plain)).Draw(t, "off")
			n := rapid.IntRange(0, len(plain)-off).Draw(t, "n")
			m.opens = 0
			d := Decrypt(m.open, key, Chunk, parts, int64(off), int64(n))
			got, err := io.ReadAll(d)
			if err != nil || !bytes.Equal(got, plain[off:off+n]) || m.opens > 1 {
				t.Fatalf("bytes %d+%d of %d: %d bytes, %v, opened %d times", off, n, len(plain), len(got), err, m.opens)
			}
		}
	})
}

func TestWrap(t *testing.T) {
	master, key := random(KeySize), NewDataKey()
	w := Wrap(master, KindCustomer, "", key)
	if got, err := Unwrap(master, KindCustomer, "", w); err != nil || got != key {
		t.Fatalf("%v", err)
	}
	if bytes.Equal(w, Wrap(master, KindCustomer, "", key)) {
		t.Error("wrapped twice the same way")
	}
	flipped := bytes.Clone(w)
	flipped[20] ^= 1
	for name, f := range map[string]func() (DataKey, error){
		"other master": func() (DataKey, error) { return Unwrap(random(KeySize + 1)[1:], KindCustomer, "", w) },
		"other kind":   func() (DataKey, error) { return Unwrap(master, KindS3, "", w) },
		"other id":     func() (DataKey, error) { return Unwrap(master, KindCustomer, "x", w) },
		"damaged":      func() (DataKey, error) { return Unwrap(master, KindCustomer, "", flipped) },
		"short":        func() (DataKey, error) { return Unwrap(master, KindCustomer, "", w[:40]) },
		"empty":        func() (DataKey, error) { return Unwrap(master, KindCustomer, "", nil) },
	} {
		if _, err := f(); !errors.Is(err, ErrWrongKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s := fmt.Sprintf("%v %+v %s %#v", key, key, key, key); bytes.Contains([]byte(s), []byte(fmt.Sprint(key[0], " "))) {
		t.Errorf("a key prints itself: %s", s)
	}
}

// FuzzDecrypt: no stored bytes make the decrypter panic or give out anything.
func FuzzDecrypt(f *testing.F) {
	key, salt := DataKey{1}, make([]byte, SaltSize)
	good, _ := io.ReadAll(Encrypt(bytes.NewReader([]byte("hello")), key, salt))
	f.Add(good, int64(5), int64(0), int64(5), int64(Chunk))
	f.Add([]byte{}, int64(1<<40), int64(1<<39), int64(1), int64(1))
	f.Fuzz(func(t *testing.T, stored []byte, size, off, n, chunk int64) {
		if chunk < 1 || chunk > 1<<20 || size < 0 || size > 1<<50 || off < 0 || n < 0 || off > 1<<50 || n > 1<<50 {
			return
		}
		m := &memory{stored: stored}
		got, err := io.ReadAll(Decrypt(m.open, key, chunk, []Part{{size, salt}}, off, n))
		if err == nil && int64(len(got)) != n || len(got) > 0 && !bytes.Contains(stored, good) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	})
}
