package clients

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// S3cmd works with s3cmd, signatures v4 and v2.
func S3cmd(t *testing.T, ep Endpoint) {
	require(t, "s3cmd")
	for name, flags := range map[string][]string{"v4": nil, "v2": {"--signature-v2"}} {
		t.Run(name, func(t *testing.T) {
			c := newCommand(t, ep)
			host := strings.TrimPrefix(ep.URL, "http://")
			s3cmd := func(args ...string) string {
				t.Helper()
				base := append([]string{"--no-ssl", "--host", host, "--host-bucket", host, "--no-progress",
					"--access_key", ep.AccessKey, "--secret_key", ep.SecretKey}, flags...)
				return c.run("s3cmd", append(base, args...)...)
			}
			b := "s3://s3cmd-" + name
			s3cmd("mb", b)
			src := filepath.Join(c.dir, "tree")
			makeTree(t, src)
			s3cmd("sync", src+"/", b+"/tree/")
			s3cmd("sync", b+"/tree/", filepath.Join(c.dir, "back")+"/")
			sameTrees(t, src, filepath.Join(c.dir, "back"))
			big := c.file("big", 20<<20)
			s3cmd("put", "--multipart-chunk-size-mb=5", big, b+"/big")
			s3cmd("get", b+"/big", c.dir+"/big.back")
			sameFiles(t, big, c.dir+"/big.back")
			s3cmd("cp", b+"/tree/one byte", b+"/copied it")
			s3cmd("mv", b+"/copied it", b+"/moved")
			wantIn(t, s3cmd("ls", b+"/"), "DIR", "moved", "big")
			wantIn(t, s3cmd("info", b+"/big"), "File size: 20971520")
			s3cmd("rb", "--recursive", "--force", b)
		})
	}
}

// Rclone copies a tree up and down, checks it, and purges it.
func Rclone(t *testing.T, ep Endpoint) {
	require(t, "rclone")
	c := newCommand(t, ep)
	c.run("rclone", "config", "create", "ozone", "s3", "provider=Other", "env_auth=true", "endpoint="+ep.URL)
	src := filepath.Join(c.dir, "tree")
	makeTree(t, src)
	c.file("tree/big", 30<<20)
	remote := "ozone:rclone-bucket/some dir"
	c.run("rclone", "copy", "--s3-upload-cutoff", "10M", "--s3-chunk-size", "5M", src, remote)
	c.run("rclone", "check", src, remote)
	c.run("rclone", "copy", remote, filepath.Join(c.dir, "back"))
	sameTrees(t, src, filepath.Join(c.dir, "back"))
	c.run("rclone", "moveto", remote+"/one byte", remote+"/one+moved byte")
	wantIn(t, c.run("rclone", "lsf", remote), "one+moved byte", "dir/")
	wantIn(t, c.run("rclone", "size", remote), "Total objects: 8")
	c.run("rclone", "purge", "ozone:rclone-bucket")
}

// Restic keeps a backup of a tree, checks it and brings it back.
func Restic(t *testing.T, ep Endpoint) {
	require(t, "restic")
	c := newCommand(t, ep)
	c.env = append(c.env, "RESTIC_PASSWORD=password", "RESTIC_REPOSITORY=s3:"+ep.URL+"/restic-bucket/backups")
	src := filepath.Join(c.dir, "tree")
	makeTree(t, src)
	c.file("tree/big", 20<<20)
	c.run("restic", "--no-cache", "init")
	c.run("restic", "--no-cache", "backup", src)
	c.run("restic", "--no-cache", "backup", src)
	wantIn(t, c.run("restic", "--no-cache", "check", "--read-data"), "no errors were found")
	back := filepath.Join(c.dir, "back")
	c.run("restic", "--no-cache", "restore", "latest", "--target", back)
	sameTrees(t, src, filepath.Join(back, src))
	c.run("restic", "--no-cache", "forget", "--keep-last", "1", "--prune")
}

// S3FS mounts a bucket with s3fs and does file work in it.
func S3FS(t *testing.T, ep Endpoint) {
	require(t, "s3fs")
	c := newCommand(t, ep)
	client := newS3(t, ep)
	client.makeBucket("s3fs-bucket")
	passwd := filepath.Join(c.dir, "passwd")
	if err := os.WriteFile(passwd, fmt.Appendf(nil, "%s:%s\n", ep.AccessKey, ep.SecretKey), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(c.dir, "mnt")
	_ = os.Mkdir(dir, 0o755)
	c.run("s3fs", "s3fs-bucket", dir, "-o", "url="+ep.URL, "-o", "use_path_request_style", "-o", "passwd_file="+passwd,
		"-o", "endpoint=us-east-1", "-o", "multipart_size=5", "-o", "retries=2", "-o", "connect_timeout=5")
	t.Cleanup(func() { _, _ = c.try("fusermount3", "-u", "-z", dir) })
	fileWork(t, c, dir)
	// s3fs can do what goofys can't: modes and appending.
	c.run("sh", "-c", "cd '"+dir+"' && echo one > log && echo two >> log && chmod 600 log && grep -q two log")
	c.run("fusermount3", "-u", dir)
}

// Goofys mounts a bucket with goofys where a binary is present ($GOOFYS or in
// PATH). It isn't packaged anywhere: the request sequence it sends is replayed by
// s3g/s3gtest always.
func Goofys(t *testing.T, ep Endpoint) {
	bin := os.Getenv("GOOFYS")
	if bin == "" {
		path, err := exec.LookPath("goofys")
		if err != nil {
			t.Skip("SKIPPED VISIBLY: no goofys binary ($GOOFYS or PATH); its request sequence is replayed by s3gtest")
		}
		bin = path
	}
	c := newCommand(t, ep)
	newS3(t, ep).makeBucket("goofys-bucket")
	dir := filepath.Join(c.dir, "mnt")
	_ = os.Mkdir(dir, 0o755)
	c.run(bin, "--endpoint", ep.URL, "goofys-bucket", dir)
	t.Cleanup(func() { _, _ = c.try("fusermount3", "-u", "-z", dir) })
	fileWork(t, c, dir)
	c.run("fusermount3", "-u", dir)
}

// fileWork is what a person does in a mounted directory.
func fileWork(t *testing.T, c *command, dir string) {
	t.Helper()
	src := filepath.Join(c.dir, "src")
	makeTree(t, src)
	c.run("cp", "-r", src, dir+"/tree")
	sameTrees(t, src, dir+"/tree")
	big := c.file("big", 30<<20)
	c.run("cp", big, dir+"/big")
	sameFiles(t, big, dir+"/big")
	c.run("mkdir", dir+"/new dir")
	c.run("mv", dir+"/big", dir+"/new dir/big+moved")
	sameFiles(t, big, dir+"/new dir/big+moved")
	c.run("mv", dir+"/tree", dir+"/tree2")
	sameTrees(t, src, dir+"/tree2")
	c.fail("No such file", "stat", dir+"/missing")
	wantIn(t, c.run("ls", dir), "new dir", "tree2")
	c.run("rm", "-r", dir+"/tree2", dir+"/new dir")
	if out := strings.TrimSpace(c.run("ls", dir)); out != "" {
		t.Errorf("left over after rm -r: %s", out)
	}
}
