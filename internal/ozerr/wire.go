package ozerr

import (
	"context"
	"errors"

	"github.com/mini-ozone/mini-ozone/proto/commonpb"
)

// ToProto gives err the form it has in replies and log results; nil stays nil.
func ToProto(err error) *commonpb.Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		msg := e.Message
		return &commonpb.Error{Code: string(e.Code), Message: msg, Detail: e.Detail}
	}
	code := CodeOf(err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		code = Timeout
	case errors.Is(err, context.Canceled):
		code = Canceled
	}
	return &commonpb.Error{Code: string(code), Message: err.Error()}
}

// FromProto is the inverse of ToProto.
func FromProto(p *commonpb.Error) error {
	if p == nil || p.Code == "" {
		return nil
	}
	return &Error{Code: Code(p.Code), Message: p.Message, Detail: p.Detail}
}
