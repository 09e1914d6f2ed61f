package chaos

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/integration"
)

// binDir is where TestMain lets the programs go.
var binDir string

// TestMain provides a directory for programs with failpoints, which the first test that
// needs them builds. MINI_OZONE_FAILPOINT_BIN names one with such programs.
func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	if binDir = os.Getenv("MINI_OZONE_FAILPOINT_BIN"); binDir == "" {
		dir, err := os.MkdirTemp("", "mini-ozone-chaos-bin")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binDir = dir
	}
	return m.Run()
}

var build = sync.OnceValue(func() error {
	if os.Getenv("MINI_OZONE_FAILPOINT_BIN") != "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	return integration.Build(ctx, binDir, "-tags=failpoints")
})

// programs is the directory with the programs.
func programs(t *testing.T) string {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return binDir
}

// check makes a run and fails the test for what it finds.
func check(t *testing.T, cfg Config) *Report {
	t.Helper()
	cfg.Bin, cfg.Log = programs(t), t.Logf
	if cfg.Dir == "" {
		cfg.Dir = keptDir(t)
	}
	if cfg.Seed == 0 {
		cfg.Seed = RandomSeed()
	}
	t.Logf("seed %d, in %s", cfg.Seed, cfg.Dir)
	report, err := Run(t.Context(), cfg)
	if report != nil {
		t.Logf("\n%s", report)
		for _, v := range report.Violations {
			t.Error(v)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// keptDir is a directory that stays if the test fails.
func keptDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "mini-ozone-"+filepath.Base(t.Name()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !t.Failed() {
			_ = os.RemoveAll(dir) // temporary
		}
	})
	return dir
}
