package sigv4

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

// requestDate is the time a request was signed: x-amz-date in ISO 8601 basic
// form or, as in Date, in one of HTTP's forms with any zone. Nobody signed anything
// before 1970: such a date is as good as none, as AWS has it.
func requestDate(h http.Header) (time.Time, error) {
	for _, name := range [...]string{"X-Amz-Date", "Date"} {
		v := h.Get(name)
		if v == "" {
			continue
		}
		if t, ok := parseDate(v); ok && t.Unix() >= 0 {
			return t.UTC(), nil
		}
		break
	}
	return time.Time{}, s3err.AccessDenied.With("AWS authentication requires a valid Date or x-amz-date header")
}

// dateFormats are tried in order; the first is what version 4 clients send.
var dateFormats = []string{
	longFormat,
	"Mon, 2 Jan 2006 15:04:05 -0700",
	"Monday, 02-Jan-06 15:04:05 -0700",
	time.ANSIC,
	"2006-01-02T15:04:05Z07:00",
}

func parseDate(v string) (time.Time, bool) {
	v = numericZone(strings.TrimSpace(v))
	for _, f := range dateFormats {
		if t, err := time.Parse(f, v); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// zones are the names RFC 822 defines, in hours from UTC. Package time would take
// any name and guess its offset.
var zones = map[string]int{
	"GMT": 0, "UTC": 0, "UT": 0, "Z": 0,
	"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
}

// numericZone replaces a zone's name at the end of v by its offset.
func numericZone(v string) string {
	i := strings.LastIndexByte(v, ' ')
	hours, ok := zones[v[i+1:]]
	if !ok || i < 0 {
		return v
	}
	sign := "+"
	if hours < 0 {
		sign, hours = "-", -hours
	}
	return v[:i+1] + sign + "0" + strconv.Itoa(hours) + "00"
}

// Fresh checks that the request was signed within 15 minutes of now. Presigned
// URLs have their own lifetime, which Parse has checked.
func (a Auth) Fresh(now time.Time) error {
	if a.Kind != HeaderV4 && a.Kind != HeaderV2 {
		return nil
	}
	if d := now.Sub(a.Date); d > maxSkew || d < -maxSkew {
		return s3err.RequestTimeTooSkewed.
			WithField("RequestTime", a.Date.Format(longFormat)).
			WithField("ServerTime", serverTime(now)).
			WithField("MaxAllowedSkewMilliseconds", strconv.FormatInt(maxSkew.Milliseconds(), 10))
	}
	return nil
}
