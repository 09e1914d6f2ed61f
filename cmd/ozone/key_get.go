package main

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

type keyGetOptions struct {
	ref   client.KeyRef
	file  string // "-" is standard output
	force bool
}

func newKeyGetCommand(s *session) *cobra.Command {
	var o keyGetOptions
	cmd := &cobra.Command{
		Use:   "get <key-uri> [file]",
		Short: "Fetch a key into a file",
		Long: `Fetch a key into a file, or into a directory under the last part of its name; "-"
is standard output. Without a file it goes into the working directory. An existing
file is kept unless -f is given, and the file appears only when it is complete.

  ozone sh key get vol1/bucket1/notes.txt
  ozone sh key get -f vol1/bucket1/notes.txt /tmp/notes.txt`,
		ValidArgsFunction: s.completeURI(keyLevel),
		Args:              arguments(1, "key-uri", "file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := parseKey(args[0])
			if err != nil {
				return err
			}
			o.ref, o.file = a.key(), "."
			if len(args) == 2 {
				o.file = args[1]
			}
			return s.with(cmd.Context(), a.Host, func(ctx context.Context, c cluster) error {
				if o.file == "-" {
					return runKeyCat(ctx, o.ref, c, s.out)
				}
				return runKeyGet(ctx, o, c, s.err)
			})
		},
	}
	cmd.Flags().BoolVarP(&o.force, "force", "f", false, "overwrite an existing file")
	return cmd
}

func runKeyGet(ctx context.Context, o keyGetOptions, c keys, notes io.Writer) error {
	target, err := targetFile(o)
	if err != nil {
		return err
	}
	object, err := c.GetObject(ctx, o.ref, "")
	if err != nil {
		return err
	}
	bar := newProgress(notes, object.Size, "get "+o.ref.Key)
	defer bar.Close()
	return writeWhole(target, o.force, func(w io.Writer) error {
		return copyObject(ctx, c, object, bar.writer(w))
	})
}

// targetFile is the file to write, which must not exist unless force is on.
func targetFile(o keyGetOptions) (string, error) {
	target := o.file
	if info, err := os.Stat(target); err == nil && info.IsDir() {
		base := path.Base(o.ref.Key)
		if base == "." || base == ".." || base == "/" {
			return "", ozerr.New(ozerr.InvalidArgument, "%s makes no file name; name the file", o.ref.Key)
		}
		target = filepath.Join(target, base)
	}
	if _, err := os.Lstat(target); err == nil && !o.force {
		return "", existsError(target)
	}
	return target, nil
}

func existsError(file string) error {
	return ozerr.New(fileExists, "%s exists. Use -f to overwrite it.", file)
}

// writeWhole makes the file appear with all that fill writes, or not at all. A
// device or pipe is written directly.
func writeWhole(target string, force bool, fill func(io.Writer) error) error {
	if info, err := os.Stat(target); err == nil && !info.Mode().IsRegular() {
		return writeDirectly(target, fill)
	}
	temp := filepath.Join(filepath.Dir(target), ".ozone-get-"+rand.Text())
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer os.Remove(temp) // fails once renamed, as it should
	if err := errors.Join(fill(f), f.Close()); err != nil {
		return err
	}
	if force {
		return os.Rename(temp, target)
	}
	if err := os.Link(temp, target); errors.Is(err, fs.ErrExist) {
		return existsError(target)
	} else if err != nil { // a file system without links
		return os.Rename(temp, target)
	}
	return nil
}

func writeDirectly(target string, fill func(io.Writer) error) error {
	f, err := os.OpenFile(target, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(fill(f), f.Close())
}

func copyObject(ctx context.Context, c keys, object client.Object, w io.Writer) error {
	if e := object.Encryption; e != nil { // gateways have the keys
		return ozerr.New(ozerr.NotSupported, "%s is encrypted (%s): read it through S3", object.Key, e.Kind)
	}
	r := c.ReadObject(ctx, object, 0, -1)
	_, err := r.WriteTo(w)
	return errors.Join(err, r.Close())
}

func newKeyCatCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "cat <key-uri>",
		Short: "Write a key to standard output",
		Long: `Write the bytes of a key to standard output.

  ozone sh key cat vol1/bucket1/notes.txt
  ozone sh key cat vol1/bucket1/dir.tar | tar t`,
		ValidArgsFunction: s.completeURI(keyLevel),
		Args:              arguments(0, "key-uri"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := parseKey(args[0])
			if err != nil {
				return err
			}
			return s.with(cmd.Context(), a.Host, func(ctx context.Context, c cluster) error {
				return runKeyCat(ctx, a.key(), c, s.out)
			})
		},
	}
}

func runKeyCat(ctx context.Context, ref client.KeyRef, c keys, out io.Writer) error {
	object, err := c.GetObject(ctx, ref, "")
	if err != nil {
		return err
	}
	return copyObject(ctx, c, object, out)
}
