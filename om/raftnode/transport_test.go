package raftnode

import (
	"bytes"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/mini-ozone/mini-ozone/internal/rpc"
)

// With a key only who knows it is heard, and a stranger who says nothing keeps nobody
// waiting.
// TestCloseWithASilentPeer: a peer that takes connections and never answers, as a frozen
// process does, does not hold up the end of this one. (Found by the chaos runner: an om
// took 20 s to stop while another was frozen.)
func TestCloseWithASilentPeer(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	asked := make(chan struct{}, 64)
	var conns []net.Conn
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := silent.Accept()
			if err != nil {
				break
			}
			conns = append(conns, c)
			asked <- struct{}{}
		}
		for _, c := range conns {
			_ = c.Close() // kept open for its silence only
		}
	})
	own, err := net.Listen("tcp", "127.0.0.1:0") // for a free address
	if err != nil {
		t.Fatal(err)
	}
	cfg := oneConfig(t, t.TempDir())
	cfg.Listen = own.Addr().String()
	cfg.Peers = []Peer{
		{ID: "om1", RaftAddress: cfg.Listen}, {ID: "om2", RaftAddress: silent.Addr().String()}, {ID: "om3", RaftAddress: "127.0.0.1:1"},
	}
	if err := own.Close(); err != nil {
		t.Fatal(err)
	}
	n, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-asked:
	case <-time.After(patience):
		t.Fatal("the peer was never asked for its vote")
	}
	began := time.Now()
	closeNode(t, n)
	if took := time.Since(began); took > 6*time.Second { // the transport waits 10 s for an answer
		t.Errorf("it took %v to close", took)
	}
	_ = silent.Close() // ends the goroutine
	wg.Wait()
}

func TestStreamWithKey(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 32)
	open := func(key []byte) *stream {
		secure, err := rpc.NewCredentials(key, "mini-ozone-raft/1")
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := newStream(l, raft.ServerAddress(l.Addr().String()), secure)
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	server := open(key)
	silent, err := net.Dial("tcp", string(server.advertise))
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if _, err := open(bytes.Repeat([]byte{8}, 32)).Dial(server.advertise, time.Minute); err == nil {
		t.Error("another key is taken")
	}
	peer, err := open(key).Dial(server.advertise, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	heard, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if heard.RemoteAddr().String() != peer.LocalAddr().String() {
		t.Errorf("heard %v, want %v", heard.RemoteAddr(), peer.LocalAddr())
	}
	if _, err := peer.Write([]byte("raft")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 4)
	if _, err := heard.Read(got); err != nil || string(got) != "raft" {
		t.Errorf("%q %v", got, err)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if _, err := server.Accept(); err == nil {
		t.Error("accepts after Close")
	}
}
