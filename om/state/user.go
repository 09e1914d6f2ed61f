package state

import (
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

func (c *call) setUser(_ *ompb.SetUser) (*ompb.Response, error) {
	return nil, ozerr.New(ozerr.NotSupported, "SetUser is not implemented")
}

func (c *call) deleteUser(_ *ompb.DeleteUser) (*ompb.Response, error) {
	return nil, ozerr.New(ozerr.NotSupported, "DeleteUser is not implemented")
}

func (c *call) findUser(_ *ompb.FindUser) (*ompb.Response, error) {
	return nil, ozerr.New(ozerr.NotSupported, "FindUser is not implemented")
}

func (c *call) listUsers(_ *ompb.ListUsers) (*ompb.Response, error) {
	return nil, ozerr.New(ozerr.NotSupported, "ListUsers is not implemented")
}
