package freon

import (
	"context"

	"github.com/mini-ozone/mini-ozone/client"
)

// Operation (of ommg) is one thing om can be asked to do, without datanodes.
type Operation struct {
	Name, Doc string
	Task      func(c MetadataClient, t Target) Task
}

// MetadataClient is what an Operation needs of *client.Client.
type MetadataClient interface {
	Keys
	Buckets
}

// listLength is how many keys LIST_KEYS asks for.
const listLength = 100

// Operations are all there are, in the order help shows it.
func Operations() []Operation {
	return []Operation{
		{"CREATE_KEY", "create an empty key", createKey},
		{"READ_KEY", "look up a key made by CREATE_KEY with the same prefix", readKey},
		{"LIST_KEYS", "list 100 keys of the prefix, each time from another one on", listKeys},
		{"INFO_BUCKET", "look up the bucket", infoBucket},
		{"INFO_VOLUME", "look up the volume", infoVolume},
	}
}

func createKey(c MetadataClient, t Target) Task {
	return WriteKeys(c, t, NewContent(0), "")
}

func readKey(c MetadataClient, t Target) Task {
	return func(ctx context.Context, n int64) (int64, error) {
		_, err := c.GetObject(ctx, t.Key(n), "")
		return 0, err
	}
}

func listKeys(c MetadataClient, t Target) Task {
	return func(ctx context.Context, n int64) (int64, error) {
		o := client.ListOptions{Prefix: t.Prefix + "/", After: t.Key(n).Key, Limit: listLength}
		_, err := c.ListObjects(ctx, t.Bucket, o)
		return 0, err
	}
}

func infoBucket(c MetadataClient, t Target) Task {
	return func(ctx context.Context, _ int64) (int64, error) {
		_, err := c.GetBucket(ctx, t.Bucket, "")
		return 0, err
	}
}

func infoVolume(c MetadataClient, t Target) Task {
	return func(ctx context.Context, _ int64) (int64, error) {
		_, err := c.GetVolume(ctx, t.Bucket.Volume)
		return 0, err
	}
}
