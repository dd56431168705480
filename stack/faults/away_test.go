package faults_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/kafka/brokertest"
	"ordertally/stack/kafka"
	"ordertally/stack/stacktest"
)

// TestOrder_TakesOrdersWhileKafkaIsAway stops Apache Kafka while orders are placed. No request fails. The backlog and
// its age rise, and after a start they fall to 0.
func TestOrder_TakesOrdersWhileKafkaIsAway(t *testing.T) {
	cluster := kafka.ForTest(t)
	s := stacktest.StartServices(t, t.TempDir(), cluster.Addr())
	n := 0
	place := func() {
		t.Helper()
		n++
		if status, err := stacktest.PlaceOrder(s.OrderURL(), fmt.Sprint(n)); err != nil ||
			status != http.StatusCreated {
			t.Fatalf("order %d: status %d, %v", n, status, err)
		}
	}
	backlog := func() float64 { return stacktest.Metric(t, s.Addresses.OrderOps, "order_outbox_backlog_messages") }
	age := func() float64 {
		return stacktest.Metric(t, s.Addresses.OrderOps, "order_outbox_oldest_unpublished_seconds")
	}
	for range 100 {
		place()
	}
	clocktest.Eventually(t, "the first orders are published", func() bool { return backlog() == 0 && age() == 0 })

	if err := cluster.Stop(); err != nil {
		t.Fatal(err)
	}
	for range 500 {
		place()
	}
	first, firstAge := backlog(), age()
	for range 500 {
		place()
	}
	clocktest.Within(t, 10*time.Second, "the age rises", func() bool { return age() > firstAge+1 })
	second, secondAge := backlog(), age()
	t.Logf("Kafka away: backlog %v, then %v; age %.2f s, then %.2f s", first, second, firstAge, secondAge)
	if first != 500 || second != 1000 {
		t.Errorf("backlog %v, then %v; want 500, then 1000", first, second)
	}
	if response, err := http.Get("http://" + s.Addresses.OrderOps + "/readyz"); err != nil ||
		response.StatusCode != http.StatusOK {
		t.Errorf("order is not ready without Kafka: %v, %v", response, err)
	} else {
		_ = response.Body.Close()
	}

	startCtx, cancelStart := context.WithTimeout(t.Context(), time.Minute)
	defer cancelStart()
	if err := cluster.Restart(startCtx); err != nil {
		t.Fatal(err)
	}
	back := time.Now()
	clocktest.Eventually(t, "the backlog drains", func() bool { return backlog() == 0 && age() == 0 })
	t.Logf("drained %.1f s after Kafka was back", time.Since(back).Seconds())
	clocktest.Eventually(t, "all are counted", func() bool {
		return stacktest.CountedLately(t, s.ActivityURL()) == int64(n)
	})
	if records := brokertest.ReadAll(t, cluster.Addr(), event.Topic); len(records) != n {
		t.Errorf("%d records in the topic, want %d", len(records), n)
	}
}
