package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/mini-ozone/mini-ozone/client"
)

func newVolumeCommand(s *session) *cobra.Command {
	cmd := newGroup("volume", "Create, list, show and delete volumes",
		`Create, list, show and delete volumes.

  ozone sh volume create vol1
  ozone sh volume list`,
		newVolumeCreateCommand(s), newVolumeListCommand(s), newVolumeInfoCommand(s), newVolumeDeleteCommand(s))
	cmd.Aliases = []string{"vol"}
	return cmd
}

type volumeCreateOptions struct {
	volume, owner string
}

func newVolumeCreateCommand(s *session) *cobra.Command {
	var o volumeCreateOptions
	cmd := &cobra.Command{
		Use:   "create <volume-uri>",
		Short: "Create a volume",
		Long: `Create a volume. It prints nothing when all is well.

  ozone sh volume create vol1
  ozone sh volume create o3://om.example.com/vol1 -u alice`,
		Args: arguments(0, "volume-uri"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := parseVolume(args[0])
			if err != nil {
				return err
			}
			o.volume = a.Volume
			return s.with(cmd.Context(), a.Host, func(ctx context.Context, c cluster) error {
				return runVolumeCreate(ctx, o, c)
			})
		},
	}
	cmd.Flags().StringVarP(&o.owner, "user", "u", "", "owner of the volume; you, unless given")
	return cmd
}

func runVolumeCreate(ctx context.Context, o volumeCreateOptions, c volumes) error {
	return c.CreateVolume(ctx, o.volume, o.owner)
}

type volumeListOptions struct {
	listOptions
	owner string
}

func newVolumeListCommand(s *session) *cobra.Command {
	var o volumeListOptions
	cmd := &cobra.Command{
		Use:     "list [o3://host:port/]",
		Aliases: []string{"ls"},
		Short:   "List volumes",
		Long: `List volumes as a JSON array, in order of name.

  ozone sh volume list
  ozone sh volume list -p test- -a | jq -r '.[].name'`,
		Args: arguments(1, "uri"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			a, err := parseRoot(firstOf(args))
			if err != nil {
				return err
			}
			return s.with(cmd.Context(), a.Host, func(ctx context.Context, c cluster) error {
				return runVolumeList(ctx, o, c, s.out, s.err)
			})
		},
	}
	o.addFlags(cmd, "volumes")
	cmd.Flags().StringVarP(&o.owner, "user", "u", "", "list only volumes of this owner")
	return cmd
}

func runVolumeList(ctx context.Context, o volumeListOptions, c volumes, out, notes io.Writer) error {
	l := listing[client.Volume]{
		options: o.listOptions,
		noun:    "volumes",
		page: func(after string, limit int) ([]client.Volume, bool, error) {
			return c.ListVolumes(ctx, o.prefix, after, limit)
		},
		name: func(v client.Volume) string { return v.Name },
		keep: func(v client.Volume) bool { return o.owner == "" || v.Owner == o.owner },
		show: func(v client.Volume) any { return volumeJSONOf(v) },
	}
	return l.print(out, notes)
}

func newVolumeInfoCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "info <volume-uri>",
		Short: "Show a volume",
		Long: `Show a volume as a JSON object.

  ozone sh volume info vol1`,
		ValidArgsFunction: s.completeURI(volumeLevel),
		Args:              arguments(0, "volume-uri"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := parseVolume(args[0])
			if err != nil {
				return err
			}
			return s.with(cmd.Context(), a.Host, func(ctx context.Context, c cluster) error {
				return runVolumeInfo(ctx, a.Volume, c, s.out)
			})
		},
	}
}

func runVolumeInfo(ctx context.Context, name string, c volumes, out io.Writer) error {
	v, err := c.GetVolume(ctx, name)
	if err != nil {
		return err
	}
	return printJSON(out, volumeJSONOf(v))
}

type volumeDeleteOptions struct {
	volume    string
	recursive bool
	yes       bool
	threads   int
}

func newVolumeDeleteCommand(s *session) *cobra.Command {
	var o volumeDeleteOptions
	cmd := &cobra.Command{
		Use:   "delete <volume-uri>",
		Short: "Delete a volume",
		Long: `Delete a volume, which must be empty; with -r everything in it goes first.

  ozone sh volume delete vol1
  ozone sh volume delete -r -y vol1`,
		ValidArgsFunction: s.completeURI(volumeLevel),
		Args:              arguments(0, "volume-uri"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := parseVolume(args[0])
			if err != nil {
				return err
			}
			if o.threads < 1 {
				return usagef("--thread-count must be a positive number, not %d", o.threads)
			}
			o.volume = a.Volume
			if o.recursive && !o.yes && !confirm(s, "the volume "+o.volume+" with every bucket and key in it") {
				return nil
			}
			return s.with(cmd.Context(), a.Host, func(ctx context.Context, c cluster) error {
				return runVolumeDelete(ctx, o, c, s.out)
			})
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&o.recursive, "recursive", "r", false, "delete its buckets and keys too")
	f.BoolVarP(&o.yes, "yes", "y", false, "with -r: don't ask")
	f.IntVarP(&o.threads, "thread-count", "t", 4, "with -r: buckets deleted at a time")
	return cmd
}

func runVolumeDelete(ctx context.Context, o volumeDeleteOptions, c cluster, out io.Writer) error {
	if o.recursive {
		if err := deleteBuckets(ctx, o, c); err != nil {
			return err
		}
	}
	if err := c.DeleteVolume(ctx, o.volume); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "Volume %s is deleted\n", o.volume)
	return err
}

// deleteBuckets deletes every bucket of the volume, page by page.
func deleteBuckets(ctx context.Context, o volumeDeleteOptions, c cluster) error {
	for more := true; more; {
		page, truncated, err := c.ListBuckets(ctx, client.ListBucketsOptions{Volume: o.volume, Limit: listPage})
		if err != nil {
			return err
		}
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(o.threads)
		for _, b := range page {
			ref := client.BucketRef{Volume: o.volume, Bucket: b.Name}
			g.Go(func() error { return deleteBucketTree(ctx, ref, c) })
		}
		if err := g.Wait(); err != nil {
			return err
		}
		more = truncated
	}
	return nil
}

// volumeJSON has Ozone's field names. There are no quotas here, which Ozone
// writes as -1, and no access control lists in an open store.
type volumeJSON struct {
	Metadata         map[string]string `json:"metadata"`
	Name             string            `json:"name"`
	Admin            string            `json:"admin"`
	Owner            string            `json:"owner"`
	QuotaInBytes     int64             `json:"quotaInBytes"`
	QuotaInNamespace int64             `json:"quotaInNamespace"`
	UsedNamespace    uint64            `json:"usedNamespace"`
	CreationTime     isoTime           `json:"creationTime"`
	ModificationTime isoTime           `json:"modificationTime"`
	ACLs             []string          `json:"acls"`
}

func volumeJSONOf(v client.Volume) volumeJSON {
	return volumeJSON{
		Metadata: map[string]string{}, Name: v.Name, Admin: v.Admin, Owner: v.Owner,
		QuotaInBytes: -1, QuotaInNamespace: -1, UsedNamespace: v.Buckets,
		CreationTime: isoTime(v.Created), ModificationTime: isoTime(v.Modified), ACLs: []string{},
	}
}

func firstOf(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}
