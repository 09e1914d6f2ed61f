package state

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/internal/identity"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
	"google.golang.org/protobuf/proto"
)

func setUser(u *ompb.SetUser) *ompb.Request {
	return &ompb.Request{Op: &ompb.Request_SetUser{SetUser: u}}
}

func deleteUser(name string) *ompb.Request {
	return &ompb.Request{Op: &ompb.Request_DeleteUser{DeleteUser: &ompb.DeleteUser{Name: name}}}
}

func findUser(f *ompb.FindUser) *ompb.Request {
	return &ompb.Request{Op: &ompb.Request_FindUser{FindUser: f}}
}

func TestUsers(t *testing.T) {
	m := testMachine(t)
	u := m.must(setUser(&ompb.SetUser{Name: "alice", Create: true, Email: proto.String("Alice@example.com")})).GetUser()
	if u.CanonicalId != identity.CanonicalID("alice") || u.DisplayName != "alice" || u.Email != "Alice@example.com" || u.CreatedNs == 0 || u.HasSecret {
		t.Errorf("made %v", u)
	}
	m.must(setUser(&ompb.SetUser{Name: "bob", DisplayName: proto.String("Bob B.")}))
	for _, f := range []*ompb.FindUser{{Name: "alice"}, {CanonicalId: identity.CanonicalID("alice")}, {Email: "alice@EXAMPLE.com"}} {
		if got := m.must(findUser(f)).GetUser(); !proto.Equal(got, u) {
			t.Errorf("%v finds %v", f, got)
		}
	}
	m.wants(setUser(&ompb.SetUser{Name: "alice", Create: true}), ozerr.UserAlreadyExists)
	m.wants(setUser(&ompb.SetUser{Name: "carol", MustExist: true}), ozerr.UserNotFound)
	m.wants(setUser(&ompb.SetUser{Name: "carol", Email: proto.String("ALICE@example.com")}), ozerr.UserAlreadyExists)
	m.wants(findUser(&ompb.FindUser{Name: "carol"}), ozerr.UserNotFound)
	m.wants(findUser(&ompb.FindUser{CanonicalId: identity.CanonicalID("carol")}), ozerr.UserNotFound) // the failure left nothing
	m.wants(findUser(&ompb.FindUser{}), ozerr.UserNotFound)

	// What is not given stays; an address that is given up is free.
	u = m.must(setUser(&ompb.SetUser{Name: "alice", DisplayName: proto.String("A.")})).GetUser()
	if u.DisplayName != "A." || u.Email != "Alice@example.com" || u.ModifiedNs <= u.CreatedNs {
		t.Errorf("changed to %v", u)
	}
	m.must(setUser(&ompb.SetUser{Name: "alice", Email: proto.String("alice@example.com")})) // one's own, other case
	m.must(setUser(&ompb.SetUser{Name: "alice", Email: proto.String("")}))
	m.must(setUser(&ompb.SetUser{Name: "bob", Email: proto.String("alice@example.com")}))
	m.must(deleteUser("bob"))
	m.wants(deleteUser("bob"), ozerr.UserNotFound)
	m.wants(findUser(&ompb.FindUser{Email: "alice@example.com"}), ozerr.UserNotFound)
	m.wants(findUser(&ompb.FindUser{CanonicalId: identity.CanonicalID("bob")}), ozerr.UserNotFound)
	m.must(setUser(&ompb.SetUser{Name: "carol", Email: proto.String("alice@example.com")}))
}

