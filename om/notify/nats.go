package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// natsTarget publishes a message for each record under a subject. A message counts as
// taken when the server has it; whoever must not miss one keeps them in a stream
// (JetStream) over the subject.
type natsTarget struct {
	server  string
	subject string
	conn    *nats.Conn // nil: not connected
}

// newNATS takes nats://host:4222/subject, or tls://; user and password may be in it.
func newNATS(address string) (Target, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, errors.New("NATS needs the URL of a server") // not err, which may show a password
	}
	t := &natsTarget{subject: strings.Trim(u.Path, "/")}
	if t.subject == "" || strings.ContainsAny(t.subject, " *>/") {
		return nil, fmt.Errorf("%q is no subject to publish under", t.subject)
	}
	u.Path = ""
	t.server = u.String()
	return t, nil
}

// Send implements Target.
func (t *natsTarget) Send(ctx context.Context, records []Record) error {
	messages := make([][]byte, len(records))
	for i := range records {
		b, err := json.Marshal(message{records[i : i+1]})
		if err != nil {
			return fmt.Errorf("encode event: %w", err)
		}
		messages[i] = b
	}
	return t.publish(ctx, messages...)
}

// SendRaw implements Target.
func (t *natsTarget) SendRaw(ctx context.Context, message []byte) error {
	return t.publish(ctx, message)
}

// publish returns when the server has all messages. A connection that failed is given
// up; the next call makes another.
func (t *natsTarget) publish(ctx context.Context, messages ...[]byte) error {
	if err := t.connect(ctx); err != nil {
		return fmt.Errorf("nats: %w", err)
	}
	for _, m := range messages {
		if err := t.conn.Publish(t.subject, m); err != nil {
			t.Close()
			return fmt.Errorf("nats: %w", err)
		}
	}
	if err := t.conn.FlushWithContext(ctx); err != nil {
		t.Close()
		return fmt.Errorf("nats: %w", err)
	}
	return nil
}

func (t *natsTarget) connect(ctx context.Context) (err error) {
	if t.conn != nil && t.conn.IsConnected() {
		return nil
	}
	t.Close()
	timeout := nats.DefaultTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(deadline))
	}
	t.conn, err = nats.Connect(t.server, nats.Name("ozone om"), nats.NoReconnect(), nats.Timeout(timeout))
	return err
}

// Close implements Target.
func (t *natsTarget) Close() {
	if t.conn != nil {
		t.conn.Close()
		t.conn = nil
	}
}
