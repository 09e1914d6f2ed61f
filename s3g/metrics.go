package s3g

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mini-ozone/mini-ozone/internal/daemon"
)

// metrics of a gateway. The series of an operation are looked up once, at start.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	received prometheus.Counter
	sent     prometheus.Counter
	inFlight prometheus.Gauge
	shed     prometheus.Counter
	unknown  *opMetrics
}

// opMetrics are the series of one operation.
type opMetrics struct {
	byStatus [6]prometheus.Counter // 2xx at 2; 0: the connection was broken
	seconds  prometheus.Observer
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ozone_s3g_requests_total", Help: "S3 requests by operation and class of status; 0 is a broken connection.",
		}, []string{"operation", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ozone_s3g_request_seconds", Help: "Time from the head of the request to the end of the answer.",
			Buckets: prometheus.ExponentialBuckets(0.00025, 2, 18), // 0.25 ms to 32 s
		}, []string{"operation"}),
		received: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ozone_s3g_received_bytes_total", Help: "Bytes of request bodies, by their declared length.",
		}),
		sent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ozone_s3g_sent_bytes_total", Help: "Bytes of response bodies.",
		}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ozone_s3g_requests_in_flight", Help: "Requests in work.",
		}),
		shed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ozone_s3g_shed_total", Help: "Requests that were told to slow down, and connections that there was no place for.",
		}),
	}
	reg.MustRegister(m.requests, m.seconds, m.received, m.sent, m.inFlight, m.shed)
	m.unknown = m.operation("Unknown")
	return m
}

// connections adds the gauges of the S3 listeners.
func (m *metrics) connections(reg prometheus.Registerer, c *daemon.Connections) {
	reg.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "ozone_s3g_connections", Help: "Open S3 connections.",
		}, func() float64 { open, _ := c.Counts(); return float64(open) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "ozone_s3g_connections_idle", Help: "S3 connections that wait for a request.",
		}, func() float64 { _, idle := c.Counts(); return float64(idle) }))
}

func (m *metrics) operation(op string) *opMetrics {
	o := &opMetrics{seconds: m.seconds.WithLabelValues(op)}
	for i := range o.byStatus {
		class := string(rune('0'+i)) + "xx"
		if i == 0 {
			class = "0"
		}
		o.byStatus[i] = m.requests.WithLabelValues(op, class)
	}
	return o
}

// record counts and logs an answered request.
func (g *gateway) record(w *writer, r *request) {
	took := time.Since(r.Start)
	m := g.metrics.unknown
	if r.row != nil {
		m = r.row.metrics
	}
	class := min(w.status/100, 5)
	if w.abort {
		class = 0
	}
	m.byStatus[class].Inc()
	m.seconds.Observe(took.Seconds())
	g.metrics.sent.Add(float64(w.bytes))
	if r.ContentLength > 0 {
		g.metrics.received.Add(float64(r.ContentLength))
	}
	g.access(w, r, took)
}

// access writes the line of the access log: failures of ours always, the rest
// when asked for or at debug level.
func (g *gateway) access(w *writer, r *request, took time.Duration) {
	e := g.log.Debug()
	switch {
	case w.status >= http.StatusInternalServerError && w.status != http.StatusNotImplemented:
		e = g.log.Warn()
	case g.cfg.AccessLog:
		e = g.log.Info()
	}
	if !e.Enabled() {
		return
	}
	e = e.Str("request_id", r.ID).Str("op", r.operation()).Str("method", r.Method).
		Str("path", r.URL.Path).Int("status", w.status).Int64("bytes", w.bytes).Dur("took", took).
		Str("remote", r.RemoteAddr).Str("caller", r.Auth.AccessKey)
	if r.URL.RawQuery != "" {
		e = e.Str("query", redact(r.URL.RawQuery))
	}
	if w.abort {
		e = e.Bool("broken", true)
	}
	if r.err != nil {
		e = e.Str("error", r.err.Error())
	}
	e.Msg("request")
}

// redact removes from a raw query what would let a reader of the log repeat the
// request.
func redact(raw string) string {
	parts := strings.Split(raw, "&")
	for i, p := range parts {
		name, _, _ := strings.Cut(p, "=")
		if plain, err := url.QueryUnescape(name); err != nil || secretParam(plain) {
			parts[i] = name + "=-"
		}
	}
	return strings.Join(parts, "&")
}

func secretParam(name string) bool {
	name = strings.ToLower(name)
	switch name {
	case "signature", "x-amz-signature", "x-amz-credential", "x-amz-security-token":
		return true
	}
	return strings.HasSuffix(name, "server-side-encryption-customer-key")
}
