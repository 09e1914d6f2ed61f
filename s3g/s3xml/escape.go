package s3xml

import (
	"strconv"
	"unicode/utf8"
)

// appendEscaped writes s as element text the way AWS does: markup as named
// entities, carriage returns and every character XML 1.0 cannot hold as
// references (&#x1;), which AWS writes although a strict parser refuses them;
// bytes that are not UTF-8 become U+FFFD.
func appendEscaped(b []byte, s string) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			b = appendASCII(b, c)
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b = append(b, "\uFFFD"...)
		case r == 0xFFFE || r == 0xFFFF:
			b = appendReference(b, r)
		default:
			b = append(b, s[i:i+size]...)
		}
		i += size
	}
	return b
}

func appendASCII(b []byte, c byte) []byte {
	switch c {
	case '&':
		return append(b, "&amp;"...)
	case '<':
		return append(b, "&lt;"...)
	case '>':
		return append(b, "&gt;"...)
	case '"':
		return append(b, "&quot;"...)
	case '\t', '\n':
		return append(b, c)
	}
	if c < 0x20 || c == 0x7f {
		return appendReference(b, rune(c))
	}
	return append(b, c)
}

func appendReference(b []byte, r rune) []byte {
	b = append(b, "&#x"...)
	b = strconv.AppendInt(b, int64(r), 16)
	return append(b, ';')
}
