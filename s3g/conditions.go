package s3g

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

// readConditions decides the four conditional headers of GET and HEAD, in RFC
// 9110's order: If-Match shuts out If-Unmodified-Since, If-None-Match shuts out
// If-Modified-Since. A failure is PreconditionFailed or NotModified.
func readConditions(h http.Header, o *client.Object, now time.Time) error {
	modified := o.Modified.Truncate(time.Second)
	if v := h["If-Match"]; v != nil {
		if !matchesAny(etags(v), o.ETag) {
			return s3err.PreconditionFailed.WithField("Condition", "If-Match")
		}
	} else if t, ok := headerTime(h, "If-Unmodified-Since"); ok && modified.After(t) {
		return s3err.PreconditionFailed.WithField("Condition", "If-Unmodified-Since")
	}
	if v := h["If-None-Match"]; v != nil {
		if matchesAny(etags(v), o.ETag) {
			return s3err.NotModified
		}
	} else if t, ok := headerTime(h, "If-Modified-Since"); ok && !t.After(now) && !modified.After(t) {
		return s3err.NotModified
	}
	return nil
}

// writeCondition reads If-Match and If-None-Match of PUT, Complete and the
// destination of a copy. As on AWS If-None-Match takes only "*".
func writeCondition(h http.Header) (client.Condition, error) {
	match, none := h["If-Match"], h["If-None-Match"]
	switch {
	case match != nil && none != nil:
		return client.Condition{}, s3err.InvalidRequest.With("If-Match and If-None-Match cannot be given together")
	case match != nil:
		c := client.Condition{IfMatch: etags(match)}
		if len(c.IfMatch) != 1 {
			return c, s3err.InvalidRequest.With("If-Match must be one entity tag")
		}
		return c, nil
	case none != nil:
		c := client.Condition{IfNoneMatch: etags(none)}
		if len(c.IfNoneMatch) == 0 {
			return c, s3err.InvalidRequest.With("If-None-Match must not be empty")
		}
		if !slices.Equal(c.IfNoneMatch, []string{"*"}) {
			return c, s3err.NotImplemented.WithField("Header", "If-None-Match")
		}
		return c, nil
	}
	return client.Condition{}, nil
}

// deleteCondition reads If-Match and the two conditions that AWS has for directory
// buckets alone: the size, and the date to the second.
func deleteCondition(h http.Header) (c client.Condition, err error) {
	if v := h["If-Match"]; v != nil {
		if c.IfMatch = etags(v); len(c.IfMatch) != 1 {
			return c, s3err.InvalidRequest.With("If-Match must be one entity tag")
		}
	}
	if v := h.Get("X-Amz-If-Match-Size"); v != "" {
		size, err := strconv.ParseInt(v, 10, 64)
		if err != nil || size < 0 {
			return c, s3err.Argument("x-amz-if-match-size", text(v), "The size must be a number that is not negative.")
		}
		c.IfSize = &size
	}
	if v := h.Get("X-Amz-If-Match-Last-Modified-Time"); v != "" {
		var ok bool
		if c.IfModified, ok = conditionTime(v); !ok {
			return c, s3err.Argument("x-amz-if-match-last-modified-time", text(v), "The time must be a date of HTTP or of ISO 8601.")
		}
	}
	return c, nil
}

// conditionTime reads a date in one of HTTP's forms or as XML has it.
func conditionTime(v string) (time.Time, bool) {
	if t, err := http.ParseTime(v); err == nil {
		return t, true
	}
	t, err := time.Parse(time.RFC3339Nano, v)
	return t, err == nil
}

// copySourceCondition reads the x-amz-copy-source-if-* headers.
func copySourceCondition(h http.Header, now time.Time) client.Condition {
	c := client.Condition{
		IfMatch:     etags(h["X-Amz-Copy-Source-If-Match"]),
		IfNoneMatch: etags(h["X-Amz-Copy-Source-If-None-Match"]),
	}
	if t, ok := headerTime(h, "X-Amz-Copy-Source-If-Modified-Since"); ok && !t.After(now) {
		c.IfModifiedSince = t
	}
	if t, ok := headerTime(h, "X-Amz-Copy-Source-If-Unmodified-Since"); ok {
		c.IfUnmodifiedSince = t
	}
	return c
}

// etags splits lists of entity tags; quotes and the W/ of weak ones are dropped.
func etags(headers []string) []string {
	var out []string
	for _, h := range headers {
		for tag := range strings.SplitSeq(h, ",") {
			tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
			if tag = text(unquote(tag)); tag != "" {
				out = append(out, tag)
			}
		}
	}
	return out
}

// unquote drops the quotes around an entity tag, if it has any.
func unquote(tag string) string {
	if len(tag) >= 2 && tag[0] == '"' && tag[len(tag)-1] == '"' {
		return tag[1 : len(tag)-1]
	}
	return tag
}

func matchesAny(tags []string, etag string) bool {
	return slices.ContainsFunc(tags, func(t string) bool { return t == "*" || t == etag })
}

// headerTime reads a date in any of HTTP's three forms; one that is malformed
// counts as absent, as RFC 9110 wants.
func headerTime(h http.Header, name string) (time.Time, bool) {
	v := h.Get(name)
	if v == "" {
		return time.Time{}, false
	}
	t, err := http.ParseTime(v)
	return t, err == nil
}
