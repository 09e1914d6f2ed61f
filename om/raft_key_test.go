package om

import (
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// The oms of a secure cluster elect a leader and log what it is asked; who does not know
// the admin key can neither ask for votes nor send entries.
func TestRaftWantsTheAdminKey(t *testing.T) {
	dir := t.TempDir()
	servers := threeServers(t, func(c *Config) {
		c.Secure, c.AdminKeyFile, c.SecretKeyFile = true, filepath.Join(dir, "admin.key"), filepath.Join(dir, "secret.key")
	})
	stranger, err := raft.NewTCPTransport("127.0.0.1:0", nil, 1, time.Second, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	for _, s := range servers {
		var vote raft.RequestVoteResponse
		err := stranger.RequestVote(raft.ServerID(s.cfg.ID), raft.ServerAddress(s.cfg.RaftListen), &raft.RequestVoteRequest{Term: 1000}, &vote)
		if err == nil {
			t.Errorf("%s answers a stranger: %+v", s.cfg.ID, vote)
		}
	}
	ctx := testContext(t)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, s := range servers {
			_, err := s.Submit(ctx, secretRequest("alice", ompb.GetSecret_SET, "long-enough"))
			if err == nil {
				return
			}
			if c := ozerr.CodeOf(err); c != ozerr.NotLeader && c != ozerr.Unavailable && c != ozerr.Timeout {
				t.Fatalf("%s answers %v", s.cfg.ID, err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("no leader")
		}
	}
}
