package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

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
