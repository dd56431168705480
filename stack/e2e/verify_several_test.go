package e2e_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"ordertally/activity/verify"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/stack/stacktest"
)

// TestVerify_ComparesSeveralOrderServices has two order services on one topic, and one activity that counts the orders
// of both. The count equals both together, and neither alone. An uncounted order is named with its service.
func TestVerify_ComparesSeveralOrderServices(t *testing.T) {
	broker := devbrokertest.Start(t, devbroker.Config{DataDir: t.TempDir()}).Addr()
	first, second := stacktest.StartServices(t, t.TempDir(), broker), stacktest.StartServices(t, t.TempDir(), broker)
	for range 3 {
		first.Place(`{"sku":"a","quantity":1,"unit_price":5}`)
	}
	second.Place(`{"sku":"a","quantity":2,"unit_price":100}`)
	clocktest.Eventually(t, "every order is counted", func() bool {
		return stacktest.Metric(t, first.Addresses.ActivityOps, "activity_counted_total") == 4 &&
			stacktest.Lag(t, first.Addresses.ActivityOps) == 0
	})
	path := stacktest.ActivityProgram(t)
	run := func(args ...string) (string, error) {
		output, err := exec.Command(path,
			append([]string{"verify", "--target", first.ActivityURL()}, args...)...).CombinedOutput()
		return string(output), err
	}
	both := first.OrderURL() + "," + second.OrderURL()
	if said, err := run("--orders", both); err != nil ||
		said != "4 published orders on 1 day compared: all agree; all orders are published\n" {
		t.Errorf("both: %v: %s", err, said)
	}
	if said, err := run("--orders", first.OrderURL(), "--orders", second.OrderURL()); err != nil {
		t.Errorf("each with its flag: %v: %s", err, said)
	}
	if said, err := run("--orders", second.OrderURL()); err == nil ||
		!strings.Contains(said, "the order service has 1 order (GBP 200 in minor units), activity counted 4 (GBP "+
			"215)\n") ||
		!strings.Contains(said, "3 were counted that the order service does not have") {
		t.Errorf("the second alone: %v: %s", err, said)
	}
	for _, twice := range []string{first.OrderURL() + "," + first.OrderURL(),
		first.OrderURL() + "," + strings.ToUpper(first.OrderURL()[:4]) + first.OrderURL()[4:] + "/"} {
		if said, err := run("--orders", twice); err == nil || !strings.Contains(said, "is named twice") {
			t.Errorf("%s: %v: %s", twice, err, said)
		}
	}

	// A service that reads another topic has counted none of them.
	empty := stacktest.Serve(t, stacktest.Serving{Program: path, Kafka: broker,
		Args: []string{"--topic", "nothing.v1"}})
	said, _ := run("--orders", both, "--target", empty.URL(), "-o", "json")
	var report verify.Report
	if err := json.Unmarshal([]byte(said[:strings.IndexByte(said, '\n')]), &report); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if quarter := report.Days[0].Differ[0]; len(quarter.Missing) != 4 ||
		quarter.Missing[0].Service == quarter.Missing[3].Service {
		t.Errorf("got %+v", quarter)
	}
}
