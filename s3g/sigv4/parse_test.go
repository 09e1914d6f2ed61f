package sigv4_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/sigv4"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func request(target string, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func code(err error) string {
	var e *s3err.Error
	if errors.As(err, &e) {
		return e.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

const (
	credential = "AKID/20261123/us-east-1/s3/aws4_request"
	signedHdrs = "host;x-amz-content-sha256;x-amz-date"
	amzDate    = "20261123T120000Z"
)

func v4(credential string) string {
	return "AWS4-HMAC-SHA256 Credential=" + credential + ", SignedHeaders=" + signedHdrs + ", Signature=abcd"
}

func TestParseHeader(t *testing.T) {
	tests := []struct {
		name string
		auth string
		date string // x-amz-date; with "Date: " in front, that header
		want string // code
		text string // in the message
	}{
		{"good", v4(credential), amzDate, "", ""},
		{"no spaces", "AWS4-HMAC-SHA256 Credential=" + credential + ",SignedHeaders=host,Signature=ab", amzDate, "", ""},
		{"any region", v4("AKID/20261123/mars-1/s3/aws4_request"), amzDate, "", ""},
		{"principal as key", v4("user/host@REALM/20261123/us-east-1/s3/aws4_request"), amzDate, "", ""},
		{"rfc1123 date", v4(credential), "Date: Mon, 23 Nov 2026 12:00:00 GMT", "", ""},
		{"numeric zone", v4(credential), "Date: Tue, 24 Nov 2026 01:00:00 +0300", "", ""},
		{"named zone", v4(credential), "Date: Mon, 23 Nov 2026 07:00:00 EST", "", ""},
		{"rfc1123 in x-amz-date", v4(credential), "Mon, 23 Nov 2026 12:00:00 GMT", "", ""},
		{"sigv4a", "AWS4-ECDSA-P256-SHA256 Credential=AKID/20261123/s3/aws4_request, SignedHeaders=host, Signature=30", amzDate, "", ""},
		{"v2", "AWS AKID:c2ln", "Date: Mon, 23 Nov 2026 12:00:00 GMT", "", ""},

		{"empty key", v4("/20261123/us-east-1/s3/aws4_request"), amzDate, "AuthorizationHeaderMalformed", "The authorization header you provided is invalid."},
		{"short credential", v4("AKID/us-east-1/s3/aws4_request"), amzDate, "AuthorizationHeaderMalformed", "the Credential is mal-formed"},
		{"no slashes", v4("AKID"), amzDate, "AuthorizationHeaderMalformed", "the Credential is mal-formed"},
		{"bad credential date", v4("AKID/2026-11-23/us-east-1/s3/aws4_request"), amzDate, "AuthorizationHeaderMalformed", "incorrect date format"},
		{"other day", v4("AKID/20261122/us-east-1/s3/aws4_request"), amzDate, "AuthorizationHeaderMalformed", "Invalid credential date"},
		{"other day, and the clock is wrong", v4(credential), "20271123T120000Z", "RequestTimeTooSkewed", ""},
		{"year 9999", v4(credential), "Date: Tue, 07 Jul 9999 21:53:04 GMT", "RequestTimeTooSkewed", ""},
		{"before 1970", v4(credential), "19500707T215304Z", "AccessDenied", "valid Date"},
		{"before 1970, RFC 1123", v4(credential), "Date: Fri, 07 Jul 1950 21:53:04 GMT", "AccessDenied", "valid Date"},
		{"other service", v4("AKID/20261123/us-east-1/ec2/aws4_request"), amzDate, "AuthorizationHeaderMalformed", `incorrect service "ec2"`},
		{"other terminator", v4("AKID/20261123/us-east-1/s3/aws5_request"), amzDate, "AuthorizationHeaderMalformed", "incorrect terminal"},
		{"empty region", v4("AKID/20261123//s3/aws4_request"), amzDate, "AuthorizationHeaderMalformed", "non-empty region"},
		{"no credential", "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=ab", amzDate, "AuthorizationHeaderMalformed", "missing Credential"},
		{"no signed headers", "AWS4-HMAC-SHA256 Credential=" + credential + ", SignedHeaders=, Signature=ab", amzDate, "AuthorizationHeaderMalformed", "missing SignedHeaders"},
		{"no signature", "AWS4-HMAC-SHA256 Credential=" + credential + ", SignedHeaders=host", amzDate, "AuthorizationHeaderMalformed", "missing Signature"},
		{"no equals", "AWS4-HMAC-SHA256 Credential=" + credential + ", foo", amzDate, "AuthorizationHeaderMalformed", `component "foo" is malformed`},
		{"no date", v4(credential), "", "AccessDenied", "valid Date"},
		{"bad date", v4(credential), "yesterday", "AccessDenied", "valid Date"},
		{"one word", "Bearer", amzDate, "InvalidArgument", "one and only one"},
		{"other scheme", "Bearer abc", amzDate, "InvalidArgument", "Unsupported Authorization Type"},
		{"v2 without colon", "AWS AKID", "Date: Mon, 23 Nov 2026 12:00:00 GMT", "InvalidArgument", "Expected AwsAccessKeyId:signature"},
		{"v2 without signature", "AWS AKID:", "Date: Mon, 23 Nov 2026 12:00:00 GMT", "InvalidArgument", "Expected AwsAccessKeyId:signature"},
		{"v2 with spaces", "AWS AKID:c2 ln", "Date: Mon, 23 Nov 2026 12:00:00 GMT", "InvalidArgument", "Expected AwsAccessKeyId:signature"},
		{"v2 empty key", "AWS :c2ln", "Date: Mon, 23 Nov 2026 12:00:00 GMT", "AuthorizationHeaderMalformed", ""},
		{"v2 without date", "AWS AKID:c2ln", "", "AccessDenied", "valid Date"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := request("/b/k", "Authorization", tt.auth, "X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
			if d, ok := strings.CutPrefix(tt.date, "Date: "); ok {
				r.Header.Set("Date", d)
			} else if tt.date != "" {
				r.Header.Set("X-Amz-Date", tt.date)
			}
			a, err := sigv4.Parse(r, now)
			if code(err) != tt.want || tt.text != "" && !strings.Contains(err.Error(), tt.text) {
				t.Fatalf("got %v, want %s %s", err, tt.want, tt.text)
			}
			if err == nil && (a.Kind != sigv4.HeaderV4 && a.Kind != sigv4.HeaderV2 || a.AccessKey == "" || a.Signature == "") {
				t.Errorf("got %+v", a)
			}
		})
	}
}

func TestParseNeedsContentHash(t *testing.T) {
	_, err := sigv4.Parse(request("/b/k", "Authorization", v4(credential), "X-Amz-Date", amzDate), now)
	if code(err) != "InvalidRequest" || !strings.Contains(err.Error(), "x-amz-content-sha256") {
		t.Errorf("got %v", err)
	}
}

func TestParseKeyWithSlash(t *testing.T) {
	r := request("/", "Authorization", v4("user/host@REALM/20261123/us-east-1/s3/aws4_request"), "X-Amz-Date", amzDate, "X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	a, err := sigv4.Parse(r, now)
	if err != nil || a.AccessKey != "user/host@REALM" || a.Scope.Region != "us-east-1" {
		t.Errorf("got %+v, %v", a, err)
	}
}

func TestParseAnonymous(t *testing.T) {
	for _, r := range []*http.Request{request("/"), request("/b?prefix=Signature"), request("/b", "Authorization", "")} {
		if a, err := sigv4.Parse(r, now); err != nil || a.Kind != sigv4.Anonymous || a.AccessKey != "" {
			t.Errorf("%s: got %+v, %v", r.URL, a, err)
		}
	}
}

// presigned is a version 4 query with some parameters replaced; "-" leaves one out.
func presigned(replace ...string) string {
	params := []string{
		"X-Amz-Algorithm", "AWS4-HMAC-SHA256", "X-Amz-Credential", "AKID%2F20261123%2Fus-east-1%2Fs3%2Faws4_request",
		"X-Amz-Date", amzDate, "X-Amz-Expires", "3600", "X-Amz-SignedHeaders", "host", "X-Amz-Signature", "abcd",
	}
	var b strings.Builder
	b.WriteString("/b/k?x-id=GetObject")
	for i := 0; i < len(params); i += 2 {
		value := params[i+1]
		for j := 0; j < len(replace); j += 2 {
			if replace[j] == params[i] {
				value = replace[j+1]
			}
		}
		if value != "-" {
			b.WriteString("&" + params[i] + "=" + value)
		}
	}
	return b.String()
}

func TestParseQueryV4(t *testing.T) {
	const queryError = "AuthorizationQueryParametersError"
	tests := []struct {
		name    string
		replace []string
		want    string
		text    string
	}{
		{"good", nil, "", ""},
		{"a week", []string{"X-Amz-Expires", "604800"}, "", ""},
		{"one second left", []string{"X-Amz-Expires", "1"}, "", ""},
		{"made before", []string{"X-Amz-Date", "20261123T110001Z"}, "", ""},
		{"clock a little ahead", []string{"X-Amz-Date", "20261123T121400Z"}, "", ""},
		{"sigv4a", []string{"X-Amz-Algorithm", "AWS4-ECDSA-P256-SHA256", "X-Amz-Credential", "AKID%2F20261123%2Fs3%2Faws4_request"}, "", ""},
		{"expired", []string{"X-Amz-Date", "20261123T110000Z"}, "AccessDenied", "Request has expired"},
		{"never good", []string{"X-Amz-Expires", "0"}, "AccessDenied", "Request has expired"},
		{"not yet", []string{"X-Amz-Date", "20261123T121501Z"}, "AccessDenied", "not valid yet"},
		{"too long", []string{"X-Amz-Expires", "604801"}, queryError, "must be less than a week"},
		{"negative", []string{"X-Amz-Expires", "-1"}, queryError, "must be non-negative"},
		{"no number", []string{"X-Amz-Expires", "soon"}, queryError, "should be a number"},
		{"overflow", []string{"X-Amz-Expires", "99999999999999999999"}, queryError, "should be a number"},
		{"no algorithm", []string{"X-Amz-Algorithm", "-"}, queryError, "requires"},
		{"other algorithm", []string{"X-Amz-Algorithm", "AWS4-MD5"}, queryError, "only supports"},
		{"no credential", []string{"X-Amz-Credential", "-"}, queryError, "requires"},
		{"bad credential", []string{"X-Amz-Credential", "AKID"}, queryError, "Error parsing the X-Amz-Credential parameter"},
		{"empty key", []string{"X-Amz-Credential", "%2F20261123%2Fus-east-1%2Fs3%2Faws4_request"}, queryError, "non-empty Access Key"},
		{"other service", []string{"X-Amz-Credential", "AKID%2F20261123%2Fus-east-1%2Fec2%2Faws4_request"}, queryError, "incorrect service"},
		{"other day", []string{"X-Amz-Credential", "AKID%2F20261122%2Fus-east-1%2Fs3%2Faws4_request"}, queryError, "Invalid credential date"},
		{"no date", []string{"X-Amz-Date", "-"}, queryError, "requires"},
		{"bad date", []string{"X-Amz-Date", "today"}, queryError, "ISO8601"},
		{"no expires", []string{"X-Amz-Expires", "-"}, queryError, "requires"},
		{"no signed headers", []string{"X-Amz-SignedHeaders", "-"}, queryError, "requires"},
		{"no signature", []string{"X-Amz-Signature", "-"}, queryError, "requires"},
		{"empty signature", []string{"X-Amz-Signature", ""}, queryError, "requires"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := sigv4.Parse(request(presigned(tt.replace...)), now)
			if code(err) != tt.want || tt.text != "" && !strings.Contains(err.Error(), tt.text) {
				t.Fatalf("got %v, want %s %s", err, tt.want, tt.text)
			}
			if err == nil && (a.Kind != sigv4.QueryV4 || a.AccessKey != "AKID" || a.PayloadHash != "UNSIGNED-PAYLOAD") {
				t.Errorf("got %+v", a)
			}
		})
	}
}

func TestParseQueryV2(t *testing.T) {
	tests := []struct{ query, want, text string }{
		{"AWSAccessKeyId=AKID&Signature=c2ln&Expires=1795435201", "", ""},
		{"AWSAccessKeyId=AKID&Signature=c2ln&Expires=1795435200", "AccessDenied", "Request has expired"},
		{"AWSAccessKeyId=AKID&Signature=c2ln&Expires=soon", "AccessDenied", "seconds since epoch"},
		{"AWSAccessKeyId=AKID&Signature=c2ln", "AccessDenied", "requires the Signature"},
		{"AWSAccessKeyId=AKID&Expires=1795435201", "AccessDenied", "requires the Signature"},
		{"Signature=c2ln&Expires=1795435201", "AccessDenied", "requires the Signature"},
	}
	for _, tt := range tests {
		a, err := sigv4.Parse(request("/b/k?"+tt.query), now)
		if code(err) != tt.want || tt.text != "" && !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: got %v, want %s %s", tt.query, err, tt.want, tt.text)
		}
		if err == nil && (a.Kind != sigv4.QueryV2 || a.AccessKey != "AKID") {
			t.Errorf("%s: got %+v", tt.query, a)
		}
	}
}

