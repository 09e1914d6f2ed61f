package state

import (
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

func (c *call) forgetEvents(_ *ompb.ForgetEvents) (*ompb.Response, error) {
	return nil, ozerr.New(ozerr.NotSupported, "ForgetEvents is not implemented")
}
