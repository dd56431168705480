package kafka_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"ordertally/shared/kafka"
	"ordertally/shared/kafka/brokertest"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/shared/outbox"
	"ordertally/shared/outbox/outboxtest"
	apache "ordertally/stack/kafka"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, brokertest.Abandoned()...) }

func TestPublisher_OnTheDevelopmentBroker(t *testing.T) {
	fresh := func(t *testing.T) outboxtest.Target {
		return target(t, devbrokertest.Start(t, devbroker.Config{}).Addr())
	}
	outboxtest.Run(t, fresh)
	outboxtest.RunLog(t, fresh)
}

func TestPublisher_OnApacheKafka(t *testing.T) {
	address := apache.ForTest(t).Addr()
	fresh := func(t *testing.T) outboxtest.Target { return target(t, address) }
	outboxtest.Run(t, fresh)
	outboxtest.RunLog(t, fresh)
}

// Without transactions, a publisher keeps the part of the contract that needs none.
func TestPublisher_AtLeastOnceOnApacheKafka(t *testing.T) {
	address := apache.ForTest(t).Addr()
	outboxtest.RunAtLeastOnce(t, func(t *testing.T) outboxtest.Target { return targetWith(t, address, true) })
}

// target returns a target that publishes to a topic named after the test.
func target(t *testing.T, address string) outboxtest.Target {
	t.Helper()
	return targetWith(t, address, false)
}

func targetWith(t *testing.T, address string, idempotent bool) outboxtest.Target {
	t.Helper()
	topic := strings.Map(func(r rune) rune {
		if r == ' ' || r == '/' {
			return '-'
		}
		return r
	}, t.Name())
	publisher, err := kafka.NewPublisher(
		kafka.PublisherConfig{Brokers: []string{address}, Topic: topic, Idempotent: idempotent,
			WatchEvery: 50 * time.Millisecond}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	return outboxtest.Target{Publisher: publisher, Hang: func(t *testing.T) func() {
		end := brokertest.Hang(t, address, topic)
		return func() { end(true) }
	}, Remake: func(t *testing.T) { brokertest.Recreate(t, address, topic, 2) },
		Read: func(t *testing.T) []outbox.Record {
			t.Helper()
			var out []outbox.Record
			for _, r := range brokertest.ReadAll(t, address, topic) {
				out = append(out, outbox.Record{Key: r.Key, Value: r.Value, Headers: r.Headers, Time: r.Timestamp})
			}
			return out
		}}
}

func TestPublisher_CreatesAMissingTopicOnlyForANewLineage(t *testing.T) {
	address := devbrokertest.Start(t, devbroker.Config{}).Addr()
	publisher, err := kafka.NewPublisher(kafka.PublisherConfig{Brokers: []string{address}, Topic: "gone"},
		zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := publisher.Open(t.Context(), outbox.Identity{Lineage: "l"}); !errors.Is(err, kafka.ErrTopicMissing) {
		t.Fatalf("got %v, want ErrTopicMissing", err)
	}
	session, err := publisher.Open(t.Context(), outbox.Identity{Lineage: "l", MayCreate: true})
	if err != nil {
		t.Fatal(err)
	}
	session.Close()
}

// TestSession_PausesAfterATransactionOnly asks when the next one should begin.
func TestSession_PausesAfterATransactionOnly(t *testing.T) {
	publisher := target(t, devbrokertest.Start(t, devbroker.Config{}).Addr()).Publisher
	session, err := publisher.Open(t.Context(), outbox.Identity{Lineage: "lineage", MayCreate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	paced, ok := session.(outbox.Paced)
	if !ok || paced.NotBefore().After(time.Now()) {
		t.Fatalf("the first transaction has to wait: %t", ok)
	}
	began := time.Now()
	if _, err := session.Publish(t.Context(), nil, outbox.Watermark{Slot: 1}); err != nil {
		t.Fatal(err)
	}
	if next := paced.NotBefore(); !next.After(began) || next.After(time.Now().Add(5*time.Millisecond)) {
		t.Errorf("the next one is to begin %v after the first began", next.Sub(began))
	}
}
