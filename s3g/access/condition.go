package access

import (
	"bytes"
	"encoding/base64"
	"math/big"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Keys are the condition keys of a request, by name in lower case. No values: the
// request has no such key.
type Keys interface {
	Values(name string) []string
}

// condition is one operator on one key.
type condition struct {
	key      string // in lower case
	op       operator
	negated  bool
	ifExists bool
	forAll   bool // ForAllValues:
	forAny   bool // ForAnyValue:
	values   []pattern
}

// operator compares a value of the request with one of the policy, expanded.
type operator struct {
	test  func(policy, request string) bool
	wild  bool                // the policy's values are patterns
	check func(v string) bool // whether a value can stand in a policy; nil: any can
	null  bool
}

// operators are those without their negation, which is the same with Not after the
// kind: StringNotEquals, NotIpAddress.
var operators = map[string]operator{
	"StringEquals":             {test: func(p, v string) bool { return p == v }},
	"StringEqualsIgnoreCase":   {test: strings.EqualFold},
	"StringLike":               {test: match, wild: true},
	"NumericEquals":            numeric(func(c int) bool { return c == 0 }),
	"NumericLessThan":          numeric(func(c int) bool { return c < 0 }),
	"NumericLessThanEquals":    numeric(func(c int) bool { return c <= 0 }),
	"NumericGreaterThan":       numeric(func(c int) bool { return c > 0 }),
	"NumericGreaterThanEquals": numeric(func(c int) bool { return c >= 0 }),
	"DateEquals":               dates(func(c int) bool { return c == 0 }),
	"DateLessThan":             dates(func(c int) bool { return c < 0 }),
	"DateLessThanEquals":       dates(func(c int) bool { return c <= 0 }),
	"DateGreaterThan":          dates(func(c int) bool { return c > 0 }),
	"DateGreaterThanEquals":    dates(func(c int) bool { return c >= 0 }),
	"Bool":                     {test: strings.EqualFold, check: isBool},
	"BinaryEquals":             {test: binaryEquals, check: func(v string) bool { _, err := base64.StdEncoding.DecodeString(v); return err == nil }},
	"IpAddress":                {test: inNetwork, check: func(v string) bool { _, ok := network(v); return ok }},
	"ArnEquals":                {test: matchARN, wild: true},
	"ArnLike":                  {test: matchARN, wild: true},
	"Null":                     {null: true, check: isBool},
}

// negations are the operators that are another one's opposite.
var negations = map[string]string{
	"StringNotEquals": "StringEquals", "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase", "StringNotLike": "StringLike",
	"NumericNotEquals": "NumericEquals", "DateNotEquals": "DateEquals", "NotIpAddress": "IpAddress",
	"ArnNotEquals": "ArnEquals", "ArnNotLike": "ArnLike",
}

// parseConditions reads the value of Condition.
func parseConditions(n *node, variables bool) ([]condition, error) {
	if n.kind != '{' {
		return nil, malformed("Invalid policy syntax.")
	}
	var all []condition
	for _, f := range n.fields {
		proto, ok := parseOperator(f.name)
		if !ok {
			return nil, malformed("Invalid Condition type : %s", f.name)
		}
		if f.value.kind != '{' {
			return nil, malformed("Invalid policy syntax.")
		}
		for _, kv := range f.value.fields {
			c := proto
			if err := c.read(&kv, variables); err != nil {
				return nil, err
			}
			all = append(all, c)
		}
	}
	return all, nil
}

func parseOperator(name string) (c condition, ok bool) {
	if rest, found := strings.CutPrefix(name, "ForAllValues:"); found {
		name, c.forAll = rest, true
	} else if rest, found := strings.CutPrefix(name, "ForAnyValue:"); found {
		name, c.forAny = rest, true
	}
	name, c.ifExists = strings.CutSuffix(name, "IfExists")
	if positive, found := negations[name]; found {
		name, c.negated = positive, true
	}
	c.op, ok = operators[name]
	return c, ok && !(c.op.null && (c.ifExists || c.forAll || c.forAny))
}

func (c *condition) read(kv *field, variables bool) error {
	c.key = strings.ToLower(kv.name)
	if !knownKey(c.key) {
		return malformed("Policy has an invalid condition key")
	}
	values, ok := kv.value.scalars()
	if !ok {
		return malformed("Invalid policy syntax.")
	}
	for _, v := range values {
		p := newPattern(v, c.op.wild, variables)
		if c.op.check != nil && !p.vars && !c.op.check(v) {
			return malformed("Invalid value %q for the condition key %s", v, kv.name)
		}
		c.values = append(c.values, p)
	}
	return nil
}

// holds says whether the request meets the condition. A key that the request does not
// have meets only what is negated, …IfExists or ForAllValues.
func (c *condition) holds(keys Keys) bool {
	values := keys.Values(c.key)
	switch {
	case c.op.null:
		return c.null(len(values) == 0)
	case len(values) == 0 && c.forAny:
		return c.ifExists
	case len(values) == 0:
		return c.forAll || c.ifExists || c.negated
	case c.forAll, c.negated && !c.forAny:
		return !slices.ContainsFunc(values, func(v string) bool { return !c.accepts(v, keys) })
	}
	return slices.ContainsFunc(values, func(v string) bool { return c.accepts(v, keys) })
}

func (c *condition) null(absent bool) bool {
	for i := range c.values {
		if v, ok := c.values[i].expanded(nil); ok && strings.EqualFold(v, strconv.FormatBool(absent)) {
			return true
		}
	}
	return false
}

// accepts says whether one value of the request is, or is not, among the policy's.
func (c *condition) accepts(v string, keys Keys) bool {
	for i := range c.values {
		if p, ok := c.values[i].expanded(keys); ok && c.op.test(p, v) {
			return !c.negated
		}
	}
	return c.negated
}

func isBool(v string) bool { return strings.EqualFold(v, "true") || strings.EqualFold(v, "false") }

// numeric compares the request's value with the policy's.
func numeric(is func(c int) bool) operator {
	parse := func(v string) (*big.Rat, bool) {
		if len(v) > 40 || strings.ContainsAny(v, "/eEpPxX_") { // nothing that takes long to compare
			return nil, false
		}
		return new(big.Rat).SetString(v)
	}
	return operator{
		check: func(v string) bool { _, ok := parse(v); return ok },
		test: func(policy, request string) bool {
			p, ok1 := parse(policy)
			r, ok2 := parse(request)
			return ok1 && ok2 && is(r.Cmp(p))
		},
	}
}

func dates(is func(c int) bool) operator {
	return operator{
		check: func(v string) bool { _, ok := parseDate(v); return ok },
		test: func(policy, request string) bool {
			p, ok1 := parseDate(policy)
			r, ok2 := parseDate(request)
			return ok1 && ok2 && is(r.Compare(p))
		},
	}
}

// parseDate reads the forms of ISO 8601 that W3C lists, and seconds since 1970.
func parseDate(v string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02", "2006-01", "2006"} {
		if t, err := time.Parse(layout, v); err == nil {
			return t, true
		}
	}
	n, err := strconv.ParseInt(v, 10, 64)
	return time.Unix(n, 0), err == nil
}

func binaryEquals(policy, request string) bool {
	p, err1 := base64.StdEncoding.DecodeString(policy)
	r, err2 := base64.StdEncoding.DecodeString(request)
	return err1 == nil && err2 == nil && bytes.Equal(p, r)
}

// network is a CIDR, or one address.
func network(v string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(v); err == nil {
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(v)
	if err != nil {
		return netip.Prefix{}, false
	}
	p, err := a.WithZone("").Prefix(a.BitLen())
	return p, err == nil
}

func inNetwork(policy, request string) bool {
	p, ok := network(policy)
	a, err := netip.ParseAddr(request)
	return ok && err == nil && p.Contains(a.Unmap().WithZone(""))
}

// matchARN compares the six parts of two ARNs each for itself: a * does not reach
// over a colon before the last.
func matchARN(p, v string) bool {
	ps, vs := strings.SplitN(p, ":", 6), strings.SplitN(v, ":", 6)
	if len(ps) != 6 || len(vs) != 6 {
		return len(ps) == 1 && p == string([]byte{anyText})
	}
	for i := range ps {
		if !match(ps[i], vs[i]) {
			return false
		}
	}
	return true
}
