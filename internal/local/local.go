// Package local is a whole cluster in one process: an om, some datanodes and a
// gateway, the very servers that the other programs run, joined by Go calls instead
// of the network. `ozone local run` and ozonetest are this package.
//
// The gateway's client calls om and the datanodes directly, and the datanodes call
// om. om still listens for the command line, and the datanodes on ports of their
// own choice, because `ozone sh key put` writes to them. Everything listens on the
// loopback interface only, unless Options.Host says otherwise: the store is open.
//
// # Data directory
//
//	DIR/in_use.lock    one process per directory (flock)
//	DIR/om/            om's log and database, as ozone.om.db.dirs
//	DIR/admin.key      the admin key, in secure mode
//	DIR/sse.key        the cluster key of SSE-S3, unless one is configured
//	DIR/datanode-1/    a datanode's containers, as hdds.datanode.dir
//	DIR/datanode-2/    and so on
//
// The directories hold what the separate programs write, so data can move between
// the two. A cluster may be started with more datanodes than before; with fewer,
// the ones that are there are started all the same, since they hold data.
package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/conf"
	"github.com/mini-ozone/mini-ozone/datanode"
	"github.com/mini-ozone/mini-ozone/internal/adminkey"
	"github.com/mini-ozone/mini-ozone/internal/dirlock"
	"github.com/mini-ozone/mini-ozone/om"
	"github.com/mini-ozone/mini-ozone/s3g"
	"github.com/mini-ozone/mini-ozone/s3g/sse"
)

// maxDatanodes is a limit against a slip of the finger.
const maxDatanodes = 20

// Options describe a cluster.
type Options struct {
	// DataDir keeps everything; it is created. Required unless Ephemeral.
	DataDir string
	// Ephemeral keeps the data in a new directory, in DataDir or else in the
	// system's temporary one, and removes that when the cluster is closed.
	Ephemeral bool
	// Datanodes to run, 1 to 20; 0 is 1.
	Datanodes int
	// Replication of new buckets, 1 or 3; 0 is 3 if there are as many datanodes.
	Replication int
	// S3Port and OMPort are where S3 and om's rpc are served; 0 picks one.
	S3Port, OMPort int
	// Host is the interface to listen on; "" is 127.0.0.1.
	Host string
	// Conf has further settings; what the fields above say wins. nil: defaults.
	Conf *conf.Config
	// Log is where the servers log to; the zero value drops it.
	Log zerolog.Logger
}

// complete fills in defaults and checks the rest.
func (o Options) complete() (Options, error) {
	if o.Datanodes == 0 {
		o.Datanodes = 1
	}
	if o.Datanodes < 1 || o.Datanodes > maxDatanodes {
		return o, fmt.Errorf("%d datanodes: want 1 to %d", o.Datanodes, maxDatanodes)
	}
	if o.DataDir == "" && !o.Ephemeral {
		return o, errors.New("a data directory must be given, or ephemeral")
	}
	if o.Replication == 0 {
		o.Replication = 1
		if o.Datanodes >= 3 {
			o.Replication = 3
		}
	}
	if o.Replication != 1 && o.Replication != 3 || o.Replication > o.Datanodes {
		return o, fmt.Errorf("replication %d over %d datanodes: want 1, or 3 with three datanodes or more", o.Replication, o.Datanodes)
	}
	if o.Host == "" {
		o.Host = "127.0.0.1"
	}
	if o.Conf == nil {
		o.Conf = conf.Default()
	}
	return o, nil
}

// Cluster is a running cluster.
type Cluster struct {
	opts      Options
	lock      *dirlock.Lock
	om        *om.Server
	nodes     *nodes
	datanodes []*datanode.Server
	client    *client.Client
	s3g       *s3g.Server

	failed  chan error
	omRuns  atomic.Bool
	ending  chan struct{}  // closed before om is
	watches sync.WaitGroup // goroutines that wait for a server's failure

	closing sync.Once
	closed  error
}

