package s3g_test

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// expect asks and checks status and code.
func expect(t testing.TB, method, url, body string, status int, code string, header ...string) (http.Header, string) {
	t.Helper()
	got, h, text := ask(t, method, url, body, header...)
	if got != status || code != "" && !strings.Contains(text, "<Code>"+code+"</Code>") && method != "HEAD" {
		t.Errorf("%s %s %v: %d %s, want %d %s", method, url[strings.LastIndex(url, "/"):], header, got, text, status, code)
	}
	return h, text
}

// The conditions of DELETE are decided in om, on what is there then.
func TestDeleteConditions(t *testing.T) {
	_, url := serve(t, nil)
	ask(t, "PUT", url+"/bucket", "")
	put := func() (etag string, modified time.Time) {
		t.Helper()
		h, _ := expect(t, "PUT", url+"/bucket/k", "hello", 200, "")
		head, _ := expect(t, "HEAD", url+"/bucket/k", "", 200, "")
		modified, err := http.ParseTime(head.Get("Last-Modified"))
		if err != nil {
			t.Fatal(err)
		}
		return h.Get("Etag"), modified
	}
	etag, modified := put()
	const size, date = "x-amz-if-match-size", "x-amz-if-match-last-modified-time"
	for _, tc := range []struct {
		status int
		code   string
		header []string
	}{
		{412, "PreconditionFailed", []string{"If-Match", `"0"`}},
		{412, "PreconditionFailed", []string{size, "4"}},
		{412, "PreconditionFailed", []string{size, "0"}},
		{412, "PreconditionFailed", []string{date, modified.Add(time.Second).Format(http.TimeFormat)}},
		{412, "PreconditionFailed", []string{"If-Match", etag, size, "5", date, modified.Add(-time.Second).Format(http.TimeFormat)}},
		{400, "InvalidArgument", []string{size, "-1"}},
		{400, "InvalidArgument", []string{size, "five"}},
		{400, "InvalidArgument", []string{date, "yesterday"}},
		{400, "InvalidRequest", []string{"If-Match", `"0", "1"`}},
	} {
		expect(t, "DELETE", url+"/bucket/k", "", tc.status, tc.code, tc.header...)
	}
	expect(t, "HEAD", url+"/bucket/k", "", 200, "")
	for _, name := range []string{"If-Match", "If-Match *", size, date, date + " iso"} {
		etag, modified := put()
		header := []string{strings.Fields(name)[0], map[string]string{
			"If-Match": etag, "If-Match *": "*", size: "5", date: modified.Format(http.TimeFormat), date + " iso": modified.Format(time.RFC3339),
		}[name]}
		expect(t, "DELETE", url+"/bucket/k", "", 204, "", header...)
		expect(t, "HEAD", url+"/bucket/k", "", 404, "")
		expect(t, "DELETE", url+"/bucket/k", "", 404, "NoSuchKey", header...)
	}
	etag, modified = put()
	for doc, want := range map[string]string{
		"<Size>4</Size>":  "PreconditionFailed",
		"<Size>-1</Size>": "InvalidArgument",
		"<LastModifiedTime>then</LastModifiedTime>":                                                    "InvalidArgument",
		"<LastModifiedTime>" + modified.Add(time.Hour).Format(http.TimeFormat) + "</LastModifiedTime>": "PreconditionFailed",
		"<ETag>" + etag + "</ETag><Size>5</Size>":                                                      "",
	} {
		body := "<Delete><Object><Key>k</Key>" + doc + "</Object></Delete>"
		_, text := expect(t, "POST", url+"/bucket?delete", body, 200, "", "Content-MD5", contentMD5(body))
		if (want == "") != strings.Contains(text, "<Deleted>") || want != "" && !strings.Contains(text, "<Code>"+want+"</Code>") {
			t.Errorf("%s: %s, want %s", doc, text, want)
		}
		put()
	}
}

