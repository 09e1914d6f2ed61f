package s3g_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/identity"
	"github.com/mini-ozone/mini-ozone/s3g"
	"github.com/mini-ozone/mini-ozone/s3g/s3gtest"
)

// deny is a policy that lets bob do everything in the bucket but what the condition says.
func deny(action, resource, condition string) string {
	return `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"bob"},"Action":"s3:*","Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]},
		{"Effect":"Deny","Principal":"*","Action":"` + action + `","Resource":"arn:aws:s3:::` + resource + `","Condition":` + condition + `}]}`
}

// A condition sees of a request what the operation goes by, however often it is said.
func TestPolicySeesWhatCounts(t *testing.T) {
	w := newTown(t)
	w.ok("alice", "PUT /bucket", "")
	for _, tc := range []struct {
		name, action, resource, condition string
		op                                string
		header, values                    string // the latter separated by ;
		status                            int
	}{
		{"two ACLs", "s3:PutObject", "bucket/*", `{"StringEquals":{"s3:x-amz-acl":"public-read"}}`, "PUT /bucket/k", "X-Amz-Acl", "public-read;private", 403},
		{"the ACL that does not count", "s3:PutObject", "bucket/*", `{"StringNotEquals":{"s3:x-amz-acl":"private"}}`, "PUT /bucket/k", "X-Amz-Acl", "private;public-read", 200},
		{"no encryption, said aloud", "s3:PutObject", "bucket/*", `{"Null":{"s3:x-amz-server-side-encryption":"true"}}`, "PUT /bucket/k", "X-Amz-Server-Side-Encryption", "", 403},
		{"grants", "s3:PutObject", "bucket/*", `{"StringLike":{"s3:x-amz-grant-read":"*bob*"}}`, "PUT /bucket/k", "X-Amz-Grant-Read", "id=alice;id=bob", 403},
		{"two limits", "s3:ListBucket", "bucket", `{"NumericGreaterThan":{"s3:max-keys":"10"}}`, "GET /bucket?max-keys=1000&max-keys=5000", "", "", 403},
		{"a service's own address", "s3:GetObject", "bucket/*", `{"NotIpAddress":{"aws:SourceIp":"192.0.2.1"},"Bool":{"aws:ViaAWSService":"false"}}`, "GET /bucket/k", "", "", 403},
		{"a service", "s3:GetObject", "bucket/*", `{"Bool":{"aws:PrincipalIsAWSService":"false"}}`, "GET /bucket/k", "", "", 403},
	} {
		w.ok("alice", "PUT /bucket?policy", deny(tc.action, tc.resource, tc.condition))
		method, path, _ := strings.Cut(tc.op, " ")
		status, _, body := answer(t, w.signers["bob"].request(t, method, w.url+path, "", func(r *http.Request) {
			if tc.header != "" {
				r.Header[tc.header] = strings.Split(tc.values, ";")
			}
		}))
		if status != tc.status {
			t.Errorf("%s: %d %s, want %d", tc.name, status, body, tc.status)
		}
	}
}

// A presigned URL that is good for one body takes no other, and conditions see whether
// it is.
func TestPresignedBody(t *testing.T) {
	w := newTown(t)
	w.ok("alice", "PUT /bucket", "")
	put := func(who, body string, header ...string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), "PUT", w.url+"/bucket/k?X-Amz-Content-Sha256="+s3gtest.SHA256("hello"), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		s3gtest.Signer{AccessKey: who, Secret: w.signers[who].secret}.PresignBody(req, "60", s3gtest.SHA256("hello"))
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		status, code, _ := answer(t, req)
		return status, code
	}
	const hash = "X-Amz-Content-Sha256"
	if status, code := put("alice", "hello"); status != 200 {
		t.Errorf("the body: %d %s", status, code)
	}
	if status, code := put("alice", "hello", hash, s3gtest.SHA256("hello")); status != 200 {
		t.Errorf("the body, told again: %d %s", status, code)
	}
	if status, code := put("alice", "other"); status != 400 || code != "XAmzContentSHA256Mismatch" {
		t.Errorf("another: %d %s", status, code)
	}
	for _, v := range []string{"UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", s3gtest.SHA256("other")} {
		if status, code := put("alice", "other", hash, v); status != 403 || code != "AccessDenied" {
			t.Errorf("another, and a header of %s: %d %s", v, status, code)
		}
	}
	w.ok("alice", "PUT /bucket?policy", deny("s3:PutObject", "bucket/*", `{"StringEquals":{"s3:x-amz-content-sha256":"UNSIGNED-PAYLOAD"}}`))
	if status, code := put("bob", "hello"); status != 200 {
		t.Errorf("signed: %d %s", status, code)
	}
	req, err := http.NewRequestWithContext(t.Context(), "PUT", w.url+"/bucket/k", strings.NewReader("any"))
	if err != nil {
		t.Fatal(err)
	}
	s3gtest.Signer{AccessKey: "bob", Secret: w.signers["bob"].secret}.Presign(req, "60")
	if status, code, _ := answer(t, req); status != 403 || code != "AccessDenied" {
		t.Errorf("unsigned: %d %s", status, code)
	}
}

