package om

import (
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"time"

	"github.com/mini-ozone/mini-ozone/conf"
	"github.com/mini-ozone/mini-ozone/internal/blocktoken"
	"github.com/mini-ozone/mini-ozone/internal/lifecycle"
	"github.com/mini-ozone/mini-ozone/om/placement"
	"github.com/mini-ozone/mini-ozone/om/raftnode"
)

// Config of an om server. An empty address means no listener.
type Config struct {
	ID          string // "" is "om1"; stable for ever
	Dir         string // metadata; required
	Address     string // rpc, host:port; port 0 picks one
	HTTPAddress string // web page, metrics, health

	// Peers are all oms of the group, this one included; none: this om alone.
	Peers []raftnode.Peer
	// Bootstrap begins a group in an empty directory without asking the peers, for
	// tests; an om alone always does. See beginning.
	Bootstrap  bool
	RaftListen string // bind address for the peers

	Replication int // replicas of a block where a bucket says nothing: 1 or 3
	// MinReplicas a write needs at the least. 0: a majority of the replication.
	MinReplicas int

	BlockSize      uint64  // most bytes in a block
	ContainerSize  uint64  // a container takes no more blocks near this
	CloseThreshold float64 // how near: a part of ContainerSize
	MinFree        uint64  // a node with less room left gets no new blocks

	Placement placement.Config

	LeaseTTL     time.Duration // a client must begin to write a leased block within
	AllocateWait time.Duration // how long an allocation waits for datanodes to show up

	DeleteGrace    time.Duration // freed blocks are kept this long for readers under way
	DeleteInterval time.Duration // how often freed blocks are ordered deleted
	DeleteLimit    int           // most of them in one go
	DutyInterval   time.Duration // pace of the leader's background work
	Redundancy     Redundancy    // how it is watched and restored
	UploadExpiry   time.Duration // open uploads older than this are aborted
	UploadInterval time.Duration // how often they are looked for

	Lifecycle         bool          // carry out the buckets' lifecycle rules
	LifecycleInterval time.Duration // how often
	LifecycleDay      time.Duration // another length of their days, for tests; 0: 24 h
	ResultsKept       time.Duration // answers kept for retries of idle clients

	// Secure: connections are encrypted and want the admin key on both sides, and there
	// are S3 secrets.
	Secure bool
	// AdminKeyFile is made when it is not there; "" is admin.key in Dir.
	AdminKeyFile string
	// SecretKey is what S3 secrets are encrypted with, 64 hex digits; "": what is in
	// SecretKeyFile, which is made when it is not there; "" is secret.key in Dir. All
	// oms of a group need the same.
	SecretKey, SecretKeyFile string

	// Block tokens in secure mode: for how long one is good, how often they are made with
	// a new key, and for how long a key is known.
	TokenExpiry, TokenKeyRotation, TokenKeyExpiry time.Duration

	EventTargets []string      // of bucket notifications, see notify.Open
	EventTimeout time.Duration // for a target to take a message
	EventBacklog int           // events waiting for one target; more, and the oldest are dropped
	Region       string        // in which events say their buckets are

	// MinDisk is how many bytes of the disk that Dir is on are kept free, at most a
	// twentieth of it: with less, nothing is taken that makes the state grow.
	MinDisk int64
	// DiskSpace tells that disk's bytes; nil: statfs(2).
	DiskSpace func() (capacity, free uint64, err error)

	Pprof bool                  // serve /debug/pprof
	Conf  func(io.Writer) error // writes /conf; nil: none

	// Fatal is called when the log cannot be written. It must end the process;
	// nil logs the error and exits with status 1.
	Fatal func(error)

	// Now tells the age of heartbeats; nil is time.Now.
	Now func() time.Time

	Raft raftnode.Config // tuning; identity, directory and peers are set by Open
}

