package table

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// entry is what raft entry i does in these tests: it sets one of seven rows, or removes it.
func entry(tx *Txn, i uint64) {
	key := fmt.Appendf(nil, "k%d", i%7)
	if i%5 == 0 {
		Extra.Delete(tx, key)
		return
	}
	Extra.Put(tx, key, fmt.Append(nil, i))
}

// apply commits entries up to `to`, n at a time.
func apply(t *testing.T, db *DB, to, n uint64) {
	t.Helper()
	for at, _ := db.Applied(); at < to; at, _ = db.Applied() {
		tx, end := db.Update(), min(at+n, to)
		for i := at + 1; i <= end; i++ {
			entry(tx, i)
		}
		if err := tx.Commit(end, 1); err != nil {
			t.Fatal(err)
		}
	}
}

func file(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestPowerLossWithTwoLogs is the case that badger's own recovery gets wrong without a
// word: of two memtable logs the older lost its unsynced end and the newer is whole.
// The applied row then says 20 while entries 6 to 10 are gone.
func TestPowerLossWithTwoLogs(t *testing.T) {
	// First log: entries to the barrier at 5, and on to 10.
	first := t.TempDir()
	db := open(t, first)
	apply(t, db, 5, 2)
	if _, _, err := db.Barrier(); err != nil {
		t.Fatal(err)
	}
	synced := file(t, first, "00001.mem")
	apply(t, db, 10, 2)
	whole := file(t, first, "00001.mem")
	manifest, marker := file(t, first, "MANIFEST"), file(t, first, markerName)
	closed(t, db)

	// Second log: entries 11 to 20, as a rotation in the same process would leave it.
	second := t.TempDir()
	db = open(t, second)
	db.applied = position{10, 1}
	apply(t, db, 20, 3)
	newer := file(t, second, "00001.mem")
	closed(t, db)

	half := append(append([]byte(nil), newer[:250]...), make([]byte, len(newer)-250)...)
	for name, mems := range map[string][2][]byte{
		"all written":             {whole, newer},
		"older log lost its end":  {synced, newer},
		"newer log lost":          {whole, make([]byte, len(newer))},
		"both lost":               {synced, half},
		"newer log never created": {synced, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for name, b := range map[string][]byte{
				"MANIFEST": manifest, markerName: marker, "00001.mem": mems[0], "00002.mem": mems[1],
			} {
				if b == nil {
					continue
				}
				if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			db := open(t, dir)
			defer closed(t, db)
			if index, _ := db.Applied(); index != 5 {
				t.Fatalf("applied %d after power loss, the marker says 5", index)
			}
			compare(t, db, 5)
			for to := uint64(7); to <= 20; to++ { // what the first run left must never show
				apply(t, db, to, 3)
				compare(t, db, to)
			}
		})
	}
}

// compare checks all rows against entries 1 to `to`.
func compare(t *testing.T, db *DB, to uint64) {
	t.Helper()
	want := map[string]string{}
	for i := uint64(1); i <= to; i++ {
		key := fmt.Sprintf("k%d", i%7)
		want[key] = fmt.Sprint(i)
		if i%5 == 0 {
			delete(want, key)
		}
	}
	if got := all(db); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("at %d: %v, want %v", to, got, want)
	}
	for i := range 7 {
		key := fmt.Sprintf("k%d", i)
		if got := value(db, key); got != want[key] {
			t.Fatalf("at %d: %s is %q, want %q", to, key, got, want[key])
		}
	}
}

// TestBarrierFailsForGood lets each fsync of a barrier fail: the marker stays where it
// was, no later barrier succeeds (a second fsync may lie), and reopening finds the old marker
// unless only the very last sync, that of the new marker's name, was missing.
func TestBarrierFailsForGood(t *testing.T) {
	for fail := 0; ; fail++ {
		dir := t.TempDir()
		db := open(t, dir)
		apply(t, db, 5, 2)
		if _, _, err := db.Barrier(); err != nil {
			t.Fatal(err)
		}
		apply(t, db, 10, 2)
		var synced []string
		db.sync = func(path string) error {
			synced = append(synced, filepath.Base(path))
			if len(synced)-1 == fail {
				return os.ErrDeadlineExceeded
			}
			return syncFile(path)
		}
		_, _, err := db.Barrier()
		if err == nil {
			t.Logf("synced %v", synced)
			for _, need := range []string{"00001.mem", "MANIFEST", markerName + ".tmp", filepath.Base(dir)} {
				if !slices.Contains(synced, need) {
					t.Errorf("%s was not synced", need)
				}
			}
			closed(t, db)
			if fail < 4 {
				t.Errorf("only %d syncs", fail)
			}
			return
		}
		if index, _ := db.Durable(); index != 5 {
			t.Fatalf("durable %d after a failed barrier", index)
		}
		if _, _, err := db.Barrier(); err == nil {
			t.Error("a later barrier succeeded")
		}
		if err := db.Close(); err == nil {
			t.Error("close did not tell")
		}
		db = open(t, dir)
		if index, _ := db.Applied(); index != 5 && synced[len(synced)-1] != filepath.Base(dir) {
			t.Errorf("applied %d, failed at %v", index, synced)
		}
		closed(t, db)
	}
}

// TestCrashWhileALogIsMade: badger makes a file and then gives it its size. A crash in
// between leaves an empty log, which badger itself refuses to open.
func TestCrashWhileALogIsMade(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir)
	apply(t, db, 5, 2)
	if _, _, err := db.Barrier(); err != nil {
		t.Fatal(err)
	}
	crashed := t.TempDir()
	for _, name := range []string{"00001.mem", "MANIFEST", markerName} {
		if err := os.WriteFile(filepath.Join(crashed, name), file(t, dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	closed(t, db)
	empty := filepath.Join(crashed, "00002.mem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	db = open(t, crashed)
	if at, _ := db.Applied(); at != 5 {
		t.Errorf("applied is %d", at)
	}
	apply(t, db, 10, 2)
	// Nobody else's files are touched: here the log is the open database's.
	later := filepath.Join(crashed, "00009.mem")
	if err := os.WriteFile(later, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(crashed, small()); !errors.Is(err, ErrLocked) {
		t.Errorf("open twice: %v", err)
	}
	if _, err := os.Stat(later); err != nil {
		t.Error(err)
	}
	closed(t, db)
}
