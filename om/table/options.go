package table

import (
	"strings"

	"github.com/dgraph-io/badger/v4"
	badgeropts "github.com/dgraph-io/badger/v4/options"
	"github.com/rs/zerolog"
)

// MaxValue is the most bytes one row may hold. Larger would go to badger's value log,
// which nobody collects.
const MaxValue = 1<<20 - 64

// Options of Open and Import.
type Options struct {
	Log zerolog.Logger
	// MemTableSize in bytes; 0 is 16 MiB. Anonymous memory is three of them, the buffers of
	// compaction (about 60 MiB), and what the garbage collector has not yet taken.
	MemTableSize int64
	// ReadOnly opens for reading beside nobody: no Update, no Barrier, and the files
	// must have been closed cleanly.
	ReadOnly bool
}

// badgerOptions are chosen by the measurements in reference/storage.md: no compression
// (reads 1.3x faster, and blocks come straight from the page cache, so no block cache),
// few and small memtables (memory), block checksums verified on every read.
func badgerOptions(dir string, o Options) badger.Options {
	size := o.MemTableSize
	if size == 0 {
		size = 16 << 20
	}
	return badger.DefaultOptions(dir).
		WithSyncWrites(false).
		WithDetectConflicts(false).
		WithNumVersionsToKeep(1).
		WithCompression(badgeropts.None).
		WithBlockCacheSize(0).
		WithIndexCacheSize(16 << 20).
		WithMemTableSize(size).
		WithBaseTableSize(1 << 20).
		WithNumMemtables(2).
		WithNumCompactors(2).
		WithValueLogFileSize(16 << 20).
		WithValueThreshold(min(1<<20, size*15/100)).
		WithChecksumVerificationMode(badgeropts.OnBlockRead).
		WithMetricsEnabled(false).
		WithReadOnly(o.ReadOnly).
		WithLogger(badgerLog{o.Log})
}

// badgerLog lets badger speak through our log; its chatter is debug.
type badgerLog struct{ log zerolog.Logger }

func (l badgerLog) Errorf(f string, a ...any)   { l.log.Error().Msgf(strings.TrimSpace(f), a...) }
func (l badgerLog) Warningf(f string, a ...any) { l.log.Warn().Msgf(strings.TrimSpace(f), a...) }
func (l badgerLog) Infof(f string, a ...any)    { l.log.Debug().Msgf(strings.TrimSpace(f), a...) }
func (l badgerLog) Debugf(f string, a ...any)   { l.log.Trace().Msgf(strings.TrimSpace(f), a...) }
