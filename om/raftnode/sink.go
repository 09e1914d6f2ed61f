package raftnode

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"

	"github.com/mini-ozone/mini-ozone/internal/failpoint"
)

// sink is a snapshot in the making. See snapshots.Create.
type sink struct {
	store *snapshots
	meta  raft.SnapshotMeta
	file  *os.File // of a received snapshot, from the first byte on
}

// ID names the snapshot.
func (k *sink) ID() string { return k.meta.ID }

// mark completes a snapshot as a marker.
func (k *sink) mark(tableIndex uint64) error {
	k.store.mu.Lock()
	defer k.store.mu.Unlock()
	last, err := k.store.logs.LastIndex()
	if err != nil {
		return err
	}
	return k.store.setMarker(&marker{Meta: k.meta, TableIndex: tableIndex, LogReaches: last >= k.meta.Index})
}

// Write receives the next bytes from the leader.
func (k *sink) Write(b []byte) (int, error) {
	if k.file == nil {
		if !k.store.wanted(k.meta.Index, k.meta.Term) { // screen has let it through: it came true meanwhile
			return 0, fmt.Errorf("raftnode: a snapshot of entry %d, which this node has", k.meta.Index)
		}
		f, err := os.Create(filepath.Join(k.store.dir, incomingFile))
		if err != nil {
			return 0, err
		}
		k.file = f
	}
	n, err := k.file.Write(b)
	failpoint.Hit("om/snapshot-mid-receive")
	k.meta.Size += int64(n)
	return n, err
}

// Close ends a received snapshot; raft restores from it next. The bytes need no
// fsync: after a crash the leader sends them again.
func (k *sink) Close() error {
	if k.file == nil {
		return nil
	}
	path := k.file.Name()
	if err := k.file.Close(); err != nil {
		return err
	}
	k.store.mu.Lock()
	defer k.store.mu.Unlock()
	k.store.incoming = &snapshotFile{meta: k.meta, path: path}
	return nil
}

// Cancel drops a received snapshot that did not arrive whole.
func (k *sink) Cancel() error {
	if k.file == nil {
		return nil
	}
	return errors.Join(k.file.Close(), os.Remove(k.file.Name()))
}
