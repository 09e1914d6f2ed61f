package datanode

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

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
const (
	lockFile    = "lock"
	versionFile = "version"
	nodeFile    = "datanode.id"
	clusterFile = "cluster.id"

	layoutVersion = "1"
	maxIDFile     = 4096
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
	node    string
	cluster string
	dirs    []string // those in use
	locks   []io.Closer
}

// identify locks the directories and reads whose they are, making new ones ours. A
// directory that fails is left out as long as one works; one that belongs to somebody
// else, or whose files make no sense, is an error.
func identify(fsys vfs.FS, dirs []string, log zerolog.Logger) (*identity, error) {
	id := &identity{fs: fsys}
	var fresh []string
	var last error
	for _, dir := range dirs {
		isNew, err := id.claim(dir)
		switch {
		case errors.Is(err, errRefused):
			return nil, errors.Join(err, id.release())
		case err != nil:
			log.Error().Err(err).Str("dir", dir).Msg("data directory is not used")
			last = err
			continue
		case isNew:
			fresh = append(fresh, dir)
		}
		id.dirs = append(id.dirs, dir)
	}
	if len(id.dirs) == 0 {
		return nil, errors.Join(fmt.Errorf("no usable data directory: %w", last), id.release())
	}
	if err := id.settle(fresh); err != nil {
		return nil, errors.Join(err, id.release())
	}
	return id, nil
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
// an id always has one.
func (id *identity) settle(fresh []string) error {
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
	if id.cluster != "" {
		return id.join(id.cluster)
	}
	return nil
}

// join records the cluster in every directory, or refuses if we are of another one.
func (id *identity) join(cluster string) error {
	if id.cluster != "" && id.cluster != cluster {
		return fmt.Errorf("%w: om is of cluster %s, this datanode of %s", errRefused, cluster, id.cluster)
	}
	for _, dir := range id.dirs {
		if has, err := id.read(dir, clusterFile); err != nil {
			return err
		} else if has == "" {
			if err := id.write(dir, clusterFile, cluster); err != nil {
				return err
			}
		}
	}
	id.cluster = cluster
	return nil
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
