package s3g

import (
	"strconv"
	"strings"

	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

// span is a part of an object: n bytes from off.
type span struct{ off, n int64 }

// parseRange reads a Range header for an object of size bytes. Like AWS it knows
// one range of bytes: ok is false for everything else (several ranges, other
// units, nonsense), which is ignored. A range past the end is InvalidRange.
func parseRange(header string, size int64) (s span, ok bool, err error) {
	spec, found := cutPrefixFold(strings.TrimSpace(header), "bytes=")
	if !found {
		return span{}, false, nil
	}
	first, last, found := strings.Cut(spec, "-")
	first, last = strings.TrimSpace(first), strings.TrimSpace(last)
	if !found || !digits(first) || !digits(last) || first == "" && last == "" {
		return span{}, false, nil
	}
	if first == "" {
		n := min(number(last), size)
		if n == 0 {
			return span{}, false, unsatisfiable(header, size)
		}
		return span{size - n, n}, true, nil
	}
	from, to := number(first), size-1
	if last != "" {
		if to = number(last); to < from {
			return span{}, false, nil
		}
	}
	if from >= size {
		return span{}, false, unsatisfiable(header, size)
	}
	return span{from, min(to, size-1) - from + 1}, true, nil
}

func unsatisfiable(header string, size int64) error {
	return s3err.InvalidRange.WithField("RangeRequested", text(header)).
		WithField("ActualObjectSize", strconv.FormatInt(size, 10))
}

// contentRange is the Content-Range of s in an object of size bytes.
func (s span) contentRange(size int64) string {
	b := make([]byte, 0, 64)
	b = append(b, "bytes "...)
	b = strconv.AppendInt(b, s.off, 10)
	b = append(b, '-')
	b = strconv.AppendInt(b, s.off+s.n-1, 10)
	b = append(b, '/')
	return string(strconv.AppendInt(b, size, 10))
}

// digits says whether s has nothing else; the empty string has nothing else.
func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// number is the value of digits, the largest int64 when it is larger.
func number(digits string) int64 {
	n, _ := strconv.ParseInt(digits, 10, 64) // a range error comes with that value
	return n
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}
