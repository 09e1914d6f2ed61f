package table

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// removeEmptyLogs removes memtable logs without a byte. badger makes such a file and then
// gives it its size; after a crash in between it refuses to open the database, though
// nothing was ever in it. The lock is badger's: the log of an open database stays.
func removeEmptyLogs(dir string) error {
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close() // with the lock
	if isLocked(f) {
		return ErrLocked
	}
	entries, err := f.ReadDir(-1)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return err
		}
		if !strings.HasSuffix(e.Name(), ".mem") || info.Size() > 0 {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
