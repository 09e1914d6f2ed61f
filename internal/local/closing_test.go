package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/conf"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// hooked is a body of n bytes that calls f once, when at of them have been read.
type hooked struct {
	io.Reader
	left int
	f    func()
}

func (h *hooked) Read(b []byte) (int, error) {
	if h.left == 0 && h.f != nil {
		h.f()
		h.f = nil
	}
	if h.left > 0 {
		b = b[:min(len(b), h.left)]
	}
	n, err := h.Reader.Read(b)
	h.left = max(h.left-n, 0)
	return n, err
}

func set(t *testing.T, settings map[string]string) *conf.Config {
	t.Helper()
	c := conf.Default()
	for key, value := range settings {
		if err := c.Set(key, value, "test"); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func randomBody(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	_, _ = r.Read(b)
	return b
}

func openBucket(t *testing.T, c *Cluster) client.BucketRef {
	t.Helper()
	do(t, "PUT", c.Endpoint()+"/bucket", nil)
	return client.S3Bucket("bucket")
}

// stored checks that a key has these bytes.
func stored(ctx context.Context, c *Cluster, ref client.KeyRef, want []byte) error {
	o, err := c.Client().GetObject(ctx, ref, "")
	if err != nil {
		return err
	}
	r := c.Client().ReadObject(ctx, o, 0, -1)
	got, err := io.ReadAll(r)
	err = errors.Join(err, r.Close())
	if err == nil && !bytes.Equal(got, want) {
		err = fmt.Errorf("%s: other bytes than were stored", ref.Key)
	}
	return err
}

// states counts the containers by state.
func states(t *testing.T, c *Cluster) map[string]int {
	t.Helper()
	list, _, err := c.Client().ListContainers(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, x := range list {
		out[x.State]++
	}
	return out
}

// eventually repeats f until it holds: the servers tell no one of what it looks at.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-deadline.C:
			t.Fatalf("waiting in vain for: %s", what)
		case <-tick.C:
		}
	}
}

// closeAll makes om close every container and returns when the datanodes do.
func closeAll(t *testing.T, c *Cluster) {
	t.Helper()
	list, _, err := c.Client().ListContainers(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range list {
		_, err := c.om.Submit(t.Context(), &ompb.Request{Op: &ompb.Request_ReportBadReplica{ReportBadReplica: &ompb.ReportBadReplica{
			Block: &commonpb.BlockID{Container: x.ID}, NodeId: x.Nodes[0], CloseContainer: true}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the datanodes take no new blocks", func() bool {
		for _, x := range list {
			for _, d := range c.datanodes {
				if !errors.Is(d.Write(t.Context(), nothing(x.ID), nil), ozerr.ContainerClosed) {
					return false
				}
			}
		}
		return true
	})
}

// nothing is the commit of a block that was never written, which changes nothing.
func nothing(container uint64) *dnpb.WriteRequest {
	return &dnpb.WriteRequest{Block: &commonpb.BlockID{Container: container, Local: 1 << 60}, Seal: true, BlockLength: 1}
}

// A container that closes while a block is written to it takes the rest of the block.
func TestContainerClosesDuringAStream(t *testing.T) {
	for _, nodes := range []int{1, 3} {
		settings := set(t, map[string]string{"hdds.heartbeat.interval": "100ms"})
		c := start(t, Options{DataDir: t.TempDir(), Datanodes: nodes, Conf: settings})
		ref := client.KeyRef{BucketRef: openBucket(t, c), Key: "k"}
		data := randomBody(1, 8<<20)
		body := &hooked{Reader: bytes.NewReader(data), left: 4 << 20, f: func() { closeAll(t, c) }}
		if _, err := c.Client().PutObject(t.Context(), ref, body, client.PutOptions{}); err != nil {
			t.Fatalf("%d datanodes: %v", nodes, err)
		}
		if err := stored(t.Context(), c, ref, data); err != nil {
			t.Errorf("%d datanodes: %v", nodes, err)
		}
		eventually(t, "the stream's container is closed", func() bool {
			s := states(t, c)
			return s["CLOSED"] > 0 && s["CLOSING"] == 0
		})
	}
}

// Many streams over containers that fill all the time.
func TestTinyContainers(t *testing.T) {
	settings := map[string]string{"ozone.scm.container.size": "8MB", "ozone.scm.block.size": "4MB", "hdds.heartbeat.interval": "100ms"}
	c := start(t, Options{DataDir: t.TempDir(), Datanodes: 3, Conf: set(t, settings)})
	bucket := openBucket(t, c)
	var wg sync.WaitGroup
	for stream, size := range []int{1 << 20, 3<<20 + 1, 4 << 20, 9<<20 - 5, 17 << 20, 24<<20 + 77, 40 << 20} {
		wg.Go(func() {
			putAndCheck(t, c, client.KeyRef{BucketRef: bucket, Key: fmt.Sprint("large", stream)}, uint64(stream), size)
		})
	}
	for stream := range uint64(4) {
		wg.Go(func() {
			for i := range uint64(50) {
				n := stream*1000 + i
				putAndCheck(t, c, client.KeyRef{BucketRef: bucket, Key: fmt.Sprint("small", n)}, n, int(n*7919%20_000))
			}
		})
	}
	wg.Wait()
	t.Logf("containers: %v", states(t, c))
	if s := states(t, c); s["CLOSED"]+s["CLOSING"] < 2 {
		t.Error("too few containers closed during the streams for this to prove anything")
	}
	eventually(t, "containers are closed", func() bool { return states(t, c)["CLOSED"] > 2 })
}

// paced is a body that comes in at about 10 MB/s, so that containers fill and close
// while it does.
type paced struct{ io.Reader }

func (p paced) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b[:min(len(b), 64<<10)])
	time.Sleep(time.Duration(n) * 100 * time.Nanosecond)
	return n, err
}

func putAndCheck(t *testing.T, c *Cluster, ref client.KeyRef, seed uint64, size int) {
	data := randomBody(seed, size)
	_, err := c.Client().PutObject(t.Context(), ref, paced{bytes.NewReader(data)}, client.PutOptions{})
	if err == nil {
		err = stored(t.Context(), c, ref, data)
	}
	if err != nil {
		t.Errorf("%s: %v", ref.Key, err)
	}
}
