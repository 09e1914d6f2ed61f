package state

import (
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

func (c *call) setKeyLock(_ *ompb.SetKeyLock) (*ompb.Response, error) {
	return nil, ozerr.New(ozerr.NotSupported, "SetKeyLock is not implemented")
}

func (c *call) setKeyACL(_ *ompb.SetKeyACL) (*ompb.Response, error) {
	return nil, ozerr.New(ozerr.NotSupported, "SetKeyACL is not implemented")
}
