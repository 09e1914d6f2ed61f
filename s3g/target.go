package s3g

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

// maxKeyBytes is the longest key, in bytes of UTF-8, as AWS has it.
const maxKeyBytes = 1024

// maxHead is how large the headers of a request may be together, AWS's 8 KB.
const maxHead = 8 << 10

// headSize is what HTTP/1.1 would need for the headers.
func headSize(h http.Header) (n int) {
	for name, values := range h {
		for _, v := range values {
			n += len(name) + len(": \r\n") + len(v)
		}
	}
	return n
}

// locate fills in what r addresses and asks for: bucket, key, query and the
// router's target. The path is split in its escaped form and decoded once: an
// escaped slash is part of a name, ".." and "//" mean nothing.
func (g *gateway) locate(r *request) error {
	if headSize(r.Header) > maxHead {
		return s3err.RequestHeaderSectionTooLarge.WithField("MaxSizeAllowed", strconv.Itoa(maxHead))
	}
	path, err := g.bucketPath(r.Request)
	if err != nil {
		return err
	}
	if r.Bucket, r.Key, err = splitPath(path); err != nil {
		return err
	}
	if r.Query, err = parseQuery(r.URL.RawQuery); err != nil {
		return err
	}
	switch {
	case r.Bucket == "":
		r.target.level = service
	case r.Key == "":
		r.target.level = bucket
	default:
		r.target.level = object
	}
	if r.Method == http.MethodOptions { // the query belongs to the request to come
		r.Query = nil
		return nil
	}
	if r.target.sub, err = g.selector(r.Query); err != nil {
		return err
	}
	_, r.target.copy = r.Header["X-Amz-Copy-Source"]
	r.target.copy = r.target.copy && r.Method == http.MethodPut && r.target.level == object &&
		(r.target.sub == "" || r.target.sub == "uploadId")
	return nil
}

// bucketPath is the escaped path in path style: a bucket in the host name is put
// in front.
func (g *gateway) bucketPath(r *http.Request) (string, error) {
	path := r.URL.Path
	if r.URL.RawPath != "" || strings.IndexByte(path, '%') >= 0 {
		path = r.URL.EscapedPath()
	}
	if !strings.HasPrefix(path, "/") { // OPTIONS *
		return "", s3err.InvalidURI
	}
	if b := virtualBucket(r.Host, g.cfg.Domains); b != "" {
		return "/" + url.PathEscape(b) + path, nil
	}
	return path, nil
}

// virtualBucket is the bucket in a host name: what stands before the longest of
// the domains that fits, "" if none does or nothing stands there.
func virtualBucket(host string, domains []string) string {
	if len(domains) == 0 {
		return ""
	}
	host = strings.ToLower(hostname(host))
	best, bucket := -1, ""
	for _, d := range domains {
		if rest, ok := strings.CutSuffix(host, d); ok && len(d) > best && (rest == "" || strings.HasSuffix(rest, ".")) {
			best, bucket = len(d), strings.TrimSuffix(rest, ".")
		}
	}
	return bucket
}

// hostname is a Host header without its port and the brackets of IPv6.
func hostname(host string) string {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, _, _ = strings.Cut(inner, "]")
		return inner
	}
	name, _, _ := strings.Cut(host, ":")
	return strings.TrimSuffix(name, ".")
}

// splitPath takes an escaped path of the form /bucket/key apart and decodes it.
// Only the first slash after the bucket separates; key "" means the bucket.
func splitPath(path string) (bucket, key string, err error) {
	rest := path[1:]
	if rest == "" {
		return "", "", nil
	}
	bucket, key, _ = strings.Cut(rest, "/")
	if bucket, err = unescape(bucket); err != nil {
		return "", "", err
	}
	if !plausibleBucket(bucket) {
		return "", "", s3err.InvalidBucketName.WithField("BucketName", bucket)
	}
	if key, err = unescape(key); err != nil {
		return "", "", err
	}
	return bucket, key, checkKey(key)
}

func unescape(s string) (string, error) {
	if strings.IndexByte(s, '%') < 0 {
		return s, nil
	}
	out, err := url.PathUnescape(s)
	if err != nil {
		return "", s3err.InvalidURI.Wrap(err)
	}
	return out, nil
}

// plausibleBucket says whether a bucket of that name could exist at all. Names
// made by `ozone sh` may have capitals and underscores; what CreateBucket takes
// is narrower (validBucketName).
func plausibleBucket(name string) bool {
	if len(name) < 3 || len(name) > 255 {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c == '-' || c == '.' || c == '_') {
			return false
		}
	}
	return true
}

// checkKey refuses keys that no listing could show: broken UTF-8 and the
// characters that XML 1.0 cannot hold, as Ozone does. Everything else is a key.
func checkKey(key string) error {
	if len(key) > maxKeyBytes {
		return s3err.KeyTooLongError.WithField("Size", strconv.Itoa(len(key))).
			WithField("MaxSizeAllowed", strconv.Itoa(maxKeyBytes))
	}
	if !validText(key) {
		return s3err.InvalidURI
	}
	return nil
}

// validText is UTF-8 that XML 1.0 can hold: without control characters other than
// tab, LF and CR, and without U+FFFE and U+FFFF, even as references.
func validText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
	}
	return utf8.ValidString(s) && !strings.Contains(s, "\uFFFE") && !strings.Contains(s, "\uFFFF")
}

// parseQuery decodes the query once. Broken escapes and text that is not UTF-8
// are refused: nothing may mean something else to us than to the signer. Unlike
// url.ParseQuery it takes a semicolon for what it is since HTML 5, a character:
// hand-made links say response-content-disposition=attachment;filename=a.
func parseQuery(raw string) (url.Values, error) {
	if raw == "" {
		return nil, nil
	}
	q := make(url.Values)
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err1 := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		if err := errors.Join(err1, err2); err != nil {
			return nil, s3err.InvalidURI.Wrap(err)
		}
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return nil, s3err.InvalidURI
		}
		q[name] = append(q[name], value)
	}
	return q, nil
}

// selector is the one query parameter that selects an operation, "" for none.
func (g *gateway) selector(q url.Values) (string, error) {
	var found []string
	for name := range q {
		if g.selectors[name] {
			found = append(found, name)
		}
	}
	switch len(found) {
	case 0:
		return "", nil
	case 1:
		return found[0], nil
	}
	slices.Sort(found)
	return "", s3err.Argument("ResourceType", found[0],
		"Conflicting query string parameters: "+strings.Join(found, ", "))
}

// checkParams refuses a query parameter that the operation does not take: it
// may name an operation of tomorrow, and dropping it would do something else
// than was asked for. Reads of an object ignore parameters with a value, as AWS
// does: web pages add them against caches.
func (row *row) checkParams(q url.Values, method string) error {
	for name, values := range q {
		if name == row.sub || slices.Contains(row.params, name) || commonParam(name) {
			continue
		}
		if row.level == object && (method == http.MethodGet || method == http.MethodHead) && values[0] != "" {
			continue
		}
		if name == "versionId" {
			return s3err.Argument(name, values[0], "This operation does not accept a version-id.")
		}
		return s3err.NotImplemented.Withf("The query parameter %q of %s is not implemented.", name, row.op)
	}
	if v, ok := q["versionId"]; ok {
		return checkVersion(v[0])
	}
	return nil
}

// commonParam are parameters of signatures, and what SDKs add for their logs.
func commonParam(name string) bool {
	switch name {
	case "x-id", "AWSAccessKeyId", "Signature", "Expires":
		return true
	}
	return len(name) > 6 && strings.EqualFold(name[:6], "x-amz-")
}
