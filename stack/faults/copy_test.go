package faults_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/settings"
	"ordertally/stack/kafka"
	"ordertally/stack/stacktest"
)

// TestOrder_OfACopiedFileIsFencedAndForks copies the file of a service that is stopped for the moment, and starts a
// second service on the copy. Both accept orders. The first is fenced, and forks when it is restarted.
func TestOrder_OfACopiedFileIsFencedAndForks(t *testing.T) {
	cluster := kafka.ForTest(t)
	dir := t.TempDir()
	original := filepath.Join(dir, "original.db")
	var acked stacktest.Acknowledged
	program := stacktest.OrderProgram(t)
	serve := func(data string) *stacktest.Program {
		t.Helper()
		return stacktest.Serve(t, stacktest.Serving{Program: program, Data: data, Kafka: cluster.Addr()})
	}
	first := serve(original)
	for range 200 {
		if !acked.Place(first.URL()) {
			t.Fatal("an order was not placed")
		}
	}
	clocktest.Eventually(t, "the original publishes",
		func() bool { return stacktest.Metric(t, first.Ops, "order_outbox_backlog_messages") == 0 })
	if err := first.Cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(dir, "copy.db")
	data, err := os.ReadFile(original)
	if err == nil {
		err = os.WriteFile(copied, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	second := serve(copied)
	for range 100 {
		if !acked.Place(second.URL()) {
			t.Fatal("the copy placed no order")
		}
	}
	clocktest.Eventually(t, "the copy publishes",
		func() bool { return stacktest.Metric(t, second.Ops, "order_outbox_backlog_messages") == 0 })
	if err := first.Cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	resumed := time.Now()
	alone := 0
	for time.Since(resumed) < 10*time.Second && acked.Place(first.URL()) { // until it is fenced
		alone++
	}
	if code := first.ExitCode(10 * time.Second); code != settings.ExitFenced {
		t.Fatalf("exit code %d, want %d", code, settings.ExitFenced)
	}
	t.Logf("fenced and gone %s after it went on, with %d orders of its own",
		time.Since(resumed).Round(time.Millisecond), alone)
	if alone == 0 {
		t.Fatal("the original placed no order of its own: the test shows nothing")
	}
	for range 50 {
		acked.Place(second.URL())
	}
	again := serve(original)
	for range 50 {
		if !acked.Place(again.URL()) || !acked.Place(second.URL()) {
			t.Fatal("an order was not placed")
		}
	}
	acked.InTopicOnce(t, cluster.Addr())
	var report struct {
		Incidents  []struct{ Kind string }
		HandedOver int `json:"handed_over"`
	}
	stacktest.GetJSON(t, again.URL()+"/v1/outbox", &report)
	if len(report.Incidents) < 2 || report.Incidents[0].Kind != "forked" || report.Incidents[1].Kind != "fenced" ||
		report.HandedOver != 0 {
		t.Errorf("the report says %+v", report)
	}
	status, err := exec.Command(program, "status", "--target", again.URL()).CombinedOutput()
	if text := string(status); err != nil || !strings.Contains(text, " forked: ") ||
		!strings.Contains(text, " fenced: ") || !strings.Contains(text, "up since") {
		t.Errorf("order status: %v\n%s", err, status)
	}
	t.Logf("%d orders acknowledged by either; order status says\n%s", len(acked.IDs), status)
}
