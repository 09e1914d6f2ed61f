package chaos

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/integration"
	"github.com/mini-ozone/mini-ozone/om/state"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

var (
	damageCases = flag.Int("chaos.damage", 0, "files that TestDamageIsRepaired damages; 0 skips it")
	damageSeed  = flag.Uint64("chaos.damage.seed", 0, "its seed; 0 takes one from the clock")
)

const (
	// repairedWithin is how long a repair may take here: mostly the machine's load.
	repairedWithin = 4 * time.Minute
	damageObjects  = 24
	// maxRestarts is how often a supervisor may have to start an om that found damage
	// while it ran, until it has joined anew.
	maxRestarts = 5
)

// TestDamageIsRepaired flips a bit in, or cuts the end off, files of one server of a
// cluster of three oms and three datanodes: container logs, their checkpoints and other
// files, who a datanode is, an om's log, table and markers; while the server is stopped,
// killed or, a datanode, runs. Every object is read through S3 meanwhile: never a wrong
// byte. Then everything must become whole by itself: every block of om's list is read
// from each member itself, and all oms have the same rows at the same entry of the log.
// Only where a server refuses to start, because its files do not say who it is, an
// operator empties its directory. -chaos.damage=2000 is the long form.
func TestDamageIsRepaired(t *testing.T) {
	if *damageCases == 0 {
		t.Skip("not in the short form while a flipped datanode.id is not repaired: -chaos.damage=100")
	}
	seed := *damageSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-chaos.damage.seed=%d", seed)
	w := newDamageWorld(t, seed)
	began := time.Now()
	for round := 0; w.cases < *damageCases; round++ {
		w.rewrite(3)
		at := time.Now()
		var what string
		switch k := round % 8; {
		case k == 3:
			what = w.damageIdentity()
		case k == 1 || k == 5:
			what = w.damageOM()
		default:
			what = w.damageBlocks()
		}
		if w.rng.IntN(2) == 0 { // else nothing but the servers themselves looks for the damage
			w.readAll()
		}
		w.awaitWhole(what)
		w.readAll()
		t.Logf("round %d, %d cases: %s: whole after %v", round, w.cases, what, time.Since(at).Round(time.Millisecond))
	}
	w.sameState("at the end")
	w.wholeOnDisk()
	for _, o := range slices.Sorted(maps.Keys(w.outcomes)) {
		t.Logf("%5d %s", w.outcomes[o], o)
	}
	t.Logf("FIGURE %d files damaged, 0 wrong bytes, 0 unrepaired, in %v; %d reads, %d of them repeated after a 503; longest until all was whole: %v",
		w.cases, time.Since(began).Round(time.Second), w.reads, w.repeated, w.longest.Round(time.Millisecond))
}

// damageWorld is a cluster and what is stored in it.
type damageWorld struct {
	t   *testing.T
	c   *integration.Cluster
	s3  *s3
	st  *storage
	dir string
	rng *rand.Rand

	bodies   [][]byte // of the objects
	cases    int
	outcomes map[string]int
	longest  time.Duration

	mu              sync.Mutex
	reads, repeated int
}

func newDamageWorld(t *testing.T, seed uint64) *damageWorld {
	w := &damageWorld{t: t, dir: keptDir(t), rng: rand.New(rand.NewPCG(seed, 0)), bodies: make([][]byte, damageObjects), outcomes: map[string]int{}}
	w.c, w.s3 = start(t, integration.Options{Dir: w.dir, OMs: 3, Datanodes: 3, Conf: map[string]string{
		// small files, so that there are many kinds of them and many containers
		"ozone.om.ratis.segment.size": "64KB", "mini.om.table.memtable.size": "1MB",
		"ozone.om.ratis.snapshot.auto.trigger.threshold": "100", "mini.om.marker.period": "300ms",
		"ozone.om.ratis.log.purge.gap": "200",
		"ozone.scm.block.size":         "1MB", "ozone.scm.container.size": "6MB",
		// all that looks for damage, within seconds
		"hdds.container.scrub.data.scan.interval": "2s", "mini.om.container.check.interval": "3s",
		"mini.om.container.open.max": "2s", "ozone.om.open.key.expire.threshold": "5s",
		"hdds.scm.replication.thread.interval": "500ms", "mini.om.replication.settle": "500ms",
		"ozone.scm.stale.node.interval": "3s", "ozone.scm.dead.node.interval": "6s",
		"ozone.om.block.deleting.grace": "0s", "ozone.block.deleting.service.interval": "1s",
	}})
	var err error
	w.st, err = newStorage(w.c.OMAddresses)
	w.must(err)
	t.Cleanup(func() { w.must(w.st.close()) })
	for i := range w.bodies {
		w.put(i)
	}
	return w
}

