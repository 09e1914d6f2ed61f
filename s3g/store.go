package s3g

import (
	"context"
	"io"

	"github.com/mini-ozone/mini-ozone/client"
)

// Narrow views of *client.Client: a handler's test fakes only what it
// uses, and the gateway can't reach past them to om or a datanode. All methods
// are safe for concurrent use and return ozerr errors. The caller and the
// request id are in ctx (client.WithCaller, rpc.WithRequestID).

// Buckets makes, finds and removes buckets.
type Buckets interface {
	CreateBucket(ctx context.Context, o client.CreateBucketOptions) (client.Bucket, error)
	DeleteBucket(ctx context.Context, ref client.BucketRef, expectedOwner string) error
	GetBucket(ctx context.Context, ref client.BucketRef, expectedOwner string) (client.Bucket, error)
	SetBucket(ctx context.Context, ref client.BucketRef, change client.BucketChange, expectedOwner string) (client.Bucket, error)
	GetBucketDocument(ctx context.Context, ref client.BucketRef, kind, expectedOwner string) (client.Document, error)
	ListBuckets(ctx context.Context, o client.ListBucketsOptions) (buckets []client.Bucket, more bool, err error)
}

// Objects reads and writes whole objects.
type Objects interface {
	// PutObject stores body until io.EOF. An error of body is returned as it is
	// (errors.As finds it) and nothing is stored.
	PutObject(ctx context.Context, ref client.KeyRef, body io.Reader, o client.PutOptions) (client.Object, error)
	// GetObject returns what is known of the object, no bytes. A delete marker comes
	// beside ozerr.KeyNotFound.
	GetObject(ctx context.Context, ref client.KeyRef, expectedOwner string) (client.Object, error)
	// ReadObject reads n bytes from off of that very version.
	ReadObject(ctx context.Context, o client.Object, off, n int64) client.Reader
	ListObjects(ctx context.Context, ref client.BucketRef, o client.ListOptions) (client.Listing, error)
	DeleteObjects(ctx context.Context, ref client.BucketRef, keys []client.DeleteKey, expectedOwner string) ([]client.DeleteResult, error)
	CopyObject(ctx context.Context, src, dst client.KeyRef, o client.CopyOptions) (client.Object, error)
	ListVersions(ctx context.Context, ref client.BucketRef, o client.VersionListOptions) (client.VersionListing, error)
	SetObjectTags(ctx context.Context, ref client.KeyRef, tags map[string]string, expectedOwner string) (client.Object, error)
	SetObjectACL(ctx context.Context, ref client.KeyRef, acl client.ACL, expectedOwner string) (client.Object, error)
	SetObjectLock(ctx context.Context, ref client.KeyRef, change client.LockChange, expectedOwner string) (client.Object, error)
}

// Uploads are the multipart uploads.
type Uploads interface {
	CreateUpload(ctx context.Context, ref client.KeyRef, o client.UploadOptions) (client.Upload, error)
	PutPart(ctx context.Context, ref client.UploadRef, number int, body io.Reader, o client.PutOptions) (client.Part, error)
	CompleteUpload(ctx context.Context, ref client.UploadRef, parts []client.Part, o client.CompleteOptions) (client.Object, error)
	AbortUpload(ctx context.Context, ref client.UploadRef) error
	GetUpload(ctx context.Context, ref client.UploadRef) (client.Upload, error)
	ListParts(ctx context.Context, ref client.UploadRef, after, limit int) (client.PartListing, error)
	ListUploads(ctx context.Context, ref client.BucketRef, o client.UploadListOptions) (client.UploadListing, error)
}

// Users are who may sign requests, in secure mode.
type Users interface {
	// Secret is ozerr.UserNotFound if there is no such user, or it has no secret.
	Secret(ctx context.Context, accessKey string) (string, error)
	GetUser(ctx context.Context, q client.UserQuery) (client.User, error)
}

// Store is what Open needs; *client.Client is one.
type Store interface {
	Buckets
	Objects
	Uploads
	Users
}
