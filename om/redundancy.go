package om

import (
	"errors"
	"time"

	"github.com/mini-ozone/mini-ozone/conf"
)

// Redundancy says how the replicas of containers are watched and restored.
type Redundancy struct {
	Interval time.Duration // between two looks at all containers
	// Settle is how long something must look wrong that may be but a late report.
	Settle  time.Duration
	Timeout time.Duration // for a datanode to carry out an order; then another is asked
	// Limit of orders under way to and from one datanode; InflightFactor times that,
	// times the healthy nodes, is the limit of all together.
	Limit          int
	InflightFactor float64
	// MaintenanceMinimum replicas must be on other nodes while one is in maintenance.
	MaintenanceMinimum int

	CheckInterval time.Duration // each closed container is compared with om's list so often
	// FenceAfter a container was closed, no block of it can become an object's any
	// more: a PUT that began before and isn't done yet fails then.
	FenceAfter  time.Duration
	OpenMax     time.Duration // a container with blocks that is open for longer closes
	ForgetAfter time.Duration // a dead node that holds nothing is forgotten

	BalancerThreshold float64       // distance from the mean use, as a part of the capacity
	BalancerMaxBytes  uint64        // moved in one iteration
	BalancerInterval  time.Duration // between two iterations
}

// DefaultRedundancy has the values of conf/keys.go.
func DefaultRedundancy() Redundancy {
	return Redundancy{
		Interval: 10 * time.Second, Settle: 10 * time.Second, Timeout: 12 * time.Minute,
		Limit: 20, InflightFactor: 0.75, MaintenanceMinimum: 2,
		CheckInterval: 7 * 24 * time.Hour, FenceAfter: 24 * time.Hour, OpenMax: 7 * 24 * time.Hour,
		ForgetAfter:       7 * 24 * time.Hour,
		BalancerThreshold: 0.1, BalancerMaxBytes: 500 << 30, BalancerInterval: 70 * time.Minute,
	}
}

func (r *Redundancy) fromConf(k *conf.Config) {
	r.Interval = k.Duration("hdds.scm.replication.thread.interval")
	r.Settle = k.Duration("mini.om.replication.settle")
	r.Timeout = k.Duration("hdds.scm.replication.event.timeout")
	r.Limit = k.Int("hdds.scm.replication.datanode.replication.limit")
	r.InflightFactor = k.Float("hdds.scm.replication.inflight.limit.factor")
	r.MaintenanceMinimum = k.Int("hdds.scm.replication.maintenance.replica.minimum")
	r.CheckInterval = k.Duration("mini.om.container.check.interval")
	r.FenceAfter = k.Duration("ozone.om.open.key.expire.threshold")
	r.OpenMax = k.Duration("mini.om.container.open.max")
	r.ForgetAfter = k.Duration("mini.om.datanode.forget.after")
	r.BalancerThreshold = k.Float("hdds.container.balancer.utilization.threshold") / 100
	r.BalancerMaxBytes = uint64(k.Size("hdds.container.balancer.size.moved.max.per.iteration"))
	r.BalancerInterval = k.Duration("hdds.container.balancer.balancing.iteration.interval")
}

func (r *Redundancy) validate() error {
	switch {
	case r.Interval <= 0 || r.Timeout <= 0 || r.CheckInterval <= 0 || r.FenceAfter <= 0 || r.OpenMax <= 0 || r.ForgetAfter <= 0 || r.Settle < 0 || r.BalancerInterval < 0:
		return errors.New("om: the intervals of replication must be positive")
	case r.Limit <= 0 || r.InflightFactor <= 0 || r.InflightFactor > 1:
		return errors.New("om: hdds.scm.replication.datanode.replication.limit must be positive, hdds.scm.replication.inflight.limit.factor in (0, 1]")
	case r.MaintenanceMinimum < 0:
		return errors.New("om: hdds.scm.replication.maintenance.replica.minimum must not be negative")
	case r.BalancerThreshold <= 0 || r.BalancerThreshold >= 1:
		return errors.New("om: hdds.container.balancer.utilization.threshold must be between 0 and 100")
	}
	return nil
}
