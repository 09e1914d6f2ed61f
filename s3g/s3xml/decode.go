package s3xml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

// Limits of request bodies.
const (
	MaxBody     = 2 << 20 // most requests
	MaxComplete = 4 << 20 // CompleteMultipartUpload: 10,000 parts with checksums
	maxDepth    = 16
)

// Decode reads r to its end and parses it into v, a pointer to a request struct.
// Anything but one well-formed document with the right root of at most limit
// bytes is s3err.MalformedXML. An error of r itself (a body that ends early, a
// wrong checksum) is returned as it is.
func Decode(r io.Reader, limit int64, v any) error {
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return err
	}
	if int64(len(body)) > limit {
		return s3err.MalformedXML.Wrap(errors.New("body too large"))
	}
	return Unmarshal(body, v)
}

// Unmarshal is Decode of bytes at hand.
func Unmarshal(body []byte, v any) error {
	body = bytes.TrimPrefix(body, []byte("\uFEFF")) // .NET writes a byte order mark
	d := xml.NewTokenDecoder(&guard{d: xml.NewDecoder(bytes.NewReader(body))})
	if err := d.Decode(v); err != nil {
		return s3err.MalformedXML.Wrap(err)
	}
	switch _, err := d.Token(); {
	case err == nil:
		return s3err.MalformedXML.Wrap(errors.New("content after the root element"))
	case !errors.Is(err, io.EOF):
		return s3err.MalformedXML.Wrap(err)
	}
	return nil
}

// guard passes on the tokens of an S3 request: elements, all in our namespace,
// and text. It drops comments, and fails on what no S3 request has.
type guard struct {
	d     *xml.Decoder
	depth int
	root  bool // the root element has begun
}

// Token implements xml.TokenReader.
func (g *guard) Token() (xml.Token, error) {
	for {
		t, err := g.d.Token()
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			return g.start(t)
		case xml.EndElement:
			g.depth--
			t.Name.Space = Namespace
			return t, nil
		case xml.CharData:
			if g.depth > 0 {
				return t, nil
			}
			if len(bytes.TrimSpace(t)) > 0 {
				return nil, errors.New("text outside the root element")
			}
		case xml.ProcInst:
			if g.root || !strings.EqualFold(t.Target, "xml") {
				return nil, errors.New("processing instruction")
			}
		case xml.Directive:
			return nil, errors.New("document type or other directive")
		}
	}
}

func (g *guard) start(t xml.StartElement) (xml.Token, error) {
	if g.depth == 0 && g.root {
		return nil, errors.New("second root element")
	}
	g.root = true
	if g.depth++; g.depth > maxDepth {
		return nil, errors.New("nested too deep")
	}
	t.Name.Space = Namespace
	return t, nil
}
