package notification

import (
	"reflect"
	"testing"
)

func TestKnown(t *testing.T) {
	for event, want := range map[string]bool{
		"s3:ObjectCreated:*": true, "s3:ObjectCreated:Put": true, "s3:ObjectRemoved:DeleteMarkerCreated": true,
		"s3:ReducedRedundancyLostObject": true, "s3:LifecycleTransition": true, "s3:ObjectAcl:Put": true, "s3:LifecycleExpiration:*": true,
		"": false, "s3:": false, "s3:*": false, "ObjectCreated:Put": false, "s3:ObjectCreated": false, "s3:ObjectCreated:": false,
		"s3:ObjectCreated:put": false, "s3:ObjectCreated:P*": false, "s3:LifecycleTransition:*": false, "s3:Nothing:*": false,
	} {
		if got := Known(event); got != want {
			t.Errorf("%q: %v", event, got)
		}
	}
}

func TestTarget(t *testing.T) {
	for arn, want := range map[string]string{
		"arn:ozone:s3:::hook": "hook", "arn:aws:sqs:us-east-1:1234:queue": "queue", "arn:aws:lambda:eu-west-1:1:function:f": "f",
		"": "", "hook": "", "arn:aws:sqs": "", "arn::s3:::x": "", "arn:aws:sqs:::": "",
	} {
		if got := Target(arn); got != want {
			t.Errorf("%q: %q", arn, got)
		}
	}
}

func TestWants(t *testing.T) {
	r := Rule{Events: []string{"s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"}, Prefix: "in/", Suffix: ".jpg"}
	for _, c := range []struct {
		event, key string
		want       bool
	}{
		{CreatedPut, "in/a.jpg", true}, {CreatedMultipart, "in/a.jpg", true}, {RemovedDelete, "in/a.jpg", true},
		{RemovedMarker, "in/a.jpg", false}, {CreatedPut, "out/a.jpg", false}, {CreatedPut, "in/a.png", false}, {TaggingPut, "in/a.jpg", false},
	} {
		if got := r.Wants(c.event, c.key); got != c.want {
			t.Errorf("%s of %s: %v", c.event, c.key, got)
		}
	}
}

func TestOverlap(t *testing.T) {
	rule := func(prefix, suffix string, events ...string) Rule {
		return Rule{Prefix: prefix, Suffix: suffix, Events: events}
	}
	for _, c := range []struct {
		name string
		a, b Rule
		want bool
	}{
		{"same", rule("", "", "s3:ObjectCreated:*"), rule("", "", "s3:ObjectCreated:*"), true},
		{"one of a group", rule("", "", "s3:ObjectCreated:Put"), rule("a", "", "s3:ObjectCreated:*"), true},
		{"other events", rule("", "", "s3:ObjectCreated:Put"), rule("", "", "s3:ObjectCreated:Copy"), false},
		{"a name that begins alike", rule("", "", "s3:ObjectRemoved:Delete"), rule("", "", "s3:ObjectRemoved:DeleteMarkerCreated"), false},
		{"other prefixes", rule("a/", "", "s3:ObjectCreated:*"), rule("b/", "", "s3:ObjectCreated:*"), false},
		{"nested prefixes", rule("a/", "", "s3:ObjectCreated:*"), rule("a/b/", "", "s3:ObjectCreated:*"), true},
		{"other suffixes", rule("", ".jpg", "s3:ObjectCreated:*"), rule("", ".png", "s3:ObjectCreated:*"), false},
		{"prefix and suffix", rule("a", "", "s3:ObjectCreated:*"), rule("", ".png", "s3:ObjectCreated:*"), true},
	} {
		if got := Overlap(&c.a, &c.b); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
		if got := Overlap(&c.b, &c.a); got != c.want {
			t.Errorf("%s, the other way: %v", c.name, got)
		}
	}
}

func TestDocument(t *testing.T) {
	c := &Config{Rules: []Rule{
		{ID: "a", Kind: Queue, ARN: "arn:ozone:s3:::q", Events: []string{"s3:ObjectCreated:*"}, Prefix: "p", Suffix: "s"},
		{ID: "b", Kind: Topic, ARN: "arn:ozone:s3:::t", Events: []string{"s3:ObjectRemoved:*", "s3:ObjectAcl:Put"}},
	}}
	b, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Decode(b); err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("%+v %v, want %+v", got, err, c)
	}
}
