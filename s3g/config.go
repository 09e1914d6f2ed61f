package s3g

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mini-ozone/mini-ozone/conf"
	"github.com/mini-ozone/mini-ozone/s3g/access"
	"github.com/mini-ozone/mini-ozone/s3g/sse"
)

// Config of a gateway. DefaultConfig has the defaults.
type Config struct {
	HTTPAddress  string // S3; "" is no listener, port 0 picks one
	AdminAddress string // health, metrics, configuration; the same

	// HTTPSAddress is S3 over TLS, served where there is a certificate: CertFile and
	// KeyFile, PEM, read again when they change.
	HTTPSAddress      string
	CertFile, KeyFile string

	// Secure: requests must be signed by a user. Otherwise any access key is taken, none
	// as well, and nothing is kept from anybody: open mode.
	Secure bool
	// SigV2: requests signed with version 2 are taken.
	SigV2 bool
	// Domains under which a bucket is the first part of the host name. A host
	// under none of them is addressed in path style.
	Domains []string
	// Region is where buckets say they are when their creator said nothing.
	Region string
	// ObjectOwnership is what new buckets have whose creator asks for nothing:
	// BucketOwnerEnforced, BucketOwnerPreferred or ObjectWriter.
	ObjectOwnership string
	// RecreateConflict makes creating one's own bucket again 409
	// BucketAlreadyOwnedByYou, as Ozone does now, instead of AWS us-east-1's 200.
	RecreateConflict bool
	// DeleteUploads lets a bucket be deleted that holds nothing but open uploads, which are
	// aborted, as AWS does; otherwise that is 409 BucketNotEmpty, as in Ozone.
	DeleteUploads bool
	// AccessLog logs every request at info level; off, only at debug level.
	// Failures of ours are always logged.
	AccessLog bool

	// ClusterKeys wrap the data keys of SSE-S3; nil: SSE-S3 is 501.
	ClusterKeys *sse.Keyring
	// KMS wraps those of SSE-KMS; nil: aws:kms is 501.
	KMS sse.KMS
	// CustomerKeysOverHTTP takes the keys of SSE-C on connections without TLS, which
	// AWS refuses.
	CustomerKeysOverHTTP bool

	MaxInFlight  int           // requests in work at once; more wait for QueueTimeout, then get 503 SlowDown
	QueueTimeout time.Duration // how long
	StreamMemory int64         // bytes of memory for bodies over 64 KiB in work, 4 MiB each; the same queue
	StallTimeout time.Duration // a client that moves no byte for so long, or less than 1 KiB/s, is shed

	ReadHeaderTimeout time.Duration // for the head of a request
	IdleTimeout       time.Duration // of a kept-alive connection; longer than goofys' 90 s
	MaxHeaderBytes    int           // of the head of a request
	MaxConnections    int           // more close the longest idle one, or are told to slow down
	StopTimeout       time.Duration // for requests in work when the gateway stops

	Conf  func(io.Writer) error // writes the effective configuration, for /conf; may be nil
	Pprof bool                  // serve profiles on the admin address
	// PagesToken opens the admin address in secure mode; "": nobody sees more than health.
	PagesToken string
}

// DefaultConfig is the configuration of a gateway nobody has configured.
func DefaultConfig() Config {
	return Config{
		HTTPAddress:       "0.0.0.0:9878",
		AdminAddress:      "0.0.0.0:19878",
		HTTPSAddress:      "0.0.0.0:9879",
		SigV2:             true,
		Region:            "us-east-1",
		DeleteUploads:     true,
		ObjectOwnership:   access.ObjectWriter,
		MaxInFlight:       1024,
		QueueTimeout:      3 * time.Second,
		StreamMemory:      1 << 30,
		MaxConnections:    20_000,
		StallTimeout:      time.Minute,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		StopTimeout:       10 * time.Second,

		CustomerKeysOverHTTP: true,
	}
}

