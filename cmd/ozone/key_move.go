package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/mini-ozone/mini-ozone/client"
)

type keyMoveOptions struct {
	ref     client.BucketRef
	from    string
	to      string
	verbose bool
}

func newKeyRenameCommand(s *session) *cobra.Command {
	return newKeyMoveCommand(s, &cobra.Command{
		Use:   "rename <bucket-uri> <old-key> <new-key>",
		Short: "Give a key another name in its bucket",
		Long: `Give a key another name in its bucket, in one step. The new name must be free. It
prints nothing when all is well.

  ozone sh key rename vol1/bucket1 draft.txt final.txt`,
	}, runKeyRename)
}

func newKeyCopyCommand(s *session) *cobra.Command {
	return newKeyMoveCommand(s, &cobra.Command{
		Use:   "cp <bucket-uri> <key> <new-key>",
		Short: "Copy a key inside its bucket",
		Long: `Copy a key inside its bucket, with its metadata. The bytes are shared, so it takes
no time and no space whatever the size. It prints nothing when all is well.

  ozone sh key cp vol1/bucket1 notes.txt backup/notes.txt`,
	}, runKeyCopy)
}

// newKeyMoveCommand completes a command that takes a bucket and two of its keys.
func newKeyMoveCommand(s *session, cmd *cobra.Command, do func(context.Context, keyMoveOptions, keys, io.Writer) error) *cobra.Command {
	cmd.Args = arguments(0, "bucket-uri", "key", "new-key")
	cmd.ValidArgsFunction = s.completeURI(bucketLevel)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a, err := parseBucket(args[0])
		if err != nil {
			return err
		}
		o := keyMoveOptions{ref: a.bucket(), from: args[1], to: args[2], verbose: s.verbose}
		return s.with(cmd.Context(), a.Host, func(ctx context.Context, c cluster) error {
			return do(ctx, o, c, s.out)
		})
	}
	return cmd
}

func runKeyRename(ctx context.Context, o keyMoveOptions, c keys, out io.Writer) error {
	if err := c.RenameObject(ctx, client.KeyRef{BucketRef: o.ref, Key: o.from}, o.to); err != nil {
		return err
	}
	if o.verbose {
		fmt.Fprintf(out, "Renamed Key : %s to %s\n", o.from, o.to)
	}
	return nil
}

func runKeyCopy(ctx context.Context, o keyMoveOptions, c keys, out io.Writer) error {
	from := client.KeyRef{BucketRef: o.ref, Key: o.from}
	to := client.KeyRef{BucketRef: o.ref, Key: o.to}
	if _, err := c.CopyObject(ctx, from, to, client.CopyOptions{}); err != nil {
		return err
	}
	if o.verbose {
		fmt.Fprintf(out, "Copied Key : %s to %s\n", o.from, o.to)
	}
	return nil
}
