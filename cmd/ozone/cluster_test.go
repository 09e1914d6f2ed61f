package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/ozonetest"
)

// runNetwork runs a command line against a real cluster, over the network.
func runNetwork(t *testing.T, om string, args ...string) outcome {
	t.Helper()
	var out, errs bytes.Buffer
	env := environment{in: strings.NewReader(""), out: &out, err: &errs, user: "alice", connect: connectWithin(omBudget)}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	code := run(ctx, env, append([]string{"--om", om}, args...))
	return outcome{out.String(), errs.String(), code}
}

// must runs a command that has to succeed and returns what it printed.
func must(t *testing.T, om string, args ...string) string {
	t.Helper()
	r := runNetwork(t, om, args...)
	if r.code != 0 {
		t.Fatalf("%s: %s", strings.Join(args, " "), r)
	}
	return r.out
}

// TestShellOnACluster: what the shell puts, the shell and S3 get.
func TestShellOnACluster(t *testing.T) {
	store := ozonetest.Start(t, ozonetest.Set("ozone.scm.block.size", "4MB"))
	om := store.OMAddress()
	body := make([]byte, 9<<20+123)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(body)
	sum := md5.Sum(body)
	dir := t.TempDir()
	file, back := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := os.WriteFile(file, body, 0o666); err != nil {
		t.Fatal(err)
	}

	must(t, om, "sh", "volume", "create", "vol1")
	must(t, om, "sh", "bucket", "create", "vol1/bucket1")
	must(t, om, "sh", "key", "put", "vol1/bucket1/dir/big", file)
	must(t, om, "sh", "key", "get", "vol1/bucket1/dir/big", back)
	if got, err := os.ReadFile(back); err != nil || !bytes.Equal(got, body) {
		t.Errorf("got %d bytes back, %v", len(got), err)
	}
	if got := must(t, om, "sh", "key", "cat", "vol1/bucket1/dir/big"); got != string(body) {
		t.Errorf("cat gave %d bytes", len(got))
	}

	var info struct {
		DataSize          int64
		Metadata          map[string]string
		OzoneKeyLocations []locationJSON
	}
	if err := json.Unmarshal([]byte(must(t, om, "sh", "key", "info", "vol1/bucket1/dir/big")), &info); err != nil {
		t.Fatal(err)
	}
	var at int64
	for _, l := range info.OzoneKeyLocations {
		if l.KeyOffset != at || len(l.Datanodes) != 1 {
			t.Errorf("location %+v at %d", l, at)
		}
		at += l.Length
	}
	if at != int64(len(body)) || info.DataSize != at || len(info.OzoneKeyLocations) != 3 {
		t.Errorf("%d bytes in %d locations, size %d", at, len(info.OzoneKeyLocations), info.DataSize)
	}
	if etag := info.Metadata["ETag"]; etag != hex.EncodeToString(sum[:]) {
		t.Errorf("ETag %s", etag)
	}

	resp, err := http.Get(store.Endpoint() + "/bucket1/dir/big")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.Equal(got, body) || resp.Header.Get("ETag") != `"`+hex.EncodeToString(sum[:])+`"` {
		t.Errorf("S3: %s, %d bytes, ETag %s, %v", resp.Status, len(got), resp.Header.Get("ETag"), err)
	}

	if r := runNetwork(t, om, "sh", "key", "info", "vol1/bucket1/nope"); r.code != 255 || !strings.HasPrefix(r.err, "KEY_NOT_FOUND ") {
		t.Error(r)
	}
	if r := runNetwork(t, om, "sh", "bucket", "path", "nope"); r.code != 255 || !strings.HasPrefix(r.err, "BUCKET_NOT_FOUND ") {
		t.Error(r)
	}
	versioned := client.BucketRef{Volume: "vol1", Bucket: "bucket1"}
	if _, err := store.Client().SetBucket(t.Context(), versioned, client.BucketChange{Versioning: "Enabled"}, ""); err != nil {
		t.Fatal(err)
	}
	must(t, om, "sh", "key", "put", "vol1/bucket1/dir/big", file)
	must(t, om, "sh", "key", "delete", "vol1/bucket1/dir/big") // leaves two versions and a marker
	must(t, om, "sh", "volume", "delete", "-r", "-y", "vol1")
	if list := must(t, om, "sh", "volume", "list"); list != "[]\n" {
		t.Error(list)
	}
}

// TestS3BucketPath: a bucket made through S3 lives where Ozone put it.
func TestS3BucketPath(t *testing.T) {
	store := ozonetest.Start(t)
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPut, store.Endpoint()+"/bucket1", nil)
	req.Header.Set("Authorization", "AWS ThisIsAKey:c2lnbmF0dXJl")
	req.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
	want := "Volume name for S3Bucket is : s3thisisakey\nOzone FileSystem Uri is : o3fs://bucket1.s3thisisakey\n"
	if got := must(t, store.OMAddress(), "sh", "bucket", "path", "bucket1"); got != want {
		t.Errorf("got %q", got)
	}
}

func TestAdminOnACluster(t *testing.T) {
	store := ozonetest.Start(t, ozonetest.Datanodes(3))
	om := store.OMAddress()
	must(t, om, "freon", "ockg", "-n", "5", "-r", "THREE")
	if out := must(t, om, "admin", "datanode", "list"); strings.Count(out, "Health State: HEALTHY") != 3 {
		t.Error(out)
	}
	if out := must(t, om, "admin", "safemode", "wait", "--min-datanodes", "3"); out != "SCM is out of safe mode.\n" {
		t.Error(out)
	}
	if out := must(t, om, "admin", "om", "roles"); !strings.Contains(out, " : LEADER (") {
		t.Error(out)
	}
	if out := must(t, om, "admin", "container", "report"); regexp.MustCompile(`(?m)^OPEN: [1-9]`).FindString(out) == "" {
		t.Error(out)
	}
	var list []containerFields
	if err := json.Unmarshal([]byte(must(t, om, "admin", "container", "list")), &list); err != nil || len(list) == 0 || len(list[0].Datanodes) != 3 {
		t.Errorf("%+v, %v", list, err)
	}
}

