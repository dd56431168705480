package e2e_test

import (
	"strings"
	"testing"
	"time"

	"ordertally/order/orderd"
	"ordertally/order/retail"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	apache "ordertally/stack/kafka"
	"ordertally/stack/stacktest"
)

func TestServices_EndToEndOnTheDevBroker(t *testing.T) {
	endToEnd(t, devbrokertest.Start(t, devbroker.Config{DataDir: t.TempDir()}).Addr())
}

func TestServices_EndToEndOnApacheKafka(t *testing.T) { endToEnd(t, apache.ForTest(t).Addr()) }

// endToEnd imports the days twice, restarts both services in between, and checks statistics, topic and metrics.
func endToEnd(t *testing.T, broker string) {
	s := stacktest.StartServices(t, t.TempDir(), broker)
	summary, err := stacktest.ImportRealOrders(t.Context(), s.OrderURL(), retail.Options{})
	if err != nil || summary.Placed != stacktest.RealOrders {
		t.Fatalf("placed %d orders, want %d: %v", summary.Placed, stacktest.RealOrders, err)
	}
	clocktest.Eventually(t, "every order is counted",
		func() bool { return stacktest.CountedRealOrders(t, s.ActivityURL()) == stacktest.RealOrders })
	stacktest.CheckRealDays(t, s.ActivityURL())
	stacktest.CheckTopic(t, broker, stacktest.RealOrders)

	clocktest.Within(t, 10*time.Second, "nothing waits", func() bool {
		return stacktest.Metric(t, s.Addresses.OrderOps, "order_outbox_backlog_messages") == 0 &&
			stacktest.Lag(t, s.Addresses.ActivityOps) == 0
	})
	for name, want := range map[string]float64{
		"order_placed_total": stacktest.RealOrders, "order_outbox_published_total": stacktest.RealOrders,
		"order_outbox_parked_messages":            0,
		"order_outbox_oldest_unpublished_seconds": 0, "order_outbox_publish_delay_seconds": stacktest.RealOrders,
	} {
		if got := stacktest.Metric(t, s.Addresses.OrderOps, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	for name, want := range map[string]float64{
		"activity_counted_total": stacktest.RealOrders, "activity_duplicates_total": 0, "activity_parked_messages": 0,
		"activity_placed_to_counted_seconds": stacktest.RealOrders,
	} {
		if got := stacktest.Metric(t, s.Addresses.ActivityOps, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}

	live := stacktest.Text(t, "http://"+s.Addresses.OrderOps+"/livez?verbose")
	for _, part := range []string{"database", "relay", "outbox retention", "indexes"} {
		if !strings.Contains(live, "[+]"+part+" ok\n") {
			t.Errorf("order's /livez says nothing of %s:\n%s", part, live)
		}
	}

	s.Stop()
	s.Start()
	again, err := stacktest.ImportRealOrders(t.Context(), s.OrderURL(), retail.Options{})
	if err != nil || again.Placed != 0 || again.Replayed != stacktest.RealOrders {
		t.Fatalf("the second import placed %d and replayed %d: %v", again.Placed, again.Replayed, err)
	}
	if status, err := stacktest.PlaceOrder(s.OrderURL(), "after the restart"); err != nil || status != 201 {
		t.Fatalf("status %d, %v", status, err)
	}
	clocktest.Eventually(t, "the new order is counted today", func() bool {
		return stacktest.CountedLately(t, s.ActivityURL()) == 1
	})
	stacktest.CheckRealDays(t, s.ActivityURL())
	stacktest.CheckTopic(t, broker, stacktest.RealOrders+1)
}

// TestRelay_PublishesWithoutTransactions tests the mode for clusters that forbid transactions. Nothing fails here, so
// each order is still in the topic once, even after a restart.
func TestRelay_PublishesWithoutTransactions(t *testing.T) {
	cluster := apache.ForTest(t)
	s := stacktest.StartServicesWith(t, t.TempDir(), cluster.Addr(), orderd.Config{PublishMode: "idempotent"})
	var acked stacktest.Acknowledged
	for round := range 3 {
		for range 50 {
			if !acked.Place(s.OrderURL()) {
				t.Fatal("an order was not placed")
			}
		}
		clocktest.Eventually(t, "all are counted",
			func() bool { return stacktest.CountedLately(t, s.ActivityURL()) == int64(50*(round+1)) })
		s.Stop()
		s.Start()
	}
	acked.InTopicOnce(t, cluster.Addr())
	if n := stacktest.Metric(t, s.Addresses.ActivityOps, "activity_duplicates_total"); n != 0 {
		t.Errorf("%v duplicates", n)
	}
}
