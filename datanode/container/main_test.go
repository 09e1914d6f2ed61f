package container_test

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain sets how many random histories the model tests run: MINI_OZONE_SEQUENCES
// if set (100000 nightly), else few enough for daily work.
func TestMain(m *testing.M) {
	flag.Parse()
	n := os.Getenv("MINI_OZONE_SEQUENCES")
	if n == "" {
		n = sequences
	}
	if err := flag.Set("rapid.checks", n); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}
