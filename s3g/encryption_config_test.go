package s3g_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/conf"
	"github.com/mini-ozone/mini-ozone/s3g"
	"github.com/mini-ozone/mini-ozone/s3g/sse"
)

func TestEncryptionFromConf(t *testing.T) {
	dir := t.TempDir()
	file, token := filepath.Join(dir, "sse.key"), filepath.Join(dir, "token")
	if err := sse.CreateKeyFile(file); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(token, []byte("s.x"), 0o600); err != nil {
		t.Fatal(err)
	}
	const key = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="
	for _, tc := range []struct {
		name string
		set  []string
		want string // of keys, KMS and SSE-C over HTTP; "error"
	}{
		{"nothing", nil, "no keys, no KMS, over HTTP: true"},
		{"a file", []string{"ozone.s3g.sse.key.file", file}, "keys, no KMS, over HTTP: true"},
		{"no such file", []string{"ozone.s3g.sse.key.file", file + "x"}, "error"},
		{"keys", []string{"ozone.s3g.sse.keys", "a:" + key + ", b:" + key}, "keys [a b], no KMS, over HTTP: true"},
		{"keys win", []string{"ozone.s3g.sse.keys", "a:" + key, "ozone.s3g.sse.key.file", file + "x"}, "keys [a], no KMS, over HTTP: true"},
		{"bad keys", []string{"ozone.s3g.sse.keys", "a:" + key[1:]}, "error"},
		{"Vault", []string{"mini.s3g.kms.vault.address", "https://v:8200", "mini.s3g.kms.vault.token.file", token}, "no keys, KMS, over HTTP: true"},
		{"Vault without token", []string{"mini.s3g.kms.vault.address", "https://v:8200"}, "error"},
		{"as AWS", []string{"mini.s3g.sse.c.over.http", "false"}, "no keys, no KMS, over HTTP: false"},
	} {
		c := conf.Default()
		for i := 0; i < len(tc.set); i += 2 {
			if err := c.Set(tc.set[i], tc.set[i+1], "test"); err != nil {
				t.Fatal(err)
			}
		}
		cfg, err := s3g.FromConf(c)
		got := "error"
		if err == nil {
			got = describe(cfg)
		} else if strings.Contains(err.Error(), key[1:]) {
			t.Errorf("%s: the error tells the key: %v", tc.name, err)
		}
		if !strings.HasPrefix(got, strings.Split(tc.want, ",")[0]) || !strings.HasSuffix(got, tc.want[strings.Index(tc.want, ",")+1:]) {
			t.Errorf("%s: %s, want %s; %v", tc.name, got, tc.want, err)
		}
		if text := fmt.Sprintf("%v %+v", cfg, cfg); strings.Contains(text, "49 50 51") {
			t.Errorf("%s: the configuration prints keys", tc.name)
		}
	}
}

func describe(cfg s3g.Config) string {
	keys, kms := "no keys", "no KMS"
	if cfg.ClusterKeys != nil {
		keys = "keys " + cfg.ClusterKeys.String()
	}
	if cfg.KMS != nil {
		kms = "KMS"
	}
	return fmt.Sprintf("%s, %s, over HTTP: %v", keys, kms, cfg.CustomerKeysOverHTTP)
}
