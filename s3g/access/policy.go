package access

import (
	"errors"
	"fmt"
	"strings"
)

// MaxPolicy is the size of the largest bucket policy, AWS's 20 KB.
const MaxPolicy = 20 << 10

// Malformed says what is wrong with a policy, in AWS's words.
type Malformed struct{ Message string }

// Error implements error.
func (e *Malformed) Error() string { return e.Message }

func malformed(format string, args ...any) error {
	return &Malformed{Message: fmt.Sprintf(format, args...)}
}

// Policy is a parsed bucket policy. It is never changed.
type Policy struct {
	statements []statement
}

// statement is one Allow or Deny. Everything in it must match a request.
type statement struct {
	sid          string
	number       int // from 1 on, for those without a Sid
	allow        bool
	principals   *principals
	notPrincipal bool
	actions      []string // expanded patterns in lower case
	notAction    bool
	resources    []pattern
	notResource  bool
	conditions   []condition
}

// name is how a reason calls the statement.
func (s *statement) name() string {
	if s.sid != "" {
		return fmt.Sprintf("statement %q", s.sid)
	}
	return fmt.Sprintf("statement %d", s.number)
}

// Parse reads the policy of a bucket, "" for one that was checked before. An error is a
// *Malformed.
func Parse(text []byte, bucket string) (*Policy, error) {
	if len(text) > MaxPolicy {
		return nil, malformed("Normalized policy document exceeds the maximum allowed size of %d bytes.", MaxPolicy)
	}
	if len(text) == 0 || text[0] != '{' {
		return nil, malformed("Policies must be valid JSON and the first byte must be '{'")
	}
	doc, err := parseJSON(text)
	switch {
	case errors.Is(err, errDuplicate):
		return nil, malformed("This policy contains duplicate keys")
	case err != nil:
		return nil, malformed("This policy contains invalid Json")
	}
	return parsePolicy(&doc, bucket)
}

func parsePolicy(doc *node, bucket string) (*Policy, error) {
	variables := false
	var list *node
	for i := range doc.fields {
		f := &doc.fields[i]
		switch f.name {
		case "Version":
			if f.value.kind != 's' || f.value.text != "2012-10-17" && f.value.text != "2008-10-17" {
				return nil, malformed("The policy must contain a valid version string")
			}
			variables = f.value.text == "2012-10-17"
		case "Id":
			if f.value.kind != 's' {
				return nil, malformed("Invalid policy syntax.")
			}
		case "Statement":
			list = &f.value
		default:
			return nil, malformed("Unknown field %s", f.name)
		}
	}
	if list == nil {
		return nil, malformed("Missing required field Statement")
	}
	items := list.items
	if list.kind == '{' {
		items = []node{*list}
	}
	if len(items) == 0 {
		return nil, malformed("Could not parse the policy: Statement is empty!")
	}
	p := &Policy{}
	for i := range items {
		s, err := parseStatement(&items[i], bucket, variables)
		if err != nil {
			return nil, err
		}
		s.number = i + 1
		p.statements = append(p.statements, s)
	}
	return p, nil
}

func parseStatement(n *node, bucket string, variables bool) (statement, error) {
	s := statement{}
	if n.kind != '{' {
		return s, malformed("Invalid policy syntax.")
	}
	for i := range n.fields {
		if err := s.field(&n.fields[i], bucket, variables); err != nil {
			return s, err
		}
	}
	for _, names := range [][2]string{{"Effect"}, {"Principal", "NotPrincipal"}, {"Action", "NotAction"}, {"Resource", "NotResource"}} {
		one, other := n.get(names[0]), n.get(names[1])
		switch {
		case one == nil && other == nil:
			return s, malformed("Missing required field %s", names[0])
		case one != nil && other != nil:
			return s, malformed("Invalid policy syntax.")
		}
	}
	if s.allow && s.notPrincipal {
		return s, malformed("Allow with NotPrincipal is not allowed.")
	}
	return s, s.applies(bucket)
}

func (s *statement) field(f *field, bucket string, variables bool) (err error) {
	switch f.name {
	case "Sid":
		if f.value.kind != 's' {
			return malformed("Invalid policy syntax.")
		}
		s.sid = f.value.text
	case "Effect":
		if f.value.text != "Allow" && f.value.text != "Deny" || f.value.kind != 's' {
			return malformed("Invalid effect: %s", f.value.text)
		}
		s.allow = f.value.text == "Allow"
	case "Principal", "NotPrincipal":
		s.notPrincipal = f.name == "NotPrincipal"
		s.principals, err = parsePrincipals(&f.value)
	case "Action", "NotAction":
		s.notAction = f.name == "NotAction"
		err = s.parseActions(&f.value)
	case "Resource", "NotResource":
		s.notResource = f.name == "NotResource"
		err = s.parseResources(&f.value, bucket, variables)
	case "Condition":
		s.conditions, err = parseConditions(&f.value, variables)
	default:
		err = malformed("Unknown field %s", f.name)
	}
	return err
}

