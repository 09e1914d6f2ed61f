package integration

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	connectionsIdle   = flag.Int("connections.idle", 2000, "idle connections that TestManyConnections holds; 10000 in the long form")
	connectionsActive = flag.Int("connections.active", 200, "clients that work at the same time; 2000 in the long form")
	connectionsFor    = flag.Duration("connections.for", 3*time.Second, "for how long they work")
)

// memoryOfOneIdle is what an idle connection may cost a gateway.
const memoryOfOneIdle = 40 << 10

// TestManyConnections holds idle connections, each of which has had an answer, and has
// clients work meanwhile; the gateway's memory is measured. Then more clients come than the
// gateway takes at once: they are told to slow down, and nothing else goes wrong.
func TestManyConnections(t *testing.T) {
	const slots = 64
	c := Start(t, Options{Bin: programs(t), Datanodes: 1, Conf: map[string]string{"mini.s3g.requests.max": strconv.Itoa(slots)}})
	s3 := &plainS3{endpoint: c.Endpoint, http: &http.Client{Timeout: time.Minute}}
	mustPut(t, s3, "/many", nil)
	mustPut(t, s3, "/many/k", []byte("value"))
	address := strings.TrimPrefix(c.Endpoint, "http://")

	work(t, address, 20, time.Second) // so that what a gateway needs once is there
	before := rss(t, c.S3G)
	idle := make([]net.Conn, *connectionsIdle)
	var wg sync.WaitGroup
	for w := range 20 {
		wg.Go(func() {
			for i := w; i < len(idle); i += 20 {
				conn, err := net.Dial("tcp", address)
				if err != nil {
					t.Error(err)
					return
				}
				idle[i] = conn
				if status, err := ask(conn, bufio.NewReader(conn)); err != nil || status != http.StatusOK {
					t.Errorf("connection %d: %d %v", i, status, err)
					return
				}
			}
		})
	}
	wg.Wait()
	defer func() {
		for _, conn := range idle {
			if conn != nil {
				_ = conn.Close()
			}
		}
	}()
	held := rss(t, c.S3G)
	each := max(0, held-before) / int64(len(idle))
	t.Logf("%d idle connections: %d KiB each (%d to %d MiB)", len(idle), each>>10, before>>20, held>>20)
	if each > memoryOfOneIdle {
		t.Errorf("an idle connection costs %d bytes", each)
	}
	f := work(t, address, *connectionsActive, *connectionsFor)
	t.Logf("%d clients, %d slots: %s; memory %d MiB", *connectionsActive, slots, f, rss(t, c.S3G)>>20)
	if f.ok == 0 || f.other > 0 {
		t.Error("under overload: " + f.String())
	}
	for i, conn := range idle {
		if i%(len(idle)/20+1) != 0 {
			continue
		}
		if status, err := ask(conn, bufio.NewReader(conn)); err != nil || status != http.StatusOK {
			t.Errorf("idle connection %d was lost: %d %v", i, status, err)
		}
	}
}

// figures of clients that worked.
type figures struct {
	ok, slowed, other int64
	times             []time.Duration // of the answers 200
	took              time.Duration
}

func (f figures) String() string {
	if len(f.times) == 0 {
		return fmt.Sprintf("%d answered, %d told to slow down, %d other", f.ok, f.slowed, f.other)
	}
	at := func(q float64) time.Duration {
		return f.times[int(q*float64(len(f.times)-1))].Round(100 * time.Microsecond)
	}
	return fmt.Sprintf("%d answered (%.0f/s, p50 %v, p99 %v), %d told to slow down (%.1f %%), %d other", f.ok, float64(f.ok)/f.took.Seconds(),
		at(.5), at(.99), f.slowed, 100*float64(f.slowed)/float64(f.ok+f.slowed+f.other), f.other)
}

// work lets n clients read without a pause, each on a connection of its own.
func work(t *testing.T, address string, n int, d time.Duration) (f figures) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var ok, slowed, other atomic.Int64
	var mu sync.Mutex
	var wg sync.WaitGroup
	start := time.Now()
	for range n {
		wg.Go(func() {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			r := bufio.NewReader(conn)
			var times []time.Duration
			for ctx.Err() == nil {
				began := time.Now()
				switch status, err := ask(conn, r); {
				case err == nil && status == http.StatusOK:
					ok.Add(1)
					times = append(times, time.Since(began))
				case err == nil && status == http.StatusServiceUnavailable:
					slowed.Add(1)
				default:
					other.Add(1)
					t.Logf("an answer: %d %v", status, err)
					return
				}
			}
			mu.Lock()
			defer mu.Unlock()
			f.times = append(f.times, times...)
		})
	}
	wg.Wait()
	f.ok, f.slowed, f.other, f.took = ok.Load(), slowed.Load(), other.Load(), time.Since(start)
	slices.Sort(f.times)
	return f
}

// ask sends a GET over a connection and reads the answer. A 503 must be a SlowDown that
// says when to come again.
func ask(conn net.Conn, r *bufio.Reader) (int, error) {
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(conn, "GET /many/k HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return 0, err
	case resp.StatusCode == http.StatusServiceUnavailable && (!strings.Contains(string(body), "<Code>SlowDown</Code>") || resp.Header.Get("Retry-After") == ""):
		return 0, fmt.Errorf("a 503 that is no SlowDown: %s", body)
	case resp.StatusCode == http.StatusOK && string(body) != "value":
		return 0, fmt.Errorf("other bytes: %q", body)
	}
	return resp.StatusCode, nil
}

// rss is a process's resident memory in bytes.
func rss(t *testing.T, p *Process) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	check(t, err)
	for line := range strings.Lines(string(text)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
}
