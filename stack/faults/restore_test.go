package faults_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ordertally/order/orderstore"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka/brokertest"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/shared/settings"
	"ordertally/stack/kafka"
	"ordertally/stack/stacktest"
)

// sale is a placement as a client sees it.
type sale struct {
	Key, Customer, Source, Reference string
	Quantity                         int
	ID                               string // of the answer
	Cancelled                        bool
}

// post sends a body with a key and returns the answer.
func post(url, key, body string) (status int, replayed bool, answer map[string]any, err error) {
	request, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0, false, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, false, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	return response.StatusCode, response.Header.Get("Idempotent-Replayed") == "true", answer, err
}

// body is the request, with members in an order that depends on spelling.
func (s *sale) body(quantity int, spelling bool) string {
	rest := ""
	if s.Source != "" {
		rest = fmt.Sprintf(`"source":%q,"reference":%q,`, s.Source, s.Reference)
	}
	lines := fmt.Sprintf(`"lines":[{"sku":"a","quantity":%d,"unit_price":250}]`, quantity)
	if spelling {
		return fmt.Sprintf(`{%s, %s "customer_id": %q, "currency":"GBP"}`, lines, rest, s.Customer)
	}
	return fmt.Sprintf(`{"currency":"GBP","customer_id":%q,%s%s}`, s.Customer, rest, lines)
}

// place places the order. It reports whether it was acknowledged.
func (s *sale) place(url string) bool {
	status, _, answer, err := post(url+"/v1/orders", s.Key, s.body(s.Quantity, false))
	if err != nil || status != http.StatusCreated {
		return false
	}
	s.ID, _ = answer["id"].(string)
	return true
}

// shopping is a load of many clients on an order service.
type shopping struct {
	mu    sync.Mutex
	sales []*sale
	name  string
}

// run places orders until stop is closed or at least n are acknowledged. Some have a key, some a source, some are
// cancelled.
func (s *shopping) run(url string, n int, stop <-chan struct{}) {
	var clients sync.WaitGroup
	const workers = 8
	for w := range workers {
		clients.Go(func() {
			for i := 0; n == 0 || i < n/workers; i++ {
				select {
				case <-stop:
					return
				default:
				}
				next := &sale{Customer: fmt.Sprintf("c%d", i%7), Quantity: i + 1}
				if i%3 > 0 {
					next.Key = fmt.Sprintf("%s-%d-%d", s.name, w, i)
				}
				if i%3 != 1 {
					next.Source, next.Reference = "shop", fmt.Sprintf("%s/%d/%d", s.name, w, i)
				}
				if !next.place(url) {
					continue
				}
				if i%5 == 0 {
					status, _, _, err := post(url+"/v1/orders/"+next.ID+"/cancel", "cancel-"+next.ID, `{"reason":"no"}`)
					next.Cancelled = err == nil && status == http.StatusOK
				}
				s.mu.Lock()
				s.sales = append(s.sales, next)
				s.mu.Unlock()
			}
		})
	}
	clients.Wait()
}

// inTopic returns how often each order was created and cancelled in the topic, and the number of records.
func inTopic(t *testing.T, address string) (created, cancelled map[string]int, records int) {
	t.Helper()
	created, cancelled = map[string]int{}, map[string]int{}
	all := brokertest.ReadAll(t, address, event.Topic)
	for _, r := range all {
		envelope, err := cloudevent.Parse(r.Headers)
		if err != nil {
			continue
		}
		if envelope.Type == event.TypeCreated {
			created[envelope.Subject]++
		} else {
			cancelled[envelope.Subject]++
		}
	}
	return created, cancelled, len(all)
}

