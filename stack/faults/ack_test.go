package faults_test

import (
	"crypto/rand"
	"encoding/json"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"ordertally/order/ack"
	"ordertally/order/orderd"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/kafka/brokertest"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/shared/outbox"
	apache "ordertally/stack/kafka"
	"ordertally/stack/stacktest"
)

// answered is the answer to a placement.
type answered struct {
	ID         string `json:"id"`
	status     int
	durability string
}

func placeOne(t *testing.T, base, key string) (a answered) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v1/orders",
		strings.NewReader(`{"currency":"EUR","lines":[{"sku":"a","quantity":1,"unit_price":1}]}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", key)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return answered{} // the service was killed
	}
	defer func() { _ = response.Body.Close() }()
	if json.NewDecoder(response.Body).Decode(&a) != nil {
		return answered{}
	}
	a.status, a.durability = response.StatusCode, response.Header.Get("Order-Durability")
	return a
}

// committedOrders returns the orders that a reader of committed records finds up to the present high watermarks. A
// commit returns before its markers are written, so that reader may have to wait for them.
func committedOrders(t *testing.T, address string) map[string]int {
	t.Helper()
	found := map[string]int{}
	for _, r := range brokertest.ReadToHighWatermark(t, address, event.Topic) {
		found[string(r.Key)]++
	}
	return found
}

// TestAck_KafkaMeansThatTheRecordStandsCommittedInTheTopic reads the topic as soon as an answer is there. It does not
// wait for the record, which comes long after the order is stored.
func TestAck_KafkaMeansThatTheRecordStandsCommittedInTheTopic(t *testing.T) {
	for name, address := range map[string]func() string{
		"development broker": func() string { return devbrokertest.Start(t, devbroker.Config{}).Addr() },
		"Apache Kafka":       func() string { return apache.ForTest(t).Addr() },
	} {
		t.Run(name, func(t *testing.T) {
			broker := address()
			services := stacktest.StartServicesWith(t, t.TempDir(), broker,
				orderd.Config{Ack: ack.Config{Ack: ack.Kafka, Else: ack.Refuse, Wait: 20 * time.Second},
					Relay: outbox.RelayConfig{Linger: 2 * time.Second}}) // the reader is faster than that
			for range 3 {
				a := placeOne(t, services.OrderURL(), rand.Text())
				if found := committedOrders(t, broker); a.status != http.StatusCreated || a.durability != "kafka" ||
					found[a.ID] != 1 {
					t.Fatalf("%+v is in the topic %d times", a, found[a.ID])
				}
			}
			var all sync.WaitGroup
			many := make([]answered, 100)
			for i := range many {
				all.Go(func() { many[i] = placeOne(t, services.OrderURL(), rand.Text()) })
			}
			all.Wait()
			found := committedOrders(t, broker)
			for _, a := range many {
				if a.durability != "kafka" || found[a.ID] != 1 {
					t.Errorf("%+v is in the topic %d times", a, found[a.ID])
				}
			}
			metrics := stacktest.Text(t, "http://"+services.Addresses.OrderOps+"/metrics")
			if !strings.Contains(metrics, "\norder_acks_total{durability=\"kafka\"} 103\n") {
				t.Error("order_acks_total does not count 103 answers with kafka")
			}
		})
	}
}

// TestAck_KafkaLosesNothingWithTheDisk kills the service at a random moment and throws its file away.
func TestAck_KafkaLosesNothingWithTheDisk(t *testing.T) {
	broker := apache.ForTest(t)
	order := stacktest.OrderProgram(t)
	for range 3 {
		program := stacktest.Serve(t, stacktest.Serving{Program: order, Kafka: broker.Addr(),
			Args: []string{"--ack=kafka", "--ack-else=refuse", "--ack-wait=20s"}})
		var mu sync.Mutex
		var acknowledged []string
		var callers sync.WaitGroup
		for range 8 {
			callers.Go(func() {
				for {
					a := placeOne(t, program.URL(), rand.Text())
					if a.status == 0 {
						return
					}
					if a.status == http.StatusCreated {
						mu.Lock()
						acknowledged = append(acknowledged, a.ID)
						mu.Unlock()
					}
				}
			})
		}
		enough := 10 + mathrand.IntN(300)
		clocktest.Eventually(t, "orders are acknowledged", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(acknowledged) > enough
		})
		program.Kill()
		callers.Wait()
		if err := os.Remove(program.Data); err != nil {
			t.Fatal(err)
		}
		// The transaction that the kill left open is in the way of readers for transaction-timeout at most. What was
		// acknowledged is before it.
		found, lost := committedOrders(t, broker.Addr()), 0
		for _, id := range acknowledged {
			if found[id] != 1 {
				lost++
			}
		}
		t.Logf("%d acknowledged", len(acknowledged))
		if lost > 0 {
			t.Errorf("%d of %d acknowledged orders are lost with the disk", lost, len(acknowledged))
		}
	}
}

// TestAck_AnOutageOfKafkaStopsNoOrder stops Apache Kafka under a service with the default of ack-else.
func TestAck_AnOutageOfKafkaStopsNoOrder(t *testing.T) {
	broker := apache.ForTest(t)
	services := stacktest.StartServicesWith(t, t.TempDir(), broker.Addr(),
		orderd.Config{Ack: ack.Config{Ack: ack.Kafka, Wait: 500 * time.Millisecond}})
	clocktest.Eventually(t, "Kafka confirms orders", func() bool {
		return placeOne(t, services.OrderURL(), rand.Text()).durability == "kafka"
	})
	if err := broker.Stop(); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if a := placeOne(t, services.OrderURL(), rand.Text()); a.status != http.StatusCreated ||
			a.durability != "local" {
			t.Errorf("during the outage: %+v", a)
		}
	}
	clocktest.Eventually(t, "the outage is known, and nobody waits", func() bool {
		began := time.Now()
		a := placeOne(t, services.OrderURL(), rand.Text())
		return a.status == http.StatusCreated && time.Since(began) < 250*time.Millisecond
	})
	if err := broker.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	clocktest.Eventually(t, "Kafka confirms orders again", func() bool {
		return placeOne(t, services.OrderURL(), rand.Text()).durability == "kafka"
	})
}
