package sigv4_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/mini-ozone/mini-ozone/s3g/sigv4"
)

// FuzzHeader looks for Authorization headers that break Parse or Verify.
func FuzzHeader(f *testing.F) {
	f.Add(v4(credential), amzDate, "")
	f.Add("AWS AKID:c2ln", "", "Mon, 23 Nov 2026 12:00:00 EST")
	f.Add("AWS4-ECDSA-P256-SHA256 Credential=A/20261123/s3/aws4_request,SignedHeaders=host,Signature=30", amzDate, "")
	f.Fuzz(func(t *testing.T, auth, amz, date string) {
		r := request("/b/k", "Authorization", auth, "X-Amz-Date", amz, "Date", date, "X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
		check(t, r)
	})
}

// FuzzQuery does the same with presigned URLs and paths.
func FuzzQuery(f *testing.F) {
	f.Add("/b/k", presigned()[5:])
	f.Add("/b/a%2Fb", "AWSAccessKeyId=A&Signature=c2ln&Expires=9999999999")
	f.Add("/%zz", "&&=&%zz=%&X-Amz-Signature")
	f.Fuzz(func(t *testing.T, path, query string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if u, err := url.ParseRequestURI(path); err == nil {
			r.URL = u
		}
		r.URL.RawQuery = query
		check(t, r)
	})
}

// check wants an S3 error or an Auth that does not verify: nobody guesses a MAC.
func check(t *testing.T, r *http.Request) {
	a, err := sigv4.Parse(r, now)
	if err != nil {
		if code(err) == err.Error() {
			t.Fatalf("no S3 error: %v", err)
		}
		return
	}
	if err := a.Verify(r, "a secret that is not guessed"); err == nil {
		t.Fatalf("verified: %+v", a)
	}
}

// FuzzForm does the same with the fields of POST forms.
func FuzzForm(f *testing.F) {
	f.Add("p", "AWS4-HMAC-SHA256", "AKIA/20151229/us-east-1/s3/aws4_request", "20151229T000000Z", "00", "", "")
	f.Add("p", "", "", "", "", "AKIA", "c2ln")
	f.Fuzz(func(t *testing.T, policy, algorithm, credential, date, signature, key, signatureV2 string) {
		fields := map[string]string{
			"policy": policy, "x-amz-algorithm": algorithm, "x-amz-credential": credential, "x-amz-date": date,
			"x-amz-signature": signature, "awsaccesskeyid": key, "signature": signatureV2,
		}
		a, err := sigv4.ParseForm(func(name string) string { return fields[name] })
		if err != nil {
			if code(err) == err.Error() {
				t.Fatalf("no S3 error: %v", err)
			}
			return
		}
		if err := a.VerifyForm(policy, "a secret that is not guessed"); err == nil {
			t.Fatalf("verified: %+v", a)
		}
	})
}
