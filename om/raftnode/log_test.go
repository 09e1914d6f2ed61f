package raftnode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

func TestRecordsAreChecked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := raft.Log{
			Index: rapid.Uint64().Draw(t, "index"), Term: rapid.Uint64().Draw(t, "term"),
			Type: raft.LogType(rapid.IntRange(0, 5).Draw(t, "type")),
			Data: rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(t, "data"), Extensions: rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "ext"),
		}
		stored := l
		stored.Data = bytes.Clone(l.Data)
		stored.Extensions = sealRecord(&l)
		good := stored
		good.Extensions = bytes.Clone(stored.Extensions)
		if !openRecord(&good) || !bytes.Equal(good.Extensions, l.Extensions) || !bytes.Equal(good.Data, l.Data) {
			t.Fatal("an intact record is refused or changed")
		}
		bad := stored
		switch rapid.IntRange(0, 4).Draw(t, "damage") {
		case 0:
			bad.Index ^= 1 << rapid.IntRange(0, 63).Draw(t, "bit")
		case 1:
			bad.Term ^= 1 << rapid.IntRange(0, 63).Draw(t, "bit")
		case 2:
			bad.Type ^= 1
		case 3:
			bad.Data[rapid.IntRange(0, len(bad.Data)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		case 4:
			bad.Extensions[rapid.IntRange(0, len(bad.Extensions)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		}
		if openRecord(&bad) {
			t.Fatal("damage was not noticed")
		}
	})
}

// A flipped bit in the log file is an error at start, not another history.
func TestDamagedLogIsRefused(t *testing.T) {
	cfg := oneConfig(t, t.TempDir())
	n := openOne(t, cfg)
	mustPropose(t, n, createVolume("needle-in-the-log"))
	mustPropose(t, n, createVolume("other"))
	crashed := filepath.Join(t.TempDir(), "crashed")
	copyDir(t, cfg.Dir, crashed)
	closeNode(t, n)
	files, err := filepath.Glob(filepath.Join(crashed, "log", "*.wal"))
	if err != nil || len(files) == 0 {
		t.Fatalf("log files %v, %v", files, err)
	}
	damaged := false
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if i := bytes.Index(b, []byte("needle")); i >= 0 {
			b[i] ^= 1
			damaged = true
			if err := os.WriteFile(f, b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !damaged {
		t.Fatal("the request is not in the log files")
	}
	cfg.Dir = crashed
	n, err = Open(cfg)
	if err == nil {
		// raft-wal's own check cut the log there: then nothing behind it may count as lost silently.
		ctx := testContext(t)
		err = n.WaitLeader(ctx)
		has := hasVolumeNow(t, n, "needle-in-the-log")
		closeNode(t, n)
		t.Fatalf("opened a damaged log: %v, volume there: %t", err, has)
	}
	if !errors.Is(err, ErrCorruptLog) {
		t.Logf("refused by the log library: %v", err)
	}
}

func TestFailedLogWriteIsFatal(t *testing.T) {
	var fatal error
	s, err := openLogStore(t.TempDir(), 1<<20, func(err error) { fatal = err })
	if err != nil {
		t.Fatal(err)
	}
	if err := s.StoreLog(&raft.Log{Index: 1, Term: 1}); err != nil || fatal != nil {
		t.Fatalf("%v, %v", err, fatal)
	}
	if err := s.wal.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.StoreLog(&raft.Log{Index: 2, Term: 1}); err == nil || !errors.Is(fatal, err) {
		t.Errorf("write failed with %v, fatal %v", err, fatal)
	}
	if err := s.meta.Close(); err != nil {
		t.Error(err)
	}
}

func TestEntryRoundTrip(t *testing.T) {
	var entry []byte
	reqs := []*ompb.Request{createVolume("a"), {}, commitKey("v", "b", "k")}
	entry = newEntry(len(reqs), 0)
	for i, r := range reqs {
		b, err := proto.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		entry = appendRequest(entry, b, int64(i+1), []byte{byte(i)})
		r.TimeNs, r.Entropy = int64(i+1), []byte{byte(i)}
	}
	got, err := decodeEntry(entry)
	if err != nil || len(got) != len(reqs) {
		t.Fatalf("%v, %v", got, err)
	}
	for i := range reqs {
		if !proto.Equal(got[i], reqs[i]) {
			t.Errorf("request %d: %v, want %v", i, got[i], reqs[i])
		}
	}
	for cut := range entry {
		if _, err := decodeEntry(entry[:cut]); err == nil {
			t.Errorf("cut to %d bytes it is accepted", cut)
		}
	}
	if got, err := decodeEntry(newEntry(0, 0)); err != nil || len(got) != 0 {
		t.Errorf("empty entry: %v, %v", got, err)
	}
}

func FuzzDecodeEntry(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{2, 0})
	f.Add(newEntry(0, 0))
	f.Add(appendRequest(newEntry(1, 0), nil, 5, []byte("e")))
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		reqs, err := decodeEntry(b)
		if (err == nil) == (reqs == nil) {
			t.Errorf("%v with error %v", reqs, err)
		}
	})
}

func TestProgress(t *testing.T) {
	var p progress
	p.set(5)
	if err := p.wait(testContext(t), 5); err != nil {
		t.Error(err)
	}
	done := make(chan error)
	go func() { done <- p.wait(testContext(t), 7) }()
	p.set(6)
	p.set(7)
	if err := <-done; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := p.wait(ctx, 8); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestCutLogIsReadAfterRestart: a leader that was cut off drops, when it is back, what
// nobody confirmed. raft-wal 0.4.0 then left a segment that no restart could read
// (its issue 31).
func TestCutLogIsReadAfterRestart(t *testing.T) {
	for _, keep := range []uint64{0, 1, 5, 9} {
		dir := t.TempDir()
		fatal := func(err error) { t.Error(err) }
		s, err := openLogStore(dir, 1<<20, fatal)
		if err != nil {
			t.Fatal(err)
		}
		store := func(index, term uint64) {
			t.Helper()
			l := &raft.Log{Index: index, Term: term, Data: fmt.Append(nil, index, term)}
			if err := s.StoreLog(l); err != nil {
				t.Fatal(err)
			}
		}
		for i := range uint64(10) {
			store(i+1, 1)
		}
		if err := s.DeleteRange(keep+1, 10); err != nil {
			t.Fatal(err)
		}
		for round := range 3 {
			if round < 2 { // the first reopening finds the cut alone, the second what followed
				if err := s.close(); err != nil {
					t.Fatal(err)
				}
				if s, err = openLogStore(dir, 1<<20, fatal); err != nil {
					t.Fatalf("keep %d, round %d: %v", keep, round, err)
				}
			}
			for i := range keep + 2*uint64(round) {
				term := uint64(1)
				if i >= keep {
					term = 2
				}
				l := new(raft.Log)
				if err := s.GetLog(i+1, l); err != nil || l.Term != term || !bytes.Equal(l.Data, fmt.Append(nil, i+1, term)) {
					t.Errorf("keep %d, round %d: entry %d is %v, %v", keep, round, i+1, l, err)
				}
			}
			next := keep + 2*uint64(round)
			store(next+1, 2)
			store(next+2, 2)
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
	}
}
