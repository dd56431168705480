package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"

	"ordertally/shared/service/lifecycle"
	"ordertally/shared/service/telemetry"
)

func TestAPartThatPanicsOnceGoesOn(t *testing.T) {
	var log bytes.Buffer
	reg, group, health := prometheus.NewRegistry(), lifecycle.NewGroup(), &telemetry.Health{}
	parts := telemetry.NewParts(group, health, reg, zerolog.New(&log))
	again := make(chan struct{})
	first := true
	parts.Go("relay", func(ctx context.Context) error {
		if first {
			first = false
			panic("a message nobody thought of")
		}
		close(again)
		<-ctx.Done()
		return nil
	}, func(context.Context) error { return errors.New("stalled") })
	<-again
	results := health.Run(t.Context(), telemetry.Live)
	if len(results) != 1 || results[0].Name != "relay" || results[0].Err == nil || results[0].Err.Error() != "stalled" {
		t.Errorf("health: %v, want what the part's own check says", results)
	}
	if err := group.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	for _, want := range []string{`"part":"relay"`, "a message nobody thought of", "parts_test.go"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s: %s", want, &log)
		}
	}
	want := "# HELP background_panics_total Panics of background parts, after each of which the part was started " +
		"again.\n" +
		"# TYPE background_panics_total counter\nbackground_panics_total{part=\"relay\"} 1\n"
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

// TestParts_RepeatedPanicsAreNotLive exists because restarting the part does not help then, but restarting the process
// may.
func TestParts_RepeatedPanicsAreNotLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		group, health := lifecycle.NewGroup(), &telemetry.Health{}
		parts := telemetry.NewParts(group, health, prometheus.NewRegistry(), zerolog.Nop())
		ops := telemetry.OpsHandler(telemetry.Ops{Registry: prometheus.NewRegistry(), Health: health,
			Metrics: metrics()})
		panics := make(chan struct{})
		sick := func(ctx context.Context) error {
			select {
			case <-panics:
				panic("again")
			case <-ctx.Done():
				return nil
			}
		}
		parts.Go("relay", sick, nil)
		parts.Go("ingest", func(ctx context.Context) error { <-ctx.Done(); return nil }, nil)
		for n := range 3 {
			if w := get(ops, http.MethodGet, "/livez"); w.Code != 200 {
				t.Errorf("after %d panics: %d %s", n, w.Code, w.Body)
			}
			panics <- struct{}{}
			synctest.Wait()
		}
		w := get(ops, http.MethodGet, "/livez")
		if w.Code != 503 || !strings.Contains(w.Body.String(), "[-]relay failed: panicked 3 times") ||
			!strings.Contains(w.Body.String(), "[+]ingest ok") {
			t.Errorf("after three panics: %d %s", w.Code, w.Body)
		}
		if err := group.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
