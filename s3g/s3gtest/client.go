// Package s3gtest is a conformance suite of S3: cases named Group/Operation/case,
// written from AWS's documentation, that run against any endpoint (Run), open or secure:
// one process, a cluster of containers, anybody's. Requests are raw HTTP, signed here
// (Signer), so that status, code, headers and XML can be checked as they are. Where we
// knowingly answer otherwise than AWS a case says why (Case.Differs). Among them are the
// cases of Apache Ozone's own suite (Smoketest) and what real clients were seen to do.
package s3gtest

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// User is who signs.
type User struct{ AccessKey, SecretKey string }

// Target is the endpoint under test.
type Target struct {
	URL               string // http://host:port
	AccessKey         string // "" is anonymous
	SecretKey         string
	Other             User // another user, who owns nothing of the first's; any in open mode
	Secure            bool // signatures are verified and rights enforced
	RecreateConflict  bool // creating one's own bucket again is 409
	UploadsKeepBucket bool // a bucket with open uploads is BucketNotEmpty
	Has               Need // what the target has of what cases may need
}

func (tg Target) mode() Mode {
	switch {
	case tg.Secure:
		return Secure
	case tg.AccessKey == "":
		return Anonymous
	}
	return Open
}

// Client sends requests to a Target and fails the test when there is no answer.
type Client struct {
	t  testing.TB
	tg Target
	hc *http.Client
}

// NewClient returns a client with connections of its own, closed with the test.
func NewClient(t testing.TB, tg Target) *Client { return &Client{t: t, tg: tg, hc: newHTTP(t, tg)} }

func newHTTP(t testing.TB, tg Target) *http.Client {
	tr := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 8, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // certificates of test servers
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{
		Transport: tr, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// as is a client of another caller.
func (c *Client) as(accessKey string) *Client {
	other := *c
	other.tg.AccessKey = accessKey
	return &other
}

// anonymous is a client that signs nothing.
func (c *Client) anonymous() *Client { return c.as("") }

// other is a client of the other user.
func (c *Client) other() *Client {
	o := c.as(c.tg.Other.AccessKey)
	o.tg.SecretKey = c.tg.Other.SecretKey
	return o
}

// signer signs as this client.
func (c *Client) signer() Signer { return Signer{AccessKey: c.tg.AccessKey, Secret: c.tg.SecretKey} }

// with is the same client that reports to another test.
func (c *Client) with(t testing.TB) *Client {
	other := *c
	other.t = t
	return &other
}

// Answer is a response, its body read.
type Answer struct {
	Status int
	Header http.Header
	Body   string
	Err    error // of reading the body: a broken connection
}

// Code is the <Code> of an error document.
func (a Answer) Code() string {
	var e struct{ Code string }
	_ = xml.Unmarshal([]byte(a.Body), &e) // no document, no code
	return e.Code
}

// decode parses the body as XML.
func (a Answer) decode(t testing.TB, v any) {
	t.Helper()
	if err := xml.Unmarshal([]byte(a.Body), v); err != nil {
		t.Fatalf("answer is not the XML expected: %v\n%s", err, a.Body)
	}
}

// do sends a request; header is name, value, name, value….
func (c *Client) do(method, path, body string, header ...string) Answer {
	c.t.Helper()
	req := c.request(method, path, body, header...)
	c.sign(req, body)
	return c.send(req)
}

// sign adds a version 4 signature unless the client is anonymous.
func (c *Client) sign(req *http.Request, body string) {
	if c.tg.AccessKey == "" || req.Header.Get("Authorization") != "" {
		return
	}
	hash := req.Header.Get("X-Amz-Content-Sha256")
	if hash == "" {
		hash = hashOf(body)
	}
	c.signer().Header(req, hash)
}

// request is a request that is not signed yet.
func (c *Client) request(method, path, body string, header ...string) *http.Request {
	c.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, c.tg.URL+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
			continue
		}
		req.Header.Add(header[i], header[i+1])
	}
	return req
}

// presign returns a URL that is good for a while.
func (c *Client) presign(method, path string, valid time.Duration, signedAt time.Time) string {
	c.t.Helper()
	req := c.request(method, path, "")
	s := c.signer()
	if s.AccessKey == "" {
		s = Signer{AccessKey: "presigner", Secret: "secret"}
	}
	s.Time = signedAt
	s.Presign(req, fmt.Sprint(int(valid.Seconds())))
	return req.URL.String()
}

