package client

import "context"

type callerKey struct{}

// WithCaller says on whose behalf calls under ctx are made: an access key or a
// login name. om decides ownership and permissions by it; "" is anonymous.
func WithCaller(ctx context.Context, user string) context.Context {
	return context.WithValue(ctx, callerKey{}, user)
}

// Caller is what WithCaller gave ctx, or "".
func Caller(ctx context.Context) string {
	user, _ := ctx.Value(callerKey{}).(string)
	return user
}
