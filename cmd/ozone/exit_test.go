package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

func TestReport(t *testing.T) {
	cause := errors.New("disk on\nfire")
	tests := map[string]struct {
		err    error
		code   int
		stderr string
	}{
		"none":        {nil, 0, ""},
		"ours":        {ozerr.New(ozerr.KeyNotFound, "key k"), 255, "KEY_NOT_FOUND key k\n"},
		"wrapped":     {fmt.Errorf("while reading: %w", ozerr.New(ozerr.KeyNotFound, "key k")), 255, "KEY_NOT_FOUND while reading: key k\n"},
		"with cause":  {ozerr.Wrap(ozerr.DiskFailed, cause, "write x"), 255, "IO_EXCEPTION write x: disk on fire\n"},
		"foreign":     {cause, 255, "INTERNAL_ERROR disk on fire\n"},
		"interrupted": {context.Canceled, 255, "CANCELED context canceled\n"},
		"late":        {fmt.Errorf("x: %w", context.DeadlineExceeded), 255, "TIMEOUT x: context deadline exceeded\n"},
		"no file":     {&fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}, 255, "FILE_NOT_FOUND open x: file does not exist\n"},
		"no right":    {&fs.PathError{Op: "open", Path: "x", Err: fs.ErrPermission}, 255, "IO_EXCEPTION open x: permission denied\n"},
		"usage":       {usagef("bad %s", "flag"), 2, "bad flag\nUsage: x\nRun 'x --help' for more.\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var stderr bytes.Buffer
			cmd := &cobra.Command{Use: "x", Run: func(*cobra.Command, []string) {}}
			code := report(&stderr, cmd, test.err, false)
			if code != test.code || stderr.String() != test.stderr {
				t.Errorf("%d %q; want %d %q", code, stderr.String(), test.code, test.stderr)
			}
		})
	}
}

func TestVerboseShowsCauses(t *testing.T) {
	var stderr bytes.Buffer
	err := ozerr.Wrap(ozerr.Unavailable, fmt.Errorf("dial: %w", errors.New("refused")), "asking om")
	report(&stderr, &cobra.Command{}, err, true)
	want := "UNAVAILABLE asking om: dial: refused\n  caused by: dial: refused\n  caused by: refused\n"
	if stderr.String() != want {
		t.Errorf("got %q; want %q", stderr.String(), want)
	}
}

// binary builds the program once for the tests that run it.
func binary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ozone")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// TestBinary runs the real program: its exit codes, and that a dead om is
// noticed within seconds.
func TestBinary(t *testing.T) {
	program, dead := binary(t), closedPort(t)
	tests := []struct {
		args   string
		code   int
		out    string
		stderr string
	}{
		{"version", 0, "Mini Ozone", ""},
		{"", 0, "Usage: ozone <command>", ""},
		{"--help", 0, "Usage: ozone <command>", ""},
		{"sh", 2, "", "Missing required subcommand"},
		{"sh volume create", 2, "", "missing argument <volume-uri>"},
		{"sh volume info v --om " + dead, 255, "", "UNAVAILABLE no om answers at " + dead},
		{"sh volume info o3://" + dead + "/v", 255, "", "UNAVAILABLE no om answers at " + dead},
		{"sh volume info v -D ozone.om.address=" + dead, 255, "", "UNAVAILABLE no om answers at " + dead},
		{"s3 getsecret", 0, "", "Error: 'ozone s3 getsecret'"},
	}
	for _, test := range tests {
		t.Run(test.args, func(t *testing.T) {
			var out, stderr bytes.Buffer
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			cmd := exec.CommandContext(ctx, program, strings.Fields(test.args)...)
			cmd.Stdout, cmd.Stderr = &out, &stderr
			cmd.Env = append(os.Environ(), "OZONE_CONF_DIR=")
			began := time.Now()
			_ = cmd.Run() // the exit code is looked at below
			if code := cmd.ProcessState.ExitCode(); code != test.code {
				t.Errorf("exit code %d, want %d; %s", code, test.code, stderr.String())
			}
			if !strings.Contains(out.String(), test.out) || !strings.HasPrefix(stderr.String(), test.stderr) {
				t.Errorf("printed %q and %q", out.String(), stderr.String())
			}
			if test.code == 255 && strings.Count(stderr.String(), "\n") != 1 {
				t.Errorf("not one line: %q", stderr.String())
			}
			if d := time.Since(began); d > 5*time.Second {
				t.Errorf("took %s", d)
			}
		})
	}
}

// closedPort is an address that nobody listens on.
func closedPort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestProbeIsBounded: the wait ends with the context, and the error names all oms.
func TestProbeIsBounded(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := probe(ctx, []string{"127.0.0.1:1", "127.0.0.1:2"})
	if !errors.Is(err, ozerr.Unavailable) || !strings.Contains(err.Error(), "127.0.0.1:1, 127.0.0.1:2") {
		t.Error(err)
	}
}

// TestSilentOM: something that takes connections and never answers is given up.
func TestSilentOM(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // the kernel takes connections, nobody accepts them
	var out, stderr bytes.Buffer
	env := environment{out: &out, err: &stderr, connect: connectWithin(300 * time.Millisecond)}
	began := time.Now()
	code := run(t.Context(), env, []string{"sh", "volume", "list", "--om", l.Addr().String()})
	if code != 255 || strings.Count(stderr.String(), "\n") != 1 || out.Len() > 0 || time.Since(began) > 3*time.Second {
		t.Errorf("%d after %s: %s%s", code, time.Since(began), stderr.String(), out.String())
	}
	if word, _, _ := strings.Cut(stderr.String(), " "); word != "UNAVAILABLE" && word != "TIMEOUT" {
		t.Error(stderr.String())
	}
}

func TestOMAddresses(t *testing.T) {
	tests := []struct {
		om, host, define, want string
	}{
		{"", "", "", "127.0.0.1:9862"},
		{"", "", "ozone.om.address=om1", "om1:9862"},
		{"", "", "ozone.om.address=[::]:77", "127.0.0.1:77"},
		{"", "om2", "", "om2:9862"},
		{"", "om2:5", "", "om2:5"},
		{"", "om2", "ozone.om.address=om1:77", "om2:77"},
		{"", "[::1]", "", "[::1]:9862"},
		{"om3", "om2:5", "", "om3:9862"},
		{"om3:6", "", "", "om3:6"},
	}
	for _, test := range tests {
		s := &session{environment: environment{err: &bytes.Buffer{}}, om: test.om}
		if test.define != "" {
			s.defines = []string{test.define}
		}
		c, err := s.config()
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.omAddresses(c, test.host)
		if err != nil || len(got) != 1 || got[0] != test.want {
			t.Errorf("%+v: got %v, %v", test, got, err)
		}
	}
}
