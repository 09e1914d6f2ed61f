package ozonetest_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/mini-ozone/mini-ozone/ozonetest"
)

// The use that the package comment shows, with the SDK's default settings.
func TestStart(t *testing.T) {
	store := ozonetest.Start(t, ozonetest.Log(), ozonetest.Set("ozone.scm.block.size", "1MB"))
	client := s3.New(s3.Options{
		BaseEndpoint: aws.String(store.Endpoint()), UsePathStyle: true, Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider("any", "any", ""),
	})
	ctx, body := t.Context(), bytes.Repeat([]byte("0123456789"), 300_000)
	if _, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("bucket")}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("k"), Body: bytes.NewReader(body)}); err != nil {
		t.Fatal(err)
	}
	out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: aws.String("k")})
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(out.Body)
	if err != nil || !bytes.Equal(got, body) {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
	if err := out.Body.Close(); err != nil {
		t.Error(err)
	}
}

// A secure store takes only what a user signed.
func TestSecure(t *testing.T) {
	store := ozonetest.Start(t, ozonetest.Secure())
	as := func(key, secret string) *s3.Client {
		return s3.New(s3.Options{
			BaseEndpoint: aws.String(store.Endpoint()), UsePathStyle: true, Region: "us-east-1",
			Credentials: credentials.NewStaticCredentialsProvider(key, secret, ""),
		})
	}
	secret := store.Secret(t, "alice")
	ctx, body := t.Context(), bytes.Repeat([]byte("0123456789"), 300_000)
	if _, err := as("alice", secret).CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("bucket")}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ key, secret, want string }{
		"alice":          {"alice", secret, ""},
		"another secret": {"alice", "secret", "SignatureDoesNotMatch"},
		"another user":   {"bob", store.Secret(t, "bob"), "AccessDenied"},
		"nobody":         {"carol", secret, "InvalidAccessKeyId"},
	} {
		_, err := as(c.key, c.secret).PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("k"), Body: bytes.NewReader(body)})
		var told smithy.APIError
		if c.want == "" && err != nil || c.want != "" && (!errors.As(err, &told) || told.ErrorCode() != c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
