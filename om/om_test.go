package om

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/internal/rpc"
	"github.com/mini-ozone/mini-ozone/om/state"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

func TestSubmitRefusesWhatIsNotForClients(t *testing.T) {
	cfg, _ := testConfig(t, t.TempDir())
	s := openServer(t, cfg)
	defer closeServer(t, s)
	tests := []struct {
		req  *ompb.Request
		want ozerr.Code
	}{
		{&ompb.Request{}, ozerr.InvalidRequest},
		{&ompb.Request{Op: &ompb.Request_ReserveIds{ReserveIds: &ompb.ReserveIDs{Kind: "block", Count: 1}}}, ozerr.PermissionDenied},
		{&ompb.Request{Op: &ompb.Request_InitCluster{InitCluster: &ompb.InitCluster{ClusterId: "mine"}}}, ozerr.PermissionDenied},
		{&ompb.Request{Op: &ompb.Request_RegisterNode{}}, ozerr.PermissionDenied},
		{&ompb.Request{Op: &ompb.Request_GetVolume{GetVolume: &ompb.GetVolume{Volume: "none"}}}, ozerr.VolumeNotFound},
		{&ompb.Request{Op: &ompb.Request_DeleteVolume{DeleteVolume: &ompb.DeleteVolume{Volume: "none"}}}, ozerr.VolumeNotFound},
	}
	for _, tt := range tests {
		if resp, err := s.Submit(testContext(t), tt.req); !errors.Is(err, tt.want) {
			t.Errorf("%v: %v, %v; want %s", tt.req, resp, err, tt.want)
		}
	}
}

func TestBucketGetsTheServersReplication(t *testing.T) {
	cfg, _ := testConfig(t, t.TempDir())
	cfg.Replication = 1
	s := openServer(t, cfg)
	defer closeServer(t, s)
	req := &ompb.Request{User: "u", Op: &ompb.Request_CreateBucket{CreateBucket: &ompb.CreateBucket{Volume: "s3u", Bucket: "bucket", S3: true}}}
	if got := submit(t, s, req).GetBucket().GetReplication(); got != "ONE" {
		t.Errorf("replication %q", got)
	}
	if req.GetCreateBucket().Replication != "" {
		t.Error("the caller's request was changed")
	}
}

