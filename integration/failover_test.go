package integration

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// Bounds for the time from the end of a leader to the next acknowledged write, on a quiet
// machine: they are checked from 20 rounds on. CI runs two beside other work, and checks
// only that writes go on.
const (
	failOverP50 = 1500 * time.Millisecond
	failOverP99 = 3 * time.Second
)

// failOverRounds is 2 in CI; MINI_OZONE_FAILOVERS asks for more.
func failOverRounds(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("MINI_OZONE_FAILOVERS"))
	if err != nil {
		return 2
	}
	t.Logf("%d rounds of each", n)
	return n
}

// TestFailOver kills the leader, then freezes it, and measures how long it takes until a
// write is acknowledged.
func TestFailOver(t *testing.T) {
	c := Start(t, Options{Bin: programs(t), OMs: 3})
	s3 := &plainS3{endpoint: c.Endpoint, http: &http.Client{Timeout: requestTimeout}}
	mustPut(t, s3, "/over", nil)
	for _, way := range []struct {
		name       string
		take, give func(*Process) error
	}{
		{"killed", func(p *Process) error { p.Kill(); return nil }, (*Process).Start},
		{"frozen", (*Process).Freeze, (*Process).Thaw},
	} {
		t.Run(way.name, func(t *testing.T) {
			var took []time.Duration
			for i := range failOverRounds(t) {
				quiet(t, c)
				leader, err := c.WaitLeader(t.Context())
				check(t, err)
				name := fmt.Sprintf("/over/%s-%d", way.name, i)
				check(t, way.take(c.OMs[leader]))
				began := time.Now()
				for {
					status, err := s3.put(name, []byte(name))
					if err == nil && status == http.StatusOK {
						break
					}
					if time.Since(began) > requestTimeout {
						t.Fatalf("no write for %v: %d, %v", time.Since(began), status, err)
					}
				}
				took = append(took, time.Since(began))
				check(t, way.give(c.OMs[leader]))
				mustGet(t, s3, name, []byte(name))
			}
			slices.Sort(took)
			p50, worst := took[len(took)/2], took[len(took)-1]
			t.Logf("leader %s → next acknowledged write: p50 %v, worst %v of %d: %v", way.name, p50, worst, len(took), took)
			if len(took) >= 20 && (p50 > failOverP50 || took[len(took)*99/100] > failOverP99) {
				t.Errorf("more than %v and %v", failOverP50, failOverP99)
			}
		})
	}
}

// quiet waits until all oms are ready and follow the same log: a fail-over is measured
// from a whole group.
func quiet(t *testing.T, c *Cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), readyTimeout)
	defer cancel()
	check(t, c.WaitReady(ctx))
	tick := time.NewTicker(50 * time.Millisecond) // other processes: nothing to wait on but their answers
	defer tick.Stop()
	for {
		leader, err := c.WaitLeader(ctx)
		check(t, err)
		want, err := c.OMs[leader].Metrics(ctx, "ozone_om_raft_applied_index")
		check(t, err)
		behind := 0
		for _, om := range c.OMs {
			m, err := om.Metrics(ctx, "ozone_om_raft_applied_index")
			if err != nil || m["ozone_om_raft_applied_index"] < want["ozone_om_raft_applied_index"] {
				behind++
			}
		}
		if behind == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("the oms do not come to the same entry")
		}
	}
}

// waitVoters waits until every om knows of n voters and follows the leader.
func waitVoters(t *testing.T, c *Cluster, n float64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), readyTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond) // other processes: nothing to wait on but their answers
	defer tick.Stop()
	for {
		known := 0
		for _, om := range c.OMs {
			m, err := om.Metrics(ctx, "ozone_om_peers")
			if err == nil && m["ozone_om_peers"] == n {
				known++
			}
		}
		if known == len(c.OMs) {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%d of %d oms know of %v voters", known, len(c.OMs), n)
		}
	}
	quiet(t, c)
}