// Start opens the cluster and returns when an object can be written. The error
// wraps dirlock.ErrInUse when another process has the data directory. ctx bounds
// the start only.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	c := &Cluster{opts: o, nodes: newNodes(), failed: make(chan error, 1), ending: make(chan struct{})}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) (err error) {
	if c.opts.Ephemeral {
		if err := c.makeTemporary(); err != nil {
			return err
		}
	}
	if c.lock, err = dirlock.Acquire(c.opts.DataDir); err != nil {
		return err
	}
	if err := c.startOM(); err != nil {
		return err
	}
	n, err := c.countDatanodes()
	if err != nil {
		return err
	}
	for i := range n {
		if err := c.startDatanode(i + 1); err != nil {
			return err
		}
	}
	c.client = client.New(c.om, c.nodes, client.DefaultConfig())
	if err := c.waitDatanodes(ctx, n); err != nil {
		return err
	}
	return c.startGateway()
}

func (c *Cluster) makeTemporary() error {
	parent := c.opts.DataDir
	if parent != "" {
		if err := os.MkdirAll(parent, 0o750); err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp(parent, "mini-ozone-")
	c.opts.DataDir = dir
	return err
}

func (c *Cluster) startOM() error {
	settings, err := c.settings(map[string]string{
		"ozone.om.db.dirs":                 filepath.Join(c.opts.DataDir, "om"),
		"ozone.om.service.ids":             "", // one om, whatever a file for real machines says
		"ozone.om.internal.service.id":     "",
		"ozone.om.address":                 net.JoinHostPort(c.opts.Host, strconv.Itoa(c.opts.OMPort)),
		"ozone.server.default.replication": strconv.Itoa(c.opts.Replication),
	}, map[string]string{
		"ozone.om.http-address": net.JoinHostPort(c.opts.Host, "0"),
	})
	if err != nil {
		return err
	}
	cfg, err := om.FromConf(settings)
	if err != nil {
		return err
	}
	cfg.Fatal = c.omFailed
	c.om, err = om.Open(cfg, c.log("om"))
	c.omRuns.Store(err == nil)
	return err
}

// startDatanode starts datanode number i, counted from 1.
func (c *Cluster) startDatanode(i int) error {
	settings, err := c.settings(map[string]string{
		"hdds.datanode.dir":          c.datanodeDir(i),
		"hdds.datanode.hostname":     c.opts.Host,
		"hdds.datanode.http-address": "",
	}, map[string]string{
		"hdds.heartbeat.interval": "1s", // a call costs nothing here
	})
	if err != nil {
		return err
	}
	cfg, err := datanode.FromConf(settings)
	if err != nil {
		return err
	}
	cfg.Address = net.JoinHostPort(c.opts.Host, "0")
	cfg.Leader, cfg.Nodes = c.om, c.nodes
	name := fmt.Sprintf("datanode-%d", i)
	d, err := datanode.Open(cfg, []datanode.OM{c.om}, c.log(name))
	if err != nil {
		return err
	}
	c.watch(name, d.Failed())
	c.nodes.put(d.ID(), d)
	c.datanodes = append(c.datanodes, d)
	return nil
}

func (c *Cluster) startGateway() error {
	keyFile, err := c.encryptionKeys()
	if err != nil {
		return err
	}
	settings, err := c.settings(map[string]string{
		"ozone.s3g.http-address": net.JoinHostPort(c.opts.Host, strconv.Itoa(c.opts.S3Port)),
	}, map[string]string{
		"ozone.s3g.webadmin.http-address": net.JoinHostPort(c.opts.Host, "0"),
		"ozone.s3g.https-address":         net.JoinHostPort(c.opts.Host, "9879"),
		"ozone.s3g.sse.key.file":          keyFile,
	})
	if err != nil {
		return err
	}
	cfg, err := s3g.FromConf(settings)
	if err != nil {
		return err
	}
	admin, err := adminkey.Load(settings)
	if err != nil {
		return err
	}
	cfg.PagesToken = adminkey.PagesToken(admin)
	c.s3g, err = s3g.Open(cfg, c.client, c.log("s3g"))
	return err
}

// encryptionKeys is the file of the cluster keys, made at the first start. Who backs
// the directory up has key and data in one place: production keeps them apart.
func (c *Cluster) encryptionKeys() (string, error) {
	if c.opts.Conf.String("ozone.s3g.sse.keys") != "" {
		return "", nil
	}
	if path := c.opts.Conf.String("ozone.s3g.sse.key.file"); path != "" {
		return path, nil
	}
	path := filepath.Join(c.opts.DataDir, "sse.key")
	return path, sse.CreateKeyFile(path)
}

// settings are the user's with ours in must, and those in may that the user did
// not set.
func (c *Cluster) settings(must, may map[string]string) (*conf.Config, error) {
	s := c.opts.Conf.Clone()
	if key := c.AdminKeyFile(); key != "" {
		if err := s.Set("ozone.admin.key.file", key, "local"); err != nil {
			return nil, err
		}
	}
	for key, value := range must {
		if err := s.Set(key, value, "local"); err != nil {
			return nil, err
		}
	}
	for key, value := range may {
		if s.IsSet(key) {
			continue
		}
		if err := s.Set(key, value, "local"); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (c *Cluster) log(server string) zerolog.Logger {
	return c.opts.Log.With().Str("server", server).Logger()
}

func (c *Cluster) datanodeDir(i int) string {
	return filepath.Join(c.opts.DataDir, fmt.Sprintf("datanode-%d", i))
}

// countDatanodes is how many to start: those asked for, and those that exist.
func (c *Cluster) countDatanodes() (int, error) {
	n := 0
	for ; n < maxDatanodes; n++ {
		if _, err := os.Stat(c.datanodeDir(n + 1)); errors.Is(err, os.ErrNotExist) {
			break
		} else if err != nil {
			return 0, err
		}
	}
	if n > c.opts.Datanodes {
		c.opts.Log.Info().Int("asked", c.opts.Datanodes).Int("existing", n).
			Msg("all existing datanodes are started: they hold data")
	}
	return max(n, c.opts.Datanodes), nil
}

// waitDatanodes waits until om takes n datanodes for healthy.
func (c *Cluster) waitDatanodes(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond) // om tells no one when a datanode registers
	defer tick.Stop()
	for {
		list, err := c.client.ListNodes(ctx)
		healthy := 0
		for _, node := range list {
			if node.Health == "HEALTHY" {
				healthy++
			}
		}
		if healthy >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%d of %d datanodes are healthy", healthy, n), err)
		case <-tick.C:
		}
	}
}

// Endpoint is the URL of S3.
func (c *Cluster) Endpoint() string { return "http://" + c.s3g.HTTPAddr() }

// OMAddress is where om serves the command line: host:port.
func (c *Cluster) OMAddress() string { return c.om.RPCAddr() }

// OMPages is the URL of om's pages, "" if there are none.
func (c *Cluster) OMPages() string {
	if c.om.HTTPAddr() == "" {
		return ""
	}
	return "http://" + c.om.HTTPAddr()
}

// GatewayPages is the URL of the gateway's own pages, "" if there are none.
func (c *Cluster) GatewayPages() string {
	if c.s3g.AdminAddr() == "" {
		return ""
	}
	return "http://" + c.s3g.AdminAddr()
}

// DataDir is where the data is.
func (c *Cluster) DataDir() string { return c.opts.DataDir }

// Datanodes is how many there are.
func (c *Cluster) Datanodes() int { return len(c.datanodes) }

// Replication is that of new buckets.
func (c *Cluster) Replication() int { return c.opts.Replication }

// Secure tells whether ozone.security.enabled is set.
func (c *Cluster) Secure() bool { return c.opts.Conf.Bool("ozone.security.enabled") }

// AdminKeyFile is the file with the admin key, "" in open mode.
func (c *Cluster) AdminKeyFile() string {
	switch path := c.opts.Conf.String("ozone.admin.key.file"); {
	case !c.Secure():
		return ""
	case path != "":
		return path
	}
	return filepath.Join(c.opts.DataDir, adminkey.FileName)
}

// Client is the client that the gateway uses: direct calls, no network.
func (c *Cluster) Client() *client.Client { return c.client }

// Close stops the gateway, so that no requests come, then the datanodes, so that
// none calls om, then om; and waits for every goroutine of theirs. Closing again
// does nothing.
func (c *Cluster) Close() error {
	c.closing.Do(func() { c.closed = c.close() })
	return c.closed
}

func (c *Cluster) close() error {
	var errs []error
	if c.s3g != nil {
		errs = append(errs, c.s3g.Close())
	}
	if c.client != nil {
		errs = append(errs, c.client.Close())
	}
	for _, d := range c.datanodes {
		errs = append(errs, d.Close())
	}
	close(c.ending)
	c.watches.Wait()
	if c.om != nil {
		errs = append(errs, c.om.Close())
	}
	if c.lock == nil {
		return errors.Join(errs...) // the directory was never ours
	}
	if c.opts.Ephemeral {
		errs = append(errs, os.RemoveAll(c.opts.DataDir))
	}
	errs = append(errs, c.lock.Release())
	return errors.Join(errs...)
}
