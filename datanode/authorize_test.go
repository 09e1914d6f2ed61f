package datanode_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/client/dnclient"
	"github.com/mini-ozone/mini-ozone/internal/adminkey"
	"github.com/mini-ozone/mini-ozone/internal/blocktoken"
	"github.com/mini-ozone/mini-ozone/internal/crc32c"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/internal/rpc"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

var adminKey = bytes.Repeat([]byte{5}, 32)

func tokenKey(id uint64) *dnpb.TokenKey {
	return &dnpb.TokenKey{Id: id, Secret: bytes.Repeat([]byte{byte(id)}, blocktoken.KeySize), ExpiresNs: time.Now().Add(240 * time.Hour).UnixNano()}
}

// knowing is an om that tells a key.
func knowing(key *dnpb.TokenKey) *fakeOM {
	om := newOM()
	om.answering(func(*dnpb.Heartbeat) (*dnpb.HeartbeatReply, error) {
		return &dnpb.HeartbeatReply{ClusterId: "CID-1", Leader: true, TokenKeys: []*dnpb.TokenKey{key}}, nil
	})
	return om
}

// The security table: each method with each kind of token, over the network and by direct
// calls, in secure mode and in open mode, where tokens don't matter.
func TestBlockTokens(t *testing.T) {
	key := tokenKey(1)
	om, other := blocktoken.NewMinter(key), blocktoken.NewMinter(tokenKey(2))
	stored, fresh := &commonpb.BlockID{Container: 5, Local: 1}, &commonpb.BlockID{Container: 5, Local: 2}
	whole, elsewhere := &commonpb.BlockID{Container: 5}, &commonpb.BlockID{Container: 6}
	data, in, past := []byte("hello"), time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	type tokens struct{ write, read, list []byte }
	for _, c := range []struct {
		name   string
		tokens tokens
		code   ozerr.Code // "": it is taken
	}{
		{"none", tokens{}, ozerr.BlockTokenRefused},
		{"garbage", tokens{[]byte("garbage"), []byte("garbage"), []byte("garbage")}, ozerr.BlockTokenRefused},
		{"for another block", tokens{om.Write(stored, 100, "u", in), om.Read(fresh, "u", in), om.Read(elsewhere, "u", in)}, ozerr.BlockTokenRefused},
		{"for something else", tokens{om.Read(fresh, "u", in), om.Write(stored, 100, "u", in), om.Write(whole, 100, "u", in)}, ozerr.BlockTokenRefused},
		{"a block's for the container, and the other way", tokens{om.Write(whole, 100, "u", in), om.Write(whole, 100, "u", in), om.Read(stored, "u", in)}, ozerr.BlockTokenRefused},
		{"expired", tokens{om.Write(fresh, 100, "u", past), om.Read(stored, "u", past), om.Read(whole, "u", past)}, ozerr.BlockTokenRefused},
		{"too long a block", tokens{write: om.Write(fresh, 4, "u", in)}, ozerr.BlockTokenRefused},
		{"made with an unknown key", tokens{other.Write(fresh, 100, "u", in), other.Read(stored, "u", in), other.Read(whole, "u", in)}, ozerr.Unavailable},
		{"right", tokens{om.Write(fresh, 5, "u", in), om.Read(stored, "u", in), om.Read(whole, "u", in)}, ""},
		{"the container's, for reading", tokens{om.Write(fresh, 100, "u", in), om.Read(whole, "u", in), om.Read(whole, "u", in)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, secure := range []bool{true, false} {
				cfg := config(t)
				if secure {
					cfg.AdminKey = adminKey
				}
				beats := knowing(key)
				s := start(t, cfg, beats)
				req := &dnpb.WriteRequest{
					Block: stored, Crc32C: crc32c.Sum(data), Commit: true, BlockLength: 5, BlockCrc32C: crc32c.Sum(data), Token: om.Write(stored, 5, "u", in),
				}
				putInTime(t, s, req, data)
				pool := dnclient.NewPool(dnclient.Options{Timeout: 30 * time.Second, RPC: rpc.ClientOptions{Key: cfg.AdminKey, DialTimeout: 30 * time.Second}})
				defer pool.Close()
				for name, node := range map[string]interface {
					Write(context.Context, *dnpb.WriteRequest, []byte) error
					Read(context.Context, *dnpb.ReadRequest, []byte) (*dnpb.ReadResponse, []byte, error)
					ListBlocks(context.Context, *dnpb.ListBlocksRequest) (*dnpb.ListBlocksResponse, error)
				}{"direct": s, "remote": pool.At(s.RPCAddr())} {
					_, payload, readErr := node.Read(ctx, &dnpb.ReadRequest{Block: stored, Length: 5, Token: c.tokens.read}, make([]byte, 100))
					list, listErr := node.ListBlocks(ctx, &dnpb.ListBlocksRequest{Container: 5, Token: c.tokens.list})
					write := &dnpb.WriteRequest{Block: fresh, Crc32C: crc32c.Sum(data), BlockLength: 5, Token: c.tokens.write}
					writeErr := node.Write(ctx, write, data)
					for method, err := range map[string]error{"Read": readErr, "ListBlocks": listErr, "Write": writeErr} {
						want := c.code
						if !secure {
							want = ""
						}
						if c.tokens.list == nil && c.tokens.write != nil && method != "Write" {
							continue // a matter of Write only
						}
						if want == "" && err != nil || want != "" && !errors.Is(err, want) {
							t.Errorf("secure %t, %s %s: %v, want %q", secure, name, method, err, want)
						}
					}
					if readErr != nil && len(payload) > 0 || listErr != nil && list != nil {
						t.Errorf("secure %t, %s: something was told beside the error", secure, name)
					}
				}
			}
		})
	}
}

