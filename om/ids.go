package om

import (
	"context"
	"sync"

	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// proposeFunc puts a request of om's own through the log.
type proposeFunc func(context.Context, *ompb.Request) (*ompb.Response, error)

// idRange hands out ids from ranges that were reserved in the log, so that no id
// is given twice, whoever leads. What a leader did not use is lost, not reused.
type idRange struct {
	kind    string
	step    uint64 // how many are reserved at a time
	propose proposeFunc

	mu        sync.Mutex
	next, end uint64
}

// take returns the first of n consecutive ids.
func (r *idRange) take(ctx context.Context, n uint64) (uint64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.end-r.next < n {
		resp, err := r.propose(ctx, &ompb.Request{Op: &ompb.Request_ReserveIds{
			ReserveIds: &ompb.ReserveIDs{Kind: r.kind, Count: max(n, r.step)}}})
		if err != nil {
			return 0, err
		}
		r.next, r.end = resp.GetIds().GetFirst(), resp.GetIds().GetEnd()
	}
	first := r.next
	r.next += n
	return first, nil
}
