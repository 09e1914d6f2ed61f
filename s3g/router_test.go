package s3g

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mini-ozone/mini-ozone/s3g/access"
)

// awsOperations is AWS's API reference of S3, as of 2026-11, without
// WriteGetObjectResponse, which has a host of its own.
const awsOperations = `AbortMultipartUpload CompleteMultipartUpload CopyObject CreateBucket
CreateBucketMetadataConfiguration CreateBucketMetadataTableConfiguration CreateMultipartUpload CreateSession
DeleteBucket DeleteBucketAnalyticsConfiguration DeleteBucketCors DeleteBucketEncryption
DeleteBucketIntelligentTieringConfiguration DeleteBucketInventoryConfiguration DeleteBucketLifecycleConfiguration
DeleteBucketMetadataConfiguration DeleteBucketMetadataTableConfiguration DeleteBucketMetricsConfiguration
DeleteBucketOwnershipControls DeleteBucketPolicy DeleteBucketReplication DeleteBucketTagging DeleteBucketWebsite
DeleteObject DeleteObjects DeleteObjectTagging DeletePublicAccessBlock GetBucketAbac
GetBucketAccelerateConfiguration GetBucketAcl GetBucketAnalyticsConfiguration GetBucketCors GetBucketEncryption
GetBucketIntelligentTieringConfiguration GetBucketInventoryConfiguration GetBucketLifecycleConfiguration
GetBucketLocation GetBucketLogging GetBucketMetadataConfiguration GetBucketMetadataTableConfiguration
GetBucketMetricsConfiguration GetBucketNotificationConfiguration GetBucketOwnershipControls GetBucketPolicy
GetBucketPolicyStatus GetBucketReplication GetBucketRequestPayment GetBucketTagging GetBucketVersioning
GetBucketWebsite GetObject GetObjectAcl GetObjectAttributes GetObjectLegalHold GetObjectLockConfiguration
GetObjectRetention GetObjectTagging GetObjectTorrent GetPublicAccessBlock HeadBucket HeadObject ListBuckets
ListDirectoryBuckets ListMultipartUploads ListObjects ListObjectsV2 ListObjectVersions ListParts PutBucketAbac
PutBucketAccelerateConfiguration PutBucketAcl PutBucketAnalyticsConfiguration PutBucketCors PutBucketEncryption
PutBucketIntelligentTieringConfiguration PutBucketInventoryConfiguration PutBucketLifecycleConfiguration
PutBucketLogging PutBucketMetricsConfiguration PutBucketNotificationConfiguration PutBucketOwnershipControls
PutBucketPolicy PutBucketReplication PutBucketRequestPayment PutBucketTagging PutBucketVersioning PutBucketWebsite
PutObject PutObjectAcl PutObjectLegalHold PutObjectLockConfiguration PutObjectRetention PutObjectTagging
PutPublicAccessBlock RenameObject RestoreObject SelectObjectContent UpdateBucketMetadataInventoryTableConfiguration
UpdateBucketMetadataJournalTableConfiguration UpdateObjectEncryption UploadPart UploadPartCopy`

// Every operation of AWS has a row.
func TestRoutesAreComplete(t *testing.T) {
	have := map[string]bool{}
	for _, r := range routes() {
		have[r.op] = true
	}
	for _, op := range strings.Fields(awsOperations) {
		if !have[op] {
			t.Errorf("no row for %s", op)
		}
	}
}

// No two rows answer the same request.
func TestRoutesAreDistinct(t *testing.T) {
	seen := map[string]string{}
	for _, r := range routes() {
		id := fmt.Sprint(r.level, r.method, " ", r.sub, " ", r.copy)
		if other, twice := seen[id]; twice {
			t.Errorf("%s and %s are both %s", r.op, other, id)
		}
		seen[id] = r.op
	}
}

// stub is a gateway whose every handler only names its operation.
func stub(t testing.TB) *gateway {
	t.Helper()
	g := newGateway(DefaultConfig(), nil, newMetrics(prometheus.NewRegistry()), zerolog.Nop())
	for i := range g.rows {
		if op := g.rows[i].op; g.rows[i].handle != nil {
			g.rows[i].handle = func(_ *gateway, w http.ResponseWriter, _ *request) error {
				_, err := w.Write([]byte(op))
				return err
			}
		}
	}
	return g
}

