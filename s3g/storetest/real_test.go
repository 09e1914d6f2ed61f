package storetest_test

import (
	"testing"

	"github.com/mini-ozone/mini-ozone/ozonetest"
	"github.com/mini-ozone/mini-ozone/s3g"
	"github.com/mini-ozone/mini-ozone/s3g/s3gtest"
	"github.com/mini-ozone/mini-ozone/s3g/storetest"
)

// The real client over a whole cluster in this process passes what the fake does.
func TestClient(t *testing.T) {
	c := ozonetest.Start(t)
	storetest.Run(t, func(*testing.T) s3g.Store { return c.Client() })
}

func TestClientConformance(t *testing.T) {
	c := ozonetest.Start(t)
	s3gtest.Run(t, s3gtest.Target{URL: c.Endpoint(), AccessKey: "thisisakey", SecretKey: "anything"})
}
