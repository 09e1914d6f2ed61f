package integration

import (
	"crypto/rand"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/testcontainers/testcontainers-go"
	tcexec "github.com/testcontainers/testcontainers-go/exec"

	"github.com/mini-ozone/mini-ozone/integration/clients"
	"github.com/mini-ozone/mini-ozone/s3g/s3gtest"
)

// secretOf reads what `ozone s3 getsecret` printed.
func secretOf(t *testing.T, out string) string {
	t.Helper()
	for line := range strings.Lines(out) {
		if secret, ok := strings.CutPrefix(strings.TrimSpace(line), "awsSecret="); ok {
			return secret
		}
	}
	t.Fatalf("no secret in\n%s", out)
	return ""
}

// secureTarget is a store in secure mode with two users.
func secureTarget(url string, secret func(user string) string) s3gtest.Target {
	return s3gtest.Target{
		URL: url, Secure: true, Has: s3gtest.EncryptionKey, AccessKey: "alice", SecretKey: secret("alice"),
		Other: s3gtest.User{AccessKey: "bob", SecretKey: secret("bob")},
	}
}

// TestSecureLocalRun runs the real clients and the S3 cases against `ozone local run`
// in secure mode, as users that the command line has made.
func TestSecureLocalRun(t *testing.T) {
	dir := t.TempDir()
	l := startLocal(t, dir, "-D", "ozone.security.enabled=true")
	secret := func(user string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), filepath.Join(programs(t), "ozone"), "-D", "ozone.om.address="+l.om, "s3", "getsecret", "-u", user)
		cmd.Env = append(os.Environ(), "OZONE_ADMIN_KEY_FILE="+filepath.Join(dir, "admin.key"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("getsecret: %v\n%s", err, out)
		}
		return secretOf(t, string(out))
	}
	t.Run("clients", func(t *testing.T) {
		runClients(t, clients.Endpoint{URL: l.endpoint, AccessKey: "carol", SecretKey: secret("carol")})
	})
	tg := secureTarget(l.endpoint, secret)
	t.Run("S3 cases", func(t *testing.T) { s3gtest.Run(t, tg) })
}

// TestSecureContainers runs the S3 cases against a cluster of containers that prove
// themselves to one another with the admin key in a volume they share.
func TestSecureContainers(t *testing.T) {
	if os.Getenv("MINI_OZONE_NO_DOCKER") != "" {
		t.Skip("SKIPPED VISIBLY: MINI_OZONE_NO_DOCKER is set")
	}
	keys := "mini-ozone-test-keys-" + strings.ToLower(rand.Text())
	t.Cleanup(func() { _ = exec.Command("docker", "volume", "rm", "-f", keys).Run() }) // after the containers
	c := startContainers(t, map[string]string{
		"ozone.security.enabled": "true", "ozone.admin.key.file": "/keys/admin.key",
	}, testcontainers.VolumeMount(keys, "/keys"))
	secret := func(user string) string {
		t.Helper()
		code, out, err := c.om.Exec(t.Context(), []string{"ozone", "s3", "getsecret", "-u", user}, tcexec.Multiplexed())
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(out)
		if err != nil || code != 0 {
			t.Fatalf("getsecret: %d %v\n%s", code, err, text)
		}
		return secretOf(t, string(text))
	}
	tg := secureTarget(c.endpoint, secret)
	t.Run("S3 cases", func(t *testing.T) { s3gtest.Run(t, tg) })
}
