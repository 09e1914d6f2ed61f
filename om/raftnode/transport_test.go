package raftnode

import (
	"bytes"
	"net"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/mini-ozone/mini-ozone/internal/rpc"
)

// With a key only who knows it is heard, and a stranger who says nothing keeps nobody
// waiting.
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
