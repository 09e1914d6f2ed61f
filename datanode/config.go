package datanode

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/conf"
	"github.com/mini-ozone/mini-ozone/datanode/container"
	"github.com/mini-ozone/mini-ozone/internal/adminkey"
)

// Config says where a datanode keeps its blocks and how it is reached.
type Config struct {
	// Dirs are the data directories, one for each disk.
	Dirs []string
	// Address is where the data service listens, host:port. Empty: nowhere, the
	// server is called in the same process only. Port 0 picks one.
	Address string
	// HTTPAddress is where the health, metrics and status pages are. Empty: nowhere.
	HTTPAddress string
	// Hostname is under which name others reach this node. Empty: by the IP address
	// of the route to om.
	Hostname string
	// OMAddresses are host:port of the oms, used only to find that route.
	OMAddresses []string
	// Heartbeat is the time between heartbeats when nothing happens.
	Heartbeat time.Duration
	// FullReport is the time between reports of all containers.
	FullReport time.Duration
	// MinFree is how many bytes of each disk are kept free of blocks, at most a
	// tenth of the disk.
	MinFree int64
	// Idle is after what time without a write an uncommitted block is forgotten.
	Idle time.Duration
	// ClosingIdle is the same in a container that om wants closed.
	ClosingIdle time.Duration
	// DiskCheck says how disks are tried, DiskCheckInterval how often.
	DiskCheck         container.Check
	DiskCheckInterval time.Duration
	// FailedTolerated is how many failed disks the datanode bears; with one more it
	// ends. -1: as long as one works.
	FailedTolerated int
	// Quarantine is for how long blocks are kept that om doesn't know.
	Quarantine time.Duration
	// Copies is how many containers are repaired at once; 0 is 10.
	Copies int
	// CopyRate bounds copies for repair and compaction, in bytes per second; 0: no bound.
	CopyRate int64
	// Scrub reads every stored byte in the background and verifies it.
	Scrub bool
	// ScrubInterval is the time in which every byte is verified.
	ScrubInterval time.Duration
	// ScrubRate is how many bytes per second of a disk are verified, or what the interval
	// takes if that is more.
	ScrubRate int64
	// Compact says when a closed container is rewritten without its dead bytes.
	Compact container.Compaction
	// CompactInterval is the time between looks for such containers.
	CompactInterval time.Duration
	// Leader is asked what a container should have; nil: this datanode can't repair.
	Leader Leader
	// Nodes finds the datanodes that blocks are copied from; nil: over the network.
	Nodes client.Nodes
	// AdminKey makes connections secure; nil in open mode.
	AdminKey []byte
	// Now tells whether block tokens have expired; nil is time.Now.
	Now func() time.Time
	// Pprof serves profiles on HTTPAddress.
	Pprof bool
	// ShowConf writes the effective configuration for /conf; nil: no such page.
	ShowConf func(io.Writer) error
}

// DefaultConfig has everything but Dirs.
func DefaultConfig() Config {
	return Config{
		Address: "0.0.0.0:9859", HTTPAddress: "0.0.0.0:9882",
		Heartbeat: 3 * time.Second, FullReport: time.Hour,
		MinFree: 1 << 30, Idle: 10 * time.Minute, ClosingIdle: 30 * time.Second,
		DiskCheck: container.DefaultCheck(), DiskCheckInterval: time.Minute, FailedTolerated: -1,
		Quarantine: 7 * 24 * time.Hour, Copies: 10, CopyRate: 64 << 20,
		Scrub: true, ScrubInterval: 7 * 24 * time.Hour, ScrubRate: 5 << 20,
		Compact: container.Compaction{MinDead: 16 << 20, Ratio: 1.0 / 3}, CompactInterval: time.Minute,
	}
}

