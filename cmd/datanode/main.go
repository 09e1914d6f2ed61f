// Command datanode keeps blocks on the disks of one machine.
package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/client/dnclient"
	"github.com/mini-ozone/mini-ozone/client/omclient"
	"github.com/mini-ozone/mini-ozone/conf"
	"github.com/mini-ozone/mini-ozone/datanode"
	"github.com/mini-ozone/mini-ozone/internal/daemon"
	"github.com/mini-ozone/mini-ozone/internal/dirlock"
	"github.com/mini-ozone/mini-ozone/internal/rpc"
)

func main() {
	os.Exit(daemon.Program{
		Name:    "datanode",
		About:   "keeps blocks in containers on the disks of one machine",
		HTTPKey: "hdds.datanode.http-address",
		Open:    open,
	}.Main())
}

// node is a datanode with what it stands on, closed in the order of the fields.
type node struct {
	server *datanode.Server
	oms    *omclient.Client
	nodes  *dnclient.Pool // the others, to copy from
	slot   *dirlock.Lock  // nil unless mini.datanode.dir.slots
}

func (n *node) Close() error {
	var errs []error
	if n.server != nil {
		errs = append(errs, n.server.Close())
	}
	if n.oms != nil {
		errs = append(errs, n.oms.Close())
	}
	if n.nodes != nil {
		errs = append(errs, n.nodes.Close())
	}
	if n.slot != nil {
		errs = append(errs, n.slot.Release())
	}
	return errors.Join(errs...)
}

// Failed implements daemon.Failer.
func (n *node) Failed() <-chan error { return n.server.Failed() }

func open(_ context.Context, c *conf.Config, log zerolog.Logger) (daemon.Service, error) {
	n := &node{}
	if err := n.open(c, log); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *node) open(c *conf.Config, log zerolog.Logger) (err error) {
	if c.Bool("mini.datanode.dir.slots") {
		if err := n.claim(c); err != nil {
			return err
		}
		log.Info().Str("dir", n.slot.Dir).Msg("slot taken")
	}
	if err := nameHost(c); err != nil {
		return err
	}
	cfg, err := datanode.FromConf(c)
	if err != nil {
		return err
	}
	network := rpc.ClientOptions{Key: cfg.AdminKey}
	if n.oms, err = omclient.New(cfg.OMAddresses, omclient.Options{RPC: network}); err != nil {
		return err
	}
	var oms []datanode.OM
	for _, om := range n.oms.OMs() {
		oms = append(oms, om)
	}
	n.nodes = dnclient.NewPool(dnclient.Options{RPC: network})
	cfg.Leader, cfg.Nodes = n.oms, n.nodes
	n.server, err = datanode.Open(cfg, oms, log)
	return err
}

// claim takes a free slot of the first data directory and uses the slot of the
// same name in the others.
func (n *node) claim(c *conf.Config) (err error) {
	dirs := c.Strings("hdds.datanode.dir")
	if len(dirs) == 0 {
		return errors.New("hdds.datanode.dir is not set")
	}
	if n.slot, err = dirlock.Claim(dirs[0]); err != nil {
		return err
	}
	for i, dir := range dirs {
		dirs[i] = filepath.Join(dir, filepath.Base(n.slot.Dir))
	}
	return c.Set("hdds.datanode.dir", strings.Join(dirs, ","), "slot of "+c.Source("hdds.datanode.dir"))
}

// nameHost sets the name that others reach this datanode by to the host's own, if
// that is asked for. Containers need it: their addresses move from one to another
// when they are started again, their names don't.
func nameHost(c *conf.Config) error {
	if !c.Bool("hdds.datanode.use.datanode.hostname") || c.String("hdds.datanode.hostname") != "" {
		return nil
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	return c.Set("hdds.datanode.hostname", host, "host name")
}
