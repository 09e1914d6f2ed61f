package s3g_test

import (
	"testing"
	"time"
)

// inDays is a lock's date so many days from now.
func inDays(n int) string {
	return time.Now().UTC().AddDate(0, 0, n).Truncate(time.Second).Format("2006-01-02T15:04:05.000Z")
}

const emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func lockRule(inner string) string {
	return "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>" + inner + "</DefaultRetention></Rule></ObjectLockConfiguration>"
}

var locked = []string{"X-Amz-Bucket-Object-Lock-Enabled", "true"}

func TestObjectLockConfiguration(t *testing.T) {
	_, url := serve(t, nil)
	put := func(body string, status int, has ...string) step {
		return step{do: "PUT /bucket?object-lock", body: body, status: status, has: has}
	}
	const days = "<Mode>GOVERNANCE</Mode><Days>3</Days>"
	script(t, url, []step{
		{do: "PUT /bucket", header: []string{"X-Amz-Bucket-Object-Lock-Enabled", "perhaps"}, status: 400, has: code("InvalidArgument")},
		{do: "PUT /bucket", header: locked, status: 200},
		{do: "GET /bucket?versioning", status: 200, has: []string{"<Status>Enabled</Status>"}},
		{do: "GET /bucket?object-lock", status: 200, has: []string{"<ObjectLockConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>"}},
		put(lockRule(days), 200),
		{do: "GET /bucket?object-lock", status: 200, has: []string{"<ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>3</Days></DefaultRetention></Rule>"}},
		put(lockRule("<Mode>COMPLIANCE</Mode><Years>1</Years>"), 200),
		{do: "GET /bucket?object-lock", status: 200, has: []string{"<Mode>COMPLIANCE</Mode><Years>1</Years>"}},
		put("<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>", 200),
		{do: "GET /bucket?object-lock", status: 200, has: []string{"Enabled</ObjectLockEnabled></ObjectLockConfiguration>"}},

		put(lockRule("<Mode>GOVERNANCE</Mode><Days>0</Days>"), 400, code("InvalidArgument")...),
		put(lockRule("<Mode>GOVERNANCE</Mode><Years>-1</Years>"), 400, code("InvalidArgument")...),
		put(lockRule("<Mode>GOVERNANCE</Mode><Years>101</Years>"), 400, code("InvalidArgument")...),
		put(lockRule("<Mode>GOVERNANCE</Mode><Days>x</Days>"), 400, code("MalformedXML")...),
		put(lockRule("<Mode>GOVERNANCE</Mode><Days>1</Days><Years>1</Years>"), 400, code("MalformedXML")...),
		put(lockRule("<Mode>GOVERNANCE</Mode>"), 400, code("MalformedXML")...),
		put(lockRule("<Days>1</Days>"), 400, code("MalformedXML")...),
		put(lockRule("<Mode>governance</Mode><Days>1</Days>"), 400, code("MalformedXML")...),
		put("<ObjectLockConfiguration><ObjectLockEnabled>Disabled</ObjectLockEnabled></ObjectLockConfiguration>", 400, code("MalformedXML")...),
		put("<ObjectLockConfiguration/>", 400, code("MalformedXML")...),
		put("<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule/></ObjectLockConfiguration>", 400, code("MalformedXML")...),
		{do: "PUT /bucket?object-lock", status: 400, has: code("InvalidRequest")}, // no digest
		{do: "PUT /bucket?versioning", body: suspended, status: 409, has: code("InvalidBucketState")},

		{do: "PUT /plain", status: 200},
		{do: "GET /plain?object-lock", status: 404, has: code("ObjectLockConfigurationNotFoundError")},
		{do: "PUT /plain?object-lock", body: lockRule(days), status: 409, has: code("InvalidBucketState")},
		{do: "PUT /plain?versioning", body: enabled, status: 200},
		{do: "PUT /plain?object-lock", body: lockRule(days), status: 200},
		{do: "PUT /absent?object-lock", body: lockRule(days), status: 404, has: code("NoSuchBucket")},
		{do: "GET /absent?object-lock", status: 404, has: code("NoSuchBucket")},
	})
}

