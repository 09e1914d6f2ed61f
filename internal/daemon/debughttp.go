package daemon

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"
)

// DebugOptions say what a server shows of itself.
type DebugOptions struct {
	// Ready returns nil when the server can do its work, else why not. nil: always.
	// It is called for each /readyz and must not block.
	Ready func() error
	// Registry holds the server's metrics; the Go runtime's and the process's are
	// added. nil: only those.
	Registry *prometheus.Registry
	// Conf writes the effective configuration as XML. nil: no /conf.
	Conf func(io.Writer) error
	// Pprof serves /debug/pprof/. Profiles tell much of what goes on inside and
	// cost time, so it is off unless configured.
	Pprof bool
	// Secure is told by the metric ozone_security_mode: 1, or 0 in open mode.
	Secure bool
}

// DebugMux serves /healthz (the process answers), /readyz (it can work), /metrics
// and its Ozone name /prom, /conf and, when on, /debug/pprof/. Other pages may be
// added to it.
func DebugMux(o DebugOptions) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		plain(w, http.StatusOK, "ok\n")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if o.Ready != nil {
			if err := o.Ready(); err != nil {
				plain(w, http.StatusServiceUnavailable, "not ready: "+err.Error()+"\n")
				return
			}
		}
		plain(w, http.StatusOK, "ready\n")
	})
	metrics := metricsHandler(o.Registry, o.Secure)
	mux.Handle("GET /metrics", metrics)
	mux.Handle("GET /prom", metrics)
	if o.Conf != nil {
		mux.HandleFunc("GET /conf", func(w http.ResponseWriter, _ *http.Request) { writeConf(w, o.Conf) })
	}
	if o.Pprof {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return mux
}

// metricsHandler serves own and the process's metrics from one page.
func metricsHandler(own *prometheus.Registry, secure bool) http.Handler {
	process := prometheus.NewRegistry()
	process.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mode := prometheus.NewGauge(prometheus.GaugeOpts{Name: "ozone_security_mode", Help: "1 in secure mode, 0 in open mode, where anybody may do anything."})
	if secure {
		mode.Set(1)
	}
	process.MustRegister(mode)
	all := prometheus.Gatherers{process}
	if own != nil {
		all = append(all, own)
	}
	return promhttp.HandlerFor(all, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

func writeConf(w http.ResponseWriter, conf func(io.Writer) error) {
	var page bytes.Buffer
	if err := conf(&page); err != nil {
		plain(w, http.StatusInternalServerError, err.Error()+"\n")
		return
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = page.WriteTo(w) // a reader that went away is no concern of ours
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// maxPageConns is how many connections pages have at most; they must leave the process
// its file descriptors, whoever reaches their port.
const maxPageConns = 256

// PagesServer returns a server for pages about a server, with bounds on its connections
// and on all their times.
func PagesServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      3 * time.Minute, // a CPU profile takes its time
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ConnState:         NewConnections(maxPageConns, nil).Changed,
	}
}

// HTTP is a small HTTP server for pages about a server; not for object bytes.
type HTTP struct {
	listener net.Listener
	server   *http.Server
	done     chan struct{}
}

// ListenHTTP serves h on addr (port 0 picks one) until Close.
func ListenHTTP(addr string, h http.Handler, log zerolog.Logger) (*HTTP, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &HTTP{
		listener: l,
		server:   PagesServer(h),
		done:     make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		if err := s.server.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			log.Error().Err(err).Str("address", addr).Msg("http listener failed")
		}
	}()
	return s, nil
}

// Addr is the address that is listened on.
func (s *HTTP) Addr() string { return s.listener.Addr().String() }

// Close stops accepting, gives requests under way a second, and waits.
func (s *HTTP) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = s.server.Close()
	}
	<-s.done
	return err
}
