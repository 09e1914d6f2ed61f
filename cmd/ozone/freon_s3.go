package main

import (
	"cmp"
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mini-ozone/mini-ozone/internal/freon"
)

// s3Flags say where the S3 gateway is and who asks.
type s3Flags struct{ endpoint string }

func (o *s3Flags) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.endpoint, "endpoint", "e", "http://localhost:9878", "`URL` of the S3 gateway")
}

const s3CredentialsHelp = `

Access key and secret are those of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or
"freon"; in open mode any will do.`

// connect prepares a client with as many connections as there are threads.
func (o *s3Flags) connect(s *session, threads int) (*freon.S3, error) {
	return freon.NewS3(freon.S3Options{
		Endpoint:    o.endpoint,
		AccessKey:   cmp.Or(s.variable("AWS_ACCESS_KEY_ID"), "freon"),
		Secret:      cmp.Or(s.variable("AWS_SECRET_ACCESS_KEY"), "freon"),
		Connections: threads,
	})
}

// variable is a variable of the environment, or "".
func (s *session) variable(name string) string {
	for _, v := range s.vars {
		if key, value, ok := strings.Cut(v, "="); ok && key == name {
			return value
		}
	}
	return ""
}

func newS3BucketLoadCommand(s *session) *cobra.Command {
	var o struct {
		loadOptions
		s3Flags
	}
	cmd := &cobra.Command{
		Use: "s3bg", Aliases: []string{"s3-bucket-generator"},
		Short: "Create buckets through the S3 gateway",
		Long: `Create the buckets prefix-0, prefix-1, … through the S3 gateway.

  ozone freon s3bg -n 100` + s3CredentialsHelp,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.complete(); err != nil {
				return err
			}
			client, err := o.connect(s, o.Threads)
			if err != nil {
				return err
			}
			return runLoad(cmd.Context(), o.loadOptions, "s3bg", client.Buckets(o.prefix), s.out, s.err)
		},
	}
	o.loadOptions.addFlags(cmd)
	o.s3Flags.addFlags(cmd)
	return cmd
}

type s3KeyLoadOptions struct {
	loadOptions
	s3Flags
	bucket    string
	size      sizeFlag
	multipart bool
	parts     int
}

func newS3KeyLoadCommand(s *session) *cobra.Command {
	o := s3KeyLoadOptions{size: 10 << 10}
	cmd := &cobra.Command{
		Use: "s3kg", Aliases: []string{"s3-key-generator"},
		Short: "Put keys through the S3 gateway",
		Long: `Put the keys prefix/0, prefix/1, … through the S3 gateway.

  ozone freon s3kg -n 10000 -t 32 --size 4KB
  ozone freon s3kg -n 4 -t 2 --multi-part-upload --parts 10 --size 8MB` + s3CredentialsHelp,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			return runS3KeyLoad(cmd.Context(), s, o)
		},
	}
	o.loadOptions.addFlags(cmd)
	o.s3Flags.addFlags(cmd)
	f := cmd.Flags()
	f.StringVarP(&o.bucket, "bucket", "b", "bucket1", "`bucket`, made if need be")
	f.VarP(&o.size, "size", "s", "`size` of a key, or of a part of a multipart upload")
	f.BoolVar(&o.multipart, "multi-part-upload", false, "write every key as a multipart upload")
	f.IntVar(&o.parts, "parts", 10, "parts of a multipart upload, `N`")
	return cmd
}

func (o *s3KeyLoadOptions) validate() error {
	switch {
	case o.multipart && (o.parts < 1 || o.parts > 10000):
		return usagef("--parts must be in 1..10000, not %d", o.parts)
	case o.multipart && o.parts > 1 && o.size < freon.MinPartSize:
		return usagef("--size must be 5MB or more with --multi-part-upload: S3 has no smaller parts")
	}
	return o.complete()
}

func runS3KeyLoad(ctx context.Context, s *session, o s3KeyLoadOptions) error {
	client, err := o.connect(s, o.Threads)
	if err != nil {
		return err
	}
	if err := client.EnsureBucket(ctx, o.bucket); err != nil {
		return err
	}
	content := freon.NewContent(int64(o.size))
	task := client.Keys(o.bucket, o.prefix, content)
	if o.multipart {
		task = client.MultipartKeys(o.bucket, o.prefix, content, o.parts)
	}
	return runLoad(ctx, o.loadOptions, "s3kg", task, s.out, s.err)
}
