package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"

	"ordertally/shared/service/lifecycle"
	"ordertally/shared/service/telemetry"
	"ordertally/shared/web"
)

// sick must show up in the stack.
func sick() error { panic("secret cause") }

// collects is a collector that panics in a goroutine of package prometheus.
type collects struct{}

func (collects) Describe(descs chan<- *prometheus.Desc) {
	descs <- prometheus.NewDesc("sick", "Never collected.", nil, nil)
}
func (collects) Collect(chan<- prometheus.Metric) { panic("collector") }

// TestOps_APanicIsAnAnswer checks that each panic is a 500 without the cause, is logged with the stack, and is counted.
func TestOps_APanicIsAnAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		path  string
		panic func(*telemetry.Health, *prometheus.Registry)
	}{
		"a check": {"/livez", func(h *telemetry.Health, _ *prometheus.Registry) {
			h.Register("fine", func(context.Context) error { return nil }, telemetry.Live)
			h.Register("sick", func(context.Context) error { return sick() }, telemetry.Live)
		}},
		"a note": {"/readyz", func(h *telemetry.Health, _ *prometheus.Registry) {
			h.RegisterNoted("sick", func(context.Context) error { return nil }, telemetry.Ready,
				func() string { return sick().Error() })
		}},
		"a metric": {"/metrics", func(_ *telemetry.Health, reg *prometheus.Registry) {
			reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "sick", Help: "Panics."},
				func() float64 { _ = sick(); return 0 }))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			reg, health := prometheus.NewRegistry(), &telemetry.Health{}
			ops := telemetry.OpsHandler(
				telemetry.Ops{Registry: reg, Health: health, Metrics: web.NewMetrics(reg), Logger: zerolog.New(&log)})
			tc.panic(health, reg)
			for n := range 2 {
				w := get(ops, http.MethodGet, tc.path)
				if w.Code != 500 || w.Header().Get("Content-Type") != "application/problem+json" ||
					strings.Contains(w.Body.String(), "secret") {
					t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
				}
				if lines := strings.Count(log.String(), "\n"); lines != n+1 {
					t.Errorf("%d lines: %s", lines, &log)
				}
			}
			for _, want := range []string{`"level":"error"`, "secret cause", "telemetry_test.sick("} {
				if !strings.Contains(log.String(), want) {
					t.Errorf("the log lacks %s: %s", want, &log)
				}
			}
			if name == "a check" && !strings.Contains(log.String(), "check sick: secret cause") {
				t.Errorf("which check? %s", &log)
			}
			want := "# HELP http_panics_total HTTP requests whose handler panicked.\n# TYPE http_panics_total " +
				"counter\nhttp_panics_total 2\n"
			if name == "a metric" {
				return // it cannot be gathered, now or ever
			}
			if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "http_panics_total"); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestHealth_AnErrorAboutAPanicIsNoPanicOfTheCheck checks that an error about a part's panic is not taken for a panic
// of the check.
func TestHealth_AnErrorAboutAPanicIsNoPanicOfTheCheck(t *testing.T) {
	reg, health := prometheus.NewRegistry(), &telemetry.Health{}
	health.Register("background", func(context.Context) error {
		return &lifecycle.PanicError{Value: errors.New("relay")}
	}, telemetry.Live)
	ops := telemetry.OpsHandler(telemetry.Ops{Registry: reg, Health: health, Metrics: web.NewMetrics(reg)})
	if w := get(ops, http.MethodGet, "/livez"); w.Code != 503 ||
		!strings.Contains(w.Body.String(), "[-]background failed: panic: relay") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestOps_LeavesOutACollectorThatPanics: the others are worth having.
func TestOps_LeavesOutACollectorThatPanics(t *testing.T) {
	var log bytes.Buffer
	reg := prometheus.NewRegistry()
	ops := telemetry.OpsHandler(telemetry.Ops{Registry: reg, Health: &telemetry.Health{}, Metrics: web.NewMetrics(reg),
		Logger: zerolog.New(&log)})
	reg.MustRegister(collects{})
	w := get(ops, http.MethodGet, "/metrics")
	if w.Code != 200 || !strings.Contains(w.Body.String(), "http_panics_total 0\n") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, want := range []string{`"level":"error"`, "a metric could not be collected", "error=collector",
		"ops_panic_test.go"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s: %s", want, &log)
		}
	}
	if body := get(ops, http.MethodGet, "/metrics").Body.String(); !strings.Contains(body,
		`promhttp_metric_handler_errors_total{cause="gathering"} 1`) {
		t.Errorf("not counted: %s", body)
	}
}
