package main

import (
	"context"
	"errors"
	"time"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/client/dnclient"
	"github.com/mini-ozone/mini-ozone/client/omclient"
	"github.com/mini-ozone/mini-ozone/internal/rpc"
)

// omBudget is how long a request to om may take, a change of leader included.
const omBudget = 6 * time.Second

// connectWithin is environment.connect over the network, for requests to om that
// give up after budget.
func connectWithin(budget time.Duration) func(context.Context, []string, []byte) (cluster, func() error, error) {
	return func(ctx context.Context, oms []string, key []byte) (cluster, func() error, error) {
		if err := probe(ctx, oms); err != nil {
			return nil, nil, err
		}
		network := rpc.ClientOptions{Key: key}
		om, err := omclient.New(oms, omclient.Options{Budget: budget, RPC: network})
		if err != nil {
			return nil, nil, err
		}
		cfg := client.DefaultConfig()
		cfg.OMTimeout = budget
		datanodes := dnclient.NewPool(dnclient.Options{RPC: network})
		c := client.New(om, datanodes, cfg)
		closeAll := func() error { return errors.Join(c.Close(), datanodes.Close(), om.Close()) }
		return c, closeAll, nil
	}
}
