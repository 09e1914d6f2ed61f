package form_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/s3g/form"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func encode(doc string) string { return base64.StdEncoding.EncodeToString([]byte(doc)) }

func TestParsePolicy(t *testing.T) {
	const until = `"expiration": "2026-11-23T13:00:00.000Z"`
	for _, tc := range []struct{ doc, want string }{
		{`{` + until + `, "conditions": []}`, ""},
		{`{` + until + `, "conditions": [{"acl": "private"}, ["eq", "$key", "k"], ["Starts-With", "$key", ""], ["content-length-range", 0, 5], ["content-length-range", "0", "7"]]}`, ""},
		{`{"expiration": "2026-11-23T13:00:00Z", "conditions": []}`, ""},
		{``, "Invalid JSON"},
		{`{`, "Invalid JSON"},
		{`[]`, "Invalid JSON"},
		{`null`, "Invalid JSON"},
		{`{` + until + `, "conditions": []} {}`, "Invalid JSON"},
		{`{` + until + `, "conditions": [], "more": 1}`, "Unexpected: 'more'"},
		{`{` + until + `}`, "missing condition"},
		{`{` + until + `, "CONDITIONS": []}`, "Unexpected: 'CONDITIONS'"},
		{`{` + until + `, "conditions": null}`, "must be a list"},
		{`{` + until + `, "conditions": {"acl": "private"}}`, "must be a list"},
		{`{"conditions": []}`, "missing expiration"},
		{`{"EXPIRATION": "2026-11-23T13:00:00.000Z", "conditions": []}`, "Unexpected"},
		{`{"expiration": 17, "conditions": []}`, "Invalid 'expiration'"},
		{`{"expiration": "2026-11-23 13:00:00", "conditions": []}`, "Invalid 'expiration'"},
		{`{"expiration": "", "conditions": []}`, "Invalid 'expiration'"},
		{`{` + until + `, "conditions": [{}]}`, "exactly one property"},
		{`{` + until + `, "conditions": [{"a": "b", "c": "d"}]}`, "exactly one property"},
		{`{` + until + `, "conditions": [{"a": 1}]}`, "value must be a string"},
		{`{` + until + `, "conditions": [{"a": null}]}`, "value must be a string"},
		{`{` + until + `, "conditions": ["eq"]}`, "Invalid Condition"},
		{`{` + until + `, "conditions": [[]]}`, "Invalid Condition"},
		{`{` + until + `, "conditions": [["eq", "$key"]]}`, "wrong number"},
		{`{` + until + `, "conditions": [["eq", "$key", "a", "b"]]}`, "wrong number"},
		{`{` + until + `, "conditions": [["eq", "key", "a"]]}`, "with $"},
		{`{` + until + `, "conditions": [["eq", "$", "a"]]}`, "with $"},
		{`{` + until + `, "conditions": [["eq", "$key", 5]]}`, "with $"},
		{`{` + until + `, "conditions": [["ends-with", "$key", "a"]]}`, "unknown operation"},
		{`{` + until + `, "conditions": [["content-length-range", 0]]}`, "wrong number"},
		{`{` + until + `, "conditions": [["content-length-range", -1, 5]]}`, "content-length-range"},
		{`{` + until + `, "conditions": [["content-length-range", 6, 5]]}`, "content-length-range"},
		{`{` + until + `, "conditions": [["content-length-range", "a", 5]]}`, "content-length-range"},
		{`{` + until + `, "conditions": [["content-length-range", 0.5, 5]]}`, "content-length-range"},
		{`{` + until + `, "conditions": [["content-length-range", null, 5]]}`, "content-length-range"},
	} {
		_, err := form.ParsePolicy(encode(tc.doc))
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%s: %v", tc.doc, err)
		case tc.want != "" && (!errors.Is(err, s3err.InvalidPolicyDocument) || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s: %v, want %q", tc.doc, err, tc.want)
		}
	}
	if _, err := form.ParsePolicy("not base64!"); !errors.Is(err, s3err.InvalidPolicyDocument) {
		t.Errorf("not base64: %v", err)
	}
}

func TestPolicySize(t *testing.T) {
	p, err := form.ParsePolicy(encode(`{"expiration": "2026-11-23T13:00:00Z", "conditions": [["content-length-range", 2, 50], ["content-length-range", "1", "40"]]}`))
	if err != nil || p.MinSize != 2 || p.MaxSize != 40 {
		t.Errorf("%+v %v", p, err)
	}
}

