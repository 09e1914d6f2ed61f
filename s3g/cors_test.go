package s3g_test

import (
	"strings"
	"testing"
)

const corsRules = `<CORSConfiguration><CORSRule><AllowedOrigin>http://*.example.com</AllowedOrigin><AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod><AllowedHeader>x-amz-*</AllowedHeader><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>300</MaxAgeSeconds></CORSRule></CORSConfiguration>`

func TestBucketCors(t *testing.T) {
	_, url := serve(t, nil)
	ask(t, "PUT", url+"/bucket", "")
	for _, step := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/bucket?cors", "", 404, "<Code>NoSuchCORSConfiguration</Code>"},
		{"DELETE", "/bucket?cors", "", 204, ""},
		{"PUT", "/bucket?cors", "<CORSConfiguration/>", 400, "<Code>MalformedXML</Code>"},
		{"PUT", "/bucket?cors", strings.Replace(corsRules, "PUT", "PATCH", 1), 400, "<Message>Found unsupported HTTP method in CORS config. Unsupported method is PATCH</Message>"},
		{"PUT", "/bucket?cors", corsRules + strings.Repeat(" ", 64<<10), 400, "<Code>MalformedXML</Code>"},
		{"GET", "/bucket?cors", "", 404, "NoSuchCORSConfiguration"},
		{"PUT", "/bucket?cors", corsRules, 200, ""},
		{"GET", "/bucket?cors", "", 200, `<CORSConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><CORSRule><AllowedHeader>x-amz-*</AllowedHeader><AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod><AllowedOrigin>http://*.example.com</AllowedOrigin><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>300</MaxAgeSeconds></CORSRule></CORSConfiguration>`},
		{"DELETE", "/bucket?cors", "", 204, ""},
		{"GET", "/bucket?cors", "", 404, "NoSuchCORSConfiguration"},
		{"GET", "/absent?cors", "", 404, "NoSuchBucket"},
		{"PUT", "/absent?cors", corsRules, 404, "NoSuchBucket"},
		{"DELETE", "/absent?cors", "", 404, "NoSuchBucket"},
	} {
		status, _, body := ask(t, step.method, url+step.path, step.body)
		if status != step.status || !strings.Contains(body, step.want) {
			t.Errorf("%s %s: %d %s, want %d %s", step.method, step.path, status, body, step.status, step.want)
		}
	}
	status, _, body := ask(t, "PUT", url+"/bucket?cors", corsRules, "Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg==")
	if status != 400 || !strings.Contains(body, "BadDigest") {
		t.Errorf("a wrong digest: %d %s", status, body)
	}
}

