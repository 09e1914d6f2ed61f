package s3g_test

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/s3g"
	"github.com/mini-ozone/mini-ozone/s3g/sse"
	"github.com/mini-ozone/mini-ozone/s3g/sse/ssetest"
)

var uploadID = regexp.MustCompile("<UploadId>([^<]+)</UploadId>")

func startUpload(t *testing.T, url string, k kind) string {
	t.Helper()
	status, h, body := ask(t, "POST", url+"?uploads", "", k.write...)
	id := uploadID.FindStringSubmatch(body)
	if status != 200 || id == nil {
		t.Fatalf("%d %s", status, body)
	}
	told(t, k.name+" upload", k, h)
	return id[1]
}

func completeUpload(t *testing.T, url string, k kind, etags []string) {
	t.Helper()
	var doc strings.Builder
	for i, etag := range etags {
		fmt.Fprintf(&doc, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i+1, etag)
	}
	status, h, body := ask(t, "POST", url, "<CompleteMultipartUpload>"+doc.String()+"</CompleteMultipartUpload>", k.read...)
	if status != 200 || !strings.Contains(body, fmt.Sprintf("-%d&quot;</ETag>", len(etags))) {
		t.Fatalf("complete: %d %s", status, body)
	}
	if k.read == nil { // Complete doesn't tell a customer's key, as on AWS
		told(t, k.name+" complete", k, h)
	}
}

var xmlETag = regexp.MustCompile("<ETag>&quot;([^<]+)&quot;</ETag>")

// An upload of two sent parts and one copied out of an object of every other
// encryption; ranges over the joints.
func TestEncryptedUploads(t *testing.T) {
	store, url := serveSSE(t)
	const big = 5<<20 + 33
	source := randomBody(3*sse.Chunk + 9)
	for _, k := range kinds() {
		if status, _, body := ask(t, "PUT", url+"/source-"+k.name, source, k.write...); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
	}
	for _, k := range kinds() {
		name := "upload-" + k.name
		at := url + "/" + name + "?uploadId=" + startUpload(t, url+"/"+name, k)
		body := randomBody(2 * big)
		var etags []string
		for i, part := range []string{body[:big], body[big:]} {
			status, h, answer := ask(t, "PUT", fmt.Sprintf("%s&partNumber=%d", at, i+1), part, k.read...)
			if status != 200 {
				t.Fatalf("%s: %d %s", name, status, answer)
			}
			told(t, name+" part", k, h)
			etags = append(etags, strings.Trim(h.Get("ETag"), `"`))
		}
		for _, from := range kinds() { // the last one stays
			header := append([]string{"x-amz-copy-source", "bucket/source-" + from.name, "x-amz-copy-source-range", "bytes=5-140000"}, append(k.read, from.source...)...)
			status, h, answer := ask(t, "PUT", at+"&partNumber=3", "", header...)
			etag := xmlETag.FindStringSubmatch(answer)
			if status != 200 || etag == nil {
				t.Fatalf("%s from %s: %d %s", name, from.name, status, answer)
			}
			told(t, name+" copied part", k, h)
			etags = append(etags[:2], etag[1])
		}
		body += source[5:140001]
		completeUpload(t, at, k, etags)
		status, h, answer := ask(t, "GET", url+"/"+name, "", k.read...)
		if status != 200 || answer != body {
			t.Errorf("%s: %d, %d bytes of %d", name, status, len(answer), len(body))
		}
		told(t, name+" GET", k, h)
		notInPlain(t, store, name, body, k.write != nil)
		for _, r := range [][2]int{{0, 0}, {big - 1, big}, {big, big}, {big - sse.Chunk, big + sse.Chunk}, {2*big - 5, len(body) - 1}, {100, len(body) - 100}} {
			status, _, answer := ask(t, "GET", url+"/"+name, "", append(k.read, "Range", fmt.Sprintf("bytes=%d-%d", r[0], r[1]))...)
			if status != 206 || answer != body[r[0]:r[1]+1] {
				t.Errorf("%s: bytes %v: %d, %d bytes", name, r, status, len(answer))
			}
		}
		if status, _, answer := ask(t, "GET", url+"/"+name+"?partNumber=2", "", k.read...); status != 206 || answer != body[big:2*big] {
			t.Errorf("%s: part 2: %d, %d bytes", name, status, len(answer))
		}
		for _, to := range kinds() { // an object of parts copied whole
			header := append([]string{"x-amz-copy-source", "bucket/" + name}, append(to.write, k.source...)...)
			if status, _, answer := ask(t, "PUT", url+"/copy", "", header...); status != 200 {
				t.Errorf("%s to %s: %d %s", name, to.name, status, answer)
			}
			if status, _, answer := ask(t, "GET", url+"/copy", "", append(to.read, "Range", fmt.Sprintf("bytes=%d-%d", big-3, 2*big+3))...); status != 206 || answer != body[big-3:2*big+4] {
				t.Errorf("%s to %s: %d, %d bytes", name, to.name, status, len(answer))
			}
		}
	}
}

