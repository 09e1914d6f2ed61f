package lin

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// maxUploads of one key that the model tells apart.
const maxUploads = 64

// state of a key: its current entity tag ("": there is none), and what became of its
// uploads, a bit each. An upload that is in no set is open.
type state struct {
	current   string
	aborted   uint64
	completed [2]uint64 // by the part list that won
}

// apply is what S3 promises: what the request finds, and what it leaves behind.
func (s state) apply(o Op) (Outcome, state) {
	switch o.Kind {
	case Get:
		if s.current == "" {
			return Absent, s
		}
		return Done, s
	case Put:
		if found := s.condition(o); found != Done {
			return found, s
		}
		s.current = o.Value
		return Done, s
	case Delete:
		if found := s.condition(o); found != Done {
			return found, s
		}
		s.current = ""
		return Done, s
	case Complete:
		return s.complete(o)
	case Abort:
		bit := uint64(1) << o.Upload
		if (s.aborted|s.completed[0]|s.completed[1])&bit != 0 {
			return Absent, s
		}
		s.aborted |= bit
		return Done, s
	}
	panic("unknown kind " + string(o.Kind))
}

// complete is decided once: a repetition gets the first answer and changes nothing,
// whatever happened to the key since; another part list, or an abort, comes too late.
func (s state) complete(o Op) (Outcome, state) {
	bit := uint64(1) << o.Upload
	switch {
	case s.completed[o.Variant]&bit != 0:
		return Done, s
	case (s.aborted|s.completed[1-o.Variant])&bit != 0:
		return Absent, s
	}
	if found := s.condition(o); found != Done {
		return found, s
	}
	s.current = o.Value
	s.completed[o.Variant] |= bit
	return Done, s
}

// condition of a write: If-Match on a missing key is 404, as on AWS.
func (s state) condition(o Op) Outcome {
	switch {
	case o.IfNoneMatch && s.current != "":
		return Refused
	case o.IfMatch != "" && s.current == "":
		return Absent
	case o.IfMatch != "" && s.current != o.IfMatch:
		return Refused
	}
	return Done
}

// model of one key. Input is an Op with everything in it, output is not used. A
// request of unknown outcome does whatever it would do at its moment; as its interval
// never ends, that moment may be after everything else, where nobody sees it.
func model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return state{} },
		Step: func(st, input, _ any) (bool, any) {
			s, o := st.(state), input.(Op)
			outcome, next := s.apply(o)
			switch {
			case o.Outcome == Unknown:
				return true, next
			case outcome != o.Outcome:
				return false, s
			case o.Kind == Get && o.Outcome == Done && o.Value != s.current:
				return false, s
			}
			return true, next
		},
	}
}

// CheckTimeout is how long the check of a key may take. If it takes longer, nothing is
// known, which counts as a failure.
const CheckTimeout = 60 * time.Second

// Violation is a key whose history has no explanation, or a listing that shows what it
// must not.
type Violation struct {
	Key     string
	Problem string
	Ops     []Op // of the key
}

func (v Violation) Error() string { return v.Key + ": " + v.Problem }

// Check checks the whole history and returns what is wrong with it. Keys are checked
// by themselves, which is the same: linearizability is local.
func (h *History) Check() []Violation {
	ops, listings := h.Ops()
	keys, buckets := byKey(ops)
	for key := range keys {
		keys[key] = resolveCopies(keys[key], keys)
	}
	var all []Violation
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if problem := checkKey(keys[key], CheckTimeout); problem != "" {
			all = append(all, Violation{Key: key, Problem: problem, Ops: keys[key]})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(buckets)) {
		if problem := checkKey(buckets[name], CheckTimeout); problem != "" {
			all = append(all, Violation{Key: name, Problem: problem, Ops: buckets[name]})
		}
	}
	for _, l := range listings {
		all = append(all, checkListing(l, keys)...)
	}
	return all
}

