package bench_test

import (
	"fmt"
	"testing"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/outbox"
	"ordertally/stack/kafka"
)

// BenchmarkDrain publishes 300,000 waiting messages from a file to Apache Kafka, exactly once. In turn, three times, it
// sends the same messages from memory with a bare idempotent producer. Both times include the start. ratio is the
// median of the three ratios of the first rate to the second. The least and the greatest are reported too.
func BenchmarkDrain(b *testing.B) {
	const n = 300_000
	address := kafka.ForTest(b).Addr()
	messages := smallOrders(n)
	b.Logf("%d messages of %d bytes and headers", n, len(messages[0].Value))
	var ours, bares, ratios []float64
	for i := range b.N {
		drainInTurn(b, address, fmt.Sprintf("warm-%d", i), messages[:n/10]) // Kafka's JVM compiles meanwhile
		for round := range 3 {
			bareRate, ourRate := drainInTurn(b, address, fmt.Sprintf("%d-%d", i, round), messages)
			bares, ours, ratios = append(bares, bareRate), append(ours, ourRate), append(ratios, ourRate/bareRate)
		}
	}
	b.Logf("bare %.0f, outbox %.0f, ratios %.2f", bares, ours, ratios)
	b.ReportMetric(median(bares), "bare-msgs/s")
	b.ReportMetric(median(ours), "outbox-msgs/s")
	b.ReportMetric(median(ratios), "ratio")
	b.ReportMetric(0, "ns/op")
}

// drainInTurn returns messages per second.
func drainInTurn(b *testing.B, address, name string, messages []outbox.Message) (bareRate, ourRate float64) {
	b.Helper()
	toBare, toOurs := "bare-"+name, "outbox-"+name
	makeTopic(b, address, toBare)
	makeTopic(b, address, toOurs)
	prepared := make([]*confluent.Message, len(messages))
	for i := range messages {
		prepared[i] = bare(&toBare, &messages[i], i)
	}
	began := time.Now()
	producer := bareProducer(b, address, 5)
	sendAll(b, producer, prepared)
	bareRate = float64(len(messages)) / time.Since(began).Seconds()
	producer.Close()

	x := openBox(b)
	x.fill(b, messages)
	began = time.Now()
	_, stop := x.relay(b, address, toOurs, outbox.RelayConfig{})
	clocktest.Within(b, 2*time.Minute, "nothing waits", func() bool { return x.outbox.Backlog() == 0 })
	ourRate = float64(len(messages)) / time.Since(began).Seconds()
	stop()
	if err := x.db.Close(); err != nil {
		b.Fatal(err)
	}
	return bareRate, ourRate
}
