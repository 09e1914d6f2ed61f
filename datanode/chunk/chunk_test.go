package chunk_test

import (
	"bytes"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mini-ozone/mini-ozone/datanode/chunk"
	"github.com/mini-ozone/mini-ozone/datanode/vfs"
	"github.com/mini-ozone/mini-ozone/internal/crc32c"
)

const salt = 0x1122334455667788

// entry is a record with its payload, as a test writes it.
type entry struct {
	chunk.Record
	payload []byte
}

func whole(local uint64, p []byte) entry {
	return entry{chunk.NewWhole(local, len(p), crc32c.Sum(p), crc32c.Units(nil, p, chunk.Unit)), p}
}

func data(local, off uint64, p []byte) entry {
	return entry{chunk.NewData(local, off, len(p), crc32c.Sum(p), crc32c.Units(nil, p, chunk.Unit)), p}
}

// build returns a log and where its records begin. durable(i) is what record i says.
func build(durable func(i int, offs []int64) int64, entries ...entry) (log []byte, offs []int64) {
	log = chunk.FileHeader{Container: 7, Salt: salt}.Encode()
	for i, e := range entries {
		off := int64(len(log))
		offs = append(offs, off)
		e.Durable = uint64(durable(i, offs))
		log = append(e.Append(log, salt, off), e.payload...)
		log = append(log, make([]byte, e.End(off)-int64(len(log)))...)
	}
	return log, offs
}

// eachSynced says that everything before a record was synced when it was written;
// noneSynced that nothing was.
func eachSynced(i int, offs []int64) int64 { return offs[i] }
func noneSynced(int, []int64) int64        { return 0 }

