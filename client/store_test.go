package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// inWorld runs f in a bubble of virtual time, at whose end no goroutine is left.
func inWorld(t *testing.T, w *world, f func(t *testing.T, c *Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w.ended = make(chan struct{}) // of this bubble
		c, end := w.client()
		defer end()
		f(t, c)
	})
}

func mustPut(t *testing.T, c *Client, name string, data []byte) {
	t.Helper()
	if _, err := c.PutObject(t.Context(), keyNamed(name), bytes.NewReader(data), PutOptions{}); err != nil {
		t.Fatalf("put %s: %v", name, err)
	}
}

func get(c *Client, name string, off, n int64) ([]byte, error) {
	o, err := c.GetObject(context.Background(), keyNamed(name), "")
	if err != nil {
		return nil, err
	}
	r := c.ReadObject(context.Background(), o, off, n)
	defer r.Close()
	return io.ReadAll(struct{ io.Reader }{r}) // not WriteTo
}

func mustHave(t *testing.T, c *Client, name string, want []byte) {
	t.Helper()
	got, err := get(c, name, 0, -1)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("get %s: %d bytes, %v; want %d", name, len(got), err, len(want))
	}
}

func TestSizesRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 15, 16, 31, 32, 33, 63, 64, 65, 128, 129, 999, 1000, 1001, 2000, 2500} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			w := newWorld(4, 3, 2)
			inWorld(t, w, func(t *testing.T, c *Client) {
				data := testBytes(n, 1)
				var sealedSize int64 = -1
				o, err := c.PutObject(t.Context(), key, iotest.HalfReader(bytes.NewReader(data)), PutOptions{
					Seal: func(size int64) (Sealed, error) {
						sealedSize = size
						return Sealed{ETag: "e"}, nil
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				if sealedSize != int64(n) || o.Size != int64(n) || o.ETag != "e" || o.Replication != "THREE" {
					t.Fatalf("sealed at %d: %+v", sealedSize, o)
				}
				mustHave(t, c, "k", data)
				for _, part := range [][2]int64{{0, 1}, {int64(n) / 2, 3}, {int64(n) - 1, 1}, {17, 200}, {int64(n), 5}, {0, 0}} {
					off, length := max(part[0], 0), part[1]
					got, err := get(c, "k", off, length)
					want := data[min(off, int64(n)):min(off+length, int64(n))]
					if err != nil || !bytes.Equal(got, want) {
						t.Fatalf("range %v: %d bytes, %v", part, len(got), err)
					}
				}
			})
		})
	}
}

// Chunks and checksum units of the real sizes.
func TestRealSizesRoundTrip(t *testing.T) {
	w := newWorld(3, 3, 2)
	w.blockSize, w.unit = 3<<20, usualUnit
	synctest.Test(t, func(t *testing.T) {
		w.ended = make(chan struct{})
		c := New(w, w, DefaultConfig())
		defer c.Close()
		data := testBytes(7<<20+12345, 3)
		mustPut(t, c, "k", data)
		mustHave(t, c, "k", data)
		got, err := get(c, "k", 4<<20+77, 300_000)
		if err != nil || !bytes.Equal(got, data[4<<20+77:][:300_000]) {
			t.Fatalf("range: %d bytes, %v", len(got), err)
		}
		mustPut(t, c, "small", data[:100_000])
		mustHave(t, c, "small", data[:100_000])
	})
}

func TestWriteToAndReady(t *testing.T) {
	inWorld(t, newWorld(3, 3, 2), func(t *testing.T, c *Client) {
		data := testBytes(700, 1)
		mustPut(t, c, "k", data)
		o, _ := c.GetObject(t.Context(), key, "")
		r := c.ReadObject(t.Context(), o, 10, -1)
		if err := r.Ready(); err != nil {
			t.Fatal(err)
		}
		var first [5]byte
		_, _ = io.ReadFull(r, first[:])
		var rest bytes.Buffer
		n, err := r.WriteTo(&rest)
		if err != nil || n != 685 || !bytes.Equal(append(first[:], rest.Bytes()...), data[10:]) {
			t.Fatalf("%d bytes, %v", n, err)
		}
		_ = r.Close()
		if _, err := r.Read(first[:]); err == nil {
			t.Fatal("a closed reader reads")
		}
	})
}

