// Command s3g is the S3 gateway.
package main

import (
	"context"
	"errors"
	"os"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/client/dnclient"
	"github.com/mini-ozone/mini-ozone/client/omclient"
	"github.com/mini-ozone/mini-ozone/conf"
	"github.com/mini-ozone/mini-ozone/internal/adminkey"
	"github.com/mini-ozone/mini-ozone/internal/daemon"
	"github.com/mini-ozone/mini-ozone/internal/rpc"
	"github.com/mini-ozone/mini-ozone/s3g"
)

func main() {
	os.Exit(daemon.Program{
		Name:    "s3g",
		About:   "the S3 gateway",
		HTTPKey: "ozone.s3g.webadmin.http-address",
		Open:    open,
	}.Main())
}

// gateway is an s3g with the client it works through.
type gateway struct {
	server *s3g.Server
	store  *client.Client
	nodes  *dnclient.Pool
	om     *omclient.Client
}

// Close ends the requests first, then what they use.
func (g *gateway) Close() error {
	return errors.Join(g.server.Close(), g.store.Close(), g.nodes.Close(), g.om.Close())
}

func open(_ context.Context, c *conf.Config, log zerolog.Logger) (daemon.Service, error) {
	cfg, err := s3g.FromConf(c)
	if err != nil {
		return nil, err
	}
	admin, err := adminkey.Load(c)
	if err != nil {
		return nil, err
	}
	cfg.PagesToken = adminkey.PagesToken(admin)
	network := rpc.ClientOptions{Key: admin}
	oms, err := c.OMAddresses()
	if err != nil {
		return nil, err
	}
	om, err := omclient.New(oms, omclient.Options{RPC: network})
	if err != nil {
		return nil, err
	}
	g := &gateway{om: om, nodes: dnclient.NewPool(dnclient.Options{RPC: network})}
	g.store = client.New(g.om, g.nodes, client.DefaultConfig())
	if g.server, err = s3g.Open(cfg, g.store, log); err != nil {
		return nil, errors.Join(err, g.store.Close(), g.nodes.Close(), g.om.Close())
	}
	return g, nil
}
