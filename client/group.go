package client

import (
	"context"

	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// TransferLeadership has the om that leads hand over to id, or with "" to the one that
// is furthest. It returns when another om has been told to stand for leader.
func (c *Client) TransferLeadership(ctx context.Context, id string) error {
	return c.changeGroup(ctx, ompb.ChangeGroup_TRANSFER, id)
}

// RemoveOM takes an om that does not lead out of the group, for good.
func (c *Client) RemoveOM(ctx context.Context, id string) error {
	return c.changeGroup(ctx, ompb.ChangeGroup_REMOVE, id)
}

func (c *Client) changeGroup(ctx context.Context, action ompb.ChangeGroup_Action, id string) error {
	_, err := c.read(ctx, &ompb.Request{Op: &ompb.Request_ChangeGroup{ChangeGroup: &ompb.ChangeGroup{Action: action, Id: id}}})
	return err
}
