package om

import (
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/placement"
	"github.com/mini-ozone/mini-ozone/om/replication"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// metrics of one server, in a registry of its own: a process may hold several.
type metrics struct {
	registry        *prometheus.Registry
	requests        *prometheus.CounterVec   // op, code
	latency         *prometheus.HistogramVec // op
	badReplicas     prometheus.Counter
	badBlocks       prometheus.Counter
	eventsDelivered *prometheus.CounterVec // target
	eventFailures   *prometheus.CounterVec // target
	eventsDropped   *prometheus.CounterVec // target
	eventsWaiting   *prometheus.GaugeVec   // target
	lifecycle       *prometheus.CounterVec // outcome
	operations      sync.Map               // reflect.Type of the operation → *opMetrics
}

// opMetrics are the series of one operation, looked up once.
type opMetrics struct {
	name    string
	ok      prometheus.Counter
	latency prometheus.Observer
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ozone_om_requests_total", Help: "Requests by operation and result code."}, []string{"op", "code"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ozone_om_request_seconds", Help: "Time to answer a request.",
			Buckets: prometheus.ExponentialBuckets(50e-6, 2.5, 14)}, []string{"op"}),
		badReplicas: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ozone_om_bad_replicas_total", Help: "Replicas that clients reported as failed."}),
		badBlocks: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ozone_om_bad_blocks_total", Help: "Blocks that datanodes themselves found bad."}),
		eventsDelivered: byTarget("events_delivered_total", "Events that targets have taken."),
		eventFailures:   byTarget("event_failures_total", "Messages that targets did not take."),
		eventsDropped:   byTarget("events_dropped_total", "Events lost because too many were waiting."),
		eventsWaiting: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ozone_om_events_waiting", Help: "Events waiting for their target, as last counted (leader)."}, []string{"target"}),
		lifecycle: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ozone_om_lifecycle_total", Help: "What lifecycle rules did: versions marked deleted, removed, found locked or changed; uploads aborted."},
			[]string{"outcome"}),
	}
	m.registry.MustRegister(m.requests, m.latency, m.badReplicas, m.badBlocks, m.lifecycle,
		m.eventsDelivered, m.eventFailures, m.eventsDropped, m.eventsWaiting)
	return m
}

func byTarget(name, help string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "ozone_om_" + name, Help: help}, []string{"target"})
}

// gauges are read when somebody asks; they need the node.
func (m *metrics) gauges(s *Server) {
	gauge := func(name, help string, labels prometheus.Labels, f func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "ozone_om_" + name, Help: help, ConstLabels: labels}, f))
	}
	gauge("raft_applied_index", "Last entry of the log applied here.", nil, func() float64 { return float64(s.node.Stats().Applied) })
	gauge("raft_commit_index", "Last entry known as committed.", nil, func() float64 { return float64(s.node.Stats().Commit) })
	gauge("raft_marker_index", "A restart replays the log from here.", nil, func() float64 { return float64(s.node.Stats().Marker) })
	gauge("raft_term", "Raft term.", nil, func() float64 { return float64(s.node.Stats().Term) })
	gauge("raft_queued", "Requests waiting for the log.", nil, func() float64 { return float64(s.node.Stats().Queued) })
	gauge("applied_requests", "Requests applied since the start.", nil, func() float64 { return float64(s.node.Stats().Requests) })
	gauge("raft_stall_seconds", "How long the write of the log under way has taken.", nil, func() float64 { return s.node.Stats().Stalled.Seconds() })
	gauge("peers", "Members of the group that vote, as known here.", nil, func() float64 { return float64(s.voters()) })
	gauge("damaged_states", "Damaged states that were moved aside in the metadata directory.", nil, func() float64 { return float64(len(s.asides())) })
	gauge("disk_free_bytes", "Free space of the disk with om's state.", nil, func() float64 {
		_, free, _ := s.space.figures()
		return float64(free)
	})
	gauge("disk_full", "1 while that is below the reserve and nothing new is taken.", nil, func() float64 {
		if _, _, low := s.space.figures(); low {
			return 1
		}
		return 0
	})
	gauge("leader", "1 on the leader.", nil, func() float64 {
		if _, ok := s.node.Leading(); ok {
			return 1
		}
		return 0
	})
	for _, h := range []placement.Health{placement.Healthy, placement.Stale, placement.Dead} {
		gauge("datanodes", "Datanodes by health.", prometheus.Labels{"health": string(h)}, func() float64 {
			n := 0
			for _, st := range s.view.Nodes() {
				if st.Health == h {
					n++
				}
			}
			return float64(n)
		})
	}
	soft := func(f func(*tenure) int) func() float64 {
		return func() float64 {
			if t := s.present(); t != nil {
				return float64(f(t))
			}
			return 0
		}
	}
	gauge("open_containers", "Containers that take new blocks (leader).", nil, soft(func(t *tenure) int { return t.alloc.count() }))
	m.redundancyGauges(gauge, soft)
	gauge("pending_orders", "Orders that datanodes have not reported done (leader).", nil, soft(func(t *tenure) int { return t.orders.count() }))
}

// redundancyGauges are the replication manager's figures as of its last round.
func (m *metrics) redundancyGauges(gauge func(name, help string, labels prometheus.Labels, f func() float64), soft func(func(*tenure) int) func() float64) {
	for _, h := range replication.Healths() {
		gauge("containers", "Containers by health, those that are open aside (leader).", prometheus.Labels{"health": string(h)},
			soft(func(t *tenure) int { return int(t.repl.status().ByHealth[string(h)]) }))
	}
	gauge("unhealthy_replicas", "Damaged replicas on living datanodes (leader).", nil, soft(func(t *tenure) int { return t.repl.damaged() }))
	gauge("unknown_containers", "Containers that datanodes report and om does not know (leader).", nil, soft(func(t *tenure) int { return t.repl.unknown() }))
	gauge("replication_orders", "Copies, repairs and removals of replicas under way (leader).", nil, soft(func(t *tenure) int {
		n, _ := t.repl.inFlight()
		return n
	}))
	gauge("replication_bytes", "Bytes of the copies under way, estimated (leader).", nil, soft(func(t *tenure) int {
		_, n := t.repl.inFlight()
		return int(n)
	}))
}

func (m *metrics) request(req *ompb.Request, err error, d time.Duration) {
	o := m.operation(req)
	if err == nil {
		o.ok.Inc()
	} else {
		m.requests.WithLabelValues(o.name, string(ozerr.CodeOf(err))).Inc()
	}
	o.latency.Observe(d.Seconds())
}

func (m *metrics) operation(req *ompb.Request) *opMetrics {
	t := reflect.TypeOf(req.GetOp())
	if o, ok := m.operations.Load(t); ok {
		return o.(*opMetrics)
	}
	name := opName(req)
	o, _ := m.operations.LoadOrStore(t, &opMetrics{
		name: name, ok: m.requests.WithLabelValues(name, "OK"), latency: m.latency.WithLabelValues(name),
	})
	return o.(*opMetrics)
}

// opName is the operation's field name, e.g. "commit_key".
func opName(req *ompb.Request) string {
	r := req.ProtoReflect()
	oneof := r.Descriptor().Oneofs().ByName("op")
	if field := r.WhichOneof(oneof); field != nil {
		return strings.ToLower(string(field.Name()))
	}
	return "none"
}
