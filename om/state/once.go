package state

import (
	"encoding/binary"
	"errors"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
	"google.golang.org/protobuf/proto"
)

// session is what is known of a client: results below `low` are forgotten, as it has
// said that it has them.
type session struct {
	low    uint64
	lastNs int64
}

// pruneBatch bounds how many rows one request removes on the side; up to denseRun
// results are removed without looking whether they are there.
const (
	pruneBatch = 4096
	denseRun   = 256
)

func (c *call) session(client string) (s session) {
	v, ok := table.Sessions.Get(c.tx, []byte(client))
	if !ok {
		return s
	}
	if len(v) != 16 {
		c.tx.Fail(errors.Join(table.ErrCorrupt, errors.New("session row")))
		return s
	}
	return session{binary.BigEndian.Uint64(v), int64(binary.BigEndian.Uint64(v[8:]))}
}

func (c *call) putSession(client string, s session) {
	v := binary.BigEndian.AppendUint64(nil, s.low)
	table.Sessions.Put(c.tx, []byte(client), binary.BigEndian.AppendUint64(v, uint64(s.lastNs)))
}

// answered returns the first answer if this request was executed before.
func (c *call) answered() (*ompb.Response, bool) {
	client, seq := c.req.ClientId, c.req.Sequence
	if client == "" {
		return nil, false
	}
	if len(client) > maxName {
		return c.respond(nil, ozerr.New(ozerr.InvalidArgument, "client id of %d bytes", len(client))), true
	}
	if low := c.session(client).low; seq < low {
		return c.respond(nil, ozerr.New(ozerr.InvalidRequest,
			"sequence %d of client %s was acknowledged before (below %d)", seq, client, low)), true
	}
	resp := table.Results.Get(c.tx, table.ResultKey(client, seq))
	if resp == nil {
		return nil, false
	}
	if d := c.req.GetDeleteKeys(); d != nil && resp.GetDeletes() != nil {
		for i, r := range resp.GetDeletes().Results {
			if i < len(d.Keys) {
				r.Key = d.Keys[i].Key
			}
		}
	}
	return resp, true
}

// remember keeps the answer until the client acknowledges it, and forgets those it has
// acknowledged. "Try again" is no answer: the repetition is meant to be executed.
func (c *call) remember(resp *ompb.Response) {
	client, seq := c.req.ClientId, c.req.Sequence
	if client == "" || resp.GetError().GetCode() == string(ozerr.Unavailable) {
		return
	}
	table.Results.Put(c.tx, table.ResultKey(client, seq), withoutKeyNames(resp))
	s := c.session(client)
	s.lastNs = max(s.lastNs, c.now())
	s.low = c.forget(client, s.low, min(c.req.AckedBelow, seq))
	c.putSession(client, s)
}

// forget removes results [from, below) and returns how far it came. Sequences are
// dense, so deleting a few that may be missing is cheaper than looking; a client that
// jumped pays for an iterator.
func (c *call) forget(client string, from, below uint64) uint64 {
	if below <= from {
		return from
	}
	if below-from > denseRun {
		if n := c.forgetScan(client, from, below, pruneBatch); n == pruneBatch {
			return from // more next time
		}
		return below
	}
	for seq := from; seq < below; seq++ {
		table.Results.Delete(c.tx, table.ResultKey(client, seq))
	}
	return below
}

// forgetScan removes at most `most` results of [from, below) and returns how many.
func (c *call) forgetScan(client string, from, below uint64, most int) int {
	var keys [][]byte
	prefix := table.AppendEscaped(nil, client)
	table.Results.Scan(c.tx, prefix, table.ResultKey(client, from), func(key []byte, _ *ompb.Response) bool {
		if binary.BigEndian.Uint64(key[len(key)-8:]) >= below || len(keys) == most {
			return false
		}
		keys = append(keys, append([]byte(nil), key...))
		return true
	})
	for _, key := range keys {
		table.Results.Delete(c.tx, key)
	}
	return len(keys)
}

// withoutKeyNames drops from a DeleteKeys answer what its request says again: a thousand
// names of a thousand bytes don't fit in a row.
func withoutKeyNames(resp *ompb.Response) *ompb.Response {
	if resp.GetDeletes() == nil {
		return resp
	}
	short := proto.Clone(resp).(*ompb.Response)
	for _, r := range short.GetDeletes().Results {
		r.Key = ""
	}
	return short
}

// pruneResults forgets sessions idle since before_ns, and completed uploads likewise.
// One call removes a bounded number of rows; the next goes on.
func (c *call) pruneResults(r *ompb.PruneResults) (*ompb.Response, error) {
	var idle []string
	table.Sessions.Scan(c.tx, nil, nil, func(key, v []byte) bool {
		if len(v) == 16 && int64(binary.BigEndian.Uint64(v[8:])) < r.BeforeNs {
			idle = append(idle, string(key))
		}
		return len(idle) < pruneBatch
	})
	room := pruneBatch
	for _, client := range idle {
		n := c.forgetScan(client, 0, ^uint64(0), room)
		if room -= n; room == 0 {
			break
		}
		table.Sessions.Delete(c.tx, []byte(client))
	}
	c.pruneCompleted(r.BeforeNs)
	return nil, nil
}

func (c *call) pruneCompleted(before int64) {
	var rows [][]byte
	table.CompleteAt.Scan(c.tx, nil, nil, func(key, _ []byte) bool {
		if int64(binary.BigEndian.Uint64(key)) >= before || len(rows) == pruneBatch {
			return false
		}
		rows = append(rows, append([]byte(nil), key...))
		return true
	})
	for _, row := range rows {
		table.CompleteAt.Delete(c.tx, row)
		table.Completed.Delete(c.tx, row[8:])
	}
}
