package web

import (
	"maps"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ordertally/shared/service/metric"
)

// Metrics are the HTTP metrics of one registry. All listeners of a service share one Metrics.
//
// Labels come from closed sets: method is a standard one or "other"; route is a template of the table or "unmatched";
// status is the code, or "aborted" when the connection was cut before an answer.
type Metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight atomic.Int64
	panics   prometheus.Counter
	refused  prometheus.Counter
	known    atomic.Pointer[map[seriesKey]series]
}

// NewMetrics registers http_requests_total{method,route,status}, http_request_duration_seconds{method,route},
// http_requests_in_flight, http_panics_total and http_connections_refused_total. It panics if they are registered
// already.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total",
			Help: "HTTP requests answered.",
		}, []string{"method", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "http_request_duration_seconds",
			Help:    "Time from a request's headers to the end of its handler. A live stream counts when it ends.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"method", "route"}),
		panics: metric.Counter(reg, "http_panics_total", "HTTP requests whose handler panicked."),
		refused: metric.Counter(reg, "http_connections_refused_total",
			"Connections and HTTP/2 requests that were cut off at once because there were too many."),
	}
	reg.MustRegister(m.requests, m.seconds)
	metric.GaugeOf(reg, "http_requests_in_flight", "HTTP requests being handled now.", m.inFlight.Load)
	return m
}

// ConnectionRefused counts a refused connection. It is for Config.OnRefused.
func (m *Metrics) ConnectionRefused() { m.refused.Inc() }

// Instrument counts and times the requests that next handles. It must be the outermost handler, so that no answer is
// missed. The route label is the one that a [Router] inside finds.
func (m *Metrics) Instrument(next http.Handler) http.Handler {
	return m.instrument(func(rec *recorder, r *http.Request, ex *exchange) {
		next.ServeHTTP(rec, r.WithContext(ex.with(r.Context())))
	})
}

func (m *Metrics) instrument(next func(*recorder, *http.Request, *exchange)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.inFlight.Add(1)
		defer m.inFlight.Add(-1)
		start := time.Now()
		ex := &exchange{route: "unmatched"}
		rec := ex.record(w)
		completed := false
		defer func() { // even when the handler panics
			status := 0
			if completed || rec.status != 0 {
				status = rec.statusOrOK()
			}
			s := m.seriesOf(seriesKey{methodLabel(r.Method), ex.route, status})
			s.requests.Inc()
			s.seconds.Observe(time.Since(start).Seconds())
		}()
		next(rec, r, ex)
		completed = true
	})
}

// series are the series of one kind of answer. They are looked up once.
type series struct {
	requests prometheus.Counter
	seconds  prometheus.Observer
}

type seriesKey struct {
	method, route string
	status        int // 0 for a connection that was cut
}

func (m *Metrics) seriesOf(key seriesKey) series {
	known := m.known.Load()
	if known != nil {
		if s, ok := (*known)[key]; ok {
			return s
		}
	}
	status := "aborted"
	if key.status != 0 {
		status = strconv.Itoa(key.status)
	}
	s := series{
		requests: m.requests.WithLabelValues(key.method, key.route, status),
		seconds:  m.seconds.WithLabelValues(key.method, key.route),
	}
	next := map[seriesKey]series{key: s}
	if known != nil {
		maps.Copy(next, *known)
	}
	m.known.Store(&next) // one that is lost to another goroutine is looked up again
	return s
}

func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodOptions:
		return method
	}
	return "other"
}
