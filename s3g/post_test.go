package s3g_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// postForm posts a form: pairs of names and values, and the file named f.txt.
func postForm(t testing.TB, url, content string, fields ...string) (int, http.Header, string) {
	t.Helper()
	var b strings.Builder
	for i := 0; i+1 < len(fields); i += 2 {
		fmt.Fprintf(&b, "--xyz\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", fields[i], fields[i+1])
	}
	fmt.Fprintf(&b, "--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f.txt\"\r\nContent-Type: image/png\r\n\r\n%s\r\n--xyz--\r\n", content)
	c := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Post(url, "multipart/form-data; boundary=xyz", strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(body)
}

// signedForm are the fields of a form with a policy of these conditions, good for an
// hour, signed with what is no signature: open mode does not look.
func signedForm(conditions ...any) []string {
	return policyForm(append(conditions, map[string]string{"bucket": "bucket"})...)
}

// policyForm is signedForm for whatever bucket the conditions say.
func policyForm(conditions ...any) []string {
	day := time.Now().UTC()
	doc, err := json.Marshal(map[string]any{
		"expiration": day.Add(time.Hour).Format("2006-01-02T15:04:05.000Z"),
		"conditions": append(conditions,
			[]string{"starts-with", "$x-amz-algorithm", ""}, []string{"starts-with", "$x-amz-credential", ""}, []string{"starts-with", "$x-amz-date", ""}),
	})
	if err != nil {
		panic(err) // only strings and numbers are given
	}
	return []string{
		"policy", base64.StdEncoding.EncodeToString(doc), "x-amz-algorithm", "AWS4-HMAC-SHA256", "x-amz-signature", "00",
		"x-amz-credential", "me/" + day.Format("20060102") + "/us-east-1/s3/aws4_request", "x-amz-date", day.Format("20060102T150405Z"),
	}
}

func TestPostObject(t *testing.T) {
	_, url := serve(t, nil)
	ask(t, "PUT", url+"/bucket", "")
	key := map[string]string{"key": "k"}
	rule := func(s ...any) []any { return s }
	with := func(fields []string, more ...string) []string { return append(more, fields...) }
	for _, tc := range []struct {
		name   string
		fields []string
		status int
		want   string // in the answer
	}{
		{"anonymous", []string{"key", "k"}, 204, ""},
		{"no key", nil, 400, "<Message>Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.</Message><ArgumentName>key</ArgumentName>"},
		{"empty key", []string{"key", ""}, 400, "User key must have a length greater than 0."},
		{"long key", []string{"key", strings.Repeat("k", 1025)}, 400, "KeyTooLongError"},
		{"impossible key", []string{"key", "\x01"}, 400, "InvalidURI"},
		{"status 200", []string{"key", "k", "success_action_status", "200"}, 200, ""},
		{"status 201", []string{"key", "a b", "success_action_status", "201"}, 201, "<PostResponse><Location>" + url + "/bucket/a%20b</Location><Bucket>bucket</Bucket><Key>a b</Key><ETag>&quot;9a0364b9e99bb480dd25e1f0284c8555&quot;</ETag></PostResponse>"},
		{"status 404", []string{"key", "k", "success_action_status", "404"}, 204, ""},
		{"canned acl", []string{"key", "k", "acl", "public-read"}, 204, ""},
		{"unknown acl", []string{"key", "k", "acl", "nonsense"}, 400, "InvalidArgument"},
		{"unknown storage class", []string{"key", "k", "x-amz-storage-class", "nonsense"}, 400, "InvalidStorageClass"},
		{"website redirect", []string{"key", "k", "x-amz-website-redirect-location", "/x"}, 501, "NotImplemented"},
		{"checksum", []string{"key", "k", "x-amz-checksum-crc32", "/sUwqQ=="}, 204, ""},
		{"wrong checksum", []string{"key", "k", "x-amz-checksum-crc32", "AAAAAA=="}, 400, "BadDigest"},
		{"wrong md5", []string{"key", "k", "content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="}, 400, "BadDigest"},
		{"tags that are no XML", []string{"key", "k", "tagging", "a=b"}, 400, "MalformedXML"},
		{"header that can't be", []string{"key", "k", "x-amz-meta-a", "b\nc"}, 400, "InvalidArgument"},
		{"signed", with(signedForm(key), "key", "k"), 204, ""},
		{"a policy without signature", []string{"key", "k", "policy", signedForm(key)[1]}, 400, "InvalidArgument"},
		{"a signature without policy", append([]string{"key", "k"}, signedForm(key)[2:]...), 400, "InvalidArgument"},
		{"signed, version 2", []string{"key", "k", "policy", signedForm(key)[1], "AWSAccessKeyId", "me", "signature", "AAAA"}, 204, ""},
		{"no policy document", []string{"key", "k", "policy", "bm8=", "AWSAccessKeyId", "me", "signature", "AAAA"}, 400, "InvalidPolicyDocument"},
		{"another key", with(signedForm(key), "key", "l"), 403, "Invalid according to Policy: Policy Condition failed: [&quot;eq&quot;,&quot;$key&quot;,&quot;k&quot;]"},
		{"an extra field", with(signedForm(key), "key", "k", "x-amz-meta-a", "b"), 403, "Extra input fields: x-amz-meta-a"},
		{"the file's name", with(signedForm(rule("starts-with", "$key", "f")), "key", "${filename}"), 204, ""},
		{"size", with(signedForm(key, rule("content-length-range", 7, 7)), "key", "k"), 204, ""},
		{"too large", with(signedForm(key, rule("content-length-range", 0, 6)), "key", "k"), 400, "<Code>EntityTooLarge</Code>"},
		{"too small", with(signedForm(key, rule("content-length-range", 8, 90)), "key", "k"), 400, "<Code>EntityTooSmall</Code>"},
	} {
		ask(t, "DELETE", url+"/bucket/k", "")
		status, h, body := postForm(t, url+"/bucket", "content", tc.fields...)
		if status != tc.status || !strings.Contains(body, tc.want) {
			t.Errorf("%s: %d %s, want %d %s", tc.name, status, body, tc.status, tc.want)
		}
		if status < 300 && (h.Get("Etag") != `"9a0364b9e99bb480dd25e1f0284c8555"` || !strings.HasPrefix(h.Get("Location"), url+"/bucket/")) {
			t.Errorf("%s: %v", tc.name, h)
		}
		if got, _, _ := ask(t, "GET", url+"/bucket/k", ""); status >= 300 && got != 404 {
			t.Errorf("%s: refused, and stored", tc.name)
		}
	}
	for path, want := range map[string]string{"/absent": "NoSuchBucket", "/bucket?tomorrow": "NotImplemented"} {
		if status, _, body := postForm(t, url+path, "x", "key", "k"); !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, _, body := ask(t, "POST", url+"/bucket", "x"); status != 412 || !strings.Contains(body, "multipart/form-data") {
		t.Errorf("no form: %d %s", status, body)
	}
}

// What the fields say of the object is what GET says of it.
func TestPostedObject(t *testing.T) {
	_, url := serve(t, nil)
	ask(t, "PUT", url+"/bucket", "")
	status, _, body := postForm(t, url+"/bucket", "content", "key", "dir/${filename}", "Content-Type", "text/x-mine", "Cache-Control", "no-store",
		"Content-Disposition", "attachment; filename=${filename}", "Content-Encoding", "br", "Content-Language", "gsw", "Expires", "never",
		"x-amz-meta-Name", "välue", "x-amz-storage-class", "STANDARD_IA", "x-ignore-me", "1", "submit", "go",
		"tagging", "<Tagging><TagSet><Tag><Key>a b</Key><Value>c+d</Value></Tag></TagSet></Tagging>", "x-amz-checksum-algorithm", "SHA1")
	if status != 204 {
		t.Fatalf("%d %s", status, body)
	}
	_, h, body := ask(t, "GET", url+"/bucket/dir/f.txt", "", "X-Amz-Checksum-Mode", "ENABLED")
	if body != "content" {
		t.Errorf("%q", body)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/x-mine", "Cache-Control": "no-store", "Content-Disposition": "attachment; filename=f.txt", "Content-Encoding": "br",
		"Content-Language": "gsw", "Expires": "never", "X-Amz-Meta-Name": "välue", "X-Amz-Storage-Class": "STANDARD_IA", "X-Amz-Tagging-Count": "1",
		"X-Amz-Checksum-Sha1": "BA8G/XdAkkeNRQd09bowxdp4rMg=",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if _, _, body := ask(t, "GET", url+"/bucket/dir/f.txt?tagging", ""); !strings.Contains(body, "<Key>a b</Key><Value>c+d</Value>") {
		t.Error(body)
	}
	postForm(t, url+"/bucket", "x", "key", "plain")
	if _, h, _ := ask(t, "HEAD", url+"/bucket/plain", ""); h.Get("Content-Type") != "binary/octet-stream" {
		t.Errorf("type of the file's part: %q", h.Get("Content-Type"))
	}
}

func TestPostRedirect(t *testing.T) {
	_, url := serve(t, nil)
	ask(t, "PUT", url+"/bucket", "")
	const query = "bucket=bucket&key=a+b&etag=%229dd4e461268c8034f5c8564e155c67a6%22"
	for _, tc := range []struct{ field, to, want string }{
		{"success_action_redirect", "https://www.example.com/done", "https://www.example.com/done?" + query},
		{"redirect", "http://www.example.com/", "http://www.example.com/?" + query},
		{"success_action_redirect", "http://www.example.com/?a=b", "http://www.example.com/?a=b&" + query},
		{"success_action_redirect", "/done", ""},
		{"success_action_redirect", "javascript:alert(1)", ""},
		{"success_action_redirect", ":", ""},
	} {
		status, h, _ := postForm(t, url+"/bucket", "x", "key", "a b", tc.field, tc.to, "success_action_status", "201")
		if tc.want == "" {
			if status != 201 {
				t.Errorf("%s: %d", tc.to, status)
			}
			continue
		}
		if status != 303 || h.Get("Location") != tc.want || h.Get("Etag") == "" {
			t.Errorf("%s: %d %v", tc.to, status, h)
		}
	}
}

// The file streams: more than a request's memory passes, and a torn form stores nothing.
func TestPostLargeAndTorn(t *testing.T) {
	_, url := serve(t, nil)
	ask(t, "PUT", url+"/bucket", "")
	content := strings.Repeat("0123456789abcdef", 1<<18) // 4 MiB
	if status, _, body := postForm(t, url+"/bucket", content, "key", "large"); status != 204 {
		t.Fatalf("%d %s", status, body)
	}
	if _, _, body := ask(t, "GET", url+"/bucket/large", ""); body != content {
		t.Errorf("%d bytes", len(body))
	}
	torn := "--xyz\r\nContent-Disposition: form-data; name=key\r\n\r\ntorn\r\n--xyz\r\nContent-Disposition: form-data; name=file\r\n\r\nhalf"
	status, _, body := ask(t, "POST", url+"/bucket", torn, "Content-Type", "multipart/form-data; boundary=xyz")
	if status != 400 || !strings.Contains(body, "IncompleteBody") {
		t.Errorf("%d %s", status, body)
	}
	if status, _, _ := ask(t, "GET", url+"/bucket/torn", ""); status != 404 {
		t.Errorf("stored: %d", status)
	}
}
