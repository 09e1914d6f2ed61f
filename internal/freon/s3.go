package freon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// MinPartSize is the least size of a part of a multipart upload, but for the last.
const MinPartSize = 5 << 20

// S3Options say which S3 endpoint to load, and as whom.
type S3Options struct {
	Endpoint          string // http://host:port
	AccessKey, Secret string
	Connections       int // kept open
}

// S3 makes load through the S3 gateway. The library is minio-go: it adds 1.8 MB
// to a binary, the AWS SDK 2.3 MB.
type S3 struct{ core *minio.Core }

// NewS3 prepares a client; nothing is sent yet.
func NewS3(o S3Options) (*S3, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, ozerr.New(ozerr.InvalidArgument, "endpoint %q is not of the form http://host:port", o.Endpoint)
	}
	core, err := minio.NewCore(u.Host, &minio.Options{
		Creds:        credentials.NewStaticV4(o.AccessKey, o.Secret, ""),
		Secure:       u.Scheme == "https",
		Region:       "us-east-1",
		BucketLookup: minio.BucketLookupPath,
		MaxRetries:   1, // a failure counts as one
		Transport: &http.Transport{
			MaxIdleConnsPerHost:   o.Connections,
			IdleConnTimeout:       time.Minute,
			ResponseHeaderTimeout: time.Minute,
			DisableCompression:    true,
		},
	})
	if err != nil {
		return nil, err
	}
	return &S3{core}, nil
}

// EnsureBucket makes the bucket unless it is there. Whose it is, the first key
// will tell.
func (s *S3) EnsureBucket(ctx context.Context, bucket string) error {
	err := s.core.MakeBucket(ctx, bucket, minio.MakeBucketOptions{})
	switch minio.ToErrorResponse(err).Code {
	case "BucketAlreadyOwnedByYou", "BucketAlreadyExists":
		return nil
	}
	return coded(err)
}

// Buckets (s3bg) creates the buckets prefix-0, prefix-1, …
func (s *S3) Buckets(prefix string) Task {
	return func(ctx context.Context, n int64) (int64, error) {
		name := fmt.Sprintf("%s-%d", prefix, n)
		return 0, coded(s.core.MakeBucket(ctx, name, minio.MakeBucketOptions{}))
	}
}

// Keys (s3kg) puts the keys prefix/0, prefix/1, …, each with one request.
func (s *S3) Keys(bucket, prefix string, content *Content) Task {
	return func(ctx context.Context, n int64) (int64, error) {
		o := minio.PutObjectOptions{DisableMultipart: true}
		_, err := s.core.Client.PutObject(ctx, bucket, keyName(prefix, n), content.Reader(), content.Size, o)
		return content.Size, coded(err)
	}
}

// MultipartKeys (s3kg --multi-part-upload) puts keys of that many parts, each
// with content.
func (s *S3) MultipartKeys(bucket, prefix string, content *Content, parts int) Task {
	return func(ctx context.Context, n int64) (int64, error) {
		key := keyName(prefix, n)
		id, err := s.core.NewMultipartUpload(ctx, bucket, key, minio.PutObjectOptions{})
		if err != nil {
			return 0, coded(err)
		}
		if err := s.upload(ctx, bucket, key, id, content, parts); err != nil {
			// The upload is of no use; if this fails, the store drops it in time.
			_ = s.core.AbortMultipartUpload(context.WithoutCancel(ctx), bucket, key, id)
			return 0, coded(err)
		}
		return content.Size * int64(parts), nil
	}
}

func (s *S3) upload(ctx context.Context, bucket, key, id string, content *Content, parts int) error {
	done := make([]minio.CompletePart, 0, parts)
	for number := 1; number <= parts; number++ {
		part, err := s.core.PutObjectPart(ctx, bucket, key, id, number, content.Reader(), content.Size, minio.PutObjectPartOptions{})
		if err != nil {
			return err
		}
		done = append(done, minio.CompletePart{PartNumber: number, ETag: part.ETag})
	}
	_, err := s.core.CompleteMultipartUpload(ctx, bucket, key, id, done, minio.PutObjectOptions{})
	return err
}

func keyName(prefix string, n int64) string { return fmt.Sprintf("%s/%d", prefix, n) }

// coded gives an error of the S3 client one of our codes; S3's own code comes
// first in the message.
func coded(err error) error {
	if err == nil {
		return nil
	}
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) || answer.Code == "" {
		return ozerr.Wrap(ozerr.Unavailable, err, "S3 request")
	}
	code := ozerr.InvalidRequest
	if answer.StatusCode >= 500 {
		code = ozerr.Unavailable
	}
	return &ozerr.Error{Code: code, Message: fmt.Sprintf("S3 %s: %s", answer.Code, answer.Message), Err: err}
}
