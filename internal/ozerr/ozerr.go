// Package ozerr is the one error type of the project. An error has a code that
// survives the wire and the raft log, so a caller three processes away tests the
// code and never parses text. Codes are Ozone's OM and datanode result names
// where Ozone has one.
package ozerr

import (
	"errors"
	"fmt"
)

// Code says what went wrong, for programs.
type Code string

// Error is a failure with a code. Detail is for programs too (with NotLeader: the
// leader's address; with KeyExists: nothing).
type Error struct {
	Code    Code
	Message string
	Detail  string
	Err     error // cause, not sent over the wire
}

// New returns an Error; the message is formatted as by fmt.Sprintf.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap gives err a code and says what was being done. It keeps err's own code
// if it has one: the place nearest to the fault knows best. Wrap(nil) is nil.
func Wrap(code Code, err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	msg := fmt.Sprintf(format, args...)
	var inner *Error
	if errors.As(err, &inner) {
		return &Error{Code: inner.Code, Message: msg + ": " + inner.Message, Detail: inner.Detail, Err: err}
	}
	return &Error{Code: code, Message: msg + ": " + err.Error(), Err: err}
}

// Error prints `CODE message`, the form Ozone's command line shows.
func (e *Error) Error() string {
	if e.Message == "" {
		return string(e.Code)
	}
	return string(e.Code) + " " + e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is makes errors.Is(err, ozerr.KeyNotFound) true for any Error of that code.
func (e *Error) Is(target error) bool {
	c, ok := target.(Code)
	return ok && c == e.Code
}

// Error makes a Code usable as a target of errors.Is.
func (c Code) Error() string { return string(c) }

// CodeOf returns err's code, Internal for a foreign error and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	var c Code
	if errors.As(err, &c) {
		return c
	}
	return Internal
}
