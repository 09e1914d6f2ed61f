package blocktoken

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func tokenKey(id uint64, b byte) *dnpb.TokenKey {
	return &dnpb.TokenKey{Id: id, Secret: bytes.Repeat([]byte{b}, KeySize), ExpiresNs: now.Add(24 * time.Hour).UnixNano()}
}

func block(container, local uint64) *commonpb.BlockID {
	return &commonpb.BlockID{Container: container, Local: local}
}

func TestVerify(t *testing.T) {
	var keys Keys
	if !keys.Add([]*dnpb.TokenKey{tokenKey(1, 1), tokenKey(2, 2)}, now) {
		t.Fatal("the keys are not new")
	}
	m, soon := NewMinter(tokenKey(2, 2)), now.Add(time.Hour)
	read, write, all := m.Read(block(5, 7), "alice", soon), m.Write(block(5, 7), 100, "alice", soon), m.Read(block(5, 0), "", soon)
	readUse, writeUse, listUse := Use{Block: block(5, 7)}, Use{Block: block(5, 7), Write: true, Length: 100}, Use{Block: block(5, 0), Container: true}
	changed := bytes.Clone(write)
	changed[3] ^= 1
	for _, c := range []struct {
		name  string
		token []byte
		use   Use
		at    time.Time
		want  string // "": it is taken
	}{
		{"read", read, readUse, now, ""},
		{"write", write, writeUse, now, ""},
		{"read by the container's", all, readUse, now, ""},
		{"list", all, listUse, now, ""},
		{"none", nil, readUse, now, "there is none"},
		{"garbage", []byte("garbage"), readUse, now, "none that this version knows"},
		{"much garbage", bytes.Repeat([]byte{1}, 1<<20), readUse, now, "none that this version knows"},
		{"garbage in the right form", append([]byte{1, 0xff}, bytes.Repeat([]byte{9}, 40)...), readUse, now, "damaged"},
		{"changed", changed, writeUse, now, "block token"},
		{"cut", write[:len(write)-1], writeUse, now, "block token"},
		{"another block", read, Use{Block: block(5, 8)}, now, "for block 5/7"},
		{"another container", read, Use{Block: block(6, 7)}, now, "for block 5/7"},
		{"the container's elsewhere", all, Use{Block: block(6, 7)}, now, "for block 5/0"},
		{"write with a read token", read, writeUse, now, "not for this"},
		{"write with the container's", all, writeUse, now, "for block 5/0"},
		{"write the block 0", m.Write(block(5, 0), 100, "", soon), Use{Block: block(5, 0), Write: true}, now, "for block 5/0"},
		{"read with a write token", write, readUse, now, "not for this"},
		{"list with a block's", read, listUse, now, "for block 5/7"},
		{"too long", write, Use{Block: block(5, 7), Write: true, Length: 101}, now, "at most 100 bytes"},
		{"just expired, by our clock", read, readUse, soon.Add(Skew), ""},
		{"expired", read, readUse, soon.Add(Skew + 1), "expired"},
		{"om's clock is ahead", read, readUse, now.Add(-Skew), ""},
		{"unknown key", NewMinter(tokenKey(3, 2)).Read(block(5, 7), "", soon), readUse, now, "not known"},
		{"the secret of another key", NewMinter(tokenKey(1, 2)).Read(block(5, 7), "", soon), readUse, now, "not made by om"},
		{"the other key", NewMinter(tokenKey(1, 1)).Read(block(5, 7), "", soon), readUse, now, ""},
	} {
		err := keys.Verify(c.token, c.use, c.at)
		if c.want == "" && err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.want != "" && (!errors.Is(err, ozerr.BlockTokenRefused) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	var none Keys
	if err := none.Verify(read, readUse, now); !errors.Is(err, ErrUnknownKey) || !errors.Is(err, ozerr.BlockTokenRefused) {
		t.Errorf("without keys: %v", err)
	}
}

// Keys go when they have expired, and no token outlives its own. What came first stays:
// nobody changes a key.
func TestKeys(t *testing.T) {
	var keys Keys
	k := tokenKey(1, 1)
	keys.Add([]*dnpb.TokenKey{k}, now)
	if keys.Add([]*dnpb.TokenKey{tokenKey(1, 9)}, now) || keys.Add([]*dnpb.TokenKey{{Id: 4, Secret: []byte("short"), ExpiresNs: k.ExpiresNs}}, now) {
		t.Error("a known key, or one that is none, is new")
	}
	token := NewMinter(k).Read(block(5, 7), "", now.Add(1000*time.Hour))
	if err := keys.Verify(token, Use{Block: block(5, 7)}, now.Add(24*time.Hour)); err != nil {
		t.Error(err)
	}
	late := now.Add(24*time.Hour + Skew + 1)
	if err := keys.Verify(token, Use{Block: block(5, 7)}, late); err == nil {
		t.Error("it outlived its key")
	}
	keys.Add(nil, late)
	if keys.Add([]*dnpb.TokenKey{k}, late) { // by an om whose clock is behind, with each heartbeat
		t.Error("a key that has expired is new")
	}
	if err := keys.Verify(token, Use{Block: block(5, 7)}, now); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("after the key went: %v", err)
	}
}

// No change of a token, and nothing made up, is taken.
func FuzzVerify(f *testing.F) {
	var keys Keys
	keys.Add([]*dnpb.TokenKey{tokenKey(1, 1)}, now)
	m, soon := NewMinter(tokenKey(1, 1)), now.Add(time.Hour)
	good := [][]byte{m.Read(block(5, 7), "alice", soon), m.Read(block(5, 0), "", soon), m.Write(block(5, 7), 10, "alice", soon)}
	for _, g := range good {
		f.Add(g)
		f.Add(g[:len(g)-1])
		f.Add(append(bytes.Clone(g), 0))
	}
	f.Add([]byte{})
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, token []byte) {
		ours := slices.ContainsFunc(good, func(g []byte) bool { return bytes.Equal(g, token) })
		taken := false
		for _, use := range []Use{{Block: block(5, 7)}, {Block: block(5, 7), Write: true, Length: 10}, {Block: block(5, 0), Container: true}} {
			err := keys.Verify(token, use, now)
			taken = taken || err == nil
			if err != nil && !errors.Is(err, ozerr.BlockTokenRefused) {
				t.Fatal(err)
			}
		}
		if taken != ours {
			t.Fatalf("%x: taken %t", token, taken)
		}
	})
}

func BenchmarkMint(b *testing.B) {
	m := NewMinter(tokenKey(1, 1))
	id := block(1234, 1<<30)
	b.ReportAllocs()
	for b.Loop() {
		m.Read(id, "alice", now)
	}
}

func BenchmarkVerify(b *testing.B) {
	var keys Keys
	keys.Add([]*dnpb.TokenKey{tokenKey(1, 1)}, now)
	id := block(1234, 1<<30)
	token := NewMinter(tokenKey(1, 1)).Read(id, "alice", now)
	b.ReportAllocs()
	for b.Loop() {
		if err := keys.Verify(token, Use{Block: id}, now); err != nil {
			b.Fatal(err)
		}
	}
}
