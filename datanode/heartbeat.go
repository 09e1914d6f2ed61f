package datanode

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/internal/version"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// Pace of heartbeats besides the configured interval.
const (
	firstRetry       = 20 * time.Millisecond // then doubled up to
	lastRetry        = time.Second
	coalesce         = 20 * time.Millisecond // between a change and telling of it
	heartbeatTimeout = 5 * time.Second
)

// link keeps one om informed. Each om gets its own heartbeats, so that one which is
// down or slow delays nobody.
type link struct {
	s    *Server
	om   OM
	soon chan struct{}

	// Only run uses these.
	since    uint64 // changes up to here are known to this om; 0: nothing is
	lastFull time.Time

	mu    sync.Mutex
	done  []uint64 // orders to acknowledge
	fails []*dnpb.OrderFailure
	alive bool // the last heartbeat was answered
}

func newLink(s *Server, om OM) *link {
	return &link{s: s, om: om, soon: make(chan struct{}, 1)}
}

// poke asks for a heartbeat before the interval is over.
func (l *link) poke() {
	select {
	case l.soon <- struct{}{}:
	default:
	}
}

func (l *link) connected() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.alive
}

func (l *link) acknowledge(order uint64) {
	l.mu.Lock()
	l.done = append(l.done, order)
	l.mu.Unlock()
	l.poke()
}

// maxFails bounds what an om that doesn't answer is told in the end.
const maxFails = 2 * maxOrders

func (l *link) failed(order uint64, err error) {
	l.mu.Lock()
	if len(l.fails) < maxFails {
		l.fails = append(l.fails, &dnpb.OrderFailure{Id: order, Code: string(ozerr.CodeOf(err)), Reason: oneLine(err.Error())})
	}
	l.mu.Unlock()
	l.poke()
}

// run sends heartbeats until ctx ends.
func (l *link) run(ctx context.Context) {
	retry := firstRetry
	for ctx.Err() == nil {
		again, err := l.beat(ctx)
		wait, poked := l.s.cfg.Heartbeat, l.soon
		switch {
		case err != nil:
			if l.setAlive(false) || retry == firstRetry {
				l.s.log.Warn().Err(err).Msg("om doesn't answer")
			}
			wait, poked = retry, nil
			retry = min(2*retry, lastRetry)
		case again:
			wait = coalesce
		}
		if err == nil {
			retry = firstRetry
			l.setAlive(true)
		}
		if !sleep(ctx, wait, poked) || poked != nil && !again && !sleep(ctx, coalesce, nil) {
			return
		}
	}
}

// setAlive notes whether om answers and reports whether that is new.
func (l *link) setAlive(alive bool) (changed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	changed = l.alive != alive
	l.alive = alive
	return changed
}

// sleep waits for d, for wake, or for the end of ctx, when it returns false.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-wake:
	case <-ctx.Done():
		return false
	}
	return true
}

// beat sends one heartbeat and takes in the reply; again if om wants another at once.
func (l *link) beat(ctx context.Context) (again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, heartbeatTimeout)
	defer cancel()
	node, err := l.s.node(ctx)
	if err != nil {
		return false, err
	}
	since := l.since
	if time.Since(l.lastFull) > l.s.cfg.FullReport {
		since = 0
	}
	// Orders first: what om hears done, the reports beside it already show.
	l.mu.Lock()
	done, fails := slices.Clone(l.done), slices.Clone(l.fails)
	l.mu.Unlock()
	reports, now, full := l.s.set.Reports(since)
	hb := &dnpb.Heartbeat{
		DoneOrders: done, FailedOrders: fails, BadBlocks: l.s.bad.some(),
		Node: node, ClusterId: l.s.cluster(), Version: version.Get().Version,
		FullReport: full, Containers: reports, Disks: l.s.set.Disks(),
	}
	for _, d := range hb.Disks {
		if !d.Failed {
			hb.Capacity, hb.Used, hb.Remaining = hb.Capacity+d.Capacity, hb.Used+d.Used, hb.Remaining+d.Remaining
		}
	}
	reply, err := l.om.Heartbeat(ctx, hb)
	if err != nil {
		return false, err
	}
	if err := l.s.join(ctx, reply.GetClusterId()); err != nil {
		return false, err
	}
	l.s.guard.learn(reply.GetTokenKeys())
	l.since = now
	if full {
		l.lastFull = time.Now()
	}
	if reply.GetWantFullReport() {
		l.since = 0
	}
	l.mu.Lock()
	l.done, l.fails = l.done[len(hb.DoneOrders):], l.fails[len(hb.FailedOrders):]
	l.mu.Unlock()
	if reply.GetLeader() {
		l.s.bad.told(hb.BadBlocks)
		l.s.orders.add(reply.GetOrders())
	}
	return reply.GetWantFullReport(), nil
}