func TestReaderClosedEarlyAndCanceled(t *testing.T) {
	inWorld(t, newWorld(3, 3, 2), func(t *testing.T, c *Client) {
		mustPut(t, c, "k", testBytes(5000, 1))
		o, _ := c.GetObject(t.Context(), key, "")
		r := c.ReadObject(t.Context(), o, 0, -1)
		_ = r.Ready()
		_ = r.Close()

		ctx, cancel := context.WithCancel(t.Context())
		r = c.ReadObject(ctx, o, 0, -1)
		_ = r.Ready()
		cancel()
		if got, err := io.ReadAll(r); !errors.Is(err, ozerr.Canceled) {
			t.Fatalf("%d bytes and %v from a canceled read", len(got), err)
		}
		_ = r.Close()
	})
}

func TestBodyErrorStoresNothing(t *testing.T) {
	broken := errors.New("client went away")
	for _, n := range []int{0, 10, 64, 70, 1500} {
		for _, end := range []error{broken, io.ErrUnexpectedEOF} {
			t.Run(fmt.Sprint(n, end), func(t *testing.T) {
				inWorld(t, newWorld(3, 3, 2), func(t *testing.T, c *Client) {
					mustPut(t, c, "k", []byte("old"))
					body := io.MultiReader(bytes.NewReader(testBytes(n, 1)), iotest.ErrReader(end))
					sealed := false
					_, err := c.PutObject(t.Context(), key, body, PutOptions{Seal: func(int64) (Sealed, error) {
						sealed = true
						return Sealed{}, nil
					}})
					if err != end || sealed {
						t.Fatalf("got %v, sealed %v", err, sealed)
					}
					mustHave(t, c, "k", []byte("old"))
				})
			})
		}
	}
}

func TestSealErrorStoresNothing(t *testing.T) {
	inWorld(t, newWorld(3, 3, 2), func(t *testing.T, c *Client) {
		bad := ozerr.New(ozerr.BadDigest, "md5 differs")
		_, err := c.PutObject(t.Context(), key, strings.NewReader("x"), PutOptions{Seal: func(int64) (Sealed, error) { return Sealed{}, bad }})
		if !errors.Is(err, ozerr.BadDigest) {
			t.Fatal(err)
		}
		if _, err = get(c, "k", 0, -1); !errors.Is(err, ozerr.KeyNotFound) {
			t.Fatal(err)
		}
	})
}

func TestMissingBucketIsToldBeforeTheBodyIsRead(t *testing.T) {
	inWorld(t, newWorld(3, 3, 2), func(t *testing.T, c *Client) {
		ref := KeyRef{BucketRef: S3Bucket("none"), Key: "k"}
		_, err := c.PutObject(t.Context(), ref, iotest.ErrReader(errors.New("was read")), PutOptions{})
		if !errors.Is(err, ozerr.BucketNotFound) {
			t.Fatal(err)
		}
	})
}

func TestPutPart(t *testing.T) {
	w := newWorld(3, 3, 2)
	inWorld(t, w, func(t *testing.T, c *Client) {
		ref := UploadRef{KeyRef: key, ID: "u"}
		p, err := c.PutPart(t.Context(), ref, 7, bytes.NewReader(testBytes(300, 1)), PutOptions{
			Seal: func(int64) (Sealed, error) { return Sealed{ETag: "e7"}, nil },
		})
		if err != nil || p.Number != 7 || p.Size != 300 || p.ETag != "e7" || w.parts["u7"] == nil {
			t.Fatalf("%+v, %v", p, err)
		}
	})
}

// One datanode with each fault, for all writes: nobody notices, in bounded time.
func TestOneBadReplicaOnWrite(t *testing.T) {
	for _, f := range writeFaults {
		for _, n := range []int{10, 64, 700, 2500} {
			t.Run(fmt.Sprint(f, "/", n), func(t *testing.T) {
				w := newWorld(4, 3, 2)
				w.setFaults(func(node int, write bool) fault {
					if node == 1 && write {
						return f
					}
					return healthy
				})
				inWorld(t, w, func(t *testing.T, c *Client) {
					start := time.Now()
					data := testBytes(n, 1)
					for i := range 3 {
						mustPut(t, c, fmt.Sprint("k", i), data)
						mustHave(t, c, fmt.Sprint("k", i), data)
					}
					limit := 40 * time.Second
					if f == slow {
						limit = 200 * time.Second // it is not a fault to answer after a second
					}
					if d := time.Since(start); d > limit {
						t.Errorf("three writes took %v", d)
					}
				})
				if f == failBefore && !strings.Contains(w.reasons(), "node1 close=true") {
					t.Errorf("om heard only:\n%s", w.reasons())
				}
			})
		}
	}
}

