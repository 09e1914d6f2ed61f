package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newS3Command(s *session) *cobra.Command {
	return newGroup("s3", "S3 access keys and the place of S3 buckets",
		`S3 access keys and the place of S3 buckets.

  ozone s3 path bucket1`,
		newS3PathCommand(s),
		newSecretCommand(s, "getsecret", "Make and show the S3 secret of a user"),
		newSecretCommand(s, "setsecret", "Set the S3 secret of a user"),
		newSecretCommand(s, "revokesecret", "Revoke the S3 secret of a user"))
}

func newS3PathCommand(s *session) *cobra.Command {
	cmd := newBucketPathCommand(s)
	cmd.Long = `Show the volume of an S3 bucket and its Ozone file system URI, as "ozone sh bucket
path" does.

  ozone s3 path bucket1`
	return cmd
}

// newSecretCommand is one of the three commands for secrets. In open mode every
// key and secret is accepted, so there is nothing to show, set or revoke: Ozone
// then says so and exits with 0, and scripts that set up both modes rely on it.
func newSecretCommand(s *session, verb, short string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   verb,
		Short: short,
		Long: short + `.

This store runs in open mode: every access key and every secret is accepted, and a
bucket made with the access key ID lives in the volume "s3" + ID in lower case.
The command says so and succeeds, as Ozone's does.`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			fmt.Fprintf(s.err, "Error: '%s' operation works only when security is enabled. "+
				"To enable security set ozone.security.enabled to true.\n", cmd.CommandPath())
			return nil
		},
	}
	f := cmd.Flags()
	f.StringP("user", "u", "", "the `user`; you, unless given")
	switch verb {
	case "getsecret":
		f.BoolP("export", "e", false, "print in the form of shell exports")
	case "setsecret":
		f.StringP("secret", "s", "", "the `secret`, of 8 characters or more")
	case "revokesecret":
		f.BoolP("yes", "y", false, "don't ask")
	}
	return cmd
}
