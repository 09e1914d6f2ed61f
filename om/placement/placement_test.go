package placement

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

type clock struct{ t time.Time }

func (c *clock) now() time.Time          { return c.t }
func (c *clock) advance(d time.Duration) { c.t = c.t.Add(d) }

func newTestView() (*View, *clock) {
	c := &clock{t: time.Unix(1000, 0)}
	return NewView(DefaultConfig(), c.now), c
}

func beat(id string, remaining uint64, reports ...*dnpb.ContainerReport) *dnpb.Heartbeat {
	return &dnpb.Heartbeat{Node: &commonpb.Node{Id: id}, Capacity: 100, Remaining: remaining, Containers: reports}
}

func TestHealthFollowsTheAgeOfTheLastHeartbeat(t *testing.T) {
	v, c := newTestView()
	v.Heartbeat(beat("a", 50))
	steps := []struct {
		after time.Duration
		want  Health
		never Health // of a node never heard
	}{
		{0, Healthy, Stale},
		{14 * time.Second, Healthy, Stale},
		{15 * time.Second, Stale, Stale},
		{119 * time.Second, Stale, Stale},
		{120 * time.Second, Dead, Dead},
	}
	start := c.t
	for _, s := range steps {
		c.t = start.Add(s.after)
		if got := v.Health("a"); got != s.want {
			t.Errorf("after %s: %s, want %s", s.after, got, s.want)
		}
		if got := v.Health("never"); got != s.never {
			t.Errorf("never heard, after %s: %s, want %s", s.after, got, s.never)
		}
	}
	v.Heartbeat(beat("a", 50))
	if got := v.Health("a"); got != Healthy {
		t.Errorf("after its return: %s", got)
	}
}

func TestReportsFullAndIncremental(t *testing.T) {
	v, _ := newTestView()
	if !v.Heartbeat(beat("a", 50, &dnpb.ContainerReport{Id: 1, UsedBytes: 5})) {
		t.Error("no full report yet: one must be wanted")
	}
	if _, known := v.Replica("a", 2); known {
		t.Error("absence of container 2 cannot be known yet")
	}
	full := beat("a", 50, &dnpb.ContainerReport{Id: 2, UsedBytes: 7, Blocks: 3})
	full.FullReport = true
	if v.Heartbeat(full) {
		t.Error("a full report has come: none must be wanted")
	}
	if r, known := v.Replica("a", 1); r != nil || !known {
		t.Errorf("container 1 is not in the full report: %v, %v", r, known)
	}
	v.Heartbeat(beat("a", 50, &dnpb.ContainerReport{Id: 3}))
	if r, _ := v.Replica("a", 2); r == nil {
		t.Error("an incremental report must not drop others")
	}
	if used, blocks := v.Usage(2, []string{"a", "b"}); used != 7 || blocks != 3 {
		t.Errorf("usage %d, %d", used, blocks)
	}
}

func TestChangedWakesWhenANodeBecomesHealthy(t *testing.T) {
	v, c := newTestView()
	closed := func(ch <-chan struct{}) bool {
		select {
		case <-ch:
			return true
		default:
			return false
		}
	}
	ch := v.Changed()
	v.Heartbeat(beat("a", 50))
	if !closed(ch) {
		t.Error("first heartbeat")
	}
	ch = v.Changed()
	v.Heartbeat(beat("a", 50))
	if closed(ch) {
		t.Error("healthy already")
	}
	c.advance(time.Minute)
	v.Heartbeat(beat("a", 50))
	if !closed(ch) {
		t.Error("back from stale")
	}
}

