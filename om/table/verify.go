package table

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
	badgeropts "github.com/dgraph-io/badger/v4/options"
	badgertable "github.com/dgraph-io/badger/v4/table"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Verify reads every table and compares its checksums; a mismatch is ErrCorrupt. Reads
// alone would not tell: to badger's Get and iterators, compaction's included, a block
// with a wrong checksum is a block without rows.
func (db *DB) Verify() error {
	return verified(db.b.VerifyChecksum)
}

// verifyTables is Verify before badger opens dir, and begins to compact what is there.
// Files that the manifest doesn't name were never finished, or are replaced.
func verifyTables(dir string, o badger.Options) error {
	f, err := os.Open(filepath.Join(dir, badger.ManifestFilename))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	manifest, _, err := badger.ReplayManifestFile(f, o.ExternalMagicVersion, o)
	if err != nil {
		return fmt.Errorf("%w: manifest: %w", ErrCorrupt, err)
	}
	var g errgroup.Group
	g.SetLimit(4)
	for id := range manifest.Tables {
		g.Go(func() error { return verified(func() error { return verifyTable(dir, id) }) })
	}
	return g.Wait()
}

func verifyTable(dir string, id uint64) error {
	f, err := os.Open(badgertable.NewFilename(id, dir))
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	// Mapped, as badger does it: tables are up to 64 MiB, and memory is counted.
	b, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map table %d of %d bytes: %w", id, info.Size(), err)
	}
	defer func() { _ = unix.Munmap(b) }()
	t, err := badgertable.OpenInMemoryTable(b, id, &badgertable.Options{Compression: badgeropts.None})
	if err != nil {
		return fmt.Errorf("table %d: %w", id, err)
	}
	return t.VerifyChecksum()
}

// verified makes what a check of tables says, or panics with, ErrCorrupt: badger
// believes a block's trailer before it sums the block.
func verified(check func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: a table makes no sense: %v", ErrCorrupt, p)
		}
	}()
	if err := check(); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return nil
}
