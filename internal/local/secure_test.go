package local

import (
	"errors"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/mini-ozone/mini-ozone/client/omclient"
	"github.com/mini-ozone/mini-ozone/internal/keyfile"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/internal/rpc"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// Users, secrets and the admin key are there after a restart; only its key opens om.
func TestSecureRestart(t *testing.T) {
	dir := t.TempDir()
	o := Options{DataDir: dir, Conf: set(t, map[string]string{"ozone.security.enabled": "true"})}
	c := start(t, o)
	if want := filepath.Join(dir, "admin.key"); !c.Secure() || c.AdminKeyFile() != want {
		t.Fatalf("secure %t, key in %s", c.Secure(), c.AdminKeyFile())
	}
	secret, err := c.Client().NewSecret(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	key, err := keyfile.Load(c.AdminKeyFile())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = start(t, o)
	if got, err := c.Client().Secret(t.Context(), "alice"); got != secret || err != nil {
		t.Errorf("the secret is another, or %v", err)
	}
	for _, caller := range []struct {
		key  []byte
		want error
	}{{key, nil}, {nil, ozerr.AdminKeyRefused}} {
		om, err := omclient.New([]string{c.OMAddress()}, omclient.Options{RPC: rpc.ClientOptions{Key: caller.key}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = om.Submit(t.Context(), &ompb.Request{Op: &ompb.Request_ListNodes{ListNodes: &ompb.ListNodes{}}})
		if !errors.Is(err, caller.want) {
			t.Errorf("%v, want %v", err, caller.want)
		}
		_ = om.Close()
	}
	resp, err := http.Get(c.Endpoint() + "/")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("anonymous gets %d", resp.StatusCode)
	}
}
