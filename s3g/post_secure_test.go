package s3g_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/s3g"
)

// sign signs the form of signedForm for key as AWS documents it.
func sign(fields []string, key, secret string) []string {
	fields = append([]string(nil), fields...)
	day, policy := "", ""
	for i := 0; i < len(fields); i += 2 {
		switch fields[i] {
		case "policy":
			policy = fields[i+1]
		case "x-amz-credential":
			fields[i+1] = key + strings.TrimPrefix(fields[i+1], "me")
			day = strings.Split(fields[i+1], "/")[1]
		}
	}
	mac := []byte("AWS4" + secret)
	for _, text := range []string{day, "us-east-1", "s3", "aws4_request", policy} {
		h := hmac.New(sha256.New, mac)
		h.Write([]byte(text))
		mac = h.Sum(nil)
	}
	for i := range fields {
		if i > 0 && fields[i-1] == "x-amz-signature" {
			fields[i] = hex.EncodeToString(mac)
		}
	}
	return fields
}

// signV2 signs the policy of fields the old way.
func signV2(fields []string, key, secret string) []string {
	h := hmac.New(sha1.New, []byte(secret))
	h.Write([]byte(fields[1]))
	return []string{"policy", fields[1], "AWSAccessKeyId", key, "signature", base64.StdEncoding.EncodeToString(h.Sum(nil))}
}

func TestPostSecure(t *testing.T) {
	_, url, secret := serveSecure(t, nil)
	if status, _, body := answer(t, signer{"alice", secret}.request(t, "PUT", url+"/bucket", "", nil)); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	open := signedForm(map[string]string{"key": "k"}, map[string]string{"bucket": "bucket"})
	for _, tc := range []struct {
		name   string
		fields []string
		status int
		want   string
	}{
		{"version 4", sign(open, "alice", secret), 204, ""},
		{"version 2", signV2(open, "alice", secret), 204, ""},
		{"wrong secret", sign(open, "alice", secret+"x"), 403, "<Code>SignatureDoesNotMatch</Code>"},
		{"wrong secret, version 2", signV2(open, "alice", secret+"x"), 403, "<Code>SignatureDoesNotMatch</Code>"},
		{"not signed", open, 403, "<Code>InvalidAccessKeyId</Code>"},
		{"another user", sign(open, "bob", secret), 403, "<Code>InvalidAccessKeyId</Code>"},
		{"another policy", append(signedForm(map[string]string{"key": "k"}, map[string]string{"bucket": "bucket"}, []string{"starts-with", "$acl", ""})[:2], sign(open, "alice", secret)[2:]...), 403, "<Code>SignatureDoesNotMatch</Code>"},
		{"a token", append(sign(open, "alice", secret), "x-amz-security-token", "t"), 400, "<Code>InvalidToken</Code>"},
		{"anonymous", nil, 403, "<Code>AccessDenied</Code>"},
	} {
		status, _, body := postForm(t, url+"/bucket", "content", append([]string{"key", "k"}, tc.fields...)...)
		if status != tc.status || !strings.Contains(body, tc.want) {
			t.Errorf("%s: %d %s, want %d %s", tc.name, status, body, tc.status, tc.want)
		}
		if strings.Contains(body, secret) {
			t.Errorf("%s: the secret is told", tc.name)
		}
	}
}

func TestPostWithoutV2(t *testing.T) {
	_, url, secret := serveSecure(t, func(c *s3g.Config) { c.SigV2 = false })
	form := append([]string{"key", "k"}, signV2(signedForm(map[string]string{"key": "k"}), "alice", secret)...)
	if status, _, body := postForm(t, url+"/bucket", "x", form...); status != 400 || !strings.Contains(body, "AWS4-HMAC-SHA256") {
		t.Errorf("%d %s", status, body)
	}
}
