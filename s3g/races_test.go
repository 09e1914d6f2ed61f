package s3g_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/s3g"
)

// Races that integration/lin found, made certain.

// vanishing deletes a bucket that was found to be there already, once.
type vanishing struct {
	*store
	gone bool
}

func (v *vanishing) CreateBucket(ctx context.Context, o client.CreateBucketOptions) (client.Bucket, error) {
	b, err := v.store.CreateBucket(ctx, o)
	if errors.Is(err, ozerr.BucketAlreadyOwned) && !v.gone {
		v.gone = true
		return b, errors.Join(err, v.DeleteBucket(ctx, client.S3Bucket(o.Bucket), ""))
	}
	return b, err
}

// TestBucketDeletedWhileItIsCreatedAgain: who creates a bucket is not told that it does
// not exist.
func TestBucketDeletedWhileItIsCreatedAgain(t *testing.T) {
	v := &vanishing{store: newStore(t)}
	url := serveStore(t, s3g.DefaultConfig(), v, zerolog.Nop())
	for range 2 {
		if status, _, body := ask(t, "PUT", url+"/bucket", ""); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
	}
	if status, _, body := ask(t, "PUT", url+"/bucket/k", "x"); status != 200 || !v.gone {
		t.Errorf("%d %s, deleted meanwhile: %t", status, body, v.gone)
	}
}

// moving overwrites "k" with "other" whenever somebody has looked at it.
type moving struct{ *store }

func (m moving) GetObject(ctx context.Context, ref client.KeyRef, owner string) (client.Object, error) {
	o, err := m.store.GetObject(ctx, ref, owner)
	if err == nil && ref.Key == "k" {
		other := client.KeyRef{BucketRef: ref.BucketRef, Key: "other"}
		_, err = m.CopyObject(ctx, other, ref, client.CopyOptions{})
	}
	return o, err
}

// TestCopyOfASourceThatNeverRests: the copy set no condition, so it is not told that one
// failed (409, which SDKs do not repeat) but to try again. Found by integration/lin.
func TestCopyOfASourceThatNeverRests(t *testing.T) {
	url := serveStore(t, s3g.DefaultConfig(), moving{newStore(t)}, zerolog.Nop())
	for _, path := range []string{"", "/k", "/other"} {
		if status, _, body := ask(t, "PUT", url+"/bucket"+path, ""); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
	}
	status, header, body := ask(t, "PUT", url+"/bucket/copy", "", "x-amz-copy-source", "bucket/k")
	if status != 503 || !strings.Contains(body, "SlowDown") || header.Get("Retry-After") == "" {
		t.Errorf("%d %v %s", status, header, body)
	}
}
