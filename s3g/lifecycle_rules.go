package s3g

import (
	"crypto/rand"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/lifecycle"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

// Limits of lifecycle rules, AWS's.
const (
	maxRules      = 1000
	maxRuleID     = 255
	maxRulePrefix = 1024
	maxKeptNewer  = 100
)

// lifecycleRules checks a document as AWS does and gives its rules.
func lifecycleRules(doc *s3xml.LifecycleConfiguration) (*lifecycle.Config, error) {
	if len(doc.Rules) == 0 || len(doc.Rules) > maxRules {
		return nil, s3err.MalformedXML
	}
	c, ids := &lifecycle.Config{}, map[string]bool{}
	for i := range doc.Rules {
		r, err := lifecycleRule(&doc.Rules[i])
		if err != nil {
			return nil, err
		}
		if ids[r.ID] {
			return nil, s3err.InvalidArgument.With("Rule ID must be unique. Found same ID for more than one rule")
		}
		ids[r.ID] = true
		c.Rules = append(c.Rules, r)
	}
	return c, nil
}

func lifecycleRule(x *s3xml.LifecycleRule) (r lifecycle.Rule, err error) {
	r.ID = x.ID
	switch {
	case len(r.ID) > maxRuleID:
		return r, s3err.InvalidArgument.With("ID length should not exceed allowed limit of 255")
	case x.Status != "Enabled" && x.Status != "Disabled":
		return r, s3err.MalformedXML
	case r.ID == "":
		r.ID = rand.Text()
	}
	r.Enabled = x.Status == "Enabled"
	if r.Filter, err = lifecycleFilter(x); err != nil {
		return r, err
	}
	for _, read := range []func(*lifecycle.Rule, *s3xml.LifecycleRule) error{
		readExpiration, readNoncurrent, readAbort, readTransitions,
	} {
		if err := read(&r, x); err != nil {
			return r, err
		}
	}
	if x.Expiration == nil && x.NoncurrentVersionExpiration == nil && x.AbortIncompleteMultipartUpload == nil &&
		len(x.Transitions) == 0 && len(x.NoncurrentVersionTransitions) == 0 {
		return r, s3err.InvalidRequest.With("At least one action needs to be specified in a rule")
	}
	return r, nil
}

// lifecycleFilter: either the old prefix in the rule or a filter, which has one
// element or none.
func lifecycleFilter(x *s3xml.LifecycleRule) (f lifecycle.Filter, err error) {
	prefix, tags := x.Prefix, []s3xml.Tag(nil)
	var larger, smaller *int64
	switch {
	case (x.Prefix == nil) == (x.Filter == nil):
		return f, s3err.MalformedXML
	case x.Prefix != nil:
		f.OldPrefix = true
	case count(x.Filter.Prefix != nil, x.Filter.Tag != nil, x.Filter.ObjectSizeGreaterThan != nil,
		x.Filter.ObjectSizeLessThan != nil, x.Filter.And != nil) > 1:
		return f, s3err.MalformedXML
	case x.Filter.And != nil:
		and := x.Filter.And
		if count(and.Prefix != nil, and.ObjectSizeGreaterThan != nil, and.ObjectSizeLessThan != nil)+len(and.Tags) < 2 {
			return f, s3err.MalformedXML
		}
		f.And = true
		prefix, tags, larger, smaller = and.Prefix, and.Tags, and.ObjectSizeGreaterThan, and.ObjectSizeLessThan
	default:
		prefix, larger, smaller = x.Filter.Prefix, x.Filter.ObjectSizeGreaterThan, x.Filter.ObjectSizeLessThan
		if x.Filter.Tag != nil {
			tags = []s3xml.Tag{*x.Filter.Tag}
		}
	}
	if prefix != nil {
		if len(*prefix) > maxRulePrefix {
			return f, s3err.InvalidRequest.With("The maximum size of a prefix is 1024.")
		}
		f.Prefix, f.HasPrefix = *prefix, !f.OldPrefix
	}
	if f.Tags, err = filterTags(tags); err != nil {
		return f, err
	}
	f.LargerThan, f.SmallerThan, err = filterSizes(larger, smaller)
	return f, err
}

// count is how many hold.
func count(conditions ...bool) int {
	n := 0
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}

func filterTags(list []s3xml.Tag) (map[string]string, error) {
	var tags map[string]string
	for _, t := range list {
		if t.Value == nil {
			return nil, s3err.MalformedXML
		}
		if tags == nil {
			tags = map[string]string{}
		}
		if err := addTag(tags, t.Key, *t.Value); err != nil {
			return nil, err
		}
	}
	return tags, nil
}

func filterSizes(larger, smaller *int64) (l, s *uint64, err error) {
	const maxSize = 5 << 40
	if larger != nil {
		if *larger < 0 || *larger > maxSize {
			return nil, nil, s3err.InvalidRequest.With("'ObjectSizeGreaterThan' must be a number of bytes between 0 and 5 TB")
		}
		n := uint64(*larger)
		l = &n
	}
	if smaller != nil {
		if *smaller < 1 || *smaller > maxSize {
			return nil, nil, s3err.InvalidRequest.With("'ObjectSizeLessThan' must be a number of bytes between 1 and 5 TB")
		}
		n := uint64(*smaller)
		s = &n
	}
	if l != nil && s != nil && *l >= *s {
		return nil, nil, s3err.InvalidRequest.With("'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'")
	}
	return l, s, nil
}

// sizes says whether the filter asks for sizes.
func sizes(f *lifecycle.Filter) bool { return f.LargerThan != nil || f.SmallerThan != nil }

func readExpiration(r *lifecycle.Rule, x *s3xml.LifecycleRule) (err error) {
	e := x.Expiration
	if e == nil {
		return nil
	}
	if count(e.Days != nil, e.Date != nil, e.ExpiredObjectDeleteMarker != nil) != 1 {
		return s3err.MalformedXML
	}
	switch {
	case e.Days != nil:
		r.ExpireDays, err = positiveDays(*e.Days, "'Days' for Expiration action must be a positive integer")
	case e.Date != nil:
		r.ExpireDate, err = midnight(*e.Date)
	case len(r.Filter.Tags) > 0:
		return s3err.InvalidRequest.With("ExpiredObjectDeleteMarker cannot be specified with Tags.")
	case sizes(&r.Filter):
		return s3err.InvalidRequest.With("ExpiredObjectDeleteMarker cannot be specified with Object Size.")
	default:
		r.ExpireDeleteMarker = e.ExpiredObjectDeleteMarker
	}
	return err
}

func readNoncurrent(r *lifecycle.Rule, x *s3xml.LifecycleRule) (err error) {
	e := x.NoncurrentVersionExpiration
	if e == nil {
		return nil
	}
	if e.NoncurrentDays == nil {
		return s3err.MalformedXML
	}
	if r.NoncurrentDays, err = positiveDays(*e.NoncurrentDays,
		"'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer"); err != nil {
		return err
	}
	r.NoncurrentKeep, err = keptNewer(r, e.NewerNoncurrentVersions)
	return err
}

// keptNewer checks NewerNoncurrentVersions, which the first API did not have.
func keptNewer(r *lifecycle.Rule, n *int) (int, error) {
	switch {
	case n == nil:
		return 0, nil
	case *n < 1 || *n > maxKeptNewer:
		return 0, s3err.InvalidArgument.With("'NewerNoncurrentVersions' must be a positive integer of at most 100")
	case r.Filter.OldPrefix:
		return 0, s3err.InvalidRequest.With("A Filter must be specified in a rule with 'NewerNoncurrentVersions'.")
	}
	return *n, nil
}

func readAbort(r *lifecycle.Rule, x *s3xml.LifecycleRule) (err error) {
	a := x.AbortIncompleteMultipartUpload
	switch {
	case a == nil:
		return nil
	case a.DaysAfterInitiation == nil:
		return s3err.MalformedXML
	case len(r.Filter.Tags) > 0:
		return s3err.InvalidRequest.With("AbortIncompleteMultipartUpload cannot be specified with Tags.")
	case sizes(&r.Filter):
		return s3err.InvalidRequest.With("AbortIncompleteMultipartUpload cannot be specified with Object Size.")
	}
	r.AbortUploadDays, err = positiveDays(*a.DaysAfterInitiation,
		"'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer")
	return err
}

func positiveDays(n int, complaint string) (int, error) {
	if n < 1 || n > math.MaxInt32 {
		return 0, s3err.InvalidArgument.With(complaint)
	}
	return n, nil
}

// midnight reads a date in ISO 8601, which must be midnight UTC of a day that times
// in nanoseconds can tell.
func midnight(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly, "2006-01-02T15:04:05"} {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		t = t.UTC()
		if !t.Equal(t.Truncate(24*time.Hour)) || t.Year() < 1971 || t.Year() > 2261 {
			return t, s3err.InvalidArgument.With("'Date' must be at midnight GMT")
		}
		return t, nil
	}
	return time.Time{}, s3err.MalformedXML
}

