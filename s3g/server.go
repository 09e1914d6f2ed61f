package s3g

import (
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/daemon"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// Server is a running gateway.
type Server struct {
	cfg   Config
	log   zerolog.Logger
	store Store

	s3, s3tls, admin             *http.Server
	httpAddr, httpsAddr, admAddr string
	cancel                       context.CancelFunc
	wg                           sync.WaitGroup

	mu       sync.Mutex
	notReady error // nil once om has answered
}

// Open starts a gateway over store: the S3 listener, the admin listener and the
// watch over the store. Close ends them.
func Open(cfg Config, store Store, log zerolog.Logger) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	reg := prometheus.NewRegistry()
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{cfg: cfg, log: log, store: store, cancel: cancel, notReady: errors.New("om has not answered yet")}
	m := newMetrics(reg)
	conns := daemon.NewConnections(cfg.MaxConnections, func(conn net.Conn, fresh bool) {
		m.shed.Inc()
		if fresh {
			refuse(conn)
		}
	})
	m.connections(reg, conns)
	gateway := newGateway(cfg, store, m, log)
	s.s3, s.s3tls, s.admin = s.httpServer(gateway), s.httpServer(gateway), daemon.PagesServer(s.adminMux(reg))
	s.s3.ConnState, s.s3tls.ConnState = conns.Changed, conns.Changed
	if err := s.listenAll(); err != nil {
		_ = s.Close()
		return nil, err
	}
	s.wg.Go(func() { s.watch(ctx) })
	log.Info().Str("s3", s.httpAddr).Str("s3_tls", s.httpsAddr).Str("admin", s.admAddr).Bool("secure", cfg.Secure).Msg("s3g serves")
	s.warnOpen()
	return s, nil
}

// Handler is a gateway without listeners, for tests and other people's servers,
// which have to see for themselves to clients that don't read their answers.
func Handler(cfg Config, store Store, log zerolog.Logger) (http.Handler, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return newGateway(cfg, store, newMetrics(prometheus.NewRegistry()), log), nil
}

// HTTPAddr is where S3 is served, "" if nowhere.
func (s *Server) HTTPAddr() string { return s.httpAddr }

// HTTPSAddr is where S3 is served over TLS, "" if nowhere.
func (s *Server) HTTPSAddr() string { return s.httpsAddr }

// AdminAddr is where the admin pages are served, "" if nowhere.
func (s *Server) AdminAddr() string { return s.admAddr }

func (s *Server) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: s.cfg.ReadHeaderTimeout,
		IdleTimeout:       s.cfg.IdleTimeout,
		MaxHeaderBytes:    s.cfg.MaxHeaderBytes,
		HTTP2:             &http.HTTP2Config{WriteByteTimeout: s.cfg.StallTimeout},
		ErrorLog:          stdlog.New(debugWriter{s.log}, "", 0),
	}
}

// debugWriter takes what net/http logs: failures of clients, one per line.
type debugWriter struct{ log zerolog.Logger }

func (d debugWriter) Write(p []byte) (int, error) {
	d.log.Debug().Str("from", "net/http").Msg(string(p))
	return len(p), nil
}

// listenAll opens the listeners: S3, S3 over TLS where there is a certificate, admin.
func (s *Server) listenAll() (err error) {
	if s.httpAddr, err = s.listen(s.s3, s.cfg.HTTPAddress); err != nil {
		return err
	}
	if s.cfg.CertFile != "" && s.cfg.HTTPSAddress != "" {
		cert, err := newCertificate(s.cfg.CertFile, s.cfg.KeyFile, s.log)
		if err != nil {
			return err
		}
		s.s3tls.TLSConfig = cert.config()
		if s.httpsAddr, err = s.listen(s.s3tls, s.cfg.HTTPSAddress); err != nil {
			return err
		}
	}
	s.admAddr, err = s.listen(s.admin, s.cfg.AdminAddress)
	return err
}

// listen serves h on addr, over TLS if h has a configuration for it, and returns the
// address it got.
func (s *Server) listen(h *http.Server, addr string) (string, error) {
	if addr == "" {
		return "", nil
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", fmt.Errorf("s3g: %w", err)
	}
	watched := listener{l.(*net.TCPListener), s.cfg.StallTimeout}
	s.wg.Go(func() {
		var err error
		if h.TLSConfig != nil {
			err = h.ServeTLS(watched, "", "")
		} else {
			err = h.Serve(watched)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			s.log.Error().Err(err).Str("address", addr).Msg("listener ended")
		}
	})
	return l.Addr().String(), nil
}

// landing is what a browser sees on the admin address.
const landing = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>S3 gateway</title></head>
<body><h1>S3 gateway</h1>
<p>Mini Ozone (Apache Ozone S3 compatible) gateway</p>
<ul><li><a href="/readyz">ready</a></li><li><a href="/metrics">metrics</a></li><li><a href="/conf">configuration</a></li></ul>
</body></html>
`

func (s *Server) adminMux(reg *prometheus.Registry) http.Handler {
	mux := daemon.DebugMux(daemon.DebugOptions{Ready: s.ready, Registry: reg, Conf: s.cfg.Conf, Pprof: s.cfg.Pprof, Secure: s.cfg.Secure})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'")
		_, _ = io.WriteString(w, landing)
	})
	return daemon.Guard(mux, s.cfg.Secure, s.cfg.PagesToken)
}

// ready says why the gateway can't work, nil if it can.
func (s *Server) ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.notReady
}

// Times of the watch over the store.
const (
	probeEvery   = 2 * time.Second
	probeTimeout = 2 * time.Second
	warnEvery    = time.Hour
)

// watch asks the store a cheap question again and again, for ready, and says
// now and then that the gateway is open.
func (s *Server) watch(ctx context.Context) {
	probe, warn := time.NewTicker(probeEvery), time.NewTicker(warnEvery)
	defer probe.Stop()
	defer warn.Stop()
	for {
		s.probe(ctx)
		select {
		case <-ctx.Done():
			return
		case <-probe.C:
		case <-warn.C:
			s.warnOpen()
		}
	}
}

func (s *Server) warnOpen() {
	if !s.cfg.Secure {
		s.log.Warn().Msg("s3g serves in open mode: any access key is taken, nothing is kept from anybody")
	}
}

func (s *Server) probe(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	_, _, err := s.store.ListBuckets(ctx, client.ListBucketsOptions{Volume: AnonymousVolume, Limit: 1})
	if errors.Is(err, ozerr.VolumeNotFound) {
		err = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notReady = err
}

// Close stops taking requests, gives those in work StopTimeout to end, and waits
// for everything the gateway started.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.StopTimeout)
	defer cancel()
	var err error
	for _, h := range []*http.Server{s.s3, s.s3tls} {
		if h.Shutdown(ctx) != nil {
			err = errors.Join(err, h.Close())
		}
	}
	s.cancel()
	err = errors.Join(err, s.admin.Close())
	s.wg.Wait()
	return err
}