func TestParseTwoMechanisms(t *testing.T) {
	for _, target := range []string{presigned(), "/b/k?AWSAccessKeyId=a&Signature=b&Expires=9999999999"} {
		_, err := sigv4.Parse(request(target, "Authorization", v4(credential)), now)
		if code(err) != "InvalidArgument" || !strings.Contains(err.Error(), "Only one auth mechanism") {
			t.Errorf("%s: got %v", target, err)
		}
	}
}

func TestFresh(t *testing.T) {
	tests := []struct {
		kind sigv4.Kind
		date time.Time
		want string
	}{
		{sigv4.HeaderV4, now, ""},
		{sigv4.HeaderV4, now.Add(-15 * time.Minute), ""},
		{sigv4.HeaderV4, now.Add(15 * time.Minute), ""},
		{sigv4.HeaderV4, now.Add(-15*time.Minute - time.Second), "RequestTimeTooSkewed"},
		{sigv4.HeaderV2, now.Add(15*time.Minute + time.Second), "RequestTimeTooSkewed"},
		{sigv4.QueryV4, now.Add(-24 * time.Hour), ""},
		{sigv4.Anonymous, time.Time{}, ""},
	}
	for _, tt := range tests {
		if err := (sigv4.Auth{Kind: tt.kind, Date: tt.date}).Fresh(now); code(err) != tt.want {
			t.Errorf("%s at %s: %v", tt.kind, tt.date, err)
		}
	}
}