// lifecycleDocument is the inverse of lifecycleRules.
func lifecycleDocument(c *lifecycle.Config) *s3xml.LifecycleConfiguration {
	doc := &s3xml.LifecycleConfiguration{}
	for i := range c.Rules {
		doc.Rules = append(doc.Rules, ruleElement(&c.Rules[i]))
	}
	return doc
}

func ruleElement(r *lifecycle.Rule) s3xml.LifecycleRule {
	x := s3xml.LifecycleRule{ID: r.ID, Status: "Disabled"}
	if r.Enabled {
		x.Status = "Enabled"
	}
	if r.Filter.OldPrefix {
		x.Prefix = &r.Filter.Prefix
	} else {
		x.Filter = filterElement(&r.Filter)
	}
	x.Transitions, x.NoncurrentVersionTransitions = transitionElements(r)
	switch {
	case r.ExpireDays > 0:
		x.Expiration = &s3xml.LifecycleExpiration{Days: &r.ExpireDays}
	case !r.ExpireDate.IsZero():
		x.Expiration = &s3xml.LifecycleExpiration{Date: dateText(r.ExpireDate)}
	case r.ExpireDeleteMarker != nil:
		x.Expiration = &s3xml.LifecycleExpiration{ExpiredObjectDeleteMarker: r.ExpireDeleteMarker}
	}
	if r.NoncurrentDays > 0 {
		x.NoncurrentVersionExpiration = &s3xml.NoncurrentExpiration{
			NoncurrentDays: &r.NoncurrentDays, NewerNoncurrentVersions: set(r.NoncurrentKeep)}
	}
	if r.AbortUploadDays > 0 {
		x.AbortIncompleteMultipartUpload = &s3xml.AbortIncompleteUploads{DaysAfterInitiation: &r.AbortUploadDays}
	}
	return x
}

