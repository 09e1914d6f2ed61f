package main

import "github.com/spf13/cobra"

const shellLong = `Work with volumes, buckets and keys.

A volume holds buckets, a bucket holds keys. They are named by URIs:

  vol1/bucket1/dir/key                   at the configured om
  /vol1/bucket1/dir/key                  the same
  o3:///vol1/bucket1/dir/key             the same
  o3://host:9862/vol1/bucket1/dir/key    at that om
  o3://host/vol1/bucket1/dir/key         at that om, on the default port

After the bucket everything belongs to the key: "?", "#" and "%" are themselves.

  ozone sh volume create vol1
  ozone sh bucket create vol1/bucket1
  ozone sh key put vol1/bucket1/notes.txt ./notes.txt
  ozone sh key list vol1/bucket1`

func newShellCommand(s *session) *cobra.Command {
	cmd := newGroup("sh", "Work with volumes, buckets and keys", shellLong,
		newVolumeCommand(s), newBucketCommand(s), newKeyCommand(s))
	cmd.Aliases = []string{"shell"}
	return cmd
}
