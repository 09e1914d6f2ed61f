package clients

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// MinioGo drives minio-go, which signs each chunk of a body, and with
// TrailingHeaders its trailing checksum too.
func MinioGo(t *testing.T, ep Endpoint) {
	for name, trailing := range map[string]bool{"signed chunks": false, "signed trailers": true} {
		t.Run(name, func(t *testing.T) { minioGo(t, ep, trailing) })
	}
}

func minioGo(t *testing.T, ep Endpoint, trailing bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	c, err := minio.New(strings.TrimPrefix(ep.URL, "http://"), &minio.Options{
		Creds: credentials.NewStaticV4(ep.AccessKey, ep.SecretKey, ""), TrailingHeaders: trailing})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(err)
	bucket := "minio-go"
	if trailing {
		bucket = "minio-go-trailers"
	}
	must(c.MakeBucket(ctx, bucket, minio.MakeBucketOptions{}))
	for _, size := range []int{0, 1, 65536, 70000, 18 << 20} {
		body := randomBytes(size)
		info, err := c.PutObject(ctx, bucket, "dir/o", bytes.NewReader(body), int64(size), minio.PutObjectOptions{
			PartSize: 5 << 20, UserMetadata: map[string]string{"Color": "blue"}})
		must(err)
		o, err := c.GetObject(ctx, bucket, "dir/o", minio.GetObjectOptions{})
		must(err)
		got, err := io.ReadAll(o)
		must(err)
		if !bytes.Equal(got, body) {
			t.Fatalf("%d bytes: other bytes came back", size)
		}
		st, err := c.StatObject(ctx, bucket, "dir/o", minio.StatObjectOptions{})
		must(err)
		if st.ETag != info.ETag || st.UserMetadata["Color"] != "blue" {
			t.Fatalf("stat: %+v", st)
		}
	}
	// No length known before: chunks until the end.
	_, err = c.PutObject(ctx, bucket, "stream", io.LimitReader(zeros{}, 7<<20), -1, minio.PutObjectOptions{PartSize: 5 << 20})
	must(err)
	_, err = c.CopyObject(ctx, minio.CopyDestOptions{Bucket: bucket, Object: "copy of+it"}, minio.CopySrcOptions{Bucket: bucket, Object: "stream"})
	must(err)
	_, err = c.ComposeObject(ctx, minio.CopyDestOptions{Bucket: bucket, Object: "composed"},
		minio.CopySrcOptions{Bucket: bucket, Object: "stream"}, minio.CopySrcOptions{Bucket: bucket, Object: "copy of+it"})
	must(err)
	st, err := c.StatObject(ctx, bucket, "composed", minio.StatObjectOptions{})
	must(err)
	if st.Size != 14<<20 {
		t.Fatalf("composed %d bytes", st.Size)
	}
	link, err := c.PresignedGetObject(ctx, bucket, "stream", time.Minute, nil)
	must(err)
	resp, err := http.Get(link.String())
	must(err)
	n, err := io.Copy(io.Discard, resp.Body)
	must(err)
	_ = resp.Body.Close()
	if resp.StatusCode != 200 || n != 7<<20 {
		t.Fatalf("presigned: %d, %d bytes", resp.StatusCode, n)
	}
	objects := c.ListObjects(ctx, bucket, minio.ListObjectsOptions{Recursive: true})
	for e := range c.RemoveObjects(ctx, bucket, objects, minio.RemoveObjectsOptions{}) {
		t.Fatal(e.Err)
	}
	must(c.RemoveBucket(ctx, bucket))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
