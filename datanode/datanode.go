// Package datanode is the server that keeps blocks: it serves reads and writes,
// tells every om what it has, and carries out what the leading om orders. om never
// calls it.
package datanode

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/datanode/container"
	"github.com/mini-ozone/mini-ozone/datanode/vfs"
	"github.com/mini-ozone/mini-ozone/internal/adminkey"
	"github.com/mini-ozone/mini-ozone/internal/daemon"
	"github.com/mini-ozone/mini-ozone/internal/rpc"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// OM is what a datanode needs of one om. Real: *omclient.OM over the network,
// *om.Server in the same process.
type OM interface {
	Heartbeat(ctx context.Context, hb *dnpb.Heartbeat) (*dnpb.HeartbeatReply, error)
}

// Server is a running datanode. It implements client.Blocks.
type Server struct {
	cfg     Config
	log     zerolog.Logger
	id      *identity
	set     *container.Set
	metrics *metrics
	buffers *buffers
	orders  *orders
	scrubs  []*scrubbing // one for each directory in use
	bad     badBlocks
	links   []*link // one for each om
	guard   *guard  // nil in open mode
	host    string
	failed  chan error

	rpc     *rpc.Server
	rpcAddr string
	http    *daemon.HTTP

	stop context.CancelFunc
	wg   sync.WaitGroup

	mu      sync.Mutex
	address string   // as advertised; "" while unknown
	joining *joining // nil if the cluster is known since the start, or not yet
}

// Open starts a datanode on the machine's disks. It returns once the listeners are
// up; the first heartbeats are then under way. oms is every om of the cluster.
func Open(cfg Config, oms []OM, log zerolog.Logger) (*Server, error) {
	return OpenOn(vfs.Disk{}, cfg, oms, log)
}

// OpenOn is Open on another file system.
func OpenOn(fsys vfs.FS, cfg Config, oms []OM, log zerolog.Logger) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{cfg: cfg, log: log, stop: stop, failed: make(chan error, 1)}
	for _, om := range oms {
		s.links = append(s.links, newLink(s, om))
	}
	s.orders = newOrders(s)
	s.guard = newGuard(cfg, s.wake)
	if err := s.open(ctx, fsys); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the datanode: %w", err), s.Close())
	}
	return s, nil
}

func (s *Server) open(ctx context.Context, fsys vfs.FS) (err error) {
	if s.host, err = s.hostname(); err != nil {
		return err
	}
	if s.id, err = identify(fsys, s.cfg.Dirs, s.cfg.DiskCheck.Timeout, s.log); err != nil {
		return err
	}
	s.metrics = newMetrics(s)
	opt := container.DefaultOptions()
	opt.MinFree, opt.Log = uint64(s.cfg.MinFree), s.log
	opt.Idle, opt.ClosingIdle = s.cfg.Idle, s.cfg.ClosingIdle
	opt.OnSync, opt.OnChange = s.metrics.synced, s.wake
	opt.Check, opt.OnCheck = s.cfg.DiskCheck, s.checked
	opt.OnBadBlock, opt.Quarantine = s.badBlock, s.cfg.Quarantine
	var vols []container.Volume
	for _, dir := range s.id.dirs {
		vols = append(vols, container.Volume{Dir: dir, FS: fsys, Mark: nodeFile})
	}
	for dir, why := range s.id.out {
		vols = append(vols, container.Volume{Dir: dir, FS: fsys, Failed: why})
	}
	start := time.Now()
	if s.set, err = container.Open(vols, opt); err != nil {
		return err
	}
	s.log.Info().Str("node", s.id.node).Strs("dirs", s.id.dirs).Dur("took", time.Since(start)).Msg("containers opened")
	if err := s.enoughDisks(); err != nil {
		return err
	}
	s.buffers = newBuffers(len(vols))
	s.upkeep(ctx)
	if err := s.listen(); err != nil {
		return err
	}
	s.wg.Go(func() { s.tryDisks(ctx) })
	s.wg.Go(func() { s.watchDisks(ctx) })
	s.wg.Go(func() { s.orders.run(ctx) })
	s.wg.Go(func() { s.maintain(ctx) })
	for _, l := range s.links {
		s.wg.Go(func() { l.run(ctx) })
	}
	return nil
}

