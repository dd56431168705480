package faults_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/order/retail"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/stack/kafka"
	"ordertally/stack/stacktest"
)

// activity's disk is lost, and the first half of each partition is gone. verify names the verb that heals it, and the
// figures of all days are those that they were.
func TestRepublish_HealsALostDiskWhoseTopicIsGone(t *testing.T) {
	t.Run("development broker", func(t *testing.T) {
		heals(t, devbrokertest.Start(t, devbroker.Config{DataDir: t.TempDir()}).Addr())
	})
	t.Run("Apache Kafka", func(t *testing.T) { heals(t, kafka.ForTest(t).Addr()) })
}

func heals(t *testing.T, broker string) {
	dir := t.TempDir()
	s := stacktest.StartServices(t, dir, broker)
	summary, err := stacktest.ImportRealOrders(t.Context(), s.OrderURL(), retail.Options{})
	if err != nil || summary.Placed != stacktest.RealOrders {
		t.Fatalf("placed %d orders, want %d: %v", summary.Placed, stacktest.RealOrders, err)
	}
	counted := func() bool { return stacktest.CountedRealOrders(t, s.ActivityURL()) == stacktest.RealOrders }
	clocktest.Eventually(t, "every order is counted", counted)
	cancelSome(t, s.OrderURL(), 20)
	activity, order := stacktest.ActivityProgram(t), stacktest.OrderProgram(t)
	verify := func() (said string, code int) {
		return stacktest.Command(t, nil, activity, "verify", "--orders", s.OrderURL(), "--target", s.ActivityURL())
	}
	clocktest.Eventually(t, "both sides agree", func() bool {
		_, code := verify()
		return code == 0
	})

	s.Stop()
	deleteHalf(t, broker)
	if err := os.Remove(filepath.Join(dir, "activity.db")); err != nil {
		t.Fatal(err)
	}
	s.Start()
	clocktest.Eventually(t, "activity has read what is left", func() bool {
		return stacktest.Metric(t, s.Addresses.ActivityOps, "activity_counted_total") > 0 &&
			stacktest.Lag(t, s.Addresses.ActivityOps) == 0
	})
	said, code := verify()
	if code != 1 || !strings.Contains(said, "to heal it: order republish --placed-from ") {
		t.Fatalf("%d: %s", code, said)
	}
	for range 5 { // it names only so many at once
		for _, line := range strings.Split(said, "\n") {
			verb, heals := strings.CutPrefix(line, "to heal it: order ")
			if !heals {
				continue
			}
			verb, _, _ = strings.Cut(verb, "   (")
			said, code := stacktest.Command(t, nil, order, append(strings.Fields(verb), "--target", s.OrderURL())...)
			if code != 0 || !strings.Contains(said, "published again") {
				t.Fatalf("%s: %d: %s", verb, code, said)
			}
		}
		clocktest.Eventually(t, "activity has read all", func() bool {
			return stacktest.Lag(t, s.Addresses.ActivityOps) == 0
		})
		if said, code = verify(); code == 0 {
			break
		}
	}
	if code != 0 || !counted() {
		t.Fatalf("healed? %d: %s", code, said)
	}
	stacktest.CheckRealDays(t, s.ActivityURL())
	if n := stacktest.CountedLately(t, s.ActivityURL()); n != 0 {
		t.Errorf("%d orders are counted on days that have none", n)
	}

	// Once more, all of it: activity refuses everything.
	if said, code := stacktest.Command(t, nil, order, "republish", "--placed-from", "2010-01-01T00:00:00Z",
		"--placed-to",
		"2012-01-01T00:00:00Z", "--target", s.OrderURL()); code != 0 {
		t.Fatalf("%d: %s", code, said)
	}
	clocktest.Eventually(t, "activity has refused all", func() bool {
		return stacktest.Metric(t, s.Addresses.ActivityOps, "activity_duplicates_total") >= stacktest.RealOrders
	})
	if said, code := verify(); code != 0 {
		t.Errorf("after a second time: %d: %s", code, said)
	}
	stacktest.CheckRealDays(t, s.ActivityURL())
}

func cancelSome(t *testing.T, base string, n int) {
	t.Helper()
	shop, err := orders.New(client.Config{URL: base})
	if err != nil {
		t.Fatal(err)
	}
	defer shop.Close()
	for o, err := range shop.All(t.Context(), orders.ListOrdersParams{Limit: 200}) {
		if err == nil && n > 0 {
			_, err = shop.CancelOrder(t.Context(), o.ID, orders.CancelOrderParams{},
				orders.OrderCancellation{Reason: "drill"})
			n--
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// deleteHalf deletes the first half of each partition, as the topic's retention does.
func deleteHalf(t *testing.T, broker string) {
	t.Helper()
	admin, err := confluent.NewAdminClient(&confluent.ConfigMap{"bootstrap.servers": broker})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	consumer, err := confluent.NewConsumer(&confluent.ConfigMap{"bootstrap.servers": broker, "group.id": "ends"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = consumer.Close() }()
	topic := event.Topic
	halves := make([]confluent.TopicPartition, 6)
	for i := range halves {
		_, end, err := consumer.QueryWatermarkOffsets(topic, int32(i), 10_000)
		if err != nil {
			t.Fatal(err)
		}
		halves[i] = confluent.TopicPartition{Topic: &topic, Partition: int32(i), Offset: confluent.Offset(end / 2)}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	results, err := admin.DeleteRecords(ctx, halves)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results.DeleteRecordsResults {
		if r.TopicPartition.Error != nil {
			t.Fatal(r.TopicPartition.Error)
		}
	}
}