// Who may write objects but not tags can't bring tags along in a copy, whatever tags the
// request names.
func TestCopiedTagsArePermitted(t *testing.T) {
	w := newTown(t)
	w.ok("alice", "PUT /bucket", "", "x-amz-object-ownership", "BucketOwnerEnforced")
	w.ok("bob", "PUT /bobs", "")
	w.ok("bob", "PUT /bobs/tagged", "x", "x-amz-tagging", "class=public")
	w.ok("bob", "PUT /bobs/plain", "x")
	allow := func(action, condition string) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"bob"},"Action":` + action +
			`,"Resource":"arn:aws:s3:::bucket/*"` + condition + `}}`
	}
	w.ok("alice", "PUT /bucket?policy", allow(`"s3:PutObject"`, ""))
	w.ok("bob", "PUT /bucket/k", "", "x-amz-copy-source", "/bobs/plain")
	w.ok("bob", "PUT /bucket/k", "", "x-amz-copy-source", "/bobs/tagged", "x-amz-tagging-directive", "REPLACE")
	w.denied("bob", "PUT /bucket/k", "", "x-amz-copy-source", "/bobs/tagged")
	w.ok("alice", "PUT /bucket?policy", allow(`["s3:PutObject","s3:PutObjectTagging"]`, ""))
	w.ok("bob", "PUT /bucket/k", "", "x-amz-copy-source", "/bobs/tagged")
	w.ok("alice", "PUT /bucket?policy", allow(`["s3:PutObject","s3:PutObjectTagging"]`, `,"Condition":{"StringEquals":{"s3:RequestObjectTag/class":"internal"}}`))
	w.denied("bob", "PUT /bucket/k", "", "x-amz-copy-source", "/bobs/tagged", "x-amz-tagging", "class=internal")
	w.ok("bob", "PUT /bucket/k", "", "x-amz-copy-source", "/bobs/tagged", "x-amz-tagging", "class=internal", "x-amz-tagging-directive", "REPLACE")
}

// Two tags whose keys differ in case only are one to a condition, and always the same.
func TestTagsOfAnyCase(t *testing.T) {
	w := newTown(t)
	w.ok("alice", "PUT /bucket", "")
	w.ok("alice", "PUT /bucket?policy", deny("s3:GetObject", "bucket/*", `{"StringEquals":{"s3:ExistingObjectTag/secret":"yes"}}`))
	w.ok("alice", "PUT /bucket/k", "", "x-amz-tagging", "SECRET=yes&secret=no&Secret=no&sEcret=no")
	for range 20 {
		w.denied("bob", "GET /bucket/k", "")
	}
}

// A form's policy that does not say for which bucket is good for none.
func TestPostNeedsTheBucket(t *testing.T) {
	w := newTown(t)
	w.ok("alice", "PUT /bucket", "")
	for _, tc := range []struct {
		conditions []any
		status     int
	}{
		{[]any{map[string]string{"key": "k"}}, 403},
		{[]any{map[string]string{"key": "k"}, map[string]string{"bucket": "bucket"}}, 204},
	} {
		fields := sign(policyForm(tc.conditions...), "alice", w.signers["alice"].secret)
		if status, _, body := postForm(t, w.url+"/bucket", "x", append([]string{"key", "k"}, fields...)...); status != tc.status {
			t.Errorf("%v: %d %s", tc.conditions, status, body)
		}
	}
}

// Users whose names differ in case share a volume, not their buckets.
func TestNamesAreExact(t *testing.T) {
	w := newTown(t)
	w.signers["Alice"] = signer{"Alice", w.cluster.Secret(t, "Alice")}
	w.ok("alice", "PUT /bucket", "")
	w.ok("alice", "PUT /bucket/k", "x")
	w.fails("Alice", "PUT /bucket", "", 409, "BucketAlreadyExists", "x-amz-acl", "public-read")
	for _, op := range []string{"GET /bucket", "GET /bucket/k", "PUT /bucket/k", "DELETE /bucket/k", "DELETE /bucket", "GET /bucket?acl"} {
		w.denied("Alice", op, "")
	}
	if list := w.ok("Alice", "GET /", ""); strings.Contains(list, "<Bucket>") || !strings.Contains(list, identity.CanonicalID("Alice")) {
		t.Error(list)
	}
}

// overwriting is a store in which alice's object takes the place of another before its
// tags or its ACL are changed.
type overwriting struct {
	s3g.Store
	overwrite func()
}

func (s overwriting) SetObjectACL(ctx context.Context, ref client.KeyRef, acl client.ACL, owner string) (client.Object, error) {
	s.overwrite()
	return s.Store.SetObjectACL(ctx, ref, acl, owner)
}

func (s overwriting) SetObjectTags(ctx context.Context, ref client.KeyRef, tags map[string]string, owner string) (client.Object, error) {
	s.overwrite()
	return s.Store.SetObjectTags(ctx, ref, tags, owner)
}

// Who may change his own object does not change another's that has just taken its place.
func TestChangeWhatWasSeen(t *testing.T) {
	w := newTown(t)
	w.ok("alice", "PUT /bucket", "")
	w.ok("alice", "PUT /bucket?acl", "", "x-amz-acl", "public-read-write")
	cfg := s3g.DefaultConfig()
	cfg.Secure = true
	calm := w.url
	racing := serveStore(t, cfg, overwriting{w.cluster.Client(), func() {
		status, _, body := answer(t, w.signers["alice"].request(t, "PUT", calm+"/bucket/k", "alice's", nil))
		if status != 200 {
			t.Errorf("%d %s", status, body)
		}
	}}, zerolog.Nop())
	tags := "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
	for _, tc := range []struct{ op, body, acl string }{
		{"PUT /bucket/k?acl", "", "public-read"},
		{"PUT /bucket/k?tagging", tags, ""},
		{"DELETE /bucket/k?tagging", "", ""},
	} {
		w.url = calm
		w.ok("bob", "PUT /bucket/k", "bob's")
		w.url = racing
		var header []string
		if tc.acl != "" {
			header = []string{"x-amz-acl", tc.acl}
		}
		w.fails("bob", tc.op, tc.body, 409, "ConditionalRequestConflict", header...)
		w.url = calm
		w.denied("bob", "GET /bucket/k", "")
		w.denied("bob", "GET /bucket/k?acl", "")
		if got := w.ok("alice", "GET /bucket/k?tagging", ""); strings.Contains(got, "<Tag>") {
			t.Error(got)
		}
	}
}

// Version 2 does not sign all of a query. What it signs, it signs however it is written.
func TestPresignedV2SubResource(t *testing.T) {
	w := newTown(t)
	w.ok("alice", "PUT /bucket", "")
	w.ok("alice", "PUT /bucket/k", "x")
	for _, tc := range []struct{ method, more string }{
		{"PUT", "acl"}, {"PUT", "%61cl"}, {"PUT", "t%61gging"}, {"GET", "%61cl"}, {"GET", "version%49d=null"}, {"DELETE", "version%49d=null"},
		{"GET", "%72esponse-content-type=text/html"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tc.method, w.url+"/bucket/k", nil)
		if err != nil {
			t.Fatal(err)
		}
		s3gtest.Signer{AccessKey: "alice", Secret: w.signers["alice"].secret}.PresignV2(req, time.Now().Add(time.Minute))
		req.URL.RawQuery += "&" + tc.more
		if status, code, _ := answer(t, req); status != 403 || code != "SignatureDoesNotMatch" {
			t.Errorf("%s ?%s: %d %s", tc.method, tc.more, status, code)
		}
	}
}