// asPublished returns what GET answers without what the topic does not have.
func asPublished(t *testing.T, url, id string) string {
	t.Helper()
	var order map[string]any
	stacktest.GetJSON(t, url+"/v1/orders/"+id, &order)
	for _, unknown := range []string{"publication", "placed_by", "cancelled_by"} {
		delete(order, unknown)
	}
	text, err := json.Marshal(order)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// answers checks that a restored service answers what was published as the lost one did.
func (s *shopping) answers(t *testing.T, url string, created, cancelled map[string]int) (checked int) {
	t.Helper()
	for _, next := range s.sales {
		if created[next.ID] == 0 {
			continue
		}
		checked++
		if next.Key != "" || next.Source != "" {
			status, replayed, answer, err := post(url+"/v1/orders", next.Key, next.body(next.Quantity, true))
			if err != nil || status != http.StatusCreated || !replayed || answer["id"] != next.ID {
				t.Errorf("%+v sent again: %d, replayed %v, %v, %v", next, status, replayed, answer["id"], err)
			}
			want := http.StatusUnprocessableEntity
			if next.Key == "" {
				want = http.StatusConflict
			}
			if status, _, _, err = post(url+"/v1/orders", next.Key, next.body(next.Quantity+1, false)); err != nil ||
				status != want {
				t.Errorf("%+v with other content: %d, %v, want %d", next, status, err, want)
			}
		}
		if next.Cancelled && cancelled[next.ID] > 0 {
			status, replayed, answer, err := post(url+"/v1/orders/"+next.ID+"/cancel", "cancel-"+next.ID,
				`{"reason":"no"}`)
			if err != nil || status != http.StatusOK || !replayed || answer["status"] != "cancelled" {
				t.Errorf("%+v cancelled again: %d, replayed %v, %v, %v", next, status, replayed, answer, err)
			}
		}
	}
	return checked
}

// listed counts the orders that a list has.
func listed(t *testing.T, url, query string) (ids map[string]bool) {
	t.Helper()
	ids = map[string]bool{}
	for cursor := ""; ; {
		var page struct {
			Orders []struct{ ID string }
			Next   string `json:"next_cursor"`
		}
		stacktest.GetJSON(t, url+"/v1/orders?limit=200&"+query+cursor, &page)
		for _, o := range page.Orders {
			ids[o.ID] = true
		}
		if page.Next == "" {
			return ids
		}
		cursor = "&cursor=" + page.Next
	}
}

// onBothBrokers runs a test with the development broker and with Apache Kafka.
func onBothBrokers(t *testing.T, test func(t *testing.T, address string)) {
	t.Run("development broker", func(t *testing.T) {
		test(t, devbrokertest.Start(t, devbroker.Config{}).Addr())
	})
	t.Run("Apache Kafka", func(t *testing.T) { test(t, kafka.ForTest(t).Addr()) })
}

// restored runs order restore, which must succeed, and returns what it said.
func restored(t *testing.T, data, address string, args ...string) string {
	t.Helper()
	said, code := stacktest.Command(t, nil, stacktest.OrderProgram(t),
		append([]string{"restore", "--data", data, "--kafka", address}, args...)...)
	if code != 0 {
		t.Fatalf("order restore ended with %d: %s", code, said)
	}
	sound(t, data)
	return said
}

// sound checks a file that nobody has open.
func sound(t *testing.T, data string) {
	t.Helper()
	checked, err := boltdb.CheckFile(t.Context(), data, orderstore.Check)
	if err != nil || len(checked.Faults) > 0 {
		t.Fatalf("the file is not sound: %v, %q", err, checked.Faults)
	}
}

func published(t *testing.T, p *stacktest.Program) {
	t.Helper()
	clocktest.Eventually(t, "all is published",
		func() bool { return stacktest.Metric(t, p.Ops, "order_outbox_backlog_messages") == 0 })
}

// TestRestore_GoesOnWhereALostFileEnded kills a service under load, takes its file away, and restores it from the topic
// alone.
func TestRestore_GoesOnWhereALostFileEnded(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, address string) {
		program, dir := stacktest.OrderProgram(t), t.TempDir()
		data, lost := filepath.Join(dir, "order.db"), filepath.Join(dir, "lost.db")
		first := stacktest.Serve(t, stacktest.Serving{Program: program, Data: data, Kafka: address})
		counting := stacktest.Serve(t, stacktest.Serving{Program: stacktest.ActivityProgram(t), Kafka: address})
		load := &shopping{name: "first"}
		load.run(first.URL(), 400, nil)
		published(t, first)
		stop := make(chan struct{})
		var loading sync.WaitGroup
		loading.Go(func() { (&shopping{name: "second"}).run(first.URL(), 0, stop) })
		clocktest.Eventually(t, "more is placed",
			func() bool { return stacktest.Metric(t, first.Ops, "order_placed_total") > 600 })
		first.Kill()
		close(stop)
		loading.Wait()
		if err := os.Rename(data, lost); err != nil {
			t.Fatal(err)
		}
		said := restored(t, data, address, "--from-topic")
		t.Log(said)
		created, cancelled, before := inTopic(t, address)
		if !strings.Contains(said, fmt.Sprintf("%d orders, %d cancellations", len(created), len(cancelled))) {
			t.Errorf("the topic has %d orders and %d cancellations", len(created), len(cancelled))
		}
		// The lost file, without Kafka, shows what the orders were.
		was := stacktest.Serve(t, stacktest.Serving{Program: program, Data: lost})
		second := stacktest.Serve(t, stacktest.Serving{Program: program, Data: data, Kafka: address})
		for id := range created {
			if cancelled[id] == 0 && strings.Contains(asPublished(t, was.URL(), id), `"cancelled"`) {
				continue // the cancellation was not published
			}
			if got, want := asPublished(t, second.URL(), id), asPublished(t, was.URL(), id); got != want {
				t.Errorf("order %s is %s, was %s", id, got, want)
			}
		}
		for _, query := range []string{"", "customer_id=c3", "source=shop&reference=first/2/6", "reference=first/1/3"} {
			now, then := listed(t, second.URL(), query), listed(t, was.URL(), query)
			for id := range then {
				if created[id] > 0 && !now[id] {
					t.Errorf("the list of %q lacks %s", query, id)
				}
			}
			if len(now) > len(then) || len(now) == 0 {
				t.Errorf("the list of %q has %d orders, had %d", query, len(now), len(then))
			}
		}
		if n := load.answers(t, second.URL(), created, cancelled); n < 300 {
			t.Fatalf("only %d orders were published: the test shows little", n)
		}
		more := &shopping{name: "third"}
		more.run(second.URL(), 80, nil)
		published(t, second)
		createdNow, cancelledNow, after := inTopic(t, address)
		added := 0
		for _, next := range more.sales {
			if added++; next.Cancelled {
				added++
			}
		}
		if after-before != added {
			t.Errorf("%d records came, want %d: something was published again", after-before, added)
		}
		for id, n := range createdNow {
			if n != 1 {
				t.Errorf("order %s is in the topic %d times", id, n)
			}
		}
		inOrder(t, address)
		want := float64(len(createdNow) + len(cancelledNow))
		clocktest.Eventually(t, "all is counted",
			func() bool { return stacktest.Metric(t, counting.Ops, "activity_counted_total") >= want })
		if n := stacktest.Metric(t, counting.Ops, "activity_counted_total"); n != want {
			t.Errorf("%v messages are counted, want %v", n, want)
		}
		if n := stacktest.Metric(t, counting.Ops, "activity_duplicates_total"); n != 0 {
			t.Errorf("%v duplicates", n)
		}
		second.Kill()
		sound(t, data)
	})
}

