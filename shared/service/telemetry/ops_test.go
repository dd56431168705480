package telemetry_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"ordertally/shared/service/telemetry"
	"ordertally/shared/web"
)

// metrics are those of a registry that nobody looks at.
func metrics() *web.Metrics { return web.NewMetrics(prometheus.NewRegistry()) }

func get(h http.Handler, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w
}

func TestOpsHealthEndpoints(t *testing.T) {
	health := &telemetry.Health{}
	var failure error
	health.Register("database", func(context.Context) error { return nil }, telemetry.Live|telemetry.Ready)
	health.Register("ingest", func(context.Context) error { return failure }, telemetry.Ready)
	ops := telemetry.OpsHandler(telemetry.Ops{Registry: telemetry.NewRegistry(), Health: health, Metrics: metrics()})
	check := func(target string, status int, body string) {
		t.Helper()
		w := get(ops, "GET", target)
		if w.Code != status || w.Body.String() != body {
			t.Errorf("%s: %d %q, want %d %q", target, w.Code, w.Body, status, body)
		}
		if ct := w.Header().Get("Content-Type"); ct != "text/plain; charset=utf-8" {
			t.Errorf("%s: Content-Type %q", target, ct)
		}
	}
	check("/livez", 200, "ok")
	check("/readyz", 200, "ok")
	check("/livez?verbose", 200, "[+]database ok\nlivez check passed\n")
	check("/readyz?verbose=1", 200, "[+]database ok\n[+]ingest ok\nreadyz check passed\n")
	note := ""
	health.RegisterNoted("kafka", func(context.Context) error { return nil }, telemetry.Ready,
		func() string { return note })
	check("/readyz?verbose", 200, "[+]database ok\n[+]ingest ok\n[+]kafka ok\nreadyz check passed\n")
	note = "went on elsewhere\n[+]nothing ok"
	check("/readyz", 200, "ok")
	check("/readyz?verbose", 200, "[+]database ok\n[+]ingest ok\n[+]kafka ok (went on elsewhere [+]nothing "+
		"ok)\nreadyz check passed\n")
	note = ""
	failure = errors.New("still reading its positions:\n[+]nothing ok")
	failed := "[+]database ok\n[-]ingest failed: still reading its positions: [+]nothing ok\n[+]kafka ok\nreadyz " +
		"check failed\n"
	check("/readyz", 503, failed)
	check("/readyz?verbose", 503, failed)
	check("/livez", 200, "ok")
}

func TestOpsWithoutChecksIsOK(t *testing.T) {
	ops := telemetry.OpsHandler(telemetry.Ops{Registry: telemetry.NewRegistry(), Health: &telemetry.Health{},
		Metrics: metrics()})
	for _, target := range []string{"/livez", "/readyz"} {
		if w := get(ops, "GET", target); w.Code != 200 || w.Body.String() != "ok" {
			t.Errorf("%s: %d %q", target, w.Code, w.Body)
		}
	}
}

func TestOpsMetrics(t *testing.T) {
	reg := telemetry.NewRegistry()
	ops := telemetry.OpsHandler(telemetry.Ops{Registry: reg, Health: &telemetry.Health{}, Metrics: metrics()})
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "order_placed_total", Help: "Orders stored."})
	reg.MustRegister(counter)
	counter.Add(3)
	body := get(ops, "GET", "/metrics").Body.String()
	for _, want := range []string{"order_placed_total 3\n", "go_goroutines ", "process_start_time_seconds "} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in /metrics", want)
		}
	}
}

func TestRegistriesAreApart(t *testing.T) {
	for range 2 {
		telemetry.NewRegistry().MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "same_total"}))
	}
}

func TestOpsRoutesByMethod(t *testing.T) {
	ops := telemetry.OpsHandler(telemetry.Ops{Registry: telemetry.NewRegistry(), Health: &telemetry.Health{},
		Metrics: metrics()})
	for _, path := range []string{"/metrics", "/livez", "/readyz"} {
		for _, method := range []string{"GET", "HEAD", "POST", "DELETE", "OPTIONS"} {
			w := get(ops, method, path)
			want := 405
			if method == "GET" || method == "HEAD" {
				want = 200
			}
			if w.Code != want {
				t.Errorf("%s %s: %d, want %d", method, path, w.Code, want)
			}
			if want == 405 && (w.Header().Get("Allow") != "GET, HEAD" ||
				w.Header().Get("Content-Type") != "application/problem+json") {
				t.Errorf("%s %s: headers %v", method, path, w.Header())
			}
		}
	}
	for _, path := range []string{"/", "/healthz", "/livez/", "//livez", "/debug/pprof/"} {
		if w := get(ops, "GET", path); w.Code != 404 || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("GET %s: %d %s", path, w.Code, w.Header().Get("Content-Type"))
		}
	}
}