// byKey are the requests to each key, and those to each bucket that comes and goes.
func byKey(ops []Op) (keys, buckets map[string][]Op) {
	keys, buckets = map[string][]Op{}, map[string][]Op{}
	for _, o := range ops {
		if o.Bucket != "" {
			buckets[o.Bucket] = append(buckets[o.Bucket], o)
		} else {
			keys[o.Key] = append(keys[o.Key], o)
		}
	}
	return keys, buckets
}

// resolveCopies gives copies without an answer their content: whatever the key was seen
// to have that nobody else wrote to it and that the source was seen to have; or something
// that nobody saw. One copy may so become several writes, which forgives more than it
// should, but never blames the innocent.
func resolveCopies(ops []Op, keys map[string][]Op) []Op {
	written := map[string]bool{}
	for _, o := range ops {
		if o.mayWrite() {
			written[o.Value] = true
		}
	}
	var out []Op
	for i, o := range ops {
		if o.Source == "" {
			out = append(out, o)
			continue
		}
		candidates := map[string]bool{fmt.Sprintf("unseen %d", i): true}
		for _, r := range ops {
			if r.Kind == Get && r.Outcome == Done && !written[r.Value] && anyOp(keys[o.Source], func(s Op) bool { return s.Value == r.Value }) {
				candidates[r.Value] = true
			}
		}
		for _, o.Value = range slices.Sorted(maps.Keys(candidates)) {
			out = append(out, o)
		}
	}
	return out
}

// checkKey returns what is wrong with the history of one key or one bucket; "" is nothing.
func checkKey(ops []Op, timeout time.Duration) string {
	history := make([]porcupine.Operation, len(ops))
	for i, o := range ops {
		history[i] = porcupine.Operation{ClientId: o.Client, Input: o, Call: o.Call, Return: o.Return}
	}
	m := model()
	if len(ops) > 0 && ops[0].Bucket != "" {
		m = bucketModel()
	}
	switch porcupine.CheckOperationsTimeout(m, history, timeout) {
	case porcupine.Ok:
		return ""
	case porcupine.Unknown:
		return fmt.Sprintf("not checked: its %d requests took longer than %s", len(ops), timeout)
	}
	return fmt.Sprintf("not linearizable (%d requests)", len(ops))
}

// Explain cuts a key's history down to what cannot be explained: the requests up to
// the return of the one that makes it impossible, the last few of them.
func (v Violation) Explain(most int) []Op {
	ops := slices.Clone(v.Ops)
	slices.SortFunc(ops, func(a, b Op) int { return compare(a.Return, b.Return) })
	known := slices.IndexFunc(ops, func(o Op) bool { return o.Return == never })
	if known < 0 {
		known = len(ops)
	}
	unknown := ops[known:]
	// Shortest prefix, by returns, that is impossible; what was called before its end
	// and returned later may have had an effect, so it is kept with an open end.
	low, high := 0, known
	for low < high {
		mid := (low + high) / 2
		if checkKey(prefix(ops, mid+1, unknown), CheckTimeout) == "" {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low >= known {
		return ops[max(0, len(ops)-most):]
	}
	culprit := ops[low]
	out := slices.DeleteFunc(ops, func(o Op) bool { return o.Call > culprit.Return })
	slices.SortFunc(out, func(a, b Op) int { return compare(a.Call, b.Call) })
	return append(out[max(0, len(out)-most):], culprit)
}

// prefix is the history as it was known when ops[n-1] had returned.
func prefix(ops []Op, n int, unknown []Op) []Op {
	end := ops[n-1].Return
	out := slices.Clone(ops[:n])
	for _, o := range ops[n : len(ops)-len(unknown)] {
		if o.Call <= end && o.Kind != Get && o.Kind != List {
			o.Outcome, o.Return = Unknown, never
			out = append(out, o)
		}
	}
	for _, o := range unknown {
		if o.Call <= end {
			out = append(out, o)
		}
	}
	return out
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