func (w *damageWorld) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// put writes new bytes to an object: empty, small, of several units, of several blocks.
func (w *damageWorld) put(i int) {
	sizes := []int{0, 1, 700, 5000, 40_000, 262_144, 300_000, 700_000, 1 << 20, 1_300_000, 2_500_000, 90_000}
	body := make([]byte, sizes[i%len(sizes)])
	_, _ = rand.NewChaCha8([32]byte{byte(i), byte(w.cases), byte(w.cases >> 8), byte(w.rng.IntN(256))}).Read(body) // never fails
	mustDo(w.t, w.s3, request{method: http.MethodPut, path: objectPath(fmt.Sprint(i)), body: body})
	w.bodies[i] = body
}

// rewrite overwrites some objects, so that there are open containers and freed blocks, and
// gives one PUT up half way, so that there are blocks that belong to nobody.
func (w *damageWorld) rewrite(n int) {
	for range n {
		w.put(w.rng.IntN(len(w.bodies)))
	}
	const half = 1_200_000
	body := io.MultiReader(bytes.NewReader(make([]byte, half)), brokenReader{})
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPut, w.c.Endpoint+objectPath("given up"), body)
	w.must(err)
	req.ContentLength = 2 * half
	if resp, err := w.s3.http.Do(req); err == nil {
		w.must(resp.Body.Close())
		if resp.StatusCode/100 == 2 {
			w.t.Errorf("half a PUT was answered %s", resp.Status)
		}
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("given up") }

// readAll reads every object several times, whole and in part, so that each replica is
// somebody's first choice. An om that is away may cost a 503, which is repeated.
func (w *damageWorld) readAll() {
	w.t.Helper()
	type piece struct{ object, off, n int }
	var pieces []piece
	for i, b := range w.bodies {
		for range 3 {
			off := w.rng.IntN(len(b) + 1)
			pieces = append(pieces, piece{i, 0, -1}, piece{i, off, w.rng.IntN(len(b) - off + 1)})
		}
	}
	work := make(chan piece)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for p := range work {
				if err := w.read(p.object, p.off, p.n); err != nil {
					w.t.Error(err)
				}
			}
		})
	}
	for _, p := range pieces {
		work <- p
	}
	close(work)
	wg.Wait()
	if w.t.Failed() {
		w.t.FailNow()
	}
}

// read reads n bytes of an object from off on, or all if n is -1.
func (w *damageWorld) read(object, off, n int) error {
	want := w.bodies[object]
	r := request{method: http.MethodGet, path: objectPath(fmt.Sprint(object))}
	if n > 0 {
		want = want[off : off+n]
		r.header = map[string]string{"Range": fmt.Sprintf("bytes=%d-%d", off, off+n-1)}
	}
	for end := time.Now().Add(time.Minute); ; {
		a := w.s3.do(w.t.Context(), 0, r)
		w.mu.Lock()
		w.reads++
		w.mu.Unlock()
		switch {
		case a.ok() && bytes.Equal(a.body, want):
			return nil
		case a.ok():
			return fmt.Errorf("object %d [%d,+%d): wrong bytes, %d of them, want %d", object, off, n, len(a.body), len(want))
		case a.err != nil || a.status != http.StatusServiceUnavailable || time.Now().After(end):
			return fmt.Errorf("object %d [%d,+%d): %v", object, off, n, a)
		}
		w.mu.Lock()
		w.repeated++
		w.mu.Unlock()
		time.Sleep(50 * time.Millisecond) // before the next try
	}
}

