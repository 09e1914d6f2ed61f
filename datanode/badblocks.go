package datanode

import (
	"strings"
	"sync"

	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

const (
	maxBad     = 10_000 // known at once; what is beyond is found again by the next pass
	maxBadSent = 1000   // in one heartbeat
)

type blockKey struct{ container, local uint64 }

// badBlocks are the stored blocks that were found bad and that no leader knows of yet.
type badBlocks struct {
	mu   sync.Mutex
	list map[blockKey]string
}

// add notes a block and reports whether that is news.
func (b *badBlocks) add(id *commonpb.BlockID, why error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := blockKey{id.GetContainer(), id.GetLocal()}
	if _, have := b.list[key]; have || len(b.list) >= maxBad {
		return false
	}
	if b.list == nil {
		b.list = map[blockKey]string{}
	}
	b.list[key] = oneLine(why.Error())
	return true
}

// some returns blocks for a heartbeat.
func (b *badBlocks) some() (out []*dnpb.BadBlock) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, why := range b.list {
		if len(out) == maxBadSent {
			break
		}
		out = append(out, &dnpb.BadBlock{Block: &commonpb.BlockID{Container: key.container, Local: key.local}, Reason: why})
	}
	return out
}

// told forgets what a leader has heard of. A block that is still bad then is found again.
func (b *badBlocks) told(list []*dnpb.BadBlock) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, x := range list {
		delete(b.list, blockKey{x.GetBlock().GetContainer(), x.GetBlock().GetLocal()})
	}
}

// oneLine makes text fit a report.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return text[:min(len(text), 300)]
}