func TestRetention(t *testing.T) {
	_, url := serve(t, nil)
	until, later, past := inDays(2), inDays(5), inDays(-1)
	doc := func(mode, until string) string {
		return "<Retention><Mode>" + mode + "</Mode><RetainUntilDate>" + until + "</RetainUntilDate></Retention>"
	}
	put := func(body string, status int, has ...string) step {
		return step{do: "PUT /bucket/k?retention", body: body, status: status, has: has}
	}
	bypass := []string{"X-Amz-Bypass-Governance-Retention", "true"}
	script(t, url, []step{
		{do: "PUT /plain", status: 200},
		{do: "PUT /plain/k", body: "x", status: 200},
		{do: "PUT /plain/k?retention", body: doc("GOVERNANCE", until), status: 400, has: []string{"<Code>InvalidRequest</Code><Message>Bucket is missing Object Lock Configuration"}},
		{do: "GET /plain/k?retention", status: 400, has: code("InvalidRequest")},
		{do: "GET /plain/absent?retention", status: 400, has: code("InvalidRequest")},
		{do: "GET /absent/k?retention", status: 404, has: code("NoSuchBucket")},

		{do: "DELETE /plain/absent", header: bypass, status: 204},
		{do: "POST /plain?delete", header: bypass, body: "<Delete><Object><Key>k</Key></Object></Delete>", status: 200, has: []string{"<Deleted><Key>k</Key></Deleted>"}},

		{do: "PUT /bucket", header: locked, status: 200},
		{do: "GET /bucket/k?retention", status: 404, has: code("NoSuchKey")},
		put(doc("GOVERNANCE", until), 404, code("NoSuchKey")...),
		{do: "PUT /bucket/k", body: "x", status: 200, keep: "V=X-Amz-Version-Id"},
		{do: "GET /bucket/k?retention", status: 404, has: code("NoSuchObjectLockConfiguration")},
		put(doc("governance", until), 400, code("MalformedXML")...),
		put(doc("", until), 400, code("MalformedXML")...),
		put("<Retention><Mode>GOVERNANCE</Mode></Retention>", 400, code("MalformedXML")...),
		put(doc("GOVERNANCE", "soon"), 400, code("MalformedXML")...),
		put(doc("GOVERNANCE", past), 400, code("InvalidArgument")...),
		{do: "PUT /bucket/k?retention", status: 400, has: code("InvalidRequest")}, // no digest
		put(doc("GOVERNANCE", until), 200),
		{do: "GET /bucket/k?retention&versionId=$V", status: 200, has: []string{"<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>GOVERNANCE</Mode><RetainUntilDate>" + until + "</RetainUntilDate></Retention>"}},
		{do: "HEAD /bucket/k", status: 200, told: []string{"X-Amz-Object-Lock-Mode", "GOVERNANCE", "X-Amz-Object-Lock-Retain-Until-Date", until, "X-Amz-Object-Lock-Legal-Hold", ""}},
		put(doc("GOVERNANCE", later), 200),
		put(doc("GOVERNANCE", until), 403, code("AccessDenied")...),
		{do: "PUT /bucket/k?retention", header: bypass, body: doc("GOVERNANCE", until), status: 200},

		{do: "DELETE /bucket/k?versionId=$V", status: 403, has: code("AccessDenied")},
		{do: "POST /bucket?delete", body: "<Delete><Object><Key>k</Key><VersionId>$V</VersionId></Object></Delete>", status: 200, has: []string{"<Error><Key>k</Key><VersionId>$V</VersionId><Code>AccessDenied</Code>"}},
		{do: "DELETE /bucket/k", status: 204, keep: "MARK=X-Amz-Version-Id"},
		{do: "PUT /bucket/k?retention&versionId=$MARK", body: doc("GOVERNANCE", later), status: 405, has: code("MethodNotAllowed")},
		{do: "GET /bucket/k?retention", status: 404, has: code("NoSuchKey"), told: []string{"X-Amz-Delete-Marker", "true"}},
		{do: "PUT /bucket/k?retention&versionId=$V", body: "<Retention/>", status: 403, has: code("AccessDenied")},
		{do: "PUT /bucket/k?retention&versionId=$V", header: bypass, body: "<Retention/>", status: 200},
		{do: "GET /bucket/k?retention&versionId=$V", status: 404, has: code("NoSuchObjectLockConfiguration")},
		{do: "DELETE /bucket/k?versionId=$V", status: 204},

		{do: "PUT /bucket/c", body: "x", status: 200, keep: "C=X-Amz-Version-Id",
			header: []string{"X-Amz-Object-Lock-Mode", "COMPLIANCE", "X-Amz-Object-Lock-Retain-Until-Date", until}},
		{do: "DELETE /bucket/c?versionId=$C", header: bypass, status: 403, has: code("AccessDenied")},
		{do: "PUT /bucket/c?retention", header: bypass, body: doc("GOVERNANCE", until), status: 403, has: code("AccessDenied")},
		{do: "PUT /bucket/c?retention", body: doc("COMPLIANCE", later), status: 200},
		{do: "GET /bucket/c", status: 200, told: []string{"X-Amz-Object-Lock-Mode", "COMPLIANCE", "X-Amz-Object-Lock-Retain-Until-Date", later}},

		{do: "PUT /bucket/g", body: "x", status: 200, keep: "G=X-Amz-Version-Id",
			header: []string{"X-Amz-Object-Lock-Mode", "GOVERNANCE", "X-Amz-Object-Lock-Retain-Until-Date", until}},
		{do: "DELETE /bucket/g?versionId=$G", header: bypass, status: 204},
	})
}