func (s *statement) parseActions(n *node) error {
	values, ok := n.strings()
	if !ok {
		return malformed("Policy has invalid action")
	}
	for _, v := range values {
		v = strings.ToLower(v)
		if buckets, objects := known(v); !buckets && !objects {
			return malformed("Policy has invalid action")
		}
		p := newPattern(v, true, false)
		s.actions = append(s.actions, p.fixed)
	}
	return nil
}

// parseResources wants resources of this bucket: arn:aws:s3:::BUCKET and below.
func (s *statement) parseResources(n *node, bucket string, variables bool) error {
	values, ok := n.strings()
	if !ok {
		return malformed("Policy has invalid resource")
	}
	for _, v := range values {
		path, ok := resourcePath(v)
		name, _, _ := strings.Cut(path, "/")
		if !ok || bucket != "" && !glob(name, bucket) {
			return malformed("Policy has invalid resource")
		}
		s.resources = append(s.resources, newPattern(path, true, variables))
	}
	return nil
}

// resourcePath is what stands behind arn:PARTITION:s3:REGION:ACCOUNT: of a resource.
// Region and account are empty in ARNs of S3; a * is as good.
func resourcePath(arn string) (string, bool) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "s3" || parts[5] == "" {
		return "", false
	}
	if !strings.HasPrefix(parts[1], "aws") && parts[1] != "*" {
		return "", false
	}
	for _, p := range parts[3:5] {
		if p != "" && p != "*" {
			return "", false
		}
	}
	return parts[5], true
}

// applies refuses an action that no resource of its statement can have: one of objects
// beside the bucket alone, or one of the bucket beside objects alone.
func (s *statement) applies(bucket string) error {
	if s.notAction || s.notResource || bucket == "" {
		return nil
	}
	var onBucket, onObjects bool
	for _, r := range s.resources {
		onBucket = onBucket || glob(r.source, bucket)
		onObjects = onObjects || strings.ContainsAny(r.source, "/*")
	}
	for _, a := range s.actions {
		buckets, objects := known(unexpanded(a))
		if !(buckets && onBucket) && !(objects && onObjects) {
			return malformed("Action does not apply to any resource(s) in statement")
		}
	}
	return nil
}

// unexpanded is the source of a pattern without variables.
func unexpanded(p string) string {
	return strings.NewReplacer(string([]byte{anyText}), "*", string([]byte{anyRune}), "?").Replace(p)
}

// matches says whether the statement speaks of the question.
func (s *statement) matches(q *Question) bool {
	return s.principals.matches(q.Caller) != s.notPrincipal &&
		s.hasAction(q.Action) != s.notAction &&
		s.speaksOf(q) &&
		s.holds(q.Keys)
}

func (s *statement) hasAction(action string) bool {
	action = strings.ToLower(action)
	for _, p := range s.actions {
		if match(p, action) {
			return true
		}
	}
	return false
}

// speaksOf says whether the question's resource is among the statement's, or is not where
// those are excepted. An exception with a variable that the request does not have may be
// any: nothing is allowed then.
func (s *statement) speaksOf(q *Question) bool {
	resource, unknown := q.Resource(), false
	for i := range s.resources {
		p, ok := s.resources[i].expanded(q.Keys)
		if ok && match(p, resource) {
			return !s.notResource
		}
		unknown = unknown || !ok
	}
	return s.notResource && !(s.allow && unknown)
}

func (s *statement) holds(keys Keys) bool {
	for i := range s.conditions {
		if !s.conditions[i].holds(keys) {
			return false
		}
	}
	return true
}

// find is the first Deny that speaks of the question, otherwise the first Allow, nil
// if none does.
func (p *Policy) find(q *Question) *statement {
	if p == nil {
		return nil
	}
	var allow *statement
	for i := range p.statements {
		s := &p.statements[i]
		if s.allow && allow != nil || !s.matches(q) {
			continue
		}
		if !s.allow {
			return s
		}
		allow = s
	}
	return allow
}

// Unreadable is the policy in place of one that cannot be read: it denies everything.
func Unreadable() *Policy {
	all := newPattern("*", true, false)
	return &Policy{statements: []statement{{
		sid: "(the policy cannot be read)", principals: &principals{everybody: true}, actions: []string{all.fixed}, resources: []pattern{all},
	}}}
}

// Names are the users that statements name plainly, for who knows whether they exist.
func (p *Policy) Names() []string {
	var names []string
	for i := range p.statements {
		names = append(names, p.statements[i].principals.names...)
	}
	return names
}
