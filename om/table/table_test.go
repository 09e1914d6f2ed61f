package table

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
	"github.com/rs/zerolog"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

func small() Options { return Options{Log: zerolog.Nop(), MemTableSize: 1 << 20} }

func open(t testing.TB, dir string) *DB {
	t.Helper()
	db, err := Open(dir, small())
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func closed(t testing.TB, db *DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// set commits one row at index.
func set(t testing.TB, db *DB, index uint64, key, value string) {
	t.Helper()
	tx := db.Update()
	Extra.Put(tx, []byte(key), []byte(value))
	if err := tx.Commit(index, 1); err != nil {
		t.Fatal(err)
	}
}

func value(db *DB, key string) string {
	tx := db.View()
	defer tx.Discard()
	return string(tx.Meta(key))
}

func TestCommitMovesApplied(t *testing.T) {
	db := open(t, t.TempDir())
	defer closed(t, db)
	before := db.View()
	defer before.Discard()
	set(t, db, 7, "a", "1")
	if index, term := db.Applied(); index != 7 || term != 1 {
		t.Errorf("applied %d %d", index, term)
	}
	if before.Meta("a") != nil {
		t.Error("a view sees a later commit")
	}
	if value(db, "a") != "1" {
		t.Error("lost")
	}
	tx := db.Update()
	tx.SetMeta("a", []byte("2"))
	if string(tx.Meta("a")) != "2" {
		t.Error("own write not seen")
	}
	if err := tx.Commit(7, 1); err == nil {
		t.Error("committed at the applied index")
	}
	if value(db, "a") != "1" {
		t.Error("a refused commit had an effect")
	}
}

func TestOpenGoesBackToTheMarker(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir)
	set(t, db, 1, "a", "1")
	if index, _, err := db.Barrier(); index != 1 || err != nil {
		t.Fatal(index, err)
	}
	set(t, db, 2, "a", "2")
	set(t, db, 3, "b", "3")
	if err := db.b.Close(); err != nil { // no barrier: as if killed
		t.Fatal(err)
	}
	db = open(t, dir)
	if index, _ := db.Applied(); index != 1 {
		t.Fatalf("applied %d", index)
	}
	if value(db, "a") != "1" || value(db, "b") != "" {
		t.Error("rows beyond the marker are visible")
	}
	set(t, db, 3, "a", "2") // replay, cut differently
	if value(db, "a") != "2" || value(db, "b") != "3" {
		// b's version 3 is in the files from the first run; entry 3 writes it again in a
		// real replay, so its being visible is no difference.
		t.Error("replayed state differs")
	}
	closed(t, db)
	db = open(t, dir)
	defer closed(t, db)
	if index, _ := db.Durable(); index != 3 {
		t.Errorf("a clean close is a barrier, durable is %d", index)
	}
}

func TestWithoutMarkerNothingIsApplied(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir)
	set(t, db, 5, "a", "1")
	if err := db.b.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, dir)
	defer closed(t, db)
	if index, _ := db.Applied(); index != 0 || value(db, "a") != "" {
		t.Error("a database without a marker is not empty")
	}
}

// TestDeleteIsWrittenThrough: a row made and removed in one batch leaves a tombstone,
// which hides what an earlier run left, cut in two batches.
func TestDeleteIsWrittenThrough(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir)
	set(t, db, 1, "a", "1") // entry 2 would remove it
	if err := db.b.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, dir)
	defer closed(t, db)
	tx := db.Update()
	Extra.Put(tx, []byte("a"), []byte("1"))
	Extra.Delete(tx, []byte("a"))
	if err := tx.Commit(2, 1); err != nil {
		t.Fatal(err)
	}
	if value(db, "a") != "" {
		t.Error("a removed row came back")
	}
}

func TestLockedDirectory(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir)
	defer closed(t, db)
	if _, err := Open(dir, small()); !errors.Is(err, ErrLocked) {
		t.Errorf("%v", err)
	}
}

func TestDamageIsRefused(t *testing.T) {
	make := func() string {
		dir := t.TempDir()
		db := open(t, dir)
		set(t, db, 1, "a", "1")
		set(t, db, 2, "a", "2")
		closed(t, db)
		return dir
	}
	dir := make()
	name := filepath.Join(dir, markerName)
	b, _ := os.ReadFile(name)
	b[9] ^= 1
	os.WriteFile(name, b, 0o600)
	if _, err := Open(dir, small()); !errors.Is(err, ErrCorrupt) {
		t.Errorf("damaged marker: %v", err)
	}
	dir = make()
	if err := writeMarker(dir, position{3, 1}, syncFile); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, small()); !errors.Is(err, ErrCorrupt) {
		t.Errorf("marker beyond the rows: %v", err)
	}
}

