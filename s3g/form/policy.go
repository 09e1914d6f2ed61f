package form

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

// Policy says until when a form may be used, and what must be in it.
type Policy struct {
	Expiration time.Time
	// MinSize and MaxSize are the bytes that the file may have, from
	// content-length-range; without one 0 and the largest number.
	MinSize, MaxSize int64

	conditions []condition
}

// condition is about one field. prefix: its value must begin with value, otherwise be it.
type condition struct {
	prefix bool
	field  string // in lower case
	value  string
	shown  string // as the policy has it, for the error
}

// ParsePolicy reads the policy field: base64 of a JSON document.
func ParsePolicy(field string) (*Policy, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.Map(dropSpace, field))
	if err != nil {
		return nil, bad("Invalid Base64 encoding.")
	}
	var doc map[string]json.RawMessage
	if err := decode(plainEscapes(raw), &doc); err != nil || doc == nil {
		return nil, bad("Invalid JSON.")
	}
	for name := range doc {
		if name != "expiration" && name != "conditions" {
			return nil, bad("Unexpected: '" + name + "'.")
		}
	}
	p := &Policy{MaxSize: math.MaxInt64}
	if err := p.readExpiration(doc["expiration"]); err != nil {
		return nil, err
	}
	return p, p.readConditions(doc["conditions"])
}

func dropSpace(c rune) rune {
	if c == '\r' || c == '\n' || c == ' ' || c == '\t' {
		return -1
	}
	return c
}

// bad is a policy that is not one.
func bad(why string) error { return s3err.InvalidPolicyDocument.With("Invalid Policy: " + why) }

// decode reads one JSON document into v. Numbers keep their digits.
func decode(raw []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one document")
	}
	return nil
}

// plainEscapes makes JSON of the two escapes that AWS has beyond it: \$ and \v.
func plainEscapes(raw []byte) []byte {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' || i+1 == len(raw) {
			out = append(out, raw[i])
			continue
		}
		i++
		switch raw[i] {
		case '$':
			out = append(out, '$')
		case 'v':
			out = append(out, `\u000b`...)
		default:
			out = append(out, '\\', raw[i])
		}
	}
	return out
}

// expirations are the forms of ISO 8601 that are taken.
var expirations = []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "20060102T150405Z"}

func (p *Policy) readExpiration(raw json.RawMessage) error {
	var text string
	if raw == nil {
		return bad("Policy missing expiration.")
	}
	if err := decode(raw, &text); err != nil {
		return bad("Invalid 'expiration' value: must be a string.")
	}
	for _, form := range expirations {
		t, err := time.Parse(form, text)
		if err == nil {
			p.Expiration = t
			return nil
		}
	}
	return bad("Invalid 'expiration' value: '" + text + "'")
}

func (p *Policy) readConditions(raw json.RawMessage) error {
	if raw == nil {
		return bad("Policy missing condition or statement list.")
	}
	var list []json.RawMessage
	if err := decode(raw, &list); err != nil || list == nil {
		return bad("Conditions must be a list.")
	}
	for _, c := range list {
		var err error
		if bytes.HasPrefix(bytes.TrimSpace(c), []byte("{")) {
			err = p.simple(c)
		} else {
			err = p.listed(c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// simple is {"field": "value"}.
func (p *Policy) simple(raw json.RawMessage) error {
	var pair map[string]any
	if err := decode(raw, &pair); err != nil || len(pair) != 1 {
		return bad("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")
	}
	for field, value := range pair {
		text, ok := value.(string)
		if !ok {
			return bad("Invalid Simple-Condition: value must be a string.")
		}
		p.add(false, field, text)
	}
	return nil
}

// listed is ["eq" or "starts-with", "$field", "value"], or ["content-length-range", n, m].
func (p *Policy) listed(raw json.RawMessage) error {
	var list []any
	if err := decode(raw, &list); err != nil || len(list) == 0 {
		return bad("Invalid Condition: a condition must be an object or a list.")
	}
	operator, _ := list[0].(string)
	operator = strings.ToLower(operator)
	if len(list) != 3 {
		return bad("Invalid Condition: wrong number of arguments.")
	}
	switch operator {
	case "content-length-range":
		return p.sizes(list[1], list[2])
	case "eq", "starts-with":
	default:
		return bad("Invalid Condition: unknown operation.")
	}
	field, ok1 := list[1].(string)
	value, ok2 := list[2].(string)
	field, dollar := strings.CutPrefix(field, "$")
	if !ok1 || !ok2 || !dollar || field == "" {
		return bad("Invalid Condition: the arguments must be a field, with $ before its name, and a string.")
	}
	p.add(operator == "starts-with", field, value)
	return nil
}

func (p *Policy) add(prefix bool, field, value string) {
	operator := "eq"
	if prefix {
		operator = "starts-with"
	}
	shown, _ := json.Marshal([]string{operator, "$" + field, value}) // strings marshal
	p.conditions = append(p.conditions, condition{prefix, strings.ToLower(field), value, string(shown)})
}

// sizes narrows what the file's size may be: of several ranges all hold.
func (p *Policy) sizes(low, high any) error {
	from, ok1 := size(low)
	to, ok2 := size(high)
	if !ok1 || !ok2 || from > to {
		return bad("Invalid content-length-range: the bounds must be numbers, the first not above the second.")
	}
	p.MinSize, p.MaxSize = max(p.MinSize, from), min(p.MaxSize, to)
	return nil
}

func size(v any) (int64, bool) {
	var text string
	switch v := v.(type) {
	case json.Number:
		text = v.String()
	case string: // as some tools write it, and AWS takes it
		text = v
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n >= 0
}

// Check holds a form for the bucket against the policy. The bucket and every field must
// be in some condition, but for the fields that carry the policy itself.
func (p *Policy) Check(f *Form, bucket string, now time.Time) error {
	if !now.Before(p.Expiration) {
		return denied("Policy expired.")
	}
	covered := map[string]bool{}
	for _, c := range p.conditions {
		covered[c.field] = true
		value, ok := f.Value(c.field), f.Has(c.field)
		if c.field == "bucket" {
			value, ok = bucket, true
		}
		if !c.holds(value, ok) {
			return denied("Policy Condition failed: " + c.shown)
		}
	}
	var extra []string
	for _, name := range f.Names() {
		if lower := strings.ToLower(name); !covered[lower] && !exempt(lower) {
			extra = append(extra, name)
		}
	}
	if !covered["bucket"] && !f.Has("bucket") {
		extra = append(extra, "bucket")
	}
	if extra != nil {
		return denied("Extra input fields: " + strings.Join(extra, ", "))
	}
	return nil
}

func denied(why string) error { return s3err.AccessDenied.With("Invalid according to Policy: " + why) }

// holds decides a condition. A field that is not there has no value, not an empty one,
// except that any beginning will do where the policy asks for none.
func (c condition) holds(value string, there bool) bool {
	switch {
	case !c.prefix:
		return there && value == c.value
	case c.value == "":
		return true
	case !there:
		return false
	case c.field != "content-type":
		return strings.HasPrefix(value, c.value)
	}
	for kind := range strings.SplitSeq(value, ",") { // a list of types, as AWS has it
		if !strings.HasPrefix(strings.TrimSpace(kind), c.value) {
			return false
		}
	}
	return true
}

// exempt are the fields that no policy need speak of.
func exempt(lower string) bool {
	switch lower {
	case "policy", "file", "signature", "x-amz-signature", "awsaccesskeyid":
		return true
	}
	return strings.HasPrefix(lower, "x-ignore-")
}
