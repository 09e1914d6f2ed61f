package main

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"hash"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

type keyPutOptions struct {
	ref         client.KeyRef
	file        string // "-" is standard input
	replication replicationFlags
	generation  uint64
}

func newKeyPutCommand(s *session) *cobra.Command {
	var o keyPutOptions
	cmd := &cobra.Command{
		Use:   "put <key-uri> <file>",
		Short: "Store a file under a key",
		Long: `Store a file under a key: the key first, then the file; "-" is standard input.
A key of that name is replaced, once all bytes are safely stored. It prints nothing
when all is well.

  ozone sh key put vol1/bucket1/notes.txt ./notes.txt
  tar c dir | ozone sh key put vol1/bucket1/dir.tar -

The key gets an ETag, the MD5 of its bytes, so S3 clients can read and verify it.`,
		ValidArgsFunction: s.completeURI(keyLevel),
		Args:              arguments(0, "key-uri", "file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.replication.validate(); err != nil {
				return err
			}
			a, err := parseKey(args[0])
			if err != nil {
				return err
			}
			o.ref, o.file = a.key(), args[1]
			body, size, err := s.openInput(o.file)
			if err != nil {
				return err
			}
			defer body.Close()
			return s.with(cmd.Context(), a.Host, func(ctx context.Context, c cluster) error {
				bar := newProgress(s.err, size, "put "+o.ref.Key)
				defer bar.Close()
				return runKeyPut(ctx, o, bar.reader(body), c)
			})
		},
	}
	o.replication.addFlags(cmd, "key")
	cmd.Flags().Uint64Var(&o.generation, "expected-generation", 0,
		"store only if the key's present generation (see key info) is `N`")
	return cmd
}

func runKeyPut(ctx context.Context, o keyPutOptions, body io.Reader, c keys) error {
	sum := md5.New()
	_, err := c.PutObject(ctx, o.ref, io.TeeReader(body, sum), client.PutOptions{
		Replication: o.replication.value,
		Condition:   client.Condition{IfGeneration: o.generation},
		Seal:        sealMD5(sum),
	})
	return err
}

// sealMD5 gives the key its ETag. Ozone's shell does not; keys without one puzzle
// S3 clients, and the hash costs less than the disk.
func sealMD5(sum hash.Hash) func(int64) (client.Sealed, error) {
	return func(int64) (client.Sealed, error) {
		return client.Sealed{ETag: hex.EncodeToString(sum.Sum(nil))}, nil
	}
}

// openInput opens a file to be stored; size is -1 when unknown.
func (s *session) openInput(name string) (io.ReadCloser, int64, error) {
	if name == "-" {
		return io.NopCloser(s.in), -1, nil
	}
	f, err := os.Open(name)
	if os.IsNotExist(err) {
		return nil, 0, ozerr.New(fileNotFound, "File not found: %s", name)
	}
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = ozerr.New(ozerr.InvalidArgument, "%s is a directory, not a file", name)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return f, -1, nil
	}
	return f, info.Size(), nil
}
