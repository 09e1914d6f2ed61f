package raftnode

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ownerFile in a node's directory says whose it is.
const ownerFile = "om.id"

// claim makes a directory id's. One that is another's is refused: with its memory a node
// would vote, and say what it has, in a name that acknowledged something else.
func claim(dir, id string) error {
	path := filepath.Join(dir, ownerFile)
	owner, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist): // new, or of a version before the file
		return replaceFile(path, []byte(id+"\n"))
	case err != nil:
		return err
	case strings.TrimSpace(string(owner)) != id:
		return fmt.Errorf("%s is the directory of om %q, and this is %q: were directories swapped, or ozone.om.node.id changed?",
			dir, strings.TrimSpace(string(owner)), id)
	}
	return nil
}
