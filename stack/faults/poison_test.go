package faults_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/order/orderd"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/kafka"
	"ordertally/shared/kafka/brokertest"
	"ordertally/shared/outbox"
	apache "ordertally/stack/kafka"
	"ordertally/stack/stacktest"
)

// TestRelay_ParksPoisonOnApacheKafka stores orders while Kafka is unreachable and lowers the topic's limit, so that
// every hundredth order is too large. These are parked, and the others are published and counted. Once the topic
// accepts them, the operators' verb publishes them.
func TestRelay_ParksPoisonOnApacheKafka(t *testing.T) {
	const count, every, limit = 3000, 100, 100_000
	cluster := apache.ForTest(t)
	s := stacktest.StartServicesWith(t, t.TempDir(), cluster.Addr(), orderd.Config{Relay: outbox.RelayConfig{
		MaxAttempts: 3, Retry: outbox.Backoff{First: time.Millisecond, Limit: 10 * time.Millisecond},
	}})
	s.Place(`{"sku":"first","quantity":1,"unit_price":1}`)
	clocktest.Eventually(t, "the topic is there",
		func() bool { return stacktest.CountedLately(t, s.ActivityURL()) == 1 })
	s.Stop()
	s.Brokers = stacktest.FreePort(t) // nobody listens there
	s.Start()
	line := `{"sku":"sku","description":"` + strings.Repeat("x", 500) + `","quantity":1,"unit_price":1}`
	poison := strings.Repeat(line+",", 2*limit/len(line)) + line
	var writers sync.WaitGroup
	for first := range 10 {
		writers.Go(func() {
			for n := first; n < count; n += 10 {
				if n%every == every/2 {
					s.Place(poison)
				} else {
					s.Place(`{"sku":"small","quantity":1,"unit_price":1}`)
				}
			}
		})
	}
	writers.Wait()
	brokertest.Limit(t, cluster.Addr(), event.Topic, limit)
	s.Stop()
	s.Brokers = cluster.Addr()
	began := time.Now()
	s.Start()
	clocktest.Eventually(t, "the poison is parked and nothing waits", func() bool {
		return stacktest.Metric(t, s.Addresses.OrderOps, "order_outbox_parked_messages") == count/every &&
			stacktest.Metric(t, s.Addresses.OrderOps, "order_outbox_backlog_messages") == 0
	})
	t.Logf("%d messages, of which %d are poison, were dealt with %s after the start", count, count/every,
		time.Since(began).Round(time.Millisecond))
	clocktest.Eventually(t, "the others are counted",
		func() bool { return stacktest.CountedLately(t, s.ActivityURL()) == 1+count-count/every })
	if charged := stacktest.Metric(t, s.Addresses.OrderOps,
		"order_outbox_publish_failures_total"); charged != 3*count/every {
		t.Errorf("%v failures, want 3 of each poisoned message and no other", charged)
	}

	shop, err := orders.New(client.Config{URL: s.OrderURL(), RetryFor: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer shop.Close()
	var page struct{ Parked []struct{ Attempts int } }
	list, err := shop.Ask(t.Context(), http.MethodGet, "/v1/outbox/parked", url.Values{"class": {"too_large"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	if err := json.NewDecoder(list).Decode(&page); err != nil || len(page.Parked) != count/every ||
		page.Parked[0].Attempts != 3 {
		t.Fatalf("listed %+v, %v", page, err)
	}
	brokertest.Limit(t, cluster.Addr(), event.Topic, kafka.MaxMessageBytes)
	program := stacktest.OrderProgram(t)
	output, err := exec.Command(program, "outbox", "retry", "--class", "too_large", "--reason", "limit raised",
		"--target", s.OrderURL()).CombinedOutput()
	if want := fmt.Sprintln(count/every, "retried"); err != nil || string(output) != want {
		t.Fatalf("%s, %v; want %s", output, err, want)
	}
	clocktest.Eventually(t, "all are counted",
		func() bool { return stacktest.CountedLately(t, s.ActivityURL()) == 1+count })
	if parked := stacktest.Metric(t, s.Addresses.OrderOps, "order_outbox_parked_messages"); parked != 0 {
		t.Errorf("%v parked", parked)
	}
	seen := map[string]bool{}
	for _, m := range brokertest.ReadAll(t, cluster.Addr(), event.Topic) {
		seen[string(m.Key)] = true
	}
	if len(seen) != 1+count {
		t.Errorf("%d orders in the topic, want %d", len(seen), 1+count)
	}
}
