package s3g_test

import (
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/s3g"
	"github.com/mini-ozone/mini-ozone/s3g/sse"
	"github.com/mini-ozone/mini-ozone/s3g/sse/ssetest"
)

// encryptionDoc is a configuration of a bucket.
func encryptionDoc(inner string) string {
	return `<ServerSideEncryptionConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` + inner + `</ServerSideEncryptionConfiguration>`
}

const (
	byAES = `<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule>`
	byKMS = `<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>main</KMSMasterKeyID></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>true</BucketKeyEnabled></Rule>`
)

func TestBucketEncryption(t *testing.T) {
	vault, err := sse.NewVault(ssetest.Vault(t, false, "main"))
	if err != nil {
		t.Fatal(err)
	}
	_, url := serve(t, func(c *s3g.Config) { c.ClusterKeys, c.KMS = keyring(t, "k1"), vault })
	ask(t, "PUT", url+"/bucket", "")
	if status, _, body := ask(t, "GET", url+"/bucket?encryption", ""); status != 404 || !strings.Contains(body, "<Code>ServerSideEncryptionConfigurationNotFoundError</Code>") {
		t.Errorf("none: %d %s", status, body)
	}
	for _, tc := range []struct {
		name, doc string
		status    int
		want      string
	}{
		{"AES256", encryptionDoc(byAES), 200, encryptionDoc(strings.Replace(byAES, "</Rule>", "<BucketKeyEnabled>false</BucketKeyEnabled></Rule>", 1))},
		{"no body", "", 400, "MalformedXML"},
		{"no rule", encryptionDoc(""), 400, "MalformedXML"},
		{"two rules", encryptionDoc(byAES + byAES), 400, "MalformedXML"},
		{"no default", encryptionDoc("<Rule/>"), 400, "MalformedXML"},
		{"no algorithm", encryptionDoc("<Rule><ApplyServerSideEncryptionByDefault/></Rule>"), 400, "MalformedXML"},
		{"unknown algorithm", encryptionDoc(strings.Replace(byAES, "AES256", "aes", 1)), 400, "MalformedXML"},
		{"another document", "<Tagging/>", 400, "MalformedXML"},
		{"a KMS key without KMS", encryptionDoc(strings.Replace(byKMS, "aws:kms", "AES256", 1)), 400, "InvalidArgument"},
		{"dual layer", encryptionDoc(strings.Replace(byKMS, "aws:kms", "aws:kms:dsse", 1)), 501, "NotImplemented"},
		{"KMS", encryptionDoc(byKMS), 200, encryptionDoc(byKMS)},
	} {
		status, _, body := ask(t, "PUT", url+"/bucket?encryption", tc.doc)
		if status != tc.status || status != 200 && !strings.Contains(body, "<Code>"+tc.want) {
			t.Errorf("%s: %d %s", tc.name, status, body)
		}
		if status != 200 {
			continue
		}
		if status, _, body := ask(t, "GET", url+"/bucket?encryption", ""); status != 200 || !strings.Contains(body, tc.want) {
			t.Errorf("%s: %d %s", tc.name, status, body)
		}
	}
	for range 2 {
		if status, _, body := ask(t, "DELETE", url+"/bucket?encryption", ""); status != 204 {
			t.Errorf("delete: %d %s", status, body)
		}
	}
	if status, _, _ := ask(t, "GET", url+"/bucket?encryption", ""); status != 404 {
		t.Errorf("after delete: %d", status)
	}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		if status, _, body := ask(t, method, url+"/missing?encryption", encryptionDoc(byAES)); status != 404 || !strings.Contains(body, "<Code>NoSuchBucket</Code>") {
			t.Errorf("%s of a missing bucket: %d %s", method, status, body)
		}
	}
}

// Without the means, no promise for all objects to come.
func TestBucketEncryptionNotConfigured(t *testing.T) {
	_, url := serve(t, nil)
	ask(t, "PUT", url+"/bucket", "")
	for _, doc := range []string{byAES, byKMS} {
		if status, _, body := ask(t, "PUT", url+"/bucket?encryption", encryptionDoc(doc)); status != 501 {
			t.Errorf("%s: %d %s", doc, status, body)
		}
	}
}

// The default is for writers that ask for nothing: PUT, copies, uploads.
func TestDefaultEncryption(t *testing.T) {
	store, url := serveSSE(t)
	managed := kinds()[1]
	body := randomBody(1000)
	ask(t, "PUT", url+"/before", body)
	if status, _, answer := ask(t, "PUT", url+"?encryption", encryptionDoc(byAES)); status != 200 {
		t.Fatalf("%d %s", status, answer)
	}
	told(t, "an object of before", kinds()[0], head(t, url+"/before", kinds()[0]))
	for _, k := range kinds() {
		want := k
		if k.write == nil {
			want = managed
		}
		status, h, answer := ask(t, "PUT", url+"/"+k.name, body, k.write...)
		if status != 200 {
			t.Fatalf("%d %s", status, answer)
		}
		told(t, k.name+" PUT", want, h)
		told(t, k.name+" HEAD", want, head(t, url+"/"+k.name, want))
		notInPlain(t, store, k.name, body, true)

		_, h, _ = ask(t, "PUT", url+"/copy", "", append([]string{"x-amz-copy-source", "bucket/before"}, k.write...)...)
		told(t, k.name+" copy", want, h)
		notInPlain(t, store, "copy", body, true)

		at := url + "/upload?uploadId=" + uploadOf(t, url+"/upload", k.write...)
		_, h, _ = ask(t, "PUT", at+"&partNumber=1", body, want.read...)
		completeUpload(t, at, want, []string{strings.Trim(h.Get("ETag"), `"`)})
		told(t, k.name+" upload", want, head(t, url+"/upload", want))
	}
}

func head(t *testing.T, url string, k kind) map[string][]string {
	t.Helper()
	status, h, _ := ask(t, "HEAD", url, "", k.read...)
	if status != 200 {
		t.Errorf("HEAD %s: %d", url, status)
	}
	return h
}

// A default set through another gateway: a writer that comes with plain bytes is told
// to try again, and then they are encrypted.
func TestDefaultEncryptionElsewhere(t *testing.T) {
	store := newStore(t)
	cfg := s3g.DefaultConfig()
	cfg.ClusterKeys = keyring(t, "k1")
	one, other := serveStore(t, cfg, store, zerolog.Nop()), serveStore(t, cfg, store, zerolog.Nop())
	ask(t, "PUT", one+"/bucket", "")
	put := func() (int, string) {
		status, h, _ := ask(t, "PUT", one+"/bucket/k", "x")
		return status, h.Get(sseName)
	}
	if status, sse := put(); status != 200 || sse != "" {
		t.Fatalf("%d %q", status, sse)
	}
	if status, _, body := ask(t, "PUT", other+"/bucket?encryption", encryptionDoc(byAES)); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	if status, _ := put(); status != 503 {
		t.Errorf("plain bytes: %d", status)
	}
	if status, sse := put(); status != 200 || sse != "AES256" {
		t.Errorf("the next try: %d %q", status, sse)
	}
}
