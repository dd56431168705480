package web_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"ordertally/shared/web"
)

func TestInstrument_HasAClosedSetOfLabels(t *testing.T) {
	reg := prometheus.NewRegistry()
	h := web.NewMetrics(reg).Instrument(orderRouter())
	for _, request := range []string{
		"GET /v1/orders/1", "GET /v1/orders/2", "HEAD /v1/orders/3", "POST /v1/orders/4", "PROPFIND /v1/orders/5",
		"GET /nowhere/6", "GET /v1//orders", "BREW /coffee", "POST /v1/orders",
	} {
		method, path, _ := strings.Cut(request, " ")
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, path, nil))
	}
	want := `
# HELP http_requests_total HTTP requests answered.
# TYPE http_requests_total counter
http_requests_total{method="GET",route="/v1/orders/{id}",status="200"} 2
http_requests_total{method="GET",route="unmatched",status="404"} 2
http_requests_total{method="HEAD",route="/v1/orders/{id}",status="200"} 1
http_requests_total{method="POST",route="/v1/orders",status="200"} 1
http_requests_total{method="POST",route="/v1/orders/{id}",status="405"} 1
http_requests_total{method="other",route="/v1/orders/{id}",status="405"} 1
http_requests_total{method="other",route="unmatched",status="404"} 1
# HELP http_requests_in_flight HTTP requests being handled now.
# TYPE http_requests_in_flight gauge
http_requests_in_flight 0
# HELP http_panics_total HTTP requests whose handler panicked.
# TYPE http_panics_total counter
http_panics_total 0
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "http_requests_total", "http_requests_in_flight",
		"http_panics_total"); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(reg, "http_request_duration_seconds"); err != nil || n != 7 {
		t.Errorf("%d duration series, want one for each method and route: %v", n, err)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
}

func TestInstrument_CountsByStatus(t *testing.T) {
	tests := map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"nothing written": {func(http.ResponseWriter, *http.Request) {}, "200"},
		"body only":       {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(nil) }, "200"},
		"header":          {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201) }, "201"},
		"early hints, then": {func(w http.ResponseWriter,
			_ *http.Request) {
			w.WriteHeader(103)
			w.WriteHeader(202)
		}, "202"},
		"second header": {func(w http.ResponseWriter,
			_ *http.Request) {
			w.WriteHeader(404)
			w.WriteHeader(200)
		}, "404"},
		"flush":   {flush, "200"},
		"aborted": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "aborted"},
		"aborted after header": {func(w http.ResponseWriter,
			_ *http.Request) {
			w.WriteHeader(206)
			panic(http.ErrAbortHandler)
		}, "206"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			h := web.NewMetrics(reg).Instrument(
				web.NewRouter([]web.Route{{Method: "GET", Path: "/", Handler: tc.handler}}))
			func() {
				defer func() { _ = recover() }()
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
			}()
			want := "# HELP http_requests_total HTTP requests answered.\n# TYPE http_requests_total counter\n" +
				`http_requests_total{method="GET",route="/",status="` + tc.want + `"} 1` + "\n"
			if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "http_requests_total"); err != nil {
				t.Error(err)
			}
		})
	}
}

func flush(w http.ResponseWriter, _ *http.Request) {
	if err := http.NewResponseController(w).Flush(); err != nil {
		panic(err)
	}
}

func TestInstrument_CountsInFlight(t *testing.T) {
	reg := prometheus.NewRegistry()
	h := web.NewMetrics(reg).Instrument(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		want := "# HELP http_requests_in_flight HTTP requests being handled now.\n# TYPE http_requests_in_flight " +
			"gauge\nhttp_requests_in_flight 1\n"
		if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "http_requests_in_flight"); err != nil {
			t.Error(err)
		}
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
}

func TestMetrics_PanicTwiceOnOneRegistry(t *testing.T) {
	reg := prometheus.NewRegistry()
	web.NewMetrics(reg)
	web.NewMetrics(prometheus.NewRegistry()) // another is fine
	defer func() {
		err, _ := recover().(error)
		if _, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); !ok {
			t.Errorf("recovered %v", err)
		}
	}()
	web.NewMetrics(reg)
}
