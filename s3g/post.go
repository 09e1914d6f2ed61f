package s3g

import (
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/s3g/form"
	"github.com/mini-ozone/mini-ozone/s3g/payload"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
	"github.com/mini-ozone/mini-ozone/s3g/sigv4"
)

// postObject answers POST of a bucket, a browser's upload: the form's fields say what
// a PUT's headers would, its policy says who signed it and what they allow.
func (g *gateway) postObject(w http.ResponseWriter, r *request) error {
	f, err := form.Read(r.Request)
	if err != nil {
		return err
	}
	if r.Key, err = formKey(f); err != nil {
		return err
	}
	if err := g.authenticateForm(r, f); err != nil {
		return err
	}
	limits := payload.Options{MaxSize: maxObject, Algorithm: f.Value("x-amz-checksum-algorithm")}
	if limits.Algorithm != "" && payload.Algorithm(limits.Algorithm) == "" {
		return badAlgorithm()
	}
	if document := f.Value("policy"); document != "" {
		policy, err := form.ParsePolicy(document)
		if err != nil {
			return err
		}
		if err := policy.Check(f, r.Bucket, r.Start); err != nil {
			return err
		}
		limits.MinSize, limits.MaxSize = policy.MinSize, min(limits.MaxSize, policy.MaxSize)
	}
	put, err := formRequest(r, f)
	if err != nil {
		return err
	}
	err = g.allowWrite(put)
	r.verdict = put.verdict
	if err != nil {
		return err
	}
	o, err := g.storeObject(w.Header(), put, limits)
	if err != nil {
		return err
	}
	return g.answerForm(w, r, f, o)
}

// formKey is where the file goes.
func formKey(f *form.Form) (string, error) {
	key := f.Value("key")
	switch {
	case !f.Has("key"):
		return "", s3err.Argument("key", "", "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.")
	case key == "":
		return "", s3err.Argument("key", "", "User key must have a length greater than 0.")
	}
	return key, checkKey(key)
}

// authenticateForm finds out who signed the form's policy, as authenticate does for
// other requests.
func (g *gateway) authenticateForm(r *request, f *form.Form) (err error) {
	if r.Auth, err = sigv4.ParseForm(f.Value); err != nil {
		return err
	}
	if r.Auth.Kind == sigv4.FormV2 && !g.cfg.SigV2 {
		return s3err.AuthorizationV2Refused
	}
	if g.cfg.Secure {
		if err := g.verifyForm(r, f); err != nil {
			return err
		}
	}
	r.Request = r.WithContext(client.WithCaller(r.Context(), text(r.Auth.AccessKey)))
	return nil
}

// verifyForm holds the policy's signature against the user's secret.
func (g *gateway) verifyForm(r *request, f *form.Form) error {
	if r.Auth.Kind == sigv4.Anonymous { // may do what everybody may
		return nil
	}
	if token := f.Value("x-amz-security-token"); token != "" { // we issue none
		return s3err.InvalidToken.WithField("Token-0", token)
	}
	secret, err := g.callerSecret(r)
	if err != nil {
		return err
	}
	return r.Auth.VerifyForm(f.Value("policy"), secret)
}

// formRequest is the PUT that a form stands for.
func formRequest(r *request, f *form.Form) (*request, error) {
	h := http.Header{}
	for _, name := range f.Names() {
		header := formHeader(strings.ToLower(name))
		if header == "" {
			continue
		}
		value := f.Value(name)
		if !headerName(header) || !headerText(value) {
			return nil, s3err.Argument(name, value, "Header value cannot be represented.")
		}
		h[header] = []string{value}
	}
	tags, err := formTags(f.Value("tagging"))
	if err != nil {
		return nil, err
	}
	if tags != "" {
		h["X-Amz-Tagging"] = []string{tags}
	}
	for _, name := range [...]string{"X-Amz-Expected-Bucket-Owner", "Referer", "User-Agent"} { // the latter for bucket policies
		if v := r.Header[name]; v != nil {
			h[name] = v
		}
	}
	hr := r.WithContext(r.Context())
	hr.Header, hr.Body, hr.ContentLength = h, io.NopCloser(f.File), -1
	put := *r
	put.Request = hr
	return &put, nil
}

// formHeader is the header that means what a field does, "" where none does.
func formHeader(field string) string {
	switch field {
	case "acl":
		return "X-Amz-Acl"
	case "cache-control", "content-disposition", "content-encoding", "content-language", "content-md5", "content-type", "expires",
		"x-amz-sdk-checksum-algorithm", "x-amz-storage-class", "x-amz-website-redirect-location":
		return textproto.CanonicalMIMEHeaderKey(field)
	}
	for _, prefix := range []string{"x-amz-meta-", "x-amz-checksum-", "x-amz-object-lock-", "x-amz-server-side-encryption"} {
		if strings.HasPrefix(field, prefix) {
			return textproto.CanonicalMIMEHeaderKey(field)
		}
	}
	return ""
}

// formTags is the XML of the tagging field as x-amz-tagging has it.
func formTags(doc string) (string, error) {
	if doc == "" {
		return "", nil
	}
	var set s3xml.Tagging
	if err := s3xml.Unmarshal([]byte(doc), &set); err != nil {
		return "", err
	}
	var pairs []string
	for _, tag := range set.TagSet {
		if tag.Value == nil {
			return "", s3err.MalformedXML
		}
		pairs = append(pairs, url.QueryEscape(tag.Key)+"="+url.QueryEscape(*tag.Value))
	}
	return strings.Join(pairs, "&"), nil
}

// answerForm answers as the form asks: with a redirect, or with a status of which
// only 201 has a document.
func (g *gateway) answerForm(w http.ResponseWriter, r *request, f *form.Form, o client.Object) error {
	h := w.Header()
	if to := formRedirect(r, f, o); to != "" {
		h["Location"] = []string{to}
		h["Content-Length"] = zeroLength
		w.WriteHeader(http.StatusSeeOther)
		return nil
	}
	location := g.location(r)
	h["Location"] = []string{location}
	switch f.Value("success_action_status") {
	case "200":
		h["Content-Length"] = zeroLength
		w.WriteHeader(http.StatusOK)
	case "201":
		doc := s3xml.Marshal(&s3xml.PostResponse{Location: location, Bucket: r.Bucket, Key: r.Key, ETag: quote(o.ETag)})
		h["Content-Type"] = xmlType
		h["Content-Length"] = []string{strconv.Itoa(len(doc))}
		w.WriteHeader(http.StatusCreated)
		_, err := w.Write(doc)
		return err
	default:
		w.WriteHeader(http.StatusNoContent)
	}
	return nil
}

// formRedirect is where the browser goes after its upload, "" if the form names no
// place that could be one.
func formRedirect(r *request, f *form.Form, o client.Object) string {
	to := f.Value("success_action_redirect")
	if to == "" {
		to = f.Value("redirect") // its old name
	}
	u, err := url.Parse(to)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += "bucket=" + url.QueryEscape(r.Bucket) + "&key=" + url.QueryEscape(r.Key) + "&etag=" + url.QueryEscape(quote(o.ETag))
	return u.String()
}