func TestPreflight(t *testing.T) {
	_, url := serve(t, nil)
	ask(t, "PUT", url+"/bucket", "")
	ask(t, "PUT", url+"/closed", "")
	ask(t, "PUT", url+"/bucket?cors", corsRules)
	const origin, method, names = "Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"
	for _, tc := range []struct {
		path   string
		header []string
		status int
		want   string
	}{
		{"/bucket", nil, 400, "<Code>BadRequest</Code>"},
		{"/bucket", []string{method, "GET"}, 400, "Origin request header needed"},
		{"/bucket", []string{origin, "http://a.example.com"}, 400, "<Code>BadRequest</Code>"},
		{"/bucket", []string{origin, "http://a.example.com", method, "BREW"}, 400, "Invalid Access-Control-Request-Method: BREW"},
		{"/absent", []string{origin, "http://a.example.com", method, "GET"}, 404, "NoSuchBucket"},
		{"/closed", []string{origin, "http://a.example.com", method, "GET"}, 403, "<Message>CORSResponse: CORS is not enabled for this bucket.</Message><Method>GET</Method><ResourceType>BUCKET</ResourceType>"},
		{"/", []string{origin, "http://a.example.com", method, "GET"}, 403, "AccessForbidden"},
		{"/bucket/k", []string{origin, "http://a.example.org", method, "GET"}, 403, "<Method>GET</Method><ResourceType>OBJECT</ResourceType>"},
		{"/bucket/k", []string{origin, "http://a.example.com", method, "DELETE"}, 403, "<Code>AccessForbidden</Code>"},
		{"/bucket/k", []string{origin, "http://a.example.com", method, "PUT", names, "authorization"}, 403, "AccessForbidden"},
		{"/bucket/k", []string{origin, "http://a.example.com", method, "PUT", names, "X-Amz-Date,x-amz-acl"}, 200, ""},
		{"/bucket/k?uploadId=u&partNumber=1&versionId=", []string{origin, "http://a.example.com", method, "PUT"}, 200, ""},
		{"/bucket/k?X-Amz-Algorithm=x&X-Amz-Signature=y", []string{origin, "http://a.example.com", method, "PUT"}, 200, ""},
		{"/bucket", []string{origin, "http://a.example.com", method, "GET", "Authorization", "nonsense"}, 200, ""},
	} {
		status, h, body := ask(t, "OPTIONS", url+tc.path, "", tc.header...)
		if status != tc.status || !strings.Contains(body, tc.want) {
			t.Errorf("%s %v: %d %s, want %d %s", tc.path, tc.header, status, body, tc.status, tc.want)
		}
		if allowed := h.Get("Access-Control-Allow-Origin"); (allowed == "http://a.example.com") != (status == 200) {
			t.Errorf("%s %v: allows %q", tc.path, tc.header, allowed)
		}
		if status == 200 && (h.Get("Access-Control-Allow-Methods") != "GET, PUT" || h.Get("Access-Control-Max-Age") != "300" || h.Get("Vary") == "" || h.Get("Content-Length") != "0") {
			t.Errorf("%s %v: %v", tc.path, tc.header, h)
		}
	}
}

// Answers to pages have the headers, errors too, and follow a change of the rules.
func TestCrossOrigin(t *testing.T) {
	_, url := serve(t, nil)
	ask(t, "PUT", url+"/bucket", "")
	ask(t, "PUT", url+"/bucket/k", "x")
	allowed := func(method, path string, header ...string) string {
		t.Helper()
		_, h, _ := ask(t, method, url+path, "", append([]string{"Origin", "http://a.example.com"}, header...)...)
		if h.Get("Access-Control-Allow-Origin") != "" && (h.Get("Vary") == "" || h.Get("Access-Control-Expose-Headers") != "ETag") {
			t.Errorf("%s %s: %v", method, path, h)
		}
		return h.Get("Access-Control-Allow-Origin")
	}
	check := func(when string, want string) {
		t.Helper()
		for _, request := range []string{"GET /bucket/k", "GET /bucket/absent", "GET /bucket", "PUT /bucket/k2", "GET /bucket?policy=1&acl", "GET /bucket/k?versionId="} {
			method, path, _ := strings.Cut(request, " ")
			if got := allowed(method, path); got != want {
				t.Errorf("%s: %s: %q, want %q", when, request, got, want)
			}
		}
	}
	check("before", "")
	ask(t, "PUT", url+"/bucket?cors", corsRules)
	check("with rules", "http://a.example.com")
	if got := allowed("DELETE", "/bucket/k2"); got != "" {
		t.Errorf("DELETE is allowed to %q", got)
	}
	if got := allowed("DELETE", "/bucket/k2", "Access-Control-Request-Method", "GET"); got == "" {
		t.Error("the named method does not count")
	}
	if _, h, _ := ask(t, "GET", url+"/bucket/k", "", "If-None-Match", "*", "Origin", "http://a.example.com"); h.Get("Access-Control-Allow-Origin") == "" {
		t.Error("304 has no CORS headers")
	}
	ask(t, "PUT", url+"/bucket?cors", strings.Replace(corsRules, "example.com", "example.org", 1))
	check("with other rules", "")
	ask(t, "PUT", url+"/bucket?cors", corsRules)
	check("with the first again", "http://a.example.com")
	ask(t, "DELETE", url+"/bucket?cors", "")
	check("removed", "")
}
