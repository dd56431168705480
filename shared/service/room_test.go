package service

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"ordertally/shared/auth"
	"ordertally/shared/service/telemetry"
	"ordertally/shared/web"
)

// TestOps_KeepsRoomForHealthChecks opens more connections than the ops listener allows. They do as little as they can,
// in every way. Meanwhile it asks for the health on connections of its own.
func TestOps_KeepsRoomForHealthChecks(t *testing.T) {
	const many = 250
	for name, hold := range map[string]struct {
		send string
		read bool // an answer, before the connection is left open
	}{
		"idle":          {send: ""},
		"a byte":        {send: "G"},
		"half a header": {send: "GET /livez HTTP/1.1\r\nHost: a\r\nX-Slow: "},
		"half a body": {send: "PUT /loglevel HTTP/1.1\r\nHost: localhost\r\nContent-Type: " +
			"application/json\r\nContent-Length: 1000\r\n\r\n{"},
		"a body of a GET":   {send: "GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{"},
		"kept alive":        {send: "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n", read: true},
		"scrapes, not read": {send: "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\nGET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			addr := opsListener(t)
			for range many {
				conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = conn.Close() })
				if _, err := io.WriteString(conn, hold.send); err != nil && name != "scrapes, not read" {
					t.Fatal(err)
				}
				if hold.read {
					if _, err := conn.Read(make([]byte, 1)); err != nil {
						t.Fatal(err)
					}
				}
			}
			began := time.Now()
			for _, path := range []string{"/livez", "/readyz", "/livez"} {
				if status := healthOf(t, addr, path); status != http.StatusOK {
					t.Errorf("%s: %d", path, status)
				}
			}
			t.Logf("three checks took %v", time.Since(began))
		})
	}
}

// healthOf asks on a connection of its own, as a kubelet does.
func healthOf(t *testing.T, addr, path string) (status int) {
	t.Helper()
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(r)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return 0
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// opsListener starts one that has metrics enough for an answer of 200 KB.
func opsListener(t *testing.T) (addr string) {
	t.Helper()
	reg := prometheus.NewRegistry()
	numbers := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "some_number", Help: "One of many."}, []string{"of"})
	reg.MustRegister(numbers)
	for i := range 5000 {
		numbers.WithLabelValues(fmt.Sprintf("a label of some length %d", i)).Set(float64(i))
	}
	ops := telemetry.Ops{Registry: reg, Health: &telemetry.Health{}, Guard: auth.Unguarded(),
		Metrics: web.NewMetrics(reg)}
	ops.Health.Register("well", func(context.Context) error { return nil }, telemetry.Live|telemetry.Ready)
	ops.Level, ops.Logger = &telemetry.Level{}, zerolog.Nop()
	server, err := opsServer(&Config{OpsListen: "127.0.0.1:0"}, ops)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Millisecond)
		defer cancel()
		_ = server.Stop(ctx) // cuts off those that are held
	})
	return server.Addr()
}
