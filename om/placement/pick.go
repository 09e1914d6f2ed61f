package placement

import (
	"math/rand/v2"
	"slices"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
)

// DefaultRack is how Ozone calls a place nobody has named.
const DefaultRack = "/default-rack"

// Candidate is a node that may take a replica.
type Candidate struct {
	ID        string
	Rack      string // "" and "/default-rack": not known
	Remaining uint64 // bytes
}

// Request for a node set.
type Request struct {
	Want    int      // replicas wished for
	Min     int      // fewer than this is a failure
	Exclude []string // node ids
	Room    uint64   // bytes a node must have left
}

// Pick chooses nodes for a new container among the healthy ones: at most Want, at
// least Min. Else: DiskFull if there would be enough had they room, or Unavailable; the
// message says what is missing.
func (v *View) Pick(r Request) ([]*commonpb.Node, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var candidates []Candidate
	healthy, full := 0, 0
	for id, n := range v.nodes {
		switch {
		case v.healthOf(id) != Healthy || v.barred[id]:
			continue
		case slices.Contains(r.Exclude, id):
		case n.last.Remaining < r.Room:
			full++
		default:
			candidates = append(candidates, Candidate{ID: id, Rack: n.last.Node.GetRack(), Remaining: n.last.Remaining})
		}
		healthy++
	}
	if len(candidates) < r.Min {
		code := ozerr.Unavailable
		if healthy >= r.Min && healthy-full < r.Min { // trying again soon is of no use
			code = ozerr.DiskFull
		}
		return nil, ozerr.New(code,
			"%d datanodes needed, %d usable (%d known, %d healthy, %d of them full, %d excluded by the client)",
			r.Min, len(candidates), len(v.nodes), healthy, full, len(r.Exclude))
	}
	// The map's order is random but not evenly so; choose evenly, from a fixed order.
	slices.SortFunc(candidates, func(a, b Candidate) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	chosen := Choose(candidates, r.Want, rand.IntN)
	nodes := make([]*commonpb.Node, len(chosen))
	for i, c := range chosen {
		nodes[i] = v.nodes[c.ID].last.Node
	}
	return nodes, nil
}

// Choose picks up to n distinct candidates. Each is the better of two drawn at
// random (more free bytes), which evens out the nodes without sending everything
// to the emptiest. While only one rack is in use and another is known, the next
// comes from another rack, so that no rack's loss takes all replicas. intn(k)
// returns a number in [0, k).
func Choose(candidates []Candidate, n int, intn func(int) int) []Candidate {
	left := slices.Clone(candidates)
	var chosen []Candidate
	for len(chosen) < n && len(left) > 0 {
		pool := left
		if other := otherRacks(left, chosen); len(other) > 0 {
			pool = other
		}
		c := betterOfTwo(pool, intn)
		chosen = append(chosen, c)
		left = slices.DeleteFunc(left, func(l Candidate) bool { return l.ID == c.ID })
	}
	return chosen
}

// otherRacks returns those outside the one rack that is in use; none if already
// two racks are, or if racks are not known.
func otherRacks(left, chosen []Candidate) []Candidate {
	if len(chosen) == 0 {
		return nil
	}
	used := rackOf(chosen[0])
	for _, c := range chosen {
		if rackOf(c) != used {
			return nil
		}
	}
	var out []Candidate
	for _, c := range left {
		if rackOf(c) != used {
			out = append(out, c)
		}
	}
	return out
}

func rackOf(c Candidate) string {
	if c.Rack == "" {
		return DefaultRack
	}
	return c.Rack
}

func betterOfTwo(pool []Candidate, intn func(int) int) Candidate {
	i := intn(len(pool))
	if len(pool) == 1 {
		return pool[i]
	}
	j := intn(len(pool) - 1)
	if j >= i {
		j++
	}
	if pool[j].Remaining > pool[i].Remaining {
		return pool[j]
	}
	return pool[i]
}
