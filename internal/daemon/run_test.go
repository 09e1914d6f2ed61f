package daemon

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/conf"
)

// fake is a service that tells when it was closed.
type fake struct {
	failed chan error
	closed chan struct{}
	hang   chan struct{} // Close waits for it, if not nil
	err    error
}

func newFake() *fake { return &fake{failed: make(chan error, 1), closed: make(chan struct{})} }

func (f *fake) Failed() <-chan error { return f.failed }
func (f *fake) Close() error {
	close(f.closed)
	if f.hang != nil {
		<-f.hang
	}
	return f.err
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// program is a Program around f that cancels its context once it is open.
func program(f *fake, opened func(*conf.Config)) Program {
	return Program{
		Name: "om", About: "metadata", HTTPKey: "ozone.om.http-address",
		Open: func(_ context.Context, c *conf.Config, _ zerolog.Logger) (Service, error) {
			opened(c)
			return f, nil
		},
	}
}

func TestRunsUntilToldToStop(t *testing.T) {
	f := newFake()
	ctx, cancel := context.WithCancel(t.Context())
	var log buffer
	p := program(f, func(c *conf.Config) {
		if got := c.Size("ozone.scm.block.size"); got != 1<<20 {
			t.Errorf("block size %d", got)
		}
		cancel()
	})
	code := p.Run(ctx, []string{"-D", "ozone.scm.block.size=1MB", "-D", "no.such=1"}, nil, io.Discard, &log)
	if code != ExitOK {
		t.Errorf("code %d", code)
	}
	<-f.closed
	for _, want := range []string{"OPEN MODE", "no.such is ignored", `"message":"stopped"`, `"program":"om"`, `"time":"2`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%s is not in the log:\n%s", want, log.String())
		}
	}
}

// Only a store that is open says that it is.
func TestSecureModeIsNotOpen(t *testing.T) {
	var log buffer
	ctx, stop := context.WithCancel(t.Context())
	code := program(newFake(), func(*conf.Config) { stop() }).Run(ctx, []string{"-D", "ozone.security.enabled=true"}, nil, io.Discard, &log)
	if code != ExitOK || strings.Contains(log.String(), "OPEN MODE") {
		t.Errorf("code %d\n%s", code, log.String())
	}
}

func TestFailuresEndIt(t *testing.T) {
	t.Run("while running", func(t *testing.T) {
		f := newFake()
		f.failed <- errors.New("fsync: broken")
		var log buffer
		if code := program(f, func(*conf.Config) {}).Run(t.Context(), nil, nil, io.Discard, &log); code != ExitFailure {
			t.Errorf("code %d", code)
		}
		<-f.closed
		if !strings.Contains(log.String(), "fsync: broken") {
			t.Error(log.String())
		}
	})
	t.Run("at start", func(t *testing.T) {
		p := Program{Name: "om", Open: func(context.Context, *conf.Config, zerolog.Logger) (Service, error) {
			return nil, errors.New("port taken")
		}}
		if code := p.Run(t.Context(), nil, nil, io.Discard, io.Discard); code != ExitFailure {
			t.Errorf("code %d", code)
		}
	})
	t.Run("at stop", func(t *testing.T) {
		f := newFake()
		f.err = errors.New("cannot close")
		ctx, cancel := context.WithCancel(t.Context())
		if code := program(f, func(*conf.Config) { cancel() }).Run(ctx, nil, nil, io.Discard, io.Discard); code != ExitFailure {
			t.Errorf("code %d", code)
		}
	})
	t.Run("stop takes too long", func(t *testing.T) {
		f := newFake()
		f.hang = make(chan struct{})
		defer close(f.hang)
		ctx, cancel := context.WithCancel(t.Context())
		var log buffer
		if code := program(f, func(*conf.Config) { cancel() }).Run(ctx, []string{"-D", "mini.stop.timeout=1ms"}, nil, io.Discard, &log); code != ExitFailure {
			t.Errorf("code %d", code)
		}
		if !strings.Contains(log.String(), "did not stop within 1ms") {
			t.Error(log.String())
		}
	})
}

func TestCommandLine(t *testing.T) {
	site := filepath.Join(t.TempDir(), conf.SiteFile)
	if err := os.WriteFile(site, []byte("<configuration><property>"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args   string
		code   int
		out    string
		errout string
	}{
		{"--version", ExitOK, "om ", ""},
		{"--help", ExitOK, "healthcheck", ""},
		{"--nonsense", ExitUsage, "", "nonsense"},
		{"start", ExitUsage, "", `unexpected argument "start"`},
		{"-D nothing", ExitUsage, "", "want key=value"},
		{"--log-level loud", ExitUsage, "", "loud"},
		{"-D ozone.scm.block.size=x", ExitFailure, "", "ozone.scm.block.size"},
		{"--conf " + site, ExitFailure, "", site},
		{"healthcheck -D ozone.om.http-address=127.0.0.1:1", exitUnhealthy, "", "refused"},
		{"healthcheck -D ozone.om.http-address=", exitUnhealthy, "", "no health page"},
	} {
		t.Run(tc.args, func(t *testing.T) {
			var out, errout buffer
			p := program(newFake(), func(*conf.Config) { t.Error("it was opened") })
			if code := p.Run(t.Context(), strings.Fields(tc.args), nil, &out, &errout); code != tc.code {
				t.Errorf("code %d", code)
			}
			if !strings.Contains(out.String(), tc.out) || !strings.Contains(errout.String(), tc.errout) {
				t.Errorf("out %q\nerrout %q", out.String(), errout.String())
			}
		})
	}
}
