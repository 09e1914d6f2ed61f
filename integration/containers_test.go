package integration

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/testcontainers/testcontainers-go"
	tcnetwork "github.com/testcontainers/testcontainers-go/network"
	"github.com/testcontainers/testcontainers-go/wait"

	"github.com/mini-ozone/mini-ozone/integration/clients"
	"github.com/mini-ozone/mini-ozone/s3g/s3gtest"
)

// containers is a cluster of containers of our image: one om, three datanodes and
// a gateway on a network of their own, with the settings of compose/ozones3.
type containers struct {
	om, s3g   testcontainers.Container
	datanodes []testcontainers.Container
	endpoint  string
}

func startContainers(t *testing.T, conf map[string]string, mounts ...testcontainers.ContainerMount) *containers {
	t.Helper()
	t.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
	t.Setenv("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")
	image := buildImage(t)
	ctx := t.Context()
	network, err := tcnetwork.New(ctx)
	if err != nil {
		t.Fatal(err)
	}
	testcontainers.CleanupNetwork(t, network)
	c := &containers{}
	run := func(name, program string, ports ...string) testcontainers.Container {
		t.Helper()
		env := map[string]string{
			"OZONE-SITE.XML_ozone.om.address":              "om",
			"OZONE-SITE.XML_ozone.metadata.dirs":           "/data/metadata",
			"OZONE-SITE.XML_hdds.datanode.dir":             "/data/hdds",
			"OZONE-SITE.XML_hdds.heartbeat.interval":       "500ms",
			"OZONE-SITE.XML_ozone.scm.stale.node.interval": "5s",
			"OZONE_SSE_KEYS":                               "k1:" + base64.StdEncoding.EncodeToString(make([]byte, 32)),
		}
		for key, value := range conf {
			env["OZONE-SITE.XML_"+key] = value
		}
		ctr, err := testcontainers.GenericContainer(ctx, testcontainers.GenericContainerRequest{
			Started: true,
			ContainerRequest: testcontainers.ContainerRequest{
				Image: image, Cmd: []string{program}, Env: env, ExposedPorts: ports, Hostname: name, Mounts: mounts,
				Networks: []string{network.Name}, NetworkAliases: map[string][]string{network.Name: {name}},
				ConfigModifier: func(cfg *container.Config) {
					cfg.Healthcheck = &container.HealthConfig{Test: []string{"CMD", program, "healthcheck"}, Interval: 500 * time.Millisecond, Retries: 60}
				},
				WaitingFor: wait.ForHealthCheck().WithStartupTimeout(90 * time.Second).WithPollInterval(200 * time.Millisecond),
			},
		})
		if ctr != nil {
			t.Cleanup(func() { endContainer(t, name, ctr) })
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return ctr
	}
	c.om = run("om", "om")
	for i := range 3 {
		c.datanodes = append(c.datanodes, run(fmt.Sprintf("datanode%d", i), "datanode"))
	}
	c.s3g = run("s3g", "s3g", "9878/tcp")
	c.find(t)
	return c
}

// find asks where the gateway's port is now: a restart moves it.
func (c *containers) find(t *testing.T) {
	t.Helper()
	endpoint, err := c.s3g.PortEndpoint(t.Context(), "9878/tcp", "http")
	if err != nil {
		t.Fatal(err)
	}
	c.endpoint = endpoint
}

func endContainer(t *testing.T, name string, ctr testcontainers.Container) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if t.Failed() {
		if logs, err := ctr.Logs(ctx); err == nil {
			out, _ := io.ReadAll(logs)
			t.Logf("%s: end of the log:\n%s", name, out[max(0, len(out)-4<<10):])
		}
	}
	if err := ctr.Terminate(ctx); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

// buildImage makes the image from the programs under test, as `make image` does
// from bin/.
func buildImage(t *testing.T) string {
	t.Helper()
	bin := programs(t)
	dir := t.TempDir()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"cp", "-r", filepath.Join(root, "compose"), dir},
		{"mkdir", filepath.Join(dir, "bin")},
		{"cp", filepath.Join(bin, "om"), filepath.Join(bin, "datanode"), filepath.Join(bin, "s3g"), filepath.Join(bin, "ozone"), filepath.Join(dir, "bin")},
		{"docker", "build", "--quiet", "--tag", "mini-ozone:test", "--file", filepath.Join(dir, "compose", "Dockerfile"), dir},
	} {
		if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	return "mini-ozone:test"
}

// TestContainers is a cluster of containers with real clients; then one datanode
// is stopped, and at last every container is restarted.
func TestContainers(t *testing.T) {
	if os.Getenv("MINI_OZONE_NO_DOCKER") != "" {
		t.Skip("SKIPPED VISIBLY: MINI_OZONE_NO_DOCKER is set")
	}
	c := startContainers(t, nil)
	t.Run("clients", func(t *testing.T) { runClients(t, open(c.endpoint)) })
	t.Run("S3 cases", func(t *testing.T) {
		s3gtest.Run(t, s3gtest.Target{URL: c.endpoint, AccessKey: "s3cases", SecretKey: "any", Has: s3gtest.EncryptionKey})
	})

	s3 := &plainS3{endpoint: c.endpoint, http: &http.Client{Timeout: requestTimeout}}
	before := bytes.Repeat([]byte("before"), 100_000)
	mustPut(t, s3, "/outage", nil)
	mustPut(t, s3, "/outage/before", before)
	t.Run("one datanode stopped", func(t *testing.T) {
		stop := 5 * time.Second
		if err := c.datanodes[0].Stop(t.Context(), &stop); err != nil {
			t.Fatal(err)
		}
		mustGet(t, s3, "/outage/before", before)
		for i := range 20 {
			body := bytes.Repeat([]byte{byte(i)}, 50_000*i)
			mustPut(t, s3, fmt.Sprintf("/outage/during-%d", i), body)
			mustGet(t, s3, fmt.Sprintf("/outage/during-%d", i), body)
		}
		if err := c.datanodes[0].Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("every container restarted", func(t *testing.T) {
		all := append(append([]testcontainers.Container{c.s3g}, c.datanodes...), c.om)
		for _, ctr := range all {
			stop := 10 * time.Second
			if err := ctr.Stop(t.Context(), &stop); err != nil {
				t.Fatal(err)
			}
		}
		for i := range all { // om first
			if err := all[len(all)-1-i].Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		c.find(t)
		s3 := &plainS3{endpoint: c.endpoint, http: &http.Client{Timeout: requestTimeout}}
		mustGet(t, s3, "/outage/before", before)
		mustGet(t, s3, "/outage/during-19", bytes.Repeat([]byte{19}, 50_000*19))
		mustPut(t, s3, "/outage/after", before)
		mustGet(t, s3, "/outage/after", before)
	})
}

// runClients runs every real client against an endpoint.
func runClients(t *testing.T, ep clients.Endpoint) {
	for _, c := range clients.All() {
		t.Run(c.Name, func(t *testing.T) { c.Run(t, ep) })
	}
}

// open is an endpoint that takes any keys.
func open(url string) clients.Endpoint {
	return clients.Endpoint{URL: url, AccessKey: "thisisakey", SecretKey: "any-secret"}
}
