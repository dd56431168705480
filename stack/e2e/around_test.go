package e2e_test

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/settings/tlsfiles/tlstest"
	"ordertally/stack/stacktest"
)

// TestOrder_BehindTLS runs order with TLS on the API, mutual TLS on the ops listener, a log file, and rate limits by
// the address that a proxy reports. It checks all of that with the healthcheck command and as a client.
func TestOrder_BehindTLS(t *testing.T) {
	order := stacktest.OrderProgram(t)
	ca, dir := tlstest.NewAuthority(t), t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	ca.Issue("order", file("cert.pem"), file("key.pem"))
	api, ops := stacktest.FreePort(t), stacktest.FreePort(t)
	settings := "listen: " + api + "\nops-listen: " + ops + "\ndata: " + file("order.db") + "\nkafka: 127.0.0.1:1\n" +
		"tls-cert-file: " + file("cert.pem") + "\ntls-key-file: " + file("key.pem") + "\n" +
		"ops-tls-cert-file: " + file("cert.pem") + "\nops-tls-key-file: " + file("key.pem") +
		"\nops-tls-client-ca-file: " + ca.File + "\n" +
		"log-file: " + file("order.log") +
		"\nrate-limit-address: 0.05\nrate-limit-burst: 60s\ntrusted-proxies: 127.0.0.0/8\n"
	if err := os.WriteFile(file("order.yaml"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	health := func(args ...string) (string, int) {
		return stacktest.Command(t, nil, order,
			append([]string{"healthcheck", "--config", file("order.yaml")}, args...)...)
	}
	if said, code := health(); code != 1 || !strings.Contains(said, "does not answer") {
		t.Errorf("healthcheck of what does not run: exit %d, %s", code, said)
	}
	stacktest.Run(t, stacktest.Serving{Program: order, Args: []string{"serve", "--config", file("order.yaml")}})
	clocktest.Eventually(t, "order has started",
		func() bool { _, code := health("--check", "startupz"); return code == 0 })
	said, code := health()
	for _, part := range []string{"database", "relay", "indexes", "admission", "API keys", "background"} {
		if code != 0 || !strings.Contains(said, "[+]"+part+" ok") {
			t.Errorf("healthcheck: exit %d without %s: %s", code, part, said)
		}
	}

	client := func(certs ...tls.Certificate) *http.Client {
		return &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
			TLSClientConfig: &tls.Config{RootCAs: ca.Pool, Certificates: certs}}}
	}
	if _, err := client().Get("https://" + ops + "/livez"); err == nil {
		t.Error("the ops listener answers a client without a certificate")
	}
	if response, err := http.Get("http://" + api + "/"); err == nil {
		_ = response.Body.Close()
		if response.StatusCode != http.StatusBadRequest {
			t.Errorf("plain HTTP: %s", response.Status)
		}
	}
	for i, from := range []string{"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"} { // as a proxy tells
		want := http.StatusNotFound
		if i == 3 {
			want = http.StatusTooManyRequests
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+api+"/v1/orders/none", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Forwarded-For", from)
		response, err := client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want || response.Header.Get("RateLimit-Policy") != `"address";q=3;w=60` {
			t.Errorf("request %d: %s, %v", i, response.Status, response.Header)
		}
	}

	admin := client(ca.Client("operator"))
	level := func(method, body string) (status int, level string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "https://"+ops+"/loglevel", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		response, err := admin.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		text, _ := io.ReadAll(response.Body)
		var answer struct{ Level string }
		_ = json.Unmarshal(text, &answer)
		return response.StatusCode, answer.Level
	}
	logged := func(text string) int {
		content, err := os.ReadFile(file("order.log"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(content), text)
	}
	before := logged(`"status":429`)
	if before != 1 {
		t.Errorf("%d lines of the refused request", before)
	}
	for _, step := range []struct {
		method, body string
		status       int
		level        string
	}{
		{http.MethodGet, "", 200, "info"}, {http.MethodPut, `{"level":"error"}`, 200, "error"},
		{http.MethodPut, `{"level":"loud"}`, 422, ""},
		{http.MethodPut, `{"level":null}`, 400, ""}, {http.MethodPut, `level=debug`, 400, ""},
		{http.MethodGet, "", 200, "error"},
	} {
		if status, level := level(step.method, step.body); status != step.status || level != step.level {
			t.Errorf("%s %s: %d %q, want %d %q", step.method, step.body, status, level, step.status, step.level)
		}
	}
	if response, err := client().Get("https://" + api + "/"); err == nil {
		_ = response.Body.Close()
	}
	if after := logged(`"status":429`); after != before {
		t.Errorf("at level error %d more requests are logged", after-before)
	}
	if status, level := level(http.MethodPut, `{"level":"debug"}`); status != 200 || level != "debug" {
		t.Errorf("%d %q", status, level)
	}
	clocktest.Eventually(t, "debug lines are logged", func() bool { return logged(`"level":"debug"`) > 0 })
}
