package om

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/blocktoken"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/state"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

func secureServer(t *testing.T, dir string) (*Server, *clock) {
	cfg, clk := testConfig(t, dir)
	cfg.Secure = true
	return openServer(t, cfg), clk
}

// om gives tokens that datanodes take, for what was asked for and nothing else, and keeps
// none of them; the keys are in no file as they are.
func TestTokens(t *testing.T) {
	dir := t.TempDir()
	s, clk := secureServer(t, dir)
	defer closeServer(t, s)
	n := newNode(t, s, "n1")
	reply := n.heartbeat()
	if len(reply.TokenKeys) != 1 {
		t.Fatalf("%d keys", len(reply.TokenKeys))
	}
	var keys blocktoken.Keys
	keys.Add(reply.TokenKeys, clk.now())
	notOnDisk(t, dir, string(reply.TokenKeys[0].Secret))

	got := submit(t, s, allocate(2, "ONE")).GetLeases()
	l := got.Leases[0]
	write := blocktoken.Use{Block: l.Id, Write: true, Length: s.cfg.BlockSize}
	if err := keys.Verify(l.Token, write, clk.now()); err != nil || got.TokenValidNs != int64(time.Hour) {
		t.Errorf("%v, valid for %v", err, time.Duration(got.TokenValidNs))
	}
	write.Length++
	for what, use := range map[string]blocktoken.Use{"longer": write, "another": {Block: got.Leases[1].Id, Write: true}, "reading": {Block: l.Id}} {
		if err := keys.Verify(l.Token, use, clk.now()); !errors.Is(err, ozerr.BlockTokenRefused) {
			t.Errorf("%s: %v", what, err)
		}
	}

	ref := makeBucket(t, s)
	key := &ompb.CommitKey{Ref: ref, Key: "k", Size: 5, Etag: "d41d8cd98f00b204e9800998ecf8427e",
		Blocks: []*commonpb.Block{{Id: l.Id, BlockLength: 5, Length: 5, Token: []byte("not for the log")}}}
	submit(t, s, &ompb.Request{User: "u", Op: &ompb.Request_CommitKey{CommitKey: key}})
	if len(key.Blocks[0].Token) == 0 {
		t.Error("the caller's request was changed")
	}
	b := submit(t, s, &ompb.Request{User: "u", Op: &ompb.Request_GetKey{GetKey: &ompb.GetKey{Ref: ref, Key: "k"}}}).GetKey().Key.Blocks[0]
	if err := keys.Verify(b.Token, blocktoken.Use{Block: l.Id}, clk.now()); err != nil {
		t.Error(err)
	}
	if err := keys.Verify(b.Token, blocktoken.Use{Block: l.Id, Write: true}, clk.now()); !errors.Is(err, ozerr.BlockTokenRefused) {
		t.Error(err)
	}
	clk.advance(time.Hour + 2*blocktoken.Skew)
	if err := keys.Verify(b.Token, blocktoken.Use{Block: l.Id}, clk.now()); !errors.Is(err, ozerr.BlockTokenRefused) {
		t.Error(err)
	}
	notOnDisk(t, dir, "not for the log")

	for _, sneaky := range []*ompb.Request{
		{Op: &ompb.Request_SetTokenKeys{SetTokenKeys: &ompb.SetTokenKeys{}}},
	} {
		wantError(t, s, sneaky, ozerr.PermissionDenied)
	}
}

// An order that makes a datanode read elsewhere comes with a token for that container.
func TestOrdersHaveTokens(t *testing.T) {
	s, clk := secureServer(t, t.TempDir())
	defer closeServer(t, s)
	n := newNode(t, s, "n1")
	n.lazy = true
	var keys blocktoken.Keys
	keys.Add(n.heartbeat().TokenKeys, clk.now())
	order := &dnpb.Order{What: &dnpb.Order_ReconcileContainer{ReconcileContainer: &dnpb.ReconcileContainer{Container: 7}}}
	if err := s.present().orders.give(testContext(t), "n1", order, nil); err != nil {
		t.Fatal(err)
	}
	reply := n.heartbeat()
	if len(reply.Orders) != 1 {
		t.Fatalf("%d orders", len(reply.Orders))
	}
	token := reply.Orders[0].GetReconcileContainer().Token
	use := blocktoken.Use{Block: &commonpb.BlockID{Container: 7}, Container: true}
	if err := keys.Verify(token, use, clk.now()); err != nil {
		t.Error(err)
	}
	if len(order.GetReconcileContainer().Token) > 0 {
		t.Error("the order that is kept has a token, which will have expired when it is sent again")
	}
}

