package s3g

import (
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/s3g/payload"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

const (
	metaPrefix = "X-Amz-Meta-"
	// maxMetadata is how many bytes the names (without prefix) and values of the
	// user metadata may have together.
	maxMetadata = 2 << 10
	// maxHeaders bounds the content headers that are stored with an object.
	maxHeaders = 8 << 10

	defaultContentType  = "binary/octet-stream"
	defaultStorageClass = "STANDARD"
)

// contentHeaders are stored as they come and sent back by GET and HEAD.
// Content-Encoding is one too, less its aws-chunked.
var contentHeaders = []string{
	"Cache-Control", "Content-Disposition", "Content-Language", "Content-Type", "Expires",
}

// parseMeta reads what a writer's headers say of the object besides its bytes:
// content headers, user metadata, tags, storage class.
func parseMeta(r *request) (client.Meta, error) {
	if err := refuseHeaders(r.Header); err != nil {
		return client.Meta{}, err
	}
	m := client.Meta{}
	var err error
	if m.Headers, err = storedHeaders(r.Header); err != nil {
		return m, err
	}
	if m.Metadata, err = userMetadata(r.Header); err != nil {
		return m, err
	}
	if m.Tags, err = tagsFromHeader(r.Header); err != nil {
		return m, err
	}
	m.StorageClass, err = storageClass(r.Header)
	return m, err
}

func storedHeaders(h http.Header) (map[string]string, error) {
	var out map[string]string
	size := 0
	put := func(name, value string) {
		if value == "" {
			return
		}
		if out == nil {
			out = make(map[string]string, 2)
		}
		out[name] = text(value)
		size += len(name) + len(value)
	}
	for _, name := range contentHeaders {
		if v := h[name]; len(v) > 0 {
			put(name, strings.Join(v, ", "))
		}
	}
	if h["Content-Encoding"] != nil {
		put("Content-Encoding", payload.ContentEncoding(h))
	}
	if size > maxHeaders {
		return nil, s3err.RequestHeaderSectionTooLarge
	}
	return out, nil
}

// userMetadata collects x-amz-meta-*: names in lower case without the prefix,
// several values of one name joined by commas.
func userMetadata(h http.Header) (map[string]string, error) {
	var out map[string]string
	size := 0
	for name, values := range h {
		short, ok := strings.CutPrefix(name, metaPrefix)
		if !ok {
			continue
		}
		short = strings.ToLower(short)
		if short == "" || short == "gdprenabled" { // Ozone keeps the latter for itself
			continue
		}
		value := strings.Join(values, ",")
		size += len(short) + len(value)
		if out == nil {
			out = make(map[string]string)
		}
		out[short] = text(value)
	}
	if size > maxMetadata {
		return nil, s3err.MetadataTooLarge.WithField("Size", strconv.Itoa(size)).
			WithField("MaxSizeAllowed", strconv.Itoa(maxMetadata))
	}
	return out, nil
}

// latin1 marks a header value that is not UTF-8: its bytes are kept as the
// characters of ISO 8859-1, which HTTP once meant. No header value that net/http
// lets in has a NUL.
const latin1 = "\x00"

// text is a header value as valid UTF-8, which is all that om stores; headerValue
// is its inverse.
func text(v string) string {
	if utf8.ValidString(v) {
		return v
	}
	runes := make([]rune, 0, len(v)+1)
	runes = append(runes, 0)
	for i := range len(v) {
		runes = append(runes, rune(v[i]))
	}
	return string(runes)
}

// headerText says whether v could have come, and can go, as the value of a header.
func headerText(v string) bool {
	return strings.IndexFunc(v, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) < 0
}

// headerName says whether name is one that HTTP allows.
func headerName(name string) bool {
	for i := range len(name) {
		if c := name[i]; !alnum(c) && !(c >= 'A' && c <= 'Z') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return name != ""
}

// headerValue gives back the bytes that text was made from.
func headerValue(s string) string {
	rest, ok := strings.CutPrefix(s, latin1)
	if !ok {
		return s
	}
	out := make([]byte, 0, len(rest))
	for _, c := range rest {
		out = append(out, byte(c))
	}
	return string(out)
}

// storageClasses are the classes we store: names without meaning for us, except
// that REDUCED_REDUNDANCY is one replica. Classes whose objects must be restored
// before they can be read are refused.
var storageClasses = map[string]bool{
	"STANDARD": true, "REDUCED_REDUNDANCY": true, "STANDARD_IA": true, "ONEZONE_IA": true,
	"INTELLIGENT_TIERING": true, "GLACIER_IR": true,
}

func storageClass(h http.Header) (string, error) {
	c := h.Get("X-Amz-Storage-Class")
	switch {
	case c == "" || c == defaultStorageClass:
		return "", nil
	case !storageClasses[c]:
		return "", s3err.InvalidStorageClass.WithField("StorageClassRequested", text(c))
	}
	return c, nil
}

// replication is how many replicas a storage class asks for; "" leaves it to the
// bucket.
func replication(class string) string {
	if class == "REDUCED_REDUNDANCY" {
		return "ONE"
	}
	return ""
}

// classOrDefault is the storage class as answers show it.
func classOrDefault(class string) string {
	if class == "" {
		return defaultStorageClass
	}
	return class
}

// unsupported are headers that ask for something we don't do, and must not be
// dropped silently: data would not be where or how the caller believes.
var unsupported = map[string]*s3err.Error{
	"X-Amz-Website-Redirect-Location": s3err.NotImplemented,
	"X-Amz-Write-Offset-Bytes":        s3err.NotImplemented,
}

func refuseHeaders(h http.Header) error {
	for name, values := range h {
		if !strings.HasPrefix(name, "X-Amz-") || len(values) == 0 || values[0] == "" {
			continue
		}
		if e := unsupported[name]; e != nil {
			return e.WithField("Header", strings.ToLower(name))
		}
	}
	return nil
}
