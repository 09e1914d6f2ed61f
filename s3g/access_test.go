package s3g_test

import (
	"crypto/md5"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/internal/identity"
	"github.com/mini-ozone/mini-ozone/ozonetest"
	"github.com/mini-ozone/mini-ozone/s3g"
)

// town is a secure gateway with users alice and bob, and anonymous callers, named "".
type town struct {
	*testing.T
	url     string
	cluster *ozonetest.Cluster
	signers map[string]signer
	log     *syncBuffer
}

func newTown(t *testing.T) *town {
	t.Helper()
	w := &town{T: t, cluster: ozonetest.Start(t, ozonetest.Secure()), signers: map[string]signer{"": {}}, log: new(syncBuffer)}
	cfg := s3g.DefaultConfig()
	cfg.Secure = true
	w.url = serveStore(t, cfg, w.cluster.Client(), zerolog.New(w.log))
	for _, user := range []string{"alice", "bob"} {
		w.signers[user] = signer{user, w.cluster.Secret(t, user)}
	}
	return w
}

// do sends a request of who's and returns status, error code and body.
func (w *town) do(who, op, body string, header ...string) (int, string, string) {
	w.Helper()
	method, path, _ := strings.Cut(op, " ")
	return answer(w, w.signers[who].request(w, method, w.url+path, body, func(r *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
	}))
}

// ok wants success and returns the body.
func (w *town) ok(who, op, body string, header ...string) string {
	w.Helper()
	status, _, got := w.do(who, op, body, header...)
	if status >= 300 {
		w.Fatalf("%s by %q: %d %s", op, who, status, got)
	}
	return got
}

// fails wants that status and code.
func (w *town) fails(who, op, body string, status int, code string, header ...string) {
	w.Helper()
	got, gotCode, doc := w.do(who, op, body, header...)
	if got != status || gotCode != code && !strings.HasPrefix(op, "HEAD") {
		w.Errorf("%s by %q: %d %s, want %d %s", op, who, got, doc, status, code)
	}
}

func (w *town) denied(who, op, body string, header ...string) {
	w.Helper()
	w.fails(who, op, body, 403, "AccessDenied", header...)
}

// who are the callers of a list of names; - is anonymous.
func who(list string) map[string]bool {
	set := map[string]bool{}
	for _, name := range strings.Fields(list) {
		set[strings.Trim(name, "-")] = true
	}
	return set
}

