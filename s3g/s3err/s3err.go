// Package s3err holds the errors an S3 client can get: code, message and HTTP
// status as AWS words them. Handlers return these; one place in package s3g turns
// them into XML. The values in codes.go are shared and never changed: With
// and its like return copies.
package s3err

import "fmt"

// Field is an extra element of an error document, such as BucketName or
// ArgumentName. Fields are written in the order they were added.
type Field struct{ Name, Value string }

// Error is one S3 error.
type Error struct {
	Code    string  // AWS's code, the text of <Code>
	Message string  // the text of <Message>
	Status  int     // HTTP status
	Fields  []Field // extra elements after <Message>
	Header  []Field // extra headers of the answer
	Err     error   // what lay behind it: for our logs, never sent
}

// Error prints code and message, and the cause if there is one.
func (e *Error) Error() string {
	s := e.Code + ": " + e.Message
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is makes errors.Is(err, s3err.NoSuchKey) true for every error of that code,
// whatever its message and fields.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// With returns a copy with another message.
func (e *Error) With(message string) *Error {
	c := e.clone()
	c.Message = message
	return c
}

// Withf is With with a format.
func (e *Error) Withf(format string, args ...any) *Error {
	return e.With(fmt.Sprintf(format, args...))
}

// WithField returns a copy with one more extra element.
func (e *Error) WithField(name, value string) *Error {
	c := e.clone()
	c.Fields = append(c.Fields[:len(c.Fields):len(c.Fields)], Field{name, value})
	return c
}

// WithHeader returns a copy whose answer has one more header.
func (e *Error) WithHeader(name, value string) *Error {
	c := e.clone()
	c.Header = append(c.Header[:len(c.Header):len(c.Header)], Field{name, value})
	return c
}

// WithStatus returns a copy with another HTTP status, for the few codes AWS uses
// with more than one.
func (e *Error) WithStatus(status int) *Error {
	c := e.clone()
	c.Status = status
	return c
}

// Wrap returns a copy that remembers its cause.
func (e *Error) Wrap(cause error) *Error {
	c := e.clone()
	c.Err = cause
	return c
}

// Argument is InvalidArgument as AWS sends it: the message, and which argument
// had which value.
func Argument(name, value, message string) *Error {
	return InvalidArgument.With(message).WithField("ArgumentName", name).WithField("ArgumentValue", value)
}

func (e *Error) clone() *Error {
	c := *e
	return &c
}
