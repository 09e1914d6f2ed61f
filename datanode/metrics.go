package datanode

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// metrics is what /metrics shows of a datanode.
type metrics struct {
	registry *prometheus.Registry

	ops     *prometheus.CounterVec   // op, code
	bytes   *prometheus.CounterVec   // op
	latency *prometheus.HistogramVec // op
	syncs   prometheus.Histogram     // seconds
	group   prometheus.Histogram     // commits in one sync
	orders  *prometheus.CounterVec   // code
	checks  *prometheus.CounterVec   // dir, result
	bad     prometheus.Counter       // blocks
	copied  prometheus.Counter       // bytes

	compacted prometheus.Counter // bytes

	writes, commits, reads *opMetrics
}

// opMetrics are the series of one operation, looked up once.
type opMetrics struct {
	name      string
	ok, bytes prometheus.Counter
	latency   prometheus.Observer
}

func newMetrics(s *Server) *metrics {
	const ns = "ozone_datanode"
	quick := prometheus.ExponentialBuckets(50e-6, 2, 18) // 50 µs to 6.5 s
	m := &metrics{
		registry: prometheus.NewRegistry(),
		ops:      prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: ns, Name: "requests_total", Help: "Block requests by operation and result code."}, []string{"op", "code"}),
		bytes:    prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: ns, Name: "bytes_total", Help: "Block bytes written and read."}, []string{"op"}),
		latency:  prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: ns, Name: "request_seconds", Help: "Time to answer a block request.", Buckets: quick}, []string{"op"}),
		syncs:    prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: ns, Name: "sync_seconds", Help: "Time of an fdatasync of a container log.", Buckets: quick}),
		group:    prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: ns, Name: "sync_commits", Help: "Block commits that one fdatasync served.", Buckets: prometheus.ExponentialBuckets(1, 2, 9)}),
		orders:   prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: ns, Name: "orders_total", Help: "Orders of om by result code."}, []string{"code"}),
		checks:   prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: ns, Name: "disk_checks_total", Help: "Checks of disks by data directory and result, ok or failed."}, []string{"dir", "result"}),
	}
	m.bad = prometheus.NewCounter(prometheus.CounterOpts{Namespace: ns, Name: "bad_blocks_total", Help: "Times a stored block was found bad, by the scrubber or a read."})
	m.copied = prometheus.NewCounter(prometheus.CounterOpts{Namespace: ns, Name: "copied_bytes_total", Help: "Block bytes fetched from other datanodes to repair containers."})
	m.compacted = prometheus.NewCounter(prometheus.CounterOpts{Namespace: ns, Name: "compacted_bytes_total", Help: "Bytes of disks that rewriting containers gave back."})
	m.writes, m.commits, m.reads = m.operation("write"), m.operation("commit"), m.operation("read")
	m.registry.MustRegister(m.ops, m.bytes, m.latency, m.syncs, m.group, m.orders, m.checks, m.bad, m.copied, m.compacted, &scrubs{
		s:        s,
		bytes:    prometheus.NewDesc(ns+"_scrub_bytes", "Bytes verified in the pass that goes on, or the last.", []string{"dir"}, nil),
		bad:      prometheus.NewDesc(ns+"_scrub_bad_blocks", "Blocks found bad in it.", []string{"dir"}, nil),
		finished: prometheus.NewDesc(ns+"_scrub_finished_seconds", "Unix time of the end of the last full pass; 0: none yet.", []string{"dir"}, nil),
	}, &stock{
		s:          s,
		containers: prometheus.NewDesc(ns+"_containers", "Containers by state.", []string{"state"}, nil),
		blocks:     prometheus.NewDesc(ns+"_blocks", "Live blocks.", nil, nil),
		used:       prometheus.NewDesc(ns+"_block_bytes", "Bytes of live blocks.", nil, nil),
		logs:       prometheus.NewDesc(ns+"_log_bytes", "Bytes of container logs, dead ones included.", nil, nil),
		disk:       prometheus.NewDesc(ns+"_disk_bytes", "Space of a data directory's disk.", []string{"dir", "kind"}, nil),
		broken:     prometheus.NewDesc(ns+"_disk_failed", "1 for a disk that is not used because it failed.", []string{"dir"}, nil),
	})
	return m
}

