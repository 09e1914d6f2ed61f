package raftnode

import (
	"time"

	"github.com/hashicorp/raft"
)

// standLoop has a follower miss its leader on time. raft looks at random moments, up to
// two timeouts after the first is over, and until it has looked it refuses its vote to
// those who have: with three nodes a dead leader would be replaced after two timeouts
// on average. Lowering the timeout makes raft look at once. If both followers stand in
// the same instant the vote is split, and the election timeout decides, as ever.
func (n *Node) standLoop() {
	began := time.Now()
	tick := time.NewTicker(n.cfg.HeartbeatTimeout / 16)
	defer tick.Stop()
	var stood time.Time // the contact whose end has been noticed
	for {
		select {
		case <-tick.C:
		case <-n.stop:
			return
		}
		contact := n.raft.LastContact()
		if contact.Before(began) {
			contact = began
		}
		if n.raft.State() != raft.Follower || contact.Equal(stood) || time.Since(contact) < n.cfg.HeartbeatTimeout {
			continue
		}
		stood = contact
		if err := n.lookForLeader(); err != nil {
			n.log.Warn().Err(err).Msg("look for the leader")
		}
	}
}

// lookForLeader makes raft compare the leader's last contact with the timeout now.
func (n *Node) lookForLeader() error {
	rc := n.raft.ReloadableConfig()
	rc.HeartbeatTimeout = n.cfg.HeartbeatTimeout
	if err := n.raft.ReloadConfig(rc); err != nil {
		return err
	}
	rc.HeartbeatTimeout -= min(rc.HeartbeatTimeout-n.cfg.LeaseTimeout, time.Millisecond)
	return n.raft.ReloadConfig(rc)
}