func TestRegistration(t *testing.T) {
	cfg, clk := testConfig(t, t.TempDir())
	s := openServer(t, cfg)
	nodes := startNodes(t, s, 2)
	cluster := nodes[0].beat.ClusterId
	if cluster == "" {
		t.Fatal("no cluster id in the reply")
	}
	stranger := newNode(t, s, "dn9")
	stranger.beat.ClusterId = "CID-other"
	reply, err := s.Heartbeat(testContext(t), stranger.beat)
	if err != nil || !proto.Equal(reply, &dnpb.HeartbeatReply{ClusterId: cluster}) {
		t.Errorf("a node of another cluster is told more than where it is: %v, %v", reply, err)
	}
	if err := s.node.View(func(tx *table.Txn) error {
		if table.Nodes.Has(tx, []byte("dn9")) {
			t.Error("a node of another cluster is registered")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Heartbeat(testContext(t), &dnpb.Heartbeat{}); !errors.Is(err, ozerr.InvalidArgument) {
		t.Errorf("a nameless node: %v", err)
	}
	nodes[1].beat.Node = &commonpb.Node{Id: "dn2", Host: "dn2", Address: "elsewhere:9859"}
	nodes[1].heartbeat()
	closeServer(t, s)

	s = openServer(t, cfg)
	defer closeServer(t, s)
	list := func() []*ompb.NodeInfo {
		return submit(t, s, &ompb.Request{Op: &ompb.Request_ListNodes{ListNodes: &ompb.ListNodes{}}}).GetNodes().GetNodes()
	}
	got := list()
	if len(got) != 2 || got[1].Node.Address != "elsewhere:9859" || got[0].Health != "STALE" || got[0].LastHeartbeatNs != 0 {
		t.Fatalf("after the restart: %v", got)
	}
	nodes[0].s = s
	if reply := nodes[0].heartbeat(); reply.ClusterId != cluster || !reply.Leader {
		t.Errorf("reply %v, cluster was %s", reply, cluster)
	}
	if got = list(); got[0].Health != "HEALTHY" || got[0].Capacity != 10<<30 || got[0].Version != "test" {
		t.Errorf("soft fields %v", got[0])
	}
	clk.advance(3 * time.Minute)
	if got = list(); got[0].Health != "DEAD" || got[1].Health != "DEAD" {
		t.Errorf("after three silent minutes: %s, %s", got[0].Health, got[1].Health)
	}
}

func TestLocationsHaveHealthyNodesFirst(t *testing.T) {
	cfg, clk := testConfig(t, t.TempDir())
	s := openServer(t, cfg)
	defer closeServer(t, s)
	nodes := startNodes(t, s, 3)
	ref := makeBucket(t, s)
	l := leases(t, s, 1, "THREE")[0]
	commit(t, s, ref, "key", l, 10)
	for _, alive := range nodes {
		clk.advance(time.Minute)
		alive.heartbeat()
		resp := submit(t, s, &ompb.Request{Op: &ompb.Request_GetKey{GetKey: &ompb.GetKey{Ref: ref, Key: "key"}}})
		at := resp.GetKey().GetLocations()[l.Id.Container].GetNodes()
		if len(at) != 3 || at[0].Id != alive.beat.Node.Id {
			t.Errorf("locations %v, alive is %s", at, alive.beat.Node.Id)
		}
	}
}

func deletedRows(t *testing.T, s *Server) (n int) {
	t.Helper()
	err := s.node.View(func(tx *table.Txn) error {
		state.DeletedBlocks(tx, 0, 0, func(*ompb.DeletedBlock) bool { n++; return true })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func deleteKey(t *testing.T, s *Server, ref *ompb.BucketRef, key string) {
	t.Helper()
	submit(t, s, &ompb.Request{User: "u", Op: &ompb.Request_DeleteKeys{DeleteKeys: &ompb.DeleteKeys{
		Ref: ref, Keys: []*ompb.KeyToDelete{{Key: key}}}}})
}

func TestDeletedBlocksAreSwept(t *testing.T) {
	cfg, _ := testConfig(t, t.TempDir())
	s := openServer(t, cfg)
	defer closeServer(t, s)
	nodes := startNodes(t, s, 3)
	ref := makeBucket(t, s)
	ls := leases(t, s, 2, "THREE")
	commit(t, s, ref, "gone", ls[0], 10)
	commit(t, s, ref, "kept", ls[1], 10)
	nodes[2].lazy = true
	deleteKey(t, s, ref, "gone")
	until(t, nodes, "every node has the order", func() bool {
		return len(nodes[0].taken) > 0 && len(nodes[1].taken) > 0 && len(nodes[2].taken) > 0
	})
	for _, n := range nodes {
		blocks := n.taken[0].GetDeleteBlocks().GetBlocks()
		if len(n.taken) != 1 || len(blocks) != 1 || blocks[0].Local != ls[0].Id.Local {
			t.Errorf("%s was ordered %v", n.beat.Node.Id, n.taken)
		}
	}
	if deletedRows(t, s) != 1 {
		t.Error("the row must stay while a replica may be there")
	}
	nodes[2].beat.DoneOrders = []uint64{nodes[2].taken[0].Id}
	until(t, nodes, "the row is forgotten", func() bool { return deletedRows(t, s) == 0 })
}

// Orders are soft: the next leader gives them again, under other ids.
func TestSweepGoesOnAfterARestart(t *testing.T) {
	cfg, _ := testConfig(t, t.TempDir())
	s := openServer(t, cfg)
	nodes := startNodes(t, s, 1)
	ref := makeBucket(t, s)
	commit(t, s, ref, "gone", leases(t, s, 1, "ONE")[0], 10)
	nodes[0].lazy = true
	deleteKey(t, s, ref, "gone")
	until(t, nodes, "the order is out", func() bool { return len(nodes[0].taken) > 0 })
	old := nodes[0].taken[0].Id
	closeServer(t, s)
	s = openServer(t, cfg)
	defer closeServer(t, s)
	nodes[0].s = s
	until(t, nodes, "it is out again", func() bool { return len(nodes[0].taken) > 1 })
	if nodes[0].taken[1].Id == old {
		t.Error("an order id was used twice")
	}
	nodes[0].beat.DoneOrders = []uint64{old, nodes[0].taken[1].Id}
	until(t, nodes, "the row is forgotten", func() bool { return deletedRows(t, s) == 0 })
}

func TestGraceKeepsBlocks(t *testing.T) {
	cfg, _ := testConfig(t, t.TempDir())
	cfg.DeleteGrace = time.Hour
	s := openServer(t, cfg)
	defer closeServer(t, s)
	nodes := startNodes(t, s, 1)
	ref := makeBucket(t, s)
	commit(t, s, ref, "gone", leases(t, s, 1, "ONE")[0], 10)
	deleteKey(t, s, ref, "gone")
	ten, err := s.tenure(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	err = s.node.View(func(tx *table.Txn) error {
		w := newSweeper(&s.cfg, ten.registry, ten.orders, s.propose)
		if got := w.collect(tx, time.Now().Add(time.Hour-time.Minute), 10); len(got) != 0 {
			t.Errorf("%d blocks before the grace is over", len(got))
		}
		if got := w.collect(tx, time.Now().Add(time.Hour+time.Minute), 10); len(got) != 1 {
			t.Errorf("%d blocks after it", len(got))
		}
		return nil
	})
	if err != nil || len(nodes[0].taken) != 0 {
		t.Errorf("%v, orders %v", err, nodes[0].taken)
	}
}

func TestLostOrdersAreSentAgain(t *testing.T) {
	next := uint64(0)
	ids := &idRange{kind: "order", step: 10, next: next + 1, end: 100}
	o := newOrders(ids)
	calls := 0
	for range maxOrders + 2 {
		if err := o.give(testContext(t), "dn1", &dnpb.Order{}, func() { calls++ }); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Unix(1000, 0)
	first := o.pending("dn1", now, maxOrders)
	if len(first) != maxOrders || first[0].Id != 1 {
		t.Fatalf("first %v", first)
	}
	if rest := o.pending("dn1", now, maxOrders); len(rest) != 2 {
		t.Errorf("%d orders were left", len(rest))
	}
	if again := o.pending("dn1", now.Add(resendAfter-1), maxOrders); len(again) != 0 {
		t.Errorf("%d orders repeated at once", len(again))
	}
	o.done("dn1", []uint64{1, 2, 1, 77})
	o.done("dn2", []uint64{3})
	if calls != 2 {
		t.Errorf("%d reported done", calls)
	}
	if again := o.pending("dn1", now.Add(resendAfter), maxOrders); len(again) != maxOrders || again[0].Id != 3 {
		t.Errorf("repeated %v", again)
	}
}

func TestExpiredUploadsAreAborted(t *testing.T) {
	cfg, _ := testConfig(t, t.TempDir())
	cfg.UploadExpiry, cfg.UploadInterval = time.Nanosecond, 5*time.Millisecond
	s := openServer(t, cfg)
	defer closeServer(t, s)
	ref := makeBucket(t, s)
	for range 3 {
		submit(t, s, &ompb.Request{User: "u", Op: &ompb.Request_CreateUpload{CreateUpload: &ompb.CreateUpload{Ref: ref, Key: "key"}}})
	}
	until(t, nil, "no upload is left", func() bool {
		list := submit(t, s, &ompb.Request{Op: &ompb.Request_ListUploads{ListUploads: &ompb.ListUploads{Ref: ref}}})
		return len(list.GetUploads().GetUploads()) == 0
	})
}

func TestOverTheNetwork(t *testing.T) {
	cfg, _ := testConfig(t, t.TempDir())
	cfg.Address, cfg.HTTPAddress = "127.0.0.1:0", "127.0.0.1:0"
	s := openServer(t, cfg)
	defer closeServer(t, s)
	c := rpc.NewClient(s.RPCAddr(), rpc.ClientOptions{})
	defer c.Close()
	var roles ompb.Response
	err := c.Call(testContext(t), "om.Submit", &ompb.Request{Op: &ompb.Request_GetRoles{GetRoles: &ompb.GetRoles{}}}, &roles)
	if r := roles.GetRoles().GetRoles(); err != nil || len(r) != 1 || r[0].Role != "LEADER" || r[0].Address != s.RPCAddr() {
		t.Errorf("roles %v, %v", r, err)
	}
	err = c.Call(testContext(t), "om.Submit", &ompb.Request{Op: &ompb.Request_GetVolume{GetVolume: &ompb.GetVolume{Volume: "none"}}}, &roles)
	if !errors.Is(err, ozerr.VolumeNotFound) {
		t.Errorf("an error over the network: %v", err)
	}
	var reply dnpb.HeartbeatReply
	beat := newNode(t, s, `<script>alert("x")</script>`).beat
	if err := c.Call(testContext(t), "om.Heartbeat", beat, &reply); err != nil || reply.ClusterId == "" {
		t.Errorf("heartbeat %v, %v", &reply, err)
	}
	leases(t, s, 1, "ONE")
	client := &http.Client{Timeout: patience}
	defer client.CloseIdleConnections()
	pages := []struct{ path, want string }{
		{"/", reply.ClusterId}, {"/", "HEALTHY"}, {"/", "OPEN"}, {"/healthz", "ok"}, {"/readyz", "ready"},
		{"/metrics", `ozone_om_requests_total{code="VOLUME_NOT_FOUND",op="get_volume"} 1`},
		{"/metrics", `ozone_om_datanodes{health="HEALTHY"} 1`},
	}
	for _, p := range pages {
		resp, err := client.Get("http://" + s.HTTPAddr() + p.path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), p.want) {
			t.Errorf("%s: %d, %v, without %q", p.path, resp.StatusCode, err, p.want)
		}
		if p.path == "/" {
			if strings.Contains(string(body), "<script>") {
				t.Error("a node's name is not escaped")
			}
			if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
				t.Errorf("policy %q", csp)
			}
		}
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"no directory", func(c *Config) { c.Dir = "" }, "ozone.metadata.dirs"},
		{"replication", func(c *Config) { c.Replication = 2 }, "ozone.replication is 2"},
		{"min", func(c *Config) { c.MinReplicas = 4 }, "ozone.replication.min"},
		{"sizes", func(c *Config) { c.BlockSize = c.ContainerSize + 1 }, "ozone.scm.block.size"},
		{"threshold", func(c *Config) { c.CloseThreshold = 2 }, "threshold"},
		{"no tokens", func(c *Config) { c.TokenExpiry = 0 }, "hdds.block.token.expiry.time"},
		{"short tokens", func(c *Config) { c.TokenExpiry = minTokenExpiry - 1 }, "hdds.block.token.expiry.time"},
		{"keys go before their tokens", func(c *Config) { c.TokenKeyExpiry = c.TokenKeyRotation }, "hdds.secret.key.expiry.duration"},
		{"ages", func(c *Config) { c.Placement.DeadAfter = 1 }, "dead"},
	}
	for _, tt := range tests {
		c := DefaultConfig()
		c.Dir = "x"
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		tt.change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q in it", tt.name, err, tt.want)
		}
	}
}
