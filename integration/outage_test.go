package integration

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// outageBound is how long a request may take while what it needs is down.
const outageBound = 25 * time.Second

// TestOutage takes away om, then the datanodes, by SIGKILL and by freezing. Requests
// answer 503 within bounded time, never anything else, and work again when the
// servers are back, without a restart of the gateway.
func TestOutage(t *testing.T) {
	c := Start(t, Options{Bin: programs(t), Conf: map[string]string{"ozone.scm.stale.node.interval": "3s"}})
	s3 := &plainS3{endpoint: c.Endpoint, http: &http.Client{Timeout: requestTimeout}}
	body := bytes.Repeat([]byte("outage"), 50_000)
	mustPut(t, s3, "/outage", nil)
	mustPut(t, s3, "/outage/before", body)

	t.Run("om killed", func(t *testing.T) {
		c.OM.Kill()
		unavailable(t, s3, "/outage/before")
		start(t, c.OM)
		recovered(t, s3, body)
	})
	t.Run("om frozen", func(t *testing.T) {
		check(t, c.OM.Freeze())
		unavailable(t, s3, "/outage/before")
		check(t, c.OM.Thaw())
		recovered(t, s3, body)
	})
	t.Run("one datanode killed", func(t *testing.T) {
		c.Datanodes[0].Kill()
		for i := range 10 {
			name := fmt.Sprintf("/outage/one-%d", i)
			mustPut(t, s3, name, body)
			mustGet(t, s3, name, body)
			mustGet(t, s3, "/outage/before", body)
		}
		start(t, c.Datanodes[0])
		recovered(t, s3, body)
	})
	t.Run("one datanode frozen", func(t *testing.T) {
		check(t, c.Datanodes[1].Freeze())
		for i := range 5 {
			name := fmt.Sprintf("/outage/frozen-%d", i)
			began := time.Now()
			mustPut(t, s3, name, body)
			mustGet(t, s3, name, body)
			if took := time.Since(began); took > outageBound {
				t.Errorf("PUT and GET took %v", took)
			}
		}
		check(t, c.Datanodes[1].Thaw())
		recovered(t, s3, body)
	})
	t.Run("all datanodes killed", func(t *testing.T) {
		for _, dn := range c.Datanodes {
			dn.Kill()
		}
		began := time.Now()
		status, err := s3.put("/outage/none", body)
		if err != nil || status != http.StatusServiceUnavailable {
			t.Errorf("PUT: status %d, %v; want 503", status, err)
		}
		if took := time.Since(began); took > outageBound {
			t.Errorf("PUT took %v to say so", took)
		}
		began = time.Now()
		if status, _, err := s3.get("/outage/before"); err == nil && status == http.StatusOK {
			t.Errorf("GET of bytes that nobody holds: status %d", status)
		}
		if took := time.Since(began); took > outageBound {
			t.Errorf("GET took %v to say so", took)
		}
		for _, dn := range c.Datanodes {
			start(t, dn)
		}
		recovered(t, s3, body)
		if status, _, err := s3.get("/outage/none"); err != nil || status != http.StatusNotFound {
			t.Errorf("the failed PUT left something: status %d, %v", status, err)
		}
	})
	t.Run("everything stopped in peace", func(t *testing.T) {
		all := c.All()
		for i := range all { // the gateway first, om last
			check(t, all[len(all)-1-i].Stop())
		}
		for _, p := range all {
			check(t, p.Start())
		}
		check(t, c.WaitReady(t.Context()))
		recovered(t, s3, body)
	})
}

// unavailable wants 503 for a read and a write, in bounded time.
func unavailable(t *testing.T, s3 *plainS3, name string) {
	t.Helper()
	for method, do := range map[string]func() (int, error){
		"GET": func() (int, error) { status, _, err := s3.get(name); return status, err },
		"PUT": func() (int, error) { return s3.put(name+"-no", []byte("x")) },
	} {
		began := time.Now()
		status, err := do()
		if err != nil || status != http.StatusServiceUnavailable {
			t.Errorf("%s: status %d, %v; want 503", method, status, err)
		}
		if took := time.Since(began); took > outageBound {
			t.Errorf("%s took %v to say so", method, took)
		}
	}
}

// recovered wants reads and writes to work again soon, without help.
func recovered(t *testing.T, s3 *plainS3, body []byte) {
	t.Helper()
	err := s3.eventually(t.Context(), func() (int, error) { return s3.put("/outage/again", body) })
	if err != nil {
		t.Fatalf("writes did not come back: %v", err)
	}
	err = s3.eventually(t.Context(), func() (int, error) { status, _, err := s3.get("/outage/before"); return status, err })
	if err != nil {
		t.Fatalf("reads did not come back: %v", err)
	}
	mustGet(t, s3, "/outage/before", body)
	mustGet(t, s3, "/outage/again", body)
}

func start(t *testing.T, p *Process) {
	t.Helper()
	check(t, p.Start())
	if err := p.WaitReady(t.Context()); err != nil {
		t.Fatalf("%s: %v\n%s", p.Name, err, p.Tail(2<<10))
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
