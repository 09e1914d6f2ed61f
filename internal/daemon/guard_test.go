package daemon

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// In secure mode only health is for everybody; in open mode everything is, but profiles.
func TestGuard(t *testing.T) {
	pages := func(secure bool, token string) http.Handler {
		mux := DebugMux(DebugOptions{Pprof: true, Secure: secure})
		mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {})
		return Guard(mux, secure, token)
	}
	bearer := func(token string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	}
	basic := func(token string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth("anybody", token) }
	}
	none := func(*http.Request) {}
	for _, c := range []struct {
		name   string
		secure bool
		token  string
		show   func(*http.Request)
		ok     bool
	}{
		{"open", false, "", none, true},
		{"nothing", true, "t0ken", none, false},
		{"bearer", true, "t0ken", bearer("t0ken"), true},
		{"basic", true, "t0ken", basic("t0ken"), true},
		{"wrong bearer", true, "t0ken", bearer("t0ken "), false},
		{"wrong password", true, "t0ken", basic("T0ken"), false},
		{"empty bearer", true, "t0ken", bearer(""), false},
		{"there is no token", true, "", bearer(""), false},
		{"there is no token, empty password", true, "", basic(""), false},
		{"junk", true, "t0ken", func(r *http.Request) { r.Header.Set("Authorization", "t0ken") }, false},
	} {
		h := pages(c.secure, c.token)
		for _, path := range []string{"/", "/metrics", "/prom", "/debug/pprof/", "/debug/pprof/cmdline", "/healthz", "/readyz", "/nothing", "//healthz/../metrics"} {
			r := httptest.NewRequest(http.MethodGet, "http://h"+path, nil)
			c.show(r)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			health := path == "/healthz" || path == "/readyz"
			if refused := w.Code == http.StatusUnauthorized; refused == (c.ok || health) {
				t.Errorf("%s %s: %d", c.name, path, w.Code)
			}
			if c.ok && path == "/metrics" && !strings.Contains(w.Body.String(), map[bool]string{true: "ozone_security_mode 1", false: "ozone_security_mode 0"}[c.secure]) {
				t.Errorf("%s: the mode is not among the metrics", c.name)
			}
		}
	}
}
