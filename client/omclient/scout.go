package omclient

import (
	"context"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// scoutTimeout bounds how long an om may take to say who leads.
const scoutTimeout = 500 * time.Millisecond

// try sends req to o once. A leader that is frozen, or whose disk hangs, says nothing
// for as long as it likes, while the others have long elected another: so when an answer
// takes SuspectAfter, and again and again, the others are asked, and if they follow
// somebody else, the attempt ends with Unavailable and that om as Detail. An om that is
// only slow, and still leads, is waited for: trying again would make it slower.
func (c *Client) try(ctx context.Context, o *OM, req *ompb.Request) (*ompb.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.AttemptTimeout)
	defer cancel()
	if len(c.given) == 1 {
		return o.Submit(ctx, req)
	}
	ctx, abandon := context.WithCancelCause(ctx)
	defer abandon(nil)
	watch := time.AfterFunc(c.opts.SuspectAfter, func() { c.suspect(ctx, o, abandon) })
	defer watch.Stop()
	resp, err := o.Submit(ctx, req)
	if moved, ok := context.Cause(ctx).(*ozerr.Error); ok && err != nil {
		return nil, moved
	}
	return resp, err
}

// suspect asks the other oms for the leader until ctx ends, and abandons the attempt at
// o when it is another.
func (c *Client) suspect(ctx context.Context, o *OM, abandon context.CancelCauseFunc) {
	if !c.begin() {
		return
	}
	defer c.wg.Done()
	for ctx.Err() == nil {
		if addr := c.leaderBeside(ctx, o); addr != "" && addr != o.addr {
			abandon(&ozerr.Error{Code: ozerr.Unavailable, Detail: addr,
				Message: "om " + o.addr + " does not answer, and the others follow " + addr})
			return
		}
		if pause(ctx, c.opts.SuspectAfter/2) != nil {
			return
		}
	}
}

// begin counts a goroutine in that Close waits for, unless Close has been called.
func (c *Client) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.wg.Add(1)
	return true
}

// leaderBeside is the address of the leader that the oms other than o know, of the
// newest term; "" if they know none. Callers at the same time share one round.
func (c *Client) leaderBeside(ctx context.Context, o *OM) string {
	c.scouting.Lock()
	defer c.scouting.Unlock()
	if c.scouted.of == o && time.Since(c.scouted.at) < c.opts.SuspectAfter/2 {
		return c.scouted.leader
	}
	ctx, cancel := context.WithTimeout(ctx, scoutTimeout)
	defer cancel()
	answers := make(chan *ompb.GroupInfo, len(c.given))
	asked := 0
	for _, other := range c.given {
		if other == o {
			continue
		}
		asked++
		go func() { // ends with scoutTimeout at the latest; the loop below waits for it
			resp, _ := other.Submit(ctx, &ompb.Request{Op: &ompb.Request_GetGroup{GetGroup: &ompb.GetGroup{}}})
			answers <- resp.GetGroup() // nil with an error
		}()
	}
	var term uint64
	leader := ""
	for range asked {
		info := <-answers
		if info == nil || info.Leader == "" || info.Term < term {
			continue
		}
		if addr := addressOf(info); addr != "" {
			term, leader = info.Term, addr
		}
	}
	c.scouted.of, c.scouted.at, c.scouted.leader = o, time.Now(), leader
	return leader
}

// addressOf the leader, as the one who answers knows it.
func addressOf(info *ompb.GroupInfo) string {
	for _, r := range info.Members {
		if r.Id == info.Leader {
			return r.Address
		}
	}
	return ""
}
