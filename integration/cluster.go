// Package integration runs the real programs as processes of this machine, for
// tests and benchmarks of the whole: it builds them, starts a cluster of them on
// loopback ports, kills, stops and freezes them, and waits until they are ready.
package integration

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/daemon"
)

// readyTimeout is how long a started process may take until /readyz says so. It
// is generous: the machine may be busy with other tests.
const readyTimeout = 60 * time.Second

// Build compiles om, datanode, s3g and ozone into dir, with flags for the go command
// such as "-tags=failpoints" or "-race".
func Build(ctx context.Context, dir string, flags ...string) error {
	const module = "github.com/mini-ozone/mini-ozone"
	args := append([]string{"build", "-trimpath", "-o", dir + string(filepath.Separator)}, flags...)
	for _, program := range []string{"om", "datanode", "s3g", "ozone"} {
		args = append(args, module+"/cmd/"+program)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = os.Environ()
	if !slices.Contains(flags, "-race") { // which needs C
		cmd.Env = append(cmd.Env, "CGO_ENABLED=0")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// Options describe a Cluster.
type Options struct {
	Bin       string // directory with the programs
	Dir       string // data and logs; Start makes a temporary directory if it is empty
	Datanodes int    // 0: three
	// Conf has configuration keys for all processes, over those that Start sets.
	Conf map[string]string
}

// Cluster is one om, some datanodes and one gateway. Ports are chosen once, so a
// process that is started again is found where it was.
type Cluster struct {
	OM        *Process
	Datanodes []*Process
	S3G       *Process
	// OMAddress is om's rpc address, Endpoint the URL of the gateway.
	OMAddress, Endpoint string
}

// Start is Launch for a test: the processes are killed at its end; if it failed, the
// end of their logs is shown.
func Start(tb testing.TB, o Options) *Cluster {
	tb.Helper()
	if o.Dir == "" {
		o.Dir = tb.TempDir()
	}
	c, err := Launch(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		c.Kill()
		for _, p := range c.All() {
			if tb.Failed() {
				tb.Logf("%s: end of the log:\n%s", p.Name, p.Tail(4<<10))
			}
		}
	})
	return c
}

// Launch starts a cluster and returns when every process is ready; if one does not
// become ready, none is left. Options.Dir must be given.
func Launch(ctx context.Context, o Options) (*Cluster, error) {
	c, err := newCluster(o)
	if err != nil {
		return nil, err
	}
	for _, p := range c.All() {
		if err := p.Start(); err != nil {
			c.Kill()
			return nil, err
		}
	}
	if err := c.WaitReady(ctx); err != nil {
		c.Kill()
		return nil, err
	}
	return c, nil
}

// newCluster decides on ports and arguments.
func newCluster(o Options) (*Cluster, error) {
	if o.Datanodes == 0 {
		o.Datanodes = 3
	}
	replication := 1
	if o.Datanodes >= 3 {
		replication = 3
	}
	ports, err := freePorts(4 + 2*o.Datanodes)
	if err != nil {
		return nil, err
	}
	addr := func(i int) string { return "127.0.0.1:" + strconv.Itoa(ports[i]) }
	c := &Cluster{OMAddress: addr(0), Endpoint: "http://" + addr(2)}
	shared := []string{
		"ozone.om.address=" + c.OMAddress,
		"ozone.server.default.replication=" + strconv.Itoa(replication),
		"hdds.heartbeat.interval=500ms",
		"hdds.datanode.hostname=127.0.0.1",
	}
	for k, v := range o.Conf {
		shared = append(shared, k+"="+v)
	}
	process := func(name, program, http string, own ...string) *Process {
		p := &Process{
			Name: name, HTTP: http, log: filepath.Join(o.Dir, name+".log"),
			path: filepath.Join(o.Bin, program),
		}
		for _, d := range append(append([]string{}, own...), shared...) {
			p.args = append(p.args, "-D", d)
		}
		return p
	}
	c.OM = process("om", "om", addr(1), "ozone.om.http-address="+addr(1), "ozone.om.db.dirs="+filepath.Join(o.Dir, "om"))
	c.S3G = process("s3g", "s3g", addr(3), "ozone.s3g.http-address="+addr(2), "ozone.s3g.webadmin.http-address="+addr(3))
	for i := range o.Datanodes {
		name := fmt.Sprintf("datanode%d", i)
		c.Datanodes = append(c.Datanodes, process(name, "datanode", addr(5+2*i), "hdds.datanode.dir="+filepath.Join(o.Dir, name),
			"hdds.container.ipc.port="+strconv.Itoa(ports[4+2*i]), "hdds.datanode.http-address="+addr(5+2*i)))
	}
	return c, nil
}

// Kill ends every process as a crash would.
func (c *Cluster) Kill() {
	for _, p := range c.All() {
		p.Kill()
	}
}

// All are the processes in the order they start: om, datanodes, gateway.
func (c *Cluster) All() []*Process {
	return append(append([]*Process{c.OM}, c.Datanodes...), c.S3G)
}

// WaitReady waits until every process says that it is ready.
func (c *Cluster) WaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for _, p := range c.All() {
		if err := p.waitReady(ctx); err != nil {
			return fmt.Errorf("%s is not ready: %w\n%s", p.Name, err, p.Tail(2<<10))
		}
	}
	return nil
}

// Process is one program of a cluster. Its methods are for one goroutine.
type Process struct {
	Name string // "om", "datanode0", "s3g"
	HTTP string // address of /readyz and /metrics
	// Env is added to the environment when the process starts, such as
	// "MINI_OZONE_FAILPOINTS=om/before-apply=kill".
	Env []string

	path string
	args []string
	log  string
	cmd  *exec.Cmd
	done chan error // its end
}

// Start runs the program with the arguments of the first time. Its output is
// appended to the log.
func (p *Process) Start() error {
	if p.cmd != nil {
		return errors.New(p.Name + " is running")
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.path, p.args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), p.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // not to outlive a test that died
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd, p.done = cmd, make(chan error, 1)
	go func() { p.done <- cmd.Wait() }()
	return nil
}

// Kill ends the process as a crash would (SIGKILL) and waits for its end.
func (p *Process) Kill() {
	if p.cmd != nil {
		_ = p.cmd.Process.Kill() // it may have ended by itself
		<-p.done
		p.cmd = nil
	}
}

// Stop ends the process as an operator would (SIGTERM) and returns an error when
// it does not end well within a minute.
func (p *Process) Stop() error {
	if p.cmd == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-p.done:
		p.cmd = nil
		return err
	case <-time.After(time.Minute):
		p.Kill()
		return fmt.Errorf("%s did not stop", p.Name)
	}
}

