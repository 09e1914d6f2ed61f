// Command om is the metadata server.
package main

import (
	"context"
	"os"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/conf"
	"github.com/mini-ozone/mini-ozone/internal/daemon"
	"github.com/mini-ozone/mini-ozone/om"
)

func main() {
	os.Exit(daemon.Program{
		Name:      "om",
		About:     "the metadata server: names, keys, containers and the register of datanodes",
		HTTPKeyOf: (*conf.Config).OMHTTPKey,
		Open:      open,
	}.Main())
}

func open(_ context.Context, c *conf.Config, log zerolog.Logger) (daemon.Service, error) {
	cfg, err := om.FromConf(c)
	if err != nil {
		return nil, err
	}
	return om.Open(cfg, log)
}
