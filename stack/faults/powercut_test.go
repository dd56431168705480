package faults_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"ordertally/shared/clock/clocktest"
	"ordertally/stack/kafka"
	"ordertally/stack/stacktest"
)

// TestRelay_PublishesAgainWhatTheBrokerForgot resets Apache Kafka's data to the state before the last 3,000 messages
// that it acknowledged. A real power cut is in TestRelay_PublishesAgainWhatAPowerCutTook, which needs its own disk.
func TestRelay_PublishesAgainWhatTheBrokerForgot(t *testing.T) {
	dir := t.TempDir()
	data, before := filepath.Join(dir, "kafka"), filepath.Join(dir, "before")
	forgets(t, data, func(cluster *kafka.Kafka) {
		if err := cluster.Stop(); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(before, os.DirFS(data)); err != nil {
			t.Fatal(err)
		}
		if err := cluster.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}, func(cluster *kafka.Kafka) {
		cluster.Kill()
		if err := os.RemoveAll(data); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(data, os.DirFS(before)); err != nil {
			t.Fatal(err)
		}
	})
}

// forgets publishes one order, marks that state of the broker in dir, publishes 3,000 more and makes the broker forget
// them. It checks that all are published again and none is counted twice.
func forgets(t *testing.T, dir string, mark, lose func(*kafka.Kafka)) {
	const orders, writers = 3000, 30
	kafka.Require(t)
	cluster, err := kafka.Start(t.Context(), kafka.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Kill)
	s := stacktest.StartServices(t, t.TempDir(), cluster.Addr())
	var acked stacktest.Acknowledged
	if !acked.Place(s.OrderURL()) {
		t.Fatal("the first order was not placed")
	}
	clocktest.Eventually(t, "the first order is counted",
		func() bool { return stacktest.CountedLately(t, s.ActivityURL()) == 1 })
	mark(cluster)
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range orders / writers {
				if !acked.Place(s.OrderURL()) {
					t.Error("an order was not placed")
					return
				}
			}
		})
	}
	all.Wait()
	const total = orders + 1
	clocktest.Eventually(t, "all are published and counted", func() bool {
		return stacktest.Metric(t, s.Addresses.OrderOps, "order_outbox_backlog_messages") == 0 &&
			stacktest.CountedLately(t, s.ActivityURL()) == total
	})
	lose(cluster)
	if err := cluster.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	acked.InTopicOnce(t, cluster.Addr())
	again := stacktest.Metric(t, s.Addresses.OrderOps, "order_outbox_republished_total")
	t.Logf("%v messages were gone and are in the topic again %s after the broker's return", again,
		time.Since(began).Round(time.Millisecond))
	if again == 0 {
		t.Fatal("the broker lost nothing: the test shows nothing")
	}
	if !acked.Place(s.OrderURL()) {
		t.Fatal("an order was not placed")
	}
	clocktest.Eventually(t, "a new order is counted",
		func() bool { return stacktest.CountedLately(t, s.ActivityURL()) == total+1 })
	clocktest.Eventually(t, "there is no lag", func() bool { return stacktest.Lag(t, s.Addresses.ActivityOps) == 0 })
	if n := stacktest.CountedLately(t, s.ActivityURL()); n != total+1 {
		t.Errorf("%d orders are counted, want %d", n, total+1)
	}
	acked.InTopicOnce(t, cluster.Addr())
	fmt.Fprintln(t.Output(), "refused as counted before:",
		stacktest.Metric(t, s.Addresses.ActivityOps, "activity_duplicates_total"))
}
