package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// healedWithin is how long redundancy may take to be restored here: mostly the machine's load.
const healedWithin = 4 * time.Minute

// TestRedundancy loses a datanode for good, then decommissions one of those
// that are left: every container is back at three replicas, and every object is read.
func TestRedundancy(t *testing.T) {
	bin := programs(t)
	c := Start(t, Options{Bin: bin, Datanodes: 5, Conf: map[string]string{
		"ozone.scm.stale.node.interval": "5s", "ozone.scm.dead.node.interval": "10s",
		"hdds.scm.replication.thread.interval": "1s", "mini.om.replication.settle": "1s"}})
	s3 := &plainS3{endpoint: c.Endpoint, http: &http.Client{Timeout: requestTimeout}}
	body := bytes.Repeat([]byte("heals"), 40_000)
	mustPut(t, s3, "/heals", nil)
	names := make([]string, 20)
	for i := range names {
		names[i] = fmt.Sprintf("/heals/%d", i)
		mustPut(t, s3, names[i], body)
	}
	admin := func(args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), requestTimeout)
		defer cancel()
		out, err := exec.CommandContext(ctx, filepath.Join(bin, "ozone"), append([]string{"--om", c.OMAddress, "admin"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("ozone admin %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	c.Datanodes[4].Kill()
	awaitHealed(t, admin, "a datanode killed", func() (string, bool) {
		var dead []struct{ ID string }
		if err := json.Unmarshal([]byte(admin("datanode", "list", "--node-state", "DEAD", "--json")), &dead); err != nil || len(dead) != 1 {
			return "", false
		}
		return dead[0].ID, true
	})
	for _, name := range names {
		mustGet(t, s3, name, body)
	}
	var list []struct{ ID, OpState string }
	if err := json.Unmarshal([]byte(admin("datanode", "list", "--node-state", "HEALTHY", "--json")), &list); err != nil || len(list) != 4 {
		t.Fatalf("%v, %v", list, err)
	}
	leaver := list[0].ID
	admin("datanode", "decommission", leaver)
	awaitHealed(t, admin, "a datanode decommissioned", func() (string, bool) {
		return leaver, strings.Contains(admin("datanode", "list", "--node-id", leaver), "Operational State: DECOMMISSIONED")
	})
	for _, name := range names {
		mustGet(t, s3, name, body)
	}
}

// awaitHealed waits until a datanode is gone, and every container that has blocks is on
// three others; and healthy, if it is closed.
func awaitHealed(t *testing.T, admin func(...string) string, what string, gone func() (node string, ok bool)) {
	t.Helper()
	deadline := time.Now().Add(healedWithin)
	for {
		node, ok := gone()
		out := admin("container", "list", "--all")
		if ok && healed(t, out, node) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s, and not healed:\n%s\n%s\n%s", what, out, admin("container", "report"), admin("datanode", "list"))
		}
		time.Sleep(500 * time.Millisecond)
	}
}

func healed(t *testing.T, list, without string) bool {
	t.Helper()
	var containers []struct {
		State, Health  string
		NumberOfBlocks uint64
		Datanodes      []string
	}
	if err := json.Unmarshal([]byte(list), &containers); err != nil {
		t.Fatal(err)
	}
	full := 0
	for _, c := range containers {
		if c.NumberOfBlocks == 0 {
			continue
		}
		if slices.Contains(c.Datanodes, without) || len(c.Datanodes) != 3 || c.State == "CLOSING" ||
			c.State == "CLOSED" && c.Health != "HEALTHY" {
			return false
		}
		full++
	}
	return full > 0
}
