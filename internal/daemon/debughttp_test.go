package daemon

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/mini-ozone/mini-ozone/conf"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestDebugPages(t *testing.T) {
	var notReady atomic.Bool
	registry := prometheus.NewRegistry()
	puts := prometheus.NewCounter(prometheus.CounterOpts{Name: "mini_puts_total"})
	registry.MustRegister(puts)
	puts.Add(7)
	mux := DebugMux(DebugOptions{
		Ready: func() error {
			if notReady.Load() {
				return errors.New("no leader")
			}
			return nil
		},
		Registry: registry,
		Conf:     conf.Default().WriteXML,
	})
	for path, want := range map[string]string{
		"/healthz": "ok", "/readyz": "ready", "/metrics": "mini_puts_total 7", "/prom": "go_goroutines",
		"/conf": "<name>ozone.om.address</name>",
	} {
		if code, body := get(t, mux, path); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %.200s", path, code, body)
		}
	}
	notReady.Store(true)
	if code, body := get(t, mux, "/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "no leader") {
		t.Errorf("not ready: %d %s", code, body)
	}
	if code, _ := get(t, mux, "/healthz"); code != http.StatusOK {
		t.Errorf("healthy: %d", code)
	}
	if code, _ := get(t, mux, "/debug/pprof/cmdline"); code != http.StatusNotFound {
		t.Errorf("pprof is not off: %d", code)
	}
	if code, _ := get(t, DebugMux(DebugOptions{Pprof: true}), "/debug/pprof/cmdline"); code != http.StatusOK {
		t.Errorf("pprof is not on: %d", code)
	}
}

func TestProbe(t *testing.T) {
	var ready atomic.Bool
	s, err := ListenHTTP("127.0.0.1:0", DebugMux(DebugOptions{Ready: func() error {
		if !ready.Load() {
			return errors.New("still starting")
		}
		return nil
	}}), zerolog.New(io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	if err := Probe(t.Context(), s.Addr()); err == nil || !strings.Contains(err.Error(), "still starting") {
		t.Errorf("not ready: %v", err)
	}
	ready.Store(true)
	if err := Probe(t.Context(), s.Addr()); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := Probe(t.Context(), s.Addr()); err == nil {
		t.Error("a closed server is ready")
	}
}
