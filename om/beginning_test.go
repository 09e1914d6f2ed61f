package om

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/raftnode"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// What an om with an empty directory makes of its peers' answers: a group is begun only
// when all of them are as empty and configured alike.
func TestBeginningDecides(t *testing.T) {
	peers := []raftnode.Peer{{ID: "om1", RaftAddress: "h1:1"}, {ID: "om2", RaftAddress: "h2:1"}, {ID: "om3", RaftAddress: "h3:1"}}
	members := func(addresses ...string) (out []*ompb.Role) {
		for i, a := range addresses {
			out = append(out, &ompb.Role{Id: peers[i].ID, RaftAddress: a})
		}
		return out
	}
	alike := members("h1:1", "h2:1", "h3:1")
	said := func(i *ompb.GroupInfo) peerAnswer { return peerAnswer{info: i} }
	fresh := said(&ompb.GroupInfo{Fresh: true, Members: alike})
	silent := peerAnswer{err: errors.New("connection refused")}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, clusterFile), []byte("CID-1"), 0o600); err != nil {
		t.Fatal(err)
	}
	led := func(leader string) peerAnswer { return said(&ompb.GroupInfo{Members: alike, Leader: leader, Term: 2}) }
	for name, c := range map[string]struct {
		om2, om3    peerAnswer
		leader, why string
	}{
		"all empty":                          {fresh, fresh, "", ""},
		"one away":                           {fresh, silent, "", "no answer from om3"},
		"all away":                           {silent, silent, "", "no answer from om2"},
		"one leads, one empty":               {led("om2"), fresh, "om2", ""},
		"one leads, one away":                {led("om2"), silent, "om2", ""},
		"one follows who is away":            {led("om3"), silent, "om3", ""},
		"one has a past but no leader":       {led(""), fresh, "", "om2 is part of a group that has no leader"},
		"both have a past but no leader":     {led(""), led(""), "", "om2, om3 are part of a group"},
		"I am said to lead: I was wiped":     {led("om1"), led("om1"), "", "no leader at the moment"},
		"I am said to lead, another answers": {led("om1"), led("om3"), "om3", ""},
		"other address":                      {fresh, said(&ompb.GroupInfo{Fresh: true, Members: members("h1:1", "h2:1", "h3:2")}), "", "configured for other oms"},
		"fewer oms":                          {fresh, said(&ompb.GroupInfo{Fresh: true, Members: members("h1:1", "h2:1")}), "", "configured for other oms"},
		"empty, knows nobody yet":            {said(&ompb.GroupInfo{Fresh: true}), fresh, "", "configured for other oms"},
		"another key":                        {fresh, said(&ompb.GroupInfo{Fresh: true, Members: alike, SecretKey: []byte("other")}), "", "key of S3 secrets is not that of om3"},
		"another key, leads":                 {led("om3"), said(&ompb.GroupInfo{Leader: "om3", SecretKey: []byte("other")}), "", "key of S3 secrets is not that of om3"},
		"another cluster leads":              {said(&ompb.GroupInfo{Leader: "om2", ClusterId: "CID-2"}), silent, "", "om2 is of cluster CID-2"},
		"our cluster leads":                  {said(&ompb.GroupInfo{Leader: "om2", ClusterId: "CID-1"}), silent, "om2", ""},
	} {
		s := &Server{cfg: Config{ID: "om1", Peers: peers, Dir: dir}, sealer: sealer{name: []byte("mine")}}
		leader, why := s.verdict(map[string]peerAnswer{"om2": c.om2, "om3": c.om3})
		if leader != c.leader || (why == "") != (c.why == "") || !strings.Contains(why, c.why) {
			t.Errorf("%s: leader %q, why %q", name, leader, why)
		}
	}
}

// An om that was configured to be alone takes nobody in: it could not reach them.
func TestOMAloneTakesNobodyIn(t *testing.T) {
	cfg, _ := testConfig(t, t.TempDir())
	s := openServer(t, cfg)
	defer closeServer(t, s)
	wantError(t, s, &ompb.Request{Op: &ompb.Request_JoinGroup{JoinGroup: &ompb.JoinGroup{
		Id: "om2", RaftAddress: "127.0.0.1:1", RpcAddress: "127.0.0.1:2"}}}, ozerr.InvalidArgument)
}

// The memory of retries ends by the time of those who wrote it: a leader whose clock is
// days ahead must not end it.
func TestIdleSince(t *testing.T) {
	const day, kept = 24 * time.Hour, 24 * time.Hour
	log := time.Unix(100*24*3600, 0) // the newest stamp when the term began
	for name, c := range map[string]struct {
		at, now time.Time
		elapsed time.Duration
		stamped time.Time
		want    time.Time
	}{
		"right clock":                    {log, log.Add(time.Hour), time.Hour, log, log.Add(time.Hour - kept)},
		"two days ahead":                 {log.Add(2 * day), log.Add(2*day + time.Hour), time.Hour, log, log.Add(time.Hour - kept)},
		"jumps ahead":                    {log, log.Add(3 * day), time.Hour, log, log.Add(time.Hour - kept)},
		"after one who was ahead":        {log.Add(-2 * day), log.Add(-2*day + time.Hour), time.Hour, log, log.Add(-2*day + time.Hour - kept)},
		"in office for long, was off":    {log.Add(30 * day), log.Add(32 * day), 2 * day, log, log.Add(32*day - kept)},
		"in office for long, jumped":     {log, log.Add(9 * day), 2 * day, log, log.Add(2*day - kept)},
		"a new cluster":                  {log, log.Add(time.Hour), time.Hour, time.Unix(0, 0), time.Unix(3600, 0).Add(-kept)},
		"a new cluster, after two days":  {log, log.Add(2 * day), 2 * day, time.Unix(0, 0), log.Add(day)},
		"behind, long in office":         {log.Add(-2 * day), log, 2 * day, log, log.Add(-kept)},
		"behind, but not long in office": {log.Add(-2 * day), log.Add(-day), day - 1, log, log.Add(-day - kept)},
	} {
		if got := idleSince(raftnode.Beginning{At: c.at, Stamped: c.stamped}, c.now, c.elapsed, kept); !got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", name, got.Sub(log), c.want.Sub(log))
		}
	}
}

// An om with another key of S3 secrets is refused before it opens its state, and one that
// has the id of an om which is there is not taken in.
func TestPeersAreCompared(t *testing.T) {
	dir := t.TempDir()
	cfg, _ := testConfig(t, dir)
	cfg.Secure, cfg.Address = true, "127.0.0.1:0"
	leader := openServer(t, cfg)
	defer closeServer(t, leader)
	peers := []raftnode.Peer{{ID: leader.cfg.ID, RaftAddress: "h1:1", RPCAddress: leader.RPCAddr()}, {ID: "om9", RaftAddress: "h9:1"}}
	p := newPeers(peers, "om9", leader.admin)
	defer p.close() //nolint:errcheck // only connections
	for name, own := range map[string]sealer{"same": leader.sealer, "other": {name: []byte("12345678")}} {
		s := &Server{cfg: Config{ID: "om9", Peers: peers, Secure: true}, peers: p, sealer: own, ctx: testContext(t)}
		if err := s.checkKeys(); (err != nil) != (name == "other") {
			t.Errorf("%s key: %v", name, err)
		}
	}
	if ctx := testContext(t); !p.hasState(ctx, leader.cfg.ID) || p.hasState(ctx, "om9") {
		t.Error("who has state is not seen")
	}
}
