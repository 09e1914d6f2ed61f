// Package clients drives real S3 clients, as their users run them, against an
// endpoint: command lines, SDKs and mounts. Each function works in buckets of its
// own, so all of them can share one cluster, and fails the test with the client's
// own words.
package clients

import (
	"context"
	"crypto/sha256"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Endpoint is a gateway in path style and the keys to use there.
type Endpoint struct {
	URL       string // http://host:port
	AccessKey string
	SecretKey string
}

// Client is a real client and what it does with a cluster.
type Client struct {
	Name string
	Run  func(t *testing.T, ep Endpoint)
}

// All lists the clients in the order they run.
func All() []Client {
	return []Client{
		{"awscli", AWSCLI},
		{"boto3", Boto3},
		{"aws-sdk-go-v2", SDKGo},
		{"minio-go", MinioGo},
		{"s3cmd", S3cmd},
		{"rclone", Rclone},
		{"s3fs", S3FS},
		{"restic", Restic},
		{"goofys", Goofys},
	}
}

// command is a client process with a clean environment: the keys, a home of its
// own, and nothing of the machine's that leads it elsewhere.
type command struct {
	t   *testing.T
	env []string
	dir string
}

func newCommand(t *testing.T, ep Endpoint) *command {
	home := t.TempDir()
	return &command{t: t, dir: home, env: []string{
		"HOME=" + home,
		"PATH=" + os.Getenv("PATH"),
		"PYENV_ROOT=" + os.Getenv("PYENV_ROOT"),
		"LANG=C.UTF-8",
		"AWS_ACCESS_KEY_ID=" + ep.AccessKey,
		"AWS_SECRET_ACCESS_KEY=" + ep.SecretKey,
		"AWS_DEFAULT_REGION=us-east-1",
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_MAX_ATTEMPTS=2",
	}}
}

// try runs a program for at most three minutes and returns all it printed.
func (c *command) try(name string, args ...string) (string, error) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env, cmd.Dir = c.env, c.dir
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// run is try for commands that must succeed.
func (c *command) run(name string, args ...string) string {
	c.t.Helper()
	out, err := c.try(name, args...)
	if err != nil {
		c.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// fail is try for commands that must fail, with want in what they print.
func (c *command) fail(want, name string, args ...string) {
	c.t.Helper()
	out, err := c.try(name, args...)
	if err == nil {
		c.t.Fatalf("%s %s succeeded; want %q\n%s", name, strings.Join(args, " "), want, out)
	}
	if !strings.Contains(out, want) {
		c.t.Fatalf("%s %s: want %q in\n%s", name, strings.Join(args, " "), want, out)
	}
}

// file makes a file of n random bytes in the command's directory.
func (c *command) file(name string, n int) string {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, randomBytes(n), 0o644); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// require finds a program or fails: CI installs them all.
func require(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not installed: %v", name, err)
	}
	return path
}

func wantIn(t *testing.T, out string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(out, w) {
			t.Fatalf("want %q in\n%s", w, out)
		}
	}
}

func sameFiles(t *testing.T, a, b string) {
	t.Helper()
	if sumFile(t, a) != sumFile(t, b) {
		t.Fatalf("%s and %s differ", a, b)
	}
}

func sumFile(t *testing.T, path string) [32]byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(data)
}

func sameTrees(t *testing.T, a, b string) {
	t.Helper()
	ta, tb := tree(t, a), tree(t, b)
	for name, sum := range ta {
		if other, ok := tb[name]; !ok || other != sum {
			t.Errorf("%s: missing or different in the copy", name)
		}
	}
	if len(ta) != len(tb) {
		t.Errorf("%d files against %d in the copy", len(ta), len(tb))
	}
}

func tree(t *testing.T, root string) map[string][32]byte {
	t.Helper()
	m := map[string][32]byte{}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(root, path)
			m[rel] = sumFile(t, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// makeTree fills a directory with files that clients stumble over. They look an hour
// old: S3's times have whole seconds, so a sync takes a file that was written in the
// second of its upload for newer than the object.
func makeTree(t *testing.T, root string) {
	t.Helper()
	old := time.Now().Add(-time.Hour)
	for name, size := range map[string]int{
		"empty":                 0,
		"one byte":              1,
		"a+b&c=d.txt":           100,
		"dir/naïve – 日本語.txt":   2000,
		"dir/sub/block":         300 << 10,
		"dir/sub/six-megabytes": 6 << 20,
		"zz/after-empty":        10,
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, randomBytes(size), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
}

func randomBytes(n int) []byte {
	seed := [32]byte{byte(n), byte(n >> 8), byte(n >> 16), 7}
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(seed).Read(b)
	return b
}