func (c *Client) send(req *http.Request) Answer {
	c.t.Helper()
	resp, err := c.hc.Do(req)
	if err != nil {
		c.t.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return Answer{resp.StatusCode, resp.Header, string(body), err}
}

// ok sends a request that must succeed.
func (c *Client) ok(method, path, body string, header ...string) Answer {
	c.t.Helper()
	a := c.do(method, path, body, header...)
	if a.Status/100 != 2 || a.Err != nil {
		c.t.Fatalf("%s %s: %d %s %v", method, path, a.Status, a.Body, a.Err)
	}
	return a
}

// fails sends a request that must fail with this status and code. HEAD has no
// body, so no code.
func (c *Client) fails(status int, code, method, path, body string, header ...string) Answer {
	c.t.Helper()
	a := c.do(method, path, body, header...)
	if a.Status != status || method != http.MethodHead && a.Code() != code {
		c.t.Fatalf("%s %s: %d %s, want %d %s\n%s", method, path, a.Status, a.Code(), status, code, a.Body)
	}
	if method == http.MethodHead && a.Body != "" {
		c.t.Fatalf("HEAD %s has a body: %q", path, a.Body)
	}
	if a.Header.Get("X-Amz-Request-Id") == "" {
		c.t.Fatalf("%s %s: no request id", method, path)
	}
	return a
}

// bucket makes a bucket that is emptied and removed with the test.
func (c *Client) bucket() string {
	c.t.Helper()
	name := "b-" + strings.ToLower(rand.Text()[:20])
	c.ok("PUT", "/"+name, "")
	t, own := c.t, *c
	t.Cleanup(func() { own.drop(name) })
	return name
}

// drop removes a bucket and what is in it, as far as locks let it.
func (c *Client) drop(bucket string) {
	for range 100 {
		var p page
		a := c.do("GET", "/"+bucket+"?list-type=2", "")
		if a.Status != http.StatusOK {
			return
		}
		a.decode(c.t, &p)
		for _, o := range p.Contents {
			c.do("DELETE", "/"+bucket+"/"+escapeKey(o.Key), "")
		}
		if !p.IsTruncated {
			break
		}
	}
	var all versionsPage
	if a := c.do("GET", "/"+bucket+"?versions", ""); a.Status == http.StatusOK {
		a.decode(c.t, &all)
		for _, v := range append(all.Version, all.DeleteMarker...) {
			c.do("DELETE", "/"+bucket+"/"+escapeKey(v.Key)+"?versionId="+v.VersionId, "", "X-Amz-Bypass-Governance-Retention", "true")
		}
	}
	c.do("DELETE", "/"+bucket, "")
}

// page is a listing of either version.
type page struct {
	Name, Prefix, Marker, NextMarker, Delimiter, EncodingType, StartAfter string

	ContinuationToken     *string
	NextContinuationToken string
	KeyCount, MaxKeys     int
	IsTruncated           bool
	Contents              []struct {
		Key, ETag, StorageClass, LastModified string
		Size                                  int64
		Owner                                 *struct{ ID, DisplayName string }
	}
	CommonPrefixes []struct{ Prefix string }
}

// list gets a page of version 2, or of version 1 when query says so.
func (c *Client) list(bucket, query string) page {
	c.t.Helper()
	var p page
	c.ok("GET", "/"+bucket+"?"+strings.TrimPrefix(query+"&list-type=2", "&"), "").decode(c.t, &p)
	return p
}

// listV1 gets a page of version 1.
func (c *Client) listV1(bucket, query string) page {
	c.t.Helper()
	a := c.ok("GET", "/"+bucket+"?"+query, "")
	if !strings.Contains(a.Body, "<IsTruncated>") { // goofys dies without it
		c.t.Fatalf("listing without IsTruncated: %s", a.Body)
	}
	var p page
	a.decode(c.t, &p)
	return p
}

// keys and prefixes are the names on a page, joined by spaces.
func (p page) keys() string {
	var out []string
	for _, o := range p.Contents {
		out = append(out, o.Key)
	}
	return strings.Join(out, " ")
}

func (p page) prefixes() string {
	var out []string
	for _, o := range p.CommonPrefixes {
		out = append(out, o.Prefix)
	}
	return strings.Join(out, " ")
}

// escapeKey escapes a key for a path; slashes stay.
func escapeKey(key string) string {
	const keep = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~/"
	var b strings.Builder
	for i := range len(key) {
		if strings.IndexByte(keep, key[i]) >= 0 {
			b.WriteByte(key[i])
			continue
		}
		fmt.Fprintf(&b, "%%%02X", key[i])
	}
	return b.String()
}

// quotedMD5 is the ETag of a single PUT.
func quotedMD5(body string) string { return fmt.Sprintf("%q", hex.EncodeToString(sumMD5(body))) }

// contentMD5 is the Content-MD5 of body.
func contentMD5(body string) string { return base64.StdEncoding.EncodeToString(sumMD5(body)) }

func sumMD5(body string) []byte {
	sum := md5.Sum([]byte(body))
	return sum[:]
}

// same fails the test when got is not want.
func same[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// deleteDoc is the document of DeleteObjects.
func deleteDoc(quiet bool, keys ...string) string {
	var b bytes.Buffer
	b.WriteString("<Delete>")
	for _, k := range keys {
		b.WriteString("<Object><Key>")
		_ = xml.EscapeText(&b, []byte(k))
		b.WriteString("</Key></Object>")
	}
	fmt.Fprintf(&b, "<Quiet>%t</Quiet></Delete>", quiet)
	return b.String()
}

// deleteAll is DeleteObjects.
func (c *Client) deleteAll(bucket string, quiet bool, keys ...string) Answer {
	c.t.Helper()
	doc := deleteDoc(quiet, keys...)
	return c.ok("POST", "/"+bucket+"?delete=", doc, "Content-MD5", contentMD5(doc))
}