func scan(t testing.TB, log []byte) (chunk.Result, []int64) {
	t.Helper()
	m := vfs.NewMem(0)
	f, err := m.Create("/log")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(log, 0); err != nil {
		t.Fatal(err)
	}
	var offs []int64
	res, err := chunk.Scan(f, salt, chunk.FileHeaderSize, func(r chunk.Found) error {
		offs = append(offs, r.Off)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return res, offs
}

func three() []entry {
	return []entry{whole(1, []byte("first")), whole(2, bytes.Repeat([]byte("second"), 700)), whole(3, []byte("third"))}
}

func TestScan(t *testing.T) {
	flip := func(at func(log []byte, offs []int64) int64) func([]byte, []int64) []byte {
		return func(log []byte, offs []int64) []byte {
			log[at(log, offs)] ^= 0x40
			return log
		}
	}
	head := func(i int) func([]byte, []int64) int64 {
		return func(_ []byte, offs []int64) int64 { return offs[i] + 20 }
	}
	body := func(i int) func([]byte, []int64) int64 {
		return func(_ []byte, offs []int64) int64 { return offs[i] + chunk.RecordHeaderSize + 5 }
	}
	for _, c := range []struct {
		name    string
		durable func(int, []int64) int64
		damage  func([]byte, []int64) []byte
		good    []int // records that are found
		corrupt bool
	}{
		{"undamaged", eachSynced, func(l []byte, _ []int64) []byte { return l }, []int{0, 1, 2}, false},
		{"undamaged, nothing synced", noneSynced, func(l []byte, _ []int64) []byte { return l }, []int{0, 1, 2}, false},
		{"torn last header", eachSynced, flip(head(2)), []int{0, 1}, false},
		{"torn last payload", eachSynced, flip(body(2)), []int{0, 1}, false},
		{"cut last payload", eachSynced, func(l []byte, o []int64) []byte { return l[:o[2]+70] }, []int{0, 1}, false},
		{"cut in the header", eachSynced, func(l []byte, o []int64) []byte { return l[:o[2]+10] }, []int{0, 1}, false},
		{"middle header out of order, nothing synced", noneSynced, flip(head(1)), []int{0}, false},
		{"middle payload out of order, nothing synced", noneSynced, flip(body(1)), []int{0}, false},
		{"rotten middle header", eachSynced, flip(head(1)), []int{0, 2}, true},
		{"rotten middle payload is for the reader to find", eachSynced, flip(body(1)), []int{0, 1, 2}, false},
		{"rotten first header", eachSynced, flip(head(0)), []int{1, 2}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			log, offs := build(c.durable, three()...)
			res, got := scan(t, c.damage(log, offs))
			var want []int64
			for _, i := range c.good {
				want = append(want, offs[i])
			}
			if !reflect.DeepEqual(got, want) || (len(res.Corrupt) > 0) != c.corrupt {
				t.Fatalf("found %v, want %v; corrupt %v, want %v", got, want, res.Corrupt, c.corrupt)
			}
		})
	}
}

// A user may store anything, also the log of another container or of this one.
func TestPayloadIsNeverTakenForARecord(t *testing.T) {
	inner, _ := build(eachSynced, three()...)
	log, offs := build(eachSynced, whole(1, inner), whole(2, []byte("x")), whole(3, []byte("y")))
	log[offs[0]+30] ^= 1 // so that the search goes through the payload
	_, got := scan(t, log)
	if !reflect.DeepEqual(got, offs[1:]) {
		t.Fatalf("found %v, want %v", got, offs[1:])
	}
}

// Searching a payload of nothing but fake headers takes no longer than any other, but
// for a factor: checking each of them through would take minutes.
func TestSearchThroughHostilePayload(t *testing.T) {
	search := func(payload []byte) time.Duration {
		log, offs := build(eachSynced, whole(1, payload), whole(2, []byte("x")), whole(3, []byte("y")))
		log[offs[0]+30] ^= 1
		begin := time.Now()
		if _, got := scan(t, log); !reflect.DeepEqual(got, offs[1:]) {
			t.Fatalf("found %v, want %v", got, offs[1:])
		}
		return time.Since(begin)
	}
	const repeats = 512 << 10
	plain := search(bytes.Repeat([]byte("m0zr\x00\x00\x00\x00"), repeats))
	fake := search(bytes.Repeat([]byte("mOzR\x00\x00\x00\x00"), repeats))
	t.Logf("plain %v, fake headers %v", plain, fake)
	if fake > 400*max(plain, 50*time.Millisecond) {
		t.Fatalf("%v with fake headers, %v without", fake, plain)
	}
}

func TestPunchedBlockInTheTail(t *testing.T) {
	log, offs := build(noneSynced, whole(1, bytes.Repeat([]byte("x"), 5000)), whole(2, []byte("y")),
		entry{Record: chunk.NewDelete([]uint64{1})}, whole(3, []byte("z")))
	clear(log[offs[0]+chunk.RecordHeaderSize+4 : offs[1]-8])
	if _, got := scan(t, log); !reflect.DeepEqual(got, offs) {
		t.Fatalf("found %v, want %v", got, offs)
	}
	log[offs[2]+20] ^= 1 // the deletion itself is torn: nothing excuses the bytes
	if _, got := scan(t, log); got != nil {
		t.Fatalf("found %v, want none", got)
	}
}

func TestManifest(t *testing.T) {
	p := bytes.Repeat([]byte("abc"), 200_000)
	sums := crc32c.Units(nil, p, chunk.Unit)
	m := chunk.Manifest{
		Length: uint64(len(p)), CRC: crc32c.Sum(p), Sums: sums,
		Pieces: []chunk.Piece{{Off: 5000, Length: chunk.Unit}, {Off: 900_000, Length: uint32(len(p) - chunk.Unit)}},
	}
	r := chunk.NewCommit(9, m)
	b := r.Append(nil, salt, 4096)
	back, err := chunk.ParseRecord(b, salt, 4096)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := back.Manifest(4096); err != nil || !reflect.DeepEqual(got, m) {
		t.Fatalf("%+v %v", got, err)
	}
	m.Pieces[0].Length--
	r = chunk.NewCommit(9, m)
	if _, err := r.Manifest(4096); !errors.Is(err, chunk.ErrInvalid) {
		t.Fatalf("pieces that don't add up: %v", err)
	}
	if _, err := chunk.ParseRecord(b, salt, 4104); !errors.Is(err, chunk.ErrInvalid) {
		t.Fatalf("at another place: %v", err)
	}
	if _, err := chunk.ParseRecord(b, salt+1, 4096); !errors.Is(err, chunk.ErrInvalid) {
		t.Fatalf("in another log: %v", err)
	}
}

func TestFileHeaderCopies(t *testing.T) {
	h := chunk.FileHeader{Container: 42, Salt: 99}
	for _, at := range [][]int{{3}, {20}, {2048 + 20}, {}} {
		b := h.Encode()
		for _, i := range at {
			b[i] ^= 1
		}
		if got, err := chunk.ParseFileHeader(b); err != nil || got != h {
			t.Errorf("damage at %v: %+v %v", at, got, err)
		}
	}
	b := h.Encode()
	b[20], b[2048+20] = 0xff, 0xff
	if _, err := chunk.ParseFileHeader(b); !errors.Is(err, chunk.ErrInvalid) {
		t.Errorf("both copies bad: %v", err)
	}
	if _, err := chunk.ParseFileHeader(b[:100]); !errors.Is(err, chunk.ErrInvalid) {
		t.Errorf("short: %v", err)
	}
}

// Cutting a log anywhere finds exactly the records that are whole before the cut.
func TestCutAnywhere(t *testing.T) {
	log, offs := build(noneSynced, append(three(), data(4, 0, make([]byte, chunk.Unit)), whole(5, nil))...)
	rapid.Check(t, func(t *rapid.T) {
		cut := rapid.IntRange(chunk.FileHeaderSize, len(log)).Draw(t, "cut")
		m := vfs.NewMem(0)
		f, _ := m.Create("/log")
		if _, err := f.WriteAt(log[:cut], 0); err != nil {
			t.Fatal(err)
		}
		n := 0
		res, err := chunk.Scan(f, salt, chunk.FileHeaderSize, func(r chunk.Found) error {
			if r.Off != offs[n] || r.PayloadAt(r.Off)+int64(r.PayloadLen) > int64(cut) {
				t.Fatalf("record at %d", r.Off)
			}
			n++
			return nil
		})
		if err != nil || len(res.Corrupt) > 0 || res.End%8 != 0 {
			t.Fatalf("%+v %v", res, err)
		}
		if n < len(offs) && n+1 < len(offs) && offs[n+1] <= int64(cut) {
			t.Fatalf("only %d records before %d", n, cut)
		}
	})
}

func FuzzParseRecord(f *testing.F) {
	log, offs := build(eachSynced, append(three(), data(4, 0, make([]byte, 300)), entry{Record: chunk.NewDelete([]uint64{1, 2})},
		entry{Record: chunk.Record{Type: chunk.Mark}}, entry{Record: chunk.NewCommit(4, chunk.Manifest{})})...)
	for _, off := range offs {
		f.Add(log[off:min(int(off)+400, len(log))], off)
	}
	f.Fuzz(func(t *testing.T, b []byte, off int64) {
		r, err := chunk.ParseRecord(b, salt, off)
		if err != nil {
			if !errors.Is(err, chunk.ErrInvalid) {
				t.Fatalf("foreign error %v", err)
			}
			return
		}
		if again := r.Append(nil, salt, off); !bytes.Equal(again, b[:len(again)]) {
			t.Fatalf("%x encodes as %x", b, again)
		}
		if r.Type == chunk.Whole || r.Type == chunk.Commit {
			_, _ = r.Manifest(off) // must not panic; what it refuses is not ours to say
		}
	})
}

func FuzzScan(f *testing.F) {
	log, _ := build(eachSynced, three()...)
	f.Add(log[chunk.FileHeaderSize:], uint16(100), byte(1))
	f.Add([]byte{}, uint16(0), byte(0))
	f.Fuzz(func(t *testing.T, body []byte, at uint16, x byte) {
		b := append(chunk.FileHeader{Container: 7, Salt: salt}.Encode(), body...)
		if len(body) > 0 {
			b[chunk.FileHeaderSize+int(at)%len(body)] ^= x
		}
		m := vfs.NewMem(0)
		file, _ := m.Create("/log")
		if _, err := file.WriteAt(b, 0); err != nil {
			t.Fatal(err)
		}
		last := int64(0)
		res, err := chunk.Scan(file, salt, chunk.FileHeaderSize, func(r chunk.Found) error {
			if r.Off <= last || r.PayloadAt(r.Off)+int64(r.PayloadLen) > int64(len(b)) {
				t.Fatalf("record at %d after %d", r.Off, last)
			}
			last = r.Off
			return nil
		})
		if err != nil || res.End < chunk.FileHeaderSize || res.End%8 != 0 {
			t.Fatalf("%+v %v", res, err)
		}
	})
}

var update = flag.Bool("update", false, "write testdata/v1 anew: only when a new version of the format is made")

// TestGolden opens a log of version 1 that is kept in the repository: every later
// program must read it.
func TestGolden(t *testing.T) {
	big := make([]byte, chunk.Unit+100)
	rand.NewChaCha8([32]byte{7}).Read(big)
	name := filepath.Join("testdata", "v1", "0000000000000007.log")
	if *update {
		d1, d2 := data(4, 0, big[:chunk.Unit]), data(4, chunk.Unit, big[chunk.Unit:])
		log, offs := build(eachSynced, whole(1, []byte("hello")), whole(2, nil), d1, d2, whole(3, []byte("deleted")))
		m := chunk.Manifest{
			Length: uint64(len(big)), CRC: crc32c.Sum(big), Sums: crc32c.Units(nil, big, chunk.Unit),
			Pieces: []chunk.Piece{{Off: d1.PayloadAt(offs[2]), Length: chunk.Unit}, {Off: d2.PayloadAt(offs[3]), Length: 100}},
		}
		for _, r := range []chunk.Record{chunk.NewCommit(4, m), chunk.NewDelete([]uint64{3}), {Type: chunk.Mark}} {
			r.Durable = uint64(len(log))
			log = r.Append(log, salt, int64(len(log)))
			log = append(log, make([]byte, -len(log)&7)...)
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, log, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f, err := vfs.Disk{}.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	head := make([]byte, chunk.FileHeaderSize)
	if _, err := f.ReadAt(head, 0); err != nil {
		t.Fatal(err)
	}
	h, err := chunk.ParseFileHeader(head)
	if err != nil || h.Container != 7 {
		t.Fatalf("%+v %v", h, err)
	}
	var types []chunk.Type
	res, err := chunk.Scan(f, h.Salt, chunk.FileHeaderSize, func(r chunk.Found) error {
		types = append(types, r.Type)
		if r.Type == chunk.Commit {
			m, err := r.Manifest(r.Off)
			if err != nil {
				return err
			}
			got := make([]byte, 0, m.Length)
			for _, p := range m.Pieces {
				part := make([]byte, p.Length)
				if _, err := f.ReadAt(part, p.Off); err != nil {
					return err
				}
				got = append(got, part...)
			}
			if !bytes.Equal(got, big) {
				t.Error("bytes of the large block differ")
			}
		}
		return nil
	})
	want := []chunk.Type{chunk.Whole, chunk.Whole, chunk.Data, chunk.Data, chunk.Whole, chunk.Commit, chunk.Delete, chunk.Mark}
	if err != nil || len(res.Corrupt) > 0 || res.End != res.Size || !reflect.DeepEqual(types, want) {
		t.Fatalf("%v %+v %v", types, res, err)
	}
}
