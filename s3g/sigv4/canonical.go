package sigv4

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// canonicalRequest is the text whose hash is signed.
func (a Auth) canonicalRequest(r *http.Request, path string) string {
	var b strings.Builder
	b.WriteString(r.Method)
	b.WriteByte('\n')
	b.WriteString(path)
	b.WriteByte('\n')
	writeQuery(&b, r.URL.RawQuery, a.Kind == QueryV4)
	b.WriteByte('\n')
	for _, name := range a.SignedHeaders {
		name = strings.ToLower(name)
		b.WriteString(name)
		b.WriteByte(':')
		writeHeader(&b, r, name)
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	b.WriteString(strings.ToLower(strings.Join(a.SignedHeaders, ";")))
	b.WriteByte('\n')
	b.WriteString(a.PayloadHash)
	return b.String()
}

// writeHeader writes a header's values as they are signed: trimmed, runs of
// spaces made one, several joined by commas. Some headers net/http keeps
// elsewhere.
func writeHeader(b *strings.Builder, r *http.Request, name string) {
	values := r.Header.Values(name)
	switch {
	case name == "host":
		values = []string{r.Host}
	case name == "content-length" && len(values) == 0 && r.ContentLength >= 0:
		values = []string{strconv.FormatInt(r.ContentLength, 10)}
	case name == "transfer-encoding" && len(values) == 0:
		values = r.TransferEncoding
	}
	for i, v := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		writeTrimmed(b, v)
	}
}

func writeTrimmed(b *strings.Builder, v string) {
	v = strings.Trim(v, " \t")
	for i := range len(v) {
		if v[i] == ' ' && v[i-1] == ' ' {
			continue
		}
		b.WriteByte(v[i])
	}
}

// pathForms are the paths a client may have signed: in AWS's escapes, which is
// the rule, and as sent, where that differs.
func pathForms(u *url.URL) []string {
	sent := u.EscapedPath()
	if sent == "" {
		sent = "/"
	}
	decoded, err := url.PathUnescape(sent)
	if err != nil {
		return []string{sent}
	}
	canonical := string(appendEscaped(nil, decoded, true))
	if canonical == sent {
		return []string{sent}
	}
	return []string{canonical, sent}
}

// writeQuery writes the query as it is signed: parameters decoded, escaped the
// AWS way, and sorted.
func writeQuery(b *strings.Builder, raw string, presigned bool) {
	if raw == "" {
		return
	}
	type pair struct{ name, value string }
	var pairs []pair
	for p := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(p, "=")
		name, value = canonicalPart(name), canonicalPart(value)
		if p == "" || presigned && name == "X-Amz-Signature" {
			continue
		}
		pairs = append(pairs, pair{name, value})
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p.name)
		b.WriteByte('=')
		b.WriteString(p.value)
	}
}

// canonicalPart decodes one side of a parameter and escapes it anew; what cannot
// be decoded is taken literally.
func canonicalPart(s string) string {
	if d, err := url.QueryUnescape(s); err == nil {
		s = d
	}
	return string(appendEscaped(nil, s, false))
}

const upperHex = "0123456789ABCDEF"

// appendEscaped percent-encodes everything but the unreserved characters and,
// with keepSlash, the slash.
func appendEscaped(b []byte, s string, keepSlash bool) []byte {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '-', c == '.', c == '_', c == '~', c == '/' && keepSlash:
			b = append(b, c)
		default:
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return b
}
