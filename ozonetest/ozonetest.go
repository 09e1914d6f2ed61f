// Package ozonetest runs an S3 object store inside a test, as httptest runs an
// HTTP server:
//
//	func TestUpload(t *testing.T) {
//		store := ozonetest.Start(t)
//		client := s3.New(s3.Options{
//			BaseEndpoint: aws.String(store.Endpoint()), UsePathStyle: true, Region: "us-east-1",
//			Credentials: credentials.NewStaticCredentialsProvider("any", "any", ""),
//		})
//		…
//	}
//
// It is the real cluster: om, datanodes and gateway in this process, with data in
// a temporary directory and free ports, gone at the end of the test. Every access
// key is accepted, unless the store is Secure.
package ozonetest

import (
	"testing"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/conf"
	"github.com/mini-ozone/mini-ozone/internal/local"
)

// Cluster is a running store.
type Cluster struct {
	cluster *local.Cluster
}

// Option changes the cluster that Start starts.
type Option func(testing.TB, *local.Options)

// Datanodes sets how many datanodes there are; the default is one. With three or
// more, objects have three replicas unless Replication says otherwise.
func Datanodes(n int) Option {
	return func(_ testing.TB, o *local.Options) { o.Datanodes = n }
}

// Replication sets the replicas of each object: 1 or 3.
func Replication(n int) Option {
	return func(_ testing.TB, o *local.Options) { o.Replication = n }
}

// Set sets a configuration key, such as "ozone.scm.block.size" to "1MB".
func Set(key, value string) Option {
	return func(t testing.TB, o *local.Options) {
		if err := o.Conf.Set(key, value, "ozonetest"); err != nil {
			t.Fatal(err)
		}
	}
}

// Secure starts the store in secure mode: requests must be signed by a user. Secret
// makes one.
func Secure() Option { return Set("ozone.security.enabled", "true") }

// Log writes the servers' logs to the test's.
func Log() Option {
	return func(t testing.TB, o *local.Options) {
		o.Log = zerolog.New(zerolog.NewTestWriter(t))
	}
}

// DataDir keeps the data in dir, to be found by another Start after Close. The
// default is a temporary directory.
func DataDir(dir string) Option {
	return func(_ testing.TB, o *local.Options) { o.DataDir, o.Ephemeral = dir, false }
}

// Start starts a store and ends it with the test. It fails the test when it can't.
func Start(t testing.TB, options ...Option) *Cluster {
	t.Helper()
	o := local.Options{DataDir: t.TempDir(), Conf: conf.Default(), Log: zerolog.Nop()}
	for _, option := range options {
		option(t, &o)
	}
	c, err := local.Start(t.Context(), o)
	if err != nil {
		t.Fatalf("ozonetest: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("ozonetest: close: %v", err)
		}
	})
	return &Cluster{cluster: c}
}

// Endpoint is the URL of S3, such as http://127.0.0.1:41234. Use path style.
func (c *Cluster) Endpoint() string { return c.cluster.Endpoint() }

// OMAddress is where `ozone --om` finds the store: host:port.
func (c *Cluster) OMAddress() string { return c.cluster.OMAddress() }

// Client is a Go client of the store below S3: volumes, buckets, keys.
func (c *Cluster) Client() *client.Client { return c.cluster.Client() }

// Secret makes the user if need be, and its secret: the access key is the user's name.
// It can be asked for once; secure mode only.
func (c *Cluster) Secret(t testing.TB, user string) string {
	t.Helper()
	secret, err := c.Client().NewSecret(t.Context(), user)
	if err != nil {
		t.Fatalf("ozonetest: %v", err)
	}
	return secret
}

// Close ends the store before the test does.
func (c *Cluster) Close() error { return c.cluster.Close() }
