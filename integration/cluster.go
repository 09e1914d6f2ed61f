// Package integration runs the real programs as processes of this machine, for
// tests and benchmarks of the whole: it builds them, starts a cluster of them on
// loopback ports, kills, stops and freezes them, and waits until they are ready.
package integration

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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
	OMs       int    // 0: one, without a service; else the oms of service "omservice"
	Gateways  int    // 0: one
	// Conf has configuration keys for all processes, over those that Start sets.
	Conf map[string]string
	// Env is what is added to the environment of a process; nil: nothing.
	Env func(process string) []string
	// Network gives each process a node with an address; nil: all are on loopback.
	Network *Network
}

// Service is the name of the oms of a Cluster that has several.
const Service = "omservice"

// Cluster is oms, datanodes and gateways. Ports are chosen once, so a process that is
// started again is found where it was.
type Cluster struct {
	OMs       []*Process // named om1, om2, … where there are several, as their node ids
	Datanodes []*Process
	S3Gs      []*Process
	// OM and S3G are the first of each.
	OM, S3G *Process
	// OMAddress is the rpc address of the first om, Endpoint the URL of the first gateway.
	OMAddress, Endpoint string
	// OMAddresses and Endpoints are those of all, in order.
	OMAddresses, Endpoints []string
	// Settings are what every process is given with -D, for a client of the cluster.
	Settings []string
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
	ports, err := freePorts(3*max(o.OMs, 1) + 2*max(o.Gateways, 1) + 2*o.Datanodes)
	if err != nil {
		return nil, err
	}
	c := &Cluster{}
	l := layout{o: o, ports: ports, shared: []string{
		"ozone.server.default.replication=" + strconv.Itoa(replication),
		"hdds.heartbeat.interval=500ms",
	}}
	if err := l.findHosts(); err != nil {
		return nil, err
	}
	l.placeOMs(c)
	for k, v := range o.Conf {
		l.shared = append(l.shared, k+"="+v)
	}
	c.Settings = l.shared
	l.addOMs(c)
	for i := range max(o.Gateways, 1) {
		name := numbered("s3g", i, o.Gateways)
		s3, web := l.port(name), l.port(name)
		c.Endpoints = append(c.Endpoints, "http://"+s3)
		c.S3Gs = append(c.S3Gs, l.process(name, "s3g", web,
			"ozone.s3g.http-address="+s3, "ozone.s3g.webadmin.http-address="+web))
	}
	for i := range o.Datanodes {
		name := datanodeName(i)
		data, web := l.port(name), l.port(name)
		host, port, _ := net.SplitHostPort(data) // made by port
		c.Datanodes = append(c.Datanodes, l.process(name, "datanode", web, "hdds.datanode.dir="+filepath.Join(o.Dir, name),
			"hdds.datanode.hostname="+host, "hdds.container.ipc.port="+port, "hdds.datanode.http-address="+web))
	}
	c.OM, c.S3G = c.OMs[0], c.S3Gs[0]
	c.OMAddress, c.Endpoint = c.OMAddresses[0], c.Endpoints[0]
	return c, nil
}

// numbered is name alone for one of its kind, with a number from 1 on for several.
func numbered(name string, i, of int) string {
	if of == 0 {
		return name
	}
	return name + strconv.Itoa(i+1)
}

func datanodeName(i int) string { return fmt.Sprintf("datanode%d", i) }

// layout gives out addresses and makes processes.
type layout struct {
	o      Options
	ports  []int
	hosts  map[string]string // of processes, on Options.Network
	shared []string          // settings of every process
}

// findHosts makes the nodes of the network.
func (l *layout) findHosts() (err error) {
	if l.o.Network == nil {
		return nil
	}
	var names []string
	for i := range max(l.o.OMs, 1) {
		names = append(names, numbered("om", i, l.o.OMs))
	}
	for i := range max(l.o.Gateways, 1) {
		names = append(names, numbered("s3g", i, l.o.Gateways))
	}
	for i := range l.o.Datanodes {
		names = append(names, datanodeName(i))
	}
	l.hosts = map[string]string{}
	for _, name := range names {
		if l.hosts[name], err = l.o.Network.Node(name); err != nil {
			return err
		}
	}
	return nil
}

// port is the next address where a process can listen.
func (l *layout) port(process string) string {
	host := "127.0.0.1"
	if own, ok := l.hosts[process]; ok {
		host = own
	}
	next := l.ports[0]
	l.ports = l.ports[1:]
	return net.JoinHostPort(host, strconv.Itoa(next))
}

