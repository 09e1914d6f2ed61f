package s3g

import (
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/notification"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

// Notification configurations are checked and kept here. Which targets there are, om
// knows; it delivers the events too.

// Limits of notification configurations, AWS's.
const (
	maxNotifications = 100
	maxFilterValue   = 1024 // characters
)

// getBucketNotification answers GET ?notification; a bucket without notifications has
// an empty configuration.
func (g *gateway) getBucketNotification(w http.ResponseWriter, r *request) error {
	d, err := g.buckets.GetBucketDocument(r.Context(), r.bucketRef(), client.DocumentNotification, r.expectedOwner())
	if err != nil && !errors.Is(err, ozerr.DocumentNotFound) {
		return err
	}
	c, err := notification.Decode(d.Content)
	if err != nil {
		return err
	}
	return writeXML(w, notificationDocument(c))
}

// putBucketNotification answers PUT ?notification. An empty document turns
// notifications off.
func (g *gateway) putBucketNotification(w http.ResponseWriter, r *request) error {
	doc := new(s3xml.NotificationConfiguration)
	if err := readXML(r, doc); err != nil {
		return err
	}
	c, err := notificationRules(doc)
	if err != nil {
		return err
	}
	var content []byte
	if len(c.Rules) > 0 {
		if content, err = c.Encode(); err != nil {
			return err
		}
	}
	if err := g.setDocument(r, client.DocumentNotification, content); err != nil {
		return err
	}
	w.Header()["Content-Length"] = zeroLength
	w.WriteHeader(http.StatusOK)
	return nil
}

// notificationRules checks a document as AWS does.
func notificationRules(doc *s3xml.NotificationConfiguration) (*notification.Config, error) {
	if doc.EventBridge != nil {
		return nil, s3err.NotImplemented.With("EventBridgeConfiguration is not implemented.")
	}
	c := &notification.Config{}
	for i := range doc.Topics {
		t := &doc.Topics[i]
		c.Rules = append(c.Rules, notification.Rule{ID: t.ID, Kind: notification.Topic, ARN: t.Topic, Events: t.Events})
	}
	for i := range doc.Queues {
		q := &doc.Queues[i]
		c.Rules = append(c.Rules, notification.Rule{ID: q.ID, Kind: notification.Queue, ARN: q.Queue, Events: q.Events})
	}
	for i := range doc.CloudFunctions {
		f := &doc.CloudFunctions[i]
		c.Rules = append(c.Rules, notification.Rule{ID: f.ID, Kind: notification.CloudFunction, ARN: f.Function, Events: f.Events})
	}
	if len(c.Rules) > maxNotifications {
		return nil, s3err.InvalidArgument.With("The number of notification configurations exceeds the limit of 100.")
	}
	for i, f := range notificationFilters(doc) {
		if err := checkNotification(c, i, f); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// notificationFilters are the filters of doc in the order of its rules.
func notificationFilters(doc *s3xml.NotificationConfiguration) []*s3xml.NotificationFilter {
	var out []*s3xml.NotificationFilter
	for _, t := range doc.Topics {
		out = append(out, t.Filter)
	}
	for _, q := range doc.Queues {
		out = append(out, q.Filter)
	}
	for _, f := range doc.CloudFunctions {
		out = append(out, f.Filter)
	}
	return out
}

// checkNotification checks rule i, which has that filter, by itself and against those
// before it.
func checkNotification(c *notification.Config, i int, f *s3xml.NotificationFilter) error {
	r := &c.Rules[i]
	if r.ARN == "" || len(r.Events) == 0 {
		return s3err.MalformedXML
	}
	if notification.Target(r.ARN) == "" {
		return s3err.Argument("arn", r.ARN, "The ARN could not be parsed")
	}
	for _, e := range r.Events {
		if !notification.Known(e) {
			return s3err.Argument("Event", e, "The event '"+e+"' is not supported for notifications")
		}
	}
	if r.ID == "" {
		r.ID = rand.Text()
	}
	if utf8.RuneCountInString(r.ID) > maxRuleID {
		return s3err.InvalidArgument.With("ID length should not exceed allowed limit of 255")
	}
	if err := readKeyFilter(r, f); err != nil {
		return err
	}
	for j := range c.Rules[:i] {
		if c.Rules[j].ID == r.ID {
			return s3err.InvalidArgument.With("Same ID used for multiple configurations. IDs must be unique")
		}
		if notification.Overlap(&c.Rules[j], r) {
			return s3err.InvalidArgument.With("Configurations overlap. Configurations on the same bucket cannot share a common event type.")
		}
	}
	return nil
}

func readKeyFilter(r *notification.Rule, f *s3xml.NotificationFilter) error {
	if f == nil {
		return nil
	}
	var seen []string
	for _, rule := range f.Key.Rules {
		name := strings.ToLower(rule.Name)
		switch {
		case name != "prefix" && name != "suffix":
			return s3err.Argument("FilterRule.Name", rule.Name, "filter rule name must be either prefix or suffix")
		case slices.Contains(seen, name):
			return s3err.Argument("FilterRule.Name", rule.Name, "Cannot specify more than one "+name+" rule in a filter.")
		case utf8.RuneCountInString(rule.Value) > maxFilterValue:
			return s3err.Argument("FilterRule.Value", rule.Value, "Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation")
		case name == "prefix":
			r.Prefix = rule.Value
		default:
			r.Suffix = rule.Value
		}
		seen = append(seen, name)
	}
	return nil
}

// notificationDocument is the inverse of notificationRules.
func notificationDocument(c *notification.Config) *s3xml.NotificationConfiguration {
	doc := &s3xml.NotificationConfiguration{}
	for _, r := range c.Rules {
		rule := s3xml.NotificationRule{Events: r.Events, Filter: keyFilter(&r)}
		switch r.Kind {
		case notification.Topic:
			doc.Topics = append(doc.Topics, s3xml.TopicConfiguration{ID: r.ID, Topic: r.ARN, NotificationRule: rule})
		case notification.Queue:
			doc.Queues = append(doc.Queues, s3xml.QueueConfiguration{ID: r.ID, Queue: r.ARN, NotificationRule: rule})
		default:
			doc.CloudFunctions = append(doc.CloudFunctions, s3xml.CloudConfiguration{ID: r.ID, Function: r.ARN, NotificationRule: rule})
		}
	}
	return doc
}

func keyFilter(r *notification.Rule) *s3xml.NotificationFilter {
	f := &s3xml.NotificationFilter{}
	if r.Prefix != "" {
		f.Key.Rules = append(f.Key.Rules, s3xml.FilterRule{Name: "prefix", Value: r.Prefix})
	}
	if r.Suffix != "" {
		f.Key.Rules = append(f.Key.Rules, s3xml.FilterRule{Name: "suffix", Value: r.Suffix})
	}
	if len(f.Key.Rules) == 0 {
		return nil
	}
	return f
}
