package datanode

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/datanode/vfs"
)

// Files that say whose a data directory is:
//
//	lock         held by the process that uses the directory
//	version      format of the directory, "1"
//	datanode.id  UUID of the datanode; the same in all its directories
//	cluster.id   what the first om said; absent until then
//	directories  all directories in use, one path in each line: one that is
//	             found empty although it is among them has lost its disk
//	new          made by an operator in such a directory: begin anew in it
const (
	lockFile    = "lock"
	versionFile = "version"
	nodeFile    = "datanode.id"
	clusterFile = "cluster.id"
	dirsFile    = "directories"
	newFile     = "new"

	layoutVersion = "1"
	maxIDFile     = 64 << 10
)

// errRefused marks what must stop the datanode: going on could mix the blocks of two
// nodes or clusters, or of two processes.
var errRefused = errors.New("data directory refused")

func refused(dir, format string, args ...any) error {
	return fmt.Errorf("%s: %w: %s", dir, errRefused, fmt.Sprintf(format, args...))
}

// identity is who a datanode is, as its directories say.
type identity struct {
	fs      vfs.FS
	log     zerolog.Logger
	node    string
	cluster string
	dirs    []string         // those in use
	out     map[string]error // those that can't be used, and why
	locks   []io.Closer
}

// identify locks the directories and reads whose they are, making new ones ours. A
// directory that fails, does not answer within timeout, or is empty though it was in
// use, is left out as long as one works; one that belongs to somebody else, or whose
// files make no sense, is an error.
func identify(fsys vfs.FS, dirs []string, timeout time.Duration, log zerolog.Logger) (*identity, error) {
	id := &identity{fs: fsys, log: log, out: map[string]error{}}
	if err := id.claimAll(dirs, timeout); err != nil {
		return nil, errors.Join(err, id.release())
	}
	return id, nil
}

func (id *identity) claimAll(dirs []string, timeout time.Duration) error {
	var fresh []string
	for _, dir := range dirs {
		isNew, err := false, id.reach(dir, timeout)
		if err == nil {
			isNew, err = id.claim(dir)
		}
		switch {
		case errors.Is(err, errRefused):
			return err
		case err != nil:
			id.leaveOut(dir, err)
			continue
		case isNew:
			fresh = append(fresh, dir)
		}
		id.dirs = append(id.dirs, dir)
	}
	known, err := id.known()
	if err != nil {
		return err
	}
	if fresh, err = id.missing(fresh, known); err != nil {
		return err
	}
	id.forgotten(dirs, known)
	switch {
	case len(id.dirs) == 0:
		return fmt.Errorf("no usable data directory: %w", errors.Join(slices.Collect(maps.Values(id.out))...))
	case id.node == "" && len(id.out) > 0:
		return fmt.Errorf("the directories that work are new, so nothing says which datanode this is: %w", errors.Join(slices.Collect(maps.Values(id.out))...))
	}
	return id.settle(fresh, known)
}

func (id *identity) leaveOut(dir string, err error) {
	id.log.Error().Err(err).Str("dir", dir).Msg("data directory is not used")
	id.out[dir] = err
}

// reach returns an error if the directory does not answer: nothing may be asked of it.
func (id *identity) reach(dir string, timeout time.Duration) error {
	done := make(chan error, 1)
	go func() { // ends when the disk lets it
		_, err := id.fs.List(dir)
		done <- err
	}()
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case err := <-done:
		if isNotExist(err) {
			return nil
		}
		return err
	case <-t.C:
		return fmt.Errorf("%s has not answered for %v", dir, timeout)
	}
}

// known returns the directories that were in use, as those in use now remember.
func (id *identity) known() (map[string]bool, error) {
	all := map[string]bool{}
	for _, dir := range id.dirs {
		text, err := id.read(dir, dirsFile)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(text) {
			all[strings.TrimSpace(line)] = true
		}
	}
	return all, nil
}

// missing leaves out the fresh directories that were in use before: they are empty
// mount points, or disks that have lost everything. It returns the others.
func (id *identity) missing(fresh []string, known map[string]bool) (rest []string, err error) {
	for _, dir := range fresh {
		f, err := id.fs.Open(path.Join(dir, newFile))
		switch {
		case err == nil:
			err = f.Close()
		case isNotExist(err) && known[dir]:
			id.dirs = slices.DeleteFunc(id.dirs, func(d string) bool { return d == dir })
			id.leaveOut(dir, fmt.Errorf("%s is empty, but blocks were kept in it: is its disk mounted? To use it as a new one, make an empty file %q in it", dir, newFile))
			continue
		case isNotExist(err):
			err = nil
		}
		if err != nil {
			return nil, err
		}
		rest = append(rest, dir)
	}
	return rest, nil
}

// forgotten tells of directories that were in use and are not configured any more.
func (id *identity) forgotten(configured []string, known map[string]bool) {
	for _, dir := range slices.Sorted(maps.Keys(known)) {
		if !slices.Contains(configured, dir) {
			id.log.Error().Str("dir", dir).Msg("a directory with blocks is not among hdds.datanode.dir any more; they are missing here")
		}
	}
}

