package local

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/dirlock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, o Options) *Cluster {
	t.Helper()
	c, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// do sends a request without signature and returns the body of a 2xx answer.
func do(t *testing.T, method, url string, body []byte) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %s, %v\n%s", method, url, resp.Status, err, answer)
	}
	return answer
}

func TestStartsWithinASecond(t *testing.T) {
	began := time.Now()
	c := start(t, Options{DataDir: t.TempDir()})
	do(t, http.MethodPut, c.Endpoint()+"/bucket", nil)
	took := time.Since(began)
	t.Logf("first bucket %s after the start", took)
	if took > time.Second && !raceEnabled {
		t.Errorf("it took %s", took)
	}
}

func TestSurvivesRestart(t *testing.T) {
	for _, n := range []int{1, 3} {
		dir := t.TempDir()
		body := bytes.Repeat([]byte("data "), 1<<18)
		c := start(t, Options{DataDir: dir, Datanodes: n})
		if want := min(n, 3); c.Replication() != want {
			t.Errorf("replication %d", c.Replication())
		}
		do(t, http.MethodPut, c.Endpoint()+"/bucket", nil)
		do(t, http.MethodPut, c.Endpoint()+"/bucket/a/key", body)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		c = start(t, Options{DataDir: dir}) // it asks for one; all that exist are started
		if c.Datanodes() != n {
			t.Errorf("%d datanodes after %d", c.Datanodes(), n)
		}
		if got := do(t, http.MethodGet, c.Endpoint()+"/bucket/a/key", nil); !bytes.Equal(got, body) {
			t.Errorf("%d datanodes: %d bytes came back", n, len(got))
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOneProcessPerDirectory(t *testing.T) {
	dir := t.TempDir()
	start(t, Options{DataDir: dir})
	_, err := Start(t.Context(), Options{DataDir: dir})
	if !errors.Is(err, dirlock.ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("second start: %v", err)
	}
}

func TestEphemeralLeavesNothing(t *testing.T) {
	parent := t.TempDir()
	c := start(t, Options{Ephemeral: true, DataDir: parent})
	do(t, http.MethodPut, c.Endpoint()+"/bucket", nil)
	if c.DataDir() == parent {
		t.Error("it uses the given directory itself")
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(parent); err != nil || len(left) != 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

func TestDirectCallsAndGatewayAgree(t *testing.T) {
	c := start(t, Options{DataDir: t.TempDir()})
	do(t, http.MethodPut, c.Endpoint()+"/bucket", nil)
	ref := client.KeyRef{BucketRef: client.S3Bucket("bucket"), Key: "k"}
	if _, err := c.Client().PutObject(t.Context(), ref, strings.NewReader("hello"), client.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := do(t, http.MethodGet, c.Endpoint()+"/bucket/k", nil); string(got) != "hello" {
		t.Errorf("got %q", got)
	}
}

func TestBadOptions(t *testing.T) {
	for name, o := range map[string]Options{
		"no directory":                 {},
		"no datanodes":                 {Ephemeral: true, Datanodes: -1},
		"too many datanodes":           {Ephemeral: true, Datanodes: 21},
		"replication two":              {Ephemeral: true, Datanodes: 3, Replication: 2},
		"more replicas than datanodes": {Ephemeral: true, Datanodes: 2, Replication: 3},
	} {
		if c, err := Start(t.Context(), o); err == nil {
			t.Errorf("%s: no error", name)
			_ = c.Close()
		}
	}
}
