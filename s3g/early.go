package s3g

import (
	"bytes"
	"fmt"

	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

// net/http answers by itself what it can't make a request of: a head that is too large, or
// none at all. It does so in plain text and in one write, which is given S3's form here.
// Over TLS it stays as it is.

// earlyHeaders are in such an answer, and in none of ours.
var earlyHeaders = []byte("\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n")

// earlyAnswer returns what to send instead of p, an answer of net/http itself; nil: p is
// none.
func earlyAnswer(p []byte) []byte {
	if !bytes.HasPrefix(p, []byte("HTTP/1.1 4")) || !bytes.Contains(p, earlyHeaders) {
		return nil
	}
	line, _, _ := bytes.Cut(p, []byte("\r\n"))
	status := line[len("HTTP/1.1 "):]
	e := s3err.BadRequest
	switch {
	case bytes.HasPrefix(status, []byte("431")):
		e = s3err.RequestHeaderSectionTooLarge
	case bytes.HasPrefix(status, []byte("400")):
	default: // 417 and the like: they are too rare for a form of their own
		return nil
	}
	id := newRequestID()
	doc := s3xml.Error(e, "", id, id)
	return fmt.Appendf(nil, "%s\r\nServer: Ozone\r\nX-Amz-Request-Id: %s\r\nX-Amz-Id-2: %s\r\nContent-Type: application/xml\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		line, id, id, len(doc), doc)
}