// claim locks a directory and reads its files. It reports whether the directory is new.
func (id *identity) claim(dir string) (isNew bool, err error) {
	if err := vfs.MkdirSynced(id.fs, dir); err != nil {
		return false, err
	}
	lock, err := id.fs.Lock(path.Join(dir, lockFile))
	if errors.Is(err, vfs.ErrLocked) {
		return false, refused(dir, "another datanode uses it")
	}
	if err != nil {
		return false, err
	}
	id.locks = append(id.locks, lock)
	version, err := id.read(dir, versionFile)
	if err != nil {
		return false, err
	}
	node, err := id.read(dir, nodeFile)
	if err != nil {
		return false, err
	}
	cluster, err := id.read(dir, clusterFile)
	if err != nil {
		return false, err
	}
	return node == "", id.agree(dir, version, node, cluster)
}

// agree checks what a directory's files say against what is known.
func (id *identity) agree(dir, version, node, cluster string) error {
	if node == "" {
		names, err := id.fs.List(dir)
		if err != nil {
			return err
		}
		for _, name := range names {
			if name == "containers" || name == clusterFile {
				return refused(dir, "there is %s but no %s", name, nodeFile)
			}
		}
		return nil
	}
	if version != layoutVersion {
		return refused(dir, "format version %q, this program knows %q", version, layoutVersion)
	}
	if _, err := uuid.Parse(node); err != nil {
		return refused(dir, "%s holds no UUID but %.60q", nodeFile, node)
	}
	if id.node != "" && node != id.node {
		return refused(dir, "it belongs to datanode %s, the others to %s", node, id.node)
	}
	if id.cluster != "" && cluster != "" && cluster != id.cluster {
		return refused(dir, "it belongs to cluster %s, the others to %s", cluster, id.cluster)
	}
	id.node = node
	if cluster != "" {
		id.cluster = cluster
	}
	return nil
}

// read returns the trimmed content of an id file; "" means that it doesn't exist. An
// empty one is refused: a crash can't leave it (they are replaced atomically).
func (id *identity) read(dir, name string) (string, error) {
	b, err := vfs.ReadFile(id.fs, path.Join(dir, name), maxIDFile)
	if isNotExist(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(b))
	if text == "" {
		return "", refused(dir, "%s is empty", name)
	}
	return text, nil
}

// settle gives new directories our id: the version first, so that a directory with
// an id always has one. Then all remember which there are.
func (id *identity) settle(fresh []string, known map[string]bool) error {
	if id.node == "" {
		id.node = uuid.NewString()
	}
	for _, dir := range fresh {
		if err := id.write(dir, versionFile, layoutVersion); err != nil {
			return err
		}
		if err := id.write(dir, nodeFile, id.node); err != nil {
			return err
		}
	}
	if err := id.remember(known); err != nil {
		return err
	}
	for _, dir := range fresh {
		if err := id.fs.Remove(path.Join(dir, newFile)); err != nil && !isNotExist(err) {
			return err
		}
	}
	if id.cluster != "" {
		return id.join(id.cluster)
	}
	return nil
}

// remember writes down the directories in use, and those left out that have blocks.
func (id *identity) remember(known map[string]bool) error {
	all := slices.Clone(id.dirs)
	for dir := range id.out {
		if known[dir] {
			all = append(all, dir)
		}
	}
	slices.Sort(all)
	text := strings.Join(all, "\n")
	for _, dir := range id.dirs {
		if has, err := id.read(dir, dirsFile); err != nil {
			return err
		} else if has == text {
			continue
		}
		if err := id.write(dir, dirsFile, text); err != nil {
			return err
		}
	}
	return nil
}

// join records the cluster in every directory.
func (id *identity) join(cluster string) error {
	for _, dir := range id.dirs {
		if err := id.record(dir, cluster); err != nil {
			return err
		}
	}
	return nil
}

func (id *identity) record(dir, cluster string) error {
	has, err := id.read(dir, clusterFile)
	if err != nil || has != "" {
		return err
	}
	return id.write(dir, clusterFile, cluster)
}

// joining is the recording of a cluster while the datanode works.
type joining struct {
	done  chan struct{} // closed when a directory has it, or none can
	err   error         // then: none has
	ended chan struct{} // closed when no directory is written any more
}

// joinSoon records the cluster in every directory, of which one is enough: the next start
// tells the others. So a disk that hangs holds up nothing.
func (id *identity) joinSoon(cluster string) *joining {
	j := &joining{done: make(chan struct{}), ended: make(chan struct{})}
	results := make(chan error, len(id.dirs))
	for _, dir := range id.dirs {
		go func() { results <- id.record(dir, cluster) }() // ends when the disk lets it
	}
	go func() {
		defer close(j.ended)
		recorded := false
		var errs []error
		for range id.dirs {
			switch err := <-results; {
			case err != nil:
				id.log.Error().Err(err).Msg("a data directory does not say of which cluster it is")
				errs = append(errs, err)
			case !recorded:
				recorded = true
				close(j.done)
			}
		}
		if !recorded {
			j.err = errors.Join(errs...)
			close(j.done)
		}
	}()
	return j
}

func (id *identity) write(dir, name, text string) error {
	return vfs.WriteFile(id.fs, path.Join(dir, name), []byte(text+"\n"))
}

func (id *identity) release() error {
	var errs []error
	for _, l := range id.locks {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}
