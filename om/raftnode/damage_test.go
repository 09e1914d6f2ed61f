package raftnode

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	damageCases = flag.Int("damage.cases", 30, "files that TestDamageIsRefusedOrHarmless damages")
	damageSeed  = flag.Uint64("damage.seed", 0, "its seed; 0 takes one from the clock")
)

// TestDamageIsRefusedOrHarmless flips a bit in, or cuts, a random file of an om, one
// at a time, and starts it. It must refuse, or have the very state it had: an om that
// comes up with another one has lost something without a word. -damage.cases=2000 is the
// long form.
func TestDamageIsRefusedOrHarmless(t *testing.T) {
	seed := *damageSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-damage.seed=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	sources := map[string]*damageSource{"killed": killedOM(t), "stopped": stoppedOM(t)}
	outcomes := map[string]int{}
	for i := range *damageCases {
		name := slices.Sorted(maps.Keys(sources))[i%len(sources)]
		what, refused := sources[name].damaged(t, rng)
		kind, _, _ := strings.Cut(what, " at ")
		verdict := "harmless"
		if refused {
			verdict = "refused"
		}
		outcomes[fmt.Sprintf("%s, %s: %s", name, kind, verdict)]++
		if t.Failed() {
			t.Fatalf("case %d (-damage.seed=%d)", i, seed)
		}
	}
	for _, o := range slices.Sorted(maps.Keys(outcomes)) {
		t.Logf("%5d %s", outcomes[o], o)
	}
}

// damageSource is the directory of an om, and the hash of its state.
type damageSource struct {
	dir  string
	hash [32]byte
}

// workedOM is an om that has markers, tables, several log files and a cut log.
func workedOM(t *testing.T) (*Node, Config) {
	t.Helper()
	cfg := oneConfig(t, t.TempDir())
	cfg.TrailingLogs = 50
	cfg.onlyOurMarkers()
	cfg.SegmentBytes, cfg.MemTableSize = 64<<10, 1<<20
	n := openOne(t, cfg)
	mustPropose(t, n, createVolume("vol"))
	mustPropose(t, n, createBucket("vol", "bucket"))
	for i := range 400 {
		mustPropose(t, n, commitKey("vol", "bucket", fmt.Sprint(i)))
		if i%150 == 149 {
			if err := n.Mark(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return n, cfg
}

// onlyOurMarkers: none is made on its own, for a directory that is copied.
func (c *Config) onlyOurMarkers() {
	c.MarkerEntries, c.MarkerRequests, c.MarkerPeriod = 1<<40, 0, time.Hour
}

func killedOM(t *testing.T) *damageSource {
	n, cfg := workedOM(t)
	defer closeNode(t, n)
	s := &damageSource{dir: filepath.Join(t.TempDir(), "killed"), hash: stateHash(t, n)}
	copyDir(t, cfg.Dir, s.dir)
	return s
}

func stoppedOM(t *testing.T) *damageSource {
	n, cfg := workedOM(t)
	s := &damageSource{dir: cfg.Dir, hash: stateHash(t, n)}
	closeNode(t, n)
	return s
}

// damaged starts a copy with one file damaged, and tells what was done to it and
// whether it was refused.
func (s *damageSource) damaged(t *testing.T, rng *rand.Rand) (what string, refused bool) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "copy")
	copyDir(t, s.dir, dir)
	defer os.RemoveAll(dir)
	what = damageOne(t, dir, rng)
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOpenDamaged$", "-test.v")
	child.Env = append(os.Environ(), damagedOM+"="+dir)
	out, err := child.CombinedOutput()
	_, hash, came := strings.Cut(string(out), "state is ")
	hash, _, _ = strings.Cut(hash, "\n")
	switch {
	case came && hash != fmt.Sprintf("%x", s.hash):
		t.Errorf("%s: the om came up with another state", what)
	case !came && err == nil:
		t.Errorf("%s: neither refused nor leading:\n%s", what, out)
	case !came && (strings.Contains(string(out), "panic: ") || strings.Contains(string(out), "unexpected fault")):
		t.Logf("%s: %s", what, out)
	}
	return what, !came
}

const damagedOM = "MINI_OZONE_TEST_DAMAGED_OM"

// TestOpenDamaged is the other process: it opens the om of the environment, and says
// what its state is. It may die of a page that cannot be read, as om may.
func TestOpenDamaged(t *testing.T) {
	dir := os.Getenv(damagedOM)
	if dir == "" {
		t.Skip("for TestDamageIsRefusedOrHarmless")
	}
	cfg := oneConfig(t, dir)
	cfg.SegmentBytes, cfg.MemTableSize = 64<<10, 1<<20
	cfg.Fatal = func(err error) { t.Errorf("fatal: %v", err); os.Exit(1) }
	n := openOne(t, cfg)
	hash := stateHash(t, n)
	mustPropose(t, n, createVolume("later")) // what comes next must count
	if hasVolume(t, n, "later") {
		fmt.Printf("state is %x\n", hash)
	}
	closeNode(t, n)
}

// damageOne flips a bit of a random file, or cuts it somewhere. Bytes behind what a
// file uses (zeros of a file made large in advance) are left alone: there is nothing
// to lose.
func damageOne(t *testing.T, dir string, rng *rand.Rand) string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for {
		path := files[rng.IntN(len(files))]
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		used := len(strings.TrimRight(string(b), "\x00"))
		if used == 0 {
			continue
		}
		at, what := rng.IntN(used), "flip in"
		if rng.IntN(4) == 0 {
			b, what = b[:at], "cut of"
		} else {
			b[at] ^= 1 << rng.IntN(8)
		}
		if err := errors.Join(os.Remove(path), os.WriteFile(path, b, 0o644)); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%s %s at %d of %d", what, fileKind(dir, path), at, used)
	}
}

// fileKind is a file's directory and ending.
func fileKind(dir, path string) string {
	rel, err := filepath.Rel(dir, path)
	if err != nil {
		return path
	}
	if ext := filepath.Ext(rel); ext != "" && ext != rel {
		return filepath.Join(filepath.Dir(rel), "*"+ext)
	}
	return rel
}
