package state

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
	"github.com/rs/zerolog"
	"pgregory.net/rapid"
)

// TestModel runs random histories with repeated requests over the model; then, for some,
// the same log, cut into other batches, on a second replica, or with crashes; or a replica
// made of a snapshot.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, remove := tempDir(rt)
		defer remove()
		db := openDB(rt, filepath.Join(dir, "a"))
		defer db.Close()
		h := &history{T: rt, m: newMachine(rt, db), truth: newModel()}
		h.run(rapid.IntRange(1, 120).Draw(rt, "length"))
		h.check()
		want := h.m.hash()
		switch rapid.IntRange(0, 4).Draw(rt, "then") {
		case 0:
			second := openDB(rt, filepath.Join(dir, "b"))
			defer second.Close()
			replay(rt, second, h.m.log, len(h.m.log))
			if got := (&machine{t: rt, db: second}).hash(); got != want {
				rt.Fatalf("replicas differ")
			}
		case 1:
			crashes(rt, filepath.Join(dir, "c"), h.m.log, want)
		case 2:
			installed(rt, db, filepath.Join(dir, "d"), want)
		}
	})
}

// TestModelOfEntries is TestModel with several requests in an entry: what they write has one
// index, and each sees what those before it did.
func TestModelOfEntries(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, remove := tempDir(rt)
		defer remove()
		db := openDB(rt, dir)
		defer db.Close()
		h := &history{T: rt, m: newMachine(rt, db), truth: newModel()}
		h.m.group = func() int { return rapid.IntRange(1, 12).Draw(rt, "requests") }
		defer h.m.flush()
		h.run(rapid.IntRange(1, 120).Draw(rt, "length"))
		h.m.flush()
		h.check()
	})
}

// replay applies the log up to entry `to` in batches of drawn sizes.
func replay(rt *rapid.T, db *table.DB, log []*ompb.Request, to int) {
	for at := applied(db); at < to; at = applied(db) {
		n := min(rapid.IntRange(1, 12).Draw(rt, "batch"), to-at)
		applyAll(rt, db, log[at:at+n], uint64(at), 1)
	}
}

// installed makes another replica of a snapshot of db.
func installed(rt *rapid.T, db *table.DB, dir string, want [32]byte) {
	var snapshot bytes.Buffer
	if _, _, err := db.Export(&snapshot); err != nil {
		rt.Fatalf("export: %v", err)
	}
	if _, _, err := table.Import(dir, &snapshot, table.Options{Log: zerolog.Nop(), MemTableSize: 1 << 20}); err != nil {
		rt.Fatalf("import: %v", err)
	}
	other := openDB(rt, dir)
	defer other.Close()
	if got := (&machine{t: rt, db: other}).hash(); got != want || applied(other) != applied(db) {
		rt.Fatalf("the installed replica differs")
	}
}

func applied(db *table.DB) int {
	index, _ := db.Applied()
	return int(index)
}

// crashes replays the log with barriers and power losses in between: what was written after
// the last barrier is kept, cut, or zeroed, differently each time.
func crashes(rt *rapid.T, dir string, log []*ompb.Request, want [32]byte) {
	for round := 0; ; round++ {
		safe := memTables(dir)
		db := openDB(rt, dir)
		durable := applied(db)
		replay(rt, db, log, rapid.IntRange(durable, len(log)).Draw(rt, "barrier at"))
		if rapid.Bool().Draw(rt, "barrier") {
			if _, _, err := db.Barrier(); err != nil {
				rt.Fatalf("barrier: %v", err)
			}
			safe = memTables(dir)
		}
		replay(rt, db, log, rapid.IntRange(applied(db), len(log)).Draw(rt, "crash at"))
		if round == 3 {
			replay(rt, db, log, len(log))
			got := (&machine{t: rt, db: db}).hash()
			if err := db.Close(); err != nil {
				rt.Fatalf("close: %v", err)
			}
			if got != want {
				rt.Fatalf("state after crashes differs")
			}
			return
		}
		next := dir + "x"
		powerLoss(rt, dir, next, safe)
		if err := db.Close(); err != nil {
			rt.Fatalf("close: %v", err)
		}
		dir = next
	}
}

// memTables reads badger's logs as they are at a barrier.
func memTables(dir string) map[string][]byte {
	out := map[string][]byte{}
	names, _ := filepath.Glob(filepath.Join(dir, "*.mem"))
	for _, name := range names {
		if b, err := os.ReadFile(name); err == nil { // else it was just flushed
			out[filepath.Base(name)] = b
		}
	}
	return out
}

// powerLoss copies dir as a disk might have it: of the pages of a log that changed since
// the barrier, each may be new or old. badger flushes in the background, so the copy is
// taken again until the set of files stood still; the later copy counts, for whatever its
// manifest names was whole before that copy began.
func powerLoss(rt *rapid.T, dir, to string, safe map[string][]byte) {
	before, files := copyOfDir(dir), copyOfDir(dir)
	for !sameFiles(before, files) {
		before, files = files, copyOfDir(dir)
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		rt.Fatalf("%v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasSuffix(name, ".mem") {
			damage(rt, files[name], safe[name])
		}
		if err := os.WriteFile(filepath.Join(to, name), files[name], 0o600); err != nil {
			rt.Fatalf("%v", err)
		}
	}
}

func copyOfDir(dir string) map[string][]byte {
	out := map[string][]byte{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if e.Name() == "LOCK" || strings.HasSuffix(e.Name(), ".vlog") {
			continue
		}
		if b, err := os.ReadFile(filepath.Join(dir, e.Name())); err == nil { // else it went away meanwhile
			out[e.Name()] = b
		}
	}
	return out
}

// sameFiles: same names, same manifest, and tables of the same size.
func sameFiles(a, b map[string][]byte) bool {
	return maps.EqualFunc(a, b, func(x, y []byte) bool { return len(x) == len(y) }) &&
		slices.Equal(a["MANIFEST"], b["MANIFEST"])
}

func damage(rt *rapid.T, now, before []byte) {
	const page = 4096
	before = append(slices.Clone(before), make([]byte, max(0, len(now)-len(before)))...)
	for at := 0; at < len(now); at += page {
		end := min(at+page, len(now))
		if !slices.Equal(now[at:end], before[at:end]) && rapid.Bool().Draw(rt, "page lost") {
			copy(now[at:end], before[at:end])
		}
	}
}