func (s *Server) cluster() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.id.cluster
}

// join takes note of the cluster that om belongs to. Another one than ours means that
// addresses or disks were mixed up: the datanode stops rather than obey.
func (s *Server) join(ctx context.Context, cluster string) error {
	if cluster == "" {
		return nil
	}
	s.mu.Lock()
	if s.id.cluster == "" {
		s.id.cluster, s.joining = cluster, s.id.joinSoon(cluster)
	}
	ours, j := s.id.cluster, s.joining
	s.mu.Unlock()
	switch {
	case ours != cluster:
		err := fmt.Errorf("%w: om is of cluster %s, this datanode of %s", errRefused, cluster, ours)
		s.fail(err)
		return err
	case j == nil: // known since the start
		return nil
	}
	select {
	case <-j.done:
	case <-ctx.Done():
		return ozerr.Wrap(ozerr.Timeout, ctx.Err(), "recording the cluster in a data directory")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if j.err != nil && s.joining == j {
		s.id.cluster, s.joining = "", nil // the next heartbeat tries again
	}
	return j.err
}

// node returns how this datanode is reached.
func (s *Server) node(ctx context.Context) (*commonpb.Node, error) {
	n := &commonpb.Node{Id: s.id.node, Host: s.host}
	if s.rpcAddr == "" {
		return n, nil
	}
	s.mu.Lock()
	known := s.address
	s.mu.Unlock()
	if known == "" {
		host, err := s.advertised(ctx)
		if err != nil {
			return nil, err
		}
		known = host
		s.mu.Lock()
		s.address = host
		s.mu.Unlock()
	}
	n.Address = joinPort(known, s.rpcAddr)
	if a := s.HTTPAddr(); a != "" {
		n.HttpAddress = joinPort(known, a)
	}
	return n, nil
}

func joinPort(host, listener string) string {
	_, port, _ := net.SplitHostPort(listener) // an address of a net.Listener
	return net.JoinHostPort(host, port)
}

// advertised returns the host that others should dial: the configured name, the
// address that is listened on, or ours on the way to om.
func (s *Server) advertised(ctx context.Context) (string, error) {
	if s.cfg.Hostname != "" {
		return s.cfg.Hostname, nil
	}
	host, _, _ := net.SplitHostPort(s.rpcAddr)
	if ip := net.ParseIP(host); ip != nil && !ip.IsUnspecified() {
		return host, nil
	}
	last := error(ozerr.New(ozerr.InvalidArgument, "no om address to find the own one by; set hdds.datanode.hostname"))
	for _, om := range s.cfg.OMAddresses {
		var d net.Dialer
		c, err := d.DialContext(ctx, "udp", om) // sends nothing
		if err != nil {
			last = ozerr.Wrap(ozerr.Unavailable, err, "finding the route to om %s", om)
			continue
		}
		ip := c.LocalAddr().(*net.UDPAddr).IP.String()
		return ip, c.Close()
	}
	return "", last
}
