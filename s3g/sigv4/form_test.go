package sigv4_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/sigv4"
)

// The example of AWS's "Browser-Based Uploads Using POST" (AWS Signature Version 4), and
// the same policy signed the old way.
const (
	docPolicyV4 = "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9"
	docSecret   = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

func docFormV4() map[string]string {
	return map[string]string{
		"policy": docPolicyV4, "x-amz-algorithm": "AWS4-HMAC-SHA256",
		"x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request",
		"x-amz-date":       "20151229T000000Z",
		"x-amz-signature":  "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e",
	}
}

func docFormV2() map[string]string {
	return map[string]string{"policy": docPolicyV4, "awsaccesskeyid": "AKIAIOSFODNN7EXAMPLE", "signature": "QyigO3Da7gYxPW1IXllc6C7gI74="}
}

func parseForm(fields map[string]string) (sigv4.Auth, error) {
	return sigv4.ParseForm(func(name string) string { return fields[name] })
}

func TestVerifyForm(t *testing.T) {
	for _, tc := range []struct {
		fields map[string]string
		kind   sigv4.Kind
	}{{docFormV4(), sigv4.FormV4}, {docFormV2(), sigv4.FormV2}} {
		a, err := parseForm(tc.fields)
		if err != nil || a.Kind != tc.kind || a.AccessKey != "AKIAIOSFODNN7EXAMPLE" {
			t.Fatalf("%+v %v", a, err)
		}
		if err := a.VerifyForm(docPolicyV4, docSecret); err != nil {
			t.Errorf("%s: %v", tc.kind, err)
		}
		if err := a.VerifyForm(docPolicyV4+"A", docSecret); !errors.Is(err, s3err.SignatureDoesNotMatch) {
			t.Errorf("%s, another policy: %v", tc.kind, err)
		}
		if err := a.VerifyForm(docPolicyV4, docSecret+"x"); !errors.Is(err, s3err.SignatureDoesNotMatch) {
			t.Errorf("%s, another secret: %v", tc.kind, err)
		}
		for _, signature := range []string{"", "zz", strings.Repeat("0", 64), "AAAA"} {
			a.Signature = signature
			if err := a.VerifyForm(docPolicyV4, docSecret); !errors.Is(err, s3err.SignatureDoesNotMatch) {
				t.Errorf("%s, signature %q: %v", tc.kind, signature, err)
			}
		}
	}
	if err := (sigv4.Auth{}).VerifyForm(docPolicyV4, docSecret); !errors.Is(err, s3err.AccessDenied) {
		t.Errorf("nobody: %v", err)
	}
}

func TestParseForm(t *testing.T) {
	v4, v2 := docFormV4, docFormV2
	with := func(fields map[string]string, name, value string) map[string]string {
		fields[name] = value
		return fields
	}
	for _, tc := range []struct {
		name   string
		fields map[string]string
		want   string // in the error; "" none
	}{
		{"anonymous", nil, ""},
		{"v4", v4(), ""},
		{"v2", v2(), ""},
		{"a key with a slash", with(v4(), "x-amz-credential", "user/host@REALM/20151229/us-east-1/s3/aws4_request"), ""},
		{"a policy alone", map[string]string{"policy": "x"}, "named 'X-Amz-Algorithm'"},
		{"v4 without policy", with(v4(), "policy", ""), "named 'policy'"},
		{"v2 without policy", with(v2(), "policy", ""), "named 'policy'"},
		{"v4 without signature", with(v4(), "x-amz-signature", ""), "named 'X-Amz-Signature'"},
		{"v4 without credential", with(v4(), "x-amz-credential", ""), "named 'X-Amz-Credential'"},
		{"v4 without algorithm", with(v4(), "x-amz-algorithm", ""), "named 'X-Amz-Algorithm'"},
		{"v4 without date", with(v4(), "x-amz-date", ""), "named 'X-Amz-Date'"},
		{"v2 without signature", with(v2(), "signature", ""), "named 'signature'"},
		{"v2 without key", with(v2(), "awsaccesskeyid", ""), "named 'AWSAccessKeyId'"},
		{"other algorithm", with(v4(), "x-amz-algorithm", "AWS4-HMAC-SHA1"), "X-Amz-Algorithm only supports"},
		{"short credential", with(v4(), "x-amz-credential", "AKIA/20151229"), "the Credential is mal-formed"},
		{"empty key", with(v4(), "x-amz-credential", "/20151229/us-east-1/s3/aws4_request"), "non-empty Access Key"},
		{"other service", with(v4(), "x-amz-credential", "AKIA/20151229/us-east-1/ec2/aws4_request"), "incorrect service"},
		{"date that is none", with(v4(), "x-amz-date", "2015-12-29"), "X-Amz-Date must be in"},
		{"other day", with(v4(), "x-amz-date", "20151230T000000Z"), "not the same as X-Amz-Date"},
	} {
		_, err := parseForm(tc.fields)
		switch {
		case tc.want == "" && err != nil, tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		case err != nil && !errors.Is(err, s3err.InvalidArgument):
			t.Errorf("%s: %v is not InvalidArgument", tc.name, err)
		}
	}
}
