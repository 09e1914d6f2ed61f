package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/mini-ozone/mini-ozone/conf"
	"github.com/mini-ozone/mini-ozone/internal/daemon"
	"github.com/mini-ozone/mini-ozone/internal/dirlock"
	"github.com/mini-ozone/mini-ozone/internal/local"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

func newLocalCommand(s *session) *cobra.Command {
	return newGroup("local", "Run a whole cluster in this process",
		`Run a whole cluster in this process.

  ozone local run`,
		newLocalRunCommand(s))
}

type localOptions struct {
	dataDir         string
	ephemeral       bool
	datanodes       int
	replication     int
	s3gPort, omPort int
	host            string
	logLevel        string
	given           func(flag string) bool // whether the flag is on the command line
}

func newLocalRunCommand(s *session) *cobra.Command {
	o := localOptions{dataDir: defaultDataDir(s.home)}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run om, datanodes and the S3 gateway in this process",
		Long: `Run om, datanodes and the S3 gateway in this process until Ctrl-C: the same servers
as in a cluster of many machines, with the same durability, joined by Go calls. The
data stays in the data directory; starting again finds it.

  ozone local run
  ozone local run --ephemeral --s3g-port 0 --om-port 0
  ozone local run --datanodes 3 -D ozone.scm.block.size=64MB

Then, in another terminal, "ozone sh volume list" or any S3 client.

It listens on this machine only, unless --host says otherwise: the store is open, and
whoever reaches the ports may read and delete everything. With

  ozone local run -D ozone.security.enabled=true

it is secure: requests must be signed by a user that "ozone s3 getsecret" made.`,
		Args: arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.given = cmd.Flags().Changed
			return runLocal(cmd.Context(), s, o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.dataDir, "data-dir", o.dataDir, "where the data is kept, `DIR`")
	f.BoolVar(&o.ephemeral, "ephemeral", false, "keep the data in a temporary directory, which goes at the end")
	f.IntVar(&o.datanodes, "datanodes", 1, "how many datanodes, `N`")
	f.IntVar(&o.replication, "replication", 0, "copies of each block, `1|3`; unless given, 3 if there are as many datanodes")
	f.IntVar(&o.s3gPort, "s3g-port", 9878, "`port` of the S3 endpoint; 0 picks one")
	f.IntVar(&o.omPort, "om-port", 9862, "`port` of om, where the other commands find the cluster; 0 picks one")
	f.StringVar(&o.host, "host", "127.0.0.1", "`address` to listen on; 0.0.0.0 lets other machines in")
	f.StringVar(&o.logLevel, "log-level", "error", "least severe `level` to log on standard error: debug, info, warn or error")
	return cmd
}

// defaultDataDir is ~/.ozone/local, or "" where there is no home.
func defaultDataDir(home string) string {
	if home == "" {
		return ""
	}
	return filepath.Join(home, ".ozone", "local")
}

func runLocal(ctx context.Context, s *session, o localOptions) error {
	level, err := zerolog.ParseLevel(o.logLevel)
	if err != nil || o.logLevel == "" {
		return usagef("invalid value %q for --log-level; use debug, info, warn or error", o.logLevel)
	}
	if o.dataDir == "" && !o.ephemeral {
		return usagef("--data-dir is required: there is no home directory")
	}
	c, err := s.config()
	if err != nil {
		return err
	}
	o.define(c)
	began := time.Now()
	cluster, err := local.Start(ctx, o.cluster(c, daemon.NewLogger(s.err, "ozone", level)))
	if err != nil {
		return startError(o, err)
	}
	printReady(s.out, cluster, o, time.Since(began))
	failure := ended(ctx, cluster.Failed())
	fmt.Fprintln(s.out, "Stopping.")
	return errors.Join(failure, cluster.Close())
}

// ended waits for the user's wish to stop, or for a failure, which it returns.
func ended(ctx context.Context, failed <-chan error) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// define takes what -D says of the things that have flags, unless the flag is
// given too. What a configuration file says of them is meant for other clusters.
func (o *localOptions) define(c *conf.Config) {
	set := func(flag, key string) bool {
		return !o.given(flag) && strings.HasPrefix(c.Source(key), "command line")
	}
	if key := "ozone.server.default.replication"; set("replication", key) {
		o.replication = c.Int(key)
	}
	if key := "ozone.s3g.http-address"; set("s3g-port", key) {
		o.s3gPort = portOf(c.String(key))
	}
	if set("om-port", keyOMAddress) {
		o.omPort = portOf(c.String(keyOMAddress))
	}
}

