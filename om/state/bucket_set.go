package state

import (
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

func (c *call) setBucket(_ *ompb.SetBucket) (*ompb.Response, error) {
	return nil, ozerr.New(ozerr.NotSupported, "SetBucket is not implemented")
}

func (c *call) getBucketDocument(_ *ompb.GetBucketDocument) (*ompb.Response, error) {
	return nil, ozerr.New(ozerr.NotSupported, "GetBucketDocument is not implemented")
}
