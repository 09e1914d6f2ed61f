package conf

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
)

// OM is where one om of the cluster is found.
type OM struct {
	ID      string // ozone.om.node.id of that om
	Address string // rpc, host:port to dial
	Raft    string // for its peers, host:port to dial; "" for an om that has none
}

// Service is the name of the oms together (ozone.om.service.ids), "" when there is one
// om and it has no such name.
func (c *Config) Service() (string, error) {
	ids, own := c.Strings("ozone.om.service.ids"), c.String("ozone.om.internal.service.id")
	switch {
	case own != "" && !slices.Contains(ids, own):
		return "", fmt.Errorf("ozone.om.internal.service.id is %s, which is not in ozone.om.service.ids", own)
	case own != "":
		return own, nil
	case len(ids) > 1:
		return "", fmt.Errorf("ozone.om.service.ids lists %d services; ozone.om.internal.service.id must say which is this one", len(ids))
	case len(ids) == 1:
		return ids[0], nil
	}
	return "", nil
}

// OMs are the oms of this cluster: those of ozone.om.nodes.SERVICE with their
// ozone.om.address.SERVICE.NODE, or the one at ozone.om.address without a service.
func (c *Config) OMs() ([]OM, error) {
	service, err := c.Service()
	if err != nil {
		return nil, err
	}
	if service == "" {
		return []OM{{ID: c.String("ozone.om.node.id"), Address: c.Dial("ozone.om.address")}}, nil
	}
	key := "ozone.om.nodes." + service
	if !c.isSet(key) {
		return nil, fmt.Errorf("%s is not set: it names the oms of service %s, such as om1,om2,om3", key, service)
	}
	var oms []OM
	for _, id := range c.Strings(key) {
		om, err := c.omNode(service, id)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(oms, func(o OM) bool { return o.ID == om.ID || o.Address == om.Address || o.Raft == om.Raft }) {
			return nil, fmt.Errorf("%s: %s has the name or an address of another om", key, id)
		}
		oms = append(oms, om)
	}
	if len(oms) == 0 {
		return nil, fmt.Errorf("%s names no om", key)
	}
	return oms, nil
}

// isSet is IsSet for a name that may be none of a key, such as one with an id in it that
// has a dot.
func (c *Config) isSet(name string) bool {
	_, ok := find(name)
	return ok && c.IsSet(name)
}

// omNode reads the keys of one om of a service.
func (c *Config) omNode(service, id string) (OM, error) {
	suffix := "." + service + "." + id
	key := "ozone.om.address" + suffix
	if !c.isSet(key) {
		return OM{}, fmt.Errorf("%s is not set", key)
	}
	om := OM{ID: id, Address: c.Dial(key)}
	host, _, err := net.SplitHostPort(om.Address)
	if err != nil {
		return OM{}, fmt.Errorf("%s: %w", key, err)
	}
	port := c.Int("ozone.om.ratis.port")
	if own := "ozone.om.ratis.port" + suffix; c.isSet(own) {
		port = c.Int(own)
	}
	om.Raft = net.JoinHostPort(host, strconv.Itoa(port))
	return om, nil
}

// OMAddresses are where the rpc of the cluster's oms is dialled.
func (c *Config) OMAddresses() ([]string, error) {
	oms, err := c.OMs()
	var addresses []string
	for _, om := range oms {
		addresses = append(addresses, om.Address)
	}
	return addresses, err
}

// OwnOM is the om that this process is to be, by ozone.om.node.id, and all of them.
// With a service that id must be set, for nobody should be somebody else by mistake.
func (c *Config) OwnOM() (own OM, all []OM, err error) {
	if all, err = c.OMs(); err != nil {
		return OM{}, nil, err
	}
	service, err := c.Service()
	if err != nil {
		return OM{}, nil, err
	}
	if service != "" && !c.IsSet("ozone.om.node.id") {
		return OM{}, nil, errors.New("ozone.om.node.id is not set: it says which om of the service this one is")
	}
	id := c.String("ozone.om.node.id")
	i := slices.IndexFunc(all, func(o OM) bool { return o.ID == id })
	if i < 0 {
		return OM{}, nil, fmt.Errorf("ozone.om.node.id is %s, which is not in ozone.om.nodes.%s", id, service)
	}
	return all[i], all, nil
}

// OMHTTPKey is the key of the address where the om that this process is to be shows its
// pages.
func (c *Config) OMHTTPKey() (string, error) {
	const all = "ozone.om.http-address"
	service, err := c.Service()
	if err != nil || service == "" {
		return all, err
	}
	if key := all + "." + service + "." + c.String("ozone.om.node.id"); c.isSet(key) {
		return key, nil
	}
	return all, nil
}
