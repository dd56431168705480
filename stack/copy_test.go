package stack_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka/brokertest"
	"ordertally/shared/settings"
	"ordertally/stack/kafka"
)

// get returns the status of an answer.
func get(url string) (int, error) {
	response, err := http.Get(url)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// acknowledged notes the ids of orders that were answered with 201.
type acknowledged struct {
	mu  sync.Mutex
	ids []string
}

// place posts an order; it reports whether it was stored.
func (a *acknowledged) place(base string) bool {
	response, err := http.Post(base+"/v1/orders", "application/json",
		strings.NewReader(`{"currency":"EUR","lines":[{"sku":"a","quantity":1,"unit_price":100}]}`))
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	var placed struct {
		ID string `json:"id"`
	}
	if response.StatusCode != http.StatusCreated || json.NewDecoder(response.Body).Decode(&placed) != nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ids = append(a.ids, placed.ID)
	return true
}

// inTopicOnce waits until everything acknowledged is in the topic, and checks that it is there once, by order and by
// lineage and slot.
func (a *acknowledged) inTopicOnce(t *testing.T, address string) {
	t.Helper()
	subjects, slots := map[string]int{}, map[string]int{}
	eventually(t, time.Minute, "all acknowledged orders are in the topic", func() bool {
		clear(subjects)
		clear(slots)
		for _, record := range brokertest.ReadAll(t, address, event.Topic) {
			envelope, err := cloudevent.Parse(record.Headers)
			if err != nil {
				t.Fatal(err)
			}
			subjects[envelope.Subject]++
			slots[fmt.Sprint(envelope.Lineage, envelope.Sequence)]++
		}
		return !slices.ContainsFunc(a.ids, func(id string) bool { return subjects[id] == 0 })
	})
	for id, n := range subjects {
		if n != 1 || !slices.Contains(a.ids, id) {
			t.Errorf("order %s is in the topic %d times; acknowledged: %t", id, n, slices.Contains(a.ids, id))
		}
	}
	for slot, n := range slots {
		if n != 1 {
			t.Errorf("lineage and slot %s name %d messages", slot, n)
		}
	}
}

// TestACopiedFile copies the file of a service that is stopped for the moment and starts a second service on the copy.
// Both take orders. The first is fenced, and forks when it is started again.
func TestACopiedFile(t *testing.T) {
	cluster := kafka.ForTest(t)
	dir := t.TempDir()
	original := filepath.Join(dir, "original.db")
	var acked acknowledged
	first := serve(t, original, cluster.Addr())
	for range 200 {
		if !acked.place(first.url()) {
			t.Fatal("an order was not placed")
		}
	}
	eventually(t, 30*time.Second, "the original publishes",
		func() bool { return metric(t, first.ops, "order_outbox_backlog_messages") == 0 })
	if err := first.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
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
	second := serve(t, copied, cluster.Addr())
	for range 100 {
		if !acked.place(second.url()) {
			t.Fatal("the copy placed no order")
		}
	}
	eventually(t, 30*time.Second, "the copy publishes",
		func() bool { return metric(t, second.ops, "order_outbox_backlog_messages") == 0 })
	if err := first.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	resumed := time.Now()
	alone := 0
	for time.Since(resumed) < 10*time.Second && acked.place(first.url()) { // until it is fenced
		alone++
	}
	if code := first.exitCode(10 * time.Second); code != settings.ExitFenced {
		t.Fatalf("exit code %d, want %d", code, settings.ExitFenced)
	}
	t.Logf("fenced and gone %s after it went on, with %d orders of its own",
		time.Since(resumed).Round(time.Millisecond), alone)
	if alone == 0 {
		t.Fatal("the original placed no order of its own: the test shows nothing")
	}
	for range 50 {
		acked.place(second.url())
	}
	again := serve(t, original, cluster.Addr())
	for range 50 {
		if !acked.place(again.url()) || !acked.place(second.url()) {
			t.Fatal("an order was not placed")
		}
	}
	acked.inTopicOnce(t, cluster.Addr())
	var report struct {
		Incidents  []struct{ Kind string }
		HandedOver int `json:"handed_over"`
	}
	getJSON(t, again.url()+"/v1/outbox", &report)
	if len(report.Incidents) < 2 || report.Incidents[0].Kind != "forked" || report.Incidents[1].Kind != "fenced" ||
		report.HandedOver != 0 {
		t.Errorf("the report says %+v", report)
	}
	program, err := orderProgram()
	if err != nil {
		t.Fatal(err)
	}
	status, err := exec.Command(program, "status", "--target", again.url()).CombinedOutput()
	if text := string(status); err != nil || !strings.Contains(text, " forked: ") ||
		!strings.Contains(text, " fenced: ") || !strings.Contains(text, "up since") {
		t.Errorf("order status: %v\n%s", err, status)
	}
	t.Logf("%d orders acknowledged by either; order status says\n%s", len(acked.ids), status)
}