// FromConf reads a Config from Ozone's keys.
func FromConf(c *conf.Config) (Config, error) {
	cfg := DefaultConfig()
	cfg.Dirs = c.Strings("hdds.datanode.dir")
	cfg.Address = net.JoinHostPort("0.0.0.0", strconv.Itoa(c.Int("hdds.container.ipc.port")))
	cfg.HTTPAddress = c.String("hdds.datanode.http-address")
	cfg.Hostname = c.String("hdds.datanode.hostname")
	cfg.Heartbeat = c.Duration("hdds.heartbeat.interval")
	cfg.FullReport = c.Duration("hdds.container.report.interval")
	cfg.MinFree = c.Size("hdds.datanode.volume.min.free.space")
	cfg.DiskCheckInterval = time.Duration(c.Int("hdds.datanode.periodic.disk.check.interval.minutes")) * time.Minute
	cfg.DiskCheck = container.Check{
		Timeout: c.Duration("hdds.datanode.disk.check.timeout"), Size: int(c.Size("hdds.datanode.disk.check.io.file.size")),
		Tests: c.Int("hdds.datanode.disk.check.io.test.count"), Tolerated: c.Int("hdds.datanode.disk.check.io.failures.tolerated"),
	}
	cfg.FailedTolerated = c.Int("hdds.datanode.failed.data.volumes.tolerated")
	cfg.Quarantine = c.Duration("mini.datanode.quarantine")
	cfg.Copies = c.Int("hdds.datanode.replication.streams.limit")
	cfg.CopyRate = c.Size("mini.datanode.copy.bytes.per.second")
	cfg.Scrub = c.Bool("hdds.container.scrub.enabled")
	cfg.ScrubInterval = c.Duration("hdds.container.scrub.data.scan.interval")
	cfg.ScrubRate = c.Size("hdds.container.scrub.volume.bytes.per.second")
	cfg.Compact.MinDead = c.Size("mini.datanode.compact.min.dead")
	cfg.Compact.Ratio = c.Float("mini.datanode.compact.dead.ratio")
	cfg.Pprof = c.Bool("hdds.profiler.endpoint.enabled")
	cfg.ShowConf = c.WriteXML
	var err error
	if cfg.OMAddresses, err = c.OMAddresses(); err != nil {
		return Config{}, err
	}
	if cfg.AdminKey, err = adminkey.Load(c); err != nil {
		return Config{}, err
	}
	return cfg, cfg.Validate()
}

func (c Config) copies() int {
	if c.Copies == 0 {
		return DefaultConfig().Copies
	}
	return c.Copies
}

// Validate says what is wrong with the settings.
func (c Config) Validate() error {
	var errs []error
	if len(c.Dirs) == 0 {
		errs = append(errs, errors.New("hdds.datanode.dir names no directory"))
	}
	seen := map[string]bool{}
	for _, d := range c.Dirs {
		if d == "" || seen[d] {
			errs = append(errs, fmt.Errorf("hdds.datanode.dir: %q is empty or there twice", d))
		}
		seen[d] = true
	}
	for name, d := range map[string]time.Duration{
		"hdds.heartbeat.interval": c.Heartbeat, "hdds.container.report.interval": c.FullReport, "idle time of blocks": c.Idle,
		"idle time of blocks in closing containers": c.ClosingIdle, "hdds.datanode.disk.check.timeout": c.DiskCheck.Timeout,
		"hdds.datanode.periodic.disk.check.interval.minutes": c.DiskCheckInterval,
		"mini.datanode.quarantine":                           c.Quarantine,
		"hdds.container.scrub.data.scan.interval":            c.ScrubInterval, "time between compactions": c.CompactInterval,
	} {
		if d <= 0 {
			errs = append(errs, fmt.Errorf("%s: %v is not a positive time", name, d))
		}
	}
	if c.MinFree < 0 {
		errs = append(errs, fmt.Errorf("hdds.datanode.volume.min.free.space: %d is negative", c.MinFree))
	}
	if k := c.DiskCheck; k.Tests < 1 || k.Tolerated < 0 || k.Tolerated >= k.Tests || k.Size < 1 || k.Size > 1<<20 {
		errs = append(errs, errors.New("hdds.datanode.disk.check.io: test.count must be positive, failures.tolerated below it, file.size up to 1 MiB"))
	}
	if c.FailedTolerated < -1 {
		errs = append(errs, fmt.Errorf("hdds.datanode.failed.data.volumes.tolerated: %d is below -1", c.FailedTolerated))
	}
	if c.Copies < 0 || c.CopyRate < 0 || c.ScrubRate < 0 || c.Compact.MinDead < 0 {
		errs = append(errs, errors.New("hdds.datanode.replication.streams.limit, mini.datanode.copy.bytes.per.second, "+
			"hdds.container.scrub.volume.bytes.per.second, mini.datanode.compact.min.dead: none may be negative"))
	}
	if c.Compact.Ratio <= 0 || c.Compact.Ratio > 1 {
		errs = append(errs, fmt.Errorf("mini.datanode.compact.dead.ratio: %v is not in (0, 1]", c.Compact.Ratio))
	}
	return errors.Join(errs...)
}
