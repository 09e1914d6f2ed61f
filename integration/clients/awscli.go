package clients

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// AWSCLI runs every aws command line that the machine has (v1 and v2 differ in
// checksums, presigning and exit codes).
func AWSCLI(t *testing.T, ep Endpoint) {
	seen := map[string]bool{}
	for _, path := range []string{"aws", "/usr/bin/aws"} {
		bin, err := exec.LookPath(path)
		if err != nil {
			continue
		}
		c := newCommand(t, ep)
		version, _, _ := strings.Cut(c.run(bin, "--version"), " ")
		if seen[version] {
			continue
		}
		seen[version] = true
		t.Run(strings.ReplaceAll(version, "/", "-"), func(t *testing.T) { awsCLI(t, ep, bin, strings.NewReplacer("/", "-", ".", "-").Replace(version)) })
	}
	if len(seen) == 0 {
		t.Fatal("no aws command line is installed")
	}
}

func awsCLI(t *testing.T, ep Endpoint, bin, version string) {
	c := newCommand(t, ep)
	aws := func(args ...string) string {
		t.Helper()
		return c.run(bin, append([]string{"--endpoint-url", ep.URL}, args...)...)
	}
	awsFails := func(want string, args ...string) {
		t.Helper()
		c.fail(want, bin, append([]string{"--endpoint-url", ep.URL}, args...)...)
	}
	bucket := version
	url := "s3://" + bucket

	wantIn(t, aws("s3api", "create-bucket", "--bucket", bucket), "/"+bucket)
	wantIn(t, aws("s3", "ls"), bucket)
	aws("s3api", "head-bucket", "--bucket", bucket)
	awsFails("404", "s3api", "head-bucket", "--bucket", "no-such-bucket-here")
	awsFails("InvalidBucketName", "s3api", "create-bucket", "--bucket", "invalid_bucket_name")
	wantIn(t, aws("s3api", "get-bucket-location", "--bucket", bucket), "LocationConstraint")

	small := c.file("small", 11)
	wantIn(t, aws("s3", "cp", small, url), "upload")
	wantIn(t, aws("s3", "cp", small, url+"/dir1/dir2/file"), "upload")
	wantIn(t, aws("s3", "cp", small, url+"/specialchars/a+b"), "upload")
	wantIn(t, aws("s3", "ls", url+"/specialchars/"), "a+b")
	wantIn(t, aws("s3", "ls", url), "small", "PRE dir1/")
	wantIn(t, aws("s3", "ls", url+"/dir1/"), "PRE dir2/")
	wantIn(t, aws("s3api", "get-object", "--bucket", bucket, "--key", "small", "--range", "bytes=2-4", c.dir+"/part"), "bytes 2-4/11")
	awsFails("InvalidRange", "s3api", "get-object", "--bucket", bucket, "--key", "small", "--range", "bytes=10000-10000", c.dir+"/part")
	awsFails("NoSuchKey", "s3api", "get-object", "--bucket", bucket, "--key", "nothing", c.dir+"/part")

	meta := aws("s3api", "put-object", "--bucket", bucket, "--key", "meta", "--body", small,
		"--metadata", "color=blue", "--content-type", "text/x-test", "--cache-control", "max-age=5")
	wantIn(t, meta, "ETag")
	wantIn(t, aws("s3api", "head-object", "--bucket", bucket, "--key", "meta"), "blue", "text/x-test", "max-age=5")
	aws("s3api", "copy-object", "--bucket", bucket, "--key", "copy", "--copy-source", bucket+"/meta")
	wantIn(t, aws("s3api", "head-object", "--bucket", bucket, "--key", "copy"), "blue")

	big := c.file("big", 100<<20)
	aws("s3", "cp", "--no-progress", big, url+"/big")
	aws("s3", "cp", "--no-progress", url+"/big", c.dir+"/big.back")
	sameFiles(t, big, c.dir+"/big.back")
	_ = os.Remove(c.dir + "/big.back")
	aws("s3", "cp", "--no-progress", url+"/big", url+"/big2")
	wantIn(t, aws("s3api", "head-object", "--bucket", bucket, "--key", "big2"), "104857600")

	src, back := filepath.Join(c.dir, "tree"), filepath.Join(c.dir, "tree.back")
	makeTree(t, src)
	aws("s3", "sync", "--no-progress", src, url+"/tree")
	aws("s3", "sync", "--no-progress", url+"/tree", back)
	sameTrees(t, src, back)
	if out := aws("s3", "sync", "--no-progress", src, url+"/tree"); strings.TrimSpace(out) != "" {
		t.Errorf("a second sync had work to do:\n%s", out)
	}

	link := strings.TrimSpace(aws("s3", "presign", url+"/small"))
	if out := c.run("curl", "-sS", "--fail", link, "-o", c.dir+"/presigned"); out != "" {
		t.Error(out)
	}
	sameFiles(t, small, c.dir+"/presigned")

	awsFeatures(t, bucket+"-features", c, aws, awsFails)

	wantIn(t, aws("s3", "rm", "--recursive", url+"/tree"), "delete")
	awsFails("BucketNotEmpty", "s3api", "delete-bucket", "--bucket", bucket)
	aws("s3", "rb", "--force", url)
	awsFails("NoSuchBucket", "s3api", "list-objects-v2", "--bucket", bucket)
}

