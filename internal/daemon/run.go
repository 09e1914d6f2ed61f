// Package daemon is the shell around a server: command line, configuration, log,
// signals, an ordered stop in bounded time, exit code, and the pages every server
// has about itself. A main says only which server it is.
package daemon

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/mini-ozone/mini-ozone/conf"
	"github.com/mini-ozone/mini-ozone/internal/version"
)

// Exit codes, Ozone's.
const (
	ExitOK      = 0
	ExitFailure = 255 // the program could not do its work
	ExitUsage   = 2   // it was asked in a way it does not understand
)

// exitUnhealthy is what a container engine expects of a failed health check.
const exitUnhealthy = 1

// Service is a running server.
type Service interface {
	// Close stops in order and waits for every goroutine.
	Close() error
}

// Failer is a Service that can find, while it runs, that it must not go on (a log
// that cannot be synced). What it sends ends the process.
type Failer interface {
	Failed() <-chan error
}

// Program is a server binary.
type Program struct {
	// Name is the command's name: "om".
	Name string
	// About is one line of help.
	About string
	// HTTPKey is the configuration key of the address that serves /readyz.
	HTTPKey string
	// HTTPKeyOf finds that key where it depends on the configuration; nil: HTTPKey.
	HTTPKeyOf func(*conf.Config) (string, error)
	// Open starts the server. It returns once the listeners are up; being ready may
	// come later and shows in /readyz. ctx ends when the process is told to stop.
	Open func(ctx context.Context, c *conf.Config, log zerolog.Logger) (Service, error)
}

// Main runs p with the arguments and environment of the process until SIGINT or
// SIGTERM, and returns the exit code. A second signal ends the process at once.
func (p Program) Main() int {
	SpareProcs()
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // from here on a signal does what it does by default
	return p.Run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
}

// Run is Main with everything given. It returns when ctx is done or the server
// fails, after the server has closed or mini.stop.timeout has passed.
func (p Program) Run(ctx context.Context, args, environ []string, out, errout io.Writer) int {
	opts, code := p.parse(args, out, errout)
	if code >= 0 {
		return code
	}
	c, err := conf.Load(conf.Options{File: opts.conf, Defines: opts.defines, Environ: environ})
	if err != nil {
		fmt.Fprintf(errout, "%s: %v\n", p.Name, err)
		return ExitFailure
	}
	if opts.health {
		if err := p.probe(ctx, c); err != nil {
			fmt.Fprintln(errout, err)
			return exitUnhealthy
		}
		return ExitOK
	}
	if opts.level == "" {
		opts.level = c.String("mini.log.level")
	}
	level, err := zerolog.ParseLevel(opts.level)
	if err != nil || opts.level == "" {
		fmt.Fprintf(errout, "%s: %q is not a log level\n", p.Name, opts.level)
		return ExitUsage
	}
	log := NewLogger(errout, p.Name, level)
	if err := p.serve(ctx, c, log); err != nil {
		log.Error().Err(err).Msg("ended")
		return ExitFailure
	}
	log.Info().Msg("stopped")
	return ExitOK
}

// probe asks the running server whether it is ready.
func (p Program) probe(ctx context.Context, c *conf.Config) error {
	key := p.HTTPKey
	if p.HTTPKeyOf != nil {
		var err error
		if key, err = p.HTTPKeyOf(c); err != nil {
			return err
		}
	}
	return Probe(ctx, c.Dial(key))
}

// serve opens the server, waits for its end and closes it.
func (p Program) serve(ctx context.Context, c *conf.Config, log zerolog.Logger) error {
	for _, w := range c.Warnings() {
		log.Warn().Msg(w)
	}
	v := version.Get()
	log.Info().Str("version", v.Version).Str("revision", v.Revision).Str("go", v.Go).Int("pid", os.Getpid()).Msg("starting")
	svc, err := p.Open(ctx, c, log)
	if err != nil {
		return err
	}
	log.Info().Msg("started")
	failure := wait(ctx, svc, c.Bool("ozone.security.enabled"), log)
	log.Info().Msg("stopping")
	return errors.Join(failure, closeWithin(svc, c.Duration("mini.stop.timeout")))
}

// wait returns when ctx is done, or the service's failure. Unless the store is secure it
// says that it is open, now and every hour: nobody should run one without knowing.
func wait(ctx context.Context, svc Service, secure bool, log zerolog.Logger) error {
	var failed <-chan error
	if f, ok := svc.(Failer); ok {
		failed = f.Failed()
	}
	hourly := time.NewTicker(time.Hour)
	defer hourly.Stop()
	for {
		if !secure {
			WarnOpen(log)
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case <-hourly.C:
		}
	}
}

// WarnOpen logs that anybody may do anything.
func WarnOpen(log zerolog.Logger) {
	log.Warn().Str("mode", "open").Msg("OPEN MODE: any access key is accepted and nothing is checked; " +
		"whoever reaches the ports can read and delete everything (ozone.security.enabled=false)")
}

// closeWithin closes svc, but does not wait for ever.
func closeWithin(svc Service, limit time.Duration) error {
	done := make(chan error, 1)
	go func() { done <- svc.Close() }()
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case err := <-done:
		return err
	case <-t.C:
		return fmt.Errorf("did not stop within %s", limit)
	}
}

// options are what the command line says.
type options struct {
	conf    string
	level   string
	defines []string
	health  bool
}

// parse reads the command line. code is the exit code when there is nothing more
// to do, else negative.
func (p Program) parse(args []string, out, errout io.Writer) (o options, code int) {
	if len(args) > 0 && args[0] == "healthcheck" {
		o.health, args = true, args[1:]
	}
	fs := flag.NewFlagSet(p.Name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	showVersion := fs.Bool("version", false, "print the version and exit")
	fs.StringVar(&o.conf, "conf", "", "configuration `path`: ozone-site.xml or its directory (default $OZONE_CONF_DIR)")
	fs.StringVar(&o.level, "log-level", "", "least severe `level` to log: trace, debug, info, warn, error")
	fs.Func("D", "set a configuration key, as `key=value`; may be repeated", func(s string) error {
		if key, _, ok := strings.Cut(s, "="); !ok || key == "" {
			return errors.New("want key=value")
		}
		o.defines = append(o.defines, s)
		return nil
	})
	err := fs.Parse(args)
	if err == nil && fs.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		p.usage(fs, out)
		return o, ExitOK
	case err != nil:
		fmt.Fprintf(errout, "%s: %v\n", p.Name, err)
		p.usage(fs, errout)
		return o, ExitUsage
	case *showVersion:
		fmt.Fprintln(out, p.Name, version.Get())
		return o, ExitOK
	}
	return o, -1
}

func (p Program) usage(fs *flag.FlagSet, w io.Writer) {
	fmt.Fprintf(w, "%s: %s\n\nUsage:\n  %s [flags]              run until SIGINT or SIGTERM\n"+
		"  %s healthcheck [flags]  ask the running one whether it is ready: exit code 0 or 1\n\nFlags:\n",
		p.Name, p.About, p.Name, p.Name)
	fs.SetOutput(w)
	fs.PrintDefaults()
}
