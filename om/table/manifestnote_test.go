package table

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestCutManifest: badger opens a table whose MANIFEST lost its end, without the rows of the
// tables that it does not know any more. Found by chaos.TestDamageIsRepaired: an om came
// up with half of its rows and a vote. A MANIFEST that is longer than noted is fine, and so
// is one that was written anew.
func TestCutManifest(t *testing.T) {
	b := []byte("Bdgr\x00\x00\x00\x08" + "\x00\x00\x00\x02crc1ab" + "\x00\x00\x00\x03crc2abc")
	torn := append(append([]byte{}, b...), "\x00\x00\x00\x09crc3a"...)
	anew := []byte("Bdgr\x00\x00\x00\x08" + "\x00\x00\x00\x04crc9abcd")
	dir := t.TempDir()
	check := func(manifest []byte) error {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, manifestName), manifest, 0o600); err != nil {
			t.Fatal(err)
		}
		return checkManifest(dir)
	}
	if err := check(b); err != nil {
		t.Errorf("without a note: %v", err)
	}
	db := &DB{dir: dir, sync: syncFile}
	if err := errors.Join(check(torn), db.syncFiles()); err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string][]byte{"whole": b, "torn behind": torn, "written anew": anew} {
		if err := check(m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for n := range len(b) {
		if err := check(b[:n]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
	note, err := os.ReadFile(filepath.Join(dir, noteName))
	if err != nil {
		t.Fatal(err)
	}
	for i := range note {
		note[i] ^= 4
		if err := os.WriteFile(filepath.Join(dir, noteName), note, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := check(b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("note with a flip at %d: %v", i, err)
		}
		note[i] ^= 4
	}
}

// The same with badger: rows that are in tables only, and a log with what the marker says.
func TestTableWithCutManifest(t *testing.T) {
	dir, crashed := filepath.Join(t.TempDir(), "table"), filepath.Join(t.TempDir(), "crashed")
	for i := range uint64(3) { // closing flushes what there is to a table
		db, err := Open(dir, Options{MemTableSize: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		tx := db.Update()
		tx.SetMeta(string(rune('a'+i)), U64(i))
		if err := tx.Commit(i+1, 1); err != nil {
			t.Fatal(err)
		}
		if _, _, err := db.Barrier(); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(crashed); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.CopyFS(crashed, os.DirFS(dir)), db.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(filepath.Join(crashed, manifestName), 20); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(crashed, Options{MemTableSize: 1 << 20}); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("opened without the rows of its tables: %v", err)
	}
}