func TestPick(t *testing.T) {
	tests := []struct {
		name    string
		nodes   map[string]uint64 // remaining
		stale   []string
		req     Request
		want    int        // nodes; 0: an error
		err     ozerr.Code // "": Unavailable
		without string
	}{
		{name: "three of five", nodes: map[string]uint64{"a": 9, "b": 9, "c": 9, "d": 9, "e": 9}, req: Request{Want: 3, Min: 2}, want: 3},
		{name: "fewer than wanted", nodes: map[string]uint64{"a": 9, "b": 9}, req: Request{Want: 3, Min: 2}, want: 2},
		{name: "fewer than needed", nodes: map[string]uint64{"a": 9}, req: Request{Want: 3, Min: 2}},
		{name: "none", req: Request{Want: 1, Min: 1}},
		{name: "excluded", nodes: map[string]uint64{"a": 9, "b": 9, "c": 9}, req: Request{Want: 3, Min: 2, Exclude: []string{"b"}}, want: 2, without: "b"},
		{name: "full", nodes: map[string]uint64{"a": 9, "b": 1, "c": 9}, req: Request{Want: 3, Min: 2, Room: 5}, want: 2, without: "b"},
		{name: "too many are full", nodes: map[string]uint64{"a": 9, "b": 1, "c": 1}, req: Request{Want: 3, Min: 2, Room: 5}, err: ozerr.DiskFull},
		{name: "full or excluded", nodes: map[string]uint64{"a": 9, "b": 9, "c": 1}, req: Request{Want: 3, Min: 2, Room: 5, Exclude: []string{"b"}}},
		{name: "full, and too few anyway", nodes: map[string]uint64{"a": 1}, req: Request{Want: 3, Min: 2, Room: 5}},
		{name: "stale", nodes: map[string]uint64{"a": 9, "b": 9, "c": 9}, stale: []string{"c"}, req: Request{Want: 3, Min: 2}, want: 2, without: "c"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, c := newTestView()
			for _, id := range tt.stale {
				v.Heartbeat(beat(id, tt.nodes[id]))
				delete(tt.nodes, id)
			}
			c.advance(20 * time.Second)
			for id, remaining := range tt.nodes {
				v.Heartbeat(beat(id, remaining))
			}
			got, err := v.Pick(tt.req)
			if tt.want == 0 {
				if want := cmp.Or(tt.err, ozerr.Unavailable); !errors.Is(err, want) {
					t.Fatalf("got %v, %v, want %s", got, err, want)
				}
				return
			}
			if err != nil || len(got) != tt.want {
				t.Fatalf("got %d nodes, %v; want %d", len(got), err, tt.want)
			}
			seen := map[string]bool{}
			for _, n := range got {
				if seen[n.Id] || n.Id == tt.without {
					t.Errorf("node %s must not be here (again)", n.Id)
				}
				seen[n.Id] = true
			}
		})
	}
}

func TestChooseUsesTwoRacks(t *testing.T) {
	tests := []struct {
		racks []string
		want  int // distinct racks among three
	}{
		{[]string{"", "", "/default-rack"}, 1},
		{[]string{"r1", "r1", "r1", "r1", "r2"}, 2},
		{[]string{"r1", "r1", "r2", "r2"}, 2},
	}
	for _, tt := range tests {
		for seed := range uint64(200) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			var cs []Candidate
			for i, r := range tt.racks {
				cs = append(cs, Candidate{ID: fmt.Sprint(i), Rack: r, Remaining: uint64(i)})
			}
			racks := map[string]bool{}
			for _, c := range Choose(cs, 3, rnd.IntN) {
				racks[rackOf(c)] = true
			}
			if len(racks) < tt.want {
				t.Fatalf("racks %v, seed %d: all replicas in %v", tt.racks, seed, racks)
			}
		}
	}
}

func TestChoosePrefersRoomButSparesNobody(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	cs := []Candidate{{ID: "full", Remaining: 1}, {ID: "half", Remaining: 50}, {ID: "empty", Remaining: 100}}
	got := map[string]int{}
	for range 3000 {
		got[Choose(cs, 1, rnd.IntN)[0].ID]++
	}
	// Better of two of three: 2/3, 1/3, 0.
	if got["empty"] < 1800 || got["half"] < 800 || got["full"] != 0 {
		t.Errorf("choices %v", got)
	}
}
