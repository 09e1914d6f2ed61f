package s3g_test

import (
	"fmt"
	"strings"
	"testing"
)

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

// A policy that asks for encryption speaks of that of the upload: parts and Complete
// don't say it again.
func TestPolicyEncryptedUpload(t *testing.T) {
	w := newTown(t)
	sealed := []string{
		"x-amz-server-side-encryption-customer-algorithm", "AES256",
		"x-amz-server-side-encryption-customer-key", "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=",
		"x-amz-server-side-encryption-customer-key-md5", "zZ5FnqcIqUjVwvWmyog4zw==",
	}
	start := func(key string, header ...string) string {
		_, id, _ := strings.Cut(w.ok("alice", "POST /bucket/"+key+"?uploads", "", header...), "<UploadId>")
		id, _, _ = strings.Cut(id, "<")
		return "/bucket/" + key + "?uploadId=" + id
	}
	w.ok("alice", "PUT /bucket", "")
	plain := start("plain")
	w.ok("alice", "PUT /bucket?policy", jsonPolicy("Deny", `"*"`, `"s3:PutObject"`, `,"Condition":{"Null":{"s3:x-amz-server-side-encryption-customer-algorithm":"true"}}`))
	w.denied("alice", "POST /bucket/k?uploads", "")
	w.denied("alice", "PUT "+plain+"&partNumber=1", "x")
	upload := start("k", sealed...)
	w.ok("alice", "PUT "+upload+"&partNumber=1", "x", sealed...)
	_, etag, _ := strings.Cut(w.ok("alice", "GET "+upload, ""), "<ETag>")
	etag, _, _ = strings.Cut(etag, "<")
	w.ok("alice", "POST "+upload, "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"+etag+"</ETag></Part></CompleteMultipartUpload>")
}