// Keys are made anew in time, told before they are used, and forgotten when nothing that
// was made with them is good any more.
func TestTokenKeysRotate(t *testing.T) {
	s, clk := secureServer(t, t.TempDir())
	defer closeServer(t, s)
	n := newNode(t, s, "n1")
	var keys blocktoken.Keys
	first := n.heartbeat().TokenKeys
	keys.Add(first, clk.now())
	known := func(l *ompb.BlockLease) bool {
		return !errors.Is(keys.Verify(l.Token, blocktoken.Use{Block: l.Id, Write: true}, clk.now()), blocktoken.ErrUnknownKey)
	}
	eventually := func(what string, f func() bool) {
		t.Helper()
		ctx := testContext(t)
		for tick := time.NewTicker(5 * time.Millisecond); !f(); {
			select {
			case <-tick.C:
			case <-ctx.Done():
				t.Fatal(what)
			}
		}
	}
	clk.advance(24 * time.Hour)
	eventually("no second key", func() bool { return len(n.heartbeat().TokenKeys) == 2 })
	eventually("the second key is not settled yet, but used", func() bool { return known(leases(t, s, 1, "ONE")[0]) })
	clk.advance(2 * tokenKeySettle)
	n.heartbeat()
	eventually("the second key is not used", func() bool { return !known(leases(t, s, 1, "ONE")[0]) })
	keys.Add(n.heartbeat().TokenKeys, clk.now())
	if !known(leases(t, s, 1, "ONE")[0]) {
		t.Error("the key that is used is not told")
	}
	clk.advance(8 * 24 * time.Hour)
	eventually("the first key is still told", func() bool {
		told := n.heartbeat().TokenKeys
		return told[0].Id != first[0].Id && len(told) == 2 // the second, and a third
	})
}

// Every om tells the keys, so that one which can't be reached keeps no datanode from
// knowing them; and a new leader goes on with them.
func TestEveryOMTellsTheTokenKeys(t *testing.T) {
	dir := t.TempDir()
	servers := threeServers(t, func(c *Config) {
		c.Secure, c.AdminKeyFile, c.SecretKeyFile = true, dir+"/admin.key", dir+"/secret.key"
	})
	var nodes []*dnpb.Heartbeat
	for i := range 3 {
		nodes = append(nodes, newNode(t, nil, fmt.Sprintf("n%d", i)).beat)
	}
	beat := func() {
		for _, s := range servers {
			for _, hb := range nodes {
				_, _ = s.Heartbeat(testContext(t), hb) // there may be no leader yet
			}
		}
	}
	_, list := leaderOf(t, servers, beat)
	for i, s := range servers {
		var keys blocktoken.Keys
		ctx := testContext(t)
		for tick := time.NewTicker(10 * time.Millisecond); ; {
			reply, err := s.Heartbeat(ctx, nodes[0])
			keys.Add(reply.GetTokenKeys(), s.now())
			if keys.Verify(list[0].Token, blocktoken.Use{Block: list[0].Id, Write: true}, s.now()) == nil {
				break
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				t.Fatalf("om%d: %v", i+1, err)
			}
		}
	}
}

// A list of keys that was made without knowing of the present one does not replace it.
func TestStaleTokenKeys(t *testing.T) {
	s, _ := secureServer(t, t.TempDir())
	defer closeServer(t, s)
	var rows []*ompb.SealedTokenKey
	if err := s.node.View(func(tx *table.Txn) error { rows = state.TokenKeys(tx); return nil }); err != nil {
		t.Fatal(err)
	}
	_, err := s.propose(testContext(t), &ompb.Request{Op: &ompb.Request_SetTokenKeys{SetTokenKeys: &ompb.SetTokenKeys{Keys: rows}}})
	if !errors.Is(err, ozerr.InvalidRequest) {
		t.Error(err)
	}
}

func TestOpenModeHasNoTokens(t *testing.T) {
	cfg, _ := testConfig(t, t.TempDir())
	s := openServer(t, cfg)
	defer closeServer(t, s)
	n := newNode(t, s, "n1")
	if reply := n.heartbeat(); len(reply.TokenKeys) > 0 {
		t.Error("keys are told")
	}
	if got := submit(t, s, allocate(1, "ONE")).GetLeases(); len(got.Leases[0].Token) > 0 || got.TokenValidNs != 0 {
		t.Error("a lease has a token")
	}
}
