package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/client/dnclient"
	"github.com/mini-ozone/mini-ozone/client/omclient"
	"github.com/mini-ozone/mini-ozone/conf"
	"github.com/mini-ozone/mini-ozone/internal/keyfile"
	"github.com/mini-ozone/mini-ozone/internal/local"
	"github.com/mini-ozone/mini-ozone/internal/rpc"
	"github.com/mini-ozone/mini-ozone/ozonetest"
)

// secureCluster is a secure store and the file with its admin key.
func secureCluster(t *testing.T) (om, keyFile string) {
	t.Helper()
	dir := t.TempDir()
	store := ozonetest.Start(t, ozonetest.Secure(), ozonetest.DataDir(dir))
	return store.OMAddress(), filepath.Join(dir, "admin.key")
}

func TestSecrets(t *testing.T) {
	om, keyFile := secureCluster(t)
	admin := func(args ...string) outcome {
		return runNetwork(t, om, append([]string{"-D", "ozone.admin.key.file=" + keyFile}, args...)...)
	}
	got := admin("s3", "getsecret", "-u", "alice")
	m := regexp.MustCompile(`^awsAccessKey=alice\nawsSecret=(\S{40})\n$`).FindStringSubmatch(got.out)
	if m == nil || got.code != 0 || got.err != "" {
		t.Fatalf("getsecret: %s", got)
	}
	if r := admin("s3", "getsecret", "-u", "bob", "-e"); !regexp.MustCompile(`^export AWS_ACCESS_KEY_ID='bob'\nexport AWS_SECRET_ACCESS_KEY='\S{40}'\n$`).MatchString(r.out) {
		t.Errorf("getsecret -e: %s", r)
	}
	for _, step := range []struct {
		args, out, err string
		code           int
	}{
		{"s3 getsecret -u alice", "", "S3_SECRET_ALREADY_EXISTS user alice has a secret, which was shown when it was made; setsecret replaces it, revokesecret takes it away\n", 255},
		{"s3 setsecret -u alice -s short", "", "INVALID_ARGUMENT a secret has 8 to 256 characters\n", 255},
		{"s3 setsecret -u alice -s long-enough", "awsAccessKey=alice\nawsSecret=long-enough\n", "", 0},
		{"s3 revokesecret -u alice -y", "S3 secret revoked.\n", "", 0},
		{"s3 revokesecret -u alice -y", "", "USER_NOT_FOUND user alice has no secret\n", 255},
		{"s3 revokesecret -u nobody -y", "", "USER_NOT_FOUND user nobody does not exist\n", 255},
		{"s3 user create alice", "", "USER_ALREADY_EXISTS user alice already exists\n", 255},
		{"s3 user create carol --display-name Carol --email carol@example.com", "User carol is created\n", "", 0},
		{"s3 user set alice --email Carol@Example.com", "", "USER_ALREADY_EXISTS the e-mail address Carol@Example.com is another user's\n", 255},
		{"s3 user set nobody --email a@b", "", "USER_NOT_FOUND user nobody does not exist\n", 255},
		{"s3 user list", "alice\nbob\ncarol\n", "", 0},
		{"s3 user list --prefix b", "bob\n", "", 0},
		{"s3 user delete bob -y", "User bob is deleted\n", "", 0},
		{"s3 user info bob", "", "USER_NOT_FOUND user bob does not exist\n", 255},
	} {
		r := admin(strings.Fields(step.args)...)
		if r.out != step.out || r.err != step.err || r.code != step.code {
			t.Errorf("%s:\n%s", step.args, r)
		}
	}
	var u struct {
		Name, DisplayName, Email, CanonicalID string
		HasSecret                             bool
	}
	if err := json.Unmarshal([]byte(admin("s3", "user", "info", "carol", "--json").out), &u); err != nil ||
		u.Name != "carol" || u.Email != "carol@example.com" || u.DisplayName != "Carol" || len(u.CanonicalID) != 64 || u.HasSecret {
		t.Errorf("%+v %v", u, err)
	}
	if r := admin("s3", "getsecret", "-u", "alice"); !strings.HasPrefix(r.out, "awsAccessKey=alice\nawsSecret=") || strings.Contains(r.out, m[1]) {
		t.Errorf("after revocation: %s", r) // a new one
	}
}

// Without the right key nothing works, and one line says why, at once.
func TestAdminKey(t *testing.T) {
	om, keyFile := secureCluster(t)
	other := filepath.Join(t.TempDir(), "other.key")
	if err := os.WriteFile(other, bytes.Repeat([]byte("ab"), 32), 0o600); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(keyFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the admin key's file: %v %v", info, err)
	}
	for _, command := range []string{"sh volume list", "s3 getsecret -u alice", "s3 user list", "admin om roles"} {
		for _, c := range []struct{ name, define, want string }{
			{"no key", "mini.log.level=info", "wants the admin key"},
			{"no key, but secure", "ozone.security.enabled=true", "secure mode needs the admin key"},
			{"another key", "ozone.admin.key.file=" + other, "another admin key"},
			{"no such file", "ozone.admin.key.file=" + other + "x", "no such file"},
			{"no key in the file", "ozone.admin.key.file=/dev/null", "64 hex digits"},
		} {
			r := runNetwork(t, om, append([]string{"-D", c.define}, strings.Fields(command)...)...)
			if r.code != 255 || r.out != "" || !strings.HasPrefix(r.err, "ADMIN_KEY_REFUSED ") || !strings.Contains(r.err, c.want) || strings.Count(r.err, "\n") != 1 {
				t.Errorf("%s with %s: %s", command, c.name, r)
			}
		}
	}
	open := ozonetest.Start(t).OMAddress()
	if r := runNetwork(t, open, "-D", "ozone.admin.key.file="+keyFile, "sh", "volume", "list"); r.code != 255 || !strings.Contains(r.err, "open mode") {
		t.Errorf("an open store: %s", r)
	}
	if r := runNetwork(t, open, "s3", "getsecret", "-u", "alice"); r.code != 0 || !strings.HasPrefix(r.err, "Error: 'ozone s3 getsecret' operation works only when security is enabled.") {
		t.Errorf("an open store: %s", r)
	}
}