func (l *layout) process(name, program, http string, own ...string) *Process {
	p := &Process{Name: name, HTTP: http, log: filepath.Join(l.o.Dir, name+".log")}
	args := []string{filepath.Join(l.o.Bin, program)}
	for _, d := range append(append([]string{}, own...), l.shared...) {
		args = append(args, "-D", d)
	}
	if l.o.Network != nil {
		args = l.o.Network.Command(name, args...)
	}
	p.path, p.args = args[0], args[1:]
	if l.o.Env != nil {
		p.Env = l.o.Env(name)
	}
	return p
}

// placeOMs decides where the oms are and tells everybody.
func (l *layout) placeOMs(c *Cluster) {
	if l.o.OMs == 0 {
		c.OMAddresses = []string{l.port(numbered("om", 0, 0))}
		l.shared = append(l.shared, "ozone.om.address="+c.OMAddresses[0])
		return
	}
	var ids []string
	for i := range l.o.OMs {
		id := numbered("om", i, l.o.OMs)
		rpc, raft := l.port(id), l.port(id)
		_, port, _ := net.SplitHostPort(raft) // made by port
		ids, c.OMAddresses = append(ids, id), append(c.OMAddresses, rpc)
		l.shared = append(l.shared, "ozone.om.address."+Service+"."+id+"="+rpc, "ozone.om.ratis.port."+Service+"."+id+"="+port)
	}
	l.shared = append(l.shared, "ozone.om.service.ids="+Service, "ozone.om.nodes."+Service+"="+strings.Join(ids, ","))
}

func (l *layout) addOMs(c *Cluster) {
	for i := range max(l.o.OMs, 1) {
		name := numbered("om", i, l.o.OMs)
		web := l.port(name)
		own := []string{"ozone.om.http-address=" + web, "ozone.om.db.dirs=" + filepath.Join(l.o.Dir, name)}
		if l.o.OMs > 0 {
			own = append(own, "ozone.om.node.id="+name)
		}
		c.OMs = append(c.OMs, l.process(name, "om", web, own...))
	}
}

// Kill ends every process as a crash would.
func (c *Cluster) Kill() {
	for _, p := range c.All() {
		p.Kill()
	}
}

// All are the processes in the order they start: oms, datanodes, gateways.
func (c *Cluster) All() []*Process {
	return slices.Concat(c.OMs, c.Datanodes, c.S3Gs)
}

// Leader is the index in OMs of the om that leads, by the metrics of those that run and
// answer. A frozen or a cut off leader may not know yet that it is none any more: of two
// that say so the one of the higher term counts.
func (c *Cluster) Leader(ctx context.Context) (int, error) {
	best, bestTerm := -1, -1.0
	var last error
	for i, p := range c.OMs {
		if !p.Running() {
			continue
		}
		m, err := p.Metrics(ctx, "ozone_om_leader", "ozone_om_raft_term")
		if err != nil {
			last = err
			continue
		}
		if m["ozone_om_leader"] == 1 && m["ozone_om_raft_term"] > bestTerm {
			best, bestTerm = i, m["ozone_om_raft_term"]
		}
	}
	if best < 0 {
		return 0, fmt.Errorf("no om leads (%v)", last)
	}
	return best, nil
}

// WaitLeader is Leader, once there is one.
func (c *Cluster) WaitLeader(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	retry := time.NewTicker(20 * time.Millisecond) // other processes: nothing to wait on but their answers
	defer retry.Stop()
	for {
		i, err := c.Leader(ctx)
		if err == nil {
			return i, nil
		}
		select {
		case <-ctx.Done():
			return 0, err
		case <-retry.C:
		}
	}
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
	Name string // "om" or "om1", "datanode0", "s3g" or "s3g1"
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

// Ended tells whether a process that was started has ended by itself, and how.
func (p *Process) Ended() (how error, ended bool) {
	if p.cmd == nil {
		return nil, false
	}
	select {
	case how = <-p.done:
		p.done <- how
		return how, true
	default:
		return nil, false
	}
}

// Running tells whether the process was started and neither killed nor stopped.
func (p *Process) Running() bool { return p.cmd != nil }

// PID is the process id while it runs.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Freeze stops the process without its noticing, Thaw lets it go on: a machine that
// hangs. It returns when every thread has stopped, which on a busy machine is some time
// after the signal was sent.
func (p *Process) Freeze() error {
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for {
		err := unix.Waitid(unix.P_PID, p.cmd.Process.Pid, nil, unix.WSTOPPED, nil)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

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

// metricsTimeout bounds how long a process, perhaps a frozen one, may take to show
// its metrics.
const metricsTimeout = 2 * time.Second

// Metrics are the values of the named series without labels on /metrics.
func (p *Process) Metrics(ctx context.Context, names ...string) (map[string]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, metricsTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.HTTP+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	out := map[string]float64{}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if slices.Contains(names, name) {
			if out[name], err = strconv.ParseFloat(value, 64); err != nil {
				return nil, fmt.Errorf("%s: metric %s: %w", p.Name, name, err)
			}
		}
	}
	return out, lines.Err()
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
