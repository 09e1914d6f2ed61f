package main

import (
	"context"
	"errors"
	"time"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/client/dnclient"
	"github.com/mini-ozone/mini-ozone/client/omclient"
)

// omBudget is how long a request to om may take, a change of leader included.
const omBudget = 6 * time.Second

// connectWithin is environment.connect over the network, for requests to om that
// give up after budget.
func connectWithin(budget time.Duration) func(context.Context, []string) (cluster, func() error, error) {
	return func(ctx context.Context, oms []string) (cluster, func() error, error) {
		if err := probe(ctx, oms); err != nil {
			return nil, nil, err
		}
		om, err := omclient.New(oms, omclient.Options{Budget: budget})
		if err != nil {
			return nil, nil, err
		}
		cfg := client.DefaultConfig()
		cfg.OMTimeout = budget
		datanodes := dnclient.NewPool(dnclient.Options{})
		c := client.New(om, datanodes, cfg)
		closeAll := func() error { return errors.Join(c.Close(), datanodes.Close(), om.Close()) }
		return c, closeAll, nil
	}
}
