package raftnode

import (
	"errors"
	"strings"
	"testing"
)

// The directory of another om is refused, and nothing in it is touched, nor taken for
// damage: it would be moved aside.
func TestDirectoryOfAnotherNode(t *testing.T) {
	cfg := oneConfig(t, t.TempDir())
	n := openOne(t, cfg)
	mustPropose(t, n, createVolume("kept"))
	closeNode(t, n)
	other := cfg
	other.ID, other.Peers = "om2", []Peer{{ID: "om2", RPCAddress: "om2:9862"}}
	if n, err := Open(other); err == nil {
		closeNode(t, n)
		t.Fatal("om2 works with the directory of om1")
	} else if errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), `of om "om1", and this is "om2"`) {
		t.Error(err)
	}
	n = openOne(t, cfg)
	defer closeNode(t, n)
	if resp, err := n.Propose(testContext(t), createVolume("kept")); err != nil || resp.Error == nil {
		t.Errorf("its volume is gone: %v %v", resp, err)
	}
}
