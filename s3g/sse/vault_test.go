package sse_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/s3g/sse"
	"github.com/mini-ozone/mini-ozone/s3g/sse/ssetest"
)

func newVault(t *testing.T, cfg sse.VaultConfig) *sse.Vault {
	t.Helper()
	v, err := sse.NewVault(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVault(t *testing.T) {
	cfg := ssetest.Vault(t, false, "s3-main", "s3-other", "root")
	cfg.Prefix, cfg.Key = "s3-", "main"
	v := newVault(t, cfg)
	key := sse.NewDataKey()
	wrapped, id, err := v.Wrap(t.Context(), "", "Y3R4", key)
	if err != nil || id != "main" || !strings.HasPrefix(string(wrapped), "vault:v1:") {
		t.Fatalf("%q %q %v", wrapped, id, err)
	}
	if got, err := v.Unwrap(t.Context(), id, "Y3R4", wrapped); err != nil || got != key {
		t.Errorf("%v", err)
	}
	if _, err := v.Unwrap(t.Context(), id, "", wrapped); err == nil {
		t.Error("unwrapped without the context")
	}
	if _, err := v.Unwrap(t.Context(), "other", "Y3R4", wrapped); err == nil {
		t.Error("unwrapped under another key")
	}
	const arn = "arn:aws:kms:us-east-1:1:key/other"
	if wrapped, id, err = v.Wrap(t.Context(), arn, "", key); err != nil || id != arn {
		t.Errorf("%q %v", id, err)
	}
	if got, err := v.Unwrap(t.Context(), id, "", wrapped); err != nil || got != key {
		t.Errorf("by ARN: %v", err)
	}
	for _, bad := range []string{"root", "gone", "..", "a/..", "a?b", "x/", strings.Repeat("k", 129)} {
		if _, _, err := v.Wrap(t.Context(), bad, "", key); !errors.Is(err, sse.ErrKMSKey) {
			t.Errorf("key %q: %v", bad, err)
		}
	}
}

func TestVaultFails(t *testing.T) {
	cfg := ssetest.Vault(t, false, "k")
	v := newVault(t, cfg)
	if _, _, err := v.Wrap(t.Context(), "", "", sse.DataKey{}); !errors.Is(err, sse.ErrKMSKey) {
		t.Errorf("no default key: %v", err)
	}
	if err := os.WriteFile(cfg.TokenFile, []byte("s.old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := v.Wrap(t.Context(), "k", "", sse.DataKey{}); !errors.Is(err, sse.ErrKMSDenied) || strings.Contains(err.Error(), "s.old") {
		t.Errorf("wrong token: %v", err)
	}
	sealed := newVault(t, ssetest.Vault(t, true, "k"))
	if _, _, err := sealed.Wrap(t.Context(), "k", "", sse.DataKey{}); err == nil || errors.Is(err, sse.ErrKMSKey) {
		t.Errorf("sealed: %v", err)
	}
	for _, bad := range []sse.VaultConfig{{}, {Address: "vault:8200", TokenFile: cfg.TokenFile}, {Address: "http://h"}, {Address: "http://h", TokenFile: "/no/such"}} {
		if _, err := sse.NewVault(bad); err == nil {
			t.Errorf("taken: %+v", bad)
		}
	}
}
