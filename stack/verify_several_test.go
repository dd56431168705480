package stack_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ordertally/activity/verify"
)

// TestVerify_ComparesSeveralOrderServices has two order services on one topic, whose orders one activity counts: it is
// equal to both together, and to neither alone. An order that was not counted is named with its service.
func TestVerify_ComparesSeveralOrderServices(t *testing.T) {
	broker := startDevBroker(t)
	first, second := startServices(t, t.TempDir(), broker), startServices(t, t.TempDir(), broker)
	for range 3 {
		place(t, first, `{"sku":"a","quantity":1,"unit_price":5}`)
	}
	place(t, second, `{"sku":"a","quantity":2,"unit_price":100}`)
	eventually(t, time.Minute, "every order is counted", func() bool {
		return metric(t, first.addresses.activityOps, "activity_counted_total") == 4 &&
			lag(t, first.addresses.activityOps) == 0
	})
	path, err := activityPath()
	if err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (string, error) {
		output, err := exec.Command(path,
			append([]string{"verify", "--target", first.activityURL()}, args...)...).CombinedOutput()
		return string(output), err
	}
	both := first.orderURL() + "," + second.orderURL()
	if said, err := run("--orders", both); err != nil ||
		said != "4 published orders on 1 day compared; all orders are published\n" {
		t.Errorf("both: %v: %s", err, said)
	}
	if said, err := run("--orders", first.orderURL(), "--orders", second.orderURL()); err != nil {
		t.Errorf("each with its flag: %v: %s", err, said)
	}
	if said, err := run("--orders", second.orderURL()); err == nil ||
		!strings.Contains(said, "the order service has 1 order (GBP 200 in minor units), activity counted 4 (GBP "+
			"215)\n") ||
		!strings.Contains(said, "3 were counted that the order service does not have") {
		t.Errorf("the second alone: %v: %s", err, said)
	}
	for _, twice := range []string{first.orderURL() + "," + first.orderURL(),
		first.orderURL() + "," + strings.ToUpper(first.orderURL()[:4]) + first.orderURL()[4:] + "/"} {
		if said, err := run("--orders", twice); err == nil || !strings.Contains(said, "is named twice") {
			t.Errorf("%s: %v: %s", twice, err, said)
		}
	}

	// One that reads another topic has counted none of them.
	empty := serveActivity(t, filepath.Join(t.TempDir(), "activity.db"), broker, "--topic", "nothing.v1")
	said, _ := run("--orders", both, "--target", empty.url, "-o", "json")
	var report verify.Report
	if err := json.Unmarshal([]byte(said[:strings.IndexByte(said, '\n')]), &report); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if quarter := report.Days[0].Differ[0]; len(quarter.Missing) != 4 ||
		quarter.Missing[0].Service == quarter.Missing[3].Service {
		t.Errorf("got %+v", quarter)
	}
}
