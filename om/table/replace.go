package table

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace puts newDir, a closed database, in the place of dir, a closed database
// beside it, and removes the old one. After a crash Open(dir) finds the old one (nothing
// happened) or the new one, never a mixture.
func Replace(dir, newDir string) error {
	if filepath.Dir(filepath.Clean(dir)) != filepath.Dir(filepath.Clean(newDir)) {
		return fmt.Errorf("replace %s: %s is not beside it", dir, newDir)
	}
	if p, err := readMarker(newDir); err != nil || p.index == 0 {
		return errors.Join(err, fmt.Errorf("replace %s: %s is not a complete database", dir, newDir))
	}
	if err := recoverReplace(dir); err != nil {
		return err
	}
	if err := os.Rename(dir, oldDir(dir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(newDir, dir); err != nil {
		return err
	}
	if err := syncFile(filepath.Dir(dir)); err != nil {
		return err
	}
	return recoverReplace(dir)
}

// recoverReplace undoes a Replace that stopped between its renames, or removes the old
// database if both were made.
func recoverReplace(dir string) error {
	if _, err := os.Lstat(oldDir(dir)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	_, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.Rename(oldDir(dir), dir); err != nil {
			return err
		}
		return syncFile(filepath.Dir(dir))
	}
	if err != nil {
		return err
	}
	return os.RemoveAll(oldDir(dir))
}

func oldDir(dir string) string { return filepath.Clean(dir) + ".old" }
