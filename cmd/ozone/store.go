package main

import (
	"context"
	"io"
	"time"

	"github.com/mini-ozone/mini-ozone/client"
)

// What the commands need of *client.Client, in pieces of one noun each.

type volumes interface {
	CreateVolume(ctx context.Context, name, owner string) error
	DeleteVolume(ctx context.Context, name string) error
	GetVolume(ctx context.Context, name string) (client.Volume, error)
	ListVolumes(ctx context.Context, prefix, after string, limit int) ([]client.Volume, bool, error)
}

type buckets interface {
	CreateBucket(ctx context.Context, o client.CreateBucketOptions) (client.Bucket, error)
	DeleteBucket(ctx context.Context, ref client.BucketRef, expectedOwner string) error
	GetBucket(ctx context.Context, ref client.BucketRef, expectedOwner string) (client.Bucket, error)
	ListBuckets(ctx context.Context, o client.ListBucketsOptions) ([]client.Bucket, bool, error)
}

type keys interface {
	PutObject(ctx context.Context, ref client.KeyRef, body io.Reader, o client.PutOptions) (client.Object, error)
	GetObject(ctx context.Context, ref client.KeyRef, expectedOwner string) (client.Object, error)
	ReadObject(ctx context.Context, o client.Object, off, n int64) client.Reader
	ListObjects(ctx context.Context, ref client.BucketRef, o client.ListOptions) (client.Listing, error)
	ListVersions(ctx context.Context, ref client.BucketRef, o client.VersionListOptions) (client.VersionListing, error)
	DeleteObjects(ctx context.Context, ref client.BucketRef, keys []client.DeleteKey, expectedOwner string) ([]client.DeleteResult, error)
	CopyObject(ctx context.Context, src, dst client.KeyRef, o client.CopyOptions) (client.Object, error)
	RenameObject(ctx context.Context, ref client.KeyRef, to string) error
}

type uploads interface {
	ListUploads(ctx context.Context, ref client.BucketRef, o client.UploadListOptions) (client.UploadListing, error)
	AbortUpload(ctx context.Context, ref client.UploadRef) error
}

type nodes interface {
	ListNodes(ctx context.Context) ([]client.NodeInfo, error)
	ListContainers(ctx context.Context, after uint64, limit int) ([]client.ContainerInfo, bool, error)
	GetContainer(ctx context.Context, id uint64) (client.ContainerInfo, error)
	CloseContainer(ctx context.Context, id uint64) error
	SetNodeState(ctx context.Context, node, opState string, until time.Time) error
	ForgetNode(ctx context.Context, node string) error
	Roles(ctx context.Context) (client.Roles, error)
	TransferLeadership(ctx context.Context, id string) error
	RemoveOM(ctx context.Context, id string) error
}

type redundancy interface {
	Replication(ctx context.Context) (client.ReplicationReport, error)
	RunReplication(ctx context.Context, run bool) error
	StartBalancer(ctx context.Context, threshold float64, maxBytes uint64) error
	StopBalancer(ctx context.Context) error
}

type users interface {
	SetUser(ctx context.Context, u client.UserChange) (client.User, error)
	DeleteUser(ctx context.Context, name string) error
	GetUser(ctx context.Context, q client.UserQuery) (client.User, error)
	ListUsers(ctx context.Context, prefix, after string, limit int) ([]client.User, bool, error)
	NewSecret(ctx context.Context, name string) (string, error)
	SetSecret(ctx context.Context, name, secret string) error
	RevokeSecret(ctx context.Context, name string) error
}

// cluster is all of it.
type cluster interface {
	volumes
	buckets
	keys
	uploads
	nodes
	redundancy
	users
}

var _ cluster = (*client.Client)(nil)
