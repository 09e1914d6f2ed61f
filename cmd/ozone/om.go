package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/mini-ozone/mini-ozone/conf"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// dialTimeout bounds the wait for an om that is not there.
const dialTimeout = 3 * time.Second

const keyOMAddress = "ozone.om.address"

// config loads the configuration as the global flags say and passes its
// warnings on.
func (s *session) config() (*conf.Config, error) {
	c, err := conf.Load(conf.Options{File: s.confPath, Defines: s.defines, Environ: s.vars})
	if err != nil {
		return nil, ozerr.Wrap(ozerr.InvalidArgument, err, "configuration")
	}
	for _, w := range c.Warnings() {
		fmt.Fprintln(s.err, "Warning:", w)
	}
	return c, nil
}

// omAddresses are the oms to ask: --om, or the host of a URI unless it is the name of
// the configured service, or the configured.
func (s *session) omAddresses(c *conf.Config, host string) ([]string, error) {
	service, err := c.Service()
	if err != nil {
		return nil, ozerr.Wrap(ozerr.InvalidArgument, err, "configuration")
	}
	if s.om == "" && service != "" && (host == "" || host == service) {
		oms, err := c.OMAddresses()
		return oms, ozerr.Wrap(ozerr.InvalidArgument, err, "configuration")
	}
	configured := c.Dial(keyOMAddress)
	_, port, err := net.SplitHostPort(configured)
	if err != nil {
		return nil, ozerr.New(ozerr.InvalidArgument, "no om is configured: set %s or use --om host:port", keyOMAddress)
	}
	switch {
	case s.om != "":
		return []string{withPort(s.om, port)}, nil
	case host != "":
		return []string{withPort(host, port)}, nil
	}
	return []string{configured}, nil
}

func withPort(host, port string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}

// probe returns nil as soon as one of the addresses takes a connection. The
// client would go on trying for long: an om may be restarting. A person who
// mistyped an address wants to know now.
func probe(ctx context.Context, oms []string) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	results := make(chan error, len(oms))
	for _, address := range oms {
		go func() { results <- dialOnce(ctx, address) }()
	}
	var failed []error
	for range oms {
		err := <-results
		if err == nil {
			return nil
		}
		failed = append(failed, err)
	}
	return &ozerr.Error{
		Code:    ozerr.Unavailable,
		Message: fmt.Sprintf("no om answers at %s; is it running? (\"ozone local run\" starts one, --om host:port names another)", strings.Join(oms, ", ")),
		Err:     errors.Join(failed...),
	}
}

func dialOnce(ctx context.Context, address string) error {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return c.Close()
}
