package access

import (
	"strings"
	"unicode/utf8"
)

// Bytes that no UTF-8 has stand for the wildcards of a pattern, so that the value of
// a variable is never taken for one.
const (
	anyText = 0xff // *
	anyRune = 0xfe // ?
)

// pattern is text with wildcards and policy variables.
type pattern struct {
	source string // as in the policy
	wild   bool   // * and ? are wildcards
	vars   bool   // ${name} is a variable
	fixed  string // expanded, where no variable stands in it
}

// newPattern reads source. Version 2008-10-17 of the language has no variables.
func newPattern(source string, wild, vars bool) pattern {
	p := pattern{source: source, wild: wild, vars: vars && strings.Contains(source, "${")}
	if !p.vars {
		p.fixed, _ = p.expand(nil)
	}
	return p
}

// expanded is the pattern with variables put in; false if one has no value.
func (p *pattern) expanded(keys Keys) (string, bool) {
	if !p.vars {
		return p.fixed, true
	}
	return p.expand(keys)
}

func (p *pattern) expand(keys Keys) (string, bool) {
	var b strings.Builder
	for s := p.source; s != ""; {
		if p.vars && strings.HasPrefix(s, "${") {
			if end := strings.IndexByte(s, '}'); end > 0 {
				v, ok := variable(s[2:end], keys)
				if !ok {
					return "", false
				}
				b.WriteString(strings.ToValidUTF8(v, "\uFFFD"))
				s = s[end+1:]
				continue
			}
		}
		switch c := s[0]; {
		case p.wild && c == '*':
			b.WriteByte(anyText)
		case p.wild && c == '?':
			b.WriteByte(anyRune)
		default:
			b.WriteByte(c)
		}
		s = s[1:]
	}
	return b.String(), true
}

// variable is the value of ${name} or ${name, 'default'}; ${*}, ${?} and ${$} are
// those characters.
func variable(name string, keys Keys) (string, bool) {
	switch name {
	case "*", "?", "$":
		return name, true
	}
	name, fallback, hasFallback := strings.Cut(name, ",")
	if keys != nil {
		if v := keys.Values(strings.ToLower(strings.TrimSpace(name))); len(v) == 1 {
			return v[0], true
		}
	}
	return strings.Trim(strings.TrimSpace(fallback), "'"), hasFallback
}

// match says whether all of s is described by an expanded pattern.
func match(p, s string) bool {
	star, mark := -1, 0 // where to go back to: the last *, and what it has eaten
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == anyText:
			star, mark = i, j
			i++
		case i < len(p) && p[i] == anyRune:
			_, n := utf8.DecodeRuneInString(s[j:])
			i, j = i+1, j+n
		case i < len(p) && p[i] == s[j]:
			i, j = i+1, j+1
		case star >= 0:
			_, n := utf8.DecodeRuneInString(s[mark:])
			mark += n
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == anyText {
		i++
	}
	return i == len(p)
}

// glob is match of a pattern without variables.
func glob(source, s string) bool {
	p := newPattern(source, true, false)
	return match(p.fixed, s)
}