// putInTime writes, and again as a client would while the datanode has not heard of the key
// of the token: on a slow machine that may take longer than a call waits.
func putInTime(t *testing.T, s client.Blocks, req *dnpb.WriteRequest, data []byte) {
	t.Helper()
	for late := time.Now().Add(time.Minute); ; {
		err := s.Write(ctx, req, data)
		if errors.Is(err, ozerr.Unavailable) && time.Now().Before(late) {
			continue
		}
		if err != nil {
			t.Error(err)
		}
		return
	}
}

// Expiry is judged by the datanode's clock, with some tolerance.
func TestBlockTokensExpire(t *testing.T) {
	var ahead atomic.Int64
	cfg := config(t)
	cfg.AdminKey = adminKey
	cfg.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	s := start(t, cfg, knowing(tokenKey(1)))
	id := &commonpb.BlockID{Container: 5, Local: 1}
	m, expires := blocktoken.NewMinter(tokenKey(1)), time.Now().Add(time.Hour)
	req := &dnpb.WriteRequest{Block: id, Crc32C: crc32c.Sum([]byte("x")), Commit: true, BlockLength: 1, BlockCrc32C: crc32c.Sum([]byte("x")), Token: m.Write(id, 1, "", expires)}
	putInTime(t, s, req, []byte("x"))
	read := func() error {
		_, _, err := s.Read(ctx, &dnpb.ReadRequest{Block: id, Length: 1, Token: m.Read(id, "", expires)}, make([]byte, 10))
		return err
	}
	ahead.Store(int64(time.Hour))
	if err := read(); err != nil {
		t.Errorf("at the end: %v", err)
	}
	ahead.Store(int64(time.Hour + 2*blocktoken.Skew))
	if err := read(); !errors.Is(err, ozerr.BlockTokenRefused) || !strings.Contains(err.Error(), "expired") {
		t.Errorf("after the end: %v", err)
	}
}

// A token that comes before its key is not refused: the datanode asks om at once, and the
// call goes on when the key is here.
func TestLateTokenKey(t *testing.T) {
	cfg := config(t) // a heartbeat each minute
	cfg.AdminKey = adminKey
	om := newOM() // tells no key
	s := start(t, cfg, om)
	om.until(t, "anything", anyBeat)
	id := &commonpb.BlockID{Container: 5, Local: 1}
	req := &dnpb.WriteRequest{Block: id, Crc32C: crc32c.Sum([]byte("x")), Commit: true, BlockLength: 1, BlockCrc32C: crc32c.Sum([]byte("x")),
		Token: blocktoken.NewMinter(tokenKey(1)).Write(id, 1, "", time.Now().Add(time.Hour))}
	om.answering(func(*dnpb.Heartbeat) (*dnpb.HeartbeatReply, error) {
		return &dnpb.HeartbeatReply{ClusterId: "CID-1", TokenKeys: []*dnpb.TokenKey{tokenKey(1)}}, nil
	})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { putInTime(t, s, req, []byte("x")) })
	}
	wg.Wait()
}

// In secure mode the pages are for who knows the token that follows from the admin key.
func TestPagesAreGuarded(t *testing.T) {
	cfg := config(t)
	cfg.AdminKey, cfg.Pprof = adminKey, true
	s := start(t, cfg, knowing(tokenKey(1)))
	for path, free := range map[string]bool{"/healthz": true, "/": false, "/metrics": false, "/debug/pprof/cmdline": false} {
		for _, token := range []string{"", adminkey.PagesToken(adminKey)} {
			req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+s.HTTPAddr()+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+token)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if ok := resp.StatusCode == http.StatusOK; ok != (free || token != "") {
				t.Errorf("%s with %q: %d", path, token, resp.StatusCode)
			}
		}
	}
	http.DefaultClient.CloseIdleConnections()
}