type containerFields struct {
	ContainerID uint64
	State       string
	Datanodes   []string
}

// TestFreonOnACluster runs every generator.
func TestFreonOnACluster(t *testing.T) {
	store := ozonetest.Start(t)
	om := store.OMAddress()
	s3 := []string{"-e", store.Endpoint()}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"ockg", "-n", "50", "-p", "run", "-s", "12KB"}, "Successful executions: 50"},
		{[]string{"ockv", "-n", "50", "-p", "run"}, "Successful executions: 50"},
		{[]string{"ockr", "-n", "50", "-p", "run"}, "Successful executions: 50"},
		{[]string{"ommg", "-n", "50", "-p", "om"}, "Successful executions: 50"},
		{[]string{"ommg", "-n", "50", "-p", "om", "--operation", "read_key"}, "Successful executions: 50"},
		{[]string{"ommg", "-n", "9", "-p", "om", "--operation", "LIST_KEYS"}, "Failures: 0"},
		{[]string{"ommg", "-n", "9", "--operation", "INFO_BUCKET"}, "Failures: 0"},
		{[]string{"ommg", "-n", "9", "--operation", "INFO_VOLUME", "--duration", "20ms"}, "Failures: 0"},
		{append([]string{"s3bg", "-n", "9"}, s3...), "Successful executions: 9"},
		{append([]string{"s3kg", "-n", "50", "-b", "s3b", "--size", "0"}, s3...), "Successful executions: 50"},
		{append([]string{"s3kg", "-n", "2", "-b", "s3b", "--multi-part-upload", "--parts", "2", "-s", "5MB"}, s3...), "Successful executions: 2"},
		{[]string{"randomkeys", "--num-of-keys", "3", "--validate-writes"}, "Number of Keys added: 75"},
		{[]string{"rk", "--num-of-volumes", "1", "--num-of-buckets", "1", "--num-of-keys", "3", "--json"}, `"numOfKeys": 3`},
	} {
		t.Run(strings.Join(test.args[:1], " "), func(t *testing.T) {
			if out := must(t, om, append([]string{"freon"}, test.args...)...); !strings.Contains(out, test.want) {
				t.Errorf("want %q in\n%s", test.want, out)
			}
		})
	}
	r := runNetwork(t, om, "freon", "ockv", "-n", "5", "-p", "run", "-f")
	if r.code != 255 || !strings.HasPrefix(r.err, "KEY_NOT_FOUND ") || !strings.Contains(r.out, "Failures: 5\n") {
		t.Error(r)
	}
}

// TestLocalRun starts, uses and interrupts a cluster twice on one directory.
func TestLocalRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	for round, method := range []string{http.MethodPut, http.MethodHead} {
		func() {
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			out, w := io.Pipe()
			code := make(chan int, 1)
			go func() {
				env := environment{in: strings.NewReader(""), out: w, err: os.Stderr, home: "/nowhere"}
				code <- run(ctx, env, []string{"local", "run", "--data-dir", dir, "--s3g-port", "0", "--om-port", "0"})
				w.Close()
			}()
			lines := bufio.NewReader(out)
			text := readUntil(t, lines, "Ctrl-C stops it.")
			endpoint := regexp.MustCompile(`S3 endpoint +(http://\S+)`).FindStringSubmatch(text)
			if endpoint == nil || !strings.Contains(text, "OPEN MODE") || !strings.Contains(text, dir) ||
				!strings.Contains(text, "aws --endpoint-url "+endpoint[1]) {
				t.Fatal(text)
			}
			req, _ := http.NewRequestWithContext(ctx, method, endpoint[1]+"/bucket1", nil)
			resp, err := http.DefaultClient.Do(req)
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Fatal(round, resp, err)
			}
			resp.Body.Close()
			interrupt()
			readUntil(t, lines, "Stopping.")
			_, _ = io.Copy(io.Discard, lines)
			if c := <-code; c != 0 {
				t.Errorf("exit code %d", c)
			}
		}()
	}
}

// readUntil reads lines up to one that begins with last.
func readUntil(t *testing.T, r *bufio.Reader, last string) string {
	t.Helper()
	var text strings.Builder
	for {
		line, err := r.ReadString('\n')
		text.WriteString(line)
		if strings.HasPrefix(line, last) {
			return text.String()
		}
		if err != nil {
			t.Fatalf("%v after\n%s", err, text.String())
		}
	}
}

// TestLocalRunRefuses: ports and directories that are taken give one line.
func TestLocalRunRefuses(t *testing.T) {
	dir := t.TempDir()
	_ = ozonetest.Start(t, ozonetest.DataDir(dir))
	for want, args := range map[string][]string{
		"DIRECTORY_IN_USE ":      {"--data-dir", dir, "--s3g-port", "0", "--om-port", "0"},
		"invalid value \"loud\"": {"--ephemeral", "--log-level", "loud"},
		"--data-dir is required": {},
	} {
		r := runWith(nil, "", append([]string{"local", "run"}, args...)...)
		if r.code == 0 || !strings.HasPrefix(r.err, want) {
			t.Errorf("%v: %s", args, r)
		}
	}
}
