package s3g_test

import (
	"context"
	"io"
	"sync/atomic"
	"testing"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/ozonetest"
	"github.com/mini-ozone/mini-ozone/s3g"
)

// store is the real store, om and datanode in this process, which can be told to fail.
type store struct {
	s3g.Store
	failure atomic.Pointer[error]
}

func newStore(t testing.TB) *store {
	t.Helper()
	return &store{Store: ozonetest.Start(t).Client()}
}

// Fail makes the calls that handlers begin with return err, until it is called with
// nil: a store that is down.
func (s *store) Fail(err error) {
	if err == nil {
		s.failure.Store(nil)
		return
	}
	s.failure.Store(&err)
}

func (s *store) failed() error {
	if err := s.failure.Load(); err != nil {
		return *err
	}
	return nil
}

func (s *store) GetBucket(ctx context.Context, ref client.BucketRef, owner string) (client.Bucket, error) {
	if err := s.failed(); err != nil {
		return client.Bucket{}, err
	}
	return s.Store.GetBucket(ctx, ref, owner)
}

func (s *store) ListBuckets(ctx context.Context, o client.ListBucketsOptions) ([]client.Bucket, bool, error) {
	if err := s.failed(); err != nil {
		return nil, false, err
	}
	return s.Store.ListBuckets(ctx, o)
}

func (s *store) CreateBucket(ctx context.Context, o client.CreateBucketOptions) (client.Bucket, error) {
	if err := s.failed(); err != nil {
		return client.Bucket{}, err
	}
	return s.Store.CreateBucket(ctx, o)
}

func (s *store) GetObject(ctx context.Context, ref client.KeyRef, owner string) (client.Object, error) {
	if err := s.failed(); err != nil {
		return client.Object{}, err
	}
	return s.Store.GetObject(ctx, ref, owner)
}

func (s *store) PutObject(ctx context.Context, ref client.KeyRef, body io.Reader, o client.PutOptions) (client.Object, error) {
	if err := s.failed(); err != nil {
		return client.Object{}, err
	}
	return s.Store.PutObject(ctx, ref, body, o)
}

func (s *store) ListObjects(ctx context.Context, ref client.BucketRef, o client.ListOptions) (client.Listing, error) {
	if err := s.failed(); err != nil {
		return client.Listing{}, err
	}
	return s.Store.ListObjects(ctx, ref, o)
}

func (s *store) DeleteBucket(ctx context.Context, ref client.BucketRef, owner string) error {
	if err := s.failed(); err != nil {
		return err
	}
	return s.Store.DeleteBucket(ctx, ref, owner)
}

func (s *store) DeleteObjects(ctx context.Context, ref client.BucketRef, keys []client.DeleteKey, owner string) ([]client.DeleteResult, error) {
	if err := s.failed(); err != nil {
		return nil, err
	}
	return s.Store.DeleteObjects(ctx, ref, keys, owner)
}

func (s *store) CreateUpload(ctx context.Context, ref client.KeyRef, o client.UploadOptions) (client.Upload, error) {
	if err := s.failed(); err != nil {
		return client.Upload{}, err
	}
	return s.Store.CreateUpload(ctx, ref, o)
}

func (s *store) ListUploads(ctx context.Context, ref client.BucketRef, o client.UploadListOptions) (client.UploadListing, error) {
	if err := s.failed(); err != nil {
		return client.UploadListing{}, err
	}
	return s.Store.ListUploads(ctx, ref, o)
}
