package integration

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// Network gives each process of a cluster a network namespace of its own with an
// address, all on one switch, so that what one of them hears from another can be cut
// off. The test itself is on it too and keeps reaching everybody. The switch is in a
// namespace as well: there, no firewall rule of this machine has a say.
//
// It needs root, iproute2 and iptables. Namespaces of tests that died are removed by
// the next NewNetwork. The methods are safe for concurrent use.
type Network struct {
	prefix string // of its namespaces, with the process id
	uplink string // this process's interface on the switch
	subnet int    // third byte of its addresses

	mu    sync.Mutex
	nodes map[string]string // name → address
}

// Fault is what happens to packets on a link that was cut.
type Fault int

const (
	Drop  Fault = iota // they vanish
	Reset              // TCP connections are reset
)

const (
	netnsMark = "mozone-"                    // begins the names of all namespaces of ours
	netnsLock = "/tmp/mini-ozone-netns.lock" // held while networks are made and removed
)

var networks atomic.Int64 // that this process has made, to tell them apart

// NewNetwork makes a network without nodes. An error says what the machine lacks.
func NewNetwork() (*Network, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("network namespaces need root")
	}
	for _, tool := range []string{"ip", "iptables"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, err
		}
	}
	unlock, err := lockNetworks()
	if err != nil {
		return nil, err
	}
	defer unlock()
	removeStaleNetworks()
	n := &Network{nodes: map[string]string{}}
	serial := networks.Add(1)
	n.prefix = fmt.Sprintf("%s%d-%d-", netnsMark, os.Getpid(), serial)
	n.uplink = fmt.Sprintf("mo%x-%d", os.Getpid(), serial)
	if n.subnet, err = freeSubnet(); err != nil {
		return nil, err
	}
	if err := n.wire(); err != nil {
		return nil, errors.Join(err, n.remove())
	}
	return n, nil
}

// wire makes the switch and the test's own link to it.
func (n *Network) wire() error {
	sw := n.namespace("switch")
	return ip(
		"netns add "+sw,
		"-n "+sw+" link add br0 type bridge forward_delay 0",
		"-n "+sw+" link set br0 up",
		"link add "+n.uplink+" type veth peer name test netns "+sw,
		"-n "+sw+" link set test master br0 up",
		"addr add "+n.address(1)+"/24 dev "+n.uplink,
		"link set "+n.uplink+" up",
	)
}

// Node returns the address of a node, and makes it when it is new.
func (n *Network) Node(name string) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if addr, ok := n.nodes[name]; ok {
		return addr, nil
	}
	id := len(n.nodes) + 2
	ns, port, addr := n.namespace(name), "port"+strconv.Itoa(id), n.address(id)
	err := ip(
		"netns add "+ns,
		"link add eth0 netns "+ns+" type veth peer name "+port+" netns "+n.namespace("switch"),
		"-n "+n.namespace("switch")+" link set "+port+" master br0 up",
		"-n "+ns+" addr add "+addr+"/24 dev eth0",
		"-n "+ns+" link set eth0 up",
		"-n "+ns+" link set lo up",
	)
	if err != nil {
		return "", err
	}
	n.nodes[name] = addr
	return addr, nil
}

// Command is the command line that runs args as node.
func (n *Network) Command(node string, args ...string) []string {
	return append([]string{"ip", "netns", "exec", n.namespace(node)}, args...)
}

// Cut makes node at lose what comes from the others. What it sends to them arrives:
// both ways take two cuts.
func (n *Network) Cut(at string, how Fault, from ...string) error {
	if len(from) == 0 {
		return nil
	}
	n.mu.Lock()
	addrs := make([]string, len(from))
	for i, name := range from {
		addrs[i] = n.nodes[name]
	}
	n.mu.Unlock()
	rule := []string{"-A", "INPUT", "-s", strings.Join(addrs, ","), "-j", "DROP"}
	if how == Reset {
		rule = []string{"-A", "INPUT", "-s", strings.Join(addrs, ","), "-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset"}
	}
	return n.iptables(at, rule...)
}

// Split cuts all links between the nodes of two sides, both ways.
func (n *Network) Split(how Fault, one, other []string) error {
	var errs []error
	for _, a := range one {
		errs = append(errs, n.Cut(a, how, other...))
	}
	for _, b := range other {
		errs = append(errs, n.Cut(b, how, one...))
	}
	return errors.Join(errs...)
}

// Heal undoes all cuts.
func (n *Network) Heal() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var errs []error
	for name := range n.nodes {
		errs = append(errs, n.iptables(name, "-F", "INPUT"))
	}
	return errors.Join(errs...)
}

// Close removes everything. Processes on the network should have ended.
func (n *Network) Close() error {
	unlock, err := lockNetworks()
	if err != nil {
		return err
	}
	defer unlock()
	return n.remove()
}

func (n *Network) remove() error {
	var errs []error
	for _, ns := range namespaces() {
		if strings.HasPrefix(ns, n.prefix) {
			errs = append(errs, ip("netns del "+ns)) // takes its end of each link along, and with that the other
		}
	}
	return errors.Join(errs...)
}

func (n *Network) namespace(node string) string { return n.prefix + node }

// address: 198.18.0.0/15 is for tests of networks (RFC 2544), so nobody else is there.
func (n *Network) address(host int) string { return fmt.Sprintf("198.18.%d.%d", n.subnet, host) }

func (n *Network) iptables(node string, args ...string) error {
	return execute(append([]string{"ip", "netns", "exec", n.namespace(node), "iptables", "-w"}, args...)...)
}

// freeSubnet finds one that no interface has. All networks have one here, and the
// caller has the lock.
func freeSubnet() (int, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return 0, err
	}
	used := map[int]bool{}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok {
			if v4 := n.IP.To4(); v4 != nil && v4[0] == 198 && v4[1] == 18 {
				used[int(v4[2])] = true
			}
		}
	}
	for i := range 256 {
		if !used[i] {
			return i, nil
		}
	}
	return 0, errors.New("all subnets of 198.18.0.0/16 are in use")
}

func lockNetworks() (unlock func(), err error) {
	f, err := os.OpenFile(netnsLock, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// removeStaleNetworks removes what processes left that are gone.
func removeStaleNetworks() {
	for _, ns := range namespaces() {
		rest, ours := strings.CutPrefix(ns, netnsMark)
		owner, _, _ := strings.Cut(rest, "-")
		pid, err := strconv.Atoi(owner)
		if ours && err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			_ = ip("netns del " + ns) // the next one tries again
		}
	}
}

func namespaces() []string {
	out, _ := exec.Command("ip", "netns", "list").Output() // nothing to be found is nothing to remove
	var names []string
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 0 {
			names = append(names, f[0])
		}
	}
	return names
}

// ip runs ip(8) with each line of arguments, until one fails.
func ip(lines ...string) error {
	for _, line := range lines {
		if err := execute(append([]string{"ip"}, strings.Fields(line)...)...); err != nil {
			return err
		}
	}
	return nil
}

func execute(args ...string) error {
	cmd := exec.Command(args[0], args[1:]...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}
