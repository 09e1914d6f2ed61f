package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mini-ozone/mini-ozone/internal/freon"
)

// keyLoad is one of the generators that go through the client.
type keyLoad struct {
	id, alias   string
	short, long string
	writes      bool
	task        func(c cluster, o keyLoadOptions, t freon.Target) freon.Task
}

type keyLoadOptions struct {
	loadOptions
	bucketFlags
	size        sizeFlag
	replication replicationFlags
}

func newKeyWriterCommand(s *session) *cobra.Command {
	return newKeyLoadCommand(s, keyLoad{
		id: "ockg", alias: "ozone-client-key-generator", writes: true,
		short: "Write keys through the client: om and datanodes",
		long: `Write keys prefix/0, prefix/1, … through the client, as the shell does: om and
datanodes, without the S3 gateway.

  ozone freon ockg -n 10000 -t 32 -s 4KB
  ozone freon ockg -n 16 -t 2 -s 64MB -r THREE`,
		task: func(c cluster, o keyLoadOptions, t freon.Target) freon.Task {
			return freon.WriteKeys(c, t, freon.NewContent(int64(o.size)), o.replication.value)
		},
	})
}

func newKeyVerifierCommand(s *session) *cobra.Command {
	return newKeyLoadCommand(s, keyLoad{
		id: "ockv", alias: "ozone-client-key-validator",
		short: "Read keys that ockg wrote and verify them",
		long: `Read the keys that an earlier "ozone freon ockg" with the same prefix wrote, and
compare every byte.

  ozone freon ockg -n 1000 -p run1
  ozone freon ockv -n 1000 -p run1`,
		task: func(c cluster, _ keyLoadOptions, t freon.Target) freon.Task { return freon.ReadKeys(c, t) },
	})
}

func newKeyRemoverCommand(s *session) *cobra.Command {
	return newKeyLoadCommand(s, keyLoad{
		id: "ockr", alias: "ozone-client-key-remover",
		short: "Delete keys that ockg wrote",
		long: `Delete the keys that an earlier "ozone freon ockg" with the same prefix wrote.

  ozone freon ockr -n 1000 -p run1`,
		task: func(c cluster, _ keyLoadOptions, t freon.Target) freon.Task { return freon.DeleteKeys(c, t) },
	})
}

func newKeyLoadCommand(s *session, load keyLoad) *cobra.Command {
	o := keyLoadOptions{size: 10 << 10}
	cmd := &cobra.Command{
		Use: load.id, Aliases: []string{load.alias}, Short: load.short, Long: load.long,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !load.writes && o.prefix == "" {
				return usagef("--prefix is required: the one that ockg was given")
			}
			if err := o.complete(); err != nil {
				return err
			}
			if err := o.replication.validate(); err != nil {
				return err
			}
			return s.with(cmd.Context(), "", func(ctx context.Context, c cluster) error {
				t := freon.Target{Bucket: o.ref(), Prefix: o.prefix}
				if load.writes {
					if err := freon.EnsureBucket(ctx, c, t.Bucket); err != nil {
						return err
					}
				}
				return runLoad(ctx, o.loadOptions, load.id, load.task(c, o, t), s.out, s.err)
			})
		},
	}
	o.loadOptions.addFlags(cmd)
	o.bucketFlags.addFlags(cmd)
	if load.writes {
		cmd.Flags().VarP(&o.size, "size", "s", "`size` of a key, such as 4096, 10KB or 64MB")
		o.replication.addCopiesFlag(cmd, "keys")
	}
	return cmd
}

type metadataLoadOptions struct {
	loadOptions
	bucketFlags
	operation string
}

func newMetadataLoadCommand(s *session) *cobra.Command {
	var o metadataLoadOptions
	cmd := &cobra.Command{
		Use: "ommg", Aliases: []string{"om-metadata-generator"},
		Short: "Do one operation on om, without datanodes",
		Long: `Do one operation on om many times. No datanode and no gateway takes part.

` + operationsHelp() + `
  ozone freon ommg --operation CREATE_KEY -n 100000 -t 32 -p run1
  ozone freon ommg --operation READ_KEY -n 100000 -t 32 -p run1`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.complete(); err != nil {
				return err
			}
			op, err := findOperation(o.operation)
			if err != nil {
				return err
			}
			return s.with(cmd.Context(), "", func(ctx context.Context, c cluster) error {
				return runMetadataLoad(ctx, s, o, op, c)
			})
		},
	}
	o.loadOptions.addFlags(cmd)
	o.bucketFlags.addFlags(cmd)
	cmd.Flags().StringVar(&o.operation, "operation", "CREATE_KEY", "the `operation`")
	return cmd
}

func runMetadataLoad(ctx context.Context, s *session, o metadataLoadOptions, op freon.Operation, c cluster) error {
	t := freon.Target{Bucket: o.ref(), Prefix: o.prefix}
	if err := freon.EnsureBucket(ctx, c, t.Bucket); err != nil {
		return err
	}
	return runLoad(ctx, o.loadOptions, op.Name, op.Task(c, t), s.out, s.err)
}

func findOperation(name string) (freon.Operation, error) {
	for _, op := range freon.Operations() {
		if strings.EqualFold(op.Name, name) {
			return op, nil
		}
	}
	return freon.Operation{}, usagef("unknown operation %q for --operation", name)
}

func operationsHelp() string {
	var b strings.Builder
	for _, op := range freon.Operations() {
		b.WriteString("  " + op.Name + strings.Repeat(" ", 13-len(op.Name)) + op.Doc + "\n")
	}
	return b.String()
}
