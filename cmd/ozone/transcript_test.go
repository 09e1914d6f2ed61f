package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/client"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata with what the commands print now")

// TestTranscripts replays the sessions in testdata/*.txt on a cluster of their
// own and compares every byte. In a transcript
//
//	# text          is a comment
//	$ ozone sh …    is a command; WORK in it is a directory of its own
//	< text          is its standard input
//	! text          is a line on standard error
//	= 255           is its exit code, unless 0
//
// and every other line is standard output.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(t, string(want), testCluster())
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
			} else if got != string(want) {
				t.Errorf("%s differs (go test -update rewrites it):\n%s", file, difference(string(want), got))
			}
		})
	}
}

// testCluster has three datanodes, one of them dead, and a few containers.
func testCluster() *fakeCluster {
	f := newFakeCluster()
	for i, health := range []string{"HEALTHY", "HEALTHY", "DEAD"} {
		n := i + 1
		f.nodes = append(f.nodes, client.NodeInfo{
			ID: fmt.Sprintf("00000000-0000-4000-8000-00000000000%d", n), Host: fmt.Sprintf("dn%d", n),
			Address: fmt.Sprintf("10.0.0.%d:9859", n), HTTPAddress: fmt.Sprintf("10.0.0.%d:9882", n), Version: "v1",
			Health: health, OpState: "IN_SERVICE", Capacity: 100 << 30, Used: uint64(n) << 30, Remaining: 90 << 30, Containers: uint64(n),
			Registered: f.now, LastHeartbeat: f.now,
		})
	}
	id := func(i int) string { return f.nodes[i].ID }
	f.containers = []client.ContainerInfo{
		{ID: 1, State: "OPEN", Replication: "ONE", Nodes: []string{id(0)}, Created: f.now, Modified: f.now, UsedBytes: 4096, Blocks: 3},
		{ID: 2, State: "CLOSED", Replication: "THREE", Nodes: []string{id(0), id(1), id(2)}, Created: f.now, Modified: f.now, UsedBytes: 5 << 30, Blocks: 99},
		{ID: 7, State: "CLOSED", Replication: "ONE", Nodes: []string{id(2)}, Created: f.now, Modified: f.now},
	}
	f.roles = client.Roles{ClusterID: "c1", Roles: []client.Role{
		{ID: "om1", Address: "host1:9862", Role: "LEADER"}, {ID: "om2", Address: "host2:9862", Role: "FOLLOWER"},
	}}
	f.report = client.ReplicationReport{
		Running: true, Ready: true, Reported: f.now, Orders: 1, BytesToCopy: 5 << 30,
		ByState:  map[string]uint64{"OPEN": 1, "CLOSED": 2},
		ByHealth: map[string]uint64{"UNDER_REPLICATED": 1, "MISSING": 1},
		Samples:  map[string][]uint64{"UNDER_REPLICATED": {2}, "MISSING": {7}},
	}
	return f
}

// replay runs the commands of a transcript and writes what happened.
func replay(t *testing.T, transcript string, c cluster) string {
	work := t.TempDir()
	lines := strings.Split(strings.TrimRight(transcript, "\n"), "\n")
	var got strings.Builder
	for i, line := range lines {
		if strings.HasPrefix(line, "#") {
			fmt.Fprintln(&got, line)
			continue
		}
		command, ok := strings.CutPrefix(line, "$ ozone")
		if !ok {
			continue
		}
		fmt.Fprintln(&got, line)
		var in string
		for _, next := range lines[i+1:] {
			text, ok := strings.CutPrefix(next, "< ")
			if !ok {
				break
			}
			in += text + "\n"
			fmt.Fprintln(&got, next)
		}
		r := runWith(c, in, strings.Fields(strings.ReplaceAll(command, "WORK", work))...)
		got.WriteString(stable(strings.ReplaceAll(r.String(), work, "WORK")))
	}
	return got.String()
}

// stable takes out what is different in every run.
func stable(text string) string {
	text = regexp.MustCompile(`generated at \S+`).ReplaceAllString(text, "generated at TIME")
	return regexp.MustCompile(`"reportTimeStamp": "[^"]+"`).ReplaceAllString(text, `"reportTimeStamp": "TIME"`)
}

// outcome is what a command did.
type outcome struct {
	out, err string
	code     int
}

func (o outcome) String() string {
	var b strings.Builder
	b.WriteString(o.out)
	if o.out != "" && !strings.HasSuffix(o.out, "\n") {
		b.WriteString("\n")
	}
	for line := range strings.Lines(o.err) {
		b.WriteString(strings.TrimRight("! "+line, " \n") + "\n")
	}
	if o.code != 0 {
		fmt.Fprintf(&b, "= %d\n", o.code)
	}
	return b.String()
}

// runWith runs one command line against a cluster, as user alice.
func runWith(c cluster, in string, args ...string) outcome {
	var out, errs bytes.Buffer
	env := environment{
		in: strings.NewReader(in), out: &out, err: &errs, user: "alice",
		connect: func(context.Context, []string, []byte) (cluster, func() error, error) {
			return c, func() error { return nil }, nil
		},
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	code := run(ctx, env, args)
	return outcome{out.String(), errs.String(), code}
}

// difference shows where two texts part.
func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		at := func(lines []string) string {
			if i < len(lines) {
				return lines[i]
			}
			return "(end)"
		}
		if at(w) != at(g) {
			return fmt.Sprintf("line %d\nwant %s\ngot  %s\n\nall of it:\n%s", i+1, at(w), at(g), got)
		}
	}
	return ""
}
