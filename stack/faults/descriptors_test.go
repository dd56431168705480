package faults_test

import (
	"net"
	"testing"
	"time"

	"ordertally/shared/clock/clocktest"
	"ordertally/stack/stacktest"
)

// TestOrder_ItsConnectionsLeaveDescriptorsForTheRest opens connections until the process may have no more. That keeps
// out new clients of the API, but not health checks.
func TestOrder_ItsConnectionsLeaveDescriptorsForTheRest(t *testing.T) {
	s := stacktest.Serve(t, stacktest.Serving{
		Program: stacktest.OrderProgram(t), Under: []string{"sh", "-c", `ulimit -n 200 && exec "$0" "$@"`},
		Args: []string{"--read-header-timeout", "1m"}, // the connections send nothing
	})

	var held []net.Conn
	for range 260 {
		conn, err := net.Dial("tcp", s.API)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, conn)
	}
	refused := func() float64 { return stacktest.Metric(t, s.Ops, "http_connections_refused_total") }
	clocktest.Within(t, 10*time.Second, "those beyond the limit are closed, and metrics are answered",
		func() bool { return refused() >= 160 })
	for _, path := range []string{"/livez", "/readyz"} {
		if !stacktest.Healthy("http://" + s.Ops + path) {
			t.Errorf("%s fails while the API has all its connections", path)
		}
	}
	for _, conn := range held {
		_ = conn.Close()
	}
	clocktest.Within(t, 10*time.Second, "the API answers again",
		func() bool { return stacktest.Healthy(s.URL() + "/v1/orders") })
}
