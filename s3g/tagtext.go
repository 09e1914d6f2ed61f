package s3g

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// tagText says whether s has only the characters AWS allows in tags: letters,
// digits, spaces and _ . : / = + - @.
func tagText(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, c := range s {
		if !unicode.IsLetter(c) && !unicode.IsNumber(c) && !unicode.IsSpace(c) && !strings.ContainsRune("_.:/=+-@", c) {
			return false
		}
	}
	return true
}
