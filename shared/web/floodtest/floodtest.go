// Package floodtest sends an API a flood of requests that fail.
package floodtest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"

	"ordertally/shared/service/telemetry/tracing"
	"ordertally/shared/web"
)

// Run sends an API a thousand GET requests in one second for a path that fails because of cause. The log must have some
// of them only, because each error line costs an fsync. The metrics must count all.
func Run(t *testing.T, path, route, cause string, create func(zerolog.Logger) (api http.Handler, stop func())) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { // fake time: all requests fall into one second
		var log bytes.Buffer
		reg := prometheus.NewRegistry()
		api, stop := create(zerolog.New(&log))
		defer stop()
		front := web.Front{Metrics: web.NewMetrics(reg), Tracing: &tracing.Tracing{}, Logger: zerolog.Nop()}
		h := front.Wrap(api)
		for range 1000 {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
			if w.Code != http.StatusInternalServerError {
				t.Fatal(w.Code, w.Body)
			}
		}
		first, _, _ := strings.Cut(log.String(), "\n")
		var line struct {
			Level, Error, Path string
			Status             int
			TraceID            string `json:"trace_id"`
		}
		if err := json.Unmarshal([]byte(first), &line); err != nil {
			t.Fatal(err)
		}
		if line.Level != "error" || line.Error != cause || line.Path != path ||
			line.Status != http.StatusInternalServerError || len(line.TraceID) != 32 {
			t.Errorf("line %s", first)
		}
		if n := strings.Count(log.String(), "\n"); n < 100 || n > 110 {
			t.Errorf("%d lines of 1000 failures", n)
		}
		want := "# HELP http_requests_total HTTP requests answered.\n# TYPE http_requests_total counter\n" +
			`http_requests_total{method="GET",route="` + route + `",status="500"} 1000` + "\n"
		if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "http_requests_total"); err != nil {
			t.Error(err)
		}
	})
}
