package vfs

import (
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"sync"
	"syscall"
)

// sector is the largest piece that a disk writes whole or not at all.
const sector = 512

// Mem is a file system in memory that knows what a power loss would leave of it.
type Mem struct {
	mu       sync.Mutex
	live     map[string]*memNode // what a running program sees, by clean path
	durable  map[string]*memNode // names that survive a power loss
	locks    map[string]bool
	capacity int64 // 0: no limit
}

var _ FS = (*Mem)(nil)

// memNode is a file or a directory, whatever its name.
type memNode struct {
	dir    bool
	mu     sync.RWMutex
	data   []byte // as read and written
	synced []byte // as of the last Sync
	lo, hi int64  // data[lo:hi] may differ from synced
}

// NewMem returns an empty file system of the given capacity; 0 means without limit.
func NewMem(capacity int64) *Mem {
	root := &memNode{dir: true}
	return &Mem{
		live:     map[string]*memNode{"/": root, ".": root},
		durable:  map[string]*memNode{"/": root, ".": root},
		locks:    map[string]bool{},
		capacity: capacity,
	}
}

// SetCapacity changes the capacity; 0 means without limit.
func (m *Mem) SetCapacity(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.capacity = n
}

// Kill returns the file system as a new process finds it after the old one was
// killed now: everything written is there, nothing more became durable, no lock is
// held. The receiver goes on unchanged and apart.
func (m *Mem) Kill() *Mem { return m.clone(nil) }

// Crash returns the file system as it is found after a power loss now. Of each
// unsynced change rng decides what survives: of bytes 512 at a time, of names one
// by one. The receiver goes on unchanged and apart.
func (m *Mem) Crash(rng *rand.Rand) *Mem { return m.clone(rng) }

func (m *Mem) clone(rng *rand.Rand) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := NewMem(m.capacity)
	copies := map[*memNode]*memNode{}
	twin := func(n *memNode) *memNode {
		if copies[n] == nil {
			copies[n] = n.clone(rng)
		}
		return copies[n]
	}
	if rng == nil {
		for name, n := range m.live {
			out.live[name] = twin(n)
		}
		for name, n := range m.durable {
			out.durable[name] = twin(n)
		}
		return out
	}
	for _, name := range sortedNames(m.live, m.durable) { // parents before children
		n, old := m.live[name], m.durable[name]
		if n != old && rng.IntN(2) == 0 {
			n = old
		}
		if parent := out.live[path.Dir(name)]; n != nil && parent != nil {
			out.live[name] = twin(n)
		}
	}
	out.durable = maps.Clone(out.live)
	return out
}

func sortedNames(a, b map[string]*memNode) []string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

// clone copies n; with rng as after a power loss.
func (n *memNode) clone(rng *rand.Rand) *memNode {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if n.dir {
		return &memNode{dir: true}
	}
	if rng == nil {
		return &memNode{data: slices.Clone(n.data), synced: slices.Clone(n.synced), lo: n.lo, hi: n.hi}
	}
	data := n.survivors(rng)
	return &memNode{data: data, synced: slices.Clone(data)}
}

// survivors returns the bytes found after a power loss. A page is old, new, or torn
// by sectors; a file that grew or shrank has one of its lengths, or one between.
func (n *memNode) survivors(rng *rand.Rand) []byte {
	size := int64(len(n.synced))
	if d := int64(len(n.data)) - size; d != 0 && rng.IntN(3) > 0 {
		size = int64(len(n.data))
		if rng.IntN(3) == 0 {
			size -= int64(float64(d) * rng.Float64())
		}
	}
	out := make([]byte, size)
	copy(out, n.synced)
	lo, hi := n.lo/PageSize*PageSize, min(n.hi, size, int64(len(n.data)))
	for page := lo; page < hi; page += PageSize {
		mode := rng.IntN(5) // 0: old, 1: torn, else new
		for at := page; at < min(page+PageSize, hi); at += sector {
			if mode > 1 || mode == 1 && rng.IntN(2) == 0 {
				copy(out[at:min(at+sector, hi)], n.data[at:])
			}
		}
	}
	return out
}