// end stops a server in one of the ways, and says how.
func (w *damageWorld) end(p *integration.Process) string {
	if w.rng.IntN(2) == 0 {
		p.Kill()
		return "killed"
	}
	w.must(p.Stop())
	return "stopped"
}

// damageBlocks damages some of what a datanode keeps of its containers.
func (w *damageWorld) damageBlocks() string {
	victim := w.c.Datanodes[w.rng.IntN(len(w.c.Datanodes))]
	how := "running"
	if w.rng.IntN(3) > 0 {
		how = w.end(victim)
	}
	what := w.damage("datanode "+how, filepath.Join(w.dir, victim.Name), 1+w.rng.IntN(16), func(rel string) bool {
		return rel == "scrub" || strings.HasPrefix(rel, "containers/")
	})
	if how != "running" {
		w.must(victim.Start())
		w.must(victim.WaitReady(w.t.Context()))
	}
	return victim.Name + " " + how + ": " + what
}

// damageIdentity damages a file that says who a datanode is. Where it refuses that, it
// comes back as a new one.
func (w *damageWorld) damageIdentity() string {
	victim := w.c.Datanodes[w.rng.IntN(len(w.c.Datanodes))]
	dir := filepath.Join(w.dir, victim.Name)
	how := w.end(victim)
	what := w.damage("datanode "+how, dir, 1, func(rel string) bool {
		return slices.Contains([]string{"version", "datanode.id", "cluster.id", "directories"}, rel)
	})
	w.must(victim.Start())
	if err := victim.WaitReady(w.t.Context()); err == nil {
		return victim.Name + ": " + what
	}
	if _, ended := victim.Ended(); !ended {
		w.t.Fatalf("%s: %s neither works nor refuses:\n%s", what, victim.Name, victim.Tail(2<<10))
	}
	if said := victim.Tail(2 << 10); !strings.Contains(said, "refused") {
		w.t.Errorf("%s: %s ended and said:\n%s", what, victim.Name, said)
	}
	w.outcomes["datanode that refused, and was begun anew"]++
	victim.Kill()
	w.must(os.RemoveAll(dir))
	w.must(victim.Start())
	w.must(victim.WaitReady(w.t.Context()))
	return victim.Name + ", begun anew: " + what
}

// damageOM damages files of an om. It must come back with what all have, by itself.
func (w *damageWorld) damageOM() string {
	victim := w.c.OMs[w.rng.IntN(len(w.c.OMs))]
	dir := filepath.Join(w.dir, victim.Name)
	how := w.end(victim)
	what := w.damage("om "+how, dir, 1+w.rng.IntN(3), func(rel string) bool { return !strings.HasPrefix(rel, "damaged-") })
	w.rewrite(2) // which it does not hear of
	w.must(victim.Start())
	for restarts := 0; ; restarts++ {
		err := victim.WaitReady(w.t.Context())
		if err == nil {
			break
		}
		if _, ended := victim.Ended(); !ended || restarts == maxRestarts {
			w.t.Fatalf("%s: %s does not come back: %v\n%s", what, victim.Name, err, victim.Tail(4<<10))
		}
		victim.Kill()
		if strings.Contains(what, " om.id") { // it can't know whose the directory is
			w.outcomes["om that refused, and was begun anew"]++
			w.must(os.RemoveAll(dir))
		} else {
			w.outcomes["om that ended itself and was started again"]++
		}
		w.must(victim.Start())
	}
	w.await(what+": every om has its vote", w.st.voters)
	aside, err := filepath.Glob(filepath.Join(dir, "damaged-*"))
	w.must(err)
	verdict := "harmless"
	if len(aside) > 0 {
		verdict = "joined anew"
	}
	w.outcomes["om: "+verdict]++
	for _, a := range aside {
		w.must(os.RemoveAll(a))
	}
	w.sameState(what)
	return victim.Name + ", " + verdict + ": " + what
}

