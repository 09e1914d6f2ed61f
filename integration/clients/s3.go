package clients

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// s3 prepares buckets for the tools that can't.
type s3Client struct {
	t *testing.T
	c *minio.Client
}

func newS3(t *testing.T, ep Endpoint) s3Client {
	t.Helper()
	c, err := minio.New(strings.TrimPrefix(ep.URL, "http://"), &minio.Options{Creds: credentials.NewStaticV4(ep.AccessKey, ep.SecretKey, "")})
	if err != nil {
		t.Fatal(err)
	}
	return s3Client{t, c}
}

func (s s3Client) makeBucket(name string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.c.MakeBucket(ctx, name, minio.MakeBucketOptions{}); err != nil {
		s.t.Fatal(err)
	}
}
