package notify

import (
	"context"
	"fmt"
	"regexp"
	"strings"
)

// Target takes messages. Its methods are not for concurrent use.
type Target interface {
	// Send gives the target records in order. nil means that it has taken all; after an
	// error it may have taken some.
	Send(ctx context.Context, records []Record) error
	// SendRaw gives it another message, which is JSON.
	SendRaw(ctx context.Context, message []byte) error
	// Close frees what the target holds.
	Close()
}

// id is what ids of targets look like: the last part of an ARN.
var id = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Open makes the targets of a configuration: "id=webhook:http://host/path",
// "id=file:/path" or "id=nats://host:4222/subject".
func Open(specs []string) (map[string]Target, error) {
	targets := map[string]Target{}
	for _, spec := range specs {
		name, where, ok := strings.Cut(spec, "=")
		if !ok || !id.MatchString(name) {
			return nil, fmt.Errorf("notification target %q: want id=webhook:URL, id=file:PATH or id=nats://HOST/SUBJECT", name)
		}
		if targets[name] != nil {
			return nil, fmt.Errorf("notification target %q is there twice", name)
		}
		t, err := open(where)
		if err != nil {
			return nil, fmt.Errorf("notification target %q: %w", name, err)
		}
		targets[name] = t
	}
	return targets, nil
}

func open(where string) (Target, error) {
	kind, rest, _ := strings.Cut(where, ":")
	switch kind {
	case "webhook":
		return newWebhook(rest)
	case "file":
		return newFile(rest)
	case "nats", "tls":
		return newNATS(where)
	}
	return nil, fmt.Errorf("%q is neither webhook, file nor nats", kind)
}
