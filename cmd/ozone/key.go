package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/mini-ozone/mini-ozone/client"
)

func newKeyCommand(s *session) *cobra.Command {
	return newGroup("key", "Put, get, list, show, delete, rename and copy keys",
		`Put, get, list, show, delete, rename and copy keys.

  ozone sh key put vol1/bucket1/notes.txt ./notes.txt
  ozone sh key get vol1/bucket1/notes.txt ./copy.txt
  tar c dir | ozone sh key put vol1/bucket1/dir.tar -
  ozone sh key list vol1/bucket1 -p dir`,
		newKeyPutCommand(s), newKeyGetCommand(s), newKeyCatCommand(s), newKeyListCommand(s), newKeyInfoCommand(s),
		newKeyDeleteCommand(s), newKeyRenameCommand(s), newKeyCopyCommand(s))
}

func newKeyListCommand(s *session) *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use:     "list <bucket-uri>[/prefix]",
		Aliases: []string{"ls"},
		Short:   "List the keys of a bucket",
		Long: `List the keys of a bucket as a JSON array, in order of name.

  ozone sh key list vol1/bucket1
  ozone sh key list vol1/bucket1/logs/2026/
  ozone sh key list vol1/bucket1 -p logs/ -a | jq -r '.[].name'`,
		ValidArgsFunction: s.completeURI(keyLevel),
		Args:              arguments(0, "bucket-uri"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			a, err := parsePrefix(args[0])
			if err != nil {
				return err
			}
			o.prefix = a.Key + o.prefix
			return s.with(cmd.Context(), a.Host, func(ctx context.Context, c cluster) error {
				return runKeyList(ctx, o, a.bucket(), c, s.out, s.err)
			})
		},
	}
	o.addFlags(cmd, "keys")
	return cmd
}

func runKeyList(ctx context.Context, o listOptions, ref client.BucketRef, c keys, out, notes io.Writer) error {
	l := listing[client.Object]{
		options: o,
		noun:    "keys",
		page: func(after string, limit int) ([]client.Object, bool, error) {
			page, err := c.ListObjects(ctx, ref, client.ListOptions{Prefix: o.prefix, After: after, Limit: limit})
			return page.Objects, page.Truncated, err
		},
		name: func(k client.Object) string { return k.Key },
		show: func(k client.Object) any { return keyJSONOf(ref, k) },
	}
	return l.print(out, notes)
}

func newKeyInfoCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "info <key-uri>",
		Short: "Show a key and where its bytes are",
		Long: `Show a key as a JSON object, with the containers and blocks that hold its bytes.

  ozone sh key info vol1/bucket1/notes.txt`,
		ValidArgsFunction: s.completeURI(keyLevel),
		Args:              arguments(0, "key-uri"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := parseKey(args[0])
			if err != nil {
				return err
			}
			return s.with(cmd.Context(), a.Host, func(ctx context.Context, c cluster) error {
				return runKeyInfo(ctx, a.key(), c, s.out)
			})
		},
	}
}

func runKeyInfo(ctx context.Context, ref client.KeyRef, c keys, out io.Writer) error {
	k, err := c.GetObject(ctx, ref, "")
	if err != nil {
		return err
	}
	return printJSON(out, keyDetailJSONOf(ref.BucketRef, k))
}

func newKeyDeleteCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "delete <key-uri>",
		Short: "Delete a key",
		Long: `Delete a key. It prints nothing when all is well.

  ozone sh key delete vol1/bucket1/notes.txt`,
		ValidArgsFunction: s.completeURI(keyLevel),
		Args:              arguments(0, "key-uri"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := parseKey(args[0])
			if err != nil {
				return err
			}
			return s.with(cmd.Context(), a.Host, func(ctx context.Context, c cluster) error {
				return runKeyDelete(ctx, a.key(), c)
			})
		},
	}
}

func runKeyDelete(ctx context.Context, ref client.KeyRef, c keys) error {
	return deleteKeys(ctx, ref.BucketRef, []client.DeleteKey{{Key: ref.Key, MustExist: true}}, c)
}

// keyJSON has Ozone's field names. The ETag is among the metadata, as there.
type keyJSON struct {
	VolumeName        string            `json:"volumeName"`
	BucketName        string            `json:"bucketName"`
	Name              string            `json:"name"`
	Owner             string            `json:"owner"`
	DataSize          int64             `json:"dataSize"`
	CreationTime      isoTime           `json:"creationTime"`
	ModificationTime  isoTime           `json:"modificationTime"`
	ReplicationConfig *replicationJSON  `json:"replicationConfig,omitempty"`
	Metadata          map[string]string `json:"metadata"`
	File              bool              `json:"file"`
}

type keyDetailJSON struct {
	keyJSON
	Tags              map[string]string `json:"tags"`
	Generation        uint64            `json:"generation"`
	OzoneKeyLocations []locationJSON    `json:"ozoneKeyLocations"`
}

type locationJSON struct {
	ContainerID uint64   `json:"containerID"`
	LocalID     uint64   `json:"localID"`
	Length      int64    `json:"length"`
	Offset      int64    `json:"offset"`
	KeyOffset   int64    `json:"keyOffset"`
	Datanodes   []string `json:"datanodes"` // ours: where to look for the container
}

func keyJSONOf(ref client.BucketRef, k client.Object) keyJSON {
	return keyJSON{
		VolumeName: ref.Volume, BucketName: ref.Bucket, Name: k.Key, Owner: k.Owner, DataSize: k.Size,
		CreationTime: isoTime(k.Created), ModificationTime: isoTime(k.Modified),
		ReplicationConfig: replicationJSONOf(k.Replication), Metadata: metadataOf(k), File: true,
	}
}

func keyDetailJSONOf(ref client.BucketRef, k client.Object) keyDetailJSON {
	d := keyDetailJSON{
		keyJSON: keyJSONOf(ref, k), Tags: k.Meta.Tags, Generation: k.Generation, OzoneKeyLocations: []locationJSON{},
	}
	if d.Tags == nil {
		d.Tags = map[string]string{}
	}
	for _, l := range k.Locations() {
		d.OzoneKeyLocations = append(d.OzoneKeyLocations, locationJSON{
			ContainerID: l.Container, LocalID: l.Local, Length: l.Length, Offset: l.Offset,
			KeyOffset: l.KeyOffset, Datanodes: l.Nodes,
		})
	}
	return d
}

// metadataOf joins what Ozone keeps in one map: headers, user metadata and ETag.
func metadataOf(k client.Object) map[string]string {
	m := map[string]string{}
	for name, value := range k.Meta.Headers {
		m[name] = value
	}
	for name, value := range k.Meta.Metadata {
		m[name] = value
	}
	if k.ETag != "" {
		m["ETag"] = k.ETag
	}
	return m
}
