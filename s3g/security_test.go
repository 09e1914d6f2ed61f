package s3g_test

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/ozonetest"
	"github.com/mini-ozone/mini-ozone/s3g"
	"github.com/mini-ozone/mini-ozone/s3g/s3gtest"
)

// The security table: every row of the router × how the request is signed × whose
// signature it is. Each cell says what answer it must get.

// signing is a way to sign a request and its payload.
type signing struct {
	name string
	hash string // x-amz-content-sha256, "" for version 2 and presigned URLs
	sign func(s s3gtest.Signer, r *http.Request)
	// presigned: an old signature has expired, rather than being skewed.
	presigned bool
}

func signings() []signing {
	list := []signing{
		{name: "v2 header", sign: func(s s3gtest.Signer, r *http.Request) { s.V2(r) }},
		{name: "v4 presigned", presigned: true, sign: func(s s3gtest.Signer, r *http.Request) { s.Presign(r, "600") }},
		{name: "v2 presigned", presigned: true, sign: func(s s3gtest.Signer, r *http.Request) {
			until := time.Now().Add(10 * time.Minute)
			if !s.Time.IsZero() {
				until = s.Time.Add(10 * time.Minute)
			}
			s.PresignV2(r, until)
		}},
	}
	for _, hash := range []string{"literal", "UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"} {
		list = append(list, signing{name: "v4 " + hash, hash: hash})
	}
	return list
}

// credential is whose signature, and how good it is.
type credential struct {
	name string
	// change makes the owner's signer another; nil means that nothing is signed.
	change func(s *s3gtest.Signer, w *world)
	// header and query are the answer to it, "status code", in the header and in a
	// presigned URL. "" is an answer without any complaint about the signature.
	header, query string
}

func credentials() []credential {
	return []credential{
		{"owner", func(*s3gtest.Signer, *world) {}, "", ""},
		{"nobody", nil, "403 AccessDenied", "403 AccessDenied"},
		{"wrong secret", func(s *s3gtest.Signer, _ *world) { s.Secret += "x" }, "403 SignatureDoesNotMatch", "403 SignatureDoesNotMatch"},
		{"unknown key", func(s *s3gtest.Signer, _ *world) { s.AccessKey = "nobody-here" }, "403 InvalidAccessKeyId", "403 InvalidAccessKeyId"},
		{"old", func(s *s3gtest.Signer, _ *world) { s.Time = time.Now().Add(-time.Hour) }, "403 RequestTimeTooSkewed", "403 AccessDenied"},
		{"from the future", func(s *s3gtest.Signer, _ *world) { s.Time = time.Now().Add(time.Hour) }, "403 RequestTimeTooSkewed", "403 AccessDenied"},
		{"another user", func(s *s3gtest.Signer, w *world) { s.AccessKey, s.Secret = "bob", w.bob }, "403 AccessDenied", "403 AccessDenied"},
	}
}

// world is a store in which alice has a bucket with an object and an upload.
type world struct {
	url        string
	alice, bob string // their secrets
	upload     string
	client     *http.Client
}

const treasure = "alice's own"

func newWorld(t *testing.T) *world {
	t.Helper()
	cluster := ozonetest.Start(t, ozonetest.Secure())
	cfg := s3g.DefaultConfig()
	cfg.Secure = true
	h, err := s3g.Handler(cfg, cluster.Client(), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	w := &world{url: srv.URL, alice: cluster.Secret(t, "alice"), bob: cluster.Secret(t, "bob"), client: srv.Client()}
	w.must(t, "PUT", "/alices", "")
	w.must(t, "PUT", "/alices/key", treasure)
	w.upload = newUpload(t, w)
	return w
}

func newUpload(t *testing.T, w *world) string {
	t.Helper()
	var up struct{ UploadId string } //nolint:revive // AWS's name
	if err := xml.Unmarshal([]byte(w.must(t, "POST", "/alices/part?uploads", "")), &up); err != nil {
		t.Fatal(err)
	}
	return up.UploadId
}

// must is a request of alice that succeeds; it returns the body of the answer.
func (w *world) must(t *testing.T, method, path, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	s3gtest.Signer{AccessKey: "alice", Secret: w.alice}.Header(r, "UNSIGNED-PAYLOAD")
	status, _, got := w.send(t, r)
	if status/100 != 2 {
		t.Fatalf("%s %s: %d %s", method, path, status, got)
	}
	return got
}

func (w *world) send(t *testing.T, r *http.Request) (status int, code, body string) {
	t.Helper()
	resp, err := w.client.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Code string }
	_ = xml.Unmarshal(b, &doc) // no document, no code
	return resp.StatusCode, doc.Code, string(b)
}

