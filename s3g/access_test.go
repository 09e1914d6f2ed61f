package s3g_test

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/client"
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

func TestCannedACLs(t *testing.T) {
	w := newTown(t)
	for _, tc := range []struct{ acl, list, write, read string }{
		{"private", "alice", "alice", "alice"},
		{"public-read", "alice bob -", "alice", "alice bob -"},
		{"public-read-write", "alice bob -", "alice bob -", "alice bob -"},
		{"authenticated-read", "alice bob", "alice", "alice bob"},
		{"bucket-owner-full-control", "alice", "alice", "alice"},
	} {
		bucket := "b-" + tc.acl
		w.ok("alice", "PUT /"+bucket, "", "x-amz-acl", tc.acl)
		w.ok("alice", "PUT /"+bucket+"/k", "x", "x-amz-acl", tc.acl)
		w.ok("alice", "PUT /"+bucket+"/later", "x")
		w.ok("alice", "PUT /"+bucket+"/later?acl", "", "x-amz-acl", tc.acl)
		for caller := range w.signers {
			for op, allowed := range map[string]string{
				"GET /" + bucket: tc.list, "HEAD /" + bucket: tc.list, "GET /" + bucket + "/k": tc.read, "HEAD /" + bucket + "/later": tc.read,
				"PUT /" + bucket + "/new-" + caller: tc.write, "GET /" + bucket + "/missing?acl": "",
			} {
				status, _, body := w.do(caller, op, "")
				if got := status != 403; strings.Contains(op, "missing") {
					if got != who(tc.list)[caller] {
						t.Errorf("%s: %s by %q: %d %s", tc.acl, op, caller, status, body)
					}
				} else if got != who(allowed)[caller] {
					t.Errorf("%s: %s by %q: %d %s", tc.acl, op, caller, status, body)
				}
			}
		}
	}
	w.fails("alice", "PUT /bucket", "", 400, "InvalidArgument", "x-amz-acl", "public")
	w.fails("alice", "PUT /b-private/k", "", 400, "InvalidArgument", "x-amz-acl", "public")
	w.fails("alice", "PUT /b-private/k", "", 400, "InvalidRequest", "x-amz-acl", "private", "x-amz-grant-read", "id="+identity.CanonicalID("bob"))
}

