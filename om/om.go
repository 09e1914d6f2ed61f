// Package om is the metadata server: names, keys, uploads, containers and the
// register of datanodes. It stamps nothing and decides nothing that the log could
// not repeat: requests go through om/raftnode to om/state. What lives outside the
// log is soft and belongs to the leader: leases of blocks, orders to datanodes,
// background work; see tenure.
//
// One process may hold an om beside datanodes and a gateway: Submit and Heartbeat
// are the very functions that the network calls.
package om

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/internal/daemon"
	"github.com/mini-ozone/mini-ozone/internal/rpc"
	"github.com/mini-ozone/mini-ozone/om/placement"
	"github.com/mini-ozone/mini-ozone/om/raftnode"
)

// openTimeout bounds how long Open waits for an om alone to lead.
const openTimeout = 20 * time.Second

// Server is one om. All methods are safe for concurrent use.
type Server struct {
	cfg      Config
	log      zerolog.Logger
	node     *raftnode.Node
	view     *placement.View
	metrics  *metrics
	space    space
	couriers map[string]*courier // by target
	sealer   sealer              // of S3 secrets; secure mode
	admin    []byte              // the admin key; nil in open mode

	peers    *peers                 // nil: none
	nodeOpen chan struct{}          // closed when node is there; before, an om with peers only says so
	asking   atomic.Bool            // the directory is empty and no part in a group is taken yet
	early    atomic.Pointer[string] // why node is not there
	failed   chan error             // what ends this om; see Failed

	building chan struct{} // semaphore of one: a tenure is being built
	tenured  atomic.Pointer[tenure]

	rpc     *rpc.Server
	rpcL    net.Listener
	http    *http.Server
	httpL   net.Listener
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	closing sync.Once
	closed  error
}

// Open starts the listeners, opens the state in cfg.Dir and starts the background work.
// An om alone serves when Open returns. One of several may still look for its peers:
// Ready says so, and Failed if nothing comes of it.
func Open(cfg Config, log zerolog.Logger) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, log: log, building: make(chan struct{}, 1), nodeOpen: make(chan struct{}), failed: make(chan error, 1)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.view = placement.NewView(cfg.Placement, cfg.Now)
	s.space.min = uint64(cfg.MinDisk)
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) open() (err error) {
	s.setEarly("starting")
	if err := s.openKeys(); err != nil {
		return err
	}
	if s.couriers, err = newCouriers(s); err != nil {
		return fmt.Errorf("om: %w", err)
	}
	// Listen first: it tells the addresses that others are to be told, and peers ask.
	if s.rpcL, err = listen(s.cfg.Address); err != nil {
		return fmt.Errorf("om rpc: %w", err)
	}
	if s.httpL, err = listen(s.cfg.HTTPAddress); err != nil {
		return fmt.Errorf("om http: %w", err)
	}
	s.metrics = newMetrics()
	if len(s.cfg.Peers) > 1 {
		s.peers = newPeers(s.cfg.Peers, s.cfg.ID, s.admin)
	}
	if len(s.cfg.Peers) <= 1 || s.cfg.Bootstrap {
		if err := s.openAlone(); err != nil {
			return err
		}
		s.serve()
		return nil
	}
	s.serve()
	s.wg.Go(func() {
		if err := s.openNode(); err != nil && s.ctx.Err() == nil {
			s.failed <- err
		}
	})
	return nil
}

// openAlone opens the state without asking anybody, and waits for an om alone to lead.
func (s *Server) openAlone() error {
	if err := s.openNode(); err != nil || len(s.cfg.Peers) > 1 {
		return err
	}
	ctx, cancel := context.WithTimeout(s.ctx, openTimeout)
	defer cancel()
	if err := s.node.WaitLeader(ctx); err != nil {
		return fmt.Errorf("om: no leadership: %w", err)
	}
	if _, err := s.tenure(ctx); err != nil {
		return fmt.Errorf("om: first term: %w", err)
	}
	return nil
}

// openNode opens the state and starts what works on it.
func (s *Server) openNode() (err error) {
	if s.node, err = s.openRaft(); err != nil {
		return err
	}
	s.metrics.gauges(s)
	close(s.nodeOpen)
	s.lookAtSpace()
	s.wg.Go(s.watchSpace)
	s.wg.Go(s.duties)
	s.startCouriers()
	if s.cfg.Lifecycle {
		s.wg.Go(s.lifecycleRounds)
	}
	if s.peers != nil {
		s.wg.Go(s.watchMembership)
	}
	return nil
}

