package sigv4

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"time"

	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

// ParseForm reads the signature of a POST form (browser upload) without checking it.
// field gives the value of a field by its lower-case name, "" if there is none. A form
// without signature and policy is Anonymous; the one needs the other. Whether the
// policy still holds is the policy's to say.
func ParseForm(field func(name string) string) (Auth, error) {
	v4 := field("x-amz-algorithm") != "" || field("x-amz-credential") != "" || field("x-amz-signature") != ""
	v2 := field("awsaccesskeyid") != "" || field("signature") != ""
	switch {
	case field("policy") == "" && !v4 && !v2:
		return Auth{}, nil
	case v2 && !v4:
		return parseFormV2(field)
	}
	return parseFormV4(field)
}

// missingField is AWS's complaint about a field that a form needs.
func missingField(field func(string) string, names map[string]string, order ...string) error {
	for _, name := range order {
		if field(name) == "" {
			shown := names[name]
			return s3err.Argument(shown, "", "Bucket POST must contain a field named '"+shown+"'.  If it is specified, please check the order of the fields.")
		}
	}
	return nil
}

var (
	formV4 = map[string]string{
		"policy": "policy", "x-amz-algorithm": "X-Amz-Algorithm", "x-amz-credential": "X-Amz-Credential",
		"x-amz-date": "X-Amz-Date", "x-amz-signature": "X-Amz-Signature",
	}
	formV2 = map[string]string{"policy": "policy", "awsaccesskeyid": "AWSAccessKeyId", "signature": "signature"}
)

func parseFormV4(field func(string) string) (Auth, error) {
	err := missingField(field, formV4, "policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature")
	if err != nil {
		return Auth{}, err
	}
	a := Auth{Kind: FormV4, Signature: field("x-amz-signature")}
	if v := field("x-amz-algorithm"); v != algorithm {
		return Auth{}, s3err.Argument("X-Amz-Algorithm", v, `X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"`)
	}
	credential := field("x-amz-credential")
	bad := func(format string, args ...any) error {
		e := s3err.InvalidArgument.Withf("Error parsing the X-Amz-Credential parameter; "+format, args...)
		return e.WithField("ArgumentName", "X-Amz-Credential").WithField("ArgumentValue", credential)
	}
	if err := a.parseCredential(credential, bad); err != nil {
		return Auth{}, err
	}
	if a.AccessKey == "" {
		return Auth{}, bad("a non-empty Access Key (AKID) must be provided in the credential.")
	}
	date := field("x-amz-date")
	if a.Date, err = time.Parse(longFormat, date); err != nil {
		return Auth{}, s3err.Argument("X-Amz-Date", date, `X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`)
	}
	if day := a.Date.Format(shortFormat); day != a.Scope.Date {
		return Auth{}, bad("Invalid credential date %q. This date is not the same as X-Amz-Date: %q.", a.Scope.Date, day)
	}
	return a, nil
}

func parseFormV2(field func(string) string) (Auth, error) {
	if err := missingField(field, formV2, "policy", "awsaccesskeyid", "signature"); err != nil {
		return Auth{}, err
	}
	return Auth{Kind: FormV2, AccessKey: field("awsaccesskeyid"), Signature: field("signature")}, nil
}

// VerifyForm checks the signature of a form against secret, in constant time. What is
// signed is the policy as the form has it, in base64.
func (a Auth) VerifyForm(policy, secret string) error {
	var want, given []byte
	var err error
	switch a.Kind {
	case FormV4:
		want = hmacSHA256(a.Scope.SigningKey(secret), policy)
		given, err = hex.DecodeString(a.Signature)
	case FormV2:
		mac := hmac.New(sha1.New, []byte(secret))
		mac.Write([]byte(policy))
		want = mac.Sum(nil)
		given, err = base64.StdEncoding.DecodeString(a.Signature)
	default:
		return s3err.AccessDenied
	}
	if err != nil || !hmac.Equal(want, given) {
		return a.mismatch(policy, "")
	}
	return nil
}
