package client

import (
	"context"

	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// SetUser makes a user or changes one.
func (c *Client) SetUser(ctx context.Context, u UserChange) (User, error) {
	op := &ompb.SetUser{Name: u.Name, Create: u.Create, MustExist: u.MustExist, DisplayName: u.DisplayName, Email: u.Email}
	resp, err := c.mutate(ctx, &ompb.Request{Op: &ompb.Request_SetUser{SetUser: op}})
	if err != nil {
		return User{}, err
	}
	return userFrom(resp.GetUser()), nil
}

// DeleteUser forgets a user and its secret. Buckets and objects stay the name's.
func (c *Client) DeleteUser(ctx context.Context, name string) error {
	op := &ompb.DeleteUser{Name: name}
	_, err := c.mutate(ctx, &ompb.Request{Op: &ompb.Request_DeleteUser{DeleteUser: op}})
	return err
}

// GetUser finds a user, ozerr.UserNotFound if there is none.
func (c *Client) GetUser(ctx context.Context, q UserQuery) (User, error) {
	op := &ompb.FindUser{Name: q.Name, CanonicalId: q.CanonicalID, Email: q.Email}
	resp, err := c.read(ctx, &ompb.Request{Op: &ompb.Request_FindUser{FindUser: op}})
	if err != nil {
		return User{}, err
	}
	return userFrom(resp.GetUser()), nil
}

// ListUsers returns a page of users by name, from after (exclusive), and whether there
// are more. limit 0 means om's default.
func (c *Client) ListUsers(ctx context.Context, prefix, after string, limit int) ([]User, bool, error) {
	op := &ompb.ListUsers{Prefix: prefix, After: after, Limit: limit32(limit)}
	resp, err := c.read(ctx, &ompb.Request{Op: &ompb.Request_ListUsers{ListUsers: op}})
	if err != nil {
		return nil, false, err
	}
	return mapSlice(resp.GetUsers().GetUsers(), userFrom), resp.GetUsers().GetTruncated(), nil
}

// Secret is what a gateway verifies the signatures of an access key with;
// ozerr.UserNotFound if that user has none (any more).
func (c *Client) Secret(ctx context.Context, accessKey string) (string, error) {
	op := &ompb.GetSecret{Name: accessKey, Action: ompb.GetSecret_VERIFY}
	resp, err := c.read(ctx, &ompb.Request{Op: &ompb.Request_GetSecret{GetSecret: op}})
	if err != nil {
		return "", err
	}
	return resp.GetUser().GetSecret(), nil
}

// NewSecret makes the user if need be, and a secret, which is shown this once;
// ozerr.SecretAlreadyShown if there is one.
func (c *Client) NewSecret(ctx context.Context, name string) (string, error) {
	return c.secret(ctx, &ompb.GetSecret{Name: name, Action: ompb.GetSecret_GET})
}

// SetSecret gives a user, who is made if need be, that secret.
func (c *Client) SetSecret(ctx context.Context, name, secret string) error {
	_, err := c.secret(ctx, &ompb.GetSecret{Name: name, Action: ompb.GetSecret_SET, Secret: secret})
	return err
}

// RevokeSecret takes a user's secret away.
func (c *Client) RevokeSecret(ctx context.Context, name string) error {
	_, err := c.secret(ctx, &ompb.GetSecret{Name: name, Action: ompb.GetSecret_REVOKE})
	return err
}

func (c *Client) secret(ctx context.Context, op *ompb.GetSecret) (string, error) {
	resp, err := c.mutate(ctx, &ompb.Request{Op: &ompb.Request_GetSecret{GetSecret: op}})
	if err != nil {
		return "", err
	}
	return resp.GetUser().GetSecret(), nil
}
