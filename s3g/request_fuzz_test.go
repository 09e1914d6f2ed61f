package s3g

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// Conditions of reads decide one of three things; those of writes are one or refused.
func FuzzConditions(f *testing.F) {
	for _, seed := range []string{`"a"`, `W/"a"`, "*", `"a", "b"`, "", `"`, ",,", "Mon, 02 Jan 2006 15:04:05 GMT", "Monday, 02-Jan-06 15:04:05 GMT", "\xff", `"a` + "\x00"} {
		f.Add(seed, seed, seed, seed)
	}
	f.Fuzz(func(t *testing.T, match, none, modified, unmodified string) {
		h := http.Header{}
		for name, v := range map[string]string{"If-Match": match, "If-None-Match": none, "If-Modified-Since": modified, "If-Unmodified-Since": unmodified} {
			if v != "" {
				h[name] = []string{v}
				h["X-Amz-Copy-Source-"+name] = []string{v}
			}
		}
		o := &client.Object{Modified: time.Unix(1e9, 0), ETag: "a"}
		if err := readConditions(h, o, time.Unix(2e9, 0)); err == nil && none != "" && matchesAny(etags([]string{none}), o.ETag) {
			t.Errorf("If-None-Match %q let %q through", none, o.ETag)
		}
		c, err := writeCondition(h)
		if err == nil && match != "" && none != "" {
			t.Errorf("both were taken: %q %q %v", match, none, c)
		}
		for _, tag := range append(etags(h["If-Match"]), copySourceCondition(h, time.Now()).IfMatch...) {
			if tag == "" {
				t.Errorf("an empty tag of %q", match)
			}
		}
	})
}

// A query is refused or decodes to what encodes to the same again.
func FuzzParseQuery(f *testing.F) {
	for _, seed := range []string{"", "a=1&b", "prefix=a+b%20c", "%zz", "a;b=1", "&&", "=", "%00=%ff", "versionId=null&acl", "X-Amz-Meta-A=%0D%0A"} {
		f.Add(seed)
	}
	g := stub(f)
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := parseQuery(raw)
		if err != nil {
			return
		}
		again, err := parseQuery(q.Encode())
		if err != nil || again.Encode() != q.Encode() {
			t.Errorf("%q: %v, then %v %v", raw, q, again, err)
		}
		_, _ = g.selector(q)
		_ = checkVersion(q.Get("versionId"))
	})
}

// Whatever is asked, the gateway answers: no panic, a status, a request id.
func FuzzRequest(f *testing.F) {
	for _, seed := range []struct{ method, path, query, name, value string }{
		{"GET", "/bucket/key", "versionId=null", "Range", "bytes=0-4"}, {"PUT", "/bucket/key", "", "X-Amz-Copy-Source", "bucket/key?versionId=x"},
		{"PUT", "/bucket", "acl", "X-Amz-Grant-Read", `id="a", uri="b"`}, {"POST", "/bucket", "delete", "Content-Md5", "x"},
		{"GET", "/", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/b", "Authorization", "AWS a:b"}, {"OPTIONS", "/bucket/key", "", "Origin", "http://a"},
		{"PUT", "/bucket/key", "partNumber=1&uploadId=x", "X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"},
		{"PUT", "/bucket/key", "", "X-Amz-Server-Side-Encryption-Customer-Key", "AAAA"}, {"GET", "//%2e%2e/%00", "a=%zz", "Host", "[::1"},
	} {
		f.Add(seed.method, seed.path, seed.query, seed.name, seed.value)
	}
	g := stub(f)
	f.Fuzz(func(t *testing.T, method, path, query, name, value string) {
		if !headerName(method) || !headerName(name) || strings.ContainsAny(path+query, " \x00\n\r\t#?") || !strings.HasPrefix(path, "/") {
			return // net/http lets none of these through
		}
		r, err := http.NewRequest(method, "http://localhost"+path+"?"+query, strings.NewReader("body"))
		if err != nil {
			return
		}
		r.Header.Set(name, value)
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		if w.Code < 200 || w.Code > 599 || w.Code == http.StatusInternalServerError || w.Header().Get("X-Amz-Request-Id") == "" {
			t.Errorf("%s %s?%s %s: %s: %d %s", method, path, query, name, value, w.Code, w.Body)
		}
	})
}

// nobody knows no users.
type nobody struct{}

func (nobody) Secret(context.Context, string) (string, error) {
	return "", ozerr.New(ozerr.UserNotFound, "")
}

func (nobody) GetUser(context.Context, client.UserQuery) (client.User, error) {
	return client.User{}, ozerr.New(ozerr.UserNotFound, "")
}

// Grants of headers are read or refused, and those that are read name somebody.
func FuzzGrants(f *testing.F) {
	for _, seed := range []string{`id="a"`, `uri="http://acs.amazonaws.com/groups/global/AllUsers", id=b`, "emailAddress=a@b", "id", `id="`, ",", "id=,id=", "private", "\xff"} {
		f.Add(seed, seed)
	}
	g := stub(f)
	g.users = nobody{}
	f.Fuzz(func(t *testing.T, grant, canned string) {
		r := &request{Request: httptest.NewRequest(http.MethodPut, "/bucket/key", nil), Bucket: "bucket", Key: "key"}
		r.Header["X-Amz-Grant-Read"] = []string{grant}
		if canned != "" {
			r.Header["X-Amz-Acl"] = []string{canned}
		}
		acl, err := g.headerACL(r, bucketACL)
		if err != nil || acl == nil {
			return
		}
		for _, one := range acl.Grants {
			if one.Permission == "" {
				t.Errorf("%q grants nothing: %+v", grant, one)
			}
		}
	})
}
