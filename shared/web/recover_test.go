package web_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"

	"ordertally/shared/web"
)

// logBuffer is written by the server's goroutines and read by the test.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.FieldsFunc(b.buf.String(), func(r rune) bool { return r == '\n' })
}

// serve starts a server with the whole chain and returns its URL, its log, and its registry.
func serve(t *testing.T, handlers map[string]http.HandlerFunc) (url string, log *logBuffer, reg *prometheus.Registry) {
	t.Helper()
	var routes []web.Route
	for path, handler := range handlers {
		routes = append(routes, web.Route{Method: "GET", Path: path, Handler: handler})
	}
	log = &logBuffer{}
	reg = prometheus.NewRegistry()
	m := web.NewMetrics(reg)
	server := web.New(web.Config{
		Addr:    "127.0.0.1:0",
		Handler: m.Instrument(m.Recover(zerolog.New(log), web.NewRouter(routes))),
	}, zerolog.New(log))
	start(t, server)
	return "http://" + server.Addr(), log, reg
}

func get(t *testing.T, url string) (*http.Response, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

func TestRecover(t *testing.T) {
	url, log, reg := serve(t, map[string]http.HandlerFunc{
		"/boom": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/secret")
			panic("customer 17850's secret")
		},
		"/half": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("half"))
			flush(w, nil)
			panic(errors.New("in the middle"))
		},
		"/abort": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"/fine":  func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("fine")) },
	})

	resp, body, err := get(t, url+"/boom")
	if err != nil || resp.StatusCode != 500 || resp.Header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("%v, %v", resp, err)
	}
	if strings.Contains(body, "secret") || !strings.Contains(body, `"code":"internal"`) ||
		resp.Header.Get("Location") != "" {
		t.Errorf("body %s, headers %v", body, resp.Header)
	}
	lines := log.lines()
	if len(lines) != 2 { // the first is "listening"
		t.Fatalf("log %q, want one line for the panic", lines)
	}
	var line map[string]any
	if err := json.Unmarshal([]byte(lines[1]), &line); err != nil {
		t.Fatal(err)
	}
	stack, _ := line["stack"].(string)
	if line["level"] != "error" || line["panic"] != "customer 17850's secret" ||
		!strings.Contains(stack, "recover_test.go") {
		t.Errorf("log line %v", line)
	}

	if resp, body, err := get(t, url+"/half"); err == nil {
		t.Errorf("half an answer looked whole: %d %q", resp.StatusCode, body)
	}
	if n := len(log.lines()); n != 3 {
		t.Errorf("log %q, want one more line", log.lines())
	}
	if _, _, err := get(t, url+"/abort"); err == nil {
		t.Error("/abort was answered")
	}
	if n := len(log.lines()); n != 3 {
		t.Errorf("log %q, want none for http.ErrAbortHandler", log.lines())
	}
	if _, body, err := get(t, url+"/fine"); err != nil || body != "fine" {
		t.Errorf("after the panics: %q, %v", body, err)
	}
	want := "# HELP http_panics_total HTTP requests whose handler panicked.\n# TYPE http_panics_total " +
		"counter\nhttp_panics_total 2\n"
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "http_panics_total"); err != nil {
		t.Error(err)
	}
}