// TestDamagedTableIsRefused: a flipped bit anywhere in a table must be found by Open.
// badger's reads would not tell: a block with a wrong checksum has no rows, without a
// word, and an iterator that meets it ends there.
func TestDamagedTableIsRefused(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir)
	for i := range uint64(300) {
		set(t, db, i+1, fmt.Sprintf("key%03d", i), strings.Repeat("v", 100))
	}
	closed(t, db)
	names, _ := filepath.Glob(filepath.Join(dir, "*.sst"))
	if len(names) != 1 {
		t.Fatalf("%d tables, the test wants one", len(names))
	}
	whole := file(t, dir, filepath.Base(names[0]))
	if len(whole) < 5*4096 {
		t.Fatalf("a table of %d bytes has no blocks in the middle", len(whole))
	}
	for at := 0; at < len(whole); at += 499 {
		for _, bit := range []byte{1, 128} {
			b := bytes.Clone(whole)
			b[at] ^= bit
			if err := os.WriteFile(names[0], b, 0o600); err != nil {
				t.Fatal(err)
			}
			db, err := Open(dir, small())
			if err == nil {
				_ = db.b.Close()
				t.Errorf("byte %d of %d: the damage went unnoticed", at, len(whole))
			} else if !errors.Is(err, ErrCorrupt) {
				t.Errorf("byte %d: %v is not ErrCorrupt", at, err)
			}
		}
	}
}

// TestCutTableIsRefused: also one of which nothing is left.
func TestCutTableIsRefused(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir)
	for i := range uint64(300) {
		set(t, db, i+1, fmt.Sprintf("key%03d", i), strings.Repeat("v", 100))
	}
	closed(t, db)
	names, _ := filepath.Glob(filepath.Join(dir, "*.sst"))
	for _, size := range []int64{20_000, 100, 7, 0} {
		if err := os.Truncate(names[0], size); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, small()); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// TestVerify finds damage that came after Open.
func TestVerify(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir)
	for i := range uint64(300) {
		set(t, db, i+1, fmt.Sprintf("key%03d", i), strings.Repeat("v", 100))
	}
	closed(t, db)
	db = open(t, dir)
	defer db.b.Close()
	if err := db.Verify(); err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob(filepath.Join(dir, "*.sst"))
	f, err := os.OpenFile(names[0], os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt([]byte("rot"), 12_000)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if err := db.Verify(); !errors.Is(err, ErrCorrupt) {
		t.Error(err)
	}
}

func TestHugeTransaction(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir)
	const n = 20_000 // several times what badger takes at once
	tx := db.Update()
	for i := range n {
		Extra.Put(tx, fmt.Appendf(nil, "%06d", i), []byte("some value"))
	}
	if err := tx.Commit(1, 1); err != nil {
		t.Fatal(err)
	}
	closed(t, db)
	db = open(t, dir)
	defer closed(t, db)
	view, count := db.View(), 0
	defer view.Discard()
	Extra.Scan(view, nil, nil, func(_, _ []byte) bool { count++; return true })
	if count != n || view.Err() != nil {
		t.Errorf("%d rows, %v", count, view.Err())
	}
}

func TestRowTooBig(t *testing.T) {
	db := open(t, t.TempDir())
	defer closed(t, db)
	tx := db.Update()
	Extra.Put(tx, []byte("a"), make([]byte, MaxValue+1))
	if err := tx.Commit(1, 1); err == nil {
		t.Error("a row over the limit was stored")
	}
}

