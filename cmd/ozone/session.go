package main

import (
	"context"
	"io"
	"os"
	"os/user"

	"github.com/mini-ozone/mini-ozone/client"
)

// environment is what the process gives a command. Tests give their own.
type environment struct {
	in       io.Reader
	out, err io.Writer
	vars     []string // as os.Environ
	home     string   // the user's home directory, "" if unknown
	user     string   // on whose behalf the store is asked
	// connect opens a connection to one of the oms, and the function that closes
	// it. It fails within seconds when none answers.
	connect func(ctx context.Context, oms []string) (cluster, func() error, error)
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

// with connects to the om that host, --om or the configuration name (in this
// order of "the more specific wins": --om, URI, configuration) and calls f.
func (s *session) with(ctx context.Context, host string, f func(context.Context, cluster) error) error {
	oms, err := s.omAddresses(host)
	if err != nil {
		return err
	}
	ctx = client.WithCaller(ctx, s.user)
	c, closeAll, err := s.connect(ctx, oms)
	if err != nil {
		return err
	}
	err = f(ctx, c)
	if closeErr := closeAll(); err == nil {
		err = closeErr
	}
	return err
}
