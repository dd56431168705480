package stack_test

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/order/orderd"
	"ordertally/order/retail"
	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka"
	"ordertally/shared/kafka/brokertest"
	"ordertally/shared/kafka/devbroker"
	apache "ordertally/stack/kafka"
)

func TestEndToEndOnTheDevBroker(t *testing.T) { endToEnd(t, startDevBroker(t)) }

func TestEndToEndOnApacheKafka(t *testing.T) { endToEnd(t, apache.ForTest(t).Addr()) }

func startDevBroker(t testing.TB) (address string) {
	t.Helper()
	dev, err := devbroker.Start(devbroker.Config{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := dev.Stop(); err != nil {
			t.Error(err)
		}
	})
	return dev.Addr()
}

// importDays imports the three days of real orders and returns what became of them.
func importDays(ctx context.Context, base string, o retail.Options) (retail.Summary, error) {
	files, err := filepath.Glob("../testdata/online-retail/*.csv")
	if err != nil {
		return retail.Summary{}, err
	}
	shop, err := orders.New(client.Config{URL: base, AttemptTimeout: 5 * time.Second})
	if err != nil {
		return retail.Summary{}, err
	}
	defer shop.Close()
	return retail.Import(ctx, files, shop, o)
}

// endToEnd imports the days, twice, restarts both services in between, and checks statistics, topic and metrics.
func endToEnd(t *testing.T, broker string) {
	s := startServices(t, t.TempDir(), broker)
	summary, err := importDays(t.Context(), s.orderURL(), retail.Options{})
	if err != nil || summary.Placed != allOrders {
		t.Fatalf("placed %d orders, want %d: %v", summary.Placed, allOrders, err)
	}
	eventually(t, time.Minute, "every order is counted",
		func() bool { return counted(t, s.activityURL()) == allOrders })
	checkDays(t, s.activityURL())
	checkTopic(t, broker, allOrders)

	eventually(t, 10*time.Second, "nothing waits", func() bool {
		return metric(t, s.addresses.orderOps, "order_outbox_backlog_messages") == 0 &&
			lag(t, s.addresses.activityOps) == 0
	})
	for name, want := range map[string]float64{
		"order_placed_total": allOrders, "order_outbox_published_total": allOrders, "order_outbox_parked_messages": 0,
		"order_outbox_oldest_unpublished_seconds": 0, "order_outbox_publish_delay_seconds": allOrders,
	} {
		if got := metric(t, s.addresses.orderOps, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	for name, want := range map[string]float64{
		"activity_counted_total": allOrders, "activity_duplicates_total": 0, "activity_parked_messages": 0,
		"activity_placed_to_counted_seconds": allOrders,
	} {
		if got := metric(t, s.addresses.activityOps, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}

	live := text(t, "http://"+s.addresses.orderOps+"/livez?verbose")
	for _, part := range []string{"database", "relay", "outbox retention", "idempotency keys"} {
		if !strings.Contains(live, "[+]"+part+" ok\n") {
			t.Errorf("order's /livez says nothing of %s:\n%s", part, live)
		}
	}

	s.stop()
	s.start()
	again, err := importDays(t.Context(), s.orderURL(), retail.Options{})
	if err != nil || again.Placed != 0 || again.Replayed != allOrders {
		t.Fatalf("the second import placed %d and replayed %d: %v", again.Placed, again.Replayed, err)
	}
	if status, err := placeOrder(s.orderURL(), "after the restart"); err != nil || status != 201 {
		t.Fatalf("status %d, %v", status, err)
	}
	eventually(t, 30*time.Second, "the new order is counted today", func() bool {
		return countedLately(t, s.activityURL()) == 1
	})
	checkDays(t, s.activityURL())
	checkTopic(t, broker, allOrders+1)
}

// checkTopic reads the whole topic as a reader of committed records: each order stands there once, with every header.
func checkTopic(t testing.TB, address string, want int) {
	t.Helper()
	records := brokertest.ReadAll(t, address, event.Topic)
	seen := map[string]bool{}
	ids := map[string]bool{}
	for _, r := range records {
		envelope, order := decode(t, r)
		if seen[order.ID] || ids[envelope.ID] {
			t.Errorf("order %s stands in the topic twice", order.ID)
		}
		seen[order.ID], ids[envelope.ID] = true, true
		if string(r.Key) != order.ID || envelope.Subject != order.ID || envelope.Type != event.TypeCreated ||
			envelope.Source != event.Source || !envelope.Time.Equal(order.PlacedAt) || envelope.Lineage == "" ||
			time.Since(r.Timestamp) > time.Hour {
			t.Errorf("order %s: key %s, timestamp %s, envelope %+v", order.ID, r.Key, r.Timestamp, envelope)
		}
	}
	if len(seen) != want {
		t.Errorf("%d orders in the topic, want %d", len(seen), want)
	}
}

func decode(t testing.TB, r kafka.Record) (cloudevent.Envelope, event.Order) {
	t.Helper()
	envelope, err := cloudevent.Parse(r.Headers)
	if err != nil {
		t.Fatal(err)
	}
	order, err := event.Decode(r.Value)
	if err != nil {
		t.Fatal(err)
	}
	return envelope, order
}

const kills = 50

// TestKillDuringImport kills the process that runs both services 50 times at random moments while the days are
// imported, and imports them again: nothing is missing and nothing is there twice, in the statistics and in the topic.
func TestKillDuringImport(t *testing.T) {
	cluster := apache.ForTest(t)
	services := newChild(t, t.TempDir(), cluster.Addr())
	services.start()

	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var done atomic.Int64 // invoices answered since the last kill
	imported := make(chan error, 1)
	imports := 0
	startImport := func() {
		imports++
		go func() {
			_, err := importDays(ctx, services.orderURL(),
				retail.Options{Concurrency: 4, Progress: func(int, int) { done.Add(1) }})
			imported <- err
		}()
	}
	startImport()
	for kill := range kills {
		after := 1 + random.Int64N(10)
		delay := time.NewTimer(time.Duration(random.Int64N(int64(20 * time.Millisecond))))
		for tick := time.NewTicker(time.Millisecond); done.Load() < after; {
			select {
			case err := <-imported: // the days are done before the kills are: import them again
				if err != nil {
					t.Fatalf("import %d, after %d kills: %v", imports, kill, err)
				}
				startImport()
			case <-tick.C:
			}
		}
		<-delay.C
		services.kill()
		done.Store(0)
		services.start()
	}
	if err := <-imported; err != nil {
		t.Fatalf("import %d: %v", imports, err)
	}
	summary, err := importDays(ctx, services.orderURL(), retail.Options{})
	if err != nil || summary.Placed+summary.Replayed != allOrders {
		t.Fatalf("the last import: %+v, %v", summary, err)
	}
	eventually(t, time.Minute, "every order is counted",
		func() bool { return counted(t, services.activityURL()) >= allOrders })
	checkDays(t, services.activityURL())
	checkTopic(t, cluster.Addr(), allOrders)
	t.Logf("%d kills over %d imports; the last import placed %d and replayed %d", kills, imports, summary.Placed,
		summary.Replayed)
}

// TestPublishingWithoutTransactions is the mode for clusters that forbid them. Nothing fails here, so each order is in
// the topic once all the same, also after a restart.
func TestPublishingWithoutTransactions(t *testing.T) {
	cluster := apache.ForTest(t)
	s := startServicesFrom(t, t.TempDir(), cluster.Addr(), orderd.Config{PublishMode: "idempotent"})
	var acked acknowledged
	for round := range 3 {
		for range 50 {
			if !acked.place(s.orderURL()) {
				t.Fatal("an order was not placed")
			}
		}
		eventually(t, time.Minute, "all are counted",
			func() bool { return countedLately(t, s.activityURL()) == int64(50*(round+1)) })
		s.stop()
		s.start()
	}
	acked.inTopicOnce(t, cluster.Addr())
	if n := metric(t, s.addresses.activityOps, "activity_duplicates_total"); n != 0 {
		t.Errorf("%v duplicates", n)
	}
}
