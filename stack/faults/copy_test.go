package faults_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/kafka/brokertest"
	"ordertally/shared/settings"
	"ordertally/stack/kafka"
	"ordertally/stack/stacktest"
)

// diverging starts order services on copies of one file.
type diverging struct {
	t     *testing.T
	kafka *kafka.Kafka
	dir   string
	acked stacktest.Acknowledged
}

func newDiverging(t *testing.T) *diverging {
	return &diverging{t: t, kafka: kafka.ForTest(t), dir: t.TempDir()}
}

func (d *diverging) file(name string) string { return filepath.Join(d.dir, name) }

func (d *diverging) serve(data string, args ...string) *stacktest.Program {
	d.t.Helper()
	return stacktest.Serve(d.t, stacktest.Serving{
		Program: stacktest.OrderProgram(d.t), Data: data, Kafka: d.kafka.Addr(), Args: args,
	})
}

func (d *diverging) place(p *stacktest.Program, n int) {
	d.t.Helper()
	for range n {
		if !d.acked.Place(p.URL()) {
			d.t.Fatal("an order was not placed")
		}
	}
}

func (d *diverging) published(p *stacktest.Program) {
	d.t.Helper()
	clocktest.Eventually(d.t, "everything is published",
		func() bool { return stacktest.Metric(d.t, p.Ops, "order_outbox_backlog_messages") == 0 })
}

func (d *diverging) copy(from, to string) string {
	d.t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o600)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return to
}

// lineages returns how many lineages have records in the topic.
func (d *diverging) lineages() int {
	d.t.Helper()
	var seen []string
	for _, record := range brokertest.ReadAll(d.t, d.kafka.Addr(), event.Topic) {
		envelope, _ := stacktest.Decode(d.t, record)
		seen = append(seen, envelope.Lineage)
	}
	slices.Sort(seen)
	return len(slices.Compact(seen))
}

// refused starts order serve and expects it to end with 3, and to say how to go on.
func (d *diverging) refused(data string, args ...string) {
	d.t.Helper()
	p := stacktest.Run(d.t, stacktest.Serving{Program: stacktest.OrderProgram(d.t), Args: append([]string{
		"serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--data", data, "--kafka", d.kafka.Addr(),
	}, args...)})
	d.saysHow(p, data)
	if strings.Contains(p.Log(), "order has started") {
		d.t.Error("it served before it ended")
	}
}

func (d *diverging) saysHow(p *stacktest.Program, data string) {
	d.t.Helper()
	if code := p.ExitCode(30 * time.Second); code != settings.ExitFenced {
		d.t.Errorf("exit code %d, want %d", code, settings.ExitFenced)
	}
	for _, way := range []string{
		"order restore --data NEW --base " + data + " --from-topic", "order handover --data " + data + " --target URL",
		"order serve --fork",
	} {
		if strings.Count(p.Log(), way) != 1 {
			d.t.Errorf("%q is not there once", way)
		}
	}
}

// TestOrder_OfACopiedFileIsFencedAndForksIfItMay copies the file of a service that is stopped for the moment, and
// starts a second service on the copy. Both accept orders. The first is fenced, and may not start any more. With --fork
// it does.
func TestOrder_OfACopiedFileIsFencedAndForksIfItMay(t *testing.T) {
	d := newDiverging(t)
	original := d.file("original.db")
	first := d.serve(original)
	d.place(first, 200)
	d.published(first)
	if err := first.Cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	second := d.serve(d.copy(original, d.file("copy.db")))
	d.place(second, 100)
	d.published(second)
	if err := first.Cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	resumed := time.Now()
	alone := 0
	for time.Since(resumed) < 10*time.Second && d.acked.Place(first.URL()) { // until it is fenced
		alone++
	}
	d.saysHow(first, original)
	t.Logf("fenced and gone %s after it went on, with %d orders of its own",
		time.Since(resumed).Round(time.Millisecond), alone)
	if alone == 0 {
		t.Fatal("the original placed no order of its own: the test shows nothing")
	}
	d.place(second, 50)
	for range 2 {
		d.refused(original)
	}
	d.published(second)
	if n := d.lineages(); n != 1 {
		t.Fatalf("%d lineages in the topic before anybody said --fork", n)
	}

	again := d.serve(original, "--fork")
	d.place(again, 50)
	d.place(second, 50)
	d.acked.InTopicOnce(t, d.kafka.Addr())
	var report struct{ Incidents []struct{ Kind string } }
	stacktest.GetJSON(t, again.URL()+"/v1/outbox", &report)
	if len(report.Incidents) < 2 || report.Incidents[0].Kind != "forked" || report.Incidents[1].Kind != "fenced" {
		t.Errorf("the report says %+v", report)
	}
	status, code := stacktest.Command(t, nil, again.Path, "status", "--target", again.URL())
	if code != 0 || !strings.Contains(status, " forked: ") || !strings.Contains(status, " fenced: ") ||
		!strings.Contains(status, "up since") {
		t.Errorf("order status: %d\n%s", code, status)
	}
	t.Logf("%d orders acknowledged by either; order status says\n%s", len(d.acked.IDs), status)
}

