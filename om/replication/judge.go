package replication

import (
	"cmp"
	"slices"

	"github.com/mini-ozone/mini-ozone/om/placement"
	"github.com/mini-ozone/mini-ozone/om/state"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// condition of one replica.
type condition int

const (
	unsure   condition = iota // its node lives and has not reported here yet
	dead                      // its node is
	lacking                   // its node lives and says that it has no such replica
	damaged                   // UNHEALTHY
	unclosed                  // still OPEN or CLOSING
	present                   // CLOSED or QUASI_CLOSED
)

func (r Replica) condition() condition {
	switch {
	case r.Node.Health == placement.Dead:
		return dead
	case r.Report == nil && r.Node.Known:
		return lacking
	case r.Report == nil:
		return unsure
	}
	switch r.Report.State {
	case dnpb.ContainerState_CLOSED, dnpb.ContainerState_QUASI_CLOSED:
		return present
	case dnpb.ContainerState_UNHEALTHY:
		return damaged
	}
	return unclosed
}

func (n Node) inService() bool { return n.OpState == state.InService }

func (n Node) maintained() bool {
	return n.OpState == state.EnteringMaintenance || n.OpState == state.InMaintenance
}

func (n Node) leaving() bool {
	return n.OpState == state.Decommissioning || n.OpState == state.Decommissioned
}

// judgement is Judge at work.
type judgement struct {
	*Container
	Verdict
	same    bool // all present replicas, at least two, have the same content
	alone   bool // there is but one
	members []Replica
	others  []Replica // living nodes that report it without being members
	sources int       // living nodes that report it, members or not
	blocks  bool      // one of them has blocks

	sound     int // members in service
	present   int // members in service, those that are being mended aside
	mending   int // members in service to be mended where they are
	maintured int // members in maintenance that will be back
}

// Judge says how the container is and what to do. Actions may be repeated by the next
// judgement: the caller knows what is under way (Busy, Arriving).
func Judge(c Container) Verdict {
	j := &judgement{Container: &c}
	j.survey()
	switch dnpb.ContainerState(c.Info.State) {
	case dnpb.ContainerState_OPEN, dnpb.ContainerState_CLOSING:
		j.judgeOpen()
	default:
		j.judgeClosed()
	}
	return j.Verdict
}

func (j *judgement) do(a Action) { j.Actions = append(j.Actions, a) }

func (j *judgement) survey() {
	agree, compared := true, 0
	var first *dnpb.ContainerReport
	for _, r := range j.Replicas {
		at := r.condition()
		if r.Member {
			j.members = append(j.members, r)
		} else if at != dead && r.Report != nil {
			j.others = append(j.others, r)
		}
		if at == dead || r.Report == nil {
			continue
		}
		j.sources++
		j.blocks = j.blocks || r.Report.Blocks > 0
		if at == present && r.Member {
			if first == nil {
				first = r.Report
			}
			compared++
			agree = agree && r.Report.Content == first.Content && r.Report.Blocks == first.Blocks
		}
	}
	j.same, j.alone = agree && compared > 1, compared == 1
	for _, r := range j.members {
		j.count(r)
	}
}

func (j *judgement) count(r Replica) {
	at := r.condition()
	switch {
	case r.Node.maintained():
		if at == present || at == dead || at == unsure {
			j.maintured++
		}
	case !r.Node.inService():
	case at == present, at == unclosed, at == unsure:
		j.present++
		if j.isSound(r) {
			j.sound++
		}
	case j.mendable(r):
		j.mending++
	}
}

func (j *judgement) isSound(r Replica) bool {
	return r.condition() == present && r.Node.Health == placement.Healthy &&
		r.Report.State == dnpb.ContainerState_CLOSED && (j.same || r.Verified)
}

// mendable: it may be made whole where it is.
func (j *judgement) mendable(r Replica) bool {
	at := r.condition()
	return (at == damaged || at == lacking) && !r.Spoilt && r.Node.Health == placement.Healthy && !r.Node.leaving()
}

// judgeOpen: an open container that a member lost must close, or nothing can be done
// about it. Those that close already are the closer's.
func (j *judgement) judgeOpen() {
	lost, away := false, 0
	for _, r := range j.members {
		switch r.condition() {
		case lacking:
			lost = lost || j.blocks
		case damaged:
			lost = true
		case dead:
			away++
		}
	}
	if away == len(j.members) && j.sources == 0 && j.Listed {
		j.Health = Missing
	}
	if (lost || away > 0) && j.Info.State == uint32(dnpb.ContainerState_OPEN) {
		if j.Odd = true; j.Settled || away > 0 {
			j.do(Action{Kind: Close})
		}
	}
}

func (j *judgement) judgeClosed() {
	j.mendMembers()
	need := j.need()
	switch {
	case !j.Listed && !j.blocks:
		j.Health = Empty
		j.judgeEmpty()
		return
	case j.sources == 0 && !j.anyUnsure():
		j.Health = Missing
		return
	case !j.anyGood():
		j.Health = Unhealthy
	case j.short() > 0:
		j.Health = UnderReplicated
	default:
		j.Health = Healthy
	}
	if need > 0 {
		j.copies(need)
		return
	}
	j.tidy()
}

func (j *judgement) anyUnsure() bool {
	return slices.ContainsFunc(j.members, func(r Replica) bool { return r.condition() == unsure })
}

// anyGood: there is a replica, of whatever node, that is not damaged; or there may be.
func (j *judgement) anyGood() bool {
	return slices.ContainsFunc(j.Replicas, func(r Replica) bool {
		at := r.condition()
		return at == present || at == unclosed || at == unsure && r.Member
	})
}

// short is how many replicas are missing if nothing that is under way arrives.
func (j *judgement) short() int {
	minimum := min(j.MaintenanceMinimum, j.Factor)
	if j.maintured == 0 {
		minimum = 0
	}
	return max(j.Factor-j.maintured-j.present, minimum-j.present)
}

// need is how many copies are to be ordered now.
func (j *judgement) need() int { return j.short() - j.mending - j.Arriving }

// mendMembers orders what can be made right where it is.
func (j *judgement) mendMembers() {
	if j.sound >= j.Factor { // whoever is not right is dropped
		j.mendDiffering()
		return
	}
	for _, r := range j.members {
		at := r.condition()
		switch {
		case at == unclosed:
			if j.Odd = true; j.Settled && !r.Busy {
				j.do(Action{Kind: Close, Node: r.Node.ID})
			}
		case j.mendable(r) && !r.Busy && j.sourcesBut(r) > 0 && (at == damaged || j.Listed || j.blocks):
			if j.Odd = true; j.Settled || at == damaged {
				j.do(Action{Kind: Mend, Node: r.Node.ID})
			}
		}
	}
	j.mendDiffering()
}

// mendDiffering: where contents differ, each is reconciled with om's list. So is what
// keeps a stranger from being removed, see strangers, and a replica that has no other to
// agree with while others are to be given up for it.
func (j *judgement) mendDiffering() {
	doubt := !j.same && !j.alone ||
		j.alone && j.present >= j.Factor && len(j.members)+len(j.others) > 1 ||
		j.sound >= j.Factor && slices.ContainsFunc(j.others, func(o Replica) bool { return !j.covered(o) })
	for _, r := range j.members {
		closed := r.Report.GetState() == dnpb.ContainerState_CLOSED
		if r.condition() != present || closed && (r.Verified || !doubt) {
			continue
		}
		if j.Odd = true; j.Settled && !r.Busy {
			j.do(Action{Kind: Mend, Node: r.Node.ID})
		}
	}
}

func (j *judgement) sourcesBut(r Replica) int {
	if r.Report != nil && r.condition() != dead {
		return j.sources - 1
	}
	return j.sources
}

// copies orders n copies: to a node that still has an old replica, if there is one,
// else to one of the caller's choice. What a copy replaces is what is of least use.
func (j *judgement) copies(n int) {
	if j.sources == 0 {
		return
	}
	var going []string
	for _, want := range []func(Replica) bool{
		func(r Replica) bool { return r.condition() == dead && !r.Node.maintained() },
		func(r Replica) bool { return (r.condition() == lacking || r.condition() == damaged) && !j.mendable(r) },
		func(r Replica) bool { return r.Node.leaving() },
	} {
		for _, r := range j.members {
			if want(r) && !slices.Contains(going, r.Node.ID) {
				going = append(going, r.Node.ID)
			}
		}
	}
	var returned []string
	for _, r := range j.others {
		if r.Node.inService() && r.Node.Health == placement.Healthy && !r.Busy && !r.Spoilt {
			returned = append(returned, r.Node.ID)
		}
	}
	for range n {
		a := Action{Kind: Copy}
		if len(returned) > 0 {
			a.Node, returned = returned[0], returned[1:]
		}
		if len(going) > 0 {
			a.Replaces, going = going[0], going[1:]
		}
		j.do(a)
	}
}

// tidy takes out what is too much, once there is enough without it.
func (j *judgement) tidy() {
	if j.sound < j.Factor {
		return
	}
	dropped := false
	for _, r := range j.members {
		at := r.condition()
		useless := at == dead || at == lacking || at == damaged || r.Node.leaving()
		if useless && !r.Node.maintained() {
			dropped = true
			j.do(Action{Kind: Remove, Node: r.Node.ID})
		}
	}
	switch {
	case dropped || j.Arriving > 0:
		return
	case j.sound > j.Factor:
		j.Health = OverReplicated
		if j.sound == j.present && j.maintured == 0 {
			j.do(Action{Kind: Remove, Node: j.surplus()})
		}
	case j.oneRack() != "":
		j.Health = MisReplicated
		j.do(Action{Kind: Copy, NotRack: j.oneRack()})
	}
	j.strangers()
}

// strangers are replicas of nodes that are no members (any more). They go when nothing
// can be in them that the members don't have; on nodes that are going away they stay.
func (j *judgement) strangers() {
	for _, r := range j.others {
		if r.Node.inService() && !r.Busy && j.covered(r) {
			j.do(Action{Kind: Delete, Node: r.Node.ID})
		}
	}
}

// covered: the members are known to have all that om lists, or the same as the stranger.
func (j *judgement) covered(o Replica) bool {
	for _, r := range j.members {
		if r.condition() == present && !r.Verified &&
			(r.Report.Content != o.Report.Content || r.Report.Blocks != o.Report.Blocks) {
			return false
		}
	}
	return true
}

// surplus is the replica to give up: where there is another in its rack, and of those
// where there is the least room.
func (j *judgement) surplus() string {
	inRack := map[string]int{}
	var list []Replica
	for _, r := range j.members {
		if r.Node.inService() && j.isSound(r) {
			inRack[rack(r.Node.Rack)]++
			list = append(list, r)
		}
	}
	return slices.MinFunc(list, func(a, b Replica) int {
		return cmp.Or(
			-cmp.Compare(inRack[rack(a.Node.Rack)], inRack[rack(b.Node.Rack)]),
			cmp.Compare(a.Node.Free, b.Node.Free), cmp.Compare(a.Node.ID, b.Node.ID))
	}).Node.ID
}

// oneRack is the rack that all replicas are in although there are others, or "".
func (j *judgement) oneRack() string {
	only := ""
	for _, r := range j.members {
		if r.Node.leaving() {
			continue
		}
		if name := rack(r.Node.Rack); only == "" {
			only = name
		} else if name != only {
			return ""
		}
	}
	if j.Factor < 2 || !slices.ContainsFunc(j.Racks, func(name string) bool { return rack(name) != only }) {
		return ""
	}
	return only
}

func rack(name string) string { return cmp.Or(name, placement.DefaultRack) }

// judgeEmpty: nothing has to be copied, so a member that goes away is only crossed
// out. A dead node might still have a block that a writer has not told om of, unless
// the container is fenced.
func (j *judgement) judgeEmpty() {
	j.Actions = nil
	kept := 0
	var going []string
	for _, r := range j.members {
		switch {
		case r.Node.leaving() && r.condition() != unsure && (r.condition() != dead || j.Info.Fenced),
			r.condition() == dead && !r.Node.maintained() && j.Info.Fenced:
			going = append(going, r.Node.ID)
		default:
			kept++
		}
		if r.condition() == unclosed {
			if j.Odd = true; j.Settled && !r.Busy {
				j.do(Action{Kind: Close, Node: r.Node.ID})
			}
		}
	}
	for _, id := range going {
		if kept > 0 {
			j.do(Action{Kind: Remove, Node: id})
			continue
		}
		j.do(Action{Kind: Adopt, Node: id})
		kept++
	}
	if j.Info.Fenced {
		j.strangers()
	}
}
