package lin

import (
	"fmt"
	"strings"
)

// checkListing checks a listing as a whole, over all its pages: names come in order and
// once; every key that was there all the time is in it, none that was not there at any
// time. (What a single page says of its keys is checked with their other reads.)
func checkListing(l Listing, keys map[string][]Op) []Violation {
	var all []Violation
	wrong := func(key, problem string, args ...any) {
		all = append(all, Violation{Key: key, Problem: fmt.Sprintf(problem, args...) +
			fmt.Sprintf(" (listing of client %d with %d keys, %s)", l.Client, len(l.Keys), l.Note), Ops: keys[key]})
	}
	listed := map[string]bool{}
	for i, key := range l.Keys {
		switch {
		case listed[key]:
			wrong(key, "listed twice")
		case i > 0 && key < l.Keys[i-1]:
			wrong(key, "listed after %s", l.Keys[i-1])
		case !strings.HasPrefix(key, l.Prefix):
			wrong(key, "listed under the prefix %s", l.Prefix)
		}
		listed[key] = true
	}
	for key, ops := range keys {
		if !strings.HasPrefix(key, l.Prefix) {
			continue
		}
		if !listed[key] && stablyPresent(ops, l.Call, l.Return) {
			wrong(key, "there all the time, and not listed")
		}
	}
	for key := range listed {
		if stablyAbsent(keys[key], l.Call, l.Return) {
			wrong(key, "listed, and not there at any time")
		}
	}
	return all
}

// stablyPresent: a write was acknowledged before from, and whatever could delete had
// returned before that write was called, or was called after to.
func stablyPresent(ops []Op, from, to int64) bool {
	for _, w := range ops {
		if w.writes() && w.Outcome == Done && w.Return < from && !anyOp(ops, func(d Op) bool {
			return d.deletes() && d.Return >= w.Call && d.Call <= to
		}) {
			return true
		}
	}
	return false
}

// stablyAbsent: nothing wrote before to, or a delete was acknowledged before from, and
// whatever could write had returned before that delete was called, or was called after to.
func stablyAbsent(ops []Op, from, to int64) bool {
	if !anyOp(ops, func(w Op) bool { return w.mayWrite() && w.Call <= to }) {
		return true
	}
	for _, d := range ops {
		if d.deletes() && d.Outcome == Done && d.Return < from && !anyOp(ops, func(w Op) bool {
			return w.mayWrite() && w.Return >= d.Call && w.Call <= to
		}) {
			return true
		}
	}
	return false
}

// writes: an acknowledged one left a key behind, at the moment it took effect. A
// repeated Complete takes no effect, so its success proves nothing.
func (o Op) writes() bool { return o.Kind == Put }

// mayWrite: it may have left a key behind.
func (o Op) mayWrite() bool {
	return (o.Kind == Put || o.Kind == Complete) && (o.Outcome == Done || o.Outcome == Unknown)
}

// deletes: it took a key away, or may have.
func (o Op) deletes() bool {
	return o.Kind == Delete && (o.Outcome == Done || o.Outcome == Unknown)
}

func anyOp(ops []Op, f func(Op) bool) bool {
	for _, o := range ops {
		if f(o) {
			return true
		}
	}
	return false
}
