package service

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"ordertally/shared/auth"
	"ordertally/shared/service/telemetry"
	"ordertally/shared/web"
)

// TestOps_SurvivesAPanic asks a service's ops listener for a check that panics, and then for the others.
func TestOps_SurvivesAPanic(t *testing.T) {
	var log bytes.Buffer
	reg, health := prometheus.NewRegistry(), &telemetry.Health{}
	health.Register("sick", func(context.Context) error { panic("secret cause") }, telemetry.Live)
	server, err := opsServer(&Config{OpsListen: "127.0.0.1:0"}, telemetry.Ops{
		Registry: reg, Health: health, Guard: auth.Unguarded(), Metrics: web.NewMetrics(reg),
		Logger: zerolog.New(zerolog.SyncWriter(&log)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(path string) (int, string) {
		t.Helper()
		response, err := client.Get("http://" + server.Addr() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		return response.StatusCode, string(text)
	}
	if status, text := get("/livez"); status != 500 || !strings.Contains(text, `"code":"internal"`) ||
		strings.Contains(text, "secret") {
		t.Errorf("/livez: %d %s", status, text)
	}
	if status, text := get("/readyz"); status != 200 {
		t.Errorf("/readyz: %d %s", status, text)
	}
	if status, text := get("/metrics"); status != 200 || !strings.Contains(text, "\nhttp_panics_total 1\n") {
		t.Errorf("/metrics: %d %s", status, text)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
	defer cancel()
	if err := server.Stop(ctx); err != nil {
		t.Error(err)
	}
	if n := strings.Count(log.String(), "check sick: secret cause"); n != 1 { // read when nobody writes any more
		t.Errorf("%d lines of the panic: %s", n, &log)
	}
}