// isOpen tells whether node is there.
func (s *Server) isOpen() bool {
	select {
	case <-s.nodeOpen:
		return true
	default:
		return false
	}
}

func (s *Server) setEarly(why string) { s.early.Store(&why) }

func (s *Server) whyEarly() string { return *s.early.Load() }

// Failed sends what this om cannot go on after; the process must end.
func (s *Server) Failed() <-chan error { return s.failed }

func listen(addr string) (net.Listener, error) {
	if addr == "" {
		return nil, nil
	}
	return net.Listen("tcp", addr)
}

func (s *Server) raftConfig() raftnode.Config {
	rc := s.cfg.Raft
	rc.ID, rc.Dir, rc.Listen, rc.Log = s.cfg.ID, s.cfg.Dir, s.cfg.RaftListen, s.log
	rc.Peers, rc.Bootstrap, rc.Key = s.cfg.Peers, s.cfg.Bootstrap, s.admin
	if !rc.Bootstrap {
		rc.Begin = s.beginning
	}
	if len(rc.Peers) <= 1 {
		rc.Bootstrap, rc.Begin = true, nil
	}
	if len(rc.Peers) == 0 {
		// No address: a client of an om alone needs no hint, and what a wildcard
		// listener knows of itself would send it astray.
		rc.Peers = []raftnode.Peer{{ID: s.cfg.ID}}
	}
	rc.Fatal = s.cfg.Fatal
	if rc.Fatal == nil {
		rc.Fatal = func(err error) {
			s.log.Error().Err(err).Msg("om cannot go on: its log is not safe")
			os.Exit(1)
		}
	}
	return rc
}

func (s *Server) serve() {
	if s.rpcL != nil {
		s.rpc = rpc.NewServer(s.log)
		s.rpc.Key = s.admin
		rpc.Unary(s.rpc, "om.Submit", s.Submit)
		rpc.Unary(s.rpc, "om.Heartbeat", s.Heartbeat)
		s.wg.Go(func() {
			if err := s.rpc.Serve(s.rpcL); err != nil {
				s.log.Error().Err(err).Msg("om rpc ended")
			}
		})
	}
	if s.httpL != nil {
		s.http = daemon.PagesServer(s.webHandler())
		s.wg.Go(func() {
			if err := s.http.Serve(s.httpL); !errors.Is(err, http.ErrServerClosed) {
				s.log.Error().Err(err).Msg("om http ended")
			}
		})
	}
}

// RPCAddr is where the rpc listener is, "" if there is none.
func (s *Server) RPCAddr() string { return addrOf(s.rpcL) }

// HTTPAddr is where the web listener is, "" if there is none.
func (s *Server) HTTPAddr() string { return addrOf(s.httpL) }

func addrOf(l net.Listener) string {
	if l == nil {
		return ""
	}
	return l.Addr().String()
}

// Close hands leadership over, takes no more requests, then ends the background work,
// then closes the state. It returns when every goroutine has ended.
func (s *Server) Close() error {
	s.closing.Do(func() {
		var errs []error
		s.handOver()
		if s.rpc != nil {
			errs = append(errs, s.rpc.Close())
		} else if s.rpcL != nil {
			errs = append(errs, s.rpcL.Close())
		}
		if s.http != nil {
			errs = append(errs, s.http.Close())
		} else if s.httpL != nil {
			errs = append(errs, s.httpL.Close())
		}
		s.cancel()
		s.wg.Wait()
		if s.peers != nil {
			errs = append(errs, s.peers.close())
		}
		if s.node != nil {
			errs = append(errs, s.node.Close())
		}
		s.closed = errors.Join(errs...)
	})
	return s.closed
}

// Ready returns nil when requests can be answered, here or by a known leader.
func (s *Server) Ready() error {
	if !s.isOpen() {
		return errors.New(s.whyEarly())
	}
	if _, ok := s.node.Leading(); ok || len(s.cfg.Peers) > 1 && s.node.Leader() != "" {
		return nil
	}
	return errors.New("no leader")
}