// Nobody does anything with another's bucket that was not granted.
func TestCrossUserDenials(t *testing.T) {
	w := newTown(t)
	w.ok("alice", "PUT /bucket", "")
	w.ok("alice", "PUT /bucket/k", "secret")
	upload := between(w.ok("alice", "POST /bucket/u?uploads", ""), "<UploadId>", "</UploadId>")
	w.ok("bob", "PUT /bobs", "")
	for _, op := range []string{
		"GET /bucket", "GET /bucket?list-type=2", "HEAD /bucket", "DELETE /bucket", "GET /bucket?versions", "GET /bucket?uploads",
		"GET /bucket?location", "GET /bucket?acl", "PUT /bucket?acl", "GET /bucket?policy", "PUT /bucket?policy", "DELETE /bucket?policy",
		"GET /bucket?policyStatus", "GET /bucket?publicAccessBlock", "PUT /bucket?publicAccessBlock", "DELETE /bucket?publicAccessBlock",
		"GET /bucket?ownershipControls", "PUT /bucket?ownershipControls", "DELETE /bucket?ownershipControls", "GET /bucket?versioning",
		"PUT /bucket?versioning", "GET /bucket?object-lock", "PUT /bucket?object-lock", "GET /bucket?tagging", "PUT /bucket?tagging",
		"DELETE /bucket?tagging", "GET /bucket?cors", "PUT /bucket?cors", "DELETE /bucket?cors", "GET /bucket?lifecycle",
		"PUT /bucket?lifecycle", "DELETE /bucket?lifecycle", "GET /bucket?notification", "PUT /bucket?notification", "GET /bucket?requestPayment",
		"GET /bucket?logging", "GET /bucket?accelerate",
		"GET /bucket/k", "HEAD /bucket/k", "PUT /bucket/k", "DELETE /bucket/k", "GET /bucket/k?versionId=null", "DELETE /bucket/k?versionId=null",
		"GET /bucket/k?acl", "PUT /bucket/k?acl", "GET /bucket/k?tagging", "PUT /bucket/k?tagging", "DELETE /bucket/k?tagging",
		"GET /bucket/k?attributes", "GET /bucket/k?retention", "PUT /bucket/k?retention", "GET /bucket/k?legal-hold", "PUT /bucket/k?legal-hold",
		"GET /bucket/missing", "HEAD /bucket/missing", "POST /bucket/k?uploads",
		"PUT /bucket/u?partNumber=1&uploadId=" + upload, "GET /bucket/u?uploadId=" + upload, "POST /bucket/u?uploadId=" + upload,
		"DELETE /bucket/u?uploadId=" + upload,
	} {
		for _, caller := range []string{"bob", ""} {
			w.denied(caller, op, "", "x-amz-object-attributes", "ETag")
		}
	}
	w.denied("bob", "PUT /bobs/copy", "", "x-amz-copy-source", "/bucket/k")
	w.denied("bob", "PUT /bobs/copy", "", "x-amz-copy-source", "/bucket/missing")
	w.denied("bob", "PUT /bucket/copy", "", "x-amz-copy-source", "/bobs/missing")
	w.denied("", "GET /", "")
	w.denied("", "PUT /anybodys", "")
	w.fails("bob", "PUT /bucket", "", 409, "BucketAlreadyExists")
	w.fails("bob", "GET /missing-bucket", "", 404, "NoSuchBucket")
	w.fails("", "GET /missing-bucket/k", "", 404, "NoSuchBucket")
	w.fails("alice", "GET /bucket/missing", "", 404, "NoSuchKey")
	if list := w.ok("bob", "GET /", ""); strings.Contains(list, "<Name>bucket</Name>") || !strings.Contains(list, "<Name>bobs</Name>") {
		t.Error(list)
	}
	if got := w.ok("alice", "GET /bucket/k", ""); got != "secret" {
		t.Error(got)
	}
	doc := "<Delete><Object><Key>k</Key></Object></Delete>"
	got := w.ok("bob", "POST /bucket?delete", doc, "Content-MD5", contentMD5(doc))
	if !strings.Contains(got, "<Error><Key>k</Key><Code>AccessDenied</Code>") {
		t.Error(got)
	}
}

func contentMD5(body string) string {
	sum := md5.Sum([]byte(body))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// between is what stands in s between two texts.
func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}

