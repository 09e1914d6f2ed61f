package integration

import (
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestNetwork cuts links both ways, one way, partly and by resets, and looks who
// still reaches whom.
func TestNetwork(t *testing.T) {
	n, err := NewNetwork()
	if err != nil {
		t.Skipf("no network namespaces here: %v", err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	names := []string{"a", "b", "c"}
	servers := map[string]string{}
	for _, name := range names {
		addr, err := n.Node(name)
		if err != nil {
			t.Fatal(err)
		}
		servers[name] = echo(t, n, name, addr)
	}
	const all = "ab ac ba bc ca cb"
	reached := func(want string) {
		t.Helper()
		for _, from := range names {
			for _, to := range names {
				if from == to {
					continue
				}
				patience, should := 300*time.Millisecond, strings.Contains(want, from+to)
				if should {
					patience = 30 * time.Second
				}
				if answers(t, n, from, servers[to], patience) != should {
					t.Fatalf("%s reaches %s: %t", from, to, !should)
				}
			}
		}
	}
	reached(all)
	for _, c := range []struct {
		name string
		cut  func() error
		want string
	}{
		{"one from two", func() error { return n.Split(Drop, []string{"a"}, []string{"b", "c"}) }, "bc cb"},
		{"partial", func() error { return n.Split(Drop, []string{"a"}, []string{"b"}) }, "ac bc ca cb"},
		{"one way", func() error { return n.Cut("a", Drop, "b", "c") }, "bc cb"}, // a conversation takes both
		{"reset", func() error { return n.Split(Reset, []string{"c"}, []string{"a", "b"}) }, "ab ba"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.cut(); err != nil {
				t.Fatal(err)
			}
			reached(c.want)
			if err := n.Heal(); err != nil {
				t.Fatal(err)
			}
			reached(all)
		})
	}
	if c, err := net.DialTimeout("tcp", servers["a"], 10*time.Second); err != nil {
		t.Errorf("the test does not reach the nodes: %v", err)
	} else {
		_ = c.Close()
	}
}

// TestOneWay: what the deaf side sends arrives.
func TestOneWay(t *testing.T) {
	n, err := NewNetwork()
	if err != nil {
		t.Skipf("no network namespaces here: %v", err)
	}
	t.Cleanup(func() { _ = n.Close() })
	addr, err := n.Node("b")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Node("a"); err != nil {
		t.Fatal(err)
	}
	var l net.PacketConn
	within(t, n, "b", func() { l, err = net.ListenPacket("udp4", addr+":7000") })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := n.Cut("a", Drop, "b"); err != nil {
		t.Fatal(err)
	}
	var c net.Conn
	within(t, n, "a", func() { c, err = net.Dial("udp4", addr+":7000") })
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// The first packet waits for ARP, which no INPUT rule stops.
	if _, err := c.Write([]byte("heard")); err != nil {
		t.Fatal(err)
	}
	_ = l.SetReadDeadline(time.Now().Add(30 * time.Second))
	buf := make([]byte, 8)
	if k, _, err := l.ReadFrom(buf); err != nil || string(buf[:k]) != "heard" {
		t.Fatalf("%q, %v", buf[:k], err)
	}
}

// TestStaleNetworksGo: what a dead process left is removed by the next network.
func TestStaleNetworksGo(t *testing.T) {
	n, err := NewNetwork()
	if err != nil {
		t.Skipf("no network namespaces here: %v", err)
	}
	defer n.Close()
	dead := 1<<22 + 1 // above the kernel's largest process id
	if err := syscall.Kill(dead, 0); err != syscall.ESRCH {
		t.Fatalf("process %d: %v", dead, err)
	}
	stale := netnsMark + "4194305-1-om1"
	if err := ip("netns add " + stale); err != nil {
		t.Fatal(err)
	}
	second, err := NewNetwork()
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	for _, ns := range namespaces() {
		if ns == stale {
			t.Errorf("%s is still there", ns)
		}
	}
}

// within runs f on a thread that is in node's namespace. Sockets that f makes stay
// there.
func within(t *testing.T, n *Network, node string, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		ns, err := os.Open("/run/netns/" + n.namespace(node))
		if err == nil {
			defer ns.Close()
			err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
		}
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// echo serves connections at node with one byte each and returns its address.
func echo(t *testing.T, n *Network, node, addr string) string {
	t.Helper()
	var l net.Listener
	var err error
	within(t, n, node, func() { l, err = net.Listen("tcp4", addr+":0") })
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte{1})
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-served
	})
	return l.Addr().String()
}

// answers tells whether the server at addr answers node.
func answers(t *testing.T, n *Network, node, addr string, patience time.Duration) (yes bool) {
	t.Helper()
	within(t, n, node, func() {
		c, err := net.DialTimeout("tcp4", addr, patience)
		if err != nil {
			return
		}
		defer c.Close()
		_ = c.SetReadDeadline(time.Now().Add(patience))
		k, err := c.Read(make([]byte, 1))
		yes = err == nil && k == 1
	})
	return yes
}
