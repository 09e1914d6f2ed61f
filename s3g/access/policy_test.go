package access_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/internal/identity"
	"github.com/mini-ozone/mini-ozone/s3g/access"
)

// keys are the condition keys of a request in a test.
type keys map[string][]string

func (k keys) Values(name string) []string { return k[name] }

// stmt is a statement with what a test does not care about filled in.
func stmt(fields string) string {
	for _, d := range [][2]string{
		{"Effect", `"Allow"`}, {"Principal", `"*"`}, {"Action", `"s3:GetObject"`}, {"Resource", `"arn:aws:s3:::bucket/*"`},
	} {
		if !strings.Contains(fields, `"`+d[0]+`"`) && !strings.Contains(fields, `"Not`+d[0]+`"`) {
			fields += `,"` + d[0] + `":` + d[1]
		}
	}
	return "{" + strings.TrimPrefix(fields, ",") + "}"
}

func policy(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

func TestParseRefuses(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", "", "Policies must be valid JSON and the first byte must be '{'"},
		{"space first", " {}", "Policies must be valid JSON and the first byte must be '{'"},
		{"list", "[]", "Policies must be valid JSON and the first byte must be '{'"},
		{"broken", `{"Version":`, "This policy contains invalid Json"},
		{"more behind", policy(stmt("")) + "x", "This policy contains invalid Json"},
		{"deep", `{"Statement":` + strings.Repeat("[", 50) + strings.Repeat("]", 50) + "}", "This policy contains invalid Json"},
		{"twice", `{"Version":"2012-10-17","Version":"2012-10-17"}`, "This policy contains duplicate keys"},
		{"twice inside", policy(stmt(`"Sid":"a","Sid":"b"`)), "This policy contains duplicate keys"},
		{"too large", policy(stmt(`"Sid":"` + strings.Repeat("a", access.MaxPolicy) + `"`)), "Normalized policy document exceeds the maximum allowed size of 20480 bytes."},
		{"no statement", `{"Version":"2012-10-17"}`, "Missing required field Statement"},
		{"empty", policy(), "Could not parse the policy: Statement is empty!"},
		{"version", `{"Version":"2020-01-01","Statement":[]}`, "The policy must contain a valid version string"},
		{"version number", `{"Version":2012,"Statement":[]}`, "The policy must contain a valid version string"},
		{"unknown field", `{"Version":"2012-10-17","Statements":[]}`, "Unknown field Statements"},
		{"case of a field", `{"version":"2012-10-17"}`, "Unknown field version"},
		{"unknown field of a statement", policy(stmt(`"Foo":"a"`)), "Unknown field Foo"},
		{"statement no object", `{"Statement":["a"]}`, "Invalid policy syntax."},
		{"no effect", policy(`{"Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::bucket"}`), "Missing required field Effect"},
		{"no principal", policy(`{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket"}`), "Missing required field Principal"},
		{"no action", policy(`{"Effect":"Allow","Principal":"*","Resource":"arn:aws:s3:::bucket"}`), "Missing required field Action"},
		{"no resource", policy(`{"Effect":"Allow","Principal":"*","Action":"s3:*"}`), "Missing required field Resource"},
		{"effect", policy(stmt(`"Effect":"allow"`)), "Invalid effect: allow"},
		{"both", policy(stmt(`"Action":"s3:GetObject","NotAction":"s3:GetObject"`)), "Invalid policy syntax."},
		{"action of nobody", policy(stmt(`"Action":"s3:GetObjects"`)), "Policy has invalid action"},
		{"wildcard that fits nothing", policy(stmt(`"Action":"s3:Foo*"`)), "Policy has invalid action"},
		{"another service", policy(stmt(`"Action":"ec2:*"`)), "Policy has invalid action"},
		{"no actions", policy(stmt(`"Action":[]`)), "Policy has invalid action"},
		{"another bucket", policy(stmt(`"Resource":"arn:aws:s3:::other/*"`)), "Policy has invalid resource"},
		{"longer name", policy(stmt(`"Resource":"arn:aws:s3:::bucket2"`)), "Policy has invalid resource"},
		{"no ARN", policy(stmt(`"Resource":"bucket/*"`)), "Policy has invalid resource"},
		{"star", policy(stmt(`"Resource":"*"`)), "Policy has invalid resource"},
		{"account", policy(stmt(`"Resource":"arn:aws:s3::123456789012:bucket/*"`)), "Policy has invalid resource"},
		{"object action, bucket resource", policy(stmt(`"Resource":"arn:aws:s3:::bucket"`)), "Action does not apply to any resource(s) in statement"},
		{"bucket action, object resource", policy(stmt(`"Action":"s3:ListBucket"`)), "Action does not apply to any resource(s) in statement"},
		{"one of the actions", policy(stmt(`"Action":["s3:GetObject","s3:ListBucket"]`)), "Action does not apply to any resource(s) in statement"},
		{"principal", policy(stmt(`"Principal":"alice"`)), "Invalid principal in policy"},
		{"principal kind", policy(stmt(`"Principal":{"User":"alice"}`)), "Invalid principal in policy"},
		{"principal wildcard", policy(stmt(`"Principal":{"AWS":"arn:aws:iam:::user/*"}`)), "Invalid principal in policy"},
		{"principal ARN", policy(stmt(`"Principal":{"AWS":"arn:aws:s3:::bucket"}`)), "Invalid principal in policy"},
		{"no principals", policy(stmt(`"Principal":{"AWS":[]}`)), "Invalid principal in policy"},
		{"everybody but one", policy(stmt(`"NotPrincipal":{"AWS":"alice"}`)), "Allow with NotPrincipal is not allowed."},
		{"operator", policy(stmt(`"Condition":{"StringSame":{"s3:prefix":"a"}}`)), "Invalid Condition type : StringSame"},
		{"NullIfExists", policy(stmt(`"Condition":{"NullIfExists":{"s3:prefix":"true"}}`)), "Invalid Condition type : NullIfExists"},
		{"key", policy(stmt(`"Condition":{"StringEquals":{"s3:pre":"a"}}`)), "Policy has an invalid condition key"},
		{"tag without name", policy(stmt(`"Condition":{"StringEquals":{"s3:ExistingObjectTag/":"a"}}`)), "Policy has an invalid condition key"},
		{"address", policy(stmt(`"Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.300"}}`)), `Invalid value "10.0.0.300" for the condition key aws:SourceIp`},
		{"number", policy(stmt(`"Condition":{"NumericEquals":{"s3:max-keys":"ten"}}`)), `Invalid value "ten" for the condition key s3:max-keys`},
		{"condition value", policy(stmt(`"Condition":{"StringEquals":{"s3:prefix":{"a":"b"}}}`)), "Invalid policy syntax."},
	} {
		_, err := access.Parse([]byte(tc.text), "bucket")
		var m *access.Malformed
		if !errors.As(err, &m) || m.Message != tc.want {
			t.Errorf("%s: %v, want %s", tc.name, err, tc.want)
		}
	}
}