// Every row is reached by its own request, and by that alone.
func TestRoutesLead(t *testing.T) {
	g := stub(t)
	for _, row := range g.rows {
		path := [...]string{"/", "/bucket", "/bucket/key"}[row.level]
		for _, query := range []string{"", "=", "=1"} {
			if row.sub != "" {
				query = "?" + row.sub + query
			} else if query != "" {
				continue
			}
			r := httptest.NewRequest(row.method, path+query, nil)
			if row.copy {
				r.Header.Set("X-Amz-Copy-Source", "b/k")
			}
			w := httptest.NewRecorder()
			g.ServeHTTP(w, r)
			switch {
			case row.handle == nil:
				if w.Code != 501 || row.method != "HEAD" && !strings.Contains(w.Body.String(), row.op) {
					t.Errorf("%s %s: %d %s, want 501 for %s", row.method, path+query, w.Code, w.Body, row.op)
				}
			case w.Body.String() != row.op:
				t.Errorf("%s %s went to %s, want %s", row.method, path+query, w.Body, row.op)
			}
		}
	}
}

// A query parameter nobody knows never reaches a handler that would change
// something, and no sub-resource reaches a plain verb.
func TestRoutesDoNotFallThrough(t *testing.T) {
	g := stub(t)
	var subs []string
	for s := range g.selectors {
		subs = append(subs, s)
	}
	plain := map[string]bool{}
	for _, row := range g.rows {
		if row.sub == "" {
			plain[row.op] = true
		}
	}
	for _, sub := range append(subs, "tomorrow") {
		for _, method := range []string{"GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "BREW"} {
			for _, path := range []string{"/", "/bucket", "/bucket/", "/bucket/key", "/bucket/key/"} {
				w := httptest.NewRecorder()
				g.ServeHTTP(w, httptest.NewRequest(method, path+"?"+sub, nil))
				if plain[w.Body.String()] {
					t.Errorf("%s %s?%s went to %s", method, path, sub, w.Body)
				}
			}
		}
	}
}

func TestSplitPath(t *testing.T) {
	for _, tc := range []struct{ path, bucket, key, code string }{
		{"/", "", "", ""},
		{"/bucket", "bucket", "", ""},
		{"/bucket/", "bucket", "", ""},
		{"/bucket//", "bucket", "/", ""},
		{"/bucket/a/../b/", "bucket", "a/../b/", ""},
		{"/bucket/a%2Fb", "bucket", "a/b", ""},
		{"/bucket/a%252Fb", "bucket", "a%2Fb", ""},
		{"/bucket/a+b%2B", "bucket", "a+b+", ""},
		{"/buc%6bet/k", "bucket", "k", ""},
		{"/bucket%2Fk", "", "", "InvalidBucketName"},
		{"//bucket", "", "", "InvalidBucketName"},
		{"/b/k", "", "", "InvalidBucketName"},
		{"/bucket/%00", "", "", "InvalidURI"},
		{"/bucket/%zz", "", "", "InvalidURI"},
		{"/bucket/%ff", "", "", "InvalidURI"},
		{"/bucket/" + strings.Repeat("k", 1024), "bucket", strings.Repeat("k", 1024), ""},
		{"/bucket/" + strings.Repeat("k", 1025), "", "", "KeyTooLongError"},
	} {
		b, k, err := splitPath(tc.path)
		if tc.code != "" {
			if err == nil || !strings.HasPrefix(err.Error(), tc.code) {
				t.Errorf("%.40q: %v, want %s", tc.path, err, tc.code)
			}
			continue
		}
		if b != tc.bucket || k != tc.key || err != nil {
			t.Errorf("%.40q: %q %q %v", tc.path, b, k, err)
		}
	}
}

func TestVirtualBucket(t *testing.T) {
	domains := []string{"s3g.internal", "eu.s3g.internal", "::1"}
	for host, want := range map[string]string{
		"s3g.internal": "", "s3g.internal:9878": "", "bucket1.s3g.internal:9878": "bucket1", "Bucket1.S3G.internal": "bucket1",
		"a.b.s3g.internal": "a.b", "b.eu.s3g.internal": "b", "eu.s3g.internal": "", "xs3g.internal": "",
		"localhost:9878": "", "[::1]:9878": "", "bucket1.s3g.internal.": "bucket1", "": "",
	} {
		if got := virtualBucket(host, domains); got != want {
			t.Errorf("%q: %q, want %q", host, got, want)
		}
	}
}