// A copy gets the checksum it asks for, of its bytes as a whole.
func TestCopyChecksum(t *testing.T) {
	_, url := serve(t, nil)
	ask(t, "PUT", url+"/bucket", "")
	const hello = "x-amz-checksum-sha1" // of "hello": qvTGHdzF6KLavt4PO0gs2a6pQ00=
	expect(t, "PUT", url+"/bucket/plain", "hello", 200, "")
	expect(t, "PUT", url+"/bucket/sha1", "hello", 200, "", hello, "qvTGHdzF6KLavt4PO0gs2a6pQ00=")
	expect(t, "PUT", url+"/bucket/empty", "", 200, "", "Content-Length", "0")
	for _, tc := range []struct{ source, algorithm, want string }{
		{"plain", "SHA1", "<ChecksumSHA1>qvTGHdzF6KLavt4PO0gs2a6pQ00=</ChecksumSHA1><ChecksumType>FULL_OBJECT</ChecksumType>"},
		{"plain", "crc32", "<ChecksumCRC32>NhCmhg==</ChecksumCRC32>"},
		{"sha1", "SHA1", "<ChecksumSHA1>qvTGHdzF6KLavt4PO0gs2a6pQ00=</ChecksumSHA1>"},
		{"sha1", "CRC32", "<ChecksumCRC32>NhCmhg==</ChecksumCRC32>"},
		{"sha1", "", "<ChecksumSHA1>qvTGHdzF6KLavt4PO0gs2a6pQ00=</ChecksumSHA1>"},
		{"empty", "CRC32", "<ChecksumCRC32>AAAAAA==</ChecksumCRC32>"},
	} {
		_, body := expect(t, "PUT", url+"/bucket/copy", "", 200, "", "x-amz-copy-source", "bucket/"+tc.source, "x-amz-checksum-algorithm", tc.algorithm)
		if !strings.Contains(body, tc.want) || strings.Count(body, "<Checksum") > 2 {
			t.Errorf("%s as %q: %s, want %s", tc.source, tc.algorithm, body, tc.want)
		}
		h, _ := expect(t, "HEAD", url+"/bucket/copy", "", 200, "", "x-amz-checksum-mode", "ENABLED")
		if got := h.Get("x-amz-checksum-crc32"); (got != "") != strings.Contains(tc.want, "CRC32") {
			t.Errorf("%s as %q: told as %v", tc.source, tc.algorithm, h)
		}
	}
	expect(t, "PUT", url+"/bucket/copy", "", 400, "InvalidRequest", "x-amz-copy-source", "bucket/plain", "x-amz-checksum-algorithm", "MD4")

	id := created(t, url+"/bucket/parts", "x-amz-checksum-algorithm", "CRC32")
	part, _ := expect(t, "PUT", url+"/bucket/parts?partNumber=1&uploadId="+id, "hello", 200, "", "x-amz-checksum-crc32", "NhCmhg==")
	listed := "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + part.Get("Etag") + "</ETag>%s</Part></CompleteMultipartUpload>"
	_, body := expect(t, "POST", url+"/bucket/parts?uploadId="+id, fmt.Sprintf(listed, ""), 400, "InvalidRequest")
	if !strings.Contains(body, "It was missing for part 1 in the request.") {
		t.Error(body)
	}
	expect(t, "POST", url+"/bucket/parts?uploadId="+id, fmt.Sprintf(listed, "<ChecksumCRC32>NhCmhg==</ChecksumCRC32>"), 400, "InvalidRequest", "x-amz-mp-object-size", "0")
	expect(t, "POST", url+"/bucket/parts?uploadId="+id, fmt.Sprintf(listed, "<ChecksumCRC32>NhCmhg==</ChecksumCRC32>"), 200, "", "x-amz-mp-object-size", "5")
	if _, body := expect(t, "PUT", url+"/bucket/copy", "", 200, "", "x-amz-copy-source", "bucket/parts", "x-amz-checksum-algorithm", "CRC32"); !strings.Contains(body, "<ChecksumCRC32>NhCmhg==</ChecksumCRC32><ChecksumType>FULL_OBJECT") {
		t.Error(body)
	}
	if _, body := expect(t, "PUT", url+"/bucket/copy", "", 200, "", "x-amz-copy-source", "bucket/parts"); !strings.Contains(body, "-1</ChecksumCRC32><ChecksumType>COMPOSITE") {
		t.Error(body)
	}
}

// created starts an upload and returns its id.
func created(t testing.TB, url string, header ...string) string {
	t.Helper()
	_, body := expect(t, "POST", url+"?uploads", "", 200, "", header...)
	var doc struct {
		UploadID string `xml:"UploadId"`
	}
	if err := xml.Unmarshal([]byte(body), &doc); err != nil || doc.UploadID == "" {
		t.Fatalf("%v: %s", err, body)
	}
	return doc.UploadID
}

