package integration

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// composeTimeout bounds one docker-compose command; the machine may be busy.
const composeTimeout = 3 * time.Minute

// compose is a project of compose/ on ports that are free.
type compose struct {
	t             *testing.T
	file, project string
}

// startCompose starts the project in compose/DIR and waits until it is healthy.
func startCompose(t *testing.T, dir string) *compose {
	t.Helper()
	if _, err := exec.LookPath("docker-compose"); err != nil {
		t.Skip("SKIPPED VISIBLY: there is no docker-compose")
	}
	image := buildImage(t)
	own := t.TempDir()
	c := &compose{t: t, file: filepath.Join(own, "docker-compose.yaml"), project: "mini-ozone-test-" + strings.ToLower(rand.Text()[:8])}
	text, err := os.ReadFile(filepath.Join("..", "compose", dir, "docker-compose.yaml"))
	check(t, err)
	// A port of the container alone: docker finds a free one of the host.
	text = regexp.MustCompile(`"\d+:(\d+)"`).ReplaceAll(text, []byte(`"$1"`))
	text = bytes.ReplaceAll(text, []byte("mini-ozone:${MINI_OZONE_TAG:-latest}"), []byte(image))
	check(t, os.WriteFile(c.file, text, 0o600))
	conf, err := os.ReadFile(filepath.Join("..", "compose", dir, "docker-config"))
	check(t, err)
	check(t, os.WriteFile(filepath.Join(own, "docker-config"), conf, 0o600))
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(c.try("logs", "--tail", "20"))
		}
		if out, err := c.try("down", "--volumes", "--timeout", "5"); err != nil {
			t.Errorf("down: %v\n%s", err, out)
		}
	})
	c.up()
	return c
}

// up starts what is not running, and waits until all containers are healthy.
func (c *compose) up() {
	c.t.Helper()
	c.run("up", "-d", "--no-build")
	ctx, cancel := context.WithTimeout(c.t.Context(), composeTimeout)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "../compose/wait-healthy", c.project, "150").CombinedOutput(); err != nil {
		c.t.Fatalf("not healthy: %v\n%s", err, out)
	}
}

func (c *compose) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), composeTimeout)
	defer cancel()
	args = append([]string{"--file", c.file, "--project-name", c.project}, args...)
	out, err := exec.CommandContext(ctx, "docker-compose", args...).CombinedOutput()
	return string(out), err
}

func (c *compose) run(args ...string) string {
	c.t.Helper()
	out, err := c.try(args...)
	if err != nil {
		c.t.Fatalf("docker-compose %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// gateway is S3 through a service.
func (c *compose) gateway(service string) *plainS3 {
	c.t.Helper()
	address := strings.TrimSpace(c.run("port", service, "9878"))
	_, port, ok := strings.Cut(address, ":")
	if !ok {
		c.t.Fatalf("%s is at %q", service, address)
	}
	return &plainS3{endpoint: "http://127.0.0.1:" + port, http: &http.Client{Timeout: requestTimeout}}
}

// TestComposeHA is compose/ozones3-ha: the container of the leading om is killed and comes
// back, and both gateways put and get all the while.
func TestComposeHA(t *testing.T) {
	if os.Getenv("MINI_OZONE_NO_DOCKER") != "" {
		t.Skip("SKIPPED VISIBLY: MINI_OZONE_NO_DOCKER is set")
	}
	c := startCompose(t, "ozones3-ha")
	one, two := c.gateway("s3g1"), c.gateway("s3g2")
	body := bytes.Repeat([]byte("compose"), 10_000)
	mustPut(t, one, "/compose", nil)
	mustPut(t, one, "/compose/before", body)
	mustGet(t, two, "/compose/before", body)
	roles := c.run("exec", "-T", "om1", "ozone", "admin", "om", "roles")
	found := regexp.MustCompile(`(?m)^(om\d) : LEADER`).FindStringSubmatch(roles)
	if found == nil {
		t.Fatalf("nobody leads:\n%s", roles)
	}
	leader := found[1]
	c.run("kill", leader)
	for i, s3 := range []*plainS3{one, two} {
		name := fmt.Sprintf("/compose/after-%d", i)
		mustPut(t, s3, name, body)
		mustGet(t, s3, name, body)
	}
	c.up() // healthy: it follows, or leads
	roles = c.run("exec", "-T", leader, "ozone", "admin", "om", "roles")
	if strings.Count(roles, "FOLLOWER") != 2 || strings.Count(roles, "LEADER") != 1 {
		t.Errorf("%s came back and says:\n%s", leader, roles)
	}
	mustGet(t, two, "/compose/before", body)
}
