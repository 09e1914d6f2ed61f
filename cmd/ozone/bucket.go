package main

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/mini-ozone/mini-ozone/client"
)

func newBucketCommand(s *session) *cobra.Command {
	return newGroup("bucket", "Create, list, show and delete buckets",
		`Create, list, show and delete buckets.

  ozone sh bucket create vol1/bucket1
  ozone sh bucket list vol1
  ozone sh bucket path bucket1          where an S3 bucket lives`,
		newBucketCreateCommand(s), newBucketListCommand(s), newBucketInfoCommand(s),
		newBucketDeleteCommand(s), newBucketPathCommand(s))
}

type bucketCreateOptions struct {
	ref         client.BucketRef
	owner       string
	layout      string
	replication replicationFlags
}

func newBucketCreateCommand(s *session) *cobra.Command {
	var o bucketCreateOptions
	cmd := &cobra.Command{
		Use:   "create <bucket-uri>",
		Short: "Create a bucket",
		Long: `Create a bucket in a volume. It prints nothing when all is well. If its name is a
legal S3 bucket name that no other bucket has, S3 clients reach it by that name.

  ozone sh bucket create vol1/bucket1
  ozone sh bucket create vol1/bucket1 -r THREE`,
		ValidArgsFunction: s.completeURI(volumeLevel),
		Args:              arguments(0, "bucket-uri"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkLayout(o.layout); err != nil {
				return err
			}
			if err := o.replication.validate(); err != nil {
				return err
			}
			a, err := parseBucket(args[0])
			if err != nil {
				return err
			}
			o.ref = a.bucket()
			return s.with(cmd.Context(), a.Host, func(ctx context.Context, c cluster) error {
				return runBucketCreate(ctx, o, c)
			})
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.owner, "user", "u", "", "owner of the bucket; you, unless given")
	f.StringVarP(&o.layout, "layout", "l", "OBJECT_STORE", "how keys are kept; OBJECT_STORE (obs) is the only layout")
	o.replication.addFlags(cmd, "keys of the bucket")
	return cmd
}

func runBucketCreate(ctx context.Context, o bucketCreateOptions, c buckets) error {
	_, err := c.CreateBucket(ctx, client.CreateBucketOptions{
		Volume: o.ref.Volume, Bucket: o.ref.Bucket, Owner: o.owner, Replication: o.replication.value,
	})
	return err
}

func newBucketListCommand(s *session) *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use:     "list <volume-uri>",
		Aliases: []string{"ls"},
		Short:   "List the buckets of a volume",
		Long: `List the buckets of a volume as a JSON array, in order of name.

  ozone sh bucket list vol1
  ozone sh bucket list vol1 -p log- -s log-2025`,
		ValidArgsFunction: s.completeURI(volumeLevel),
		Args:              arguments(0, "volume-uri"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			a, err := parseVolume(args[0])
			if err != nil {
				return err
			}
			return s.with(cmd.Context(), a.Host, func(ctx context.Context, c cluster) error {
				return runBucketList(ctx, o, a.Volume, c, s.out, s.err)
			})
		},
	}
	o.addFlags(cmd, "buckets")
	return cmd
}

func runBucketList(ctx context.Context, o listOptions, volume string, c buckets, out, notes io.Writer) error {
	l := listing[client.Bucket]{
		options: o,
		noun:    "buckets",
		page: func(after string, limit int) ([]client.Bucket, bool, error) {
			return c.ListBuckets(ctx, client.ListBucketsOptions{Volume: volume, Prefix: o.prefix, After: after, Limit: limit})
		},
		name: func(b client.Bucket) string { return b.Name },
		show: func(b client.Bucket) any { return bucketJSONOf(b) },
	}
	return l.print(out, notes)
}

func newBucketInfoCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "info <bucket-uri>",
		Short: "Show a bucket",
		Long: `Show a bucket as a JSON object.

  ozone sh bucket info vol1/bucket1`,
		ValidArgsFunction: s.completeURI(bucketLevel),
		Args:              arguments(0, "bucket-uri"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := parseBucket(args[0])
			if err != nil {
				return err
			}
			return s.with(cmd.Context(), a.Host, func(ctx context.Context, c cluster) error {
				return runBucketInfo(ctx, a.bucket(), c, s.out)
			})
		},
	}
}

func runBucketInfo(ctx context.Context, ref client.BucketRef, c buckets, out io.Writer) error {
	b, err := c.GetBucket(ctx, ref, "")
	if err != nil {
		return err
	}
	return printJSON(out, bucketJSONOf(b))
}

type bucketDeleteOptions struct {
	ref       client.BucketRef
	recursive bool
	yes       bool
}

