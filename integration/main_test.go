package integration

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"
)

// binDir is where TestMain lets programs go; it is removed at the end.
var binDir string

// TestMain provides a directory for the programs that the tests run.
// MINI_OZONE_BIN names one with programs that are there already.
func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if binDir = os.Getenv("MINI_OZONE_BIN"); binDir == "" {
		dir, err := os.MkdirTemp("", "mini-ozone-bin")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binDir = dir
	}
	return m.Run()
}

// build compiles the programs once, when the first test needs them.
var build = sync.OnceValue(func() error {
	if os.Getenv("MINI_OZONE_BIN") != "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	return Build(ctx, binDir)
})

// programs is the directory with the programs.
func programs(t *testing.T) string {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return binDir
}
