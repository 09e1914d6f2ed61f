package s3g

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/sigv4"
)

// getObject answers GET of an object, or of a part of it.
func (g *gateway) getObject(w http.ResponseWriter, r *request) error {
	o, v, err := g.open(w, r)
	if err != nil {
		return err
	}
	if v.n == 0 {
		w.WriteHeader(v.status)
		return nil
	}
	if err := g.makeRoom(r, v.n); err != nil {
		return err
	}
	body, err := g.read(r.Context(), o, v.key, v.off, v.n)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	if err := body.Ready(); err != nil { // what can't be read is still a 503
		return err
	}
	w.WriteHeader(v.status)
	_, err = body.WriteTo(w)
	return err
}

// makeRoom takes the memory for n bytes of an object that pass through here.
func (g *gateway) makeRoom(r *request, n int64) error {
	err := r.place.grow(r.Context(), n)
	if err != nil {
		g.metrics.shed.Inc()
	}
	return err
}

// headObject answers HEAD: what GET would say, without the bytes.
func (g *gateway) headObject(w http.ResponseWriter, r *request) error {
	o, v, err := g.open(w, r)
	if err != nil {
		return err
	}
	w.Header()["X-Amz-Storage-Class"] = []string{classOrDefault(o.Meta.StorageClass)}
	w.WriteHeader(v.status)
	return nil
}

// view is the part of an object that a read asks for.
type view struct {
	span
	status int          // 200 or 206
	part   *client.Part // the part asked for by number
	key    *customerKey // with which the object is read, if it needs one
}

// open looks the object up, decides the conditions and sets the headers.
func (g *gateway) open(w http.ResponseWriter, r *request) (client.Object, view, error) {
	if g.cfg.Secure && r.Auth.Kind == sigv4.Anonymous && overridden(r.Query) {
		return client.Object{}, view{}, s3err.InvalidRequest.With("Request specific response headers cannot be used for anonymous GET requests.")
	}
	o, err := g.lookup(r)
	if err != nil {
		return o, view{}, err
	}
	key, err := g.readerKey(r, customerPrefix, &o)
	if err != nil {
		return o, view{}, err
	}
	h := w.Header()
	setValidators(h, &o)
	if err := readConditions(r.Header, &o, r.Start); err != nil {
		return o, view{}, err
	}
	v, err := selectView(r, &o)
	if err != nil {
		return o, v, err
	}
	v.key = key
	setObjectHeaders(h, &o)
	if r.Query.Get("versionId") == "" {
		g.setExpiration(h, r, &o)
	}
	setChecksums(h, r, &o, v)
	h["Content-Length"] = []string{strconv.FormatInt(v.n, 10)}
	if v.status == http.StatusPartialContent {
		h["Content-Range"] = []string{v.contentRange(o.Size)}
	}
	return o, v, overrideHeaders(h, r)
}

// selectView finds out which bytes r wants.
func selectView(r *request, o *client.Object) (view, error) {
	all := view{span: span{0, o.Size}, status: http.StatusOK}
	header := r.Header.Get("Range")
	if r.Query != nil {
		if number, ok := r.Query["partNumber"]; ok {
			if header != "" {
				return all, s3err.InvalidRequest.With("Cannot specify both Range header and partNumber query parameter")
			}
			return partView(number[0], o, all)
		}
	}
	if header == "" || !ifRange(r.Header, o) {
		return all, nil
	}
	s, ok, err := parseRange(header, o.Size)
	if !ok || err != nil {
		return all, err
	}
	return view{span: s, status: http.StatusPartialContent}, nil
}

// partView is part number of an object. One that was not made by a multipart
// upload is its own part 1.
func partView(number string, o *client.Object, all view) (view, error) {
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > 10000 {
		return all, s3err.Argument("partNumber", number, "Part number must be an integer between 1 and 10000, inclusive")
	}
	if len(o.Parts) == 0 && n == 1 {
		if all.n > 0 {
			all.status = http.StatusPartialContent
		}
		return all, nil
	}
	off := int64(0)
	for i := range o.Parts {
		p := &o.Parts[i]
		if p.Number == n {
			v := view{span: span{off, p.Size}, status: http.StatusPartialContent, part: p}
			if p.Size == 0 {
				v.status = http.StatusOK
			}
			return v, nil
		}
		off += p.Size
	}
	return all, s3err.InvalidPart.WithField("PartNumber", number)
}

