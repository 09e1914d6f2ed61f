package lin

import (
	"bytes"
	"strings"
	"testing"
)

// Hand-made histories: a line is a client, time runs to the right.
func op(kind Kind, value string, outcome Outcome, call, ret int64) Op {
	return Op{Kind: kind, Key: "k", Value: value, Outcome: outcome, Call: call, Return: ret}
}

func put(v string, call, ret int64) Op { return op(Put, v, Done, call, ret) }
func lost(v string, call int64) Op     { return op(Put, v, Unknown, call, never) }
func get(v string, call, ret int64) Op { return op(Get, v, Done, call, ret) }
func none(call, ret int64) Op          { return op(Get, "", Absent, call, ret) }
func del(call, ret int64) Op           { return op(Delete, "", Done, call, ret) }

// create is a PUT that must find nothing; swap one that must find old.
func create(v string, outcome Outcome, call, ret int64) Op {
	o := op(Put, v, outcome, call, ret)
	o.IfNoneMatch = true
	return o
}

func swap(old, v string, outcome Outcome, call, ret int64) Op {
	o := op(Put, v, outcome, call, ret)
	o.IfMatch = old
	return o
}

func complete(upload, variant int, v string, outcome Outcome, call, ret int64) Op {
	o := op(Complete, v, outcome, call, ret)
	o.Upload, o.Variant = upload, variant
	return o
}

func abort(upload int, outcome Outcome, call, ret int64) Op {
	o := op(Abort, "", outcome, call, ret)
	o.Upload = upload
	return o
}

// TestCheckerTellsRightFromWrong: the checker accepts what S3 allows and refuses what it
// promises never to happen.
func TestCheckerTellsRightFromWrong(t *testing.T) {
	for _, c := range []struct {
		name string
		ok   bool
		ops  []Op
	}{
		{"empty", true, nil},
		{"read your write", true, []Op{put("a", 1, 2), get("a", 3, 4)}},
		{"read during a write, old or new", true, []Op{put("a", 1, 2), put("b", 3, 9), get("a", 4, 5), get("b", 6, 7), get("b", 10, 11)}},
		{"stale read", false, []Op{put("a", 1, 2), put("b", 3, 4), get("a", 5, 6)}},
		{"stale absence", false, []Op{put("a", 1, 2), none(3, 4)}},
		{"new, then old", false, []Op{put("a", 1, 2), put("b", 3, 9), get("b", 4, 5), get("a", 6, 7)}},
		{"a value that nobody wrote", false, []Op{put("a", 1, 2), get("b", 3, 4)}},
		{"lost update", false, []Op{put("a", 1, 2), swap("a", "b", Done, 3, 8), swap("a", "c", Done, 4, 9)}},
		{"one of two swaps", true, []Op{put("a", 1, 2), swap("a", "b", Done, 3, 8), swap("a", "c", Refused, 4, 9), get("b", 10, 11)}},
		{"swap of what is current refused", false, []Op{put("a", 1, 2), swap("a", "b", Refused, 3, 4)}},
		{"swap of nothing", true, []Op{swap("a", "b", Absent, 1, 2), none(3, 4)}},
		{"one winner of If-None-Match", true, []Op{create("a", Done, 1, 5), create("b", Refused, 2, 6), get("a", 7, 8)}},
		{"two winners of If-None-Match", false, []Op{create("a", Done, 1, 5), create("b", Done, 2, 6)}},
		{"no winner of If-None-Match", false, []Op{create("a", Refused, 1, 5), create("b", Refused, 2, 6), none(7, 8)}},
		{"the winner is not who is read", false, []Op{create("a", Done, 1, 5), create("b", Refused, 2, 6), get("b", 7, 8)}},
		{"deleted", true, []Op{put("a", 1, 2), del(3, 4), none(5, 6)}},
		{"delete without effect", false, []Op{put("a", 1, 2), del(3, 4), get("a", 5, 6)}},
		{"resurrected", false, []Op{put("a", 1, 2), del(3, 4), none(5, 6), get("a", 7, 8)}},
		{"an unknown write may be seen", true, []Op{put("a", 1, 2), lost("b", 3), get("a", 5, 6), get("b", 7, 8)}},
		{"an unknown write may be lost", true, []Op{put("a", 1, 2), lost("b", 3), get("a", 5, 6)}},
		{"an unknown write is not seen before its call", false, []Op{put("a", 1, 2), get("b", 3, 4), lost("b", 5)}},
		{"an unknown write takes effect once", false, []Op{put("a", 1, 2), lost("b", 3), get("b", 5, 6), del(7, 8), none(9, 10), get("b", 11, 12)}},
		{"an unknown write explains a refusal", true, []Op{lost("a", 1), create("b", Refused, 2, 3), get("a", 4, 5)}},
		{"an acknowledged write is lost behind an unknown one", false, []Op{put("a", 1, 2), lost("b", 3), put("c", 4, 5), get("a", 6, 7)}},
		{"complete", true, []Op{complete(0, 0, "m", Done, 1, 2), get("m", 3, 4), abort(0, Absent, 5, 6)}},
		{"complete again: same answer, no effect", true, []Op{complete(0, 0, "m", Done, 1, 2), put("a", 3, 4), complete(0, 0, "m", Done, 5, 6), get("a", 7, 8)}},
		{"complete again takes effect", false, []Op{complete(0, 0, "m", Done, 1, 2), put("a", 3, 4), complete(0, 0, "m", Done, 5, 6), get("m", 7, 8)}},
		{"complete again refused", false, []Op{complete(0, 0, "m", Done, 1, 2), complete(0, 0, "m", Absent, 3, 4)}},
		{"complete and abort both win", false, []Op{complete(0, 0, "m", Done, 1, 5), abort(0, Done, 2, 6)}},
		{"abort wins", true, []Op{complete(0, 0, "m", Absent, 1, 5), abort(0, Done, 2, 6), none(7, 8)}},
		{"abort wins, object is there", false, []Op{complete(0, 0, "m", Absent, 1, 5), abort(0, Done, 2, 6), get("m", 7, 8)}},
		{"nobody wins", false, []Op{complete(0, 0, "m", Absent, 1, 5), abort(0, Absent, 2, 6)}},
		{"two part lists win", false, []Op{complete(0, 0, "m", Done, 1, 5), complete(0, 1, "n", Done, 2, 6)}},
		{"one of two part lists", true, []Op{complete(0, 0, "m", Absent, 1, 5), complete(0, 1, "n", Done, 2, 6), get("n", 7, 8)}},
		{"two uploads of a key", true, []Op{complete(0, 0, "m", Done, 1, 5), complete(1, 0, "n", Done, 2, 6), get("m", 7, 8)}},
		{"an unknown complete decides against the abort", true, []Op{complete(0, 0, "m", Unknown, 1, never), abort(0, Absent, 2, 3), get("m", 4, 5)}},
		{"an unknown complete after the abort", false, []Op{complete(0, 0, "m", Unknown, 1, never), abort(0, Done, 2, 3), get("m", 4, 5)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := NewHistory()
			for _, o := range c.ops {
				h.Add(o)
			}
			found := h.Check()
			if c.ok != (len(found) == 0) {
				t.Errorf("found %v", found)
			}
			for _, v := range found {
				if len(v.Explain(100)) == 0 {
					t.Error("no explanation")
				}
			}
		})
	}
}

