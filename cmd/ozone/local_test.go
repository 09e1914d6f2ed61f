package main

import (
	"context"
	"errors"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/conf"
)

// TestLocalDefines: -D is as good as a flag, and a flag wins.
func TestLocalDefines(t *testing.T) {
	c, err := conf.Load(conf.Options{
		Defines: []string{"ozone.replication=1", "ozone.s3g.http-address=0.0.0.0:77", "ozone.om.address=om:78"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		given                    string
		replication, s3g, omPort int
	}{
		{"", 1, 77, 78},
		{"replication", 3, 77, 78},
		{"s3g-port", 1, 9878, 78},
		{"om-port", 1, 77, 9862},
	} {
		o := localOptions{
			replication: 3, s3gPort: 9878, omPort: 9862,
			given: func(flag string) bool { return flag == test.given },
		}
		o.define(c)
		if o.replication != test.replication || o.s3gPort != test.s3g || o.omPort != test.omPort {
			t.Errorf("with --%s: replication %d, ports %d and %d", test.given, o.replication, o.s3gPort, o.omPort)
		}
	}
}

func TestLocalIgnoresOtherClusters(t *testing.T) {
	c, err := conf.Load(conf.Options{Environ: []string{"OZONE-SITE.XML_ozone.om.address=om:78"}})
	if err != nil {
		t.Fatal(err)
	}
	o := localOptions{omPort: 9862, given: func(string) bool { return false }}
	if o.define(c); o.omPort != 9862 {
		t.Errorf("om's port is %d, from the environment", o.omPort)
	}
}

func TestEphemeralDirectory(t *testing.T) {
	for _, test := range []struct {
		ephemeral, given bool
		want             string
	}{{false, false, "/d"}, {false, true, "/d"}, {true, false, ""}, {true, true, "/d"}} {
		o := localOptions{dataDir: "/d", ephemeral: test.ephemeral, given: func(string) bool { return test.given }}
		if l := o.cluster(conf.Default(), zerolog.Nop()); l.DataDir != test.want || l.Ephemeral != test.ephemeral {
			t.Errorf("%+v: %q, %t", test, l.DataDir, l.Ephemeral)
		}
	}
}

func TestAddressesForPeople(t *testing.T) {
	for in, want := range map[string]string{
		"http://0.0.0.0:9878": "http://localhost:9878", "[::]:9862": "localhost:9862",
		"127.0.0.1:9862": "127.0.0.1:9862", "http://10.0.0.0:1": "http://10.0.0.0:1",
	} {
		if got := here(in); got != want {
			t.Errorf("%s becomes %s", in, got)
		}
	}
	const command = "ozone sh bucket path bucket1"
	if got := shellHint("localhost:9862", command); got != "ozone sh bucket path bucket1" {
		t.Error(got)
	}
	if got := shellHint("localhost:1", command); got != "ozone sh bucket path bucket1 --om localhost:1" {
		t.Error(got)
	}
}

// TestLocalEnds: a server that fails ends the command with an error, Ctrl-C without.
func TestLocalEnds(t *testing.T) {
	failed, broken := make(chan error, 1), errors.New("broken disk")
	failed <- broken
	if err := ended(t.Context(), failed); !errors.Is(err, broken) {
		t.Errorf("after a failure: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ended(ctx, failed); err != nil {
		t.Errorf("after Ctrl-C: %v", err)
	}
}

func TestFormatSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 1: "1", 1023: "1023", 1024: "1KB", 10 << 10: "10KB", 5 << 20: "5MB", 1 << 50: "1024TB"} {
		if got := formatSize(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
		if back, err := conf.ParseSize(want); err != nil || back != n {
			t.Errorf("%s is %d, %v", want, back, err)
		}
	}
}
