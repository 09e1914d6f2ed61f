package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// The marker file is magic (8 bytes), index u64, term u64, CRC32C u32 of all before.
const (
	markerName  = "MARKER"
	markerMagic = "OZMARK\x00\x01"
	markerSize  = 8 + 8 + 8 + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func readMarker(dir string) (position, error) {
	b, err := os.ReadFile(filepath.Join(dir, markerName))
	if errors.Is(err, fs.ErrNotExist) {
		return position{}, nil
	}
	if err != nil {
		return position{}, err
	}
	if len(b) != markerSize || string(b[:8]) != markerMagic ||
		crc32.Checksum(b[:24], castagnoli) != binary.BigEndian.Uint32(b[24:]) {
		return position{}, fmt.Errorf("%w: bad marker in %s", ErrCorrupt, dir)
	}
	return position{binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:])}, nil
}

// writeMarker replaces the marker atomically and durably.
func writeMarker(dir string, p position, sync func(string) error) error {
	b := []byte(markerMagic)
	b = binary.BigEndian.AppendUint64(b, p.index)
	b = binary.BigEndian.AppendUint64(b, p.term)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return replaceFile(filepath.Join(dir, markerName), b, sync)
}

// replaceFile writes a file beside the old one, and gives it its name when it is durable.
func replaceFile(path string, b []byte, sync func(string) error) error {
	if err := os.WriteFile(path+".tmp", b, 0o600); err != nil {
		return err
	}
	if err := sync(path + ".tmp"); err != nil {
		return err
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return err
	}
	return sync(filepath.Dir(path))
}

// Barrier makes everything applied at the call durable, moves the marker there and
// returns its position. It runs beside commits and views. After an error the disk's
// state is unknown (a second fsync may lie): every later Barrier fails, and om must stop.
func (db *DB) Barrier() (index, term uint64, err error) {
	if db.ro {
		return 0, 0, errors.New("barrier of a read-only database")
	}
	db.barrier.Lock()
	defer db.barrier.Unlock()
	if db.failed != nil {
		return 0, 0, db.failed
	}
	db.mu.Lock()
	p, durable := db.applied, db.durable
	db.mu.Unlock()
	if p == durable {
		return p.index, p.term, nil
	}
	if err = db.syncFiles(); err == nil {
		err = writeMarker(db.dir, p, db.sync)
	}
	if err != nil {
		db.failed = fmt.Errorf("metadata barrier at index %d: %w", p.index, err)
		return 0, 0, db.failed
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.durable = p
	db.discard()
	return p.index, p.term, nil
}

// syncLogs fsyncs badger's memtable logs, the value log and the manifest, and the
// directory for their names. Rows that are in none of these are in tables, which badger
// syncs itself before it drops a log (CreateTable msyncs, and the manifest is synced after
// each change). A log that vanishes under us was flushed to such a table.
func syncLogs(dir string, sync func(string) error) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		if !strings.HasSuffix(name, ".mem") && !strings.HasSuffix(name, ".vlog") && name != "MANIFEST" {
			continue
		}
		if err := sync(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return sync(dir)
}

// syncFile fsyncs a file or directory by name.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// isLocked reports whether somebody holds badger's lock on f.
func isLocked(f *os.File) bool {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	return errors.Is(err, unix.EWOULDBLOCK)
}