func TestParseTakes(t *testing.T) {
	for name, text := range map[string]string{
		"one statement":     `{"Statement":` + stmt("") + `}`,
		"id":                `{"Id":"x","Version":"2008-10-17","Statement":[` + stmt("") + `]}`,
		"all actions":       policy(stmt(`"Action":"s3:*"`)),
		"star":              policy(stmt(`"Action":"*"`)),
		"case of actions":   policy(stmt(`"Action":"S3:getobject"`)),
		"both levels":       policy(stmt(`"Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]`)),
		"pattern of bucket": policy(stmt(`"Resource":"arn:aws:s3:::*/*"`)),
		"account star":      policy(stmt(`"Resource":"arn:aws:s3::*:bucket/*"`)),
		"service":           policy(stmt(`"Principal":{"Service":"logging.s3.amazonaws.com"}`)),
		"role":              policy(stmt(`"Principal":{"AWS":"arn:aws:iam::123456789012:role/x"}`)),
		"bool as bool":      policy(stmt(`"Condition":{"Bool":{"aws:SecureTransport":true}}`)),
		"number as number":  policy(stmt(`"Condition":{"NumericLessThan":{"s3:max-keys":10}}`)),
		"new global key":    policy(stmt(`"Condition":{"StringEquals":{"aws:Tomorrow":"x"}}`)),
	} {
		if _, err := access.Parse([]byte(text), "bucket"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// ask parses a policy and asks whether caller may do it to a key of somebody's bucket.
func ask(t *testing.T, text, caller, action, key string, k access.Keys) bool {
	t.Helper()
	p, err := access.Parse([]byte(text), "bucket")
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	q := access.Question{
		Caller: caller, Action: action, Key: key, Keys: k,
		Bucket: access.Bucket{Name: "bucket", Owner: "owner", Policy: p},
		Object: &access.Object{Owner: "owner"},
	}
	return q.Decide().Allowed
}

func TestMatching(t *testing.T) {
	alice := identity.CanonicalID("alice")
	for _, tc := range []struct {
		name, statement     string
		caller, action, key string
		want                bool
	}{
		{"everybody", stmt(""), "", "s3:GetObject", "k", true},
		{"everybody in a list", stmt(`"Principal":{"AWS":["*"]}`), "", "s3:GetObject", "k", true},
		{"another action", stmt(""), "alice", "s3:PutObject", "k", false},
		{"version is another action", stmt(""), "alice", "s3:GetObjectVersion", "k", false},
		{"wildcard action", stmt(`"Action":"s3:Get*"`), "alice", "s3:GetObjectVersion", "k", true},
		{"question mark", stmt(`"Action":"s3:?etObject"`), "alice", "s3:GetObject", "k", true},
		{"case of actions", stmt(`"Action":"s3:getOBJECT"`), "alice", "s3:GetObject", "k", true},
		{"not action", stmt(`"NotAction":"s3:PutObject"`), "alice", "s3:GetObject", "k", true},
		{"not action, that", stmt(`"NotAction":"s3:PutObject"`), "alice", "s3:PutObject", "k", false},
		{"not resource of a user", stmt(`"NotResource":"arn:aws:s3:::bucket/${aws:username}/*"`), "alice", "s3:GetObject", "k", true},
		{"not resource of nobody", stmt(`"NotResource":"arn:aws:s3:::bucket/${aws:username}/*"`), "", "s3:GetObject", "k", false},
		{"user by name", stmt(`"Principal":{"AWS":"alice"}`), "alice", "s3:GetObject", "k", true},
		{"user by ARN", stmt(`"Principal":{"AWS":"arn:aws:iam:::user/alice"}`), "alice", "s3:GetObject", "k", true},
		{"user of an account", stmt(`"Principal":{"AWS":["arn:aws:iam::123456789012:user/alice"]}`), "alice", "s3:GetObject", "k", true},
		{"account", stmt(`"Principal":{"AWS":"arn:aws:iam::alice:root"}`), "alice", "s3:GetObject", "k", true},
		{"canonical id", stmt(`"Principal":{"CanonicalUser":"` + alice + `"}`), "alice", "s3:GetObject", "k", true},
		{"canonical id as ARN", stmt(`"Principal":{"AWS":"arn:aws:iam:::user/` + alice + `"}`), "alice", "s3:GetObject", "k", true},
		{"another user", stmt(`"Principal":{"AWS":"alice"}`), "bob", "s3:GetObject", "k", false},
		{"part of a name", stmt(`"Principal":{"AWS":"arn:aws:iam:::user/x/alice"}`), "alice", "s3:GetObject", "k", false},
		{"anonymous is no user", stmt(`"Principal":{"AWS":"anonymous"}`), "", "s3:GetObject", "k", false},
		{"service is nobody", stmt(`"Principal":{"Service":"alice"}`), "alice", "s3:GetObject", "k", false},
		{"not principal", stmt("") + "," + stmt(`"Effect":"Deny","NotPrincipal":{"AWS":"alice"}`), "bob", "s3:GetObject", "k", false},
		{"not principal, that", stmt("") + "," + stmt(`"Effect":"Deny","NotPrincipal":{"AWS":"alice"}`), "alice", "s3:GetObject", "k", true},
		{"resource prefix", stmt(`"Resource":"arn:aws:s3:::bucket/a/*"`), "alice", "s3:GetObject", "a/b/c", true},
		{"resource prefix, not", stmt(`"Resource":"arn:aws:s3:::bucket/a/*"`), "alice", "s3:GetObject", "b", false},
		{"resource ?", stmt(`"Resource":"arn:aws:s3:::bucket/a?c"`), "alice", "s3:GetObject", "aäc", true},
		{"resource case", stmt(`"Resource":"arn:aws:s3:::bucket/A"`), "alice", "s3:GetObject", "a", false},
		{"several stars", stmt(`"Resource":"arn:aws:s3:::bucket/*a*b*"`), "alice", "s3:GetObject", "xxaaxxbb", true},
		{"several stars, not", stmt(`"Resource":"arn:aws:s3:::bucket/*a*b"`), "alice", "s3:GetObject", "xxaaxxbbx", false},
		{"not resource", stmt(`"NotResource":"arn:aws:s3:::bucket/private/*"`), "alice", "s3:GetObject", "a", true},
		{"not resource, that", stmt(`"NotResource":"arn:aws:s3:::bucket/private/*"`), "alice", "s3:GetObject", "private/a", false},
		{"star in a key is text", stmt(`"Resource":"arn:aws:s3:::bucket/${*}"`), "alice", "s3:GetObject", "*", true},
		{"star in a key is text, not", stmt(`"Resource":"arn:aws:s3:::bucket/${*}"`), "alice", "s3:GetObject", "b", false},
		{"home", stmt(`"Resource":"arn:aws:s3:::bucket/${aws:username}/*"`), "alice", "s3:GetObject", "alice/a", true},
		{"another's home", stmt(`"Resource":"arn:aws:s3:::bucket/${aws:username}/*"`), "alice", "s3:GetObject", "bob/a", false},
		{"no home", stmt(`"Resource":"arn:aws:s3:::bucket/${aws:username}/*"`), "", "s3:GetObject", "/a", false},
		{"default home", stmt(`"Resource":"arn:aws:s3:::bucket/${aws:username, 'guest'}/*"`), "", "s3:GetObject", "guest/a", true},
		{"a name is no pattern", stmt(`"Resource":"arn:aws:s3:::bucket/${aws:username}/*"`), "*", "s3:GetObject", "bob/a", false},
	} {
		k := keys{}
		if tc.caller != "" {
			k["aws:username"] = []string{tc.caller}
		}
		if got := ask(t, policy(tc.statement), tc.caller, tc.action, tc.key, k); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
	if ask(t, `{"Version":"2008-10-17","Statement":`+stmt(`"Resource":"arn:aws:s3:::bucket/${aws:username}/*"`)+"}", "alice", "s3:GetObject", "alice/a", keys{"aws:username": {"alice"}}) {
		t.Error("version 2008-10-17 has variables")
	}
}

func TestConditions(t *testing.T) {
	request := keys{
		"s3:prefix": {"home/alice"}, "s3:max-keys": {"10"}, "aws:sourceip": {"10.1.2.3"}, "aws:securetransport": {"false"},
		"aws:currenttime": {"2026-11-23T05:00:00Z"}, "aws:epochtime": {"1795410000"}, "s3:requestobjecttagkeys": {"a", "b"},
		"aws:principalarn": {"arn:aws:iam:::user/alice"}, "aws:referer": {"http://example.com/x"}, "aws:username": {"alice"},
		"aws:blob": {"aGk="}, "s3:existingobjecttag/class": {"Public"},
	}
	v6 := keys{"aws:sourceip": {"2001:db8::1"}}
	for _, tc := range []struct {
		condition string
		want      bool
	}{
		{`{"StringEquals":{"s3:prefix":"home/alice"}}`, true},
		{`{"StringEquals":{"s3:prefix":["x","home/alice"]}}`, true},
		{`{"StringEquals":{"s3:prefix":"home/*"}}`, false},
		{`{"StringEquals":{"S3:Prefix":"home/${aws:username}"}}`, true},
		{`{"StringEquals":{"s3:prefix":"home/${aws:userid}"}}`, false},
		{`{"StringNotEquals":{"s3:prefix":"x"}}`, true},
		{`{"StringNotEquals":{"s3:prefix":["x","home/alice"]}}`, false},
		{`{"StringNotEquals":{"s3:delimiter":"/"}}`, true},
		{`{"StringEquals":{"s3:delimiter":"/"}}`, false},
		{`{"StringEqualsIfExists":{"s3:delimiter":"/"}}`, true},
		{`{"StringEqualsIfExists":{"s3:prefix":"/"}}`, false},
		{`{"StringEqualsIgnoreCase":{"s3:prefix":"HOME/ALICE"}}`, true},
		{`{"StringNotEqualsIgnoreCase":{"s3:prefix":"HOME/ALICE"}}`, false},
		{`{"StringLike":{"s3:prefix":"home/*"}}`, true},
		{`{"StringNotLike":{"s3:prefix":"home/*"}}`, false},
		{`{"StringLike":{"aws:Referer":["http://www.example.com/*","http://example.com/*"]}}`, true},
		{`{"StringEquals":{"s3:ExistingObjectTag/class":"Public"}}`, true},
		{`{"StringEquals":{"s3:ExistingObjectTag/other":"Public"}}`, false},
		{`{"NumericEquals":{"s3:max-keys":10}}`, true},
		{`{"NumericEquals":{"s3:max-keys":"10.0"}}`, true},
		{`{"NumericNotEquals":{"s3:max-keys":"10"}}`, false},
		{`{"NumericLessThan":{"s3:max-keys":"10"}}`, false},
		{`{"NumericLessThanEquals":{"s3:max-keys":"10"}}`, true},
		{`{"NumericGreaterThan":{"s3:max-keys":"9"}}`, true},
		{`{"NumericGreaterThanEquals":{"s3:max-keys":"11"}}`, false},
		{`{"DateGreaterThan":{"aws:CurrentTime":"2026-01-01T00:00:00Z"}}`, true},
		{`{"DateLessThan":{"aws:CurrentTime":"2026-01-01"}}`, false},
		{`{"DateLessThan":{"aws:EpochTime":"2027-01-01T00:00:00Z"}}`, true},
		{`{"DateNotEquals":{"aws:CurrentTime":"2026-11-23T06:00:00+01:00"}}`, false},
		{`{"Bool":{"aws:SecureTransport":"false"}}`, true},
		{`{"Bool":{"aws:SecureTransport":true}}`, false},
		{`{"BinaryEquals":{"aws:Blob":"aGk="}}`, true},
		{`{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`, true},
		{`{"IpAddress":{"aws:SourceIp":"10.1.2.3"}}`, true},
		{`{"IpAddress":{"aws:SourceIp":["192.168.0.0/16","::/0"]}}`, false},
		{`{"NotIpAddress":{"aws:SourceIp":"10.1.2.0/24"}}`, false},
		{`{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::*:user/ali*"}}`, true},
		{`{"ArnLike":{"aws:PrincipalArn":"arn:*:user/alice"}}`, false},
		{`{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam:::user/bob"}}`, true},
		{`{"Null":{"s3:delimiter":"true"}}`, true},
		{`{"Null":{"s3:prefix":"true"}}`, false},
		{`{"Null":{"s3:prefix":false}}`, true},
		{`{"ForAllValues:StringEquals":{"s3:RequestObjectTagKeys":["a","b","c"]}}`, true},
		{`{"ForAllValues:StringEquals":{"s3:RequestObjectTagKeys":["a"]}}`, false},
		{`{"ForAllValues:StringEquals":{"s3:x-amz-acl":["a"]}}`, true},
		{`{"ForAnyValue:StringEquals":{"s3:RequestObjectTagKeys":["b","z"]}}`, true},
		{`{"ForAnyValue:StringEquals":{"s3:RequestObjectTagKeys":["z"]}}`, false},
		{`{"ForAnyValue:StringEquals":{"s3:x-amz-acl":["a"]}}`, false},
		{`{"ForAnyValue:StringNotEquals":{"s3:RequestObjectTagKeys":["a"]}}`, true},
		{`{"ForAllValues:StringNotEquals":{"s3:RequestObjectTagKeys":["a"]}}`, false},
		{`{"StringEquals":{"s3:prefix":"home/alice"},"NumericLessThan":{"s3:max-keys":"5"}}`, false},
		{`{"StringLike":{"s3:prefix":"*","aws:Referer":"http://example.com/*"}}`, true},
		{`{}`, true},
	} {
		if got := ask(t, policy(stmt(`"Condition":`+tc.condition)), "alice", "s3:GetObject", "k", request); got != tc.want {
			t.Errorf("%s: %v", tc.condition, got)
		}
	}
	if !ask(t, policy(stmt(`"Condition":{"IpAddress":{"aws:SourceIp":"2001:db8::/32"}}`)), "alice", "s3:GetObject", "k", v6) {
		t.Error("IPv6")
	}
}

func TestPublic(t *testing.T) {
	for _, tc := range []struct {
		name, statement string
		want            bool
	}{
		{"everybody", stmt(""), true},
		{"everybody in a list", stmt(`"Principal":{"AWS":["alice","*"]}`), true},
		{"a user", stmt(`"Principal":{"AWS":"alice"}`), false},
		{"denied", stmt(`"Effect":"Deny"`), false},
		{"a network", stmt(`"Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`), false},
		{"the world", stmt(`"Condition":{"IpAddress":{"aws:SourceIp":"0.0.0.0/1"}}`), true},
		{"a network and the world", stmt(`"Condition":{"IpAddress":{"aws:SourceIp":["10.0.0.0/8","0.0.0.0/0"]}}`), true},
		{"all but a network", stmt(`"Condition":{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`), true},
		{"IPv6", stmt(`"Condition":{"IpAddress":{"aws:SourceIp":"2001:db8::/48"}}`), false},
		{"IPv6 world", stmt(`"Condition":{"IpAddress":{"aws:SourceIp":"2000::/3"}}`), true},
		{"a VPC", stmt(`"Condition":{"StringEquals":{"aws:SourceVpc":"vpc-1"}}`), false},
		{"VPCs by pattern", stmt(`"Condition":{"StringLike":{"aws:SourceVpc":"vpc-*"}}`), true},
		{"a VPC, if", stmt(`"Condition":{"StringEqualsIfExists":{"aws:SourceVpc":"vpc-1"}}`), true},
		{"a referer", stmt(`"Condition":{"StringEquals":{"aws:Referer":"http://example.com"}}`), true},
		{"a variable", stmt(`"Condition":{"StringEquals":{"aws:userid":"${aws:userid}"}}`), true},
	} {
		p, err := access.Parse([]byte(policy(tc.statement)), "bucket")
		if err != nil {
			t.Fatal(tc.name, err)
		}
		if p.Public() != tc.want {
			t.Errorf("%s: %v", tc.name, !tc.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(policy(stmt("")))
	f.Add(policy(stmt(`"Condition":{"ForAnyValue:StringLike":{"s3:RequestObjectTagKeys":["a*",1,true]}}`)))
	f.Add(policy(stmt(`"Resource":"arn:aws:s3:::bucket/${aws:username, 'x'}/*","NotPrincipal":{"AWS":["alice"]}`)))
	f.Add(policy(stmt(`"Condition":{"NumericEquals":{"s3:max-keys":"1e999999999"},"DateLessThan":{"aws:EpochTime":5}}`)))
	f.Fuzz(func(t *testing.T, text string) {
		p, err := access.Parse([]byte(text), "bucket")
		if err != nil {
			var m *access.Malformed
			if !errors.As(err, &m) {
				t.Fatal(err)
			}
			return
		}
		p.Public()
		p.Names()
		k := keys{"aws:username": {"alice"}, "s3:max-keys": {"5"}, "aws:epochtime": {"7"}}
		for _, caller := range []string{"", "alice", "owner"} {
			for _, action := range []string{"s3:GetObject", "s3:PutObject", "s3:ListBucket"} {
				q := access.Question{
					Caller: caller, Action: action, Key: "k", Keys: k, Object: &access.Object{Owner: "owner"},
					Bucket: access.Bucket{Name: "bucket", Owner: "owner", Policy: p},
				}
				if d := q.Decide(); d.Reason == "" {
					t.Fatal("no reason", fmt.Sprint(q))
				}
			}
		}
	})
}
