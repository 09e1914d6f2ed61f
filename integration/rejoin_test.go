package integration

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// One om of three loses its directory, and another time has it damaged while it is away.
// It must not vote with that. It joins anew by the others' word, keeps the damaged state
// aside, and counts again: with it and without another the cluster works.
func TestLostAndDamagedOM(t *testing.T) {
	dir := t.TempDir()
	c := Start(t, Options{Bin: programs(t), Dir: dir, OMs: 3})
	s3 := &plainS3{endpoint: c.Endpoint, http: &http.Client{Timeout: requestTimeout}}
	body := bytes.Repeat([]byte("lost"), 5000)
	mustPut(t, s3, "/lost", nil)
	for i, harm := range []struct {
		name   string
		do     func(dir string) error
		asides int
	}{
		{"wiped", os.RemoveAll, 0},
		{"log damaged", scribbleLog, 1},
	} {
		leader, err := c.WaitLeader(t.Context())
		check(t, err)
		victim := (leader + 1 + i%2) % 3
		before := fmt.Sprintf("/lost/before-%d", i)
		mustPut(t, s3, before, body)
		check(t, c.OMs[victim].Stop())
		mustPut(t, s3, before+"-more", body)
		own := filepath.Join(dir, c.OMs[victim].Name)
		check(t, harm.do(own))
		start(t, c.OMs[victim])
		waitVoters(t, c, 3)
		asides, err := filepath.Glob(filepath.Join(own, "damaged-*"))
		check(t, err)
		if len(asides) < harm.asides {
			t.Errorf("%s: %v is all that is kept aside", harm.name, asides)
		}
		// Now it must count.
		leader, err = c.WaitLeader(t.Context())
		check(t, err)
		other := 3 - leader - victim
		if leader == victim {
			other = (victim + 1) % 3
		}
		c.OMs[other].Kill()
		mustPut(t, s3, before+"-after", body)
		for _, name := range []string{before, before + "-more", before + "-after"} {
			mustGet(t, s3, name, body)
		}
		start(t, c.OMs[other])
		waitVoters(t, c, 3)
	}
	// Damage and nobody to ask: it refuses in one line, and moves nothing.
	for _, om := range c.OMs {
		check(t, om.Stop())
	}
	own := filepath.Join(dir, c.OMs[0].Name)
	check(t, scribbleLog(own))
	check(t, c.OMs[0].Start())
	if err := c.OMs[0].WaitReady(t.Context()); err == nil || !strings.Contains(err.Error(), "it ended") {
		t.Errorf("an om with damage, alone: %v", err)
	}
	if tail := c.OMs[0].Tail(2 << 10); !strings.Contains(tail, "no leader of the other oms was found") {
		t.Errorf("it says:\n%s", tail)
	}
	if _, err := os.Stat(filepath.Join(own, "log")); err != nil {
		t.Errorf("the damaged log was moved: %v", err)
	}
}

// scribbleLog writes over every file of an om's log.
func scribbleLog(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "log", "*"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no log in %s: %w", dir, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		for i := 0; i < len(b); i += 64 {
			b[i] ^= 0xff
		}
		if err := os.WriteFile(f, b, 0o600); err != nil {
			return err
		}
	}
	return nil
}
