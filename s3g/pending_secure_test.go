package s3g_test

import (
	"testing"

	"github.com/mini-ozone/mini-ozone/ozonetest"
	"github.com/mini-ozone/mini-ozone/s3g/s3gtest"
)

// Signatures verified, rights enforced, two users.
func TestConformanceSecure(t *testing.T) {
	cluster := ozonetest.Start(t, ozonetest.Secure())
	s3gtest.Run(t, s3gtest.Target{
		URL: cluster.Endpoint(), Secure: true,
		AccessKey: "alice", SecretKey: cluster.Secret(t, "alice"),
		Other: s3gtest.User{AccessKey: "bob", SecretKey: cluster.Secret(t, "bob")},
	})
}
