// Package dirlock keeps one process per directory. The lock is flock(2)'s: the
// kernel drops it when the process dies, so there is never a stale one, and it
// holds between containers that share a volume of one host.
package dirlock

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// name of the lock file. It stays when the lock goes: removing it would let two
// processes lock two files of the same name.
const name = "in_use.lock"

// maxSlots is the most slots that Claim tries: a limit against a loop without end.
const maxSlots = 1024

// ErrInUse is in the error of Lock when another process holds the directory.
var ErrInUse = errors.New("directory is in use")

// Lock is a held directory.
type Lock struct {
	// Dir is the directory.
	Dir  string
	file *os.File
}

// Acquire creates dir if it is missing and takes it for this process. The error
// is ErrInUse, with who has it, when somebody else did.
func Acquire(dir string) (*Lock, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE|unix.O_CLOEXEC, 0o640)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s: %w%s", dir, ErrInUse, holder(f))
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	l := &Lock{Dir: dir, file: f}
	if err := l.sign(); err != nil {
		return nil, errors.Join(err, l.Release())
	}
	return l, nil
}

// sign writes who holds the lock into the file, for people.
func (l *Lock) sign() error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err = l.file.WriteAt(fmt.Appendf(nil, "process %d on %s\n", os.Getpid(), host), 0)
	return err
}

// holder reads what sign wrote.
func holder(f *os.File) string {
	text := make([]byte, 200)
	n, _ := f.ReadAt(text, 0) // a short file is the usual case
	if who := strings.TrimSpace(string(text[:n])); who != "" {
		return " by " + who
	}
	return ""
}

// Release gives the directory back. It may be called once.
func (l *Lock) Release() error { return l.file.Close() }

// Claim takes the first free directory of parent/slot-0, parent/slot-1 and so on,
// and creates it if all existing ones are taken. Containers of a scaled service
// that share one volume so get a directory each, and come back to the same set of
// directories after a restart, in whatever order they start.
func Claim(parent string) (*Lock, error) {
	for i := range maxSlots {
		l, err := Acquire(filepath.Join(parent, fmt.Sprintf("slot-%d", i)))
		if !errors.Is(err, ErrInUse) {
			return l, err
		}
	}
	return nil, fmt.Errorf("%s: all %d slots are taken: %w", parent, maxSlots, ErrInUse)
}
