package lin

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// answerLimit is when a request counts as hanging: every wait in the servers has a
// deadline, and the longest request has a few of them in a row.
const answerLimit = 90 * time.Second

// errNotSent: no connection was made, so the request certainly had no effect.
var errNotSent = errors.New("not sent")

// client speaks S3 to one gateway, without signatures and without repetitions: it must
// know what was answered to each request.
type client struct {
	id       int
	name     string // of the gateway
	endpoint string
	http     *http.Client
}

func newClient(id int, name, endpoint string) *client {
	return &client{id: id, name: name, endpoint: endpoint, http: &http.Client{
		Timeout:   answerLimit,
		Transport: &http.Transport{DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext, MaxIdleConnsPerHost: 4},
	}}
}

// answer to a request that has one.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do sends a request. An error is errNotSent, or leaves the outcome open.
func (c *client) do(ctx context.Context, method, path string, header map[string]string, body []byte) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.endpoint+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := c.http.Do(req)
	if dial := (*net.OpError)(nil); errors.As(err, &dial) && dial.Op == "dial" {
		return answer{}, errNotSent
	}
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, text}, err
}

// outcome reads an answer. An error is an answer that S3 must never give.
func (a answer) outcome(absent ...string) (Outcome, error) {
	switch {
	case a.status/100 == 2:
		return Done, nil
	case a.status == http.StatusPreconditionFailed:
		return Refused, nil
	case a.status == http.StatusNotFound && len(a.body) == 0: // HEAD
		return Absent, nil
	}
	var e struct {
		XMLName                  xml.Name `xml:"Error"`
		Code, Message, RequestId string
	}
	if err := xml.Unmarshal(a.body, &e); err != nil || e.Code == "" {
		if len(a.body) == 0 && a.status >= 500 {
			return Unknown, nil // HEAD
		}
		return Unknown, fmt.Errorf("status %d with a body that is no S3 error: %.200q", a.status, a.body)
	}
	if e.RequestId == "" {
		return Unknown, fmt.Errorf("status %d, %s: no request id", a.status, e.Code)
	}
	switch {
	case a.status >= 500:
		return Unknown, nil
	case a.status == http.StatusNotFound:
		for _, code := range absent {
			if e.Code == code {
				return Absent, nil
			}
		}
	}
	return Unknown, fmt.Errorf("status %d, %s: %s", a.status, e.Code, e.Message)
}

// etag of an answer, without quotes.
func (a answer) etag() string { return strings.Trim(a.header.Get("ETag"), `"`) }

// payload is content that nothing else has; size is about its length.
func payload(name string, size int) []byte {
	line := name + "\n"
	return []byte(strings.Repeat(line, max(1, size/len(line))))
}

// etagOf is what S3 calls content that was put as one.
func etagOf(body []byte) string {
	sum := md5.Sum(body)
	return hex.EncodeToString(sum[:])
}

// etagOfParts is what S3 calls an object of these parts.
func etagOfParts(parts ...[]byte) string {
	var sums []byte
	for _, p := range parts {
		sum := md5.Sum(p)
		sums = append(sums, sum[:]...)
	}
	sum := md5.Sum(sums)
	return hex.EncodeToString(sum[:]) + "-" + strconv.Itoa(len(parts))
}

// whole: body is all of what etag names, of one part or none, as all our objects are.
func whole(etag string, body []byte) bool { return etag == etagOf(body) || etag == etagOfParts(body) }

// createUpload opens an upload and returns its id.
func (c *client) createUpload(ctx context.Context, path string) (string, error) {
	a, err := c.do(ctx, http.MethodPost, path+"?uploads", nil, nil)
	if err != nil {
		return "", err
	}
	if outcome, err := a.outcome(); outcome != Done {
		return "", errors.Join(errors.New("no upload"), err)
	}
	var result struct {
		UploadID string `xml:"UploadId"`
	}
	err = xml.Unmarshal(a.body, &result)
	return result.UploadID, err
}

// putPart uploads a part.
func (c *client) putPart(ctx context.Context, path, upload string, number int, body []byte) error {
	a, err := c.do(ctx, http.MethodPut, fmt.Sprintf("%s?partNumber=%d&uploadId=%s", path, number, url.QueryEscape(upload)), nil, body)
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		return fmt.Errorf("status %d", a.status)
	}
	return nil
}

// page is one page of a listing.
type page struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	IsTruncated           bool
	NextContinuationToken string
	Contents              []struct{ Key, ETag string }
}

// list gets a page of at most most keys.
func (c *client) list(ctx context.Context, bucket, token string, most int) (page, error) {
	path := fmt.Sprintf("/%s?list-type=2&max-keys=%d", bucket, most)
	if token != "" {
		path += "&continuation-token=" + url.QueryEscape(token)
	}
	var p page
	a, err := c.do(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return p, err
	}
	if outcome, err := a.outcome(); outcome != Done {
		return p, errors.Join(errors.New("no listing"), err)
	}
	return a.page()
}

func (a answer) page() (p page, err error) {
	err = xml.Unmarshal(a.body, &p)
	return p, err
}

// code of an error answer, "" if it is none.
func (a answer) code() string {
	var e struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
	}
	if err := xml.Unmarshal(a.body, &e); err != nil {
		return ""
	}
	return e.Code
}