// grantXML is the document of an ACL of alice's.
func grantXML(grants ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<AccessControlPolicy xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>%s</ID></Owner><AccessControlList>`, identity.CanonicalID("alice"))
	for _, g := range grants {
		kind, rest, _ := strings.Cut(g, " ")
		id, permission, _ := strings.Cut(rest, " ")
		element := map[string]string{"CanonicalUser": "ID", "Group": "URI", "AmazonCustomerByEmail": "EmailAddress"}[kind]
		fmt.Fprintf(&b, `<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="%s"><%s>%s</%s></Grantee><Permission>%s</Permission></Grant>`, kind, element, id, element, permission)
	}
	return b.String() + "</AccessControlList></AccessControlPolicy>"
}

func TestACLDocuments(t *testing.T) {
	w := newTown(t)
	alice, bob := identity.CanonicalID("alice"), identity.CanonicalID("bob")
	w.ok("alice", "PUT /bucket", "")
	w.ok("alice", "PUT /bucket/k", "x")
	got := w.ok("alice", "GET /bucket?acl", "")
	want := `<AccessControlPolicy xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>` + alice + `</ID><DisplayName>alice</DisplayName></Owner>` +
		`<AccessControlList><Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>` + alice +
		`</ID><DisplayName>alice</DisplayName></Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>`
	if !strings.HasSuffix(got, want) {
		t.Errorf("%s\nwant %s", got, want)
	}
	for _, resource := range []string{"/bucket", "/bucket/k"} {
		w.denied("bob", "GET "+resource, "")
		w.ok("alice", "PUT "+resource+"?acl", grantXML("CanonicalUser "+alice+" FULL_CONTROL", "CanonicalUser "+bob+" READ"))
		w.ok("bob", "GET "+resource, "")
		w.denied("bob", "GET "+resource+"?acl", "")
		w.denied("", "GET "+resource, "")
		w.ok("alice", "PUT "+resource+"?acl", grantXML("CanonicalUser "+bob+" READ_ACP", "CanonicalUser bob WRITE_ACP")) // a name will do
		got := w.ok("bob", "GET "+resource+"?acl", "")
		if strings.Count(got, "<ID>"+bob+"</ID><DisplayName>bob</DisplayName>") != 2 {
			t.Error(got)
		}
		w.denied("alice", "GET "+resource, "") // has taken it from itself
		w.ok("bob", "PUT "+resource+"?acl", grantXML("Group "+identity.AuthenticatedUsers+" READ"))
		w.ok("bob", "GET "+resource, "")
		w.denied("", "GET "+resource, "")
		w.denied("bob", "PUT "+resource+"?acl", "", "x-amz-acl", "public-read")
		w.ok("alice", "PUT "+resource+"?acl", "", "x-amz-grant-full-control", `id="`+alice+`"`, "x-amz-grant-read", `uri="`+identity.AllUsers+`", id=`+bob)
		w.ok("", "GET "+resource, "")
		for name, bad := range map[string][]string{
			"MalformedACLError": {"<AccessControlPolicy/>", "nonsense", grantXML("CanonicalUser " + bob + " READS"), grantXML("Robot x READ"), grantXML("CanonicalUser  READ")},
			"InvalidArgument": {grantXML("CanonicalUser nobody READ"), grantXML("Group http://acs.amazonaws.com/groups/x READ"),
				strings.Replace(grantXML(), alice, "nobody", 1)},
			"UnresolvableGrantByEmailAddress": {grantXML("AmazonCustomerByEmail a@example.com READ")},
			"InvalidRequest":                  {grantXML(slices.Repeat([]string{"CanonicalUser " + bob + " READ"}, 101)...)},
		} {
			for _, doc := range bad {
				w.fails("alice", "PUT "+resource+"?acl", doc, 400, name)
			}
		}
		w.fails("alice", "PUT "+resource+"?acl", strings.ReplaceAll(grantXML(), alice, bob), 403, "AccessDenied")
		w.fails("alice", "PUT "+resource+"?acl", grantXML(), 400, "UnexpectedContent", "x-amz-acl", "private")
		w.fails("alice", "PUT "+resource+"?acl", "", 400, "MissingSecurityHeader")
		w.fails("alice", "PUT "+resource+"?acl", "", 400, "InvalidArgument", "x-amz-grant-read", "id=nobody")
		w.fails("alice", "PUT "+resource+"?acl", "", 400, "InvalidArgument", "x-amz-grant-read", "bob")
		w.ok("", "GET "+resource, "") // nothing of that has changed anything
		w.ok("alice", "PUT "+resource+"?acl", "", "x-amz-acl", "private")
	}
	email := "bob@example.com"
	if _, err := w.cluster.Client().SetUser(t.Context(), client.UserChange{Name: "bob", Email: &email}); err != nil {
		t.Fatal(err)
	}
	w.ok("alice", "PUT /bucket?acl", grantXML("AmazonCustomerByEmail "+email+" READ"))
	w.ok("bob", "GET /bucket", "")
	w.ok("alice", "PUT /bucket?acl", "", "x-amz-grant-write", `emailAddress="`+email+`"`)
	w.ok("bob", "PUT /bucket/bobs", "")
	w.ok("alice", "PUT /bucket", "", "x-amz-acl", "public-read") // again, which resets the ACL
	w.ok("", "GET /bucket", "")
	w.ok("alice", "PUT /bucket", "")
	w.denied("", "GET /bucket", "")
}

// jsonPolicy is a policy of one statement for the bucket.
func jsonPolicy(effect, principal, actions, more string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"` + effect + `","Principal":` + principal + `,"Action":[` + actions +
		`],"Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]` + more + `}]}`
}

