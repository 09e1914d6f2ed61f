package s3g

import (
	"errors"
	"net/http"
	"strings"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/s3g/cors"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

// getBucketCors answers GET ?cors.
func (g *gateway) getBucketCors(w http.ResponseWriter, r *request) error {
	doc, err := g.buckets.GetBucketDocument(r.Context(), r.bucketRef(), client.DocumentCORS, r.expectedOwner())
	if errors.Is(err, ozerr.DocumentNotFound) {
		return s3err.NoSuchCORSConfiguration.WithField("BucketName", r.Bucket)
	}
	if err != nil {
		return err
	}
	return writeDocument(w, doc.Content)
}

// putBucketCors answers PUT ?cors: the rules replace those there were.
func (g *gateway) putBucketCors(w http.ResponseWriter, r *request) error {
	doc, err := readDocument(r, cors.MaxDocument)
	if err != nil {
		return err
	}
	rules, err := cors.Parse(doc)
	if err != nil {
		return err
	}
	if err := g.setDocument(r, client.DocumentCORS, rules.Marshal()); err != nil {
		return err
	}
	w.Header()["Content-Length"] = zeroLength
	w.WriteHeader(http.StatusOK)
	return nil
}

// deleteBucketCors answers DELETE ?cors, also where there are no rules.
func (g *gateway) deleteBucketCors(w http.ResponseWriter, r *request) error {
	if err := g.setDocument(r, client.DocumentCORS, nil); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// corsVary is what an answer of a bucket with rules depends on.
var corsVary = []string{"Origin, Access-Control-Request-Headers, Access-Control-Request-Method"}

// rulesOf are the bucket's CORS rules; false if it has none.
func (g *gateway) rulesOf(r *request) (cors.Rules, bool, error) {
	b, err := g.bucketOf(r)
	if err != nil {
		return nil, false, err
	}
	return g.cors.of(r.Context(), b)
}

// allowOrigin sets the CORS headers of the answer to a request of a web page,
// whatever the answer will be. A request without Origin costs nothing. Like AWS it
// goes by the method that a preflight would name, where there is such a header.
func (g *gateway) allowOrigin(w *writer, r *request) {
	q := cors.Request{Origin: r.Header.Get("Origin"), Method: r.Method}
	if q.Origin == "" || r.Bucket == "" || r.Method == http.MethodOptions {
		return
	}
	rules, ok, err := g.rulesOf(r)
	if err != nil || !ok { // what is wrong with the bucket, the operation says
		return
	}
	w.Header()["Vary"] = corsVary
	if m := r.Header.Get("Access-Control-Request-Method"); m != "" {
		q.Method = m
	}
	rules.Answer(q, w.Header())
}

// preflight answers OPTIONS: may a page send such a request? Browsers ask without
// credentials, so nobody is asked who they are.
func (g *gateway) preflight(w http.ResponseWriter, r *request) error {
	q := cors.Request{
		Origin:  r.Header.Get("Origin"),
		Method:  r.Header.Get("Access-Control-Request-Method"),
		Headers: headerNames(r.Header["Access-Control-Request-Headers"]),
	}
	switch {
	case q.Origin == "":
		return s3err.BadRequest.With("Insufficient information. Origin request header needed.")
	case q.Method == "":
		return s3err.BadRequest.With("Invalid Access-Control-Request-Method: null")
	case !cors.Method(q.Method):
		return s3err.BadRequest.With("Invalid Access-Control-Request-Method: " + text(q.Method))
	}
	forbidden := s3err.AccessForbidden.WithField("Method", q.Method).WithField("ResourceType", resourceType(r))
	if r.Bucket == "" {
		return forbidden.With("CORSResponse: CORS is not enabled for this resource.")
	}
	rules, ok, err := g.rulesOf(r)
	switch {
	case err != nil:
		return err
	case !ok:
		return forbidden.With("CORSResponse: CORS is not enabled for this bucket.")
	}
	h := w.Header()
	h["Vary"] = corsVary
	if !rules.Answer(q, h) {
		return forbidden.With("CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.")
	}
	h["Content-Length"] = zeroLength
	w.WriteHeader(http.StatusOK)
	return nil
}

// headerNames splits the lists of Access-Control-Request-Headers.
func headerNames(values []string) []string {
	var names []string
	for _, v := range values {
		for name := range strings.SplitSeq(v, ",") {
			if name = strings.TrimSpace(name); name != "" {
				names = append(names, name)
			}
		}
	}
	return names
}

func resourceType(r *request) string {
	return [...]string{"SERVICE", "BUCKET", "OBJECT"}[r.target.level]
}
