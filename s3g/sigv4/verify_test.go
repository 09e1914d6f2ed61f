package sigv4_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4signer "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/mini-ozone/mini-ozone/s3g/payload"
	"github.com/mini-ozone/mini-ozone/s3g/sigv4"
)

// AWS's published examples ("Authenticating Requests" in the S3 API reference).
const (
	exampleKey    = "AKIAIOSFODNN7EXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	emptyHash     = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

var exampleTime = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)

func TestPublishedVectors(t *testing.T) {
	const host = "http://examplebucket.s3.amazonaws.com"
	auth := func(signed, signature string) string {
		return "AWS4-HMAC-SHA256 Credential=" + exampleKey + "/20130524/us-east-1/s3/aws4_request,SignedHeaders=" + signed + ",Signature=" + signature
	}
	const date, hash = "X-Amz-Date", "X-Amz-Content-Sha256"
	tests := []struct {
		name, method, target string
		headers              []string
	}{
		{"get object", "GET", "/test.txt", []string{"Range", "bytes=0-9", hash, emptyHash, date, "20130524T000000Z",
			"Authorization", auth("host;range;x-amz-content-sha256;x-amz-date", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")}},
		{"put object", "PUT", "/test%24file.text", []string{"Date", "Fri, 24 May 2013 00:00:00 GMT", date, "20130524T000000Z",
			"X-Amz-Storage-Class", "REDUCED_REDUNDANCY", hash, "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
			"Authorization", auth("date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")}},
		{"put object, path not escaped", "PUT", "/test$file.text", []string{"Date", "Fri, 24 May 2013 00:00:00 GMT", date, "20130524T000000Z",
			"X-Amz-Storage-Class", "REDUCED_REDUNDANCY", hash, "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
			"Authorization", auth("date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")}},
		{"lifecycle", "GET", "/?lifecycle", []string{hash, emptyHash, date, "20130524T000000Z",
			"Authorization", auth("host;x-amz-content-sha256;x-amz-date", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")}},
		{"list objects", "GET", "/?max-keys=2&prefix=J", []string{hash, emptyHash, date, "20130524T000000Z",
			"Authorization", auth("host;x-amz-content-sha256;x-amz-date", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")}},
		{"presigned", "GET", "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, host+tt.target, nil)
			for i := 0; i < len(tt.headers); i += 2 {
				r.Header.Set(tt.headers[i], tt.headers[i+1])
			}
			a, err := sigv4.Parse(r, exampleTime)
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Verify(r, exampleSecret); err != nil {
				t.Error(err)
			}
			if err := a.Verify(r, exampleSecret+"x"); code(err) != "SignatureDoesNotMatch" {
				t.Errorf("wrong secret: %v", err)
			}
		})
	}
}

// TestPublishedChunks is AWS's streaming example: 66,560 bytes of 'a'.
func TestPublishedChunks(t *testing.T) {
	a := sigv4.Auth{Kind: sigv4.HeaderV4, Scope: sigv4.Scope{Date: "20130524", Region: "us-east-1", Service: "s3"},
		Date: exampleTime, Signature: "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"}
	c := a.ChunkSigner(exampleSecret)
	for _, chunk := range []struct {
		size      int
		signature string
	}{
		{65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"},
		{1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"},
		{0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"},
	} {
		sum := sha256.Sum256(bytes.Repeat([]byte("a"), chunk.size))
		if err := c.Chunk(sum[:], chunk.signature); err != nil {
			t.Fatalf("chunk of %d: %v", chunk.size, err)
		}
	}
	sum := sha256.Sum256(nil)
	if err := c.Chunk(sum[:], "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"); code(err) != "SignatureDoesNotMatch" {
		t.Errorf("a chunk twice: %v", err)
	}
}

// TestPublishedTrailer is the example with a trailing CRC32C.
func TestPublishedTrailer(t *testing.T) {
	a := sigv4.Auth{Kind: sigv4.HeaderV4, Scope: sigv4.Scope{Date: "20130524", Region: "us-east-1", Service: "s3"},
		Date: exampleTime, Signature: "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"}
	var body bytes.Buffer
	for _, c := range []struct {
		size int
		sig  string
	}{
		{65536, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"},
		{1024, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"},
	} {
		fmt.Fprintf(&body, "%x;chunk-signature=%s\r\n%s\r\n", c.size, c.sig, bytes.Repeat([]byte("a"), c.size))
	}
	body.WriteString("0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n" +
		"x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n")
	open := func(body []byte) error {
		r := httptest.NewRequest("PUT", "/k", bytes.NewReader(body))
		r.Header.Set("X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER")
		r.Header.Set("X-Amz-Decoded-Content-Length", "66560")
		r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32c")
		b, err := payload.Open(r, payload.Options{Verifier: a.ChunkSigner(exampleSecret)})
		if err != nil {
			return err
		}
		defer b.Close()
		_, err = io.Copy(io.Discard, b)
		return err
	}
	if err := open(body.Bytes()); err != nil {
		t.Error(err)
	}
	for name, change := range map[string][2]string{
		"data":              {"aaaa\r\n400", "aaab\r\n400"},
		"chunk signature":   {"1c1344b1", "1c1344b2"},
		"last signature":    {"2ca2aba2", "2ca2aba3"},
		"trailer signature": {"d81f82fc", "d81f82fd"},
	} {
		bad := bytes.Replace(body.Bytes(), []byte(change[0]), []byte(change[1]), 1)
		if err := open(bad); code(err) != "SignatureDoesNotMatch" {
			t.Errorf("other %s: %v", name, err)
		}
	}
	cut := body.Bytes()[:bytes.Index(body.Bytes(), []byte("x-amz-trailer-signature"))]
	if err := open(append(bytes.Clone(cut), "\r\n"...)); code(err) != "MalformedTrailerError" {
		t.Errorf("no trailer signature: %v", err)
	}
	unsigned := bytes.ReplaceAll(body.Bytes(), []byte(";chunk-signature="), []byte(";x="))
	if err := open(unsigned); code(err) != "SignatureDoesNotMatch" {
		t.Errorf("no chunk signatures: %v", err)
	}
}

// sent turns a client's request into the one a server sees.
func sent(t testing.TB, r *http.Request) *http.Request {
	t.Helper()
	s := httptest.NewRequest(r.Method, r.URL.RequestURI(), nil)
	s.Header = r.Header.Clone()
	s.Host = r.URL.Host
	if r.Host != "" {
		s.Host = r.Host
	}
	s.ContentLength = r.ContentLength
	return s
}

var oddKeys = []string{
	"plain", "with space", "plus+and&more", "ünï/cödé/日本語", "a//b", "dots/../x", "per%cent", "tilde~-_.", "semi;colon,comma",
	"quo'te\"(paren)*!", "hash#q?mark", "eq=ual:colon@at$dollar", "[brackets]{braces}|^`\\",
}

// TestAgainstSDK signs with aws-sdk-go-v2 and verifies with ours.
func TestAgainstSDK(t *testing.T) {
	signer := v4signer.NewSigner(func(o *v4signer.SignerOptions) { o.DisableURIPathEscaping = true })
	creds := aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "secret/+key"}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 500 {
		u := &url.URL{Scheme: "http", Host: "localhost:9878", Path: "/bucket/" + oddKeys[rng.IntN(len(oddKeys))]}
		u.RawPath = escapePath(u.Path)
		q := url.Values{}
		for range rng.IntN(4) {
			q.Add([]string{"prefix", "delimiter", "uploads", "x-id", "marker"}[rng.IntN(5)], oddKeys[rng.IntN(len(oddKeys))])
		}
		u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
		r := &http.Request{Method: []string{"GET", "PUT", "DELETE"}[rng.IntN(3)], URL: u, Header: http.Header{}, ContentLength: int64(rng.IntN(3))}
		if rng.IntN(2) == 0 {
			r.Header.Set("X-Amz-Meta-Odd", "  two   spaces\tand ümlaut ")
			r.Header.Set("Range", "bytes=0-1")
		}
		if i%2 == 0 {
			r.Header.Set("X-Amz-Content-Sha256", emptyHash)
			if err := signer.SignHTTP(context.Background(), creds, r, emptyHash, "s3", "eu-west-1", now); err != nil {
				t.Fatal(err)
			}
		} else {
			q.Set("X-Amz-Expires", "60")
			u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
			uri, extra, err := signer.PresignHTTP(context.Background(), creds, r, "UNSIGNED-PAYLOAD", "s3", "eu-west-1", now)
			if err != nil {
				t.Fatal(err)
			}
			if r.URL, err = url.Parse(uri); err != nil {
				t.Fatal(err)
			}
			r.Header = extra
		}
		s := sent(t, r)
		a, err := sigv4.Parse(s, now)
		if err != nil {
			t.Fatalf("%s %s: %v", r.Method, r.URL, err)
		}
		if err := a.Verify(s, creds.SecretAccessKey); err != nil {
			t.Fatalf("%s %s: %v", r.Method, r.URL, err)
		}
		mutate(t, s, a, creds.SecretAccessKey)
	}
}

// mutate checks that every change of what is signed is found.
func mutate(t *testing.T, r *http.Request, a sigv4.Auth, secret string) {
	t.Helper()
	changes := map[string]func(r *http.Request, a *sigv4.Auth){
		"method":    func(r *http.Request, _ *sigv4.Auth) { r.Method = "POST" },
		"path":      func(r *http.Request, _ *sigv4.Auth) { r.URL.Path += "x"; r.URL.RawPath = "" },
		"query":     func(r *http.Request, _ *sigv4.Auth) { r.URL.RawQuery += "&acl" },
		"host":      func(r *http.Request, _ *sigv4.Auth) { r.Host = "elsewhere" },
		"date":      func(_ *http.Request, a *sigv4.Auth) { a.Date = a.Date.Add(time.Second) },
		"region":    func(_ *http.Request, a *sigv4.Auth) { a.Scope.Region = "eu-west-2" },
		"hash":      func(_ *http.Request, a *sigv4.Auth) { a.PayloadHash = strings.Repeat("0", 64) },
		"signature": func(_ *http.Request, a *sigv4.Auth) { a.Signature = a.Signature[2:] + "00" },
		"no hex":    func(_ *http.Request, a *sigv4.Auth) { a.Signature = "zz" },
	}
	for name, change := range changes {
		r2, a2 := r.Clone(context.Background()), a
		change(r2, &a2)
		if err := a2.Verify(r2, secret); code(err) != "SignatureDoesNotMatch" {
			t.Errorf("%s %s with another %s: %v", r.Method, r.URL, name, err)
		}
	}
	extra := r.Clone(context.Background())
	extra.Header.Set("X-Amz-Copy-Source", "/other/secret")
	if err := a.Verify(extra, secret); code(err) != "AccessDenied" {
		t.Errorf("unsigned header: %v", err)
	}
}

func escapePath(p string) string {
	var b strings.Builder
	for i := range len(p) {
		c := p[i]
		if c == '/' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func TestHostMustBeSigned(t *testing.T) {
	r := request("/b/k", "Authorization", "AWS4-HMAC-SHA256 Credential="+credential+", SignedHeaders=x-amz-content-sha256;x-amz-date, Signature=abcd",
		"X-Amz-Date", amzDate, "X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	a, err := sigv4.Parse(r, now)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Verify(r, "s"); code(err) != "AccessDenied" {
		t.Errorf("got %v", err)
	}
}

func TestAnonymousAndAsymmetricDoNotVerify(t *testing.T) {
	r := request("/")
	if err := (sigv4.Auth{}).Verify(r, "s"); code(err) != "AccessDenied" {
		t.Errorf("anonymous: %v", err)
	}
	if err := (sigv4.Auth{Kind: sigv4.HeaderV4, Asymmetric: true}).Verify(r, "s"); code(err) != "NotImplemented" {
		t.Errorf("asymmetric: %v", err)
	}
}

// TestV2 checks AWS's published examples of version 2 and what clients vary.
func TestV2(t *testing.T) {
	tests := []struct {
		name, method, target, host, bucket, signature string
		headers                                       []string
	}{
		{"object get", "GET", "/photos/puppy.jpg", "awsexamplebucket1.us-west-1.s3.amazonaws.com", "awsexamplebucket1", "qgk2+6Sv9/oM7G3qLEjTH1a1l1g=",
			[]string{"Date", "Tue, 27 Mar 2007 19:36:42 +0000"}},
		{"object put", "PUT", "/photos/puppy.jpg", "awsexamplebucket1.s3.us-west-1.amazonaws.com", "awsexamplebucket1", "iqRzw+ileNPu1fhspnRs8nOjjIA=",
			[]string{"Content-Type", "image/jpeg", "Date", "Tue, 27 Mar 2007 21:15:45 +0000"}},
		{"list", "GET", "/?prefix=photos&max-keys=50&marker=puppy", "awsexamplebucket1.s3.us-west-1.amazonaws.com", "awsexamplebucket1", "m0WP8eCtspQl5Ahe6L1SozdX9YA=",
			[]string{"Date", "Tue, 27 Mar 2007 19:42:41 +0000"}},
		{"fetch acl", "GET", "/?acl", "awsexamplebucket1.s3.us-west-1.amazonaws.com", "awsexamplebucket1", "82ZHiFIjc+WbcwFKGUVEQspPn+0=",
			[]string{"Date", "Tue, 27 Mar 2007 19:44:46 +0000"}},
		{"list all buckets", "GET", "/", "s3.us-west-1.amazonaws.com", "", "qGdzdERIC03wnaRNKh6OqZehG9s=",
			[]string{"Date", "Wed, 28 Mar 2007 01:29:59 +0000"}},
		{"unicode keys", "GET", "/dictionary/fran%C3%A7ais/pr%c3%a9f%c3%a8re", "s3.us-west-1.amazonaws.com", "", "DNEZGsoieTZ92F3bUfSPQcbGmlM=",
			[]string{"Date", "Wed, 28 Mar 2007 01:49:49 +0000"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, tt.target, nil)
			r.Host = tt.host
			for i := 0; i < len(tt.headers); i += 2 {
				r.Header.Set(tt.headers[i], tt.headers[i+1])
			}
			r.Header.Set("Authorization", "AWS "+exampleKey+":"+tt.signature)
			a, err := sigv4.Parse(r, now)
			if err != nil {
				t.Fatal(err)
			}
			a.HostBucket = tt.bucket
			if err := a.Verify(r, exampleSecret); err != nil {
				t.Error(err)
			}
			r.Method = "DELETE"
			if err := a.Verify(r, exampleSecret); code(err) != "SignatureDoesNotMatch" {
				t.Errorf("other method: %v", err)
			}
		})
	}
}

func signV2(secret, s string) string {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(s))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func TestV2Forms(t *testing.T) {
	tests := []struct{ name, target, signed string }{
		{"path as sent", "/b/a%20b+c", "/b/a%20b+c"},
		{"path in canonical escapes", "/b/a(b)", "/b/a%28b%29"},
		{"bucket", "/bucket", "/bucket"},
		{"bucket with a slash nobody sent", "/bucket?delete", "/bucket/?delete"}, // botocore
		{"bucket with a slash", "/bucket/?acl", "/bucket/?acl"},
		{"uploads as sent", "/b/k?uploads=", "/b/k?uploads="},
		{"uploads without value", "/b/k?uploads=", "/b/k?uploads"},
		{"uploads bare", "/b/k?uploads", "/b/k?uploads"},
		{"sorted, decoded, selected", "/b/k?uploadId=a%2Fb&x-id=1&partNumber=2", "/b/k?partNumber=2&uploadId=a/b"},
		{"response headers", "/b/k?response-content-type=text%2Fplain", "/b/k?response-content-type=text/plain"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", tt.target, nil)
			r.Header.Set("Content-Md5", "md5")
			r.Header.Set("X-Amz-Date", "Mon, 23 Nov 2026 12:00:00 GMT")
			r.Header.Add("X-Amz-Meta-B", " one ")
			r.Header.Add("X-Amz-Meta-B", "two")
			s := "GET\nmd5\n\n\nx-amz-date:Mon, 23 Nov 2026 12:00:00 GMT\nx-amz-meta-b:one,two\n" + tt.signed
			r.Header.Set("Authorization", "AWS AKID:"+signV2("secret", s))
			a, err := sigv4.Parse(r, now)
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Verify(r, "secret"); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("query", func(t *testing.T) {
		sig := signV2("secret", "GET\n\n\n1795435300\n/b/k")
		r := httptest.NewRequest("GET", "/b/k?AWSAccessKeyId=AKID&Expires=1795435300&Signature="+url.QueryEscape(sig), nil)
		a, err := sigv4.Parse(r, now)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Verify(r, "secret"); err != nil {
			t.Error(err)
		}
		a.Signature = "!"
		if err := a.Verify(r, "secret"); code(err) != "SignatureDoesNotMatch" {
			t.Errorf("no base64: %v", err)
		}
	})
}

// Headers in the query of a version 2 URL are signed as headers; one that is added, in
// whatever form, is noticed.
func TestV2QueryHeaders(t *testing.T) {
	sig := url.QueryEscape(signV2("secret", "PUT\nmd5\ntext/plain\n1795435300\nx-amz-acl:private\nx-amz-meta-a:b;c\n/b/k"))
	base := "/b/k?AWSAccessKeyId=AKID&Expires=1795435300&Signature=" + sig
	good := "&x-amz-meta-a=b%3Bc&x-amz-acl=private&content-type=text%2Fplain&Content-MD5=md5"
	for _, tt := range []struct {
		name, more string
		header     []string
		want       string
	}{
		{"as signed", good, nil, ""},
		{"in headers as well", good, []string{"X-Amz-Acl", "private", "Content-Type", "text/plain"}, ""},
		{"all in headers", "", []string{"X-Amz-Acl", "private", "Content-Type", "text/plain", "Content-Md5", "md5", "X-Amz-Meta-A", "b;c"}, ""},
		{"another value", strings.Replace(good, "private", "public-read", 1), nil, "SignatureDoesNotMatch"},
		{"another header value", good, []string{"X-Amz-Acl", "public-read"}, "SignatureDoesNotMatch"},
		{"one more", good + "&x-amz-meta-b=1", nil, "SignatureDoesNotMatch"},
		{"one more with a semicolon", good + "&x-amz-meta-b=1;2", nil, "SignatureDoesNotMatch"},
		{"in another case", good + "&X-Amz-Acl=public-read", nil, "SignatureDoesNotMatch"},
		{"in another case, before", "&X-Amz-Acl=public-read" + good, nil, "SignatureDoesNotMatch"},
		{"twice", good + "&x-amz-acl=private", nil, "SignatureDoesNotMatch"},
		{"one less", strings.Replace(good, "&x-amz-acl=private", "", 1), nil, "SignatureDoesNotMatch"},
		{"another type", strings.Replace(good, "text%2Fplain", "text%2Fhtml", 1), nil, "SignatureDoesNotMatch"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := request(base+tt.more, tt.header...)
			r.Method = "PUT"
			a, err := sigv4.Parse(r, now)
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Verify(r, "secret"); code(err) != tt.want {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestHeadersThatNetHTTPMoves(t *testing.T) {
	signer := v4signer.NewSigner(func(o *v4signer.SignerOptions) { o.DisableURIPathEscaping = true })
	r := httptest.NewRequest("PUT", "http://localhost/b/k", strings.NewReader("hello"))
	r.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(make([]byte, 32)))
	if err := signer.SignHTTP(context.Background(), aws.Credentials{AccessKeyID: "A", SecretAccessKey: "S"}, r, hex.EncodeToString(make([]byte, 32)), "s3", "r", now); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(r.Header.Get("Authorization"), "content-length") {
		t.Fatal("content-length is not signed")
	}
	a, err := sigv4.Parse(r, now)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Verify(r, "S"); err != nil {
		t.Error(err)
	}
}
