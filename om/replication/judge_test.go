package replication

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/om/placement"
	"github.com/mini-ozone/mini-ozone/om/state"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// parse reads a replica such as "a closed", "a closed=2 verified", "b dead", "c lacking",
// "d unknown", "e unhealthy", with any of: stale decommissioning maintenance entering
// stranger spoilt busy quasi rack=r free=9 blocks=0.
func parse(t *testing.T, s string) Replica {
	words := strings.Fields(s)
	r := Replica{Member: true, Node: Node{ID: words[0], Health: placement.Healthy, Known: true, Free: 100}}
	report := &dnpb.ContainerReport{Id: 1, Blocks: 5, Content: 1, State: dnpb.ContainerState_CLOSED}
	r.Report = report
	for _, w := range words[1:] {
		name, value, _ := strings.Cut(w, "=")
		n := uint64(0)
		_, _ = fmt.Sscan(value, &n)
		switch name {
		case "closed":
			report.Content = max(n, 1)
		case "quasi":
			report.State = dnpb.ContainerState_QUASI_CLOSED
		case "open":
			report.State = dnpb.ContainerState_OPEN
		case "unhealthy":
			report.State = dnpb.ContainerState_UNHEALTHY
		case "blocks":
			report.Blocks = n
		case "dead":
			r.Node.Health = placement.Dead
		case "stale":
			r.Node.Health = placement.Stale
		case "lacking":
			r.Report = nil
		case "unknown":
			r.Report, r.Node.Known = nil, false
		case "decommissioning":
			r.Node.OpState = state.Decommissioning
		case "decommissioned":
			r.Node.OpState = state.Decommissioned
		case "entering":
			r.Node.OpState = state.EnteringMaintenance
		case "maintenance":
			r.Node.OpState = state.InMaintenance
		case "stranger":
			r.Member = false
		case "verified":
			r.Verified = true
		case "spoilt":
			r.Spoilt = true
		case "busy":
			r.Busy = true
		case "rack":
			r.Node.Rack = value
		case "free":
			r.Node.Free = n
		default:
			t.Fatalf("what is %q?", w)
		}
	}
	return r
}

func (a Action) String() string {
	s := a.Kind.String()
	if a.Node != "" {
		s += " " + a.Node
	}
	if a.Replaces != "" {
		s += " for " + a.Replaces
	}
	if a.NotRack != "" {
		s += " outside " + a.NotRack
	}
	return s
}