// request is the request of a row on alice's bucket, or on another that is not there.
func (w *world) request(t *testing.T, row s3g.Route, bucket, version string) (path string, header http.Header) {
	path = map[string]string{"service": "/", "bucket": "/" + bucket, "object": "/" + bucket + "/key"}[row.Level]
	header = http.Header{}
	var query []string
	switch row.Sub {
	case "":
	case "uploadId":
		path = "/" + bucket + "/part"
		query = append(query, "uploadId="+w.upload)
		if row.Method == "PUT" {
			query = append(query, "partNumber=1")
		}
	case "list-type":
		query = append(query, "list-type=2")
	default:
		query = append(query, row.Sub)
	}
	if version != "" {
		query = append(query, "versionId="+version)
	}
	if row.Copy {
		header.Set("X-Amz-Copy-Source", "/"+bucket+"/key")
	}
	if row.Sub == "attributes" {
		header.Set("X-Amz-Object-Attributes", "ETag")
	}
	if len(query) > 0 {
		path += "?" + strings.Join(query, "&")
	}
	return path, header
}

// cell sends one request of the table.
func (w *world) cell(t *testing.T, row s3g.Route, s signing, c credential, bucket, version string) (status int, code, body string) {
	t.Helper()
	path, header := w.request(t, row, bucket, version)
	content := ""
	if row.Method == "PUT" || row.Method == "POST" {
		content = "no document of any operation"
	}
	if row.Op == "CreateBucket" { // whose document is read before anybody is asked
		content = ""
	}
	if row.Sub == "tagging" { // which is read before the decision: it may hang on the tags
		content = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
	}
	signer := s3gtest.Signer{AccessKey: "alice", Secret: w.alice}
	if c.change != nil {
		c.change(&signer, w)
	}
	build := func(content string) *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), row.Method, w.url+path, strings.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = header.Clone()
		return r
	}
	if c.change == nil {
		return w.send(t, build(content))
	}
	if s.sign != nil {
		r := build(content)
		s.sign(signer, r)
		return w.send(t, r)
	}
	if !strings.HasPrefix(s.hash, "STREAMING") {
		r := build(content)
		hash := s.hash
		if hash == "literal" {
			hash = s3gtest.SHA256(content)
		}
		signer.Header(r, hash)
		return w.send(t, r)
	}
	if signer.Time.IsZero() {
		signer.Time = time.Now()
	}
	header.Set("X-Amz-Decoded-Content-Length", fmt.Sprint(len(content)))
	trailer := ""
	if strings.HasSuffix(s.hash, "TRAILER") {
		header.Set("X-Amz-Trailer", "x-amz-checksum-crc32")
		trailer = "x-amz-checksum-crc32:" + s3gtest.CRC32(content)
	}
	r := build("")
	seed := signer.Header(r, s.hash)
	full := build(signer.Chunks(seed, content, 1<<16, trailer, !strings.HasPrefix(s.hash, "STREAMING-UNSIGNED")))
	full.Header = r.Header
	return w.send(t, full)
}

