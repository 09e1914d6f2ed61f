package access

import (
	"net/netip"
	"strings"
)

// Public says whether the policy lets the public in, as AWS defines it ("The meaning of
// public"): some Allow is for everybody and not kept, by a condition, to fixed values
// of one of a few keys.
func (p *Policy) Public() bool {
	if p == nil {
		return false
	}
	for i := range p.statements {
		if s := &p.statements[i]; s.allow && s.principals.everybody && !s.narrowed() {
			return true
		}
	}
	return false
}

// narrowing are the keys whose fixed values keep a statement from being public.
var narrowing = map[string]bool{
	"aws:principalorgid": true, "aws:principalarn": true, "aws:principalaccount": true, "aws:sourcearn": true, "aws:sourcevpc": true,
	"aws:sourcevpce": true, "aws:sourceowner": true, "aws:sourceaccount": true, "aws:userid": true, "aws:username": true,
	"s3:x-amz-server-side-encryption-aws-kms-key-id": true, "s3:dataaccesspointarn": true, "s3:dataaccesspointaccount": true,
}

func (s *statement) narrowed() bool {
	for i := range s.conditions {
		if s.conditions[i].narrows() {
			return true
		}
	}
	return false
}

func (c *condition) narrows() bool {
	if c.negated || c.ifExists || c.forAll || c.op.null || len(c.values) == 0 {
		return false
	}
	for i := range c.values {
		v := c.values[i].source
		switch {
		case c.key == "aws:sourceip":
			if n, ok := network(v); !ok || wide(n) {
				return false
			}
		case !narrowing[c.key], strings.ContainsAny(v, "*?") && c.op.wild, c.values[i].vars:
			return false
		}
	}
	return true
}

// wide networks are the public: AWS draws the line at /8 and /32.
func wide(n netip.Prefix) bool {
	if n.Addr().Is4() {
		return n.Bits() < 8
	}
	return n.Bits() < 32
}