func TestVolumeFor(t *testing.T) {
	long := strings.Repeat("k", 100)
	for key, want := range map[string]string{
		"thisisakey": "s3thisisakey", "ThisIsAKey": "s3thisisakey", "AKIAIOSFODNN7EXAMPLE": "s3akiaiosfodnn7example",
		"": AnonymousVolume, "a": "s3a", "a.b-c": "s3a.b-c",
	} {
		if got := VolumeFor(key); got != want {
			t.Errorf("%q: %q, want %q", key, got, want)
		}
	}
	seen := map[string]string{}
	for _, key := range []string{long, long + "k", "anonymous", "user@EXAMPLE.COM", "user@example.org", "a b", "a_b", "-", "é", "a..b", "a-", "testuser/s3g@REALM"} {
		v := VolumeFor(key)
		if !legalVolume(v) || v != VolumeFor(key) || v == AnonymousVolume || seen[v] != "" {
			t.Errorf("%q: %q (also %q)", key, v, seen[v])
		}
		seen[v] = key
	}
	// The mapping is for ever.
	if got := VolumeFor("user@EXAMPLE.COM"); got != "s3userexamplecom-bfa352c7e2ce192d" {
		t.Error(got)
	}
}

func FuzzSplitPath(f *testing.F) {
	for _, s := range []string{"/", "/bucket/key", "/bucket/a%2F..//%00", "/%zz", "/b%ff/k+"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if !strings.HasPrefix(path, "/") {
			return
		}
		b, k, err := splitPath(path)
		if err != nil {
			return
		}
		if b == "" && k != "" || len(k) > maxKeyBytes || !validText(k) {
			t.Fatalf("%q %q", b, k)
		}
		if b != "" { // the escaped form of what came out leads there again
			b2, k2, err := splitPath("/" + b + "/" + url.PathEscape(k))
			if b2 != b || k2 != k || err != nil {
				t.Fatalf("%q %q again: %q %q %v", b, k, b2, k2, err)
			}
		}
	})
}

func FuzzParseRange(f *testing.F) {
	for _, s := range []string{"bytes=0-4", "bytes=-4", "bytes=4-", "bytes=-0", "bytes=9-1", "bytes=0-0,2-3", "bytes=99999999999999999999-"} {
		f.Add(s, int64(11))
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			return
		}
		s, ok, err := parseRange(header, size)
		if ok && (err != nil || s.off < 0 || s.n <= 0 || s.off+s.n > size) {
			t.Fatalf("%q of %d: %+v %v", header, size, s, err)
		}
	})
}

func FuzzCopySource(f *testing.F) {
	for _, s := range []string{"bucket/key", "/bucket/key", "bucket%2Fa+b", "bucket/k?versionId=null", "", "%zz", "bucket/%00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		ref, err := copySource(http.Header{"X-Amz-Copy-Source": {raw}})
		if err != nil {
			return
		}
		version := ""
		if ref.VersionID != "" {
			version = versionMark + ref.VersionID
		}
		again, err := copySource(http.Header{"X-Amz-Copy-Source": {url.QueryEscape(ref.Bucket+"/"+ref.Key) + version}})
		if err != nil || again != ref || checkKey(ref.Key) != nil {
			t.Fatalf("%q: %+v, again %+v %v", raw, ref, again, err)
		}
	})
}

func FuzzListing(f *testing.F) {
	for _, s := range []string{"max-keys=7&prefix=a", "list-type=2&continuation-token=AAAA", "max-keys=-1", "encoding-type=url&delimiter=%25", "a=%zz", "prefix=%ff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := parseQuery(raw)
		if err != nil {
			return
		}
		hr := httptest.NewRequest("GET", "/bucket", nil)
		l, err := new(gateway).parseListing(&request{Request: hr, Bucket: "bucket", Query: q})
		if err == nil && (l.Limit < 0 || l.Limit > maxListKeys) {
			t.Fatalf("%q: limit %d", raw, l.Limit)
		}
		if after, err := decodeToken(q.Get("continuation-token")); err == nil && encodeToken(after) == "" {
			t.Fatal("a token is lost")
		}
		if name := q.Get("prefix"); name != "" {
			if back, err := url.PathUnescape(urlName(name)); back != name || err != nil {
				t.Fatalf("%q is encoded as %q", name, urlName(name))
			}
		}
	})
}

func FuzzHeaderText(f *testing.F) {
	f.Add("plain")
	f.Add("caf\xe9")
	f.Add("grün")
	f.Fuzz(func(t *testing.T, v string) {
		if strings.HasPrefix(v, "\x00") { // net/http lets none in
			return
		}
		if got := headerValue(text(v)); got != v {
			t.Fatalf("%q became %q", v, got)
		}
	})
}

// Every operation that we have is decided on: its row has an action that policies can
// name, or its handler asks.
func TestRoutesHaveActions(t *testing.T) {
	for _, r := range routes() {
		switch {
		case r.handle == nil || r.op == "CORSPreflight":
		case r.action == "s3:ListAllMyBuckets": // of the service, which has no policy
		case !access.Action(r.action):
			t.Errorf("%s has the action %q", r.op, r.action)
		case r.open && !r.asks:
			t.Errorf("%s is open and nobody decides", r.op)
		}
	}
}
