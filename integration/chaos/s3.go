package chaos

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// requestTimeout bounds every request. A gateway that neither answers nor breaks the
// connection for so long has broken the promise of bounded waits; it is longer than any
// freeze of the schedule and than the deadlines inside.
const requestTimeout = 75 * time.Second

// s3 speaks S3 without retries and without a library that would judge answers by itself:
// what was answered to each request is what the runs are about.
type s3 struct {
	http      *http.Client
	endpoints []string
}

func newS3(endpoints []string, clients int) *s3 {
	return &s3{endpoints: endpoints, http: &http.Client{
		Timeout:   requestTimeout,
		Transport: &http.Transport{MaxIdleConnsPerHost: clients, DisableCompression: true},
	}}
}

// answer is what came of one request.
type answer struct {
	status int
	header http.Header
	body   []byte
	err    error // no whole answer came
}

// ok: a success, and all of it arrived.
func (a *answer) ok() bool { return a.err == nil && a.status/100 == 2 }

// refused: no connection could be made, so the request was not sent.
func (a *answer) refused() bool {
	var op *net.OpError
	return errors.As(a.err, &op) && op.Op == "dial"
}

// hung: the time was up.
func (a *answer) hung() bool {
	var timeout net.Error
	return errors.As(a.err, &timeout) && timeout.Timeout() && !a.refused()
}

func (a *answer) String() string {
	if a.err != nil {
		return a.err.Error()
	}
	return strconv.Itoa(a.status) + " " + a.code()
}

// code is the Code of an S3 error document, "" if the body is none.
func (a *answer) code() string {
	var doc struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
	}
	if xml.Unmarshal(a.body, &doc) != nil {
		return ""
	}
	return doc.Code
}

// request is one call. query is the raw query.
type request struct {
	method, path, query string
	body                []byte
	header              map[string]string
}

// do sends a request to one of the gateways.
func (s *s3) do(ctx context.Context, gateway int, r request) *answer {
	u := s.endpoints[gateway%len(s.endpoints)] + r.path
	if r.query != "" {
		u += "?" + r.query
	}
	req, err := http.NewRequestWithContext(ctx, r.method, u, bytes.NewReader(r.body))
	if err != nil {
		return &answer{err: err}
	}
	for k, v := range r.header {
		req.Header.Set(k, v)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return &answer{err: err}
	}
	defer resp.Body.Close()
	a := &answer{status: resp.StatusCode, header: resp.Header}
	a.body, a.err = io.ReadAll(resp.Body)
	return a
}

// uploadID reads the answer to CreateMultipartUpload.
func (a *answer) uploadID() (string, error) {
	var doc struct {
		XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
		UploadID string   `xml:"UploadId"`
	}
	err := xml.Unmarshal(a.body, &doc)
	if err == nil && doc.UploadID == "" {
		err = errors.New("no UploadId")
	}
	return doc.UploadID, err
}

// completeBody lists the parts 1, 2, … for CompleteMultipartUpload.
func completeBody(etags []string) []byte {
	var b bytes.Buffer
	b.WriteString("<CompleteMultipartUpload>")
	for i, e := range etags {
		fmt.Fprintf(&b, "<Part><PartNumber>%d</PartNumber><ETag>", i+1)
		_ = xml.EscapeText(&b, []byte(e)) // a Buffer takes everything
		b.WriteString("</ETag></Part>")
	}
	b.WriteString("</CompleteMultipartUpload>")
	return b.Bytes()
}

// page is what matters of a ListBucketResult.
type page struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	IsTruncated           bool
	NextContinuationToken string
	Contents              []struct {
		Key  string
		Size int64
	}
}

// listed is a key of a listing.
type listed struct {
	key  string
	size int64
}

// list asks page after page; get sends one request. keys are in the order they came.
func list(prefix string, get func(query string) *answer) ([]listed, *answer) {
	var all []listed
	for token := ""; ; {
		query := "list-type=2&max-keys=500&prefix=" + url.QueryEscape(prefix)
		if token != "" {
			query += "&continuation-token=" + url.QueryEscape(token)
		}
		a := get(query)
		if !a.ok() {
			return nil, a
		}
		var p page
		if err := xml.Unmarshal(a.body, &p); err != nil {
			return nil, &answer{status: a.status, body: a.body, err: fmt.Errorf("listing: %w", err)}
		}
		for _, c := range p.Contents {
			all = append(all, listed{c.Key, c.Size})
		}
		if token = p.NextContinuationToken; !p.IsTruncated {
			return all, a
		}
	}
}
