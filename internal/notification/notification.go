// Package notification is what AWS's bucket notification configurations mean: which
// changes of a bucket are told to which targets
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventNotifications.html). The
// gateway reads and writes configurations, om's state machine asks which targets want
// an event.
package notification

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// Kinds of configurations, by what AWS sends to. Here any may name any target.
const (
	Topic         = "Topic"
	Queue         = "Queue"
	CloudFunction = "CloudFunction"
)

// Config is the notification configuration of a bucket.
type Config struct{ Rules []Rule }

// Rule sends the events of some objects to a target.
type Rule struct {
	ID     string
	Kind   string // Topic, Queue, CloudFunction
	ARN    string // of the target
	Events []string
	Prefix string
	Suffix string
}

// Target is the id of the target that an ARN names: its last part. "" if arn is none.
func Target(arn string) string {
	parts := strings.Split(arn, ":")
	if len(parts) < 6 || parts[0] != "arn" || parts[1] == "" || parts[2] == "" {
		return ""
	}
	return parts[len(parts)-1]
}

// Wants says whether the rule asks for an event (without s3:) of a key.
func (r *Rule) Wants(event, key string) bool {
	if !strings.HasPrefix(key, r.Prefix) || !strings.HasSuffix(key, r.Suffix) {
		return false
	}
	for _, e := range r.Events {
		if covers(strings.TrimPrefix(e, "s3:"), event) {
			return true
		}
	}
	return false
}

// covers says whether pattern, an event or all of a group, has event in it.
func covers(pattern, event string) bool {
	group, all := strings.CutSuffix(pattern, "*")
	if all {
		return strings.HasPrefix(event, group)
	}
	return pattern == event
}

// Overlap says whether both rules ask for one event of one key, which AWS refuses.
func Overlap(a, b *Rule) bool {
	if !strings.HasPrefix(a.Prefix, b.Prefix) && !strings.HasPrefix(b.Prefix, a.Prefix) ||
		!strings.HasSuffix(a.Suffix, b.Suffix) && !strings.HasSuffix(b.Suffix, a.Suffix) {
		return false
	}
	for _, x := range a.Events {
		for _, y := range b.Events {
			if covers(x, strings.TrimSuffix(y, "*")) || covers(y, strings.TrimSuffix(x, "*")) {
				return true
			}
		}
	}
	return false
}

// Known says whether event is one that S3 has, "*" for a group included.
func Known(event string) bool {
	group, name, ok := strings.Cut(event, ":")
	if !ok || group != "s3" {
		return false
	}
	kind, rest, grouped := strings.Cut(name, ":")
	names, ok := events[kind]
	if !ok || grouped != (len(names) > 0) {
		return false
	}
	if !grouped {
		return true
	}
	for _, n := range names {
		if rest == n || rest == "*" {
			return true
		}
	}
	return false
}

// events are S3's, by group; those of things that don't happen here are accepted and
// never come.
var events = map[string][]string{
	"ReducedRedundancyLostObject": nil,
	"ObjectCreated":               {"Put", "Post", "Copy", "CompleteMultipartUpload"},
	"ObjectRemoved":               {"Delete", "DeleteMarkerCreated"},
	"ObjectRestore":               {"Post", "Completed", "Delete"},
	"Replication": {"OperationFailedReplication", "OperationNotTracked", "OperationMissedThreshold",
		"OperationReplicatedAfterThreshold"},
	"LifecycleTransition": nil,
	"IntelligentTiering":  nil,
	"ObjectAcl":           {"Put"},
	"LifecycleExpiration": {"Delete", "DeleteMarkerCreated"},
	"ObjectTagging":       {"Put", "Delete"},
}

// The events that om's state machine makes.
const (
	CreatedPut       = "ObjectCreated:Put"
	CreatedPost      = "ObjectCreated:Post"
	CreatedCopy      = "ObjectCreated:Copy"
	CreatedMultipart = "ObjectCreated:CompleteMultipartUpload"
	RemovedDelete    = "ObjectRemoved:Delete"
	RemovedMarker    = "ObjectRemoved:DeleteMarkerCreated"
	ExpiredDelete    = "LifecycleExpiration:Delete"
	ExpiredMarker    = "LifecycleExpiration:DeleteMarkerCreated"
	TaggingPut       = "ObjectTagging:Put"
	TaggingDelete    = "ObjectTagging:Delete"
	ACLPut           = "ObjectAcl:Put"
)

// Encode makes the content of a bucket's notification document.
func (c *Config) Encode() ([]byte, error) {
	doc := &ompb.Notification{}
	for _, r := range c.Rules {
		doc.Targets = append(doc.Targets, &ompb.NotificationTarget{
			Id: r.ID, Arn: r.ARN, Events: r.Events, Prefix: r.Prefix, Suffix: r.Suffix, Kind: r.Kind,
		})
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("encode notification configuration: %w", err)
	}
	return b, nil
}

// Decode is the inverse of Encode.
func Decode(content []byte) (*Config, error) {
	doc := &ompb.Notification{}
	if err := proto.Unmarshal(content, doc); err != nil {
		return nil, fmt.Errorf("decode notification configuration: %w", err)
	}
	c := &Config{}
	for _, t := range doc.Targets {
		c.Rules = append(c.Rules, Rule{
			ID: t.Id, Kind: t.Kind, ARN: t.Arn, Events: t.Events, Prefix: t.Prefix, Suffix: t.Suffix,
		})
	}
	return c, nil
}
