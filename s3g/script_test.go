package s3g_test

import (
	"crypto/md5"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// step is a request of a script and what its answer must be.
type step struct {
	do     string   // "PUT /bucket/key?query"; $NAME is replaced by what was kept
	header []string // name, value, …
	body   string
	status int
	has    []string // text in the body: a code as "Code>NoSuchKey<"
	told   []string // header, value, …; a value "" is a header that must not be there
	keep   string   // NAME=Header: the answer's header is kept as $NAME
}

// script runs steps against a gateway, in order. All requests carry a digest of their
// body, for some operations want one.
func script(t *testing.T, url string, steps []step) {
	t.Helper()
	kept := strings.NewReplacer()
	var pairs []string
	for i, s := range steps {
		do, body := kept.Replace(s.do), kept.Replace(s.body)
		var header []string
		for _, h := range s.header {
			header = append(header, kept.Replace(h))
		}
		if body != "" {
			header = append(header, "Content-MD5", digestOf(body))
		}
		method, path, _ := strings.Cut(do, " ")
		status, h, got := ask(t, method, url+path, body, header...)
		s.check(t, i, do, kept, status, h, got)
		if name, from, ok := strings.Cut(s.keep, "="); ok {
			if h.Get(from) == "" {
				t.Fatalf("%d %s: no %s in %v", i, do, from, h)
			}
			pairs = append(pairs, "$"+name, h.Get(from))
			kept = strings.NewReplacer(pairs...)
		}
	}
}

func (s step) check(t *testing.T, i int, do string, kept *strings.Replacer, status int, h http.Header, got string) {
	t.Helper()
	if status != s.status {
		t.Errorf("%d %s: %d, want %d: %s", i, do, status, s.status, got)
	}
	rest := got
	for _, want := range s.has {
		want = kept.Replace(want)
		_, after, ok := strings.Cut(rest, want)
		if !ok {
			t.Errorf("%d %s: no %s, in order, in %s", i, do, want, got)
			continue
		}
		rest = after
	}
	for j := 0; j+1 < len(s.told); j += 2 {
		if have, want := h.Get(s.told[j]), kept.Replace(s.told[j+1]); have != want {
			t.Errorf("%d %s: %s is %q, want %q", i, do, s.told[j], have, want)
		}
	}
}

func digestOf(body string) string {
	sum := md5.Sum([]byte(body))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// code is how a code of AWS stands in an error document.
func code(c string) []string { return []string{"<Code>" + c + "</Code>"} }

// createUpload starts an upload of the object at url and returns its id.
func createUpload(t *testing.T, url string, header ...string) string {
	t.Helper()
	status, _, body := ask(t, "POST", url+"?uploads", "", header...)
	_, id, _ := strings.Cut(body, "<UploadId>")
	id, _, ok := strings.Cut(id, "</UploadId>")
	if status != 200 || !ok {
		t.Fatalf("%d %s", status, body)
	}
	return id
}

// putPart stores a part and returns its ETag.
func putPart(t *testing.T, url, id string, number int, body string) string {
	t.Helper()
	status, h, answer := ask(t, "PUT", url+"?partNumber="+strconv.Itoa(number)+"&uploadId="+id, body)
	if status != 200 {
		t.Fatalf("%d %s", status, answer)
	}
	return h.Get("ETag")
}

// completeDoc is the document of an upload of one part.
func completeDoc(etag string) string {
	return "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + etag + "</ETag></Part></CompleteMultipartUpload>"
}