func TestCheck(t *testing.T) {
	for _, tc := range []struct {
		name       string
		conditions string
		fields     []string
		want       string
	}{
		{"all", `{"bucket": "b"}, {"key": "k"}`, []string{"key", "k"}, ""},
		{"names have no case", `{"BUCKET": "b"}, ["eq", "$KeY", "k"], {"content-type": "a"}`, []string{"KEY", "k", "Content-Type", "a"}, ""},
		{"values have", `{"key": "K"}`, []string{"key", "k"}, `Policy Condition failed: ["eq","$key","K"]`},
		{"another bucket", `{"bucket": "c"}, {"key": "k"}`, []string{"key", "k"}, "Policy Condition failed"},
		{"the bucket is the address, not the field", `{"bucket": "c"}, {"key": "k"}`, []string{"key", "k", "bucket", "c"}, "Policy Condition failed"},
		{"a prefix", `["starts-with", "$key", "user/"]`, []string{"key", "user/x"}, ""},
		{"another prefix", `["starts-with", "$key", "user/"]`, []string{"key", "use"}, `Policy Condition failed: ["starts-with","$key","user/"]`},
		{"any value", `["starts-with", "$key", ""]`, []string{"key", "x"}, ""},
		{"no value", `["starts-with", "$key", ""], ["starts-with", "$acl", ""]`, []string{"key", "x"}, ""},
		{"a field that is not there", `["starts-with", "$key", ""], ["starts-with", "$acl", "p"]`, []string{"key", "x"}, "Policy Condition failed"},
		{"nor equal to nothing", `["starts-with", "$key", ""], ["eq", "$acl", ""]`, []string{"key", "x"}, "Policy Condition failed"},
		{"two conditions of a field", `["starts-with", "$key", "a"], ["starts-with", "$key", "ab"]`, []string{"key", "ac"}, "Policy Condition failed"},
		{"a field of no condition", `{"key": "k"}`, []string{"key", "k", "Acl", "private", "submit", "go"}, "Extra input fields: Acl, submit"},
		{"ignored fields", `{"key": "k"}`, []string{"key", "k", "x-ignore-this", "1", "X-Ignore-that", "2", "policy", "p", "signature", "s", "AWSAccessKeyId", "a", "x-amz-signature", "s"}, ""},
		{"signing fields count", `{"key": "k"}`, []string{"key", "k", "x-amz-credential", "1"}, "Extra input fields: x-amz-credential"},
		{"a list of types", `{"key": "k"}, ["starts-with", "$Content-Type", "image/"]`, []string{"key", "k", "content-type", "image/a, image/b"}, ""},
		{"with one of another kind", `{"key": "k"}, ["starts-with", "$Content-Type", "image/"]`, []string{"key", "k", "content-type", "image/a,text/b"}, "Policy Condition failed"},
		{"an escaped dollar", `["starts-with", "$key", "\$foo\v"]`, []string{"key", "$foo\v.txt"}, ""},
		{"an escaped backslash", `["starts-with", "$key", "\\$foo"]`, []string{"key", `\$foo.txt`}, ""},
		{"unicode", `["eq", "$key", "caf\u00e9"]`, []string{"key", "café"}, ""},
	} {
		p, err := form.ParsePolicy(encode(`{"expiration": "2026-11-23T12:00:01Z", "conditions": [{"bucket": "b"}, ` + tc.conditions + `]}`))
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		f, err := form.Read(request(fields(tc.fields...) + file("f.txt", "x")))
		if err != nil {
			t.Fatal(err)
		}
		err = p.Check(f, "b", now)
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%s: %v", tc.name, err)
		case tc.want != "" && (!errors.Is(err, s3err.AccessDenied) || !strings.Contains(err.Error(), "Invalid according to Policy: "+tc.want)):
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
		if err := p.Check(f, "b", now.Add(time.Second)); err == nil || !strings.Contains(err.Error(), "Policy expired") {
			t.Errorf("%s, later: %v", tc.name, err)
		}
	}
}

// A policy that does not name the bucket would be good for any of its signer's.
func TestCheckNeedsTheBucket(t *testing.T) {
	p, err := form.ParsePolicy(encode(`{"expiration": "2026-11-23T12:00:01Z", "conditions": [{"key": "k"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	f, err := form.Read(request(fields("key", "k") + file("f.txt", "x")))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Check(f, "b", now); !errors.Is(err, s3err.AccessDenied) || !strings.Contains(err.Error(), "Extra input fields: bucket") {
		t.Error(err)
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add(`{"expiration": "2026-11-23T13:00:00Z", "conditions": [{"acl": "private"}, ["eq", "$key", "\$k"], ["content-length-range", 0, 5]]}`, "key", "v")
	f.Fuzz(func(t *testing.T, doc, name, value string) {
		p, err := form.ParsePolicy(encode(doc))
		if err != nil {
			if !errors.Is(err, s3err.InvalidPolicyDocument) {
				t.Fatal(err)
			}
			return
		}
		if p.MinSize < 0 || p.MaxSize < 0 {
			t.Fatalf("%+v", p)
		}
		read, err := form.Read(request(fields(name, value) + file("f", "x")))
		if err == nil {
			_ = p.Check(read, "bucket", now)
		}
	})
}
