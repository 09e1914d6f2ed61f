package clients

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// SDKGo drives aws-sdk-go-v2 with its default integrity settings.
func SDKGo(t *testing.T, ep Endpoint) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	t.Setenv("AWS_CA_BUNDLE", "")
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion("us-east-1"),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(ep.AccessKey, ep.SecretKey, "")))
	if err != nil {
		t.Fatal(err)
	}
	c := s3.NewFromConfig(cfg, func(o *s3.Options) { o.BaseEndpoint, o.UsePathStyle = &ep.URL, true })
	bucket := aws.String("sdk-go-v2")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket})
	must(err)

	body := randomBytes(300 << 10)
	for _, alg := range append([]types.ChecksumAlgorithm{""}, types.ChecksumAlgorithm("").Values()...) {
		switch alg {
		case "", types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc32c, types.ChecksumAlgorithmCrc64nvme, types.ChecksumAlgorithmSha1, types.ChecksumAlgorithmSha256:
		default:
			continue // newer algorithms that S3 itself has only just got
		}
		key := aws.String("sum/" + string(alg))
		_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: key, Body: bytes.NewReader(body), ChecksumAlgorithm: alg})
		must(err)
		out, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key, ChecksumMode: types.ChecksumModeEnabled})
		must(err)
		got, err := io.ReadAll(out.Body)
		must(err)
		if !bytes.Equal(got, body) {
			t.Fatalf("%s: other bytes came back", alg)
		}
	}

	big := randomBytes(17 << 20)
	//lint:ignore SA1019 its successor needs an SDK version that the module proxy does not have
	up := manager.NewUploader(c)
	//lint:ignore SA1019 as above
	_, err = up.Upload(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("big"), Body: bytes.NewReader(big)})
	must(err)
	buf := manager.NewWriteAtBuffer(nil)
	//lint:ignore SA1019 as above
	_, err = manager.NewDownloader(c).Download(ctx, buf, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("big")})
	must(err)
	if !bytes.Equal(buf.Bytes(), big) {
		t.Fatal("the downloader got other bytes")
	}

	var apiErr smithy.APIError
	_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("big"), Body: bytes.NewReader(body), IfNoneMatch: aws.String("*")})
	if !errors.As(err, &apiErr) || apiErr.ErrorCode() != "PreconditionFailed" {
		t.Fatalf("If-None-Match on an existing key: %v", err)
	}
	_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("nothing")})
	if nsk := (*types.NoSuchKey)(nil); !errors.As(err, &nsk) {
		t.Fatalf("GET of a missing key: %v", err)
	}

	signed, err := s3.NewPresignClient(c).PresignGetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("big")})
	must(err)
	resp, err := http.Get(signed.URL)
	must(err)
	got, err := io.ReadAll(resp.Body)
	must(err)
	_ = resp.Body.Close()
	if resp.StatusCode != 200 || !bytes.Equal(got, big) {
		t.Fatalf("presigned GET: %d, %d bytes", resp.StatusCode, len(got))
	}

	var ids []types.ObjectIdentifier
	pages := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: bucket, MaxKeys: aws.Int32(2)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		must(err)
		for _, o := range page.Contents {
			ids = append(ids, types.ObjectIdentifier{Key: o.Key})
		}
	}
	if len(ids) != 7 {
		t.Fatalf("listed %d keys, want 7", len(ids))
	}
	del, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{Objects: ids}})
	must(err)
	if len(del.Deleted) != len(ids) || len(del.Errors) != 0 {
		t.Fatalf("multi-delete: %d deleted, errors %v", len(del.Deleted), del.Errors)
	}
	_, err = c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: bucket})
	must(err)
}
