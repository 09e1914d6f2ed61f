package integration

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/xml"
	"flag"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	memoryBytes     = flag.Int64("memory.bytes", 512<<20, "size of TestMemory's two objects; 10737418240 for the long form")
	memoryDatanodes = flag.Int("memory.datanodes", 3, "datanodes of TestMemory: 1 has one replica, 3 have three")
)

// memoryLimit is the anonymous memory a server may have, whatever the object's size.
const memoryLimit = 300 << 20

// TestMemory puts one object in one request, one in parts, and gets both, while it
// watches the anonymous memory of every process.
func TestMemory(t *testing.T) {
	c := Start(t, Options{Bin: programs(t), Datanodes: *memoryDatanodes})
	peaks := watchMemory(t, c)
	s3 := &plainS3{endpoint: c.Endpoint, http: &http.Client{Timeout: 20 * time.Minute}}
	mustPut(t, s3, "/memory", nil)
	size := *memoryBytes

	put := func(path string, from, n int64) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, c.Endpoint+path, newPattern(from, n))
		check(t, err)
		req.ContentLength = n
		resp, err := s3.http.Do(req)
		check(t, err)
		defer resp.Body.Close()
		if answer, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
			t.Fatalf("PUT %s: %s\n%s", path, resp.Status, answer)
		}
		return resp.Header.Get("ETag")
	}
	get := func(path string, want []byte) {
		t.Helper()
		resp, err := s3.http.Get(c.Endpoint + path)
		check(t, err)
		defer resp.Body.Close()
		sum := sha256.New()
		if n, err := io.Copy(sum, resp.Body); err != nil || n != size || !bytes.Equal(sum.Sum(nil), want) {
			t.Fatalf("GET %s: %s, %d bytes, %v; or other bytes", path, resp.Status, n, err)
		}
	}
	began := time.Now()
	put("/memory/single", 0, size)
	t.Logf("PUT %d MiB: %.0f MB/s", size>>20, rate(size, began))

	id, err := s3.createUpload("/memory/parts")
	check(t, err)
	const partSize = 64 << 20
	var complete struct {
		XMLName xml.Name `xml:"CompleteMultipartUpload"`
		Part    []struct {
			PartNumber int
			ETag       string
		}
	}
	began = time.Now()
	for from := int64(0); from < size; from += partSize {
		n := len(complete.Part) + 1
		etag := put(fmt.Sprintf("/memory/parts?partNumber=%d&uploadId=%s", n, id), from, min(partSize, size-from))
		complete.Part = append(complete.Part, struct {
			PartNumber int
			ETag       string
		}{n, etag})
	}
	body, err := xml.Marshal(complete)
	check(t, err)
	if status, answer, _, err := s3.do(http.MethodPost, "/memory/parts?uploadId="+id, body); err != nil || status != http.StatusOK {
		t.Fatalf("complete: status %d, %v\n%s", status, err, answer)
	}
	t.Logf("PUT in parts, %d MiB: %.0f MB/s", size>>20, rate(size, began))

	sum := sha256.New()
	_, _ = io.Copy(sum, newPattern(0, size))
	began = time.Now()
	get("/memory/parts", sum.Sum(nil))
	t.Logf("GET %d MiB: %.0f MB/s", size>>20, rate(size, began))
	get("/memory/single", sum.Sum(nil))
	for name, peak := range peaks() {
		t.Logf("%s: at most %d MiB of anonymous memory", name, peak>>20)
		if peak > memoryLimit {
			t.Errorf("%s took %d MiB, the limit is %d MiB", name, peak>>20, memoryLimit>>20)
		}
	}
}

func rate(n int64, began time.Time) float64 { return float64(n) / 1e6 / time.Since(began).Seconds() }

// watchMemory samples RssAnon of every process until the returned function is
// called, which gives the peaks.
func watchMemory(t *testing.T, c *Cluster) func() map[string]int64 {
	ctx, cancel := context.WithCancel(t.Context())
	peaks := map[string]int64{}
	var wg sync.WaitGroup
	pids := map[string]int{}
	for _, p := range c.All() {
		pids[p.Name] = p.PID()
	}
	wg.Go(func() {
		sample := time.NewTicker(20 * time.Millisecond)
		defer sample.Stop()
		for {
			for name, pid := range pids {
				peaks[name] = max(peaks[name], anonymous(pid))
			}
			select {
			case <-ctx.Done():
				return
			case <-sample.C:
			}
		}
	})
	t.Cleanup(cancel)
	return func() map[string]int64 { cancel(); wg.Wait(); return peaks }
}

// anonymous is a process's RssAnon in bytes.
func anonymous(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "RssAnon:")
	var kib int64
	_, _ = fmt.Sscan(rest, &kib)
	return kib << 10
}

// pattern is a stream of bytes that depend on their position, so that nothing can
// be swapped unnoticed.
type pattern struct {
	at, end int64
	block   [4096]byte
	h       hash.Hash
}

func newPattern(from, n int64) io.Reader { return &pattern{at: from, end: from + n, h: sha256.New()} }

func (p *pattern) Read(b []byte) (int, error) {
	if p.at == p.end {
		return 0, io.EOF
	}
	block, off := p.at/int64(len(p.block)), int(p.at%int64(len(p.block)))
	if off == 0 || p.block == [4096]byte{} {
		p.fill(block)
	}
	n := copy(b[:min(int64(len(b)), p.end-p.at)], p.block[off:])
	p.at += int64(n)
	return n, nil
}

func (p *pattern) fill(block int64) {
	p.h.Reset()
	var seed [8]byte
	binary.BigEndian.PutUint64(seed[:], uint64(block))
	p.h.Write(seed[:])
	sum := p.h.Sum(nil)
	for i := 0; i < len(p.block); i += len(sum) {
		copy(p.block[i:], sum)
	}
}
