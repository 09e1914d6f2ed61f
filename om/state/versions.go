package state

import (
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

func (c *call) listVersions(_ *ompb.ListVersions) (*ompb.Response, error) {
	return nil, ozerr.New(ozerr.NotSupported, "ListVersions is not implemented")
}
