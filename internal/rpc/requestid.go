package rpc

import "context"

type requestIDKey struct{}

// WithRequestID gives ctx the request id that the logs of all servers share. It
// travels with every call made under ctx.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestID is the id that WithRequestID or the caller of an rpc gave ctx, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}