// DefaultConfig has Ozone's values where Ozone has them; Dir must be set.
func DefaultConfig() Config {
	return Config{
		ID:                "om1",
		Address:           "0.0.0.0:9862",
		HTTPAddress:       "0.0.0.0:9874",
		RaftListen:        "0.0.0.0:9872",
		Replication:       3,
		BlockSize:         256 << 20,
		ContainerSize:     5 << 30,
		CloseThreshold:    0.9,
		MinFree:           64 << 20,
		Placement:         placement.DefaultConfig(),
		LeaseTTL:          10 * time.Minute,
		AllocateWait:      5 * time.Second,
		DeleteGrace:       5 * time.Minute,
		DeleteInterval:    time.Minute,
		DeleteLimit:       50_000,
		DutyInterval:      time.Second,
		Redundancy:        DefaultRedundancy(),
		UploadExpiry:      30 * 24 * time.Hour,
		UploadInterval:    24 * time.Hour,
		ResultsKept:       24 * time.Hour,
		TokenExpiry:       time.Hour,
		TokenKeyRotation:  24 * time.Hour,
		TokenKeyExpiry:    9 * 24 * time.Hour,
		MinDisk:           1 << 30,
		EventTimeout:      10 * time.Second,
		EventBacklog:      1_000_000,
		Region:            "us-east-1",
		Lifecycle:         true,
		LifecycleInterval: 24 * time.Hour,
		Raft:              raftnode.DefaultConfig(),
	}
}

// minTokenExpiry: a writer uses a token for half of its time, begins a new block after
// three quarters, and clocks may differ by blocktoken.Skew.
const minTokenExpiry = 5 * blocktoken.Skew

// Validate checks ranges and relations.
func (c *Config) Validate() error {
	switch {
	case c.Dir == "":
		return errors.New("om: a metadata directory must be set (ozone.om.db.dirs or ozone.metadata.dirs)")
	case c.Replication != 1 && c.Replication != 3:
		return fmt.Errorf("om: ozone.replication is %d, it must be 1 or 3", c.Replication)
	case c.MinReplicas < 0 || c.MinReplicas > 3:
		return fmt.Errorf("om: ozone.replication.min is %d, it must be between 0 and 3", c.MinReplicas)
	case c.BlockSize == 0 || c.ContainerSize < c.BlockSize:
		return fmt.Errorf("om: ozone.scm.container.size %d must not be below ozone.scm.block.size %d", c.ContainerSize, c.BlockSize)
	case c.CloseThreshold <= 0 || c.CloseThreshold > 1:
		return fmt.Errorf("om: hdds.container.close.threshold %g must be in (0, 1]", c.CloseThreshold)
	case c.EventTimeout <= 0 || c.EventBacklog <= 0:
		return errors.New("om: mini.om.notification.timeout and mini.om.notification.backlog must be positive")
	case c.Raft.SegmentBytes < 64<<10 || c.Raft.MemTableSize < 1<<20 || c.Raft.MarkerPeriod <= 0 || int64(c.Raft.MarkerEntries) <= 0:
		return errors.New("om: ozone.om.ratis.segment.size must be 64KB at least, mini.om.table.memtable.size 1MB, " +
			"ozone.om.ratis.snapshot.auto.trigger.threshold and mini.om.marker.period positive")
	case c.TokenExpiry < minTokenExpiry:
		return fmt.Errorf("om: hdds.block.token.expiry.time is %v, it must be %v at least", c.TokenExpiry, minTokenExpiry)
	case c.TokenKeyRotation <= 0 || c.TokenKeyExpiry < c.TokenKeyRotation+c.TokenExpiry || c.TokenKeyExpiry > 60*c.TokenKeyRotation:
		return errors.New("om: hdds.secret.key.expiry.duration must not be below the sum of hdds.secret.key.rotate.duration and " +
			"hdds.block.token.expiry.time, nor above 60 times the first of them")
	case c.MinDisk < 0:
		return errors.New("om: mini.om.min.free.space must not be negative")
	case c.LifecycleInterval <= 0 || c.LifecycleDay < 0:
		return errors.New("om: ozone.lifecycle.service.interval must be positive")
	case c.LeaseTTL <= 0 || c.DutyInterval <= 0 || c.UploadInterval <= 0 || c.UploadExpiry <= 0 || c.DeleteInterval <= 0 || c.DeleteLimit <= 0 || c.DeleteGrace < 0:
		return errors.New("om: intervals must be positive")
	}
	return errors.Join(c.Placement.Validate(), c.Redundancy.validate())
}