// An object whose writer names no checksum has AWS's default one, and no other.
func TestDefaultChecksum(t *testing.T) {
	_, url := serve(t, nil)
	ask(t, "PUT", url+"/bucket", "")
	const crc64, kind = "X-Amz-Checksum-Crc64nvme", "X-Amz-Checksum-Type"
	check := func(what string, h http.Header, want string) {
		t.Helper()
		if h.Get(crc64) != want || want != "" && h.Get(kind) != "FULL_OBJECT" {
			t.Errorf("%s: %v, want %q", what, h, want)
		}
	}
	h, _ := expect(t, "PUT", url+"/bucket/k", "123456789", 200, "")
	check("PUT", h, "rosUhgp5mIg=") // CRC-64/NVME's check value, ae8b14860a799888
	h, _ = expect(t, "GET", url+"/bucket/k", "", 200, "")
	check("GET", h, "")
	h, _ = expect(t, "GET", url+"/bucket/k", "", 200, "", "x-amz-checksum-mode", "ENABLED")
	check("GET with checksums", h, "rosUhgp5mIg=")
	h, _ = expect(t, "GET", url+"/bucket/k", "", 206, "", "x-amz-checksum-mode", "ENABLED", "Range", "bytes=0-1")
	check("a range", h, "")
	h, _ = expect(t, "PUT", url+"/bucket/k", "hello", 200, "", "x-amz-checksum-crc32", "NhCmhg==")
	check("with one of its own", h, "")
	postForm(t, url+"/bucket", "123456789", "key", "posted")
	h, _ = expect(t, "HEAD", url+"/bucket/posted", "", 200, "", "x-amz-checksum-mode", "ENABLED")
	check("POST", h, "rosUhgp5mIg=")
}

// A name of a checksum without one is refused, except in presigned URLs.
func TestSDKChecksum(t *testing.T) {
	_, url := serve(t, nil)
	ask(t, "PUT", url+"/bucket", "")
	const name = "x-amz-sdk-checksum-algorithm"
	expect(t, "PUT", url+"/bucket/k", "hello", 400, "InvalidRequest", name, "CRC32")
	expect(t, "PUT", url+"/bucket/k", "hello", 400, "InvalidRequest", name, "CRC32", "x-amz-checksum-sha1", "qvTGHdzF6KLavt4PO0gs2a6pQ00=")
	expect(t, "PUT", url+"/bucket/k", "hello", 200, "", name, "CRC32", "x-amz-checksum-crc32", "NhCmhg==")
	presigned := fmt.Sprintf("/bucket/k?AWSAccessKeyId=me&Signature=AAAA&Expires=%d&x-amz-sdk-checksum-algorithm=CRC32", time.Now().Add(time.Hour).Unix())
	if h, _ := expect(t, "PUT", url+presigned, "hello", 200, ""); h.Get("X-Amz-Checksum-Crc32") != "NhCmhg==" {
		t.Errorf("%v", h)
	}
}

// Who may read without a signature may not say what the answer's headers are.
func TestAnonymousOverrides(t *testing.T) {
	_, url, secret := serveSecure(t, nil)
	alice := signer{"alice", secret}
	for _, step := range []struct{ method, path, body string }{
		{"PUT", "/bucket", ""},
		{"DELETE", "/bucket?publicAccessBlock", ""},
		{"PUT", "/bucket/k", "hello"},
		{"PUT", "/bucket?policy", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"}]}`},
	} {
		if status, _, body := answer(t, alice.request(t, step.method, url+step.path, step.body, nil)); status >= 300 {
			t.Fatalf("%s %s: %d %s", step.method, step.path, status, body)
		}
	}
	expect(t, "GET", url+"/bucket/k", "", 200, "")
	expect(t, "GET", url+"/bucket/k?response-content-type=text/html", "", 400, "InvalidRequest")
	expect(t, "HEAD", url+"/bucket/k?response-expires=x", "", 400, "")
	if status, _, _ := answer(t, alice.request(t, "GET", url+"/bucket/k?response-content-type=text/html", "", nil)); status != 200 {
		t.Errorf("signed: %d", status)
	}
}

// A bucket that holds nothing but open uploads can be deleted as on AWS; one that also
// holds a version keeps all.
func TestDeleteBucketWithUploads(t *testing.T) {
	_, url := serve(t, nil)
	ask(t, "PUT", url+"/bucket", "")
	ask(t, "PUT", url+"/bucket?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
	for _, key := range []string{"a", "a", "b"} {
		ask(t, "POST", url+"/bucket/"+key+"?uploads", "")
	}
	_, h, _ := ask(t, "DELETE", url+"/bucket/k", "") // a delete marker is a version
	if status, _, body := ask(t, "DELETE", url+"/bucket", ""); status != 409 || !strings.Contains(body, "<Code>BucketNotEmpty</Code>") {
		t.Errorf("with a delete marker: %d %s", status, body)
	}
	if _, _, body := ask(t, "GET", url+"/bucket?uploads", ""); strings.Count(body, "<UploadId>") != 3 {
		t.Errorf("uploads: %s", body)
	}
	ask(t, "DELETE", url+"/bucket/k?versionId="+h.Get("X-Amz-Version-Id"), "")
	if status, _, body := ask(t, "DELETE", url+"/bucket", ""); status != 204 {
		t.Errorf("with uploads alone: %d %s", status, body)
	}
	if status, _, _ := ask(t, "HEAD", url+"/bucket", ""); status != 404 {
		t.Errorf("deleted: %d", status)
	}
}