func (m *Mem) lookup(op, name string) (*memNode, error) {
	n := m.live[path.Clean(name)]
	if n == nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return n, nil
}

func (m *Mem) dirOf(op, name string) error {
	if n := m.live[path.Dir(path.Clean(name))]; n == nil || !n.dir {
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return nil
}

// Create implements FS.
func (m *Mem) Create(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.dirOf("create", name); err != nil {
		return nil, err
	}
	if m.live[path.Clean(name)] != nil {
		return nil, &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
	}
	n := &memNode{}
	m.live[path.Clean(name)] = n
	return &memFile{fs: m, node: n, name: name, writable: true}, nil
}

// Open implements FS.
func (m *Mem) Open(name string) (File, error) { return m.open(name, false) }

// OpenWrite implements FS.
func (m *Mem) OpenWrite(name string) (File, error) { return m.open(name, true) }

func (m *Mem) open(name string, writable bool) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.lookup("open", name)
	if err != nil {
		return nil, err
	}
	if n.dir {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EISDIR}
	}
	return &memFile{fs: m, node: n, name: name, writable: writable}, nil
}

// Rename implements FS.
func (m *Mem) Rename(oldname, newname string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.lookup("rename", oldname)
	if err == nil {
		err = m.dirOf("rename", newname)
	}
	if err != nil {
		return err
	}
	delete(m.live, path.Clean(oldname))
	m.live[path.Clean(newname)] = n
	return nil
}

// Remove implements FS.
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.lookup("remove", name); err != nil {
		return err
	}
	delete(m.live, path.Clean(name))
	return nil
}

// MkdirAll implements FS.
func (m *Mem) MkdirAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for d := path.Clean(dir); m.live[d] == nil; d = path.Dir(d) {
		m.live[d] = &memNode{dir: true}
	}
	return nil
}

// List implements FS.
func (m *Mem) List(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.lookup("list", dir); err != nil {
		return nil, err
	}
	return children(m.live, dir), nil
}

func children(names map[string]*memNode, dir string) []string {
	dir = path.Clean(dir)
	var out []string
	for name := range names {
		if name != dir && path.Dir(name) == dir {
			out = append(out, path.Base(name))
		}
	}
	slices.Sort(out)
	return out
}

// SyncDir implements FS.
func (m *Mem) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.lookup("syncdir", dir); err != nil {
		return err
	}
	for _, base := range children(m.durable, dir) {
		delete(m.durable, path.Join(dir, base))
	}
	for _, base := range children(m.live, dir) {
		name := path.Join(dir, base)
		m.durable[name] = m.live[name]
	}
	return nil
}

// Lock implements FS; the lock lasts until Close, and clones don't have it.
func (m *Mem) Lock(name string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.dirOf("lock", name); err != nil {
		return nil, err
	}
	name = path.Clean(name)
	if m.locks[name] {
		return nil, &fs.PathError{Op: "lock", Path: name, Err: ErrLocked}
	}
	if m.live[name] == nil {
		m.live[name] = &memNode{}
	}
	m.locks[name] = true
	return unlocker(func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.locks, name)
	}), nil
}

type unlocker func()

func (u unlocker) Close() error { u(); return nil }

// Usage implements FS: the sum of the lengths of all files counts as used.
func (m *Mem) Usage(dir string) (Usage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.lookup("usage", dir); err != nil {
		return Usage{}, err
	}
	if m.capacity == 0 {
		return Usage{Capacity: 1 << 50, Free: 1 << 50}, nil
	}
	free := max(0, m.capacity-m.used())
	return Usage{Capacity: uint64(m.capacity), Free: uint64(free)}, nil
}

// used returns the sum of all lengths; m.mu is held.
func (m *Mem) used() (sum int64) {
	for _, n := range m.live {
		if !n.dir {
			n.mu.RLock()
			sum += int64(len(n.data))
			n.mu.RUnlock()
		}
	}
	return sum
}

// room says how much a file may grow.
func (m *Mem) room() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.capacity == 0 {
		return 1 << 60
	}
	return max(0, m.capacity-m.used())
}
