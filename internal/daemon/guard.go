package daemon

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// Guard lets everybody see /healthz and /readyz, and in secure mode what else h serves
// only to who shows the token: as a bearer token, or as the password, with any name, that
// browsers ask for. Without a token nobody does. In open mode it is h.
func Guard(h http.Handler, secure bool, token string) http.Handler {
	if !secure {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" || shows(r, token) {
			h.ServeHTTP(w, r)
			return
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="mini ozone: any name, password from 'ozone admin token'", charset="UTF-8"`)
		plain(w, http.StatusUnauthorized, "secure mode: this page wants the token that `ozone admin token` prints\n")
	})
}

func shows(r *http.Request, token string) bool {
	shown, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		_, shown, ok = r.BasicAuth()
	}
	// Sums have one length, whatever was shown.
	got, want := sha256.Sum256([]byte(shown)), sha256.Sum256([]byte(token))
	return ok && token != "" && subtle.ConstantTimeCompare(got[:], want[:]) == 1
}