func TestLegalHold(t *testing.T) {
	_, url := serve(t, nil)
	const on, off = "<LegalHold><Status>ON</Status></LegalHold>", "<LegalHold><Status>OFF</Status></LegalHold>"
	script(t, url, []step{
		{do: "PUT /plain", status: 200},
		{do: "PUT /plain/k", body: "x", status: 200},
		{do: "PUT /plain/k?legal-hold", body: on, status: 400, has: code("InvalidRequest")},
		{do: "GET /plain/k?legal-hold", status: 400, has: code("InvalidRequest")},

		{do: "PUT /bucket", header: locked, status: 200},
		{do: "PUT /bucket/k?legal-hold", body: on, status: 404, has: code("NoSuchKey")},
		{do: "PUT /bucket/k", body: "x", status: 200, keep: "V=X-Amz-Version-Id"},
		{do: "GET /bucket/k?legal-hold", status: 404, has: code("NoSuchObjectLockConfiguration")},
		{do: "PUT /bucket/k?legal-hold", body: on, status: 200},
		{do: "GET /bucket/k?legal-hold&versionId=$V", status: 200, has: []string{"<LegalHold xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>ON</Status></LegalHold>"}},
		{do: "HEAD /bucket/k", status: 200, told: []string{"X-Amz-Object-Lock-Legal-Hold", "ON", "X-Amz-Object-Lock-Mode", ""}},
		{do: "DELETE /bucket/k?versionId=$V", header: []string{"X-Amz-Bypass-Governance-Retention", "true"}, status: 403, has: code("AccessDenied")},
		{do: "PUT /bucket/k?legal-hold", body: "<LegalHold><Status>on</Status></LegalHold>", status: 400, has: code("MalformedXML")},
		{do: "PUT /bucket/k?legal-hold", body: "<LegalHold/>", status: 400, has: code("MalformedXML")},
		{do: "PUT /bucket/k?legal-hold", status: 400, has: code("InvalidRequest")}, // no digest
		{do: "PUT /bucket/k?legal-hold", body: off, status: 200},
		{do: "GET /bucket/k?legal-hold", status: 200, has: []string{"<Status>OFF</Status>"}},
		{do: "HEAD /bucket/k", status: 200, told: []string{"X-Amz-Object-Lock-Legal-Hold", "OFF"}},
		{do: "DELETE /bucket/k?versionId=$V", status: 204},
	})
}

