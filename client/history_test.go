package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// step is one operation of a random history.
type step struct {
	Put      bool
	Key      int
	Size     int
	FailAt   int // the body fails after so many bytes; -1: it doesn't
	Off, Len int64
}

// history is a world, its faults, and what is done in it.
type history struct {
	BlockSize  uint64
	Min        int
	WriteFault int // percent of writes with a fault
	ReadFault  int
	OMFault    int
	Seed       uint64
	Steps      []step
}

func drawHistory(t *rapid.T) history {
	percent := rapid.SampledFrom([]int{0, 0, 2, 10, 40})
	return history{
		BlockSize:  rapid.SampledFrom([]uint64{16, 48, 64, 160, 1000}).Draw(t, "block size"),
		Min:        rapid.IntRange(1, 3).Draw(t, "min"),
		WriteFault: percent.Draw(t, "write faults"),
		ReadFault:  percent.Draw(t, "read faults"),
		OMFault:    percent.Draw(t, "om faults"),
		Seed:       rapid.Uint64().Draw(t, "seed"),
		Steps: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
			return step{
				Put: rapid.Bool().Draw(t, "put"), Key: rapid.IntRange(0, 2).Draw(t, "key"),
				Size:   rapid.IntRange(0, 1500).Draw(t, "size"),
				FailAt: rapid.OneOf(rapid.Just(-1), rapid.Just(-1), rapid.IntRange(0, 1500)).Draw(t, "fail at"),
				Off:    rapid.Int64Range(0, 1500).Draw(t, "off"), Len: rapid.Int64Range(-1, 1500).Draw(t, "len"),
			}
		}), 1, 12).Draw(t, "steps"),
	}
}

// run plays h and returns the first broken promise.
func (h history) run(c *Client, w *world) error {
	w.blockSize = h.BlockSize
	rnd := rand.New(rand.NewPCG(h.Seed, 0))
	w.setFaults(func(_ int, write bool) fault { // under w's lock
		percent, faults := h.ReadFault, readFaults
		if write {
			percent, faults = h.WriteFault, writeFaults
		}
		if rnd.IntN(100) < percent {
			return faults[rnd.IntN(len(faults))]
		}
		return healthy
	})
	w.omFault = func(*ompb.Request) error {
		if rnd.IntN(100) < h.OMFault {
			return ozerr.New(ozerr.Unavailable, "om is away")
		}
		return nil
	}
	have := map[int][]byte{}
	for i, s := range h.Steps {
		var err error
		if s.Put {
			err = h.put(c, have, i, s)
		} else {
			err = h.get(c, have, s)
		}
		if err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	w.setFaults(nil)
	w.mu.Lock() // reports may be under way
	w.omFault = nil
	w.mu.Unlock()
	for k := range 3 {
		if err := (history{}).get(c, have, step{Key: k, Len: -1}); err != nil {
			return fmt.Errorf("in the end: %w", err)
		}
	}
	return nil
}

var errBody = errors.New("the body broke")

func (h history) put(c *Client, have map[int][]byte, i int, s step) error {
	data := testBytes(s.Size, byte(i))
	var body io.Reader = bytes.NewReader(data)
	failing := s.FailAt >= 0 && s.FailAt <= s.Size
	if failing {
		body = io.MultiReader(bytes.NewReader(data[:s.FailAt]), iotest.ErrReader(errBody))
	}
	_, err := c.PutObject(context.Background(), keyNamed(fmt.Sprint(s.Key)), body, PutOptions{})
	switch {
	case err == nil && failing:
		return errors.New("a broken body was stored")
	case err == nil:
		have[s.Key] = data
	case err == errBody && failing:
	case errors.Is(err, ozerr.Unavailable) && h.WriteFault+h.OMFault > 0:
	default:
		return fmt.Errorf("put: %w", err)
	}
	return nil
}

// get checks that a read gives what is stored, or an error where there are faults.
func (h history) get(c *Client, have map[int][]byte, s step) error {
	got, err := get(c, fmt.Sprint(s.Key), s.Off, s.Len)
	data, stored := have[s.Key]
	if err != nil {
		if !stored && errors.Is(err, ozerr.KeyNotFound) || h.ReadFault+h.OMFault > 0 && !errors.Is(err, ozerr.Internal) {
			return nil
		}
		return fmt.Errorf("get: %w", err)
	}
	size := int64(len(data))
	end := size
	if s.Len >= 0 {
		end = min(min(s.Off, size)+s.Len, size)
	}
	if !stored || !bytes.Equal(got, data[min(s.Off, size):end]) {
		return fmt.Errorf("key %d from %d, %d bytes: got %d bytes, which are not those stored", s.Key, s.Off, s.Len, len(got))
	}
	return nil
}

// Random histories with faults everywhere: what was stored reads back, at any range
// and after any later failure; what failed left no trace.
func TestRandomHistories(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := drawHistory(rt)
		w := newWorld(4, 3, h.Min)
		var err error
		synctest.Test(t, func(*testing.T) {
			w.ended = make(chan struct{})
			c, end := w.client()
			defer end()
			err = h.run(c, w)
		})
		if err != nil {
			rt.Fatal(err)
		}
	})
}
