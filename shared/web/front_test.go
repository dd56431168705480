package web_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"ordertally/shared/service/telemetry/tracing"
	"ordertally/shared/web"
)

// front answers at /ok, /missing, /broken and /cut, and logs to the buffer.
func front() (http.Handler, *bytes.Buffer) { return frontThat(false) }

func frontThat(isQuiet bool) (http.Handler, *bytes.Buffer) {
	var log bytes.Buffer
	f := web.Front{Metrics: web.NewMetrics(prometheus.NewRegistry()), Tracing: &tracing.Tracing{},
		Logger: zerolog.New(&log), Quiet: isQuiet}
	return f.Wrap(web.NewRouter([]web.Route{
		{Method: http.MethodPost, Path: "/{what:ok}", Handler: func(w http.ResponseWriter, r *http.Request) {
			web.NoteCaller(r.Context(), "shop")
			_, _ = w.Write([]byte(web.Trace(r.Context()).Parent))
		}},
		{Method: http.MethodGet, Path: "/broken",
			Handler: func(http.ResponseWriter, *http.Request) { panic("secret cause") }},
		{Method: http.MethodGet, Path: "/cut",
			Handler: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
	})), &log
}

func lines(t *testing.T, log *bytes.Buffer) (all []map[string]any) {
	t.Helper()
	for text := range strings.Lines(log.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		all = append(all, line)
	}
	log.Reset()
	return all
}

func TestFront_LogsARequest(t *testing.T) {
	h, log := front()
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	r := httptest.NewRequest(http.MethodPost, "/ok?customer=secret", strings.NewReader("secret body"))
	r.Header.Set("traceparent", parent)
	r.Header.Set("Authorization", "Bearer secret")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Body.String() != parent {
		t.Errorf("what goes on with a message is %s", w.Body)
	}
	if text := log.String(); strings.Contains(text, "secret") {
		t.Errorf("the log tells what it should not: %s", text)
	}
	line := lines(t, log)[0]
	for field, want := range map[string]any{
		"level": "info", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "method": "POST", "route": "/{what:ok}",
		"status": 200.0,
		"caller": "shop", "remote": "192.0.2.1:1234", "message": "request",
	} {
		if line[field] != want {
			t.Errorf("%s: %v, want %v", field, line[field], want)
		}
	}
	if d, ok := line["duration_ms"].(float64); !ok || d <= 0 || d > 60_000 {
		t.Errorf("duration_ms: %v", line["duration_ms"])
	}
}

func TestFront_GivesARequestWithoutATraceATraceID(t *testing.T) {
	h, log := front()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/broken", nil))
	var answer struct {
		TraceID string `json:"trace_id"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 500 || len(answer.TraceID) != 32 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	all := lines(t, log)
	if len(all) != 2 || all[0]["trace_id"] != answer.TraceID || all[1]["trace_id"] != answer.TraceID ||
		all[0]["panic"] != "secret cause" || all[1]["status"] != 500.0 || all[1]["level"] != "warn" {
		t.Errorf("the log: %v", all)
	}
	w = httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/ok", nil))
	if w.Body.Len() > 0 {
		t.Errorf("a message of a request without a trace has the traceparent %s", w.Body)
	}
}

func TestFront_LogsARequestThatIsCut(t *testing.T) {
	h, log := front()
	func() {
		defer func() { _ = recover() }()
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/cut", nil))
	}()
	if all := lines(t, log); len(all) != 1 || all[0]["status"] != 0.0 || all[0]["level"] != "warn" {
		t.Errorf("the log: %v", all)
	}
}

func TestFront_SamplesTheLogOfAFlood(t *testing.T) {
	h, log := front()
	for range 5000 {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/missing", nil))
	}
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/broken", nil))
	all := lines(t, log)
	if len(all) < 100 || len(all) > 1000 || all[len(all)-1]["status"] != 500.0 {
		t.Errorf("%d lines, the last of them %v", len(all), all[len(all)-1])
	}
}

func TestFront_LogsOnlyFailuresWhenQuiet(t *testing.T) {
	h, log := frontThat(true)
	for _, path := range []string{"/missing", "/broken"} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
	}
	for _, line := range lines(t, log) {
		if want := map[any]string{404.0: "debug", 500.0: "warn"}[line["status"]]; line["message"] == "request" &&
			line["level"] != want {
			t.Errorf("%v, want level %s", line, want)
		}
	}
}
