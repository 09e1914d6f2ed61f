package s3g_test

import (
	"net/http/httptest"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/ozonetest"
	"github.com/mini-ozone/mini-ozone/s3g"
	"github.com/mini-ozone/mini-ozone/s3g/s3gtest"
)

// serve starts a gateway over a store of its own.
func serve(t testing.TB, change func(*s3g.Config)) (*store, string) {
	t.Helper()
	cfg := s3g.DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	store := newStore(t)
	h, err := s3g.Handler(cfg, store, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return store, srv.URL
}

// conformance starts a store for the conformance cases: one process, with a lifecycle
// day of a second.
func conformance(t *testing.T, options ...ozonetest.Option) (*ozonetest.Cluster, s3gtest.Target) {
	t.Helper()
	c := ozonetest.Start(t, append(options, ozonetest.Set("ozone.lifecycle.debug.day", "1s"))...)
	return c, s3gtest.Target{URL: c.Endpoint(), Has: s3gtest.InProcess | s3gtest.EncryptionKey}
}

// With signatures, and Ozone's present answers where a setting gives them.
func TestConformance(t *testing.T) {
	_, tg := conformance(t, ozonetest.Set("ozone.s3g.bucket.recreate.conflict", "true"),
		ozonetest.Set("mini.s3g.bucket.delete.uploads", "false"))
	tg.AccessKey, tg.SecretKey, tg.RecreateConflict, tg.UploadsKeepBucket = "thisisakey", "anything", true, true
	s3gtest.Run(t, tg)
}

func TestConformanceAnonymous(t *testing.T) {
	_, url := serve(t, nil)
	s3gtest.Run(t, s3gtest.Target{URL: url})
}

// Signatures verified, rights enforced, two users.
func TestConformanceSecure(t *testing.T) {
	c, tg := conformance(t, ozonetest.Secure())
	tg.Secure = true
	tg.AccessKey, tg.SecretKey = "alice", c.Secret(t, "alice")
	tg.Other = s3gtest.User{AccessKey: "bob", SecretKey: c.Secret(t, "bob")}
	s3gtest.Run(t, tg)
}
