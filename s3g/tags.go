package s3g

import (
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

// Limits of tags, AWS's.
const (
	maxTags     = 10
	maxTagKey   = 128 // characters
	maxTagValue = 256

	tooManyTags = "Object tags cannot be greater than 10"
)

// tagsFromHeader parses x-amz-tagging, which has the form of a query.
func tagsFromHeader(h http.Header) (map[string]string, error) {
	raw := h.Get("X-Amz-Tagging")
	if raw == "" {
		return nil, nil
	}
	tags := map[string]string{}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		k, err1 := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil || name == "" {
			return nil, s3err.Argument("x-amz-tagging", text(raw), "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
		}
		if len(tags) == maxTags {
			return nil, s3err.InvalidTag.With(tooManyTags) // in the header; in a document it is BadRequest
		}
		if err := addTag(tags, k, v); err != nil {
			return nil, err
		}
	}
	return tags, nil
}

// addTag checks a tag and adds it to the set.
func addTag(tags map[string]string, key, value string) error {
	bad := func(msg string) *s3err.Error {
		return s3err.InvalidTag.With(msg).WithField("TagKey", strings.ToValidUTF8(key, "?"))
	}
	switch {
	case key == "" || !tagText(key) || utf8.RuneCountInString(key) > maxTagKey:
		return bad("The TagKey you have provided is invalid")
	case !tagText(value) || utf8.RuneCountInString(value) > maxTagValue:
		return bad("The TagValue you have provided is invalid").WithField("TagValue", strings.ToValidUTF8(value, "?"))
	case strings.HasPrefix(strings.ToLower(key), "aws:"):
		return bad("System tags cannot be added/updated by requester")
	}
	if _, twice := tags[key]; twice {
		return bad("Cannot provide multiple Tags with the same key")
	}
	tags[key] = value
	return nil
}

// tagMap checks the tags of a document and gives them as a map.
func tagMap(set []s3xml.Tag) (map[string]string, error) {
	tags := map[string]string{}
	for _, t := range set {
		if t.Value == nil {
			return nil, s3err.MalformedXML
		}
		if err := addTag(tags, t.Key, *t.Value); err != nil {
			return nil, err
		}
	}
	return tags, nil
}

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
