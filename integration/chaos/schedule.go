package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Kind is a kind of fault.
type Kind string

// The kinds of faults. Those that lose data (of one server; the promises cover that) are
// done when everything is at full redundancy only: two of them at once nobody promises to
// survive.
const (
	Kill      Kind = "kill"      // SIGKILL to one or several, and a start after a while
	KillAll   Kind = "killall"   // SIGKILL to all at once
	Freeze    Kind = "freeze"    // SIGSTOP, and SIGCONT after a while
	Stop      Kind = "stop"      // SIGTERM, and a start after a while
	Roll      Kind = "roll"      // SIGTERM to each in turn, which is back before the next
	Failpoint Kind = "failpoint" // a restart, to die at a place that hurts
	WipeNode  Kind = "wipenode"  // a datanode lost for good, an empty one in its place
	WipeOM    Kind = "wipeom"    // an om's disk lost; it comes back empty
	Flip      Kind = "flip"      // a bit of a datanode's disk
)

// Kinds are all of them.
func Kinds() []Kind {
	return []Kind{Kill, KillAll, Freeze, Stop, Roll, Failpoint, WipeNode, WipeOM, Flip}
}

// weights: how often each kind comes.
var weights = map[Kind]int{Kill: 40, KillAll: 6, Freeze: 14, Stop: 10, Roll: 2, Failpoint: 20, WipeNode: 3, WipeOM: 3, Flip: 4}

// lossy tells whether a fault destroys data.
func (k Kind) lossy() bool { return k == WipeNode || k == WipeOM || k == Flip }

// event is one step of a schedule.
type event struct {
	n       int
	after   time.Duration // since the step before was done
	kind    Kind
	victims []int         // indexes into the fleet
	hold    time.Duration // until it is undone
	place   string        // the failpoint
	hit     int           // which hit of it
	draw    uint64        // for what is decided at the moment, such as the place of a flip
}

func (e event) String() string {
	s := fmt.Sprintf("#%d %s of %v for %v", e.n, e.kind, e.victims, e.hold.Round(time.Millisecond))
	if e.place != "" {
		s += fmt.Sprintf(" at %s, hit %d", e.place, e.hit)
	}
	return s
}

// schedule decides what happens to whom: the n-th step follows from the seed and the shape
// of the fleet alone.
type schedule struct {
	seed   uint64
	roles  []role // of the fleet
	kinds  []Kind
	places []string
	pause  time.Duration // mean time between steps
	down   time.Duration // longest time that a server is down
	frozen time.Duration // and that it is frozen
}

// step is the n-th event.
func (s *schedule) step(n int) event {
	rng := rand.New(rand.NewPCG(s.seed, uint64(n)))
	e := event{n: n, after: time.Duration(rng.Int64N(int64(2 * s.pause))), kind: s.kind(rng), draw: rng.Uint64()}
	short := 50*time.Millisecond + time.Duration(rng.Int64N(int64(s.down)))
	switch e.kind {
	case KillAll, Roll:
		for i := range s.roles {
			e.victims = append(e.victims, i)
		}
		e.hold = short
	case Kill:
		e.victims = s.some(rng, 1+rng.IntN(3)*rng.IntN(2))
		e.hold = short
	case Freeze:
		e.victims, e.hold = s.some(rng, 1), time.Second+time.Duration(rng.Int64N(int64(s.frozen)))
	case Stop:
		e.victims, e.hold = s.some(rng, 1), short
	case Failpoint:
		e.place, e.hit = s.places[rng.IntN(len(s.places))], 1+rng.IntN(20)
		e.victims, e.hold = s.of(rng, roleOf(e.place)), 5*time.Second
	case WipeNode, Flip:
		e.victims, e.hold = s.of(rng, datanode), short
	case WipeOM:
		e.victims, e.hold = s.of(rng, om), short
	}
	return e
}

// kind draws one of the kinds by weight.
func (s *schedule) kind(rng *rand.Rand) Kind {
	total := 0
	for _, k := range s.kinds {
		total += weights[k]
	}
	n := rng.IntN(total)
	for _, k := range s.kinds {
		if n -= weights[k]; n < 0 {
			return k
		}
	}
	panic("unreachable: n is below the sum of the weights")
}

// some draws n different servers.
func (s *schedule) some(rng *rand.Rand, n int) []int {
	all := rng.Perm(len(s.roles))[:min(n, len(s.roles))]
	slices.Sort(all)
	return all
}

// of draws one server of a role.
func (s *schedule) of(rng *rand.Rand, r role) []int {
	var all []int
	for i, have := range s.roles {
		if have == r {
			all = append(all, i)
		}
	}
	return []int{all[rng.IntN(len(all))]}
}

// roleOf says which server has a failpoint, by the first word of its name.
func roleOf(place string) role {
	switch word, _, _ := strings.Cut(place, "/"); word {
	case "om":
		return om
	case "client", "s3g":
		return gateway
	}
	return datanode
}
