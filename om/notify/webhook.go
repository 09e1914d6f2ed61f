package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// webhook posts messages to a URL. A user and password in it are sent as basic
// authorization. Any answer but 2xx is a failure, a redirection too.
type webhook struct {
	url    string
	client *http.Client
}

func newWebhook(address string) (Target, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("a webhook needs the URL of a web server") // not err, which may show a password
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	return &webhook{url: address, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Send implements Target: all records in one message.
func (w *webhook) Send(ctx context.Context, records []Record) error {
	b, err := json.Marshal(message{records})
	if err != nil {
		return fmt.Errorf("encode events: %w", err)
	}
	return w.SendRaw(ctx, b)
}

// SendRaw implements Target.
func (w *webhook) SendRaw(ctx context.Context, message []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(message))
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Ozone")
	resp, err := w.client.Do(req)
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("webhook: the server answers %s", resp.Status)
	}
	return nil
}

// Close implements Target.
func (w *webhook) Close() { w.client.CloseIdleConnections() }