func newBucketDeleteCommand(s *session) *cobra.Command {
	var o bucketDeleteOptions
	cmd := &cobra.Command{
		Use:   "delete <bucket-uri>",
		Short: "Delete a bucket",
		Long: `Delete a bucket, which must be empty; with -r its keys (all versions) and unfinished uploads go first.

  ozone sh bucket delete vol1/bucket1
  ozone sh bucket delete -r -y vol1/bucket1`,
		ValidArgsFunction: s.completeURI(bucketLevel),
		Args:              arguments(0, "bucket-uri"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := parseBucket(args[0])
			if err != nil {
				return err
			}
			o.ref = a.bucket()
			if o.recursive && !o.yes && !confirm(s, "the bucket "+a.Volume+"/"+a.Bucket+" with every key in it") {
				return nil
			}
			return s.with(cmd.Context(), a.Host, func(ctx context.Context, c cluster) error {
				return runBucketDelete(ctx, o, c, s.out)
			})
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&o.recursive, "recursive", "r", false, "delete its keys too")
	f.BoolVarP(&o.yes, "yes", "y", false, "with -r: don't ask")
	return cmd
}

func runBucketDelete(ctx context.Context, o bucketDeleteOptions, c cluster, out io.Writer) error {
	remove := func() error { return c.DeleteBucket(ctx, o.ref, "") }
	if o.recursive {
		remove = func() error { return deleteBucketTree(ctx, o.ref, c) }
	}
	if err := remove(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "Bucket %s is deleted\n", o.ref.Bucket)
	return err
}

// deleteBucketTree deletes a bucket with all versions of its keys and unfinished
// uploads. A writer that goes on meanwhile makes it fail with BUCKET_NOT_EMPTY, a
// version that is locked with KEY_LOCKED.
func deleteBucketTree(ctx context.Context, ref client.BucketRef, c cluster) error {
	if err := deleteAllVersions(ctx, ref, c); err != nil {
		return err
	}
	if err := abortAllUploads(ctx, ref, c); err != nil {
		return err
	}
	return c.DeleteBucket(ctx, ref, "")
}

// deleteAllVersions goes by versions also where there never were any: each key has its
// null version then.
func deleteAllVersions(ctx context.Context, ref client.BucketRef, c keys) error {
	for next, more := (client.VersionListOptions{Limit: listPage}), true; more; {
		page, err := c.ListVersions(ctx, ref, next)
		if err != nil {
			return err
		}
		doomed := make([]client.DeleteKey, 0, len(page.Versions))
		for _, v := range page.Versions {
			doomed = append(doomed, client.DeleteKey{Key: v.Key, VersionID: cmp.Or(v.VersionID, "null")})
		}
		if err := deleteKeys(ctx, ref, doomed, c); err != nil {
			return err
		}
		next.AfterKey, next.AfterVersion, more = page.NextKey, page.NextVersion, page.Truncated
	}
	return nil
}

// deleteKeys deletes some keys and returns the first failure.
func deleteKeys(ctx context.Context, ref client.BucketRef, doomed []client.DeleteKey, c keys) error {
	if len(doomed) == 0 {
		return nil
	}
	results, err := c.DeleteObjects(ctx, ref, doomed, "")
	if err != nil {
		return err
	}
	for _, r := range results {
		if r.Err != nil {
			return r.Err
		}
	}
	return nil
}

func abortAllUploads(ctx context.Context, ref client.BucketRef, c uploads) error {
	o := client.UploadListOptions{Limit: listPage}
	for more := true; more; {
		page, err := c.ListUploads(ctx, ref, o)
		if err != nil {
			return err
		}
		for _, u := range page.Uploads {
			key := client.KeyRef{BucketRef: ref, Key: u.Key}
			if err := c.AbortUpload(ctx, client.UploadRef{KeyRef: key, ID: u.ID}); err != nil {
				return err
			}
		}
		o.AfterKey, o.AfterUploadID, more = page.NextKey, page.NextUploadID, page.Truncated
	}
	return nil
}

func newBucketPathCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "path <bucket>",
		Short: "Show where an S3 bucket lives",
		Long: `Show the volume of an S3 bucket and its Ozone file system URI. A bucket made
through S3 is in the volume "s3" + the access key in lower case.

  ozone sh bucket path bucket1`,
		Args: arguments(0, "bucket"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := parseS3Bucket(args[0])
			if err != nil {
				return err
			}
			return s.with(cmd.Context(), a.Host, func(ctx context.Context, c cluster) error {
				return runBucketPath(ctx, a.bucket(), s.verbose, c, s.out)
			})
		},
	}
}

func runBucketPath(ctx context.Context, ref client.BucketRef, verbose bool, c buckets, out io.Writer) error {
	b, err := c.GetBucket(ctx, ref, "")
	if err != nil {
		return err
	}
	if verbose {
		fmt.Fprintf(out, "Mapping created for S3Bucket is : %s/%s\n", b.Volume, b.Name)
	}
	fmt.Fprintf(out, "Volume name for S3Bucket is : %s\n", b.Volume)
	_, err = fmt.Fprintf(out, "Ozone FileSystem Uri is : o3fs://%s.%s\n", b.Name, b.Volume)
	return err
}

// bucketJSON has Ozone's field names.
type bucketJSON struct {
	Metadata          map[string]string `json:"metadata"`
	VolumeName        string            `json:"volumeName"`
	Name              string            `json:"name"`
	StorageType       string            `json:"storageType"`
	Versioning        bool              `json:"versioning"`
	CreationTime      isoTime           `json:"creationTime"`
	ModificationTime  isoTime           `json:"modificationTime"`
	QuotaInBytes      int64             `json:"quotaInBytes"`
	QuotaInNamespace  int64             `json:"quotaInNamespace"`
	BucketLayout      string            `json:"bucketLayout"`
	Owner             string            `json:"owner"`
	ReplicationConfig *replicationJSON  `json:"replicationConfig,omitempty"`
	Link              bool              `json:"link"`
	S3                bool              `json:"s3"` // ours: S3 clients reach it by its name
}

func bucketJSONOf(b client.Bucket) bucketJSON {
	return bucketJSON{
		Metadata: map[string]string{}, VolumeName: b.Volume, Name: b.Name, StorageType: "DISK",
		CreationTime: isoTime(b.Created), ModificationTime: isoTime(b.Modified),
		QuotaInBytes: -1, QuotaInNamespace: -1, BucketLayout: "OBJECT_STORE",
		Owner: b.Owner, ReplicationConfig: replicationJSONOf(b.Replication), S3: b.S3,
	}
}