// Running tells whether the process was started and neither killed nor stopped.
func (p *Process) Running() bool { return p.cmd != nil }

// PID is the process id while it runs.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Freeze stops the process without its noticing, Thaw lets it go on: a machine
// that hangs.
func (p *Process) Freeze() error { return p.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw undoes Freeze.
func (p *Process) Thaw() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

// WaitReady waits until the process says that it is ready.
func (p *Process) WaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	return p.waitReady(ctx)
}

func (p *Process) waitReady(ctx context.Context) error {
	retry := time.NewTicker(20 * time.Millisecond) // another process: nothing to wait on but its answer
	defer retry.Stop()
	for {
		err := daemon.Probe(ctx, p.HTTP)
		if err == nil {
			return nil
		}
		select {
		case end := <-p.done:
			p.done <- end
			return fmt.Errorf("it ended: %v", end)
		case <-ctx.Done():
			return err
		case <-retry.C:
		}
	}
}

// Tail is the last n bytes of the log.
func (p *Process) Tail(n int) string {
	log, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-n):])
}

// freePorts finds n ports that nobody listens on. They are held until all are
// found, so they differ, and lie below the range that outgoing connections use: a
// process that is killed must find its port free again.
func freePorts(n int) ([]int, error) {
	const low, high, tries = 20000, 32000, 1000
	var ports []int
	for range tries {
		port := low + rand.IntN(high-low)
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		defer l.Close()
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, fmt.Errorf("%d of %d ports found in %d tries", len(ports), n, tries)
}
