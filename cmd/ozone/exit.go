package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// Exit codes, as Ozone's.
const (
	exitOK        = 0
	exitUsage     = 2   // the command line makes no sense; nothing was tried
	exitExecution = 255 // it was tried and failed
)

// Codes that only the command line gives. The names are Ozone's.
const (
	fileNotFound ozerr.Code = "FILE_NOT_FOUND"
	fileExists   ozerr.Code = "FILE_ALREADY_EXISTS"
)

// usageError is a mistake in the command line.
type usageError struct{ message string }

func (e usageError) Error() string { return e.message }

func usagef(format string, args ...any) error {
	return usageError{fmt.Sprintf(format, args...)}
}

// report prints err, if any, and returns the exit code. It is the only place
// where either is decided. Programs read the first word of the first line.
func report(w io.Writer, cmd *cobra.Command, err error, verbose bool) int {
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		fmt.Fprintln(w, usage.message)
		printUsage(w, cmd)
		return exitUsage
	}
	fmt.Fprintln(w, errorLine(err))
	if verbose {
		printCauses(w, err)
	}
	return exitExecution
}

// errorLine is `CODE message` on one line.
func errorLine(err error) string {
	var coded *ozerr.Error
	line := err.Error()
	if !errors.As(err, &coded) {
		line = string(foreignCode(err)) + " " + line
	} else if !strings.HasPrefix(line, string(coded.Code)) {
		line = string(coded.Code) + " " + strings.Replace(line, coded.Error(), coded.Message, 1)
	}
	return strings.Join(strings.Fields(line), " ")
}

// foreignCode names an error that is not ours.
func foreignCode(err error) ozerr.Code {
	var path *fs.PathError
	switch {
	case errors.Is(err, context.Canceled):
		return ozerr.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return ozerr.Timeout
	case errors.Is(err, fs.ErrNotExist):
		return fileNotFound
	case errors.Is(err, fs.ErrExist):
		return fileExists
	case errors.As(err, &path):
		return ozerr.DiskFailed
	default:
		return ozerr.CodeOf(err)
	}
}

func printCauses(w io.Writer, err error) {
	for err = errors.Unwrap(err); err != nil; err = errors.Unwrap(err) {
		fmt.Fprintf(w, "  caused by: %v\n", err)
	}
}

// printUsage follows a usage error: a group shows its commands, a command its form.
func printUsage(w io.Writer, cmd *cobra.Command) {
	if cmd.HasAvailableSubCommands() {
		printCommands(w, cmd)
		fmt.Fprintln(w)
	} else {
		fmt.Fprintf(w, "Usage: %s\n", cmd.UseLine())
	}
	fmt.Fprintf(w, "Run '%s --help' for more.\n", cmd.CommandPath())
}