func TestBucketPolicies(t *testing.T) {
	w := newTown(t)
	w.ok("alice", "PUT /bucket", "")
	w.ok("alice", "PUT /bucket/k", "x", "x-amz-tagging", "class=public")
	w.ok("alice", "PUT /bucket/secret", "x")
	w.fails("alice", "GET /bucket?policy", "", 404, "NoSuchBucketPolicy")
	if got := w.ok("alice", "GET /bucket?policyStatus", ""); !strings.Contains(got, "<IsPublic>false</IsPublic>") {
		t.Error(got)
	}
	put := func(doc string) {
		t.Helper()
		w.ok("alice", "PUT /bucket?policy", doc)
		if got := w.ok("alice", "GET /bucket?policy", ""); got != doc {
			t.Errorf("%s, want %s", got, doc)
		}
	}
	put(jsonPolicy("Allow", `"*"`, `"s3:GetObject","s3:ListBucket"`, ""))
	w.ok("", "GET /bucket/k", "")
	w.ok("", "GET /bucket", "")
	w.denied("", "PUT /bucket/k", "")
	w.denied("bob", "GET /bucket?policy", "")
	if got := w.ok("alice", "GET /bucket?policyStatus", ""); !strings.Contains(got, "<IsPublic>true</IsPublic>") {
		t.Error(got)
	}
	put(jsonPolicy("Allow", `{"AWS":"arn:aws:iam:::user/bob"}`, `"s3:GetObject","s3:PutObject"`, ""))
	w.denied("", "GET /bucket/k", "")
	w.denied("bob", "GET /bucket", "")
	w.ok("bob", "GET /bucket/k", "")
	w.denied("bob", "GET /bucket/missing", "")
	w.ok("bob", "PUT /bucket/bobs", "x", "x-amz-acl", "public-read", "x-amz-tagging", "a=b") // its own object
	w.denied("alice", "GET /bucket/bobs?tagging", "")
	w.ok("", "GET /bucket/bobs", "")
	w.denied("bob", "PUT /bucket/bobs", "x", "x-amz-object-lock-legal-hold", "ON", "Content-MD5", contentMD5("x"))
	w.denied("bob", "DELETE /bucket/bobs", "")
	w.ok("alice", "DELETE /bucket/bobs", "")

	put(jsonPolicy("Allow", `"*"`, `"s3:GetObject","s3:GetObjectTagging","s3:PutObjectTagging"`, `,"Condition":{"StringEquals":{"s3:ExistingObjectTag/class":"public"}}`))
	w.ok("", "GET /bucket/k", "")
	w.denied("", "GET /bucket/secret", "")
	w.ok("bob", "GET /bucket/k?tagging", "")
	w.denied("bob", "GET /bucket/secret?tagging", "")
	put(jsonPolicy("Allow", `"*"`, `"s3:PutObjectTagging"`, `,"Condition":{"StringEquals":{"s3:RequestObjectTag/class":"public"}}`))
	tagging := "<Tagging><TagSet><Tag><Key>class</Key><Value>%s</Value></Tag></TagSet></Tagging>"
	w.ok("bob", "PUT /bucket/k?tagging", fmt.Sprintf(tagging, "public"))
	w.denied("bob", "PUT /bucket/k?tagging", fmt.Sprintf(tagging, "private"))
	put(jsonPolicy("Allow", `{"AWS":"bob"}`, `"s3:ListBucket"`, `,"Condition":{"StringLike":{"s3:prefix":"home/*"},"NumericLessThanEquals":{"s3:max-keys":"10"}}`))
	w.ok("bob", "GET /bucket?prefix=home/bob&max-keys=10", "")
	w.denied("bob", "GET /bucket?prefix=home/bob&max-keys=11", "")
	w.denied("bob", "GET /bucket?prefix=home/bob", "")
	w.denied("bob", "GET /bucket?prefix=other&max-keys=1", "")
	put(jsonPolicy("Deny", `"*"`, `"s3:PutObject"`, `,"Condition":{"Null":{"s3:x-amz-server-side-encryption":"true"}}`))
	w.denied("alice", "PUT /bucket/k", "x")
	put(jsonPolicy("Deny", `"*"`, `"s3:*"`, ""))
	w.denied("alice", "GET /bucket", "")
	w.ok("alice", "DELETE /bucket?policy", "")
	w.ok("alice", "DELETE /bucket?policy", "")
	w.ok("alice", "GET /bucket", "")
	w.denied("", "GET /bucket/k", "")
	w.fails("alice", "PUT /bucket?policy", "{", 400, "MalformedPolicy")
	w.fails("alice", "PUT /bucket?policy", jsonPolicy("Allow", `{"AWS":"nobody"}`, `"s3:GetObject"`, ""), 400, "MalformedPolicy")
	w.fails("alice", "PUT /missing-bucket?policy", "{", 404, "NoSuchBucket")
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

func TestPublicAccessBlock(t *testing.T) {
	w := newTown(t)
	w.ok("alice", "PUT /bucket", "")
	w.ok("alice", "PUT /bucket/k", "x", "x-amz-acl", "public-read")
	w.fails("alice", "GET /bucket?publicAccessBlock", "", 404, "NoSuchPublicAccessBlockConfiguration")
	set := func(names ...string) {
		t.Helper()
		doc := "<PublicAccessBlockConfiguration>"
		for _, n := range names {
			doc += "<" + n + ">true</" + n + ">"
		}
		w.ok("alice", "PUT /bucket?publicAccessBlock", doc+"</PublicAccessBlockConfiguration>")
		got := w.ok("alice", "GET /bucket?publicAccessBlock", "")
		if strings.Count(got, "true") != len(names) {
			t.Error(got)
		}
	}
	set()
	set("BlockPublicAcls")
	w.denied("alice", "PUT /bucket?acl", "", "x-amz-acl", "public-read")
	w.denied("alice", "PUT /bucket/k?acl", grantXML("Group "+identity.AllUsers+" READ"))
	w.denied("alice", "PUT /bucket/new", "", "x-amz-acl", "authenticated-read")
	w.ok("alice", "PUT /bucket/new", "", "x-amz-acl", "private")
	w.ok("", "GET /bucket/k", "") // was public before
	set("IgnorePublicAcls")
	w.denied("", "GET /bucket/k", "")
	w.ok("alice", "GET /bucket/k", "")
	public := jsonPolicy("Allow", `"*"`, `"s3:ListBucket"`, "")
	set("BlockPublicPolicy")
	w.denied("alice", "PUT /bucket?policy", public)
	w.ok("alice", "PUT /bucket?policy", jsonPolicy("Allow", `{"AWS":"bob"}`, `"s3:ListBucket"`, ""))
	set("RestrictPublicBuckets")
	w.ok("bob", "GET /bucket", "")
	w.ok("alice", "PUT /bucket?policy", public)
	w.denied("bob", "GET /bucket", "")
	w.denied("", "GET /bucket", "")
	w.ok("alice", "GET /bucket", "")
	w.ok("alice", "DELETE /bucket?publicAccessBlock", "")
	w.fails("alice", "GET /bucket?publicAccessBlock", "", 404, "NoSuchPublicAccessBlockConfiguration")
	w.ok("", "GET /bucket", "")
	w.fails("alice", "PUT /bucket?publicAccessBlock", "<Other/>", 400, "MalformedXML")
}

func TestObjectOwnership(t *testing.T) {
	w := newTown(t)
	controls := func(s string) string {
		return "<OwnershipControls><Rule><ObjectOwnership>" + s + "</ObjectOwnership></Rule></OwnershipControls>"
	}
	w.ok("alice", "PUT /bucket", "", "x-amz-acl", "public-read-write")
	w.fails("alice", "GET /bucket?ownershipControls", "", 404, "OwnershipControlsNotFoundError")
	w.ok("bob", "PUT /bucket/bobs", "x", "x-amz-acl", "bucket-owner-full-control")
	w.ok("bob", "PUT /bucket/private", "x")
	if got := w.ok("bob", "GET /bucket/bobs?acl", ""); between(got, "<ID>", "</ID>") != identity.CanonicalID("bob") {
		t.Error(got)
	}
	w.ok("alice", "PUT /bucket?ownershipControls", controls("BucketOwnerPreferred"))
	w.ok("bob", "PUT /bucket/alices", "x", "x-amz-acl", "bucket-owner-full-control")
	w.denied("bob", "GET /bucket/alices", "")
	if got := w.ok("alice", "GET /bucket?prefix=alices", ""); !strings.Contains(got, identity.CanonicalID("alice")) {
		t.Error(got)
	}
	if got := w.ok("alice", "GET /bucket/alices?acl", ""); between(got, "<ID>", "</ID>") != identity.CanonicalID("alice") {
		t.Error(got)
	}
	w.fails("alice", "PUT /bucket?ownershipControls", controls("BucketOwnerEnforced"), 400, "InvalidBucketAclWithObjectOwnership")
	w.ok("alice", "PUT /bucket?acl", "", "x-amz-acl", "private")
	w.ok("alice", "PUT /bucket?ownershipControls", controls("BucketOwnerEnforced"))
	if got := w.ok("alice", "GET /bucket?ownershipControls", ""); !strings.Contains(got, "<ObjectOwnership>BucketOwnerEnforced</ObjectOwnership>") {
		t.Error(got)
	}
	w.ok("alice", "GET /bucket/private", "")
	w.denied("bob", "GET /bucket/private", "")
	for _, list := range []string{"?list-type=2&fetch-owner=true", "?versions"} {
		if got := w.ok("alice", "GET /bucket"+list, ""); strings.Contains(got, identity.CanonicalID("bob")) {
			t.Error(got)
		}
	}
	w.fails("alice", "PUT /bucket?acl", "", 400, "AccessControlListNotSupported", "x-amz-acl", "public-read")
	w.fails("alice", "PUT /bucket/k?acl", "", 404, "NoSuchKey", "x-amz-acl", "public-read")
	w.fails("alice", "PUT /bucket/private?acl", grantXML("Group "+identity.AllUsers+" READ"), 400, "AccessControlListNotSupported")
	w.fails("alice", "PUT /bucket/k", "", 400, "AccessControlListNotSupported", "x-amz-acl", "private")
	w.ok("alice", "PUT /bucket/k", "", "x-amz-acl", "bucket-owner-full-control")
	w.ok("alice", "PUT /bucket/k?acl", grantXML("CanonicalUser "+identity.CanonicalID("alice")+" FULL_CONTROL"))
	w.ok("alice", "DELETE /bucket?ownershipControls", "")
	w.denied("alice", "GET /bucket/private", "")
	w.fails("alice", "PUT /bucket?ownershipControls", controls("Mine"), 400, "MalformedXML")
	w.fails("alice", "PUT /other", "", 400, "InvalidArgument", "x-amz-object-ownership", "Mine")
	w.fails("alice", "PUT /other", "", 400, "InvalidBucketAclWithObjectOwnership", "x-amz-object-ownership", "BucketOwnerEnforced", "x-amz-acl", "public-read")
	w.ok("alice", "PUT /other", "", "x-amz-object-ownership", "ObjectWriter")
	w.ok("alice", "GET /other?ownershipControls", "")
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
}

// Who may not bypass governance is told that the version is locked; others' keys of a
// multi-delete are denied each for itself.
func TestBypassAndMultiDelete(t *testing.T) {
	w := newTown(t)
	w.ok("alice", "PUT /bucket", "", "x-amz-bucket-object-lock-enabled", "true")
	const until = "2040-01-01T00:00:00Z"
	lock := func() string {
		t.Helper()
		w.ok("alice", "PUT /bucket/a/k", "x", "x-amz-object-lock-mode", "GOVERNANCE", "x-amz-object-lock-retain-until-date", until, "Content-MD5", contentMD5("x"))
		return between(w.ok("alice", "GET /bucket?versions", ""), "<VersionId>", "</VersionId>")
	}
	version := lock()
	w.ok("alice", "PUT /bucket?policy", strings.ReplaceAll(jsonPolicy("Allow", `{"AWS":"bob"}`, `"s3:DeleteObject","s3:DeleteObjectVersion","s3:PutObject"`, ""), "bucket/*", "bucket/a/*"))
	w.denied("bob", "DELETE /bucket/a/k?versionId="+version, "", "x-amz-bypass-governance-retention", "true")
	w.denied("bob", "PUT /bucket/a/l", "x", "x-amz-object-lock-mode", "GOVERNANCE", "x-amz-object-lock-retain-until-date", until, "Content-MD5", contentMD5("x"))
	w.denied("alice", "DELETE /bucket/a/k?versionId="+version, "")
	w.ok("alice", "DELETE /bucket/a/k?versionId="+version, "", "x-amz-bypass-governance-retention", "true")
	version = lock()
	w.ok("alice", "PUT /bucket?policy", jsonPolicy("Deny", `"*"`, `"s3:PutObjectRetention"`, `,"Condition":{"NumericGreaterThan":{"s3:object-lock-remaining-retention-days":"9000"}}`))
	retention := "<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>%s</RetainUntilDate></Retention>"
	for date, denied := range map[string]bool{"2041-01-01T00:00:00Z": false, "2099-01-01T00:00:00Z": true} {
		doc := fmt.Sprintf(retention, date)
		status, code, _ := w.do("alice", "PUT /bucket/a/k?retention", doc, "Content-MD5", contentMD5(doc))
		if denied != (status == 403) {
			t.Errorf("retention until %s: %d %s", date, status, code)
		}
	}
	w.ok("alice", "PUT /bucket?policy", strings.ReplaceAll(jsonPolicy("Allow", `{"AWS":"bob"}`, `"s3:DeleteObjectVersion","s3:BypassGovernanceRetention"`, ""), "bucket/*", "bucket/a/*"))
	doc := "<Delete><Object><Key>b/k</Key></Object><Object><Key>a/k</Key></Object><Object><Key>a/k</Key><VersionId>" + version + "</VersionId></Object></Delete>"
	got := w.ok("bob", "POST /bucket?delete", doc, "Content-MD5", contentMD5(doc), "x-amz-bypass-governance-retention", "true")
	if strings.Count(got, "<Code>AccessDenied</Code>") != 2 || !strings.Contains(got, "<Deleted><Key>a/k</Key><VersionId>"+version) {
		t.Error(got)
	}
}

// New buckets have the configuration's ownership where their creator asks for none.
func TestDefaultOwnership(t *testing.T) {
	_, url := serve(t, func(c *s3g.Config) { c.ObjectOwnership = "BucketOwnerEnforced" })
	ask(t, "PUT", url+"/bucket", "")
	if _, _, body := ask(t, "GET", url+"/bucket?ownershipControls", ""); !strings.Contains(body, "BucketOwnerEnforced") {
		t.Error(body)
	}
	ask(t, "PUT", url+"/other", "", "x-amz-object-ownership", "ObjectWriter")
	if _, _, body := ask(t, "GET", url+"/other?ownershipControls", ""); !strings.Contains(body, "ObjectWriter") {
		t.Error(body)
	}
}
