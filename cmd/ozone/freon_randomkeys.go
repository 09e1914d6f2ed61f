package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/mini-ozone/mini-ozone/internal/freon"
)

type randomKeysOptions struct {
	freon.RandomKeysOptions
	size        sizeFlag
	replication replicationFlags
	asJSON      bool
}

func newRandomKeysCommand(s *session) *cobra.Command {
	o := randomKeysOptions{size: 10 << 10}
	cmd := &cobra.Command{
		Use: "randomkeys", Aliases: []string{"rk"},
		Short: "Make volumes, buckets and keys, and verify them",
		Long: `Make volumes, buckets in each of them and keys in each bucket, under names of their
own, and read all keys back if asked to.

  ozone freon randomkeys --num-of-volumes 1 --num-of-buckets 1 --num-of-keys 1000
  ozone freon rk --num-of-keys 100 --validate-writes

Ozone's own numbers (10 volumes of 1000 buckets of 500000 keys) fill a small
cluster; here the defaults are small.`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.complete(); err != nil {
				return err
			}
			return s.with(cmd.Context(), "", func(ctx context.Context, c cluster) error {
				return runRandomKeys(ctx, s, o, c)
			})
		},
	}
	f := cmd.Flags()
	f.Int64Var(&o.Volumes, "num-of-volumes", 5, "how many volumes, `N`")
	f.Int64Var(&o.Buckets, "num-of-buckets", 5, "how many buckets in each volume, `N`")
	f.Int64Var(&o.Keys, "num-of-keys", 20, "how many keys in each bucket, `N`")
	f.Var(&o.size, "key-size", "`size` of a key, such as 4096, 10KB or 64MB")
	f.BoolVar(&o.Validate, "validate-writes", false, "read every key back and compare")
	f.IntVarP(&o.Run.Threads, "num-of-threads", "t", 10, "operations at a time, `N`")
	f.StringVarP(&o.Prefix, "prefix", "p", "", "`text` in all names; a random one, unless given")
	f.BoolVar(&o.asJSON, "json", false, "print a JSON object")
	o.replication.addCopiesFlag(cmd, "keys")
	return cmd
}

func (o *randomKeysOptions) complete() error {
	if o.Volumes < 1 || o.Buckets < 1 || o.Keys < 1 || o.Run.Threads < 1 {
		return usagef("--num-of-volumes, -buckets, -keys and -threads must be positive numbers")
	}
	if err := o.replication.validate(); err != nil {
		return err
	}
	o.KeySize, o.Replication = int64(o.size), o.replication.value
	if o.Prefix == "" {
		o.Prefix = freon.RandomPrefix()
	}
	return nil
}

func runRandomKeys(ctx context.Context, s *session, o randomKeysOptions, c cluster) error {
	var bar loadBar
	o.Phase = func(name string, count int64) func(int64, time.Duration) {
		bar.clear()
		bar = newLoadBar(s.err, name, count, false)
		return bar.progress()
	}
	report := freon.RandomKeys(ctx, c, o.RandomKeysOptions)
	bar.clear()
	if o.asJSON {
		if err := printJSON(s.out, report.JSON(o.RandomKeysOptions)); err != nil {
			return err
		}
	} else if err := report.Print(s.out); err != nil {
		return err
	}
	return report.Err()
}
