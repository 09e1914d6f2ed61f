package ozonetest_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

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
