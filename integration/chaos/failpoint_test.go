package chaos

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPlacesAreTheSources compares the table of places with the source: none that is in
// the source is forgotten.
func TestPlacesAreTheSources(t *testing.T) {
	for _, name := range inSource(t) {
		if !slices.Contains(Places(), name) {
			t.Errorf("%s is in the source but not in the table", name)
		}
	}
}

// inSource are the names of the failpoints of the source.
func inSource(t *testing.T) []string {
	t.Helper()
	hit := regexp.MustCompile(`failpoint\.Hit\("([^"]+)"\)`)
	var found []string
	for _, dir := range []string{"client", "om", "datanode", "s3g"} {
		err := filepath.WalkDir(filepath.Join("../..", dir), func(path string, d os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			for _, m := range hit.FindAllSubmatch(source, -1) {
				found = append(found, string(m[1]))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// TestEveryFailpoint has a server die once at each place that hurts, under load, and then
// looks whether anything was lost. Places of snapshots need three oms, the others go
// faster with one.
func TestEveryFailpoint(t *testing.T) {
	programs(t) // before the parallel tests, for honest times
	for name, want := range map[string]func(string) bool{
		"one om": func(p string) bool { return !snapshotPlace(p) }, "three oms": snapshotPlace,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := DefaultConfig()
			cfg.OMs, cfg.Datanodes, cfg.Gateways, cfg.Clients, cfg.Rate = 1, 3, 1, 6, 80
			if name == "three oms" {
				cfg.OMs = 3
			}
			cfg.Calm, cfg.Duration, cfg.Floor, cfg.Settle = 3*time.Second, 8*time.Minute, 2, 0
			there := inSource(t)
			cfg.Once = slices.DeleteFunc(usual(), func(p string) bool { return !want(p) || !slices.Contains(there, p) })
			report := check(t, cfg)
			if len(report.Missed) > 0 {
				t.Errorf("not come to: %v", report.Missed)
			}
			if report.Kills != len(cfg.Once) {
				t.Errorf("%d deaths at %d places", report.Kills, len(cfg.Once))
			}
		})
	}
}
