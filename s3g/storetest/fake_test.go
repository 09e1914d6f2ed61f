package storetest_test

import (
	"testing"

	"github.com/mini-ozone/mini-ozone/s3g"
	"github.com/mini-ozone/mini-ozone/s3g/storetest"
)

func TestFake(t *testing.T) {
	storetest.Run(t, func(*testing.T) s3g.Store { return storetest.NewFake() })
}