// codeLabel is the code of err as a label, OK for none.
func codeLabel(err error) string {
	if err == nil {
		return "OK"
	}
	return string(ozerr.CodeOf(err))
}

func (m *metrics) operation(op string) *opMetrics {
	return &opMetrics{
		name: op, ok: m.ops.WithLabelValues(op, codeLabel(nil)), bytes: m.bytes.WithLabelValues(op),
		latency: m.latency.WithLabelValues(op),
	}
}

func (m *metrics) wrote(req *dnpb.WriteRequest, n int, start time.Time, err error) {
	op := m.writes
	if req.GetCommit() || req.GetSeal() {
		op = m.commits
	}
	m.count(op, n, start, err)
}

func (m *metrics) read(n int, start time.Time, err error) { m.count(m.reads, n, start, err) }

func (m *metrics) count(op *opMetrics, n int, start time.Time, err error) {
	op.latency.Observe(time.Since(start).Seconds())
	if err != nil {
		m.ops.WithLabelValues(op.name, codeLabel(err)).Inc()
		return
	}
	op.ok.Inc()
	op.bytes.Add(float64(n))
}

func (m *metrics) synced(took time.Duration, commits int) {
	m.syncs.Observe(took.Seconds())
	m.group.Observe(float64(commits))
}

func (m *metrics) ordered(err error) { m.orders.WithLabelValues(codeLabel(err)).Inc() }

// checked notes the trial of a disk.
func (s *Server) checked(dir string, took time.Duration, err error) {
	result := "ok"
	if err != nil {
		result = "failed"
		s.log.Warn().Err(err).Str("dir", dir).Dur("took", took).Msg("check of a disk failed")
	}
	s.metrics.checks.WithLabelValues(dir, result).Inc()
}

// scrubs reads how far the verification of each disk is when it is asked.
type scrubs struct {
	s                    *Server
	bytes, bad, finished *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *scrubs) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.bytes
	ch <- c.bad
	ch <- c.finished
}

// Collect implements prometheus.Collector.
func (c *scrubs) Collect(ch chan<- prometheus.Metric) {
	for _, x := range c.s.scrubs {
		st := x.State()
		last := float64(0)
		if !st.Finished.IsZero() {
			last = float64(st.Finished.Unix())
		}
		for d, v := range map[*prometheus.Desc]float64{c.bytes: float64(st.Bytes), c.bad: float64(st.Bad), c.finished: last} {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, x.dir)
		}
	}
}

func (m *metrics) fetched(n int) { m.copied.Add(float64(n)) }

// stock reads containers and disks when it is asked.
type stock struct {
	s                                            *Server
	containers, blocks, used, logs, disk, broken *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *stock) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect implements prometheus.Collector.
func (c *stock) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), labels...)
	}
	sum := c.s.summary()
	for state, n := range sum.states {
		gauge(c.containers, n, state.String())
	}
	gauge(c.blocks, sum.blocks)
	gauge(c.used, sum.used)
	gauge(c.logs, sum.logs)
	for _, d := range sum.disks {
		gauge(c.disk, d.Capacity, d.Path, "capacity")
		gauge(c.disk, d.Used, d.Path, "used")
		gauge(c.disk, d.Remaining, d.Path, "remaining")
		failed := uint64(0)
		if d.Failed {
			failed = 1
		}
		gauge(c.broken, failed, d.Path)
	}
}

// summary is the datanode's holdings in numbers.
type summary struct {
	states             map[dnpb.ContainerState]uint64
	blocks, used, logs uint64
	disks              []*dnpb.Disk
}

func (s *Server) summary() summary {
	sum := summary{states: map[dnpb.ContainerState]uint64{dnpb.ContainerState_OPEN: 0}}
	if s.set == nil {
		return sum
	}
	reports, _, _ := s.set.Reports(0)
	for _, r := range reports {
		sum.states[r.State]++
		sum.blocks += r.Blocks
		sum.used += r.UsedBytes
		sum.logs += r.FileBytes
	}
	sum.disks = s.set.Disks()
	return sum
}
