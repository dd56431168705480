package stack_test

import (
	"fmt"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/order/orderclient"
	"ordertally/order/orderd"
	"ordertally/shared/event"
	"ordertally/shared/kafka"
	"ordertally/shared/kafka/brokertest"
	apache "ordertally/stack/kafka"
)

// limitTopic sets the largest message that Apache Kafka takes for orders.
func limitTopic(t testing.TB, address string, bytes int) {
	t.Helper()
	limitTopicOf(t, address, event.Topic, bytes)
}

func limitTopicOf(t testing.TB, address, topic string, bytes int) {
	t.Helper()
	admin, err := confluent.NewAdminClient(&confluent.ConfigMap{"bootstrap.servers": address})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	results, err := admin.IncrementalAlterConfigs(t.Context(), []confluent.ConfigResource{{
		Type: confluent.ResourceTopic, Name: topic, Config: []confluent.ConfigEntry{{
			Name: "max.message.bytes", Value: strconv.Itoa(bytes), IncrementalOperation: confluent.AlterConfigOpTypeSet,
		}},
	}})
	if err != nil || results[0].Error.Code() != confluent.ErrNoError {
		t.Fatal(results, err)
	}
}

// TestPoisonOnApacheKafka stores orders while Kafka is out of reach and lowers the topic's limit, so that every
// hundredth is too large for it: it is parked, the others are published and counted, and once the topic takes it the
// operators' verb publishes it.
func TestPoisonOnApacheKafka(t *testing.T) {
	const orders, every, limit = 3000, 100, 100_000
	cluster := apache.ForTest(t)
	s := startServicesWith(t, t.TempDir(), cluster.Addr(), orderd.OutboxConfig{
		MaxAttempts: 3, RetryFirst: time.Millisecond, RetryLimit: 10 * time.Millisecond,
	})
	place(t, s, `{"sku":"first","quantity":1,"unit_price":1}`)
	eventually(t, time.Minute, "the topic is there", func() bool { return countedLately(t, s.activityURL()) == 1 })
	s.stop()
	s.brokers = freePort(t) // nobody listens there
	s.start()
	line := `{"sku":"sku","description":"` + strings.Repeat("x", 500) + `","quantity":1,"unit_price":1}`
	poison := strings.Repeat(line+",", 2*limit/len(line)) + line
	var writers sync.WaitGroup
	for first := range 10 {
		writers.Go(func() {
			for n := first; n < orders; n += 10 {
				if n%every == every/2 {
					place(t, s, poison)
				} else {
					place(t, s, `{"sku":"small","quantity":1,"unit_price":1}`)
				}
			}
		})
	}
	writers.Wait()
	limitTopic(t, cluster.Addr(), limit)
	s.stop()
	s.brokers = cluster.Addr()
	began := time.Now()
	s.start()
	eventually(t, time.Minute, "the poison is parked and nothing waits", func() bool {
		return metric(t, s.addresses.orderOps, "order_outbox_parked_messages") == orders/every &&
			metric(t, s.addresses.orderOps, "order_outbox_backlog_messages") == 0
	})
	t.Logf("%d messages, of which %d are poison, were dealt with %s after the start", orders, orders/every,
		time.Since(began).Round(time.Millisecond))
	eventually(t, time.Minute, "the others are counted",
		func() bool { return countedLately(t, s.activityURL()) == 1+orders-orders/every })
	if charged := metric(t, s.addresses.orderOps, "order_outbox_publish_failures_total"); charged != 3*orders/every {
		t.Errorf("%v failures, want 3 of each poisoned message and no other", charged)
	}

	client, err := orderclient.New(orderclient.Config{BaseURL: s.orderURL(), RetryFor: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	page, err := client.ListParked(t.Context(), orderclient.ParkedFilter{Class: "too_large"}, 0, "")
	if err != nil || len(page.Parked) != orders/every || page.Parked[0].Attempts != 3 {
		t.Fatalf("listed %+v, %v", page, err)
	}
	limitTopic(t, cluster.Addr(), kafka.MaxMessageBytes)
	program, err := orderProgram()
	if err != nil {
		t.Fatal(err)
	}
	output, err := exec.Command(program, "outbox", "retry", "--class", "too_large", "--reason", "limit raised",
		"--target", s.orderURL()).CombinedOutput()
	if want := fmt.Sprintln(orders/every, "retried"); err != nil || string(output) != want {
		t.Fatalf("%s, %v; want %s", output, err, want)
	}
	eventually(t, time.Minute, "all are counted", func() bool { return countedLately(t, s.activityURL()) == 1+orders })
	if parked := metric(t, s.addresses.orderOps, "order_outbox_parked_messages"); parked != 0 {
		t.Errorf("%v parked", parked)
	}
	seen := map[string]bool{}
	for _, m := range brokertest.ReadAll(t, cluster.Addr(), event.Topic) {
		seen[string(m.Key)] = true
	}
	if len(seen) != 1+orders {
		t.Errorf("%d orders in the topic, want %d", len(seen), 1+orders)
	}
}

func place(t *testing.T, s *services, lines string) {
	t.Helper()
	body := fmt.Sprintf(`{"currency":"GBP","lines":[%s]}`, lines)
	response, err := http.Post(s.orderURL()+"/v1/orders", "application/json", strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return
	}
	if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusCreated {
		t.Errorf("%s, %v", response.Status, err)
	}
}