// portOf is the port of an address that conf has checked; 0 for none.
func portOf(address string) int {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(port)
	return n
}

// cluster are the options of internal/local.
func (o localOptions) cluster(c *conf.Config, log zerolog.Logger) local.Options {
	l := local.Options{
		DataDir: o.dataDir, Ephemeral: o.ephemeral, Datanodes: o.datanodes, Replication: o.replication,
		S3Port: o.s3gPort, OMPort: o.omPort, Host: o.host, Conf: c, Log: log,
	}
	if o.ephemeral && !o.given("data-dir") {
		l.DataDir = "" // the system's temporary directory
	}
	return l
}

// startError adds to an error what one can do about it.
func startError(o localOptions, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return &ozerr.Error{Code: "ADDRESS_IN_USE", Err: err, Message: fmt.Sprintf(
			"%v; is another cluster running? (--s3g-port and --om-port choose other ports, 0 picks free ones)", err)}
	case errors.Is(err, dirlock.ErrInUse):
		return &ozerr.Error{Code: "DIRECTORY_IN_USE", Err: err, Message: fmt.Sprintf(
			"%v; --data-dir names another, --ephemeral uses a temporary one", err)}
	}
	return err
}

// printReady says where everything is and what to type next.
func printReady(w io.Writer, c *local.Cluster, o localOptions, took time.Duration) {
	endpoint, om, data := here(c.Endpoint()), here(c.OMAddress()), c.DataDir()
	if o.ephemeral {
		data += " (removed at the end)"
	}
	fmt.Fprintf(w, `Mini Ozone is ready, after %.2f s.

  S3 endpoint   %s
  om            %s
`, took.Seconds(), endpoint, om)
	if pages := c.OMPages(); pages != "" {
		if c.Secure() {
			pages += " (any name, password from `ozone admin token`)"
		}
		fmt.Fprintf(w, "  web pages     %s\n", here(pages))
	}
	fmt.Fprintf(w, `  data          %s
  datanodes     %d, replication %d
`, data, c.Datanodes(), c.Replication())
	if c.Secure() {
		printSecure(w, c.AdminKeyFile(), endpoint, om)
	} else {
		printOpen(w, endpoint, om)
	}
	fmt.Fprint(w, "\nCtrl-C stops it.\n")
}

func printOpen(w io.Writer, endpoint, om string) {
	fmt.Fprintf(w, `
OPEN MODE: any access key works and nothing is checked. Whoever reaches these ports
can read and delete everything.

Try in another terminal:

  export AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any AWS_DEFAULT_REGION=us-east-1
  aws --endpoint-url %s s3 mb s3://bucket1
  %s
`, endpoint, shellHint(om, "ozone sh bucket path bucket1"))
}

// printSecure says how to make a user, without whom nobody gets in.
func printSecure(w io.Writer, keyFile, endpoint, om string) {
	fmt.Fprintf(w, `  admin key     %s

SECURE MODE: requests must be signed by a user. Make one in another terminal:

  export OZONE_ADMIN_KEY_FILE=%s
  eval "$(%s)"
  export AWS_DEFAULT_REGION=us-east-1
  aws --endpoint-url %s s3 mb s3://bucket1
`, keyFile, quoted(keyFile), shellHint(om, "ozone s3 getsecret -u alice -e"), endpoint)
}

// here names this machine instead of "every interface", in a URL or host:port.
func here(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		scheme, rest = "", address
	} else {
		scheme += "://"
	}
	host, port, err := net.SplitHostPort(rest)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsUnspecified() {
		return address
	}
	return scheme + net.JoinHostPort("localhost", port)
}

// shellHint is a command that reaches this om.
func shellHint(om, command string) string {
	if _, port, err := net.SplitHostPort(om); err == nil && port == strconv.Itoa(9862) {
		return command
	}
	return command + " --om " + om
}