// The headers by which writers lock: on PUT, copies and uploads.
func TestLockHeaders(t *testing.T) {
	_, url := serve(t, nil)
	until := inDays(2)
	refused := func(what string, header ...string) step {
		return step{do: "PUT /bucket/k", header: header, body: "x", status: 400, has: []string{"<Code>InvalidArgument</Code>", what}}
	}
	full := []string{"X-Amz-Object-Lock-Mode", "GOVERNANCE", "X-Amz-Object-Lock-Retain-Until-Date", until, "X-Amz-Object-Lock-Legal-Hold", "ON"}
	told := append([]string{}, full...)
	script(t, url, []step{
		{do: "PUT /bucket", header: locked, status: 200},
		refused("must both be supplied", "X-Amz-Object-Lock-Mode", "GOVERNANCE"),
		refused("must both be supplied", "X-Amz-Object-Lock-Retain-Until-Date", until),
		refused("Unknown wormMode", "X-Amz-Object-Lock-Mode", "NONE", "X-Amz-Object-Lock-Retain-Until-Date", until),
		refused("must be in the future", "X-Amz-Object-Lock-Mode", "GOVERNANCE", "X-Amz-Object-Lock-Retain-Until-Date", inDays(-1)),
		refused("ISO 8601", "X-Amz-Object-Lock-Mode", "GOVERNANCE", "X-Amz-Object-Lock-Retain-Until-Date", "tomorrow"),
		refused("Legal Hold must be", "X-Amz-Object-Lock-Legal-Hold", "yes"),
		{do: "PUT /bucket/k", header: full, status: 400, has: code("InvalidRequest")}, // no digest
		{do: "PUT /bucket/k", header: append([]string{"X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"}, full...), status: 400, has: code("InvalidRequest")},
		{do: "PUT /bucket/k", header: append([]string{"X-Amz-Content-Sha256", emptySHA256}, full...), status: 200},
		{do: "PUT /bucket/k", header: full, body: "x", status: 200},
		{do: "HEAD /bucket/k", status: 200, told: told},
		{do: "PUT /bucket/copy", header: []string{"X-Amz-Copy-Source", "bucket/k"}, status: 200},
		{do: "HEAD /bucket/copy", status: 200, told: []string{"X-Amz-Object-Lock-Mode", "", "X-Amz-Object-Lock-Legal-Hold", ""}},
		{do: "PUT /bucket/copy", header: append([]string{"X-Amz-Copy-Source", "bucket/k"}, full...), status: 200},
		{do: "HEAD /bucket/copy", status: 200, told: told},

		{do: "PUT /plain", status: 200},
		{do: "PUT /plain/k", header: full, body: "x", status: 400, has: []string{"<Code>InvalidRequest</Code><Message>Bucket is missing ObjectLockConfiguration"}},
		{do: "POST /plain/k?uploads", header: full, status: 400, has: code("InvalidRequest")},
		{do: "PUT /plain/k", header: append([]string{"X-Amz-Copy-Source", "bucket/k"}, full...), status: 400, has: code("InvalidRequest")},

		{do: "PUT /bucket?object-lock", body: lockRule("<Mode>COMPLIANCE</Mode><Days>1</Days>"), status: 200},
		{do: "PUT /bucket/d", body: "x", status: 200},
		{do: "HEAD /bucket/d", status: 200, told: []string{"X-Amz-Object-Lock-Mode", "COMPLIANCE"}, keep: "DATE=X-Amz-Object-Lock-Retain-Until-Date"},
		{do: "PUT /bucket/d", header: full, body: "x", status: 200},
		{do: "HEAD /bucket/d", status: 200, told: told},
	})
	id := createUpload(t, url+"/bucket/mp", full...)
	etag := putPart(t, url+"/bucket/mp", id, 1, "x")
	script(t, url, []step{
		{do: "POST /bucket/mp?uploadId=" + id, body: completeDoc(etag), status: 200},
		{do: "HEAD /bucket/mp", status: 200, told: told},
	})
}