// Validate says what is wrong with the settings.
func (c Config) Validate() error {
	switch {
	case c.MaxInFlight < 1:
		return fmt.Errorf("s3g: MaxInFlight %d is below 1", c.MaxInFlight)
	case c.MaxConnections < 1:
		return fmt.Errorf("s3g: MaxConnections %d is below 1", c.MaxConnections)
	case c.StreamMemory < streamBytes():
		return fmt.Errorf("s3g: StreamMemory %d is below %d, the memory of one", c.StreamMemory, streamBytes())
	case c.MaxHeaderBytes < 8<<10:
		return fmt.Errorf("s3g: MaxHeaderBytes %d is below 8 KiB, which S3 allows", c.MaxHeaderBytes)
	case (c.CertFile == "") != (c.KeyFile == ""):
		return errors.New("s3g: TLS needs both a certificate and its key: mini.s3g.tls.cert.file and mini.s3g.tls.key.file")
	case c.StallTimeout <= 0 || c.ReadHeaderTimeout <= 0 || c.IdleTimeout <= 0 || c.QueueTimeout < 0 || c.StopTimeout < 0:
		return errors.New("s3g: a timeout is not positive")
	case !plausibleRegion(c.Region) || c.Region == "":
		return fmt.Errorf("s3g: region %q is not one", c.Region)
	}
	if !ownership(c.ObjectOwnership) {
		return fmt.Errorf("s3g: object ownership %q is none of BucketOwnerEnforced, BucketOwnerPreferred, ObjectWriter", c.ObjectOwnership)
	}
	for _, d := range c.Domains {
		if d == "" || d != strings.ToLower(d) || strings.Trim(d, ".") != d || strings.ContainsAny(d, ":/ ") {
			return fmt.Errorf("s3g: domain %q is not a host name in lower case", d)
		}
	}
	return nil
}

// FromConf reads the gateway's keys.
func FromConf(c *conf.Config) (Config, error) {
	cfg := DefaultConfig()
	cfg.HTTPAddress = c.String("ozone.s3g.http-address")
	cfg.AdminAddress = c.String("ozone.s3g.webadmin.http-address")
	cfg.HTTPSAddress = c.String("ozone.s3g.https-address")
	cfg.CertFile, cfg.KeyFile = c.String("mini.s3g.tls.cert.file"), c.String("mini.s3g.tls.key.file")
	for _, d := range c.Strings("ozone.s3g.domain.name") {
		cfg.Domains = append(cfg.Domains, strings.ToLower(strings.Trim(d, ".")))
	}
	cfg.Secure = c.Bool("ozone.security.enabled")
	cfg.SigV2 = c.Bool("mini.s3g.sigv2.enabled")
	cfg.Region = c.String("mini.s3g.region")
	cfg.ObjectOwnership = c.String("mini.s3g.object.ownership.default")
	cfg.RecreateConflict = c.Bool("ozone.s3g.bucket.recreate.conflict")
	cfg.DeleteUploads = c.Bool("mini.s3g.bucket.delete.uploads")
	cfg.AccessLog = c.Bool("mini.s3g.access.log")
	cfg.MaxInFlight = c.Int("mini.s3g.requests.max")
	cfg.StreamMemory = c.Size("mini.s3g.streams.memory.max")
	cfg.MaxConnections = c.Int("mini.s3g.connections.max")
	cfg.StallTimeout = c.Duration("mini.s3g.stall.timeout")
	cfg.Conf = c.WriteXML
	cfg.Pprof = c.Bool("hdds.profiler.endpoint.enabled")
	if err := cfg.encryption(c); err != nil {
		return cfg, err
	}
	return cfg, cfg.Validate()
}

// encryption reads the keys of server-side encryption.
func (cfg *Config) encryption(c *conf.Config) (err error) {
	cfg.CustomerKeysOverHTTP = c.Bool("mini.s3g.sse.c.over.http")
	keys, file := c.String("ozone.s3g.sse.keys"), c.String("ozone.s3g.sse.key.file")
	switch {
	case keys != "":
		lines := strings.NewReplacer(",", "\n", " ", "\n").Replace(keys)
		cfg.ClusterKeys, err = sse.ParseKeyring([]byte(lines))
	case file != "":
		cfg.ClusterKeys, err = sse.ReadKeyring(file)
	}
	if err != nil {
		return fmt.Errorf("s3g: %w", err)
	}
	address := c.String("mini.s3g.kms.vault.address")
	if address == "" {
		return nil
	}
	cfg.KMS, err = sse.NewVault(sse.VaultConfig{
		Address: address, Mount: c.String("mini.s3g.kms.vault.mount"), Prefix: c.String("mini.s3g.kms.vault.key.prefix"),
		Key: c.String("mini.s3g.kms.vault.key"), TokenFile: c.String("mini.s3g.kms.vault.token.file"),
	})
	return err
}
