package raftnode

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/om/table"
)

// TestScrubFindsDamage: damage that comes while the node runs ends it, and the next
// Open refuses.
func TestScrubFindsDamage(t *testing.T) {
	cfg := oneConfig(t, t.TempDir())
	n := openOne(t, cfg)
	for i := range 100 {
		mustPropose(t, n, createVolume(fmt.Sprintf("vol-%03d", i)))
	}
	closeNode(t, n) // flushes to a table

	fatal := make(chan error, 1)
	cfg.ScrubPeriod, cfg.Fatal = 10*time.Millisecond, func(err error) { fatal <- err }
	n = openOne(t, cfg)
	defer closeNode(t, n)
	select {
	case err := <-fatal:
		t.Fatalf("nothing is damaged yet: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	names, err := filepath.Glob(filepath.Join(cfg.Dir, "table", "*.sst"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%v, %v", names, err)
	}
	f, err := os.OpenFile(names[0], os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt([]byte("rot"), 5000)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-fatal:
		if !errors.Is(err, table.ErrCorrupt) {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the damage went unnoticed")
	}
}
