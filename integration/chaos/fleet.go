package chaos

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/mini-ozone/mini-ozone/integration"
)

// role is what a process of the fleet is.
type role int

const (
	om role = iota
	datanode
	gateway
)

// server is a process of the fleet and what is being done to it.
type server struct {
	*integration.Process
	role  role
	index int    // among its role
	dir   string // its data; "" for a gateway
	busy  bool   // down or frozen by the schedule
	armed string // the failpoint it was started with
}

// fleet are the servers of a run. Its methods are for the goroutine of the faults.
type fleet struct {
	cluster *integration.Cluster
	servers []*server
}

func newFleet(c *integration.Cluster, dir string) *fleet {
	f := &fleet{cluster: c}
	add := func(r role, ps []*integration.Process) {
		for i, p := range ps {
			s := &server{Process: p, role: r, index: i}
			if r != gateway {
				s.dir = filepath.Join(dir, p.Name)
			}
			f.servers = append(f.servers, s)
		}
	}
	add(om, c.OMs)
	add(datanode, c.Datanodes)
	add(gateway, c.S3Gs)
	return f
}

// idle are the servers that nothing is being done to, of one role or of all.
func (f *fleet) idle(roles ...role) []*server {
	var out []*server
	for _, s := range f.servers {
		for _, r := range roles {
			if s.role == r && !s.busy {
				out = append(out, s)
			}
		}
	}
	return out
}

// ended finds servers that should run and do not. One that was armed with a failpoint may.
func (f *fleet) ended() (own, armed []*server) {
	for _, s := range f.servers {
		if !s.Running() {
			continue
		}
		if _, ended := s.Ended(); !ended {
			continue
		}
		if s.armed != "" {
			armed = append(armed, s)
		} else {
			own = append(own, s)
		}
	}
	return own, armed
}

// restore starts what does not run and thaws what is frozen, and waits until all is ready.
func (f *fleet) restore(ctx context.Context) error {
	for _, s := range f.servers {
		if s.Running() {
			if _, ended := s.Ended(); ended {
				s.Kill()
			} else if err := s.Thaw(); err != nil {
				return fmt.Errorf("thaw %s: %w", s.Name, err)
			}
		}
		if s.armed != "" { // disarm
			s.Kill()
			s.armed, s.Env = "", nil
		}
		if !s.Running() {
			if err := s.Start(); err != nil {
				return err
			}
		}
		s.busy = false
	}
	return f.cluster.WaitReady(ctx)
}

// signal sends SIGKILL to all that run before the end of any is waited for.
func signal(servers []*server) {
	for _, s := range servers {
		if s.Running() {
			_ = syscall.Kill(s.PID(), syscall.SIGKILL) // it may have ended by itself
		}
	}
}

// restart kills everything at once and starts it again.
func (f *fleet) restart(ctx context.Context) error {
	signal(f.servers)
	for _, s := range f.servers {
		s.Kill()
	}
	return f.restore(ctx)
}

// complaints are lines of the servers' logs that must never be there.
func (f *fleet) complaints(dir string) ([]string, error) {
	var out []string
	for _, s := range f.servers {
		log, err := os.ReadFile(filepath.Join(dir, s.Name+".log"))
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(log)) {
			for _, bad := range []string{"panic:", "fatal error:", "WARNING: DATA RACE", "http: panic serving"} {
				if strings.Contains(line, bad) {
					out = append(out, s.Name+": "+strings.TrimSpace(line))
				}
			}
		}
	}
	return out, nil
}