// damage damages n files below dir that are not empty, and says how.
func (w *damageWorld) damage(who, dir string, n int, which func(rel string) bool) string {
	var files []string
	w.must(filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err == nil && d.Type().IsRegular() && which(rel) {
			files = append(files, rel)
		}
		return err
	}))
	w.rng.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	var said []string
	for _, rel := range files {
		if len(said) == n {
			break
		}
		if what := w.damageFile(filepath.Join(dir, rel)); what != "" {
			said = append(said, what+" "+rel)
			w.outcomes[fmt.Sprintf("%s, %s %s", who, strings.Fields(what)[0], kindOf(rel))]++
			w.cases++
		}
	}
	return strings.Join(said, "; ")
}

// kindOf is a file's directory and its ending.
func kindOf(rel string) string {
	if ext := filepath.Ext(rel); ext != "" && ext != rel {
		return filepath.Join(filepath.Dir(rel), "*"+ext)
	}
	return rel
}

// damageFile flips a bit or cuts a file in four; "" if there is nothing in it. Zeros at the
// end of a file that was made large in advance are left alone: there is nothing to lose.
func (w *damageWorld) damageFile(path string) string {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "" // of a running datanode
	}
	w.must(err)
	used := len(bytes.TrimRight(b, "\x00"))
	if used == 0 {
		return ""
	}
	at := w.rng.IntN(used)
	if w.rng.IntN(4) == 0 {
		w.must(os.Truncate(path, int64(at)))
		return fmt.Sprintf("cut at %d of %d", at, used)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	w.must(err)
	bit := w.rng.IntN(8)
	_, err = f.WriteAt([]byte{b[at] ^ 1<<bit}, int64(at))
	w.must(errors.Join(err, f.Close()))
	return fmt.Sprintf("flip at %d.%d of %d", at, bit, used)
}

// await waits until why says "".
func (w *damageWorld) await(what string, why func(context.Context) (string, error)) {
	w.t.Helper()
	began := time.Now()
	for {
		said, err := why(w.t.Context())
		if err == nil && said == "" {
			break
		}
		if time.Since(began) > repairedWithin {
			w.t.Fatalf("%s: not after %v: %s %v", what, repairedWithin, said, err)
		}
		for _, p := range w.c.All() {
			if how, ended := p.Ended(); ended {
				w.t.Fatalf("%s: %s ended: %v\n%s", what, p.Name, how, p.Tail(4<<10))
			}
		}
		time.Sleep(100 * time.Millisecond) // other processes: nothing to wait on but their answers
	}
	w.longest = max(w.longest, time.Since(began))
}

// awaitWhole waits until each of the three datanodes has every block, right to the last
// byte, and om says so too.
func (w *damageWorld) awaitWhole(what string) {
	w.t.Helper()
	w.await(what, func(ctx context.Context) (string, error) {
		if said, err := w.members(ctx); err != nil || said != "" {
			return said, err
		}
		return w.st.redundant(ctx)
	})
}

// wholeOnDisk ends everything and starts it again: what was repaired needs no repair.
func (w *damageWorld) wholeOnDisk() {
	w.t.Helper()
	for _, p := range w.c.All() {
		p.Kill()
	}
	for _, p := range w.c.All() {
		w.must(p.Start())
	}
	w.must(w.c.WaitReady(w.t.Context()))
	var found *copies
	w.await("everything was killed", func(ctx context.Context) (said string, err error) {
		if said, err = w.members(ctx); err != nil || said != "" {
			return said, err
		}
		if found, err = w.st.look(ctx, true); err != nil {
			return "", err
		}
		return w.members(ctx) // a datanode that was silent meanwhile was not looked at
	})
	if why := found.complete(); why != "" {
		w.t.Errorf("after a restart: %s", why)
	}
	w.t.Logf("%d blocks of %d bytes in %d containers, %d replicas read after a restart", found.blocks, found.bytes, found.containers, found.replicas)
	w.readAll()
}

