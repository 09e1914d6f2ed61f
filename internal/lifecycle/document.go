package lifecycle

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// Encode makes the content of a bucket's lifecycle document.
func (c *Config) Encode() ([]byte, error) {
	doc := &ompb.Lifecycle{TransitionMinimum: c.TransitionMinimum}
	for i := range c.Rules {
		doc.Rules = append(doc.Rules, ruleTo(&c.Rules[i]))
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("encode lifecycle rules: %w", err)
	}
	return b, nil
}

// Decode is the inverse of Encode.
func Decode(content []byte) (*Config, error) {
	doc := &ompb.Lifecycle{}
	if err := proto.Unmarshal(content, doc); err != nil {
		return nil, fmt.Errorf("decode lifecycle rules: %w", err)
	}
	c := &Config{TransitionMinimum: doc.TransitionMinimum}
	for _, r := range doc.Rules {
		c.Rules = append(c.Rules, ruleFrom(r))
	}
	return c, nil
}

func ruleTo(r *Rule) *ompb.LifecycleRule {
	return &ompb.LifecycleRule{
		Id: r.ID, Enabled: r.Enabled,
		Prefix: r.Filter.Prefix, Tags: r.Filter.Tags, LargerThan: r.Filter.LargerThan, SmallerThan: r.Filter.SmallerThan,
		V1Prefix: r.Filter.OldPrefix, FilterAnd: r.Filter.And, HasFilterPrefix: r.Filter.HasPrefix,
		ExpireDays: uint32(r.ExpireDays), ExpireDateNs: toNS(r.ExpireDate), ExpireDeleteMarker: r.ExpireDeleteMarker,
		NoncurrentDays: uint32(r.NoncurrentDays), NoncurrentKeep: uint32(r.NoncurrentKeep), AbortUploadDays: uint32(r.AbortUploadDays),
		Transitions: transitionsTo(r.Transitions), NoncurrentTransitions: transitionsTo(r.NoncurrentTransitions),
	}
}

func ruleFrom(r *ompb.LifecycleRule) Rule {
	return Rule{
		ID: r.Id, Enabled: r.Enabled,
		Filter: Filter{
			Prefix: r.Prefix, Tags: r.Tags, LargerThan: r.LargerThan, SmallerThan: r.SmallerThan,
			OldPrefix: r.V1Prefix, And: r.FilterAnd, HasPrefix: r.HasFilterPrefix,
		},
		ExpireDays: int(r.ExpireDays), ExpireDate: fromNS(r.ExpireDateNs), ExpireDeleteMarker: r.ExpireDeleteMarker,
		NoncurrentDays: int(r.NoncurrentDays), NoncurrentKeep: int(r.NoncurrentKeep), AbortUploadDays: int(r.AbortUploadDays),
		Transitions: transitionsFrom(r.Transitions), NoncurrentTransitions: transitionsFrom(r.NoncurrentTransitions),
	}
}

func transitionsTo(in []Transition) []*ompb.Transition {
	var out []*ompb.Transition
	for _, t := range in {
		out = append(out, &ompb.Transition{
			Days: uint32(t.Days), DateNs: toNS(t.Date), StorageClass: t.StorageClass, NewerVersions: uint32(t.NewerVersions),
		})
	}
	return out
}

func transitionsFrom(in []*ompb.Transition) []Transition {
	var out []Transition
	for _, t := range in {
		out = append(out, Transition{
			Days: int(t.Days), Date: fromNS(t.DateNs), StorageClass: t.StorageClass, NewerVersions: int(t.NewerVersions),
		})
	}
	return out
}

func toNS(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromNS(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}
