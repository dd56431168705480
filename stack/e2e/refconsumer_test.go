package e2e_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"ordertally/order/retail"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/stack/kafka"
	"ordertally/stack/refconsumer"
	"ordertally/stack/stacktest"
)

func TestReferenceConsumer_AgreesOnTheDevBroker(t *testing.T) {
	secondConsumer(t, devbrokertest.Start(t, devbroker.Config{DataDir: t.TempDir()}).Addr())
}

func TestReferenceConsumer_AgreesOnApacheKafka(t *testing.T) {
	secondConsumer(t, kafka.ForTest(t).Addr())
}

// secondConsumer has a program that knows only the published contract read every order, twice. Its figures must equal
// those of the activity service and of the CSV files. It checks each record against the schema and the table of
// headers.
func secondConsumer(t *testing.T, brokers string) {
	s := stacktest.StartServices(t, t.TempDir(), brokers)
	if summary, err := stacktest.ImportRealOrders(t.Context(), s.OrderURL(), retail.Options{}); err != nil ||
		summary.Placed != stacktest.RealOrders {
		t.Fatalf("placed %d orders, want %d: %v", summary.Placed, stacktest.RealOrders, err)
	}
	schema, err := refconsumer.LoadSchema("../../docs/order-created.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if schema.ID != event.SchemaCreated {
		t.Errorf("the schema's $id is %s, the messages say %s", schema.ID, event.SchemaCreated)
	}
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	ledger := refconsumer.NewLedger(schema, london)
	stop := read(t, brokers, "first", ledger)
	clocktest.Eventually(t, "the second consumer has every order", func() bool {
		return t.Failed() || ledger.Orders() == stacktest.RealOrders && ledger.Complete()
	})
	compareDays(t, s, ledger)

	// The same ledger reads everything again, plus an order placed meanwhile that has everything an order can have.
	stop()
	placeWhole(t, s.OrderURL())
	defer read(t, brokers, "second", ledger)()
	clocktest.Eventually(t, "it has read all again", func() bool {
		return t.Failed() || ledger.Orders() == stacktest.RealOrders+1 && ledger.Duplicates() == stacktest.RealOrders &&
			ledger.Complete()
	})
	compareDays(t, s, ledger)
	if undocumented := ledger.Undocumented(); len(undocumented) > 0 {
		t.Errorf("records have what the documents do not name: %v", undocumented)
	}
}

// read starts a consumer and returns what stops it.
func read(t *testing.T, brokers, group string, ledger *refconsumer.Ledger) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := refconsumer.Read(ctx, brokers, event.Topic, group, ledger); err != nil {
			t.Error(err)
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

func compareDays(t *testing.T, s *stacktest.Services, ledger *refconsumer.Ledger) {
	t.Helper()
	clocktest.Eventually(t, "every order is counted",
		func() bool { return stacktest.CountedRealOrders(t, s.ActivityURL()) == stacktest.RealOrders })
	for date, w := range stacktest.RealDays {
		ours := stacktest.Day(t, s.ActivityURL(), date, "Europe/London")
		orders, revenue := ledger.Day(date)
		if orders != w.Count || orders != ours.Count || len(revenue) != 1 || len(ours.Revenue) != 1 ||
			revenue["GBP"] != strconv.FormatInt(w.Revenue["GBP"], 10) || ours.Revenue["GBP"] != w.Revenue["GBP"] {
			t.Errorf("%s: the second consumer has %d orders, %v; the activity service %d, %v; want %d, %v",
				date, orders, revenue, ours.Count, ours.Revenue, w.Count, w.Revenue)
		}
	}
}

// placeWhole places an order with a trace and every field, each near its limit.
func placeWhole(t *testing.T, base string) {
	t.Helper()
	body := `{"reference":"` + strings.Repeat("№", 128) + `","customer_id":"` + strings.Repeat("ß", 128) +
		`","currency":"JPY","lines":[` +
		`{"sku":"` + strings.Repeat("é", 64) + `","description":"` + strings.Repeat("\U0001d11e", 510) +
		`\t\"","quantity":1000000000,"unit_price":0},` +
		`{"sku":"\u2028","quantity":1,"unit_price":9223372036854775807}],"metadata":{"` + strings.Repeat("ü", 64) +
		`":"` + strings.Repeat("ö", 512) + `","empty":""}}`
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v1/orders", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusCreated {
		t.Fatalf("%s, %v", response.Status, err)
	}
}

// TestGoldenMessages_AreWhatOrderWrites compares the examples of the published schema with what order writes, byte for
// byte.
func TestGoldenMessages_AreWhatOrderWrites(t *testing.T) {
	files, err := filepath.Glob("../../testdata/order-created/valid/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		golden, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		order, err := event.Decode(golden)
		if err != nil {
			t.Fatal(err)
		}
		if written := event.Encode(&order); string(written) != string(golden) {
			t.Errorf("%s: order writes\n%s\nnot\n%s", file, written, golden)
		}
	}
}