// A replica that is lost in the middle: the object goes on in another block.
func TestReplicaLostMidway(t *testing.T) {
	for _, f := range writeFaults {
		t.Run(fmt.Sprint(f), func(t *testing.T) {
			w := newWorld(4, 3, 2)
			writes := 0
			w.setFaults(func(node int, write bool) fault {
				if write && node == 2 {
					if writes++; writes > 3 {
						return f
					}
				}
				return healthy
			})
			inWorld(t, w, func(t *testing.T, c *Client) {
				data := testBytes(900, 1)
				mustPut(t, c, "k", data)
				if blocks := w.keys["k"].Blocks; f != slow && len(blocks) < 2 {
					t.Fatalf("written into %d blocks", len(blocks))
				}
				mustHave(t, c, "k", data)
			})
		})
	}
}

// A container that closes under a write is only a new block.
func TestContainerClosesMidway(t *testing.T) {
	w := newWorld(3, 3, 2)
	calls := 0
	w.setFaults(func(_ int, write bool) fault {
		if calls++; write && calls > 9 && calls <= 12 { // all three replicas, fourth chunk
			return closedHere
		}
		return healthy
	})
	inWorld(t, w, func(t *testing.T, c *Client) {
		data := testBytes(900, 1)
		mustPut(t, c, "k", data)
		if n := len(w.keys["k"].Blocks); n != 2 {
			t.Fatalf("%d blocks", n)
		}
		mustHave(t, c, "k", data)
		if w.reasons() != "" || c.health.isFailed("node0") {
			t.Fatalf("somebody was blamed: %s", w.reasons())
		}
	})
}

// The order to close a container reaches its replicas at different times. A block that
// begins meanwhile goes to another container, on all replicas.
func TestContainerClosesBeforeTheFirstChunk(t *testing.T) {
	for _, size := range []int{10, 900} {
		for _, containers := range []int{1, 6} { // more than there are attempts
			w := newWorld(3, 3, 2)
			writes := 0
			w.setFaults(func(node int, write bool) fault {
				if write && node == 1 {
					if writes++; writes <= containers {
						return closedHere
					}
				}
				return healthy
			})
			inWorld(t, w, func(t *testing.T, c *Client) {
				data := testBytes(size, 1)
				mustPut(t, c, "k", data)
				blocks := w.keys["k"].Blocks
				for _, n := range w.nodes {
					if len(blocks) != 1 || !n.holds(blocks[0]) {
						t.Errorf("%s lacks one of %d blocks", n.node.Id, len(blocks))
					}
				}
				if w.reasons() != "" || c.health.isFailed("node1") {
					t.Fatalf("somebody was blamed: %s", w.reasons())
				}
				mustHave(t, c, "k", data)
			})
		}
	}
}

// With too few datanodes a write fails, in bounded time, and changes nothing; with
// one replica wanted it goes where there is one.
func TestTooFewReplicas(t *testing.T) {
	for _, f := range []fault{failBefore, failAfter, hang, hangForever} {
		for _, n := range []int{10, 500} {
			t.Run(fmt.Sprint(f, "/", n), func(t *testing.T) {
				w := newWorld(3, 3, 2)
				inWorld(t, w, func(t *testing.T, c *Client) {
					mustPut(t, c, "k", []byte("old"))
					w.setFaults(func(node int, write bool) fault {
						if write && node > 0 {
							return f
						}
						return healthy
					})
					start := time.Now()
					_, err := c.PutObject(t.Context(), key, bytes.NewReader(testBytes(n, 1)), PutOptions{})
					if !errors.Is(err, ozerr.Unavailable) {
						t.Fatal(err)
					}
					if d := time.Since(start); d > time.Minute {
						t.Errorf("it took %v", d)
					}
					mustHave(t, c, "k", []byte("old"))
					w.setFaults(nil)
					mustPut(t, c, "k", []byte("new"))
				})
			})
		}
	}
}

func TestSingleReplicaMovesToAnotherNode(t *testing.T) {
	w := newWorld(2, 1, 1)
	w.setFaults(func(node int, write bool) fault {
		if node == 1 && write {
			return failBefore
		}
		return healthy
	})
	inWorld(t, w, func(t *testing.T, c *Client) {
		for i := range 10 {
			mustPut(t, c, fmt.Sprint(i), testBytes(50, byte(i)))
		}
	})
}

