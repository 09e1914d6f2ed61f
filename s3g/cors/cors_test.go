package cors_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/s3g/cors"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

func configuration(rules ...string) []byte {
	return []byte("<CORSConfiguration><CORSRule>" + strings.Join(rules, "</CORSRule><CORSRule>") + "</CORSRule></CORSConfiguration>")
}

const anyGet = "<AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>"

func TestParse(t *testing.T) {
	many := make([]string, 101)
	for i := range many {
		many[i] = anyGet
	}
	for _, tc := range []struct {
		name string
		doc  []byte
		want *s3err.Error
	}{
		{"least", configuration(anyGet), nil},
		{"most", configuration(many[:100]...), nil},
		{"too many", configuration(many...), s3err.InvalidRequest},
		{"no rules", []byte("<CORSConfiguration/>"), s3err.MalformedXML},
		{"other root", []byte("<Cors/>"), s3err.MalformedXML},
		{"nothing", nil, s3err.MalformedXML},
		{"no method", configuration("<AllowedOrigin>*</AllowedOrigin>"), s3err.MalformedXML},
		{"no origin", configuration("<AllowedMethod>GET</AllowedMethod>"), s3err.MalformedXML},
		{"unknown method", configuration("<AllowedOrigin>*</AllowedOrigin><AllowedMethod>PATCH</AllowedMethod>"), s3err.InvalidRequest},
		{"method in lower case", configuration("<AllowedOrigin>*</AllowedOrigin><AllowedMethod>get</AllowedMethod>"), s3err.InvalidRequest},
		{"two stars in an origin", configuration("<AllowedOrigin>http://*.*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>"), s3err.InvalidRequest},
		{"two stars in a header", configuration(anyGet + "<AllowedHeader>x-*-*</AllowedHeader>"), s3err.InvalidRequest},
		{"star in an exposed header", configuration(anyGet + "<ExposeHeader>x-amz-*</ExposeHeader>"), s3err.InvalidRequest},
		{"long id", configuration(anyGet + "<ID>" + strings.Repeat("i", 256) + "</ID>"), s3err.MalformedXML},
		{"negative age", configuration(anyGet + "<MaxAgeSeconds>-1</MaxAgeSeconds>"), s3err.MalformedXML},
		{"age that is no number", configuration(anyGet + "<MaxAgeSeconds>x</MaxAgeSeconds>"), s3err.MalformedXML},
	} {
		rules, err := cors.Parse(tc.doc)
		switch {
		case tc.want == nil && err != nil:
			t.Errorf("%s: %v", tc.name, err)
		case tc.want != nil && !errors.Is(err, tc.want):
			t.Errorf("%s: %v, want %s", tc.name, err, tc.want.Code)
		}
		if err != nil {
			continue
		}
		if again, err := cors.Parse(rules.Marshal()); err != nil || fmt.Sprint(again) != fmt.Sprint(rules) {
			t.Errorf("%s: written and read: %v %v", tc.name, again, err)
		}
	}
}

func TestAnswer(t *testing.T) {
	rules, err := cors.Parse(configuration(
		"<AllowedOrigin>https://www.example.com</AllowedOrigin><AllowedMethod>PUT</AllowedMethod><AllowedMethod>POST</AllowedMethod><AllowedHeader>x-amz-*</AllowedHeader><AllowedHeader>Content-Type</AllowedHeader><ExposeHeader>ETag</ExposeHeader><ExposeHeader>x-amz-request-id</ExposeHeader><MaxAgeSeconds>3000</MaxAgeSeconds>",
		"<AllowedOrigin>start*end</AllowedOrigin><AllowedOrigin>*suffix</AllowedOrigin><AllowedMethod>GET</AllowedMethod>",
		"<AllowedOrigin>*</AllowedOrigin><AllowedMethod>HEAD</AllowedMethod><AllowedHeader>*</AllowedHeader>",
	))
	if err != nil {
		t.Fatal(err)
	}
	const www = "https://www.example.com"
	for _, tc := range []struct {
		origin, method, headers string
		want                    string // Allow-Origin|Methods|Credentials|Headers|Expose|Max-Age; "" refused
	}{
		{www, "PUT", "", www + "|PUT, POST|true||ETag, x-amz-request-id|3000"},
		{www, "POST", "X-Amz-Date, content-TYPE", www + "|PUT, POST|true|x-amz-date, content-type|ETag, x-amz-request-id|3000"},
		{www, "PUT", "x-amz-", www + "|PUT, POST|true|x-amz-|ETag, x-amz-request-id|3000"},
		{www, "PUT", "x-amz-date, authorization", ""},
		{www, "GET", "", ""},
		{www, "put", "", ""},
		{"https://WWW.example.com", "PUT", "", ""},
		{"http://www.example.com", "PUT", "", ""},
		{"startend", "GET", "", "startend|GET|true|||"},
		{"start.1.end", "GET", "", "start.1.end|GET|true|||"},
		{"starten", "GET", "", ""},
		{"0startend", "GET", "", ""},
		{"http://a.suffix", "GET", "", "http://a.suffix|GET|true|||"},
		{"startend", "GET", "x", ""},
		{"anything", "HEAD", "x, Y", "*|HEAD||x, y||"},
		{"startend", "HEAD", "", "*|HEAD||||"},
		{"anything", "DELETE", "", ""},
	} {
		h := http.Header{}
		q := cors.Request{Origin: tc.origin, Method: tc.method}
		if tc.headers != "" {
			q.Headers = strings.Split(tc.headers, ", ")
		}
		ok, got := rules.Answer(q, h), ""
		if len(h) > 0 {
			var values []string
			for _, name := range []string{"Origin", "Methods", "Credentials", "Headers"} {
				values = append(values, h.Get("Access-Control-Allow-"+name))
			}
			got = strings.Join(append(values, h.Get("Access-Control-Expose-Headers"), h.Get("Access-Control-Max-Age")), "|")
		}
		if got != tc.want || ok != (tc.want != "") {
			t.Errorf("%s %s %s: %v %q, want %q", tc.method, tc.origin, tc.headers, ok, got, tc.want)
		}
	}
}

// What Parse takes can be written, read again and asked.
func FuzzParse(f *testing.F) {
	f.Add(configuration(anyGet+"<AllowedHeader>*</AllowedHeader><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>1</MaxAgeSeconds><ID>x</ID>"), "http://a")
	f.Fuzz(func(t *testing.T, doc []byte, origin string) {
		rules, err := cors.Parse(doc)
		if err != nil {
			return
		}
		again, err := cors.Parse(rules.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		q := cors.Request{Origin: origin, Method: "GET", Headers: []string{origin}}
		if a, b := rules.Answer(q, http.Header{}), again.Answer(q, http.Header{}); a != b {
			t.Fatalf("%v before, %v after", a, b)
		}
	})
}