// ifRange says whether a Range counts: If-Range must name this version.
func ifRange(h http.Header, o *client.Object) bool {
	v := h.Get("If-Range")
	if v == "" {
		return true
	}
	if t, err := http.ParseTime(v); err == nil {
		return o.Modified.Truncate(time.Second).Equal(t)
	}
	return !strings.HasPrefix(v, "W/") && unquote(v) == o.ETag
}

// setValidators sets the headers that 304 has too.
func setValidators(h http.Header, o *client.Object) {
	if o.ETag != "" {
		h["Etag"] = []string{quote(o.ETag)}
	}
	h["Last-Modified"] = []string{o.Modified.UTC().Format(http.TimeFormat)}
	tellVersion(h, o)
	for _, name := range [...]string{"Cache-Control", "Expires"} { // RFC 9110 §15.4.5
		if v, ok := o.Meta.Headers[name]; ok {
			h[name] = []string{headerValue(v)}
		}
	}
}

// quote puts an entity tag in quotes.
func quote(etag string) string { return `"` + etag + `"` }

var bytesUnit = []string{"bytes"}

// setObjectHeaders sets what is stored with the object.
func setObjectHeaders(h http.Header, o *client.Object) {
	h["Accept-Ranges"] = bytesUnit
	for name, value := range o.Meta.Headers {
		h[name] = []string{headerValue(value)}
	}
	if h["Content-Type"] == nil {
		h["Content-Type"] = binaryType
	}
	for name, value := range o.Meta.Metadata {
		// In lower case, as S3 sends them: boto3 takes the name as it comes.
		h["x-amz-meta-"+name] = []string{headerValue(value)}
	}
	if c := o.Meta.StorageClass; c != "" && c != defaultStorageClass {
		h["X-Amz-Storage-Class"] = []string{c}
	}
	tellLock(h, o)
	tellEncryption(h, o.Encryption)
	if n := len(o.Meta.Tags); n > 0 {
		h["X-Amz-Tagging-Count"] = []string{strconv.Itoa(n)}
	}
	if n := len(o.Parts); n > 0 {
		h["X-Amz-Mp-Parts-Count"] = []string{strconv.Itoa(n)}
	}
}

var binaryType = []string{defaultContentType}

// setChecksums sets the checksums a reader asks for. They are of the whole
// object, so a range has none, or of the part it asked for.
func setChecksums(h http.Header, r *request, o *client.Object, v view) {
	if !strings.EqualFold(r.Header.Get("X-Amz-Checksum-Mode"), "ENABLED") {
		return
	}
	sums := o.Checksums
	switch {
	case v.part != nil:
		sums = v.part.Checksums
	case v.n != o.Size:
		return
	}
	putChecksums(h, sums)
}

// putChecksums sets x-amz-checksum-* and -type.
func putChecksums(h http.Header, sums []client.Checksum) {
	for _, c := range sums {
		h.Set("X-Amz-Checksum-"+c.Algorithm, c.Value)
		if c.Type != "" {
			h["X-Amz-Checksum-Type"] = []string{c.Type}
		}
	}
}

// override is a response-* parameter and the header it replaces.
type override struct{ param, header string }

var overrides = [...]override{
	{"response-content-type", "Content-Type"},
	{"response-content-language", "Content-Language"},
	{"response-expires", "Expires"},
	{"response-cache-control", "Cache-Control"},
	{"response-content-disposition", "Content-Disposition"},
	{"response-content-encoding", "Content-Encoding"},
}

// overridden says whether q asks for other headers: what a signer vouches for, or nobody.
func overridden(q url.Values) bool {
	return slices.ContainsFunc(overrides[:], func(o override) bool { return q.Has(o.param) })
}

// overrideHeaders applies response-*. Text that no header can hold is refused.
func overrideHeaders(h http.Header, r *request) error {
	if r.Query == nil {
		return nil
	}
	for _, o := range overrides {
		v := r.Query.Get(o.param)
		if v == "" {
			continue
		}
		if !headerText(v) {
			return s3err.Argument(o.param, v, "Header value cannot be represented.")
		}
		h[o.header] = []string{v}
	}
	return nil
}