// TestViewKeepsItsVersions: what a view sees survives later barriers and compaction.
func TestViewKeepsItsVersions(t *testing.T) {
	db := open(t, t.TempDir())
	defer closed(t, db)
	set(t, db, 1, "a", "old")
	view := db.View()
	defer view.Discard()
	for i := uint64(2); i < 30; i++ {
		tx := db.Update()
		Extra.Put(tx, []byte("a"), []byte("new"))
		Extra.Put(tx, []byte("fill"), bytes.Repeat([]byte{byte(i)}, 150_000))
		if err := tx.Commit(i, 1); err != nil {
			t.Fatal(err)
		}
		if _, _, err := db.Barrier(); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.b.Flatten(2); err != nil {
		t.Fatal(err)
	}
	if got := string(view.Meta("a")); got != "old" {
		t.Errorf("the view sees %q", got)
	}
}

func TestExportImportReplace(t *testing.T) {
	parent := t.TempDir()
	dir, fresh := filepath.Join(parent, "db"), filepath.Join(parent, "new")
	source := open(t, filepath.Join(parent, "source"))
	defer closed(t, source)
	tx := source.Update()
	Cluster.Put(tx, nil, []byte("cluster"))
	for i := range 5000 {
		Extra.Put(tx, fmt.Appendf(nil, "%05d", i), bytes.Repeat([]byte{byte(i)}, i%700))
	}
	if err := tx.Commit(41, 3); err != nil {
		t.Fatal(err)
	}
	set(t, source, 42, "last", "row")
	var stream bytes.Buffer
	if index, term, err := source.Export(&stream); index != 42 || term != 1 || err != nil {
		t.Fatal(index, term, err)
	}
	for _, cut := range []int{0, 7, 30, 1000, stream.Len() - 1} {
		if _, _, err := Import(fresh, bytes.NewReader(stream.Bytes()[:cut]), small()); err == nil {
			t.Errorf("imported %d of %d bytes", cut, stream.Len())
		}
	}
	for _, at := range []int{3, 12, 100, stream.Len() / 2, stream.Len() - 6} {
		bad := bytes.Clone(stream.Bytes())
		bad[at] ^= 1
		if _, _, err := Import(fresh, bytes.NewReader(bad), small()); err == nil {
			t.Errorf("imported with byte %d damaged", at)
		}
		if _, err := os.Stat(fresh); err == nil {
			t.Fatal("a failed import leaves its directory")
		}
	}
	old := open(t, dir)
	set(t, old, 1, "old", "1")
	closed(t, old)
	if index, term, err := Import(fresh, &stream, small()); index != 42 || term != 1 || err != nil {
		t.Fatal(index, term, err)
	}
	if err := Replace(dir, fresh); err != nil {
		t.Fatal(err)
	}
	db := open(t, dir)
	defer closed(t, db)
	if index, term := db.Durable(); index != 42 || term != 1 {
		t.Errorf("durable %d %d", index, term)
	}
	if value(db, "old") != "" || value(db, "last") != "row" || !maps.Equal(all(db), all(source)) {
		t.Error("rows differ")
	}
}

func all(db *DB) map[string]string {
	tx, out := db.View(), map[string]string{}
	defer tx.Discard()
	Extra.Scan(tx, nil, nil, func(k, v []byte) bool { out[string(k)] = string(v); return true })
	return out
}

// TestReplaceInterrupted: stopped after either rename, Open finds one database whole.
func TestReplaceInterrupted(t *testing.T) {
	for _, stop := range []int{1, 2} {
		parent := t.TempDir()
		dir, fresh := filepath.Join(parent, "db"), filepath.Join(parent, "new")
		for i, d := range []string{dir, fresh} {
			db := open(t, d)
			set(t, db, uint64(i+1), "who", d)
			closed(t, db)
		}
		if err := os.Rename(dir, oldDir(dir)); err != nil {
			t.Fatal(err)
		}
		want := dir
		if stop == 2 {
			want = fresh
			if err := os.Rename(fresh, dir); err != nil {
				t.Fatal(err)
			}
		}
		db := open(t, dir)
		if got := value(db, "who"); got != want {
			t.Errorf("stopped at %d: %s", stop, got)
		}
		if _, err := os.Stat(oldDir(dir)); err == nil {
			t.Error("the old database is still there")
		}
		closed(t, db)
	}
	if err := Replace(filepath.Join(t.TempDir(), "a"), t.TempDir()); err == nil {
		t.Error("replaced by an empty directory")
	}
}

// TestIterMergesOwnWrites compares iteration in a transaction with a sorted map.
func TestIterMergesOwnWrites(t *testing.T) {
	db := open(t, t.TempDir())
	defer closed(t, db)
	index, truth := uint64(0), map[string]string{}
	key := rapid.StringMatching("[ab]{1,3}")
	rapid.Check(t, func(rt *rapid.T) {
		tx, mine := db.Update(), maps.Clone(truth)
		for range rapid.IntRange(0, 10).Draw(rt, "writes") {
			k := key.Draw(rt, "key")
			if rapid.Bool().Draw(rt, "put") {
				Extra.Put(tx, []byte(k), []byte(fmt.Sprint(index)))
				mine[k] = fmt.Sprint(index)
			} else {
				Extra.Delete(tx, []byte(k))
				delete(mine, k)
			}
		}
		prefix, from := rapid.StringMatching("[ab]{0,1}").Draw(rt, "prefix"), rapid.StringMatching("[ab]{0,2}").Draw(rt, "from")
		var got, want []string
		Extra.Scan(tx, []byte(prefix), []byte(from), func(k, v []byte) bool {
			got = append(got, string(k)+"="+string(v))
			return true
		})
		for _, k := range slices.Sorted(maps.Keys(mine)) {
			if strings.HasPrefix(k, prefix) && k >= from {
				want = append(want, k+"="+mine[k])
			}
		}
		if !slices.Equal(got, want) {
			rt.Fatalf("%v, want %v", got, want)
		}
		if rapid.Bool().Draw(rt, "commit") {
			index++
			if err := tx.Commit(index, 1); err != nil {
				rt.Fatal(err)
			}
			truth = mine
		} else {
			tx.Discard()
		}
	})
}

func TestEscapedOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringMatching("[\x00\x01a\u00ff]{0,4}")
		a, b, tail := text.Draw(rt, "a"), text.Draw(rt, "b"), []byte(text.Draw(rt, "tail"))
		x, y := append(AppendEscaped(nil, a), tail...), append(AppendEscaped(nil, b), 'z')
		if a != b && (a < b) != (bytes.Compare(x, y) < 0) {
			rt.Fatalf("%q %q", a, b)
		}
		if strings.HasPrefix(a, b) != bytes.HasPrefix(AppendEscapedPrefix(nil, a), AppendEscapedPrefix(nil, b)) {
			rt.Fatalf("prefix %q %q", a, b)
		}
	})
}

