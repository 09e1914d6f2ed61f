package om

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/internal/keyfile"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/internal/rpc"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

func secretRequest(name string, action ompb.GetSecret_Action, secret string) *ompb.Request {
	return &ompb.Request{Op: &ompb.Request_GetSecret{GetSecret: &ompb.GetSecret{Name: name, Action: action, Secret: secret}}}
}

func wantError(t testing.TB, s *Server, req *ompb.Request, code ozerr.Code) {
	t.Helper()
	if _, err := s.Submit(testContext(t), req); !errors.Is(err, code) {
		t.Errorf("%v: %v, want %s", req, err, code)
	}
}

func TestSecrets(t *testing.T) {
	const get, set, revoke, verify = ompb.GetSecret_GET, ompb.GetSecret_SET, ompb.GetSecret_REVOKE, ompb.GetSecret_VERIFY
	dir := t.TempDir()
	cfg, _ := testConfig(t, dir)
	cfg.Secure = true
	var log bytes.Buffer
	s, err := Open(cfg, zerolog.New(zerolog.SyncWriter(&log)))
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, s, secretRequest("alice", verify, ""), ozerr.UserNotFound)
	first := secretRequest("alice", get, "")
	first.ClientId, first.Sequence = "c", 1
	made := submit(t, s, first).GetUser()
	if len(made.Secret) != newSecretLen || made.Name != "alice" || !made.HasSecret || made.SealedSecret != nil {
		t.Fatalf("made %d characters for %s", len(made.Secret), made.Name)
	}
	if again := submit(t, s, first).GetUser().Secret; again != made.Secret { // its answer was lost
		t.Error("a retry gets another secret")
	}
	wantError(t, s, secretRequest("alice", get, ""), ozerr.SecretAlreadyShown)
	if got := submit(t, s, secretRequest("alice", verify, "")).GetUser().Secret; got != made.Secret {
		t.Error("a gateway gets another secret")
	}
	if other := submit(t, s, secretRequest("bob", get, "")).GetUser().Secret; other == made.Secret {
		t.Error("two users, one secret")
	}
	for _, bad := range []string{"", "7-chars", "with a space", "ümlautümlaut", strings.Repeat("x", 257)} {
		wantError(t, s, secretRequest("alice", set, bad), ozerr.InvalidArgument)
	}
	submit(t, s, secretRequest("alice", set, "8-chars!"))
	if got := submit(t, s, secretRequest("alice", verify, "")).GetUser().Secret; got != "8-chars!" {
		t.Errorf("set, but it is %q", got)
	}
	find := &ompb.Request{Op: &ompb.Request_FindUser{FindUser: &ompb.FindUser{Name: "alice"}}}
	if u := submit(t, s, find).GetUser(); !u.HasSecret || u.Secret != "" || u.SealedSecret != nil {
		t.Errorf("the user is told with its secret: %v", u)
	}
	submit(t, s, secretRequest("alice", revoke, ""))
	wantError(t, s, secretRequest("alice", verify, ""), ozerr.UserNotFound)
	wantError(t, s, secretRequest("alice", revoke, ""), ozerr.UserNotFound)
	wantError(t, s, secretRequest("nobody", revoke, ""), ozerr.UserNotFound)
	wantError(t, s, secretRequest("not a name", get, ""), ozerr.InvalidArgument)
	smuggled := &ompb.Request{Op: &ompb.Request_SetUser{SetUser: &ompb.SetUser{Name: "bob", SealedSecret: []byte("x")}}}
	wantError(t, s, smuggled, ozerr.PermissionDenied)
	submit(t, s, secretRequest("alice", set, "secret-at-rest"))
	closeServer(t, s)

	for _, secret := range []string{made.Secret, "secret-at-rest", "8-chars!"} {
		if strings.Contains(log.String(), secret) {
			t.Error("a secret is in the log")
		}
		notOnDisk(t, dir, secret)
	}
	s = openServer(t, cfg)
	if got := submit(t, s, secretRequest("alice", verify, "")).GetUser().Secret; got != "secret-at-rest" {
		t.Errorf("after a restart it is %q", got)
	}
	closeServer(t, s)

	// With another key nothing opens, and the error says what is wrong.
	cfg.SecretKey = strings.Repeat("ab", keyfile.Size)
	s = openServer(t, cfg)
	defer closeServer(t, s)
	_, err = s.Submit(testContext(t), secretRequest("alice", verify, ""))
	if !errors.Is(err, ozerr.Internal) || !strings.Contains(err.Error(), "another key") {
		t.Errorf("another key: %v", err)
	}
}

// notOnDisk checks that no file under dir holds text.
func notOnDisk(t testing.TB, dir, text string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(text)) {
			t.Errorf("a secret is in %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestOpenModeHasNoSecrets(t *testing.T) {
	dir := t.TempDir()
	cfg, _ := testConfig(t, dir)
	s := openServer(t, cfg)
	defer closeServer(t, s)
	wantError(t, s, secretRequest("alice", ompb.GetSecret_GET, ""), ozerr.NotSupported)
	for _, name := range []string{"admin.key", "secret.key"} {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The rpc of a secure om wants the key that om made, and keeps it.
func TestAdminKeyOnTheRPC(t *testing.T) {
	dir := t.TempDir()
	cfg, _ := testConfig(t, dir)
	cfg.Secure, cfg.Address = true, "127.0.0.1:0"
	for range 2 { // the second start uses the key of the first
		s := openServer(t, cfg)
		key, err := keyfile.Load(filepath.Join(dir, "admin.key"))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			key  []byte
			want error
		}{{key, nil}, {nil, ozerr.AdminKeyRefused}, {make([]byte, keyfile.Size), ozerr.AdminKeyRefused}} {
			caller := rpc.NewClient(s.RPCAddr(), rpc.ClientOptions{Key: c.key})
			var resp ompb.Response
			err := caller.Call(testContext(t), "om.Submit", &ompb.Request{Op: &ompb.Request_GetRoles{GetRoles: &ompb.GetRoles{}}}, &resp)
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			_ = caller.Close()
		}
		closeServer(t, s)
		cfg.AdminKeyFile = filepath.Join(dir, "admin.key")
	}
}

// A sealed secret opens for its user only, and not when a bit of it changed.
func TestSeal(t *testing.T) {
	s, err := newSealer(bytes.Repeat([]byte{1}, keyfile.Size))
	if err != nil {
		t.Fatal(err)
	}
	sealed := s.seal("alice", "secret")
	if got, err := s.open("alice", sealed); got != "secret" || err != nil {
		t.Errorf("%q %v", got, err)
	}
	if bytes.Equal(sealed, s.seal("alice", "secret")) {
		t.Error("the same secret looks the same twice")
	}
	if _, err := s.open("bob", sealed); err == nil {
		t.Error("another's secret opens")
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := s.open("alice", bad); err == nil {
			t.Errorf("byte %d does not matter", i)
		}
	}
	for i := range sealed {
		if _, err := s.open("alice", sealed[:i]); err == nil {
			t.Errorf("%d bytes of it open", i)
		}
	}
}
