package main

import "github.com/spf13/cobra"

func newS3Command(s *session) *cobra.Command {
	return newGroup("s3", "S3 users, their secrets, and the place of S3 buckets",
		`S3 users, their secrets, and the place of S3 buckets.

  ozone s3 getsecret -u alice
  ozone s3 user list
  ozone s3 path bucket1`,
		newS3PathCommand(s), newUserCommand(s),
		newGetSecretCommand(s), newSetSecretCommand(s), newRevokeSecretCommand(s))
}

func newS3PathCommand(s *session) *cobra.Command {
	cmd := newBucketPathCommand(s)
	cmd.Long = `Show the volume of an S3 bucket and its Ozone file system URI, as "ozone sh bucket
path" does.

  ozone s3 path bucket1`
	return cmd
}