// TestContestedBuckets: an acknowledged PUT is in a bucket that is there, and a bucket
// that was deleted was empty.
func TestContestedBuckets(t *testing.T) {
	in := func(kind Kind, key, value string, outcome Outcome, call, ret int64) Op {
		return Op{Kind: kind, Bucket: "contested", Key: key, Value: value, Outcome: outcome, Call: call, Return: ret}
	}
	made := in(MakeBucket, "", "", Done, 1, 2)
	for _, c := range []struct {
		name string
		ok   bool
		ops  []Op
	}{
		{"full", true, []Op{made, in(Put, "a", "x", Done, 3, 9), in(RemoveBucket, "", "", Refused, 4, 8), in(List, "", "x ", Done, 10, 11)}},
		{"emptied", true, []Op{made, in(Put, "b", "x", Done, 3, 4), in(Delete, "b", "", Done, 5, 9), in(RemoveBucket, "", "", Done, 6, 8), in(Get, "b", "", NoBucket, 10, 11)}},
		{"put lost in a deleted bucket", false, []Op{made, in(Put, "a", "x", Done, 3, 9), in(RemoveBucket, "", "", Done, 4, 8)}},
		{"put into a new one of the name", true, []Op{made, in(Put, "a", "x", Done, 3, 9), in(RemoveBucket, "", "", Done, 4, 6), in(MakeBucket, "", "", Done, 7, 8), in(Get, "a", "x", Done, 10, 11)}},
		{"put into the old one of the name", false, []Op{made, in(RemoveBucket, "", "", Done, 3, 4), in(MakeBucket, "", "", Done, 5, 6), in(Put, "a", "x", Done, 7, 8), in(Get, "a", "", Absent, 9, 10)}},
		{"empty and not deleted", false, []Op{made, in(RemoveBucket, "", "", Refused, 3, 4)}},
		{"a listing of what never was together", false, []Op{made, in(Put, "a", "x", Done, 3, 4), in(Delete, "a", "", Done, 5, 6), in(Put, "b", "y", Done, 7, 8), in(List, "", "x y", Done, 3, 9)}},
		{"another key's content", false, []Op{made, in(Put, "a", "x", Done, 3, 4), in(Put, "b", "y", Done, 3, 4), in(Get, "a", "y", Done, 5, 6)}},
	} {
		h := NewHistory()
		for _, o := range c.ops {
			h.Add(o)
		}
		if found := h.Check(); c.ok != (len(found) == 0) {
			t.Errorf("%s: %v", c.name, found)
		}
	}
}