// inOrder checks that the lineage's slots are unique, and that each record follows the one that it says is before it.
func inOrder(t *testing.T, address string) {
	t.Helper()
	seen := map[uint64]bool{}
	lineage := ""
	previous := map[uint64]uint64{}
	for _, r := range brokertest.ReadAll(t, address, event.Topic) {
		envelope, err := cloudevent.Parse(r.Headers)
		if err != nil {
			continue
		}
		if lineage == "" {
			lineage = envelope.Lineage
		}
		if envelope.Lineage != lineage {
			t.Errorf("lineage %s beside %s", envelope.Lineage, lineage)
		}
		if seen[envelope.Sequence] {
			t.Errorf("slot %d is in the topic twice", envelope.Sequence)
		}
		seen[envelope.Sequence], previous[envelope.Sequence] = true, envelope.Previous
	}
	for slot, before := range previous {
		if before > 0 && !seen[before] {
			t.Errorf("slot %d follows slot %d, which is not there", slot, before)
		}
	}
}

// TestRestore_StopsWhoStillPublishes restores while the service runs. It stops with the exit code of a fenced one, and
// the new file has all that it acknowledged and published.
func TestRestore_StopsWhoStillPublishes(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, address string) {
		program, dir := stacktest.OrderProgram(t), t.TempDir()
		first := stacktest.Serve(t, stacktest.Serving{Program: program, Data: filepath.Join(dir, "first.db"),
			Kafka: address})
		load, stop := &shopping{name: "load"}, make(chan struct{})
		var loading sync.WaitGroup
		loading.Go(func() { load.run(first.URL(), 0, stop) })
		clocktest.Eventually(t, "some is published",
			func() bool { return stacktest.Metric(t, first.Ops, "order_outbox_published_total") > 200 })
		data := filepath.Join(dir, "second.db")
		said := restored(t, data, address, "--from-topic")
		if code := first.ExitCode(30 * time.Second); code != settings.ExitFenced {
			t.Fatalf("exit code %d, want %d", code, settings.ExitFenced)
		}
		close(stop)
		loading.Wait()
		created, cancelled, _ := inTopic(t, address)
		if !strings.Contains(said, fmt.Sprintf("%d orders, %d cancellations", len(created), len(cancelled))) {
			t.Errorf("the topic has %d orders and %d cancellations: %s", len(created), len(cancelled), said)
		}
		second := stacktest.Serve(t, stacktest.Serving{Program: program, Data: data, Kafka: address})
		load.answers(t, second.URL(), created, cancelled)
		(&shopping{name: "more"}).run(second.URL(), 16, nil)
		published(t, second)
		inOrder(t, address)
	})
}

// TestRestore_ADryRunChangesNothing runs beside a service, which goes on.
func TestRestore_ADryRunChangesNothing(t *testing.T) {
	address := devbrokertest.Start(t, devbroker.Config{}).Addr()
	program, dir := stacktest.OrderProgram(t), t.TempDir()
	first := stacktest.Serve(t, stacktest.Serving{Program: program, Data: filepath.Join(dir, "first.db"),
		Kafka: address})
	load := &shopping{name: "load"}
	load.run(first.URL(), 40, nil)
	published(t, first)
	said, code := stacktest.Command(t, nil, program, "restore", "--from-topic", "--dry-run", "--kafka", address,
		"--data", filepath.Join(dir, "second.db"))
	if code != 0 || !strings.Contains(said, "40 orders, 8 cancellations") ||
		!strings.Contains(said, "nothing was written") {
		t.Errorf("%d: %s", code, said)
	}
	if files, err := filepath.Glob(filepath.Join(dir, "second*")); err != nil || len(files) > 0 {
		t.Errorf("%v, %v", files, err)
	}
	load.run(first.URL(), 40, nil)
	published(t, first)
	var report struct{ Incidents []struct{ Kind string } }
	stacktest.GetJSON(t, first.URL()+"/v1/outbox", &report)
	if len(report.Incidents) > 0 {
		t.Errorf("%+v", report)
	}
}
