package raftnode

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/hashicorp/raft"

	"github.com/mini-ozone/mini-ozone/internal/failpoint"
)

// snapshots is raft's snapshot store. What raft calls our newest snapshot is a
// marker: a small file which says that the table on disk holds every entry up to
// an index. Content is made only when a lagging follower asks (Open): an export
// of the table as it is then, spooled to a file because raft wants its exact size
// beforehand, and kept for the retries of a follower that is slow or away.
type snapshots struct {
	dir  string
	fsm  *fsm
	logs *logStore

	mu       sync.Mutex
	marker   *marker
	spool    *snapshotFile
	incoming *snapshotFile
}

// marker is the content of marker.json.
type marker struct {
	Meta raft.SnapshotMeta
	// TableIndex: the table had at least this applied and durable. Meta.Index can
	// be above it, by entries that are not for the table.
	TableIndex uint64
	// LogReaches: the log held the marker's entry when it was made. That is not so for
	// one that came from the leader, and not known of those before this field.
	LogReaches bool `json:",omitempty"`
}

// sealedMarker is marker.json: the marker under a checksum.
type sealedMarker struct {
	CRC32C uint32
	Marker json.RawMessage
}

// snapshotFile is a snapshot with content: one being sent or one received.
type snapshotFile struct {
	meta raft.SnapshotMeta
	path string
}

const (
	markerFile   = "marker.json"
	spoolFile    = "spool.snap"
	incomingFile = "incoming.snap"
	// installingFile is there while a received snapshot replaces the table: then, and
	// only then, the table may be ahead of log and marker.
	installingFile = "installing"
)

func openSnapshots(dir string, logs *logStore) (*snapshots, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for _, left := range []string{spoolFile, incomingFile} {
		if err := os.RemoveAll(filepath.Join(dir, left)); err != nil {
			return nil, err
		}
	}
	s := &snapshots{dir: dir, logs: logs}
	m, err := readMarker(filepath.Join(dir, markerFile))
	if err != nil {
		return nil, err
	}
	s.marker = m
	return s, nil
}

// check compares marker, table and log before raft starts: each must reach as far as
// the others promise. applied is the table's durable index, newest the highest of any row
// in it. An entry is in the log, on the disk, before it is applied; so a log that ends
// earlier has lost its end, maybe acknowledged entries, and must not vote.
func (s *snapshots) check(applied, newest uint64) error {
	var m marker
	if s.marker != nil {
		m = *s.marker
	}
	if applied < m.TableIndex {
		return fmt.Errorf("raftnode: the table is at entry %d but the marker promises %d: "+
			"state was lost; wipe this node and let it rejoin", applied, m.TableIndex)
	}
	last, err := s.logs.LastIndex()
	if err != nil {
		return err
	}
	installing, err := s.wasInstalling()
	if err != nil {
		return err
	}
	if newest > max(last, m.Meta.Index) && !installing || last < m.Meta.Index && m.LogReaches {
		return fmt.Errorf("%w: it ends at entry %d, but the table has rows of entry %d and the marker is at %d: "+
			"its end was lost; wipe this node and let it rejoin", ErrCorruptLog, last, newest, m.Meta.Index)
	}
	if installing && newest <= max(last, m.Meta.Index) { // it is over: from now on the table may not be ahead
		if err := os.Remove(filepath.Join(s.dir, installingFile)); err != nil {
			return err
		}
	}
	if last == 0 || last >= m.Meta.Index {
		return nil
	}
	// A snapshot was installed and the process died before raft dropped the older log.
	first, err := s.logs.FirstIndex()
	if err != nil {
		return err
	}
	return s.logs.DeleteRange(first, last)
}

// installing notes, durably, that the table is about to be replaced by a received one.
func (s *snapshots) installing() error {
	return replaceFile(filepath.Join(s.dir, installingFile), nil)
}