// FromConf reads the keys of om.
func FromConf(k *conf.Config) (Config, error) {
	c := DefaultConfig()
	c.ID = k.String("ozone.om.node.id")
	c.Dir = k.String("ozone.om.db.dirs")
	if base := k.String("ozone.metadata.dirs"); c.Dir == "" && base != "" {
		c.Dir = filepath.Join(base, "om")
	}
	if err := c.addressesFrom(k); err != nil {
		return c, fmt.Errorf("om: %w", err)
	}
	c.Replication = k.Int("ozone.server.default.replication")
	c.MinReplicas = k.Int("ozone.replication.min")
	c.BlockSize = uint64(k.Size("ozone.scm.block.size"))
	c.ContainerSize = uint64(k.Size("ozone.scm.container.size"))
	c.CloseThreshold = k.Float("hdds.container.close.threshold")
	c.Placement.StaleAfter = k.Duration("ozone.scm.stale.node.interval")
	c.Placement.DeadAfter = k.Duration("ozone.scm.dead.node.interval")
	c.DeleteGrace = k.Duration("ozone.om.block.deleting.grace")
	c.DeleteInterval = k.Duration("ozone.block.deleting.service.interval")
	c.DeleteLimit = k.Int("ozone.key.deleting.limit.per.task")
	c.UploadExpiry = k.Duration("ozone.om.open.mpu.expire.threshold")
	c.UploadInterval = k.Duration("ozone.om.open.mpu.cleanup.service.interval")
	c.Redundancy.fromConf(k)
	c.Secure = k.Bool("ozone.security.enabled")
	c.AdminKeyFile = k.String("ozone.admin.key.file")
	c.SecretKey = k.String("ozone.om.s3.secret.key")
	c.SecretKeyFile = k.String("ozone.om.s3.secret.key.file")
	c.TokenExpiry = k.Duration("hdds.block.token.expiry.time")
	c.TokenKeyRotation = k.Duration("hdds.secret.key.rotate.duration")
	c.TokenKeyExpiry = k.Duration("hdds.secret.key.expiry.duration")
	c.Lifecycle = k.Bool("ozone.lifecycle.service.enabled")
	c.LifecycleInterval = k.Duration("ozone.lifecycle.service.interval")
	c.LifecycleDay = k.Duration("ozone.lifecycle.debug.day")
	c.EventTargets = k.Strings("mini.om.notification.targets")
	c.EventTimeout = k.Duration("mini.om.notification.timeout")
	c.EventBacklog = k.Int("mini.om.notification.backlog")
	c.Region = k.String("mini.s3g.region")
	c.Raft.TrailingLogs = uint64(max(k.Int("ozone.om.ratis.log.purge.gap"), 0))
	c.MinDisk = k.Size("mini.om.min.free.space")
	c.Pprof = k.Bool("hdds.profiler.endpoint.enabled")
	c.Raft.SegmentBytes = int(k.Size("ozone.om.ratis.segment.size"))
	c.Raft.MarkerEntries = uint64(k.Int("ozone.om.ratis.snapshot.auto.trigger.threshold"))
	c.Raft.MarkerPeriod = k.Duration("mini.om.marker.period")
	c.Raft.MemTableSize = k.Size("mini.om.table.memtable.size")
	c.Conf = k.WriteXML
	return c, c.Validate()
}

// addressesFrom reads who the oms are and where this one listens.
func (c *Config) addressesFrom(k *conf.Config) error {
	own, all, err := k.OwnOM()
	if err != nil {
		return err
	}
	httpKey, err := k.OMHTTPKey()
	if err != nil {
		return err
	}
	c.HTTPAddress = k.String(httpKey)
	if own.Raft == "" { // no service: alone
		c.Address = k.String("ozone.om.address")
		return nil
	}
	for _, o := range all {
		c.Peers = append(c.Peers, raftnode.Peer{ID: o.ID, RaftAddress: o.Raft, RPCAddress: o.Address})
	}
	c.Address, c.RaftListen = bindAddress(own.Address), bindAddress(own.Raft)
	return nil
}

// bindAddress is where to listen for what others dial: at the very address if it is one;
// everywhere if it is a name, which on this machine may not be known, or not yet.
func bindAddress(dialled string) string {
	host, port, err := net.SplitHostPort(dialled)
	if err != nil || net.ParseIP(host) != nil {
		return dialled
	}
	return net.JoinHostPort("0.0.0.0", port)
}

// minReplicas of a write at a replication factor.
func (c *Config) minReplicas(factor int) int {
	if c.MinReplicas > 0 {
		return min(c.MinReplicas, factor)
	}
	return factor/2 + 1
}

// calendar says how long the days of lifecycle rules are.
func (c *Config) calendar() lifecycle.Calendar { return lifecycle.Calendar{Day: c.LifecycleDay} }

// lifecycleInterval follows a day that was made short.
func (c *Config) lifecycleInterval() time.Duration {
	if c.LifecycleDay > 0 {
		return min(c.LifecycleInterval, max(c.LifecycleDay/4, time.Millisecond))
	}
	return c.LifecycleInterval
}