// awsFeatures is what users of the command line do besides storing objects: versions,
// locks, customers' keys, tags, lifecycle rules, policies.
func awsFeatures(t *testing.T, bucket string, c *command, aws func(...string) string, awsFails func(string, ...string)) {
	t.Helper()
	api := func(op string, args ...string) string {
		t.Helper()
		return aws(append([]string{"s3api", op, "--bucket", bucket}, args...)...)
	}
	text := func(op, query string, args ...string) string {
		t.Helper()
		return strings.TrimSpace(api(op, append(args, "--query", query, "--output", "text")...))
	}
	file, key := c.file("features", 1000), c.file("customer key", 32)
	api("create-bucket", "--object-lock-enabled-for-bucket")
	wantIn(t, api("get-bucket-versioning"), "Enabled")

	old := text("put-object", "VersionId", "--key", "k", "--body", file)
	api("put-object", "--key", "k", "--body", key)
	api("get-object", "--key", "k", "--version-id", old, c.dir+"/old")
	sameFiles(t, file, c.dir+"/old")
	marker := text("delete-object", "VersionId", "--key", "k")
	awsFails("NoSuchKey", "s3api", "get-object", "--bucket", bucket, "--key", "k", c.dir+"/gone")
	wantIn(t, api("list-object-versions"), "DeleteMarkers", old, marker)
	api("delete-object", "--key", "k", "--version-id", marker)
	api("head-object", "--key", "k")

	api("put-object-legal-hold", "--key", "k", "--version-id", old, "--legal-hold", "Status=ON")
	wantIn(t, api("get-object-legal-hold", "--key", "k", "--version-id", old), "ON")
	awsFails("AccessDenied", "s3api", "delete-object", "--bucket", bucket, "--key", "k", "--version-id", old)
	api("put-object-legal-hold", "--key", "k", "--version-id", old, "--legal-hold", "Status=OFF")
	api("put-object-retention", "--key", "k", "--version-id", old, "--retention", "Mode=GOVERNANCE,RetainUntilDate=2099-01-01T00:00:00Z")
	wantIn(t, api("get-object-retention", "--key", "k", "--version-id", old), "GOVERNANCE")
	awsFails("AccessDenied", "s3api", "delete-object", "--bucket", bucket, "--key", "k", "--version-id", old)
	api("delete-object", "--key", "k", "--version-id", old, "--bypass-governance-retention")
	api("put-object-lock-configuration", "--object-lock-configuration", `{"ObjectLockEnabled":"Enabled","Rule":{"DefaultRetention":{"Mode":"GOVERNANCE","Days":1}}}`)
	wantIn(t, api("get-object-lock-configuration"), `"Days": 1`)
	api("put-object-lock-configuration", "--object-lock-configuration", `{"ObjectLockEnabled":"Enabled"}`)

	customer := []string{"--sse-customer-algorithm", "AES256", "--sse-customer-key", "fileb://" + key}
	api("put-object", append([]string{"--key", "secret", "--body", file}, customer...)...)
	api("get-object", append([]string{"--key", "secret", c.dir + "/plain"}, customer...)...)
	sameFiles(t, file, c.dir+"/plain")
	awsFails("400", "s3api", "head-object", "--bucket", bucket, "--key", "secret")

	api("put-object-tagging", "--key", "k", "--tagging", "TagSet=[{Key=color,Value=blue}]")
	wantIn(t, api("get-object-tagging", "--key", "k"), "blue")
	api("put-bucket-tagging", "--tagging", "TagSet=[{Key=team,Value=storage}]")
	wantIn(t, api("get-bucket-tagging"), "storage")
	api("put-bucket-lifecycle-configuration", "--lifecycle-configuration", `{"Rules":[{"ID":"Rule1","Filter":{"Prefix":"prefix1/"},"Status":"Enabled","Expiration":{"Days":1}}]}`)
	wantIn(t, api("get-bucket-lifecycle-configuration"), "Rule1", "prefix1/", `"Days": 1`)
	api("delete-bucket-lifecycle")
	awsFails("NoSuchLifecycleConfiguration", "s3api", "get-bucket-lifecycle-configuration", "--bucket", bucket)
	api("put-bucket-policy", "--policy", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::`+bucket+`/public/*"}]}`)
	wantIn(t, api("get-bucket-policy"), "2012-10-17")
	wantIn(t, api("get-bucket-policy-status"), "true")
	api("put-bucket-cors", "--cors-configuration", `{"CORSRules":[{"AllowedOrigins":["*"],"AllowedMethods":["GET"]}]}`)
	wantIn(t, api("get-bucket-cors"), "AllowedOrigins")
	api("put-object-acl", "--key", "k", "--acl", "public-read")
	wantIn(t, api("get-object-acl", "--key", "k"), "AllUsers")
	wantIn(t, api("get-object-attributes", "--key", "k", "--object-attributes", "ETag", "ObjectSize"), "ObjectSize")
}