// A gateway, om and a datanode talk over the network; nothing of an object, its name or a
// user's secret can be read there.
func TestOnTheWire(t *testing.T) {
	dir := t.TempDir()
	store := ozonetest.Start(t, ozonetest.Secure(), ozonetest.DataDir(dir))
	key, err := keyfile.Load(filepath.Join(dir, "admin.key"))
	if err != nil {
		t.Fatal(err)
	}
	var wire tap
	network := rpc.ClientOptions{Key: key, DialTimeout: 30 * time.Second, Dial: wire.dial}
	om, err := omclient.New([]string{store.OMAddress()}, omclient.Options{RPC: network})
	if err != nil {
		t.Fatal(err)
	}
	nodes := dnclient.NewPool(dnclient.Options{RPC: network})
	c := client.New(om, nodes, client.DefaultConfig())
	planted, name := bytes.Repeat([]byte("planted bytes "), 100_000), "planted-name"
	secret, err := c.NewSecret(t.Context(), "planted-user")
	if err != nil {
		t.Fatal(err)
	}
	ref := client.BucketRef{Volume: "planted-volume", Bucket: "bucket"}
	for _, command := range []string{"sh volume create planted-volume", "sh bucket create planted-volume/bucket"} {
		must(t, store.OMAddress(), append([]string{"-D", "ozone.admin.key.file=" + filepath.Join(dir, "admin.key")}, strings.Fields(command)...)...)
	}
	if _, err := c.PutObject(t.Context(), client.KeyRef{BucketRef: ref, Key: name}, bytes.NewReader(planted), client.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	o, err := c.GetObject(t.Context(), client.KeyRef{BucketRef: ref, Key: name}, "")
	if err != nil {
		t.Fatal(err)
	}
	r := c.ReadObject(t.Context(), o, 0, -1)
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, planted) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	for _, closer := range []io.Closer{r, c, nodes, om} {
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	}
	seen := wire.bytes()
	if len(seen) < 2*len(planted) {
		t.Fatalf("only %d bytes on the wire", len(seen))
	}
	// Long enough not to turn up in megabytes of noise.
	for _, text := range []string{"planted", secret, "om.Submit", "dn.Write"} {
		if bytes.Contains(seen, []byte(text)) {
			t.Errorf("%q can be read on the wire", text)
		}
	}
}

// tap keeps all that goes over the connections it dials.
type tap struct {
	mu   sync.Mutex
	wire bytes.Buffer
}

func (w *tap) dial(ctx context.Context, addr string) (net.Conn, error) {
	nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	return tapped{nc, w}, err
}

func (w *tap) add(p []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wire.Write(p)
}

func (w *tap) bytes() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Clone(w.wire.Bytes())
}

type tapped struct {
	net.Conn
	tap *tap
}

func (c tapped) Write(p []byte) (int, error) {
	c.tap.add(p)
	return c.Conn.Write(p)
}

func (c tapped) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.tap.add(p[:n])
	return n, err
}

// The web pages want the token that the command line tells who has the admin key.
func TestPagesToken(t *testing.T) {
	dir := t.TempDir()
	settings := conf.Default()
	if err := settings.Set("ozone.security.enabled", "true", "test"); err != nil {
		t.Fatal(err)
	}
	store, err := local.Start(t.Context(), local.Options{DataDir: dir, Conf: settings})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	keyFile := filepath.Join(dir, "admin.key")
	token := strings.TrimSpace(must(t, store.OMAddress(), "-D", "ozone.admin.key.file="+keyFile, "admin", "token"))
	key, err := os.ReadFile(keyFile)
	if err != nil || len(token) != 64 || strings.Contains(string(key), token) {
		t.Fatalf("%q %v", token, err)
	}
	for _, pages := range []string{store.OMPages(), store.GatewayPages()} {
		for path, free := range map[string]bool{"/healthz": true, "/readyz": true, "/": false, "/metrics": false, "/conf": false} {
			for _, shown := range []string{"", token, strings.Repeat("0", 64)} {
				req, err := http.NewRequestWithContext(t.Context(), "GET", pages+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				if shown != "" {
					req.Header.Set("Authorization", "Bearer "+shown)
				}
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
				if ok := resp.StatusCode == 200; ok != (free || shown == token) || !ok && resp.StatusCode != 401 {
					t.Errorf("%s%s with %q: %d", pages, path, shown, resp.StatusCode)
				}
			}
		}
	}
	if r := runNetwork(t, store.OMAddress(), "admin", "token"); r.code != 255 || !strings.HasPrefix(r.err, "ADMIN_KEY_REFUSED ") {
		t.Errorf("without a key: %s", r)
	}
}

// The shell writes to datanodes itself, which want the key too.
func TestShellOnASecureCluster(t *testing.T) {
	om, keyFile := secureCluster(t)
	file := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(file, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	key := []string{"-D", "ozone.admin.key.file=" + keyFile}
	for _, command := range []string{"sh volume create vol1", "sh bucket create vol1/bucket", "sh key put vol1/bucket/k " + file} {
		must(t, om, append(key, strings.Fields(command)...)...)
	}
	if got := must(t, om, append(key, "sh", "key", "cat", "vol1/bucket/k")...); got != "hello" {
		t.Errorf("got %q", got)
	}
}