func TestCopiesAndUploadsAreAuthorised(t *testing.T) {
	w := newTown(t)
	w.ok("alice", "PUT /bucket", "")
	w.ok("alice", "PUT /bucket/open", "x", "x-amz-acl", "public-read")
	w.ok("alice", "PUT /bucket/tagged", "x", "x-amz-acl", "public-read", "x-amz-tagging", "a=b")
	w.ok("alice", "PUT /bucket/closed", "x")
	w.ok("bob", "PUT /bobs", "")
	w.ok("bob", "PUT /bobs/k", "", "x-amz-copy-source", "/bucket/open")
	w.denied("bob", "PUT /bobs/k", "", "x-amz-copy-source", "/bucket/closed")
	w.denied("bob", "PUT /bobs/k", "", "x-amz-copy-source", "/bucket/tagged")
	w.ok("bob", "PUT /bobs/k", "", "x-amz-copy-source", "/bucket/tagged", "x-amz-tagging-directive", "REPLACE")
	w.denied("alice", "PUT /bobs/k", "", "x-amz-copy-source", "/bucket/open")
	upload := between(w.ok("bob", "POST /bobs/u?uploads", ""), "<UploadId>", "</UploadId>")
	w.ok("bob", "PUT /bobs/u?partNumber=1&uploadId="+upload, "", "x-amz-copy-source", "/bucket/open")
	w.denied("bob", "PUT /bobs/u?partNumber=1&uploadId="+upload, "", "x-amz-copy-source", "/bucket/closed")
	w.denied("", "PUT /bobs/u?partNumber=1&uploadId="+upload, "x")
	// The copy is the copier's, and private.
	w.ok("bob", "PUT /bobs?acl", "", "x-amz-acl", "public-read-write")
	w.ok("alice", "PUT /bobs/alices", "", "x-amz-copy-source", "/bucket/closed")
	w.denied("alice", "GET /bobs/u?uploadId="+upload, "")
	w.denied("alice", "DELETE /bobs/u?uploadId="+upload, "")
	mine := between(w.ok("alice", "POST /bobs/a?uploads", ""), "<UploadId>", "</UploadId>")
	w.ok("alice", "GET /bobs/a?uploadId="+mine, "")
	w.ok("alice", "DELETE /bobs/a?uploadId="+mine, "")
	w.fails("bob", "DELETE /bobs/a?uploadId="+mine, "", 404, "NoSuchUpload")
	w.denied("bob", "GET /bobs/alices", "")
	w.denied("bob", "GET /bobs/alices?acl", "")
	w.ok("alice", "PUT /bobs/alices", "", "x-amz-copy-source", "/bucket/closed", "x-amz-acl", "bucket-owner-full-control")
	w.ok("bob", "GET /bobs/alices", "")
	w.ok("bob", "DELETE /bobs/alices", "")
}

// Owners are expected by name or canonical id.
func TestExpectedOwner(t *testing.T) {
	w := newTown(t)
	w.ok("alice", "PUT /bucket", "")
	for _, owner := range []string{"alice", identity.CanonicalID("alice")} {
		w.ok("alice", "PUT /bucket/k", "", "x-amz-expected-bucket-owner", owner)
		w.ok("alice", "PUT /bucket/copy", "", "x-amz-copy-source", "/bucket/k", "x-amz-source-expected-bucket-owner", owner)
	}
	w.denied("alice", "PUT /bucket/k", "", "x-amz-expected-bucket-owner", "bob")
	w.denied("alice", "GET /bucket/k", "", "x-amz-expected-bucket-owner", "bob")
	w.denied("alice", "PUT /bucket/copy", "", "x-amz-copy-source", "/bucket/k", "x-amz-source-expected-bucket-owner", "bob")
}

// One line for each request says who was allowed what, and why; no secret is in it.
func TestAuditLog(t *testing.T) {
	w := newTown(t)
	w.ok("alice", "PUT /bucket", "")
	w.denied("bob", "GET /bucket/k?X=1", "")
	w.denied("", "GET /bucket", "")
	w.fails("", "GET /bucket?AWSAccessKeyId=alice&Signature=PLANTED&Expires=4102444800", "", 403, "SignatureDoesNotMatch")
	log := w.log.String()
	if strings.Count(log, `"log":"audit"`) != 4 || strings.Contains(log, "PLANTED") || strings.Contains(log, w.signers["alice"].secret) {
		t.Error(log)
	}
	for _, line := range []string{
		`"user":"alice","op":"CreateBucket","action":"s3:CreateBucket","resource":"bucket","decision":"allowed","reason":"signed","status":200`,
		`"user":"bob","op":"GetObject","action":"s3:GetObject","resource":"bucket/k","decision":"denied","reason":"the object does not exist, which is for those to know who may list the bucket: neither policy nor the ACL of the bucket grants READ","status":403`,
		`"user":"anonymous","op":"ListObjects","action":"s3:ListBucket","resource":"bucket","decision":"denied"`,
		`"decision":"denied","reason":"SignatureDoesNotMatch"`,
	} {
		if !strings.Contains(log, line) {
			t.Errorf("no line with %s in\n%s", line, log)
		}
	}
}

