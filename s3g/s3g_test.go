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

// With signatures, and Ozone's present answer to a bucket created again.
func TestConformance(t *testing.T) {
	_, url := serve(t, func(c *s3g.Config) { c.RecreateConflict = true })
	s3gtest.Run(t, s3gtest.Target{URL: url, AccessKey: "thisisakey", SecretKey: "anything", RecreateConflict: true})
}

func TestConformanceAnonymous(t *testing.T) {
	_, url := serve(t, nil)
	s3gtest.Run(t, s3gtest.Target{URL: url})
}

// Signatures verified, rights enforced, two users.
func TestConformanceSecure(t *testing.T) {
	cluster := ozonetest.Start(t, ozonetest.Secure())
	s3gtest.Run(t, s3gtest.Target{
		URL: cluster.Endpoint(), Secure: true,
		AccessKey: "alice", SecretKey: cluster.Secret(t, "alice"),
		Other: s3gtest.User{AccessKey: "bob", SecretKey: cluster.Secret(t, "bob")},
	})
}