// The only datanode fails and comes back: writes work again at once, although it
// is remembered as failed.
func TestOnlyNodeComesBack(t *testing.T) {
	w := newWorld(1, 1, 1)
	inWorld(t, w, func(t *testing.T, c *Client) {
		w.setFaults(func(int, bool) fault { return failBefore })
		if _, err := c.PutObject(t.Context(), key, strings.NewReader("x"), PutOptions{}); !errors.Is(err, ozerr.Unavailable) {
			t.Fatal(err)
		}
		w.setFaults(nil)
		mustPut(t, c, "k", []byte("x"))
	})
}

func TestOMDown(t *testing.T) {
	w := newWorld(3, 3, 2)
	inWorld(t, w, func(t *testing.T, c *Client) {
		down := ozerr.New(ozerr.Unavailable, "om is down")
		for _, op := range []string{"GetBucket", "AllocateBlocks", "CommitKey"} {
			w.omFault = func(r *ompb.Request) error {
				if strings.Contains(fmt.Sprintf("%T", r.Op), op) {
					return down
				}
				return nil
			}
			if _, err := c.PutObject(t.Context(), keyNamed(op), strings.NewReader("x"), PutOptions{}); !errors.Is(err, ozerr.Unavailable) {
				t.Fatalf("%s: %v", op, err)
			}
		}
		w.omFault = nil
		mustPut(t, c, "k", []byte("x"))
	})
}

func TestCanceledWriteBlamesNobody(t *testing.T) {
	w := newWorld(3, 3, 2)
	w.setFaults(func(int, bool) fault { return hang })
	inWorld(t, w, func(t *testing.T, c *Client) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.PutObject(ctx, key, strings.NewReader("x"), PutOptions{})
		if !errors.Is(err, ozerr.Timeout) {
			t.Fatal(err)
		}
		if w.reasons() != "" || c.health.isFailed("node0") {
			t.Fatalf("somebody was blamed: %s", w.reasons())
		}
	})
}

// All replicas but one with each fault: reads are right, at any offset.
func TestBadReplicasOnRead(t *testing.T) {
	for _, f := range readFaults {
		t.Run(fmt.Sprint(f), func(t *testing.T) {
			w := newWorld(3, 3, 2)
			inWorld(t, w, func(t *testing.T, c *Client) {
				data := testBytes(2500, 1)
				mustPut(t, c, "k", data)
				mustPut(t, c, "s", data[:10])
				start := time.Now()
				w.setFaults(func(node int, write bool) fault {
					if node != 1 && !write {
						return f
					}
					return healthy
				})
				mustHave(t, c, "k", data)
				mustHave(t, c, "s", data[:10])
				for off := int64(0); off < 2500; off += 301 {
					got, err := get(c, "k", off, 200)
					if err != nil || !bytes.Equal(got, data[off:min(off+200, 2500)]) {
						t.Fatalf("at %d: %v", off, err)
					}
				}
				if d := time.Since(start); d > time.Minute {
					t.Errorf("it took %v", d)
				}
				synctest.Wait() // for the reports
				if f == flipPayload || f == flipStored || f == missing {
					if !strings.Contains(w.reasons(), "node0 close=false") {
						t.Errorf("om heard only:\n%s", w.reasons())
					}
				}
			})
		})
	}
}

// All replicas bad: an error, never a clean short end.
func TestAllReplicasBadOnRead(t *testing.T) {
	for _, f := range readFaults {
		if f == slow || f == slower {
			continue
		}
		t.Run(fmt.Sprint(f), func(t *testing.T) {
			w := newWorld(3, 3, 2)
			inWorld(t, w, func(t *testing.T, c *Client) {
				data := testBytes(2500, 1)
				mustPut(t, c, "k", data)
				reads := 0
				w.setFaults(func(int, bool) fault {
					if reads++; reads > 5 {
						return f
					}
					return healthy
				})
				start := time.Now()
				got, err := get(c, "k", 0, -1)
				if err == nil || !bytes.Equal(got, data[:len(got)]) {
					t.Fatalf("%d bytes, %v", len(got), err)
				}
				if d := time.Since(start); d > time.Minute {
					t.Errorf("it took %v", d)
				}
			})
		})
	}
}

// A slice of a block, as CopyKey and copied parts make them.
func TestSlicesOfBlocks(t *testing.T) {
	w := newWorld(3, 3, 2)
	inWorld(t, w, func(t *testing.T, c *Client) {
		data := testBytes(900, 1)
		mustPut(t, c, "k", data)
		b := w.keys["k"].Blocks[0]
		info := &ompb.KeyInfo{Key: "slices", Size: 350}
		for _, s := range [][2]uint64{{100, 200}, {0, 50}, {800, 100}} {
			info.Blocks = append(info.Blocks, sliceOf(b, s[0], s[1]))
		}
		w.keys["slices"] = info
		want := append(append(bytes.Clone(data[100:300]), data[:50]...), data[800:900]...)
		mustHave(t, c, "slices", want)
		got, err := get(c, "slices", 190, 100)
		if err != nil || !bytes.Equal(got, want[190:290]) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	})
}