// Open mode stores and tells ACLs and policies, and keeps nothing from anybody.
func TestOpenModeTells(t *testing.T) {
	_, url := serve(t, nil)
	for _, step := range []struct {
		op, body string
		header   []string
		want     string
	}{
		{"PUT /bucket", "", []string{"x-amz-acl", "private"}, ""},
		{"PUT /bucket/k", "x", []string{"x-amz-grant-read", "id=somebody"}, ""},
		{"GET /bucket/k?acl", "", nil, "<ID>somebody</ID></Grantee><Permission>READ</Permission>"},
		{"PUT /bucket/k?acl", "", []string{"x-amz-acl", "public-read"}, ""},
		{"GET /bucket/k?acl", "", nil, "<URI>http://acs.amazonaws.com/groups/global/AllUsers</URI></Grantee><Permission>READ</Permission>"},
		{"PUT /bucket?policy", jsonPolicy("Deny", `"*"`, `"s3:*"`, ""), nil, ""},
		{"GET /bucket?policy", "", nil, `"Deny"`},
		{"GET /bucket/k", "", nil, "x"},
		{"GET /bucket?requestPayment", "", nil, "<Payer>BucketOwner</Payer>"},
		{"GET /bucket?logging", "", nil, "<BucketLoggingStatus"},
		{"GET /bucket?accelerate", "", nil, "<AccelerateConfiguration"},
	} {
		method, path, _ := strings.Cut(step.op, " ")
		status, _, body := ask(t, method, url+path, step.body, step.header...)
		if status >= 300 || !strings.Contains(body, step.want) {
			t.Errorf("%s: %d %s", step.op, status, body)
		}
	}
}

// What everybody may do needs no signature: forms, the browser page. HEAD of a bucket
// tells everybody where it is.
func TestAnonymous(t *testing.T) {
	w := newTown(t)
	w.ok("alice", "PUT /bucket", "")
	w.ok("alice", "PUT /bucket/k", "x")
	post := func() int {
		body := "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nposted\r\n--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--b--\r\n"
		status, _, _ := ask(t, "POST", w.url+"/bucket", body, "Content-Type", "multipart/form-data; boundary=b")
		return status
	}
	if status := post(); status != 403 {
		t.Errorf("form: %d", status)
	}
	status, h, body := ask(t, "GET", w.url+"/bucket?browser=true", "")
	if status != 403 || !strings.Contains(h.Get("Content-Type"), "text/html") || !strings.Contains(body, "You may not look into bucket") {
		t.Errorf("browser: %d %s", status, body)
	}
	if status, h, _ := ask(t, "HEAD", w.url+"/bucket", ""); status != 403 || h.Get("X-Amz-Bucket-Region") != "us-east-1" {
		t.Errorf("HEAD: %d %v", status, h)
	}
	w.ok("alice", "PUT /bucket?acl", "", "x-amz-acl", "public-read-write")
	if status := post(); status >= 300 {
		t.Errorf("form: %d", status)
	}
	if status, _, body := ask(t, "GET", w.url+"/bucket?browser=true", ""); status != 200 || !strings.Contains(body, "posted") {
		t.Errorf("browser: %d %s", status, body)
	}
	w.ok("alice", "GET /bucket/posted", "") // nobody's, so the bucket owner's
	w.denied("", "GET /bucket/posted", "")
	w.ok("", "PUT /bucket/shared", "x", "x-amz-acl", "public-read", "x-amz-tagging", "a=1") // said of what it writes itself
	w.ok("", "GET /bucket/shared", "")
	w.denied("", "GET /bucket/shared?acl", "")
	w.denied("", "PUT /bucket/shared?acl", "", "x-amz-acl", "private")
	w.denied("", "PUT /bucket/k?tagging", "<Tagging><TagSet/></Tagging>")
	w.denied("", "PUT /bucket/locked", "x", "x-amz-object-lock-legal-hold", "ON")
}
