package telemetry

import (
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is Slipway's registry with the measurements that the doors make.
type Metrics struct {
	registry *prometheus.Registry

	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	logins   *prometheus.CounterVec
	limited  *prometheus.CounterVec
	panics   prometheus.Counter
	streams  prometheus.Gauge
}

// NewMetrics returns a registry with the process's own measurements in it.
func NewMetrics(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "slipway_http_requests_total", Help: "Requests to the control plane by operation and status.",
		}, []string{"operation", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "slipway_http_request_duration_seconds", Help: "Time to answer a request, streams excepted.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"operation"}),
		logins: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "slipway_logins_total", Help: "Attempts to sign in by result.",
		}, []string{"result"}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "slipway_http_limited_total", Help: "Requests refused by a rate limit.",
		}, []string{"limit"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "slipway_panics_total", Help: "Panics that were caught: each is a defect.",
		}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "slipway_event_streams", Help: "Event streams that are open.",
		}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "slipway_build_info", Help: "Always 1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"version": version, "go": runtime.Version(), "revision": revision()},
	})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.duration, m.logins, m.limited, m.panics, m.streams, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Request counts one answered request; stream keeps its length out of the durations.
func (m *Metrics) Request(operation string, status int, took time.Duration, stream bool) {
	m.requests.WithLabelValues(operation, strconv.Itoa(status)).Inc()
	if !stream {
		m.duration.WithLabelValues(operation).Observe(took.Seconds())
	}
}

// Login counts an attempt to sign in: ok, refused or throttled.
func (m *Metrics) Login(result string) { m.logins.WithLabelValues(result).Inc() }

// Limited counts a request that a rate limit refused.
func (m *Metrics) Limited(limit string) { m.limited.WithLabelValues(limit).Inc() }

// Panic counts a caught panic.
func (m *Metrics) Panic() { m.panics.Inc() }

// Stream counts an event stream that opens (+1) or ends (-1).
func (m *Metrics) Stream(by float64) { m.streams.Add(by) }

// Gauge adds a measurement that is taken when somebody asks, e.g. the length of
// the log. The name must begin with slipway_ and be new.
func (m *Metrics) Gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}

// Counter is as Gauge, for what only rises.
func (m *Metrics) Counter(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value))
}

// Handler answers with every measurement in the Prometheus text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

// revision returns the commit that was built, or "unknown".
func revision() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return "unknown"
}
