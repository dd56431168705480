package stack_test

import (
	"net"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestConnectionsLeaveDescriptorsForTheRest: somebody who opens connections until the process may have no more keeps
// new clients of the API out, and not those who ask how the service is.
func TestConnectionsLeaveDescriptorsForTheRest(t *testing.T) {
	order, err := orderProgram()
	if err != nil {
		t.Fatal(err)
	}
	api, ops := freePort(t), freePort(t)
	const limit = `ulimit -n 200 && exec "$0" "$@"`
	cmd := exec.Command("sh", "-c", limit, order, "serve", "--listen", api, "--ops-listen", ops, "--data",
		filepath.Join(t.TempDir(), "order.db"), "--kafka", "127.0.0.1:1",
		"--read-header-timeout", "1m") // the connections send nothing
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	well := func(url string) bool { status, err := get(url); return err == nil && status == 200 }
	eventually(t, 30*time.Second, "order answers", func() bool { return well("http://" + ops + "/readyz") })

	var held []net.Conn
	for range 260 {
		conn, err := net.Dial("tcp", api)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, conn)
	}
	refused := func() float64 { return metric(t, ops, "http_connections_refused_total") }
	eventually(t, 10*time.Second, "those beyond the limit are closed, and metrics are answered",
		func() bool { return refused() >= 160 })
	for _, path := range []string{"/livez", "/readyz"} {
		if !well("http://" + ops + path) {
			t.Errorf("%s fails while the API has all its connections", path)
		}
	}
	for _, conn := range held {
		_ = conn.Close()
	}
	eventually(t, 10*time.Second, "the API answers again", func() bool { return well("http://" + api + "/v1/orders") })
}