func (s *snapshots) wasInstalling() (bool, error) {
	_, err := os.Stat(filepath.Join(s.dir, installingFile))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Create begins a snapshot: a marker if barrier.Persist calls mark on the sink,
// one received from the leader if bytes are written to it.
func (s *snapshots) Create(v raft.SnapshotVersion, index, term uint64, c raft.Configuration,
	cIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	meta := raft.SnapshotMeta{
		Version: v, ID: fmt.Sprintf("%d-%d", term, index), Index: index, Term: term,
		Configuration: c, ConfigurationIndex: cIndex,
	}
	return &sink{store: s, meta: meta}, nil
}

// List has at most one entry, the marker.
func (s *snapshots) List() ([]*raft.SnapshotMeta, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.marker == nil {
		return nil, nil
	}
	meta := s.marker.Meta
	return []*raft.SnapshotMeta{&meta}, nil
}

// Open returns the received snapshot of that id, or else a fresh enough spool of
// the live table, whatever the id: raft uses the metadata returned here.
func (s *snapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.incoming != nil && s.incoming.meta.ID == id {
		return s.incoming.open()
	}
	if err := s.freshSpool(); err != nil {
		return nil, nil, err
	}
	failpoint.Hit("om/snapshot-before-send")
	return s.spool.open()
}

// freshSpool keeps the spool as long as the log still holds what follows it.
// s.mu is held.
func (s *snapshots) freshSpool() error {
	first, err := s.logs.FirstIndex()
	if err != nil {
		return err
	}
	if s.spool != nil && s.spool.meta.Index >= first {
		return nil
	}
	s.spool = nil
	next, err := s.export()
	if err != nil {
		return fmt.Errorf("export table: %w", err)
	}
	s.spool = next
	return nil
}

// export writes the live table to the spool file.
func (s *snapshots) export() (*snapshotFile, error) {
	path := filepath.Join(s.dir, spoolFile)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err // an open reader keeps the old file's content
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	buf := bufio.NewWriterSize(file, 1<<20)
	failpoint.Hit("om/snapshot-mid-export")
	index, term, conf, confIndex, err := s.fsm.export(buf)
	if err := errors.Join(err, buf.Flush()); err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return &snapshotFile{path: path, meta: raft.SnapshotMeta{
		Version: 1, ID: fmt.Sprintf("%d-%d-live", term, index), Index: index, Term: term,
		Configuration: conf, ConfigurationIndex: confIndex, Size: info.Size(),
	}}, nil
}

// dropSpool frees the disk when no follower asked for a while.
func (s *snapshots) dropSpool() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spool == nil {
		return nil
	}
	path := s.spool.path
	s.spool = nil
	return os.Remove(path)
}

// wanted tells whether a snapshot has anything that is not here already. If not, raft
// must not see it: it would throw away the log behind it, with entries that others count
// on. A leader that knows this node sends none, but the goroutine that served a removed
// member may come late with one, to the node that took its place.
func (s *snapshots) wanted(index, term uint64) bool {
	if index <= s.fsm.applied.get() {
		return false
	}
	var l raft.Log
	return s.logs.GetLog(index, &l) != nil || l.Term != term
}

// checkIncoming compares a received snapshot's label with its content.
func (s *snapshots) checkIncoming(index, term uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.incoming == nil {
		return errors.New("raftnode: restore without a received snapshot")
	}
	if m := s.incoming.meta; m.Index != index || m.Term != term {
		return fmt.Errorf("raftnode: snapshot says entry %d of term %d, its content %d of %d", m.Index, m.Term, index, term)
	}
	return nil
}

// installed makes the received snapshot the marker and forgets its bytes.
func (s *snapshots) installed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.incoming
	s.incoming = nil
	meta := in.meta
	meta.Size = 0
	if err := s.setMarker(&marker{Meta: meta, TableIndex: meta.Index}); err != nil {
		return err
	}
	return errors.Join(os.Remove(filepath.Join(s.dir, installingFile)), os.Remove(in.path))
}

// setMarker makes m durable, unless a newer one is there already: a marker of our
// own may be finished while a received snapshot is installed. s.mu is held.
func (s *snapshots) setMarker(m *marker) error {
	if s.marker != nil && m.Meta.Index < s.marker.Meta.Index {
		return nil
	}
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	sealed, err := json.Marshal(sealedMarker{CRC32C: crc32.Checksum(body, castagnoli), Marker: body})
	if err != nil {
		return err
	}
	if err := replaceFile(filepath.Join(s.dir, markerFile), sealed); err != nil {
		return fmt.Errorf("write marker: %w", err)
	}
	s.marker = m
	return nil
}

// readMarker returns nil if there is none yet.
func readMarker(path string) (*marker, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var sealed sealedMarker
	if err := json.Unmarshal(b, &sealed); err != nil {
		return nil, fmt.Errorf("raftnode: marker %s is damaged: %w", path, err)
	}
	if crc32.Checksum(sealed.Marker, castagnoli) != sealed.CRC32C {
		return nil, fmt.Errorf("raftnode: marker %s is damaged: checksum differs", path)
	}
	m := new(marker)
	return m, json.Unmarshal(sealed.Marker, m)
}

func (f *snapshotFile) open() (*raft.SnapshotMeta, io.ReadCloser, error) {
	r, err := os.Open(f.path)
	if err != nil {
		return nil, nil, err
	}
	meta := f.meta
	return &meta, r, nil
}

// replaceFile writes a file whole or not at all: temporary file, fsync, rename,
// fsync of the directory.
func replaceFile(path string, content []byte) error {
	tmp := path + ".tmp"
	f, err := os.Create(tmp)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
