package rpc

import (
	"math/bits"
	"sync"
)

// smallest and largest size class of a pool, as powers of two.
const (
	minClass = 9  // 512 B
	maxClass = 23 // 8 MiB
)

// pool lends byte buffers in size classes. The zero value is ready.
type pool struct {
	classes [maxClass - minClass + 1]sync.Pool
}

// buffer is a lent byte slice. free gives it back, once.
type buffer struct {
	b    []byte
	home *sync.Pool
}

// get lends a buffer with n bytes of any content.
func (p *pool) get(n int) *buffer {
	class := max(bits.Len(uint(max(n, 1)-1)), minClass)
	if class > maxClass {
		return &buffer{b: make([]byte, n)}
	}
	home := &p.classes[class-minClass]
	if b, ok := home.Get().(*buffer); ok {
		b.b = b.b[:n]
		return b
	}
	return &buffer{b: make([]byte, n, 1<<class), home: home}
}

func (b *buffer) free() {
	if b != nil && b.home != nil {
		b.home.Put(b)
	}
}