// members is why not every container with blocks is on the three datanodes there are, in
// good health by om's account.
func (w *damageWorld) members(ctx context.Context) (string, error) {
	var ids []string
	for _, p := range w.c.Datanodes {
		id, err := os.ReadFile(filepath.Join(w.dir, p.Name, "datanode.id"))
		if err != nil {
			return "", err
		}
		ids = append(ids, strings.TrimSpace(string(id)))
	}
	living, err := w.st.living(ctx)
	if err != nil {
		return "", err
	}
	for _, id := range ids {
		if living[id] == nil {
			return "datanode " + id + " is not healthy", nil
		}
	}
	for after := uint64(0); ; {
		resp, err := w.st.om.Submit(ctx, &ompb.Request{Op: &ompb.Request_ListContainers{ListContainers: &ompb.ListContainers{After: after, Limit: 100}}})
		if err != nil {
			return "", err
		}
		for _, c := range resp.GetContainers().GetContainers() {
			after = c.Id
			owned, _, err := w.st.owned(ctx, c.Id)
			if err != nil {
				return "", err
			}
			missing := slices.ContainsFunc(ids, func(id string) bool { return !slices.Contains(c.Nodes, id) })
			if len(owned) > 0 && (missing || c.Health != "" && c.Health != "HEALTHY") {
				return fmt.Sprintf("container %d is %s on %v", c.Id, c.Health, c.Nodes), nil
			}
		}
		if !resp.GetContainers().GetTruncated() {
			return "", nil
		}
	}
}

// sameState waits until all oms have made the same entry of the log durable, ends them,
// and compares every row of their tables.
func (w *damageWorld) sameState(what string) {
	w.t.Helper()
	for end := time.Now().Add(repairedWithin); ; {
		w.await(what+": all oms at the same entry", w.sameApplied)
		for _, p := range w.c.OMs {
			p.Kill()
		}
		at, hashes := make([]uint64, 3), make([][32]byte, 3)
		for i, p := range w.c.OMs {
			db, err := table.Open(filepath.Join(w.dir, p.Name, "table"), table.Options{Log: zerolog.Nop(), MemTableSize: 1 << 20})
			if err != nil {
				w.t.Fatalf("%s: table of %s: %v", what, p.Name, err)
			}
			at[i], _ = db.Applied()
			tx := db.View()
			hashes[i] = state.Hash(tx)
			tx.Discard()
			w.must(db.Close())
		}
		for _, p := range w.c.OMs {
			w.must(p.Start())
		}
		for _, p := range w.c.OMs {
			w.must(p.WaitReady(w.t.Context()))
		}
		switch {
		case at[0] == at[1] && at[1] == at[2]:
			if hashes[0] != hashes[1] || hashes[1] != hashes[2] {
				w.t.Fatalf("%s: the oms' tables differ at entry %d: %x", what, at[0], hashes)
			}
			return
		case time.Now().After(end):
			w.t.Fatalf("%s: the oms' tables are durable up to %v", what, at)
		}
	}
}

// sameApplied is why not all oms have applied, and made durable, the same.
func (w *damageWorld) sameApplied(ctx context.Context) (string, error) {
	const applied = "ozone_om_raft_applied_index"
	read := func() (all []float64, err error) {
		for _, p := range w.c.OMs {
			m, err := p.Metrics(ctx, applied)
			if err != nil {
				return nil, err
			}
			all = append(all, m[applied])
		}
		return all, nil
	}
	before, err := read()
	if err != nil || slices.Min(before) != slices.Max(before) {
		return fmt.Sprint(before), err
	}
	time.Sleep(700 * time.Millisecond) // a period of markers; if something comes between, it is seen
	after, err := read()
	if err != nil || !slices.Equal(before, after) {
		return fmt.Sprint(before, after), err
	}
	return "", nil
}
