// Package ssetest has a Vault for tests.
package ssetest

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/s3g/sse"
)

// Token is the one that the Vault takes.
const Token = "s.test"

// Vault starts the transit engine of a Vault as far as sse.Vault uses it, with these
// keys, and returns how to reach it. A sealed one answers 503 to everything.
func Vault(t testing.TB, sealed bool, keys ...string) sse.VaultConfig {
	t.Helper()
	known := map[string]*sse.DataKey{}
	for _, name := range keys {
		key := sse.NewDataKey()
		known[name] = &key
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		operation, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/transit/"), "/")
		switch key := known[name]; {
		case sealed:
			http.Error(w, `{"errors":["Vault is sealed"]}`, http.StatusServiceUnavailable)
		case r.Header.Get("X-Vault-Token") != Token:
			http.Error(w, `{"errors":["permission denied"]}`, http.StatusForbidden)
		case key == nil:
			http.Error(w, `{"errors":["encryption key not found"]}`, http.StatusBadRequest)
		default:
			transit(w, r, operation, name, key)
		}
	}))
	t.Cleanup(srv.Close)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(Token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return sse.VaultConfig{Address: srv.URL, Mount: "transit", TokenFile: token}
}

// transit is encrypt and decrypt.
func transit(w http.ResponseWriter, r *http.Request, operation, name string, key *sse.DataKey) {
	var in struct {
		Plaintext      string `json:"plaintext"`
		Ciphertext     string `json:"ciphertext"`
		AssociatedData string `json:"associated_data"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out := map[string]any{}
	switch operation {
	case "encrypt":
		raw, err := base64.StdEncoding.DecodeString(in.Plaintext)
		if err != nil || len(raw) != sse.KeySize {
			http.Error(w, "plaintext", http.StatusBadRequest)
			return
		}
		wrapped := sse.Wrap(key[:], "transit", name+in.AssociatedData, sse.DataKey(raw))
		out["ciphertext"] = "vault:v1:" + base64.StdEncoding.EncodeToString(wrapped)
	case "decrypt":
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(in.Ciphertext, "vault:v1:"))
		plain, wrong := sse.Unwrap(key[:], "transit", name+in.AssociatedData, raw)
		if err != nil || wrong != nil {
			http.Error(w, `{"errors":["cipher: message authentication failed"]}`, http.StatusBadRequest)
			return
		}
		out["plaintext"] = base64.StdEncoding.EncodeToString(plain[:])
	default:
		http.NotFound(w, r)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"data": out}) // a client that is gone needs none
}
