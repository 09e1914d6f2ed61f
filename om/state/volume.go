package state

import (
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

func volumeAnswer(v *ompb.VolumeInfo) *ompb.Response {
	return &ompb.Response{Result: &ompb.Response_Volume{Volume: v}}
}

func (c *call) volume(name string) (*ompb.VolumeInfo, error) {
	if v := table.Volumes.Get(c.tx, []byte(name)); v != nil {
		return v, nil
	}
	return nil, ozerr.New(ozerr.VolumeNotFound, "volume %s does not exist", name)
}

func (c *call) createVolume(r *ompb.CreateVolume) (*ompb.Response, error) {
	if !legalName(r.Volume) {
		return nil, ozerr.New(ozerr.InvalidVolumeName, "%q is not a volume name", r.Volume)
	}
	if err := checkShort(r.Owner, c.req.User); err != nil {
		return nil, err
	}
	if table.Volumes.Has(c.tx, []byte(r.Volume)) {
		return nil, ozerr.New(ozerr.VolumeAlreadyExists, "volume %s already exists", r.Volume)
	}
	return volumeAnswer(c.newVolume(r.Volume, first(r.Owner, c.req.User))), nil
}

func (c *call) newVolume(name, owner string) *ompb.VolumeInfo {
	v := &ompb.VolumeInfo{
		Name: name, Owner: owner, Admin: c.req.User,
		CreatedNs: c.now(), ModifiedNs: c.now(),
	}
	table.Volumes.Put(c.tx, []byte(name), v)
	return v
}

// countBuckets adds n to the volume's number of buckets.
func (c *call) countBuckets(v *ompb.VolumeInfo, n int) {
	v.Buckets = uint64(int64(v.Buckets) + int64(n))
	v.ModifiedNs = c.now()
	table.Volumes.Put(c.tx, []byte(v.Name), v)
}

func (c *call) deleteVolume(r *ompb.DeleteVolume) (*ompb.Response, error) {
	v, err := c.volume(r.Volume)
	if err != nil {
		return nil, err
	}
	if v.Buckets > 0 {
		return nil, ozerr.New(ozerr.VolumeNotEmpty, "volume %s has %d buckets", v.Name, v.Buckets)
	}
	table.Volumes.Delete(c.tx, []byte(v.Name))
	return volumeAnswer(v), nil
}

func (c *call) getVolume(r *ompb.GetVolume) (*ompb.Response, error) {
	v, err := c.volume(r.Volume)
	if err != nil {
		return nil, err
	}
	return volumeAnswer(v), nil
}

func (c *call) listVolumes(r *ompb.ListVolumes) (*ompb.Response, error) {
	list, limit := &ompb.VolumeList{}, page(r.Limit)
	table.Volumes.Scan(c.tx, []byte(r.Prefix), past(r.After), func(_ []byte, v *ompb.VolumeInfo) bool {
		if len(list.Volumes) == limit {
			list.Truncated = true
			return false
		}
		list.Volumes = append(list.Volumes, v)
		return true
	})
	return &ompb.Response{Result: &ompb.Response_Volumes{Volumes: list}}, nil
}

// past is the key just after name, nil for "".
func past(name string) []byte {
	if name == "" {
		return nil
	}
	return []byte(name + "\x00")
}