func TestKeyRowReadings(t *testing.T) {
	db := open(t, t.TempDir())
	defer closed(t, db)
	for i, pieces := range []int{0, 1, InlinePieces, InlinePieces + 1, BodyPieces, 3*BodyPieces + 1} {
		index := uint64(i + 1)
		info := &ompb.KeyInfo{Key: "k\x00", Size: 9, Etag: "e", ModifiedNs: 3, Meta: &ompb.KeyMeta{StorageClass: "X", Tags: map[string]string{"a": "b"}}}
		for p := range pieces {
			info.Blocks = append(info.Blocks, &commonpb.Block{Id: &commonpb.BlockID{Container: 1, Local: uint64(p)}, Length: 1})
			if p%2 == 0 {
				info.Parts = append(info.Parts, &ompb.Part{Number: uint32(p + 1), Etag: "p"})
			}
		}
		tx := db.Update()
		Keys.Put(tx, index, ObjectKey(5, info.Key), info)
		if err := tx.Commit(index, 1); err != nil {
			t.Fatal(err)
		}
		tx = db.View()
		if got := Keys.Get(tx, ObjectKey(5, info.Key)); !proto.Equal(got, info) {
			t.Errorf("%d pieces: %v", pieces, got)
		}
		head := Keys.Head(tx, ObjectKey(5, info.Key))
		if head.Key != info.Key || head.Size != 9 || head.Blocks != nil || head.Meta.Tags != nil || head.Meta.StorageClass != "X" {
			t.Errorf("head: %v", head)
		}
		bodies := 0
		bodyRows.Scan(tx, nil, nil, func([]byte, *ompb.KeyInfo) bool { bodies++; return true })
		if want := (pieces + BodyPieces - 1) / BodyPieces; pieces > InlinePieces && bodies != want || pieces <= InlinePieces*2/3 && bodies != 0 {
			t.Errorf("%d pieces: %d body rows", pieces, bodies)
		}
		tx.Discard()
	}
}

// TestBufferedVersionRows: an iterator over any prefix of version rows finds the buffered
// ones, whether it asks the index by key or searches.
func TestBufferedVersionRows(t *testing.T) {
	db := open(t, t.TempDir())
	defer closed(t, db)
	text := rapid.StringMatching("[\x00\x01a\u00ff]{1,3}")
	rapid.Check(t, func(rt *rapid.T) {
		tx := db.Update()
		defer tx.Discard()
		bucket := rapid.SampledFrom([]uint64{1, 256, 257})
		var rows [][]byte
		for n := range uint64(rapid.IntRange(0, 20).Draw(rt, "rows")) {
			row := VersionKey(bucket.Draw(rt, "bucket"), text.Draw(rt, "key"), n, 0)
			Versions.Put(tx, 1, row, &ompb.KeyInfo{})
			rows = append(rows, row)
			if rapid.IntRange(0, 3).Draw(rt, "delete") == 0 {
				Versions.Delete(tx, row)
				rows = rows[:len(rows)-1]
			}
		}
		prefix := AppendEscapedPrefix(U64(bucket.Draw(rt, "of bucket")), text.Draw(rt, "prefix"))
		switch rapid.IntRange(0, 2).Draw(rt, "kind") {
		case 0:
			prefix = append(prefix, 0, 1)
		case 1:
			prefix = prefix[:8]
		}
		var got, want int
		for _, row := range rows {
			if bytes.HasPrefix(row, prefix) {
				want++
			}
		}
		it := Versions.Iter(tx, prefix)
		defer it.Close()
		for ok := it.Seek(nil); ok; ok = it.Next() {
			got++
		}
		if got != want {
			rt.Fatalf("%d rows under %q, want %d", got, prefix, want)
		}
	})
}

func FuzzImport(f *testing.F) {
	f.Add([]byte(snapshotMagic))
	f.Add(append([]byte(snapshotMagic), bytes.Repeat([]byte{0x80}, 60)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := filepath.Join(t.TempDir(), "x")
		if _, _, err := Import(dir, bytes.NewReader(b), small()); err == nil && len(b) < 37 {
			t.Error("imported almost nothing")
		}
	})
}