// set is nil for 0, which is not set.
func set(n int) *int {
	if n == 0 {
		return nil
	}
	return &n
}

func dateText(t time.Time) *string {
	s := t.UTC().Format("2006-01-02T15:04:05.000Z")
	return &s
}

func filterElement(f *lifecycle.Filter) *s3xml.LifecycleFilter {
	var prefix *string
	if f.HasPrefix {
		prefix = &f.Prefix
	}
	var tags []s3xml.Tag
	for _, k := range slices.Sorted(maps.Keys(f.Tags)) {
		v := f.Tags[k]
		tags = append(tags, s3xml.Tag{Key: k, Value: &v})
	}
	larger, smaller := signed(f.LargerThan), signed(f.SmallerThan)
	if f.And {
		return &s3xml.LifecycleFilter{And: &s3xml.LifecycleAnd{
			Prefix: prefix, Tags: tags, ObjectSizeGreaterThan: larger, ObjectSizeLessThan: smaller}}
	}
	x := &s3xml.LifecycleFilter{Prefix: prefix, ObjectSizeGreaterThan: larger, ObjectSizeLessThan: smaller}
	if len(tags) > 0 {
		x.Tag = &tags[0]
	}
	return x
}

func signed(n *uint64) *int64 {
	if n == nil {
		return nil
	}
	v := int64(*n)
	return &v
}
