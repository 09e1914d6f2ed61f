package integration

import (
	"bytes"
	"context"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestOMIsReplaced decommissions the leader of three oms, stops it, and starts a fourth
// with an id of its own in its place; then every server is told the new list, one after
// the other. What was written stays, and the new om can lead.
func TestOMIsReplaced(t *testing.T) {
	const nodes = "ozone.om.nodes." + Service
	bin := programs(t)
	c, err := newCluster(Options{Bin: bin, Dir: t.TempDir(), OMs: 4, Conf: map[string]string{nodes: "om1,om2,om3"}})
	check(t, err)
	t.Cleanup(func() {
		c.Kill()
		for _, p := range c.All() {
			if t.Failed() {
				t.Logf("%s: end of the log:\n%s", p.Name, p.Tail(4<<10))
			}
		}
	})
	fourth := c.OMs[3]
	c.OMs = c.OMs[:3]
	for _, p := range c.All() {
		check(t, p.Start())
	}
	check(t, c.WaitReady(t.Context()))
	s3 := &plainS3{endpoint: c.Endpoint, http: &http.Client{Timeout: requestTimeout}}
	body := bytes.Repeat([]byte("replaced"), 5000)
	mustPut(t, s3, "/replaced", nil)
	mustPut(t, s3, "/replaced/before", body)
	list := "om1,om2,om3"
	admin := func(args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), requestTimeout)
		defer cancel()
		var all []string
		for _, d := range append(c.Settings[:len(c.Settings):len(c.Settings)], nodes+"="+list) {
			all = append(all, "-D", d)
		}
		out, err := exec.CommandContext(ctx, filepath.Join(bin, "ozone"), append(append(all, "admin", "om"), args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("ozone admin om %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}

	waitVoters(t, c, 3)
	leader, err := c.WaitLeader(t.Context())
	check(t, err)
	gone := c.OMs[leader]
	admin("decommission", "-nodeid", gone.Name)
	if roles := admin("roles"); strings.Contains(roles, gone.Name+" :") {
		t.Errorf("still there:\n%s", roles)
	}
	check(t, gone.Stop())
	mustPut(t, s3, "/replaced/two", body)

	list = strings.Replace(list, gone.Name, fourth.Name, 1)
	fourth.args = append(fourth.args, "-D", nodes+"="+list)
	c.OMs[leader] = fourth
	start(t, fourth)
	waitVoters(t, c, 3)
	for _, p := range c.All() {
		if p == fourth {
			continue
		}
		p.args = append(p.args, "-D", nodes+"="+list)
		check(t, p.Stop())
		start(t, p)
	}
	waitVoters(t, c, 3)
	admin("transfer", "-n", fourth.Name)
	mustPut(t, s3, "/replaced/after", body)
	if now, err := c.WaitLeader(t.Context()); err != nil || c.OMs[now] != fourth {
		t.Logf("%s leads by now (%v)", c.OMs[now].Name, err) // a busy machine may have elected again
	}
	for _, name := range []string{"/replaced/before", "/replaced/two", "/replaced/after"} {
		mustGet(t, s3, name, body)
	}
}
