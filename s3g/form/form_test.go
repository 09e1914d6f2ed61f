package form_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/s3g/form"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

const boundary = "xyz"

func fields(pairs ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		b.WriteString("--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + pairs[i] + "\"\r\n\r\n" + pairs[i+1] + "\r\n")
	}
	return b.String()
}

func file(name, content string) string {
	return "--" + boundary + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + name + "\"\r\nContent-Type: text/plain\r\n\r\n" + content + "\r\n"
}

// request posts the parts of a form and ends it.
func request(parts string) *http.Request {
	r := httptest.NewRequest("POST", "/bucket", strings.NewReader(parts+"--"+boundary+"--\r\n"))
	r.Header.Set("Content-Type", "multipart/form-data; boundary="+boundary)
	return r
}

func TestRead(t *testing.T) {
	for _, tc := range []struct {
		name, parts string
		key, body   string
		err         *s3err.Error
	}{
		{"plain", fields("key", "k") + file("f.txt", "bytes"), "k", "bytes", nil},
		{"empty file", fields("key", "k") + file("f.txt", ""), "k", "", nil},
		{"name of the file", fields("KEY", "up/${filename}.${filename}") + file("f.txt", "x"), "up/f.txt.f.txt", "x", nil},
		{"a path of Windows", fields("key", "${filename}") + file(`C:\My Documents\f.txt`, "x"), "f.txt", "x", nil},
		{"a path of Unix", fields("key", "${filename}") + file(`/home/me/f.txt`, "x"), "f.txt", "x", nil},
		{"a file without name", fields("key", "a${filename}") + "--xyz\r\nContent-Disposition: form-data; name=file\r\n\r\nx\r\n", "a", "x", nil},
		{"fields behind the file", file("f.txt", "x") + fields("key", "k"), "", "x", nil},
		{"lines like boundaries", fields("key", "k") + file("f", "--xy\r\n--xyzz\r\n-"), "k", "--xy\r\n--xyzz\r\n-", nil},
		{"large file", fields("key", "k") + file("f", strings.Repeat("x", 1<<20)), "k", strings.Repeat("x", 1<<20), nil},
		{"fields that just fit", fields("key", strings.Repeat("k", 20<<10-3)) + file("f", "x"), strings.Repeat("k", 20<<10-3), "x", nil},
		{"no file", fields("key", "k"), "", "", s3err.InvalidArgument},
		{"fields too large", fields("key", strings.Repeat("k", 20<<10-2)) + file("f", "x"), "", "", s3err.MaxPostPreDataLengthExceededError},
		{"fields far too large", fields("key", strings.Repeat("k", 1<<20)) + file("f", "x"), "", "", s3err.MaxPostPreDataLengthExceededError},
		{"heads too large", "--xyz\r\nContent-Disposition: form-data; name=a\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n\r\n" + file("f", "x"), "", "", s3err.MaxPostPreDataLengthExceededError},
		{"an ignored field twice", strings.Repeat(fields("x-ignore-", ""), 2) + file("f", "x"), "", "", s3err.InvalidArgument},
		{"a field twice", fields("key", "k", "Key", "l") + file("f", "x"), "", "", s3err.InvalidArgument},
		{"a field without name", "--xyz\r\nContent-Disposition: form-data\r\n\r\nx\r\n" + file("f", "x"), "", "", s3err.MalformedPOSTRequest},
		{"a part that is none", "--xyz\r\n\r\nx\r\n" + file("f", "x"), "", "", s3err.MalformedPOSTRequest},
		{"nothing of a form", "hello", "", "", s3err.MalformedPOSTRequest},
	} {
		f, err := form.Read(request(tc.parts))
		if tc.err != nil || err != nil {
			if tc.err == nil || !errors.Is(err, tc.err) {
				t.Errorf("%s: %v, want %v", tc.name, err, tc.err)
			}
			continue
		}
		body, err := io.ReadAll(f.File)
		if err != nil || string(body) != tc.body || f.Value("Key") != tc.key {
			t.Errorf("%s: key %.40q, body %.40q, %v", tc.name, f.Value("key"), body, err)
		}
	}
}

// A file that the form's end does not follow is not a file.
func TestTornFile(t *testing.T) {
	r := request(fields("key", "k"))
	r.Body = io.NopCloser(strings.NewReader(strings.TrimSuffix(fields("key", "k")+file("f", "half"), "\r\n")))
	f, err := form.Read(r)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(f.File); err == nil {
		t.Errorf("%q ends cleanly", body)
	}
}

func TestContentType(t *testing.T) {
	for kind, want := range map[string]*s3err.Error{
		"": s3err.PreconditionFailed, "application/x-www-form-urlencoded": s3err.PreconditionFailed,
		"multipart/form-data": s3err.MalformedPOSTRequest, "multipart/form-data; boundary=": s3err.MalformedPOSTRequest,
		"Multipart/Form-Data; charset=utf-8; boundary=\"xyz\"": nil,
	} {
		r := request(file("f", "x"))
		r.Header.Set("Content-Type", kind)
		_, err := form.Read(r)
		if want == nil && err != nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", kind, err, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(fields("key", "k${filename}", "acl", "private") + file("a\\b", "x"))
	f.Fuzz(func(t *testing.T, parts string) {
		read, err := form.Read(request(parts))
		if err != nil {
			var known *s3err.Error
			if !errors.As(err, &known) {
				t.Fatal(err)
			}
			return
		}
		_, _ = io.Copy(io.Discard, read.File)
	})
}
