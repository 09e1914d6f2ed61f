// Package lifecycle is what AWS's lifecycle rules mean, without doing it: om asks
// which versions of a bucket are due, the gateway what to write into
// x-amz-expiration. It knows rules and facts about a version, and neither clock nor
// store.
//
// The rules are AWS's (https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html):
// a version is due so many days after its creation (or after it became noncurrent),
// rounded up to the next midnight UTC; of several rules the earliest wins.
package lifecycle

import (
	"math"
	"strings"
	"time"
)

// Config is the lifecycle configuration of a bucket.
type Config struct {
	Rules []Rule
	// TransitionMinimum is x-amz-transition-default-minimum-object-size, as given.
	TransitionMinimum string
}

// Rule is one of them. Numbers that are 0 and dates that are zero are not set.
type Rule struct {
	ID      string
	Enabled bool
	Filter  Filter

	ExpireDays         int
	ExpireDate         time.Time
	ExpireDeleteMarker *bool // remove delete markers that are their key's last version

	NoncurrentDays int // after a version became noncurrent
	NoncurrentKeep int // newer noncurrent versions that stay whatever their age

	AbortUploadDays int // after an upload was begun

	// Transitions are kept and told again; nothing carries them out, as all storage
	// classes are stored alike.
	Transitions           []Transition
	NoncurrentTransitions []Transition
}

// Transition moves objects to another storage class.
type Transition struct {
	Days          int
	Date          time.Time
	StorageClass  string
	NewerVersions int // noncurrent ones that stay where they are
}

// Filter selects the objects of a rule: those with all that is set. The zero value
// selects all.
type Filter struct {
	Prefix      string
	Tags        map[string]string
	LargerThan  *uint64 // bytes
	SmallerThan *uint64

	// How it was written, to be told again: in the rule itself as the first API had
	// it, with And, or with a prefix (perhaps an empty one) in the filter.
	OldPrefix, And, HasPrefix bool
}

// matches says whether the filter selects v.
func (f *Filter) matches(v *Version) bool {
	if !strings.HasPrefix(v.Key, f.Prefix) {
		return false
	}
	if f.LargerThan != nil && v.Size <= *f.LargerThan || f.SmallerThan != nil && v.Size >= *f.SmallerThan {
		return false
	}
	for k, want := range f.Tags {
		if has, ok := v.Tags[k]; !v.TagsUnknown && (!ok || has != want) {
			return false
		}
	}
	return true
}

// Version is what rules look at: a version of an object, or a delete marker.
type Version struct {
	Key          string
	Size         uint64
	Tags         map[string]string
	TagsUnknown  bool      // take every filter of tags as one that matches
	Modified     time.Time // of this version
	DeleteMarker bool

	Latest bool // the current version
	Only   bool // there is no other version of the key

	// Of a version that is not the latest:
	NoncurrentSince time.Time // when the next newer version was made
	Newer           int       // noncurrent versions of the key that are newer, markers not counted
}

// Action is what is to be done to a version.
type Action int

// The actions.
const (
	Keep         Action = iota
	Expire              // delete the key: with versioning, by a delete marker
	Remove              // remove this noncurrent version
	RemoveMarker        // remove a delete marker that is its key's last version
)

// Verdict is what a configuration says of a version: the action, since when it is
// due, and the rule that says so.
type Verdict struct {
	Action Action
	Due    time.Time
	Rule   string
}

// Calendar says how long a day is. The zero value is the real one; another length,
// for tests, has no midnights.
type Calendar struct{ Day time.Duration }

const realDay = 24 * time.Hour

// After is the moment so many days after t, rounded up to midnight UTC.
func (c Calendar) After(t time.Time, days int) time.Time {
	if c.Day != 0 && c.Day != realDay {
		return t.Add(time.Duration(min(int64(days), int64(math.MaxInt64/c.Day))) * c.Day)
	}
	due := t.UTC().AddDate(0, 0, days)
	midnight := due.Truncate(realDay)
	if midnight.Before(due) {
		midnight = midnight.AddDate(0, 0, 1)
	}
	return midnight
}

// Judge returns the earliest that the enabled rules have in store for v; Action is
// Keep if nothing.
func (c *Config) Judge(v *Version, cal Calendar) Verdict {
	var first Verdict
	for i := range c.Rules {
		r := &c.Rules[i]
		if !r.Enabled || !r.Filter.matches(v) {
			continue
		}
		if d := r.judge(v, cal); d.Action != Keep && (first.Action == Keep || d.Due.Before(first.Due)) {
			first = d
		}
	}
	return first
}

func (r *Rule) judge(v *Version, cal Calendar) Verdict {
	switch {
	case !v.Latest:
		return r.noncurrent(v, cal)
	case v.DeleteMarker:
		return r.marker(v, cal)
	case r.ExpireDays > 0:
		return Verdict{Expire, cal.After(v.Modified, r.ExpireDays), r.ID}
	case !r.ExpireDate.IsZero():
		return Verdict{Expire, r.ExpireDate, r.ID}
	}
	return Verdict{}
}

func (r *Rule) noncurrent(v *Version, cal Calendar) Verdict {
	if r.NoncurrentDays == 0 || v.Newer < r.NoncurrentKeep {
		return Verdict{}
	}
	return Verdict{Remove, cal.After(v.NoncurrentSince, r.NoncurrentDays), r.ID}
}

// marker: a delete marker that is the last version of its key is removed by
// ExpiredObjectDeleteMarker at once, and by the expiration of objects at its age.
func (r *Rule) marker(v *Version, cal Calendar) Verdict {
	switch {
	case !v.Only:
		return Verdict{}
	case r.ExpireDeleteMarker != nil && *r.ExpireDeleteMarker:
		return Verdict{RemoveMarker, v.Modified, r.ID}
	case r.ExpireDays > 0:
		return Verdict{RemoveMarker, cal.After(v.Modified, r.ExpireDays), r.ID}
	case !r.ExpireDate.IsZero():
		return Verdict{RemoveMarker, r.ExpireDate, r.ID}
	}
	return Verdict{}
}

// VersionPrefix is the longest prefix that all versions have that some enabled rule may
// act on; false: no rule is about versions.
func (c *Config) VersionPrefix() (prefix string, some bool) {
	for i := range c.Rules {
		r := &c.Rules[i]
		if !r.Enabled || r.ExpireDays == 0 && r.ExpireDate.IsZero() && r.ExpireDeleteMarker == nil && r.NoncurrentDays == 0 {
			continue
		}
		if !some {
			prefix, some = r.Filter.Prefix, true
		}
		for !strings.HasPrefix(r.Filter.Prefix, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	return strings.ToValidUTF8(prefix, ""), some
}

// AsksTags says whether a verdict may depend on the tags of v.
func (c *Config) AsksTags(v *Version) bool {
	for i := range c.Rules {
		if r := &c.Rules[i]; r.Enabled && len(r.Filter.Tags) > 0 && strings.HasPrefix(v.Key, r.Filter.Prefix) {
			return true
		}
	}
	return false
}

// AbortDue returns when the upload of key that was begun then is to be aborted, and
// by which rule; the zero time is never.
func (c *Config) AbortDue(key string, begun time.Time, cal Calendar) (due time.Time, rule string) {
	for i := range c.Rules {
		r := &c.Rules[i]
		if !r.Enabled || r.AbortUploadDays == 0 || !strings.HasPrefix(key, r.Filter.Prefix) {
			continue
		}
		if d := cal.After(begun, r.AbortUploadDays); due.IsZero() || d.Before(due) {
			due, rule = d, r.ID
		}
	}
	return due, rule
}
