package bench_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/kafka/brokertest"
	"ordertally/shared/outbox"
	"ordertally/stack/kafka"
)

// BenchmarkPoison publishes 10,000 waiting messages to a topic whose limit was lowered after they were stored. There
// are three cases: no message is too large, every hundredth is, or only the batches are. It reports how long the good
// messages take, in seconds, and the ratio to the first case.
func BenchmarkPoison(b *testing.B) {
	const n, every = 10_000, 100
	// Kafka's own default, and a limit below a client's batch (batch.size, 1,000,000)
	const usual, low = 1_048_588, 100_000
	address := kafka.ForTest(b).Addr()
	for range b.N {
		publishLimited(b, address, "warm", smallOrders(n), usual, n)
		none := publishLimited(b, address, "none", smallOrders(n), usual, n)
		messages := smallOrders(n)
		for i := every / 2; i < n; i += every {
			messages[i].Value = bytes.Repeat([]byte("x"), 1_200_000)
		}
		poison := publishLimited(b, address, "poison", messages, usual, n-n/every)
		batches := publishLimited(b, address, "batches", smallOrders(n), low, n)
		b.ReportMetric(none, "none-s")
		b.ReportMetric(poison, "poison-s")
		b.ReportMetric(poison/none, "poison-ratio")
		b.ReportMetric(batches, "low-limit-s")
		b.ReportMetric(batches/none, "low-limit-ratio")
	}
	b.ReportMetric(0, "ns/op")
}

// publishLimited returns how many seconds it takes to publish good messages.
func publishLimited(b *testing.B, address, topic string, messages []outbox.Message, limit, good int) float64 {
	b.Helper()
	makeTopic(b, address, topic)
	x := openBox(b)
	x.fill(b, messages)
	brokertest.Limit(b, address, topic, limit)
	began := time.Now()
	registry, stop := x.relay(b, address, topic, outbox.RelayConfig{})
	defer stop()
	clocktest.Within(b, 20*time.Minute, "the good messages are published", func() bool {
		return counterIn(b, registry, "bench_outbox_published_total") == float64(good)
	})
	return time.Since(began).Seconds()
}

func counterIn(b *testing.B, registry *prometheus.Registry, name string) float64 {
	b.Helper()
	families, err := registry.Gather()
	if err != nil {
		b.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	b.Fatalf("no metric %s", name)
	return 0
}