// TestExplain: the request that cannot be explained comes last, and nothing after it.
func TestExplain(t *testing.T) {
	ops := []Op{put("a", 1, 2), put("b", 3, 4), get("a", 5, 6), put("c", 7, 8), get("c", 9, 10)}
	got := Violation{Key: "k", Ops: ops}.Explain(100)
	if last := got[len(got)-1]; last.Value != "a" || last.Call != 5 || len(got) > 4 {
		t.Errorf("%v", got)
	}
}

// TestUnknownCopies: a copy without an answer explains content that its source had, and
// no other.
func TestUnknownCopies(t *testing.T) {
	for _, c := range []struct {
		read string
		ok   bool
	}{{"a", true}, {"b", true}, {"x", true}, {"y", false}} {
		h := NewHistory()
		for _, v := range []string{"a", "b"} {
			o := put(v, 1, 20)
			o.Key = "source"
			h.Add(o)
		}
		h.Add(put("x", 1, 2))
		h.Add(Op{Kind: Put, Key: "k", Source: "source", Outcome: Unknown, Call: 3})
		h.Add(get(c.read, 5, 6))
		if found := h.Check(); c.ok != (len(found) == 0) {
			t.Errorf("%s: %v", c.read, found)
		}
	}
}

// TestListings: a key that is there all the time comes once and in order, one that is
// not never; what changes meanwhile may come or not.
func TestListings(t *testing.T) {
	at := func(key string, o Op) Op { o.Key = key; return o }
	ops := []Op{
		at("stable", put("a", 1, 2)), at("stable", put("b", 11, 12)),
		at("gone", put("a", 1, 2)), at("gone", del(3, 4)),
		at("coming", put("a", 11, 30)),
		at("going", put("a", 1, 2)), at("going", op(Delete, "", Unknown, 5, never)),
		at("later", put("a", 31, 32)),
	}
	for _, c := range []struct {
		name, wrong string
		keys        []string
	}{
		{"least", "", []string{"stable"}},
		{"most", "", []string{"coming", "going", "stable"}},
		{"missing", "stable: there all the time, and not listed", []string{"coming"}},
		{"twice", "stable: listed twice", []string{"stable", "stable"}},
		{"twice, on two pages", "stable: listed", []string{"going", "stable", "going", "stable"}},
		{"deleted", "gone: listed, and not there", []string{"gone", "stable"}},
		{"not yet there", "later: listed, and not there", []string{"later", "stable"}},
		{"made up", "xyz: listed, and not there", []string{"stable", "xyz"}},
		{"out of order", "going: listed after stable", []string{"stable", "going"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := NewHistory()
			for _, o := range ops {
				h.Add(o)
			}
			h.AddListing(Listing{Keys: c.keys, Call: 10, Return: 20})
			text := ""
			for _, v := range h.Check() {
				text += v.Error() + "\n"
			}
			if (c.wrong == "") != (text == "") || !strings.Contains(text, c.wrong) {
				t.Errorf("got %q", text)
			}
		})
	}
}

// TestWrittenHistory: a history that is read back is judged the same.
func TestWrittenHistory(t *testing.T) {
	h := NewHistory()
	h.Add(put("a", 1, 2))
	h.Add(swap("a", "b", Unknown, 3, 0))
	h.Add(none(4, 5))
	h.Add(op(Get, "", Unknown, 6, 7)) // says nothing
	h.AddListing(Listing{Keys: []string{"other"}, Call: 3, Return: 4})
	var file bytes.Buffer
	if err := h.Write(&file); err != nil {
		t.Fatal(err)
	}
	again, err := ReadHistory(&file)
	if err != nil {
		t.Fatal(err)
	}
	ops, listings := again.Ops()
	if len(ops) != 3 || len(listings) != 1 || ops[1].Return != never {
		t.Errorf("%v, %v", ops, listings)
	}
	if got, want := len(again.Check()), len(h.Check()); got != want || got != 3 {
		t.Errorf("%d violations, then %d", want, got)
	}
}

// TestTooLongIsAFailure: a check that does not end counts as a violation.
func TestTooLongIsAFailure(t *testing.T) {
	var ops []Op
	for i := range int64(40) { // 2^40 orders of writes nobody saw, and a read that none explains
		ops = append(ops, lost(string(rune('A'+i)), i))
	}
	ops = append(ops, get("nobody's", 100, 101))
	if got := checkKey(ops, 1); !strings.Contains(got, "longer than") {
		t.Errorf("got %q", got)
	}
}