func sliceOf(b *commonpb.Block, off, n uint64) *commonpb.Block {
	s := proto.CloneOf(b)
	s.Offset, s.Length = off, n
	return s
}

// Every mutating request has its own sequence; what is acknowledged is answered.
func TestRequestsAreNamed(t *testing.T) {
	w := newWorld(3, 3, 2)
	inWorld(t, w, func(t *testing.T, c *Client) {
		ctx := WithCaller(t.Context(), "alice")
		for range 3 {
			if _, err := c.PutObject(ctx, key, strings.NewReader("x"), PutOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		var seen []uint64
		for _, r := range w.requests {
			if r.GetCommitKey() == nil {
				if r.ClientId != "" || r.Sequence != 0 {
					t.Errorf("a read is named: %v", r)
				}
				continue
			}
			seen = append(seen, r.Sequence)
			if r.User != "alice" || r.ClientId != c.names.client || r.AckedBelow > r.Sequence {
				t.Errorf("got %v", r)
			}
		}
		if fmt.Sprint(seen) != "[1 2 3]" {
			t.Errorf("sequences %v", seen)
		}
	})
}

func TestSequencer(t *testing.T) {
	s := newSequencer()
	want := func(seq, acked uint64) {
		t.Helper()
		if gotSeq, gotAcked := s.begin(); gotSeq != seq || gotAcked != acked {
			t.Fatalf("begin gave %d, %d; want %d, %d", gotSeq, gotAcked, seq, acked)
		}
	}
	want(1, 1)
	want(2, 1)
	s.end(2)
	want(3, 1)
	s.end(1)
	want(4, 3)
	s.end(3)
	s.end(4)
	want(5, 5)
}

func TestLeasesAreFetchedInBatches(t *testing.T) {
	w := newWorld(3, 3, 2)
	inWorld(t, w, func(t *testing.T, c *Client) {
		for i := range 200 {
			mustPut(t, c, fmt.Sprint(i), []byte("x"))
		}
		if w.allocated > 12 {
			t.Errorf("om was asked %d times for 200 blocks", w.allocated)
		}
		time.Sleep(2 * time.Minute) // virtual: all leases expire
		before := w.allocated
		mustPut(t, c, "later", []byte("x"))
		if w.allocated == before {
			t.Error("an expired lease was used")
		}
	})
}

// A datanode that freezes holds up a write by a second or so, once: its bytes are
// safe without it. Nobody is given up where everything is slow.
func TestFrozenReplicaHoldsUpOnce(t *testing.T) {
	for _, f := range []fault{hang, hangForever} {
		for _, size := range []int{50, 2500} {
			w := newWorld(5, 3, 2)
			inWorld(t, w, func(t *testing.T, c *Client) {
				mustPut(t, c, "before", testBytes(100, 1))
				w.setFaults(func(node int, _ bool) fault {
					if node == 1 {
						return f
					}
					return healthy
				})
				var longest time.Duration
				for i := range 20 {
					began := time.Now()
					mustPut(t, c, fmt.Sprint(i), testBytes(size, byte(i)))
					longest = max(longest, time.Since(began))
				}
				if longest > 2*time.Second {
					t.Errorf("fault %d, %d bytes: the longest write took %v", f, size, longest)
				}
				if reasons := w.reasons(); !strings.Contains(reasons, "node1 close=true") {
					t.Errorf("om was not told: %q", reasons)
				}
				for i := range 20 {
					mustHave(t, c, fmt.Sprint(i), testBytes(size, byte(i)))
				}
			})
		}
	}
}

func TestSlowClusterHasNoStragglers(t *testing.T) {
	w := newWorld(3, 3, 2)
	inWorld(t, w, func(t *testing.T, c *Client) {
		var calls atomic.Int64
		w.setFaults(func(_ int, write bool) fault {
			if write && calls.Add(1)%3 != 0 {
				return slow // two take a second, the third another one
			}
			return slower
		})
		mustPut(t, c, "k", testBytes(60, 1))
		w.setFaults(nil)
		mustHave(t, c, "k", testBytes(60, 1))
		if reasons := w.reasons(); reasons != "" {
			t.Errorf("reported: %q", reasons)
		}
	})
}
