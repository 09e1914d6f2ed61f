package s3g

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// certificate is the one of the https address. Its files are looked at by the
// handshakes, at most once a second, and read again when they have changed: so a new
// certificate needs no restart. One that can't be read leaves the last in use.
type certificate struct {
	certFile, keyFile string
	log               zerolog.Logger
	now               func() time.Time

	mu      sync.Mutex
	looked  time.Time
	seen    [2]stamp
	current *tls.Certificate
}

// stamp tells a file from its next version.
type stamp struct {
	modified time.Time
	size     int64
}

// lookEvery is how often the files are looked at, at most.
const lookEvery = time.Second

// newCertificate reads the files, which must be right at the start.
func newCertificate(certFile, keyFile string, log zerolog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log, now: time.Now}
	c.seen = c.stamps()
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("s3g: certificate: %w", err)
	}
	c.current, c.looked = &pair, c.now()
	return c, nil
}

// config is that of the listener: TLS 1.2 and later, HTTP/2 and HTTP/1.1.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.get(), nil },
	}
}

// get is the certificate of now.
func (c *certificate) get() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if now.Sub(c.looked) < lookEvery {
		return c.current
	}
	c.looked = now
	seen := c.stamps()
	if seen == c.seen {
		return c.current
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil { // perhaps one of the two is still to come: c.seen stays, and the next look tries again
		c.log.Error().Err(err).Str("file", c.certFile).Msg("the new certificate can't be read, the last one stays")
		return c.current
	}
	c.current, c.seen = &pair, seen
	c.log.Info().Str("file", c.certFile).Msg("the certificate was read again")
	return c.current
}

func (c *certificate) stamps() (out [2]stamp) {
	for i, name := range [...]string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil {
			out[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return out
}
