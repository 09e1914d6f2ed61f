package freon

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// Keys is what the generators need of *client.Client for keys.
type Keys interface {
	PutObject(ctx context.Context, ref client.KeyRef, body io.Reader, o client.PutOptions) (client.Object, error)
	GetObject(ctx context.Context, ref client.KeyRef, expectedOwner string) (client.Object, error)
	ReadObject(ctx context.Context, o client.Object, off, n int64) client.Reader
	ListObjects(ctx context.Context, ref client.BucketRef, o client.ListOptions) (client.Listing, error)
	DeleteObjects(ctx context.Context, ref client.BucketRef, keys []client.DeleteKey, expectedOwner string) ([]client.DeleteResult, error)
}

// Buckets is what the generators need of *client.Client for volumes and buckets.
type Buckets interface {
	CreateVolume(ctx context.Context, name, owner string) error
	GetVolume(ctx context.Context, name string) (client.Volume, error)
	CreateBucket(ctx context.Context, o client.CreateBucketOptions) (client.Bucket, error)
	GetBucket(ctx context.Context, ref client.BucketRef, expectedOwner string) (client.Bucket, error)
}

// Target is where the keys of a run are: prefix/0, prefix/1, … in a bucket.
type Target struct {
	Bucket client.BucketRef
	Prefix string
}

// Key is the n-th key.
func (t Target) Key(n int64) client.KeyRef {
	return client.KeyRef{BucketRef: t.Bucket, Key: fmt.Sprintf("%s/%d", t.Prefix, n)}
}

// EnsureBucket makes the volume and the bucket unless they are there.
func EnsureBucket(ctx context.Context, c Buckets, ref client.BucketRef) error {
	err := c.CreateVolume(ctx, ref.Volume, "")
	if err != nil && !errors.Is(err, ozerr.VolumeAlreadyExists) {
		return err
	}
	_, err = c.CreateBucket(ctx, client.CreateBucketOptions{Volume: ref.Volume, Bucket: ref.Bucket})
	if errors.Is(err, ozerr.BucketAlreadyExists) || errors.Is(err, ozerr.BucketAlreadyOwned) {
		return nil
	}
	return err
}

// WriteKeys (ockg) writes keys through the client: om and datanodes together.
func WriteKeys(c Keys, t Target, content *Content, replication string) Task {
	return func(ctx context.Context, n int64) (int64, error) {
		return putKey(ctx, c, t.Key(n), content, replication)
	}
}

// putKey writes one key. Its ETag is known before, so the hash costs no time.
func putKey(ctx context.Context, c Keys, ref client.KeyRef, content *Content, replication string) (int64, error) {
	seal := func(int64) (client.Sealed, error) { return client.Sealed{ETag: content.ETag()}, nil }
	_, err := c.PutObject(ctx, ref, content.Reader(), client.PutOptions{Replication: replication, Seal: seal})
	return content.Size, err
}

// ReadKeys (ockv) reads keys that WriteKeys wrote and verifies every byte.
func ReadKeys(c Keys, t Target) Task {
	content := NewContent(0)
	return func(ctx context.Context, n int64) (int64, error) {
		return verifyKey(ctx, c, t.Key(n), content)
	}
}

func verifyKey(ctx context.Context, c Keys, ref client.KeyRef, content *Content) (int64, error) {
	object, err := c.GetObject(ctx, ref, "")
	if err != nil {
		return 0, err
	}
	v := content.Verifier()
	r := c.ReadObject(ctx, object, 0, -1)
	_, err = r.WriteTo(v)
	if err = errors.Join(err, r.Close()); err == nil {
		err = v.Close(object.Size)
	}
	if errors.Is(err, ErrContent) {
		return 0, &ozerr.Error{Code: ozerr.ChecksumMismatch, Message: ref.Key + ": " + err.Error(), Err: err}
	}
	return object.Size, err
}

// DeleteKeys (ockr) deletes keys that WriteKeys wrote.
func DeleteKeys(c Keys, t Target) Task {
	return func(ctx context.Context, n int64) (int64, error) {
		doomed := []client.DeleteKey{{Key: t.Key(n).Key, MustExist: true}}
		results, err := c.DeleteObjects(ctx, t.Bucket, doomed, "")
		if err == nil && len(results) == 1 {
			err = results[0].Err
		}
		return 0, err
	}
}