func TestJudge(t *testing.T) {
	tests := []struct {
		name     string
		replicas string // separated by commas
		with     string // open closing one fenced unlisted unsettled arriving racks=r1+r2 minimum=2
		health   Health
		actions  string
	}{
		{name: "all well", replicas: "a closed, b closed, c closed", health: Healthy},
		{name: "all well, one stale", replicas: "a closed, b closed stale, c closed", health: Healthy},
		{name: "one has not reported yet", replicas: "a closed, b closed, c unknown", health: Healthy},
		{name: "nobody has reported yet", replicas: "a unknown, b unknown, c unknown", health: Healthy},
		{name: "one node dead", replicas: "a closed, b closed, c closed dead", health: UnderReplicated, actions: "copy for c"},
		{name: "two nodes dead", replicas: "a closed, b dead, c dead", health: UnderReplicated, actions: "copy for b; copy for c"},
		{name: "one dead, copy under way", replicas: "a closed, b closed, c dead", with: "arriving", health: UnderReplicated},
		{name: "dead, and an old replica elsewhere", replicas: "a closed, b closed, c dead, d closed=2 stranger", health: UnderReplicated, actions: "copy d for c"},
		{name: "dead, and a busy old replica elsewhere", replicas: "a closed, b closed, c dead, d closed stranger busy", health: UnderReplicated, actions: "copy for c"},
		{name: "dead, and an old replica on a node that leaves", replicas: "a closed, b closed, c dead, d closed stranger decommissioning", health: UnderReplicated, actions: "copy for c"},
		{name: "all dead", replicas: "a dead, b dead, c dead", health: Missing},
		{name: "all dead or without", replicas: "a dead, b lacking, c dead", health: Missing},
		{name: "all dead, a stranger has it", replicas: "a dead, b dead, c dead, d closed stranger", health: UnderReplicated,
			actions: "copy d for a; copy for b; copy for c"},
		{name: "all dead, one not heard yet", replicas: "a dead, b dead, c unknown", health: UnderReplicated},
		{name: "a disk failed: replica gone", replicas: "a closed, b closed, c lacking", health: UnderReplicated, actions: "mend c"},
		{name: "replica gone, report may be late", replicas: "a closed, b closed, c lacking", with: "unsettled", health: UnderReplicated},
		{name: "replica gone, cannot be made there", replicas: "a closed, b closed, c lacking spoilt", health: UnderReplicated, actions: "copy for c"},
		{name: "replica gone, stale node", replicas: "a closed, b closed, c lacking stale", health: UnderReplicated, actions: "copy for c"},
		{name: "replica gone, order under way", replicas: "a closed, b closed, c lacking busy", health: UnderReplicated},
		{name: "damaged", replicas: "a closed, b closed, c unhealthy", health: UnderReplicated, actions: "mend c"},
		{name: "damaged beyond repair in place", replicas: "a closed, b closed, c unhealthy spoilt", health: UnderReplicated, actions: "copy for c"},
		{name: "all damaged", replicas: "a unhealthy, b unhealthy, c unhealthy", health: Unhealthy, actions: "mend a; mend b; mend c"},
		{name: "the only replica damaged", replicas: "a unhealthy", with: "one", health: Unhealthy},
		{name: "damaged one too many", replicas: "a closed, b closed, c closed, d unhealthy", health: Healthy, actions: "remove d"},
		{name: "contents differ", replicas: "a closed=1, b closed=1, c closed=2", health: Healthy, actions: "mend a; mend b; mend c"},
		{name: "contents differ just now", replicas: "a closed=1, b closed=1, c closed=2", with: "unsettled", health: Healthy},
		{name: "contents differ, some verified", replicas: "a closed=1 verified, b closed=1, c closed=2 verified", health: Healthy, actions: "mend b"},
		{name: "contents differ, all verified", replicas: "a closed=1 verified, b closed=1 verified, c closed=2 verified", health: Healthy},
		{name: "block counts differ", replicas: "a closed, b closed, c closed blocks=4", health: Healthy, actions: "mend a; mend b; mend c"},
		{name: "contents differ, a dead one aside", replicas: "a closed=1, b closed=1, c closed=2 dead", health: UnderReplicated, actions: "copy for c"},
		{name: "quasi closed", replicas: "a closed, b closed, c quasi", health: Healthy, actions: "mend c"},
		{name: "returned open", replicas: "a closed, b closed, c open", health: Healthy, actions: "close c"},
		{name: "too many", replicas: "a closed, b closed, c closed free=1, d closed", health: OverReplicated, actions: "remove c"},
		{name: "too many, one differs", replicas: "a closed, b closed, c closed, d closed=2", health: Healthy, actions: "mend a; mend b; mend c; mend d"},
		{name: "too many, one not heard", replicas: "a closed, b closed, c closed, d unknown", health: Healthy},
		{name: "too many, one by rack", replicas: "a closed rack=r1, b closed rack=r1, c closed rack=r2 free=1, d closed rack=r1 free=2",
			with: "racks=r1+r2", health: OverReplicated, actions: "remove d"},
		{name: "enough without the dead", replicas: "a closed, b closed, c closed, d dead", health: Healthy, actions: "remove d"},
		{name: "enough, but not shown to be sound", replicas: "a closed, b closed, c closed=2, d dead", health: Healthy, actions: "mend a; mend b; mend c"},
		{name: "a stranger with the same", replicas: "a closed, b closed, c closed, d closed stranger", health: Healthy, actions: "delete d"},
		{name: "a stranger with something else", replicas: "a closed, b closed, c closed, d closed=2 stranger", health: Healthy, actions: "mend a; mend b; mend c"},
		{name: "a stranger, members verified", replicas: "a closed verified, b closed verified, c closed verified, d closed=2 stranger", health: Healthy, actions: "delete d"},
		{name: "a stranger that leaves service keeps its copy", replicas: "a closed, b closed, c closed, d closed stranger decommissioned", health: Healthy},
		{name: "a stranger of an unhealthy one stays", replicas: "a unhealthy busy, b closed, c closed, d closed stranger", health: UnderReplicated},
		{name: "decommissioning", replicas: "a closed, b closed, c closed decommissioning", health: UnderReplicated, actions: "copy for c"},
		{name: "decommissioning, replaced", replicas: "a closed, b closed, c closed decommissioning, d closed", health: Healthy, actions: "remove c"},
		{name: "decommissioning and a dead one: the dead first", replicas: "a closed decommissioning, b closed, c dead", health: UnderReplicated, actions: "copy for c; copy for a"},
		{name: "decommissioning the only replica", replicas: "a closed decommissioning", with: "one", health: UnderReplicated, actions: "copy for a"},
		{name: "a single replica", replicas: "a closed", with: "one", health: Healthy},
		{name: "a single replica and a dead one", replicas: "a closed, b dead", with: "one", health: Healthy, actions: "mend a"},
		{name: "a single replica, shown to be sound, and a dead one", replicas: "a closed verified, b dead", with: "one", health: Healthy, actions: "remove b"},
		{name: "maintenance", replicas: "a closed, b closed, c closed maintenance", health: Healthy},
		{name: "maintenance, node off", replicas: "a closed, b closed, c dead maintenance", health: Healthy},
		{name: "two entering maintenance", replicas: "a closed, b closed entering, c closed entering", health: UnderReplicated, actions: "copy"},
		{name: "maintenance of all of one", replicas: "a closed entering", with: "one", health: UnderReplicated, actions: "copy"},
		{name: "maintenance, minimum one", replicas: "a closed, b closed entering, c closed entering", with: "minimum=1", health: Healthy},
		{name: "maintenance and a dead one", replicas: "a closed, b dead, c closed maintenance", health: UnderReplicated, actions: "copy for b"},
		{name: "all in one rack", replicas: "a closed rack=r1, b closed rack=r1, c closed rack=r1", with: "racks=r1+r2", health: MisReplicated, actions: "copy outside r1"},
		{name: "all in the only rack", replicas: "a closed rack=r1, b closed rack=r1, c closed rack=r1", with: "racks=r1", health: Healthy},
		{name: "empty", replicas: "a lacking, b lacking, c lacking", with: "unlisted", health: Empty},
		{name: "empty, dead, may have a block", replicas: "a lacking, b lacking, c dead", with: "unlisted", health: Empty},
		{name: "empty, dead, fenced", replicas: "a lacking, b lacking, c dead", with: "unlisted fenced", health: Empty, actions: "remove c"},
		{name: "empty, all dead, fenced", replicas: "a dead, b dead", with: "unlisted fenced", health: Empty, actions: "adopt a; remove b"},
		{name: "empty, decommissioning", replicas: "a lacking, b lacking, c lacking decommissioning", with: "unlisted", health: Empty, actions: "remove c"},
		{name: "not empty: om knows of blocks", replicas: "a lacking, b lacking, c lacking", health: Missing},
		{name: "orphans only", replicas: "a closed, b lacking, c closed", with: "unlisted", health: UnderReplicated, actions: "mend b"},
		{name: "open", replicas: "a open, b open, c open", with: "open"},
		{name: "open, new", replicas: "a lacking, b lacking, c lacking", with: "open unlisted"},
		{name: "open, a node dead", replicas: "a open, b open, c dead", with: "open unsettled", actions: "close"},
		{name: "open, a disk lost", replicas: "a open, b open, c lacking", with: "open", actions: "close"},
		{name: "open, first block just written", replicas: "a open, b open, c lacking", with: "open unsettled"},
		{name: "open, one damaged", replicas: "a open, b open, c unhealthy", with: "open", actions: "close"},
		{name: "open, all dead", replicas: "a dead, b dead, c dead", with: "open", health: Missing, actions: "close"},
		{name: "closing, all dead", replicas: "a dead, b dead, c dead", with: "closing", health: Missing},
		{name: "closing", replicas: "a open, b closed, c dead", with: "closing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := Container{Info: &ompb.ContainerInfo{Id: 1, State: uint32(dnpb.ContainerState_CLOSED)}, Factor: 3,
				Listed: true, Settled: true, MaintenanceMinimum: 2}
			for _, s := range strings.Split(tt.replicas, ",") {
				c.Replicas = append(c.Replicas, parse(t, s))
			}
			for _, w := range strings.Fields(tt.with) {
				name, value, _ := strings.Cut(w, "=")
				switch name {
				case "open":
					c.Info.State = uint32(dnpb.ContainerState_OPEN)
				case "closing":
					c.Info.State = uint32(dnpb.ContainerState_CLOSING)
				case "one":
					c.Factor = 1
				case "fenced":
					c.Info.Fenced = true
				case "unlisted":
					c.Listed = false
				case "unsettled":
					c.Settled = false
				case "arriving":
					c.Arriving = 1
				case "racks":
					c.Racks = strings.Split(value, "+")
				case "minimum":
					_, _ = fmt.Sscan(value, &c.MaintenanceMinimum)
				}
			}
			got := Judge(c)
			var actions []string
			for _, a := range got.Actions {
				actions = append(actions, a.String())
			}
			slices.Sort(actions)
			want := strings.Split(tt.actions, "; ")
			slices.Sort(want)
			if got.Health != tt.health || strings.Join(actions, "; ") != strings.Join(want, "; ") {
				t.Errorf("%s: %s, want %s: %s", got.Health, strings.Join(actions, "; "), tt.health, tt.actions)
			}
		})
	}
}
