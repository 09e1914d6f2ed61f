package lifecycle

import (
	"reflect"
	"testing"
	"time"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func size(n uint64) *uint64 { return &n }

var yes, no = true, false

func TestAfter(t *testing.T) {
	for _, c := range []struct {
		from string
		days int
		day  time.Duration
		want string
	}{
		{"2014-01-15T10:30:00Z", 3, 0, "2014-01-19T00:00:00Z"}, // AWS's example
		{"2014-01-15T00:00:00Z", 3, 0, "2014-01-18T00:00:00Z"},
		{"2014-01-15T23:59:59Z", 1, realDay, "2014-01-17T00:00:00Z"},
		{"2014-01-15T22:00:00-05:00", 1, 0, "2014-01-18T00:00:00Z"},
		{"2014-02-27T10:00:00Z", 2, 0, "2014-03-02T00:00:00Z"},
		{"2014-01-15T10:30:00Z", 3, 2 * time.Second, "2014-01-15T10:30:06Z"},
		{"2014-01-15T00:00:00Z", 1<<31 - 1, 10 * time.Second, "2306-04-26T23:47:10Z"}, // and not long ago
	} {
		if got := (Calendar{c.day}).After(at(c.from), c.days); !got.Equal(at(c.want)) {
			t.Errorf("%s + %d days of %v: %v, want %s", c.from, c.days, c.day, got, c.want)
		}
	}
}

// The moment of all versions, and rules' days are counted from it.
const made = "2024-03-01T12:00:00Z"

func TestJudge(t *testing.T) {
	current := Version{Key: "logs/a", Size: 100, Modified: at(made), Latest: true}
	marker := Version{Key: "logs/a", Modified: at(made), Latest: true, DeleteMarker: true, Only: true}
	old := Version{Key: "logs/a", Size: 100, Modified: at(made), NoncurrentSince: at(made)}
	with := func(v Version, change func(*Version)) Version { change(&v); return v }
	days := func(n int) Rule { return Rule{ID: "r", Enabled: true, ExpireDays: n} }
	filtered := func(f Filter) Rule { r := days(1); r.Filter = f; return r }

	for _, c := range []struct {
		name  string
		rules []Rule
		v     Version
		want  Verdict
	}{
		{"no rules", nil, current, Verdict{}},
		{"days", []Rule{days(1)}, current, Verdict{Expire, at("2024-03-03T00:00:00Z"), "r"}},
		{"disabled", []Rule{{ID: "r", ExpireDays: 1}}, current, Verdict{}},
		{"date", []Rule{{ID: "r", Enabled: true, ExpireDate: at("2024-02-01T00:00:00Z")}}, current, Verdict{Expire, at("2024-02-01T00:00:00Z"), "r"}},
		{"the earliest rule wins", []Rule{days(5), {ID: "s", Enabled: true, ExpireDays: 2}, {ID: "t", Enabled: true, ExpireDays: 3}}, current,
			Verdict{Expire, at("2024-03-04T00:00:00Z"), "s"}},
		{"the first of equals", []Rule{days(1), {ID: "s", Enabled: true, ExpireDays: 1}}, current, Verdict{Expire, at("2024-03-03T00:00:00Z"), "r"}},

		{"prefix", []Rule{filtered(Filter{Prefix: "logs/"})}, current, Verdict{Expire, at("2024-03-03T00:00:00Z"), "r"}},
		{"another prefix", []Rule{filtered(Filter{Prefix: "log/"})}, current, Verdict{}},
		{"larger", []Rule{filtered(Filter{LargerThan: size(99)})}, current, Verdict{Expire, at("2024-03-03T00:00:00Z"), "r"}},
		{"not larger", []Rule{filtered(Filter{LargerThan: size(100)})}, current, Verdict{}},
		{"larger than nothing", []Rule{filtered(Filter{LargerThan: size(0)})}, with(current, func(v *Version) { v.Size = 0 }), Verdict{}},
		{"smaller", []Rule{filtered(Filter{SmallerThan: size(101)})}, current, Verdict{Expire, at("2024-03-03T00:00:00Z"), "r"}},
		{"not smaller", []Rule{filtered(Filter{SmallerThan: size(100)})}, current, Verdict{}},
		{"tag", []Rule{filtered(Filter{Tags: map[string]string{"k": "v"}})},
			with(current, func(v *Version) { v.Tags = map[string]string{"k": "v", "l": "w"} }), Verdict{Expire, at("2024-03-03T00:00:00Z"), "r"}},
		{"another value", []Rule{filtered(Filter{Tags: map[string]string{"k": "v"}})},
			with(current, func(v *Version) { v.Tags = map[string]string{"k": "V"} }), Verdict{}},
		{"an empty value is one", []Rule{filtered(Filter{Tags: map[string]string{"k": ""}})}, current, Verdict{}},
		{"unknown tags", []Rule{filtered(Filter{Tags: map[string]string{"k": "v"}})},
			with(current, func(v *Version) { v.TagsUnknown = true }), Verdict{Expire, at("2024-03-03T00:00:00Z"), "r"}},
		{"one of two tags", []Rule{filtered(Filter{And: true, Tags: map[string]string{"k": "v", "l": "w"}})},
			with(current, func(v *Version) { v.Tags = map[string]string{"k": "v"} }), Verdict{}},

		{"noncurrent", []Rule{{ID: "r", Enabled: true, NoncurrentDays: 2}}, old, Verdict{Remove, at("2024-03-04T00:00:00Z"), "r"}},
		{"noncurrent is not for the current", []Rule{{ID: "r", Enabled: true, NoncurrentDays: 2}}, current, Verdict{}},
		{"expiration is not for the noncurrent", []Rule{days(1)}, old, Verdict{}},
		{"kept newer", []Rule{{ID: "r", Enabled: true, NoncurrentDays: 2, NoncurrentKeep: 2}}, with(old, func(v *Version) { v.Newer = 1 }), Verdict{}},
		{"enough newer", []Rule{{ID: "r", Enabled: true, NoncurrentDays: 2, NoncurrentKeep: 2}}, with(old, func(v *Version) { v.Newer = 2 }),
			Verdict{Remove, at("2024-03-04T00:00:00Z"), "r"}},
		{"noncurrent marker", []Rule{{ID: "r", Enabled: true, NoncurrentDays: 2}}, with(old, func(v *Version) { v.DeleteMarker = true }),
			Verdict{Remove, at("2024-03-04T00:00:00Z"), "r"}},

		{"lone marker", []Rule{{ID: "r", Enabled: true, ExpireDeleteMarker: &yes}}, marker, Verdict{RemoveMarker, at(made), "r"}},
		{"marker with others", []Rule{{ID: "r", Enabled: true, ExpireDeleteMarker: &yes}}, with(marker, func(v *Version) { v.Only = false }), Verdict{}},
		{"markers stay", []Rule{{ID: "r", Enabled: true, ExpireDeleteMarker: &no}}, marker, Verdict{}},
		{"markers age", []Rule{days(1)}, marker, Verdict{RemoveMarker, at("2024-03-03T00:00:00Z"), "r"}},
		{"markers are not for objects", []Rule{{ID: "r", Enabled: true, ExpireDeleteMarker: &yes}}, current, Verdict{}},
	} {
		got := (&Config{Rules: c.rules}).Judge(&c.v, Calendar{})
		if got.Action != c.want.Action || !got.Due.Equal(c.want.Due) || got.Rule != c.want.Rule {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestAbortDue(t *testing.T) {
	c := &Config{Rules: []Rule{
		{ID: "off", AbortUploadDays: 1},
		{ID: "all", Enabled: true, AbortUploadDays: 7},
		{ID: "tmp", Enabled: true, AbortUploadDays: 2, Filter: Filter{Prefix: "tmp/"}},
		{ID: "other", Enabled: true, ExpireDays: 1},
	}}
	for key, want := range map[string]struct{ due, rule string }{
		"a":     {"2024-03-09T00:00:00Z", "all"},
		"tmp/a": {"2024-03-04T00:00:00Z", "tmp"},
	} {
		if due, rule := c.AbortDue(key, at(made), Calendar{}); !due.Equal(at(want.due)) || rule != want.rule {
			t.Errorf("%s: %v by %s, want %v", key, due, rule, want)
		}
	}
	if due, _ := (&Config{}).AbortDue("a", at(made), Calendar{}); !due.IsZero() {
		t.Errorf("without rules: %v", due)
	}
}

func TestAsksTags(t *testing.T) {
	c := &Config{Rules: []Rule{{ID: "r", Enabled: true, ExpireDays: 1, Filter: Filter{Prefix: "a/", Tags: map[string]string{"k": "v"}}}}}
	for key, want := range map[string]bool{"a/x": true, "b/x": false} {
		if got := c.AsksTags(&Version{Key: key}); got != want {
			t.Errorf("%s: %v", key, got)
		}
	}
}

func TestDocument(t *testing.T) {
	c := &Config{TransitionMinimum: "varies_by_storage_class", Rules: []Rule{
		{ID: "one", Enabled: true, ExpireDays: 3, NoncurrentDays: 4, NoncurrentKeep: 5, AbortUploadDays: 6,
			Filter: Filter{Prefix: "p", HasPrefix: true, And: true, Tags: map[string]string{"k": "v"}, LargerThan: size(0), SmallerThan: size(9)}},
		{ID: "two", ExpireDate: at("2030-01-01T00:00:00Z"), Filter: Filter{OldPrefix: true},
			Transitions: []Transition{{Date: at("2029-01-01T00:00:00Z"), StorageClass: "GLACIER_IR"}}},
		{ID: "three", ExpireDeleteMarker: &no, NoncurrentTransitions: []Transition{{Days: 30, StorageClass: "STANDARD_IA", NewerVersions: 2}}},
	}}
	b, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, c) {
		t.Errorf("got %+v\nwant %+v", got, c)
	}
	if _, err := Decode([]byte{0xFF}); err == nil {
		t.Error("no error for a broken document")
	}
}

func TestVersionPrefix(t *testing.T) {
	rule := func(prefix string) Rule { return Rule{Enabled: true, ExpireDays: 1, Filter: Filter{Prefix: prefix}} }
	for _, c := range []struct {
		rules []Rule
		want  string
		some  bool
	}{
		{nil, "", false},
		{[]Rule{{Enabled: true, AbortUploadDays: 1}}, "", false},
		{[]Rule{{ExpireDays: 1}}, "", false},
		{[]Rule{rule("a/b")}, "a/b", true},
		{[]Rule{rule("a/b"), rule("a/c"), {Enabled: true, AbortUploadDays: 1}}, "a/", true},
		{[]Rule{rule("a/b"), {Enabled: true, NoncurrentDays: 1}}, "", true},
		{[]Rule{rule("é"), rule("è")}, "", true}, // they share a byte, but no character
	} {
		if got, some := (&Config{Rules: c.rules}).VersionPrefix(); got != c.want || some != c.some {
			t.Errorf("%v: %q %v, want %q %v", c.rules, got, some, c.want, c.some)
		}
	}
}
