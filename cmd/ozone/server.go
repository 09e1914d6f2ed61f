package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// newServerCommand runs one of the server programs, which lie beside this one.
// The process becomes that program, so signals, log and exit code are its own.
func newServerCommand(s *session, name, short string) *cobra.Command {
	return &cobra.Command{
		Use:   name + " [flags]",
		Short: short,
		Long: short + `, in the foreground, until Ctrl-C: the program "` + name + `"
beside this one, with the flags that follow.

  ozone ` + name + ` --conf /etc/ozone
  ozone ` + name + ` --help`,
		DisableFlagParsing: true, // they are the server's
		RunE: func(_ *cobra.Command, args []string) error {
			program, err := serverProgram(name)
			if err != nil {
				return err
			}
			return syscall.Exec(program, append([]string{name}, args...), s.vars)
		},
	}
}

// serverProgram finds the program beside this one, or else in PATH.
func serverProgram(name string) (string, error) {
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), name)
		if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
			return beside, nil
		}
	}
	program, err := exec.LookPath(name)
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return "", ozerr.New(fileNotFound, "the program %q is neither beside ozone nor in PATH", name)
	}
	return program, err
}