func TestUserNames(t *testing.T) {
	m := testMachine(t)
	for _, name := range []string{"a", "AKIAIOSFODNN7EXAMPLE", "user/host@REALM", strings.Repeat("x", 128), "a=b;c"} {
		m.must(setUser(&ompb.SetUser{Name: name}))
	}
	for _, name := range []string{"", "a b", "a\n", "ä", "a,b", "a:b", strings.Repeat("x", 129), identity.Anonymous, "\x7f"} {
		m.wants(setUser(&ompb.SetUser{Name: name}), ozerr.InvalidArgument)
	}
	for _, u := range []*ompb.SetUser{
		{DisplayName: proto.String(strings.Repeat("x", 256))}, {DisplayName: proto.String("a\x00")}, {DisplayName: proto.String("\xff")},
		{Email: proto.String("nobody")}, {Email: proto.String("a b@c")}, {Email: proto.String("a@b@c")}, {Email: proto.String("@b")},
		{Email: proto.String("a@" + strings.Repeat("x", 254))},
	} {
		u.Name = "dave"
		m.wants(setUser(u), ozerr.InvalidArgument)
	}
	m.wants(findUser(&ompb.FindUser{Name: "dave"}), ozerr.UserNotFound)
}

func TestListUsers(t *testing.T) {
	m := testMachine(t)
	for i := range 7 {
		m.must(setUser(&ompb.SetUser{Name: fmt.Sprint("team-", i), SealedSecret: []byte("sealed")}))
	}
	m.must(setUser(&ompb.SetUser{Name: "zoe"}))
	var got []string
	after := ""
	for more := true; more; {
		list := m.must(&ompb.Request{Op: &ompb.Request_ListUsers{ListUsers: &ompb.ListUsers{Prefix: "team", After: after, Limit: 3}}}).GetUsers()
		for _, u := range list.Users {
			got, after = append(got, u.Name), u.Name
			if !u.HasSecret || u.SealedSecret != nil {
				t.Errorf("listed %v", u)
			}
		}
		more = list.Truncated
	}
	if want := "team-0 team-1 team-2 team-3 team-4 team-5 team-6"; strings.Join(got, " ") != want {
		t.Errorf("listed %v", got)
	}
}

// A secret is made once, replaced, and revoked; a retry gets the secret that was made.
func TestSealedSecrets(t *testing.T) {
	m := testMachine(t)
	sealed := func(name string) string {
		tx := m.db.View()
		defer tx.Discard()
		return string(SealedSecret(tx, name))
	}
	first := func(secret string) *ompb.Request {
		r := setUser(&ompb.SetUser{Name: "alice", SealedSecret: []byte(secret), IfNoSecret: true})
		r.ClientId, r.Sequence = "c", 1
		return r
	}
	if u := m.must(first("one")).GetUser(); string(u.SealedSecret) != "one" || !u.HasSecret {
		t.Errorf("answer %v", u)
	}
	if u := m.must(first("two")).GetUser(); string(u.SealedSecret) != "one" || sealed("alice") != "one" {
		t.Errorf("a retry answers %v", u)
	}
	m.wants(setUser(&ompb.SetUser{Name: "alice", SealedSecret: []byte("two"), IfNoSecret: true}), ozerr.SecretAlreadyShown)
	m.must(setUser(&ompb.SetUser{Name: "alice", SealedSecret: []byte("three")}))
	if sealed("alice") != "three" {
		t.Error("not replaced")
	}
	if u := m.must(setUser(&ompb.SetUser{Name: "alice", DisplayName: proto.String("A")})).GetUser(); u.SealedSecret != nil || !u.HasSecret || sealed("alice") != "three" {
		t.Errorf("another change answers %v", u)
	}
	m.must(setUser(&ompb.SetUser{Name: "alice", MustExist: true, SealedSecret: []byte{}}))
	if sealed("alice") != "" {
		t.Error("not revoked")
	}
	m.wants(setUser(&ompb.SetUser{Name: "alice", MustExist: true, SealedSecret: []byte{}}), ozerr.UserNotFound)
	m.must(setUser(&ompb.SetUser{Name: "alice", SealedSecret: []byte("four"), IfNoSecret: true}))
	m.must(deleteUser("alice"))
	if sealed("alice") != "" {
		t.Error("deleted, but its secret is there")
	}
	tx := m.db.View()
	defer tx.Discard()
	table.UserNames.Scan(tx, nil, nil, func(key, _ []byte) bool {
		t.Errorf("row %q is left", key)
		return true
	})
}