func (s *Server) hostname() (string, error) {
	if s.cfg.Hostname != "" {
		return s.cfg.Hostname, nil
	}
	return os.Hostname()
}

// listen starts the data service and the pages.
func (s *Server) listen() error {
	if s.cfg.Address != "" {
		l, err := net.Listen("tcp", s.cfg.Address)
		if err != nil {
			return err
		}
		s.rpcAddr = l.Addr().String()
		s.rpc = rpc.NewServer(s.log)
		s.rpc.Key = s.cfg.AdminKey
		s.register(s.rpc)
		s.wg.Go(func() {
			if err := s.rpc.Serve(l); err != nil {
				s.fail(err)
			}
		})
	}
	if s.cfg.HTTPAddress == "" {
		return nil
	}
	mux := daemon.DebugMux(daemon.DebugOptions{
		Ready: s.Ready, Registry: s.metrics.registry, Conf: s.cfg.ShowConf, Pprof: s.cfg.Pprof, Secure: s.guard != nil,
	})
	mux.HandleFunc("GET /{$}", s.statusPage)
	var err error
	s.http, err = daemon.ListenHTTP(s.cfg.HTTPAddress, daemon.Guard(mux, s.guard != nil, adminkey.PagesToken(s.cfg.AdminKey)), s.log)
	return err
}

// maintain lets the containers do what is due now and then.
func (s *Server) maintain(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if err := s.set.Maintain(ctx, now); err != nil && ctx.Err() == nil {
				s.log.Warn().Err(err).Msg("maintenance of containers")
			}
		}
	}
}

// closeTimeout bounds how long Close waits for the last checkpoints.
const closeTimeout = 15 * time.Second

// Close stops in order: intake first, then the loops, then the containers, whose
// indexes are written so that the next start is quick, then the locks.
func (s *Server) Close() error {
	var errs []error
	if s.rpc != nil {
		errs = append(errs, s.rpc.Close())
	}
	if s.http != nil {
		errs = append(errs, s.http.Close())
	}
	s.stop()
	s.wg.Wait()
	s.awaitJoining()
	if s.set != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		errs = append(errs, s.set.Close(ctx))
	}
	if s.id != nil {
		errs = append(errs, s.id.release())
	}
	return errors.Join(errs...)
}

// awaitJoining waits until no directory is written any more, but for a disk that hangs not
// for long.
func (s *Server) awaitJoining() {
	s.mu.Lock()
	j := s.joining
	s.mu.Unlock()
	if j == nil {
		return
	}
	select {
	case <-j.ended:
	case <-time.After(min(closeTimeout, s.cfg.DiskCheck.Timeout)):
	}
}

// Failed implements daemon.Failer: what it sends must end the process.
func (s *Server) Failed() <-chan error { return s.failed }

func (s *Server) fail(err error) {
	select {
	case s.failed <- err:
	default: // one reason is enough
	}
}

// ID returns the datanode's UUID.
func (s *Server) ID() string { return s.id.node }

// RPCAddr returns where the data service listens, "" if nowhere.
func (s *Server) RPCAddr() string { return s.rpcAddr }

// HTTPAddr returns where the pages are, "" if nowhere.
func (s *Server) HTTPAddr() string {
	if s.http == nil {
		return ""
	}
	return s.http.Addr()
}

// Ready returns nil when some om knows of this datanode and a disk takes blocks.
func (s *Server) Ready() error {
	disk := false
	for _, d := range s.set.Disks() {
		disk = disk || !d.Failed
	}
	if !disk {
		return errors.New("no disk works")
	}
	for _, l := range s.links {
		if l.connected() {
			return nil
		}
	}
	return errors.New("no om has answered yet")
}

// badBlock has om hear of a block soon.
func (s *Server) badBlock(id *commonpb.BlockID, why error) {
	s.metrics.bad.Inc()
	if s.bad.add(id, why) {
		s.wake()
	}
}

// wake makes every link send a heartbeat soon.
func (s *Server) wake() {
	for _, l := range s.links {
		l.poke()
	}
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