// want says what answer a cell must get: one of the "status code" pairs, or with none
// any that does not complain of the signature.
func want(row s3g.Route, s signing, c credential) []string {
	expected := c.header
	if s.presigned {
		expected = c.query
	}
	switch {
	case expected == "":
		return nil
	case row.Op == "CORSPreflight": // nobody's credentials are asked; the bucket has no rules
		return []string{"403 AccessForbidden", "400 BadRequest", "400 InvalidRequest"}
	case row.Op == "PostObject": // credentials are fields of the form, and this is none
		return []string{"400 MalformedPOSTRequest", "412 PreconditionFailed", "400 RequestIsNotMultiPartContent"}
	case row.Op == "BrowseBucket" && expected == "403 AccessDenied": // a page, not a document
		return []string{"403 ", "403 AccessDenied"}
	case row.Op == "DeleteObjects" && expected == "403 AccessDenied": // decided key by key, once it is known which
		return []string{expected, "400 InvalidRequest", "400 MalformedXML"}
	case c.name != "another user":
		return []string{expected}
	case row.Op == "ListBuckets": // one's own
		return []string{"200 "}
	case row.Op == "CreateBucket":
		return []string{"409 BucketAlreadyExists"}
	case !row.Implemented:
		return []string{"501 NotImplemented", "403 AccessDenied"}
	}
	return []string{expected}
}

// complaints are the codes about signatures and rights.
var complaints = []string{"AccessDenied", "SignatureDoesNotMatch", "InvalidAccessKeyId", "RequestTimeTooSkewed", "AuthorizationHeaderMalformed", "AuthorizationQueryParametersError"}

func TestSecurityTable(t *testing.T) {
	w := newWorld(t)
	cells := 0
	for _, row := range s3g.Routes() {
		for _, s := range signings() {
			for _, c := range credentials() {
				if c.name == "from the future" && s.name == "v2 presigned" {
					continue // says only when it ends
				}
				versions := []string{""}
				if row.Versions && c.name != "owner" {
					versions = append(versions, "null")
				}
				for _, version := range versions {
					cells++
					bucket := "alices"
					if c.name == "owner" && row.Level != "service" { // who would change what the others are refused
						bucket = "not-there"
						if row.Op == "CreateBucket" {
							bucket = "alices-next"
						}
					}
					status, code, body := w.cell(t, row, s, c, bucket, version)
					got := fmt.Sprintf("%d %s", status, code)
					allowed := want(row, s, c)
					where := fmt.Sprintf("%s (%s %s %s) %s, %s", row.Op, row.Level, row.Method, row.Sub, s.name, c.name)
					switch {
					case len(allowed) == 0 && (slices.Contains(complaints, code) || status == 401 || status == 403 && row.Op != "CORSPreflight"):
						t.Errorf("%s: %s\n%s", where, got, body)
					case len(allowed) == 0, row.Method == "HEAD" && slices.Contains(allowed, fmt.Sprintf("%d ", status)):
					case row.Method == "HEAD" && strings.HasPrefix(allowed[0], fmt.Sprint(status)):
					case !slices.Contains(allowed, got):
						t.Errorf("%s: %s, want %q\n%s", where, got, allowed, body)
					}
					if c.name != "owner" && (strings.Contains(body, treasure) || strings.Contains(body, w.upload) && code != "SignatureDoesNotMatch" || strings.Contains(body, "<Name>alices</Name>")) {
						t.Errorf("%s tells what is alice's: %s", where, body)
					}
				}
			}
		}
	}
	w.unchanged(t)
	t.Logf("%d cells", cells)
	if cells < 3000 {
		t.Errorf("only %d cells", cells)
	}
}

// unchanged: nothing of alice's has become another's or anybody's.
func (w *world) unchanged(t *testing.T) {
	t.Helper()
	if got := w.must(t, "GET", "/alices/key", ""); got != treasure {
		t.Errorf("the object is %q", got)
	}
	for path, want := range map[string]string{
		"/alices?list-type=2": "<KeyCount>1</KeyCount>", "/alices/part?uploadId=" + w.upload: "<IsTruncated>false",
		"/alices?acl": "FULL_CONTROL", "/alices/key?acl": "FULL_CONTROL", "/alices/key?tagging": "<TagSet></TagSet>",
	} {
		if got := w.must(t, "GET", path, ""); !strings.Contains(got, want) || strings.Contains(got, "AllUsers") || strings.Contains(got, "<Part>") {
			t.Errorf("%s: %s", path, got)
		}
	}
}
