package s3g_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/identity"
	"github.com/mini-ozone/mini-ozone/s3g"
)

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