// Parts must come with the key of their upload.
func TestEncryptedPartErrors(t *testing.T) {
	_, url := serveSSE(t)
	ask(t, "PUT", url+"/source", "source", customer("c", "")...)
	all := kinds()
	plain, managed, c := all[0], all[1], all[2]
	for _, tc := range []struct {
		name   string
		upload kind
		header []string
		want   string
	}{
		{"no key", c, nil, "The multipart upload initiate requested encryption."},
		{"another key", c, customer("d", ""), "did not match the ones used originally"},
		{"a key for a plain upload", plain, customer("c", ""), "The multipart upload initiate did not request encryption."},
		{"a key for an SSE-S3 upload", managed, customer("c", ""), "The multipart upload initiate did not request encryption."},
		{"copy without the source's key", plain, []string{"x-amz-copy-source", "bucket/source"}, "The object was stored using a form of Server Side Encryption."},
		{"copy without the upload's key", c, append([]string{"x-amz-copy-source", "bucket/source"}, c.source...), "The multipart upload initiate requested encryption."},
	} {
		at := url + "/k?partNumber=1&uploadId=" + startUpload(t, url+"/k", tc.upload)
		if status, _, body := ask(t, "PUT", at, "x", tc.header...); status != 400 || !strings.Contains(body, "<Code>InvalidRequest</Code>") || !strings.Contains(body, tc.want) {
			t.Errorf("%s: %d %s", tc.name, status, body)
		}
	}
	at := url + "/k?partNumber=1&uploadId=" + startUpload(t, url+"/k", plain)
	header := append([]string{"x-amz-copy-source", "bucket/source"}, customer("d", "copy-source-")...)
	if status, _, body := ask(t, "PUT", at, "", header...); status != 403 || !strings.Contains(body, "AccessDenied") {
		t.Errorf("copy with another source key: %d %s", status, body)
	}
}

// aws:kms through a Vault.
func TestKMS(t *testing.T) {
	cfg := ssetest.Vault(t, false, "main", "other")
	cfg.Key = "main"
	vault, err := sse.NewVault(cfg)
	if err != nil {
		t.Fatal(err)
	}
	_, url := serve(t, func(c *s3g.Config) { c.KMS = vault })
	ask(t, "PUT", url+"/bucket", "")
	url += "/bucket"
	body := randomBody(sse.Chunk + 50)
	contextOf := func(json string) string { return base64.StdEncoding.EncodeToString([]byte(json)) }
	for _, tc := range []struct {
		name   string
		header []string
		status int
		want   string // the key id told, or part of the error
	}{
		{"default", nil, 200, "main"},
		{"named", []string{sseName + "-aws-kms-key-id", "other", sseName + "-bucket-key-enabled", "true"}, 200, "other"},
		{"context", []string{sseName + "-context", contextOf(`{"a":"b"}`)}, 200, "main"},
		{"unknown key", []string{sseName + "-aws-kms-key-id", "gone"}, 400, "KMS.NotFoundException"},
		{"no context", []string{sseName + "-context", contextOf(`["a"]`)}, 400, "InvalidArgument"},
		{"context is no base64", []string{sseName + "-context", "{}"}, 400, "InvalidArgument"},
	} {
		status, h, answer := ask(t, "PUT", url+"/k", body, append([]string{sseName, "aws:kms"}, tc.header...)...)
		if status != tc.status || status == 200 && h.Get(sseName+"-aws-kms-key-id") != tc.want || status != 200 && !strings.Contains(answer, tc.want) {
			t.Errorf("%s: %d %v %s", tc.name, status, h, answer)
		}
		if status != 200 {
			continue
		}
		if strings.Trim(h.Get("ETag"), `"`) == md5Hex(body) {
			t.Errorf("%s: the ETag is the MD5", tc.name)
		}
		status, h, answer = ask(t, "GET", url+"/k", "")
		if status != 200 || answer != body || h.Get(sseName) != "aws:kms" || h.Get(sseName+"-aws-kms-key-id") != tc.want ||
			(h.Get(sseName+"-bucket-key-enabled") == "true") != (tc.name == "named") {
			t.Errorf("%s: %d, %d bytes, %v", tc.name, status, len(answer), h)
		}
	}
	copied := []string{"x-amz-copy-source", "bucket/k", sseName, "aws:kms", sseName + "-aws-kms-key-id", "other"}
	if status, _, answer := ask(t, "PUT", url+"/k2", "", copied...); status != 200 {
		t.Errorf("copy: %d %s", status, answer)
	}
	if status, h, answer := ask(t, "GET", url+"/k2", ""); status != 200 || answer != body || h.Get(sseName+"-aws-kms-key-id") != "other" {
		t.Errorf("copy: %d %v", status, h)
	}
	at := url + "/k3?partNumber=1&uploadId=" + uploadOf(t, url+"/k3", sseName, "aws:kms")
	status, h, _ := ask(t, "PUT", at, body)
	completeUpload(t, strings.Replace(at, "partNumber=1&", "", 1), kind{read: []string{}}, []string{strings.Trim(h.Get("ETag"), `"`)})
	if status, h, answer := ask(t, "GET", url+"/k3", ""); status != 200 || answer != body || h.Get(sseName) != "aws:kms" {
		t.Errorf("upload: %d %v", status, h)
	}
	if status != 200 || h.Get(sseName) != "aws:kms" {
		t.Errorf("part: %d %v", status, h)
	}
}

func uploadOf(t *testing.T, url string, header ...string) string {
	t.Helper()
	_, _, body := ask(t, "POST", url+"?uploads", "", header...)
	id := uploadID.FindStringSubmatch(body)
	if id == nil {
		t.Fatal(body)
	}
	return id[1]
}
