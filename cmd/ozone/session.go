package main

import (
	"context"
	"io"
	"os"
	"os/user"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/conf"
	"github.com/mini-ozone/mini-ozone/internal/adminkey"
)

// environment is what the process gives a command. Tests give their own.
type environment struct {
	in       io.Reader
	out, err io.Writer
	vars     []string // as os.Environ
	home     string   // the user's home directory, "" if unknown
	user     string   // on whose behalf the store is asked
	// connect opens a connection to one of the oms, and the function that closes
	// it. It fails within seconds when none answers. key is the admin key, nil for an
	// open store.
	connect func(ctx context.Context, oms []string, key []byte) (cluster, func() error, error)
}

func systemEnvironment() environment {
	home, _ := os.UserHomeDir()
	return environment{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		vars: os.Environ(), home: home, user: loginName(),
		connect: connectWithin(omBudget),
	}
}

// loginName is the caller's name as Ozone's simple authentication has it.
func loginName() string {
	if name := os.Getenv("HADOOP_USER_NAME"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return os.Getenv("USER")
}

// session is an environment with the global flags of one command line.
type session struct {
	environment
	confPath string
	defines  []string
	om       string
	verbose  bool
}

// adminKey is the key of the configured file, nil without one in open mode. A file that
// is named is used even if nothing says that the store is secure: it is only on this
// machine that the setting may be missing.
func adminKey(c *conf.Config) ([]byte, error) {
	if path := c.String("ozone.admin.key.file"); path != "" {
		return adminkey.Read(path)
	}
	return adminkey.Load(c)
}

// wantsKey tells whether the configuration is that of a secure store.
func (s *session) wantsKey() (bool, error) {
	c, err := s.config()
	if err != nil {
		return false, err
	}
	return c.Bool("ozone.security.enabled") || c.String("ozone.admin.key.file") != "", nil
}

// with connects to the om that host, --om or the configuration name (in this
// order of "the more specific wins": --om, URI, configuration) and calls f.
func (s *session) with(ctx context.Context, host string, f func(context.Context, cluster) error) error {
	settings, err := s.config()
	if err != nil {
		return err
	}
	oms, err := s.omAddresses(settings, host)
	if err != nil {
		return err
	}
	key, err := adminKey(settings)
	if err != nil {
		return err
	}
	ctx = client.WithCaller(ctx, s.user)
	c, closeAll, err := s.connect(ctx, oms, key)
	if err != nil {
		return err
	}
	err = f(ctx, c)
	if closeErr := closeAll(); err == nil {
		err = closeErr
	}
	return err
}
