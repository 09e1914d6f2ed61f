// Package form reads what a browser uploads: the fields of a POST form, its file, and
// the policy that says what the form may hold.
package form

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

const (
	// maxFields is how many bytes the fields may have, names and values: AWS's 20 KB.
	maxFields = 20 << 10
	// maxPreface bounds all that comes before the file, boundaries and heads of parts
	// as well; a little of the file is read with it.
	maxPreface = 64 << 10
)

// Form is an upload form, read up to its file.
type Form struct {
	// File has the bytes of the file; io.EOF comes only where the form's boundary
	// ends it. What follows it in the form is ignored, as by AWS.
	File io.Reader

	values map[string]string // by lower-case name
	names  []string          // as given, in order
}

// Read reads the form of r up to its file. r's Content-Type must be multipart/form-data.
func Read(r *http.Request) (*Form, error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case kind != "multipart/form-data":
		return nil, s3err.PreconditionFailed.WithField("Condition", "Bucket POST must be of the enclosure-type multipart/form-data")
	case err != nil || params["boundary"] == "":
		return nil, s3err.MalformedPOSTRequest
	}
	f := &Form{values: map[string]string{}}
	body := &preface{r: r.Body, left: maxPreface}
	parts := multipart.NewReader(body, params["boundary"])
	for size := 0; ; {
		part, err := parts.NextRawPart()
		if err == io.EOF { // bare where the form ends, wrapped where it breaks off
			return nil, noFile()
		}
		if err != nil {
			return nil, malformed(err)
		}
		name, filename, err := disposition(part)
		if err != nil {
			return nil, err
		}
		if strings.EqualFold(name, "file") {
			body.over = true
			f.File = part
			f.substitute(baseName(filename))
			return f, nil
		}
		size += len(name)
		value, err := io.ReadAll(io.LimitReader(part, int64(maxFields-size+1)))
		if err != nil {
			return nil, malformed(err)
		}
		if size += len(value); size > maxFields {
			return nil, s3err.MaxPostPreDataLengthExceededError
		}
		if err := f.add(name, string(value)); err != nil {
			return nil, err
		}
	}
}

// preface reads a form, and not much of it before its file.
type preface struct {
	r    io.Reader
	left int
	over bool // the file has begun
}

func (p *preface) Read(b []byte) (int, error) {
	if p.over {
		return p.r.Read(b)
	}
	if p.left == 0 {
		return 0, s3err.MaxPostPreDataLengthExceededError
	}
	n, err := p.r.Read(b[:min(len(b), p.left)])
	p.left -= n
	return n, err
}

func noFile() error {
	return s3err.Argument("file", "0", "POST requires exactly one file upload per request.")
}

// malformed keeps what the connection says, such as a client that was too slow.
func malformed(err error) error {
	var ours *s3err.Error
	if errors.As(err, &ours) {
		return err
	}
	return s3err.MalformedPOSTRequest.Wrap(err)
}

// disposition are the name of a field and, for files, that of the file.
func disposition(part *multipart.Part) (name, filename string, err error) {
	kind, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	if err != nil || kind != "form-data" || params["name"] == "" {
		return "", "", s3err.MalformedPOSTRequest
	}
	return params["name"], params["filename"], nil
}

// add keeps a field. One that comes twice is refused: a policy might see the one and the
// store take the other.
func (f *Form) add(name, value string) error {
	lower := strings.ToLower(name)
	if _, twice := f.values[lower]; twice {
		return s3err.Argument(name, value, "POST requires every field to be given once.")
	}
	f.values[lower] = value
	f.names = append(f.names, name)
	return nil
}

// baseName is what stands behind the last slash or backslash: browsers once sent paths.
func baseName(path string) string {
	return path[strings.LastIndexAny(path, `/\`)+1:]
}

// substitute puts the file's name where fields ask for it.
func (f *Form) substitute(filename string) {
	for name, value := range f.values {
		f.values[name] = strings.ReplaceAll(value, "${filename}", filename)
	}
}

// Value is the value of a field, "" if there is none. Names have no case.
func (f *Form) Value(name string) string { return f.values[strings.ToLower(name)] }

// Has says whether there is a field of that name.
func (f *Form) Has(name string) bool {
	_, ok := f.values[strings.ToLower(name)]
	return ok
}

// Names are the names of the fields as given, in order.
func (f *Form) Names() []string { return f.names }
