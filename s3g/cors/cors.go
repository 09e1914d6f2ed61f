// Package cors decides which web pages may use a bucket: the rules of
// PutBucketCors, checked as AWS checks them, and what they answer to an Origin.
package cors

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

// Limits of AWS.
const (
	MaxDocument = 64 << 10 // bytes of a configuration
	maxRules    = 100
	maxID       = 255 // characters
)

// Rules are a bucket's, in the order in which they are tried.
type Rules []s3xml.CORSRule

// Parse reads and checks a CORSConfiguration. What AWS refuses is refused with its
// codes.
func Parse(doc []byte) (Rules, error) {
	var c s3xml.CORSConfiguration
	if err := s3xml.Unmarshal(doc, &c); err != nil {
		return nil, err
	}
	switch {
	case len(c.Rules) == 0:
		return nil, s3err.MalformedXML
	case len(c.Rules) > maxRules:
		return nil, s3err.InvalidRequest.With("The number of CORS rules should not exceed allowed limit of 100 rules.")
	}
	for i := range c.Rules {
		if err := check(&c.Rules[i]); err != nil {
			return nil, err
		}
	}
	return c.Rules, nil
}

// Marshal is the document of the rules, as GetBucketCors answers it.
func (rs Rules) Marshal() []byte { return s3xml.Marshal(&s3xml.CORSConfiguration{Rules: rs}) }

func check(r *s3xml.CORSRule) error {
	if len(r.AllowedMethods) == 0 || len(r.AllowedOrigins) == 0 || len([]rune(r.ID)) > maxID {
		return s3err.MalformedXML
	}
	if r.MaxAgeSeconds != nil && *r.MaxAgeSeconds < 0 {
		return s3err.MalformedXML
	}
	for _, m := range r.AllowedMethods {
		if !Method(m) {
			return s3err.InvalidRequest.Withf("Found unsupported HTTP method in CORS config. Unsupported method is %s", m)
		}
	}
	for _, l := range []struct {
		name   string
		values []string
	}{{"AllowedOrigin", r.AllowedOrigins}, {"AllowedHeader", r.AllowedHeaders}} {
		for _, v := range l.values {
			if strings.Count(v, "*") > 1 {
				return s3err.InvalidRequest.Withf("%s %q can not have more than one wildcard.", l.name, v)
			}
		}
	}
	for _, v := range r.ExposeHeaders {
		if strings.Contains(v, "*") {
			return s3err.InvalidRequest.Withf("ExposeHeader %q contains wildcard. We currently do not support wildcard for ExposeHeader.", v)
		}
	}
	return nil
}

// Method says whether rules can allow that HTTP method.
func Method(m string) bool {
	switch m {
	case http.MethodGet, http.MethodPut, http.MethodHead, http.MethodPost, http.MethodDelete:
		return true
	}
	return false
}

// Request is what a browser asks on behalf of a page.
type Request struct {
	Origin  string
	Method  string
	Headers []string // of a preflight: what the request will carry
}

// Answer sets the headers of the first rule that allows all of q. false: none does.
func (rs Rules) Answer(q Request, h http.Header) bool {
	for i := range rs {
		if origin, ok := allows(&rs[i], q); ok {
			answer(&rs[i], origin, q, h)
			return true
		}
	}
	return false
}

// allows also returns the origin as the rule allows it: by itself, or "*".
func allows(r *s3xml.CORSRule, q Request) (origin string, ok bool) {
	for _, o := range r.AllowedOrigins {
		if o == "*" {
			origin, ok = "*", true
			break
		}
		if match(o, q.Origin) {
			origin, ok = q.Origin, true
			break
		}
	}
	return origin, ok && slices.Contains(r.AllowedMethods, q.Method) && allowHeaders(r.AllowedHeaders, q.Headers)
}

func allowHeaders(patterns, names []string) bool {
	for _, name := range names {
		found := false
		for _, p := range patterns {
			found = found || match(strings.ToLower(p), strings.ToLower(name))
		}
		if !found {
			return false
		}
	}
	return true
}

// match compares s with a pattern in which one * stands for any text.
func match(pattern, s string) bool {
	prefix, suffix, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == s
	}
	return len(s) >= len(prefix)+len(suffix) && strings.HasPrefix(s, prefix) && strings.HasSuffix(s, suffix)
}

// answer sets what a rule says. A page of a named origin may send credentials.
func answer(r *s3xml.CORSRule, origin string, q Request, h http.Header) {
	h["Access-Control-Allow-Origin"] = []string{origin}
	h["Access-Control-Allow-Methods"] = []string{strings.Join(r.AllowedMethods, ", ")}
	if origin != "*" {
		h["Access-Control-Allow-Credentials"] = []string{"true"}
	}
	if len(q.Headers) > 0 {
		h["Access-Control-Allow-Headers"] = []string{strings.ToLower(strings.Join(q.Headers, ", "))}
	}
	if len(r.ExposeHeaders) > 0 {
		h["Access-Control-Expose-Headers"] = []string{strings.Join(r.ExposeHeaders, ", ")}
	}
	if r.MaxAgeSeconds != nil {
		h["Access-Control-Max-Age"] = []string{strconv.Itoa(*r.MaxAgeSeconds)}
	}
}