// TestOrder_OfAnOldBackupPlacesNothing starts a backup from before the last orders as it is: with Kafka there, and
// while Kafka is away.
func TestOrder_OfAnOldBackupPlacesNothing(t *testing.T) {
	d := newDiverging(t)
	data := d.file("order.db")
	service := d.serve(data)
	d.place(service, 20)
	d.published(service)
	service.Ends(syscall.SIGTERM, 10*time.Second)
	backup, other := d.copy(data, d.file("backup.db")), d.copy(data, d.file("other.db"))
	service = d.serve(data)
	d.place(service, 20)
	d.published(service)
	service.Ends(syscall.SIGTERM, 10*time.Second)

	d.refused(backup)
	records := len(brokertest.ReadAll(t, d.kafka.Addr(), event.Topic))

	if err := d.kafka.Stop(); err != nil {
		t.Fatal(err)
	}
	alone := d.serve(other)
	var kept stacktest.Acknowledged
	for range 3 {
		if !kept.Place(alone.URL()) {
			t.Fatal("without Kafka, no order was placed")
		}
	}
	if err := d.kafka.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.saysHow(alone, other)
	d.refused(other)
	if n := len(brokertest.ReadAll(t, d.kafka.Addr(), event.Topic)); n != records || n != 40 {
		t.Errorf("%d records in the topic, %d before, want 40", n, records)
	}
}

// TestOrder_HandsOverWhatAnOvertakenFileHas lets a service and a copy of it accept orders with keys. The copy goes on.
// Some callers repeat at the copy what the original had acknowledged. Each order is counted once.
func TestOrder_HandsOverWhatAnOvertakenFileHas(t *testing.T) {
	d := newDiverging(t)
	original := d.file("original.db")
	first := d.serve(original)
	d.place(first, 20)
	d.published(first)
	if err := first.Cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	second := d.serve(d.copy(original, d.file("copy.db")))
	d.place(second, 10)
	d.published(second)
	if err := first.Cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	var alone []string
	for len(alone) < 200 { // until it is fenced
		id := placeWithKey(first, len(alone))
		if id == "" {
			break
		}
		alone = append(alone, id)
	}
	d.saysHow(first, original)
	if len(alone) < 2 {
		t.Fatalf("the original placed %d orders of its own: the test shows nothing", len(alone))
	}
	superseded := map[string]string{}
	for n := range len(alone) / 2 {
		by := placeWithKey(second, n)
		superseded[alone[n]] = by
		d.acked.IDs = append(d.acked.IDs, by)
	}
	d.acked.IDs = append(d.acked.IDs, alone[len(superseded):]...)
	for range 2 {
		said, code := stacktest.Command(t, nil, second.Path, "handover", "--data", original, "--target", second.URL())
		if code != 0 || !strings.Contains(said, fmt.Sprintf("%d superseded, ", len(superseded))) {
			t.Fatalf("order handover: %d\n%s", code, said)
		}
	}
	d.acked.InTopicOnce(t, d.kafka.Addr())
	if n := d.lineages(); n != 1 {
		t.Errorf("%d lineages in the topic", n)
	}
	for id, by := range superseded {
		response, err := http.Get(second.URL() + "/v1/orders/" + id)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if at := response.Request.URL.Path; response.StatusCode != http.StatusOK || at != "/v1/orders/"+by {
			t.Errorf("order %s: %s at %s, want it at %s", id, response.Status, at, by)
		}
	}
	t.Logf("the original had %d orders of its own, %d of which were placed again", len(alone), len(superseded))
}

// placeWithKey places an order with the n-th key and returns its id, or "".
func placeWithKey(p *stacktest.Program, n int) string {
	r, err := http.NewRequest(http.MethodPost, p.URL()+"/v1/orders",
		strings.NewReader(`{"currency":"EUR","lines":[{"sku":"a","quantity":1,"unit_price":100}]}`))
	if err != nil {
		return ""
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", fmt.Sprint("key-", n))
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return ""
	}
	defer func() { _ = response.Body.Close() }()
	var placed struct {
		ID string `json:"id"`
	}
	if response.StatusCode != http.StatusCreated || json.NewDecoder(response.Body).Decode(&placed) != nil {
		return ""
	}
	return placed.ID
}
