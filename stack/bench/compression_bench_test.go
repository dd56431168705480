package bench_test

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"ordertally/order/retail"
	"ordertally/shared/clock"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/kafka"
	"ordertally/shared/kafka/brokertest"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/shared/outbox"
	"ordertally/shared/uuidv7"
	stackkafka "ordertally/stack/kafka"
	"ordertally/stack/stacktest"
)

// BenchmarkCompression publishes the real orders to Apache Kafka with each codec, in turn, three times. It reports what
// a message takes in the topic, in bytes, and the processor time of this process for it, with librdkafka. "once" is the
// backlog of the sample, "few" the sample in transactions of 10 messages. "load" has the sample 30 times over in
// transactions of 120, as they are under load, and "drain" 50 times over, for the processor time. The sizes of a drain
// flatter the codecs, because a batch has some orders twice.
func BenchmarkCompression(b *testing.B) {
	broker := stackkafka.ForTest(b)
	originals := realMessages(b)
	for _, shape := range []struct {
		name   string
		copies int
		config outbox.RelayConfig
	}{
		{"once", 1, outbox.RelayConfig{}},
		{"few", 1, outbox.RelayConfig{BatchMessages: 10}},
		{"load", 30, outbox.RelayConfig{BatchMessages: 120}},
		{"drain", 50, outbox.RelayConfig{}},
	} {
		messages := copied(originals, shape.copies)
		sizes, times, rates := map[string][]float64{}, map[string][]float64{}, map[string][]float64{}
		codecs := []string{"none", "gzip", "snappy", "lz4", "zstd"}
		for round := range 3 {
			for _, codec := range codecs {
				topic := fmt.Sprintf("%s-%s-%d", shape.name, codec, round)
				makeTopic(b, broker.Addr(), topic)
				processor, took := published(b, broker.Addr(), topic, codec, shape.config, messages)
				bytes, err := broker.TopicBytes(topic)
				if err != nil {
					b.Fatal(err)
				}
				n := float64(len(messages))
				sizes[codec] = append(sizes[codec], float64(bytes)/n)
				times[codec] = append(times[codec], float64(processor.Microseconds())/n)
				rates[codec] = append(rates[codec], n/took.Seconds())
			}
		}
		for _, codec := range codecs {
			b.Logf("%s, %d messages, %s: %.0f bytes and %.1f us of processor a message, %.0f messages/s", shape.name,
				len(messages), codec, median(sizes[codec]), median(times[codec]), median(rates[codec]))
			b.ReportMetric(median(sizes[codec]), shape.name+"-"+codec+"-bytes")
			b.ReportMetric(median(times[codec]), shape.name+"-"+codec+"-us")
		}
	}
	b.ReportMetric(0, "ns/op")
}

// realMessages returns the messages of the real orders.
func realMessages(b *testing.B) (messages []outbox.Message) {
	b.Helper()
	address := devbrokertest.Start(b, devbroker.Config{}).Addr()
	services := stacktest.StartServices(b, b.TempDir(), address)
	if _, err := stacktest.ImportRealOrders(b.Context(), services.OrderURL(), retail.Options{}); err != nil {
		b.Fatal(err)
	}
	clocktest.Within(b, time.Minute, "all are published", func() bool { return services.Order.Backlog() == 0 })
	for _, r := range brokertest.ReadAll(b, address, event.Topic) {
		messages = append(messages, outbox.Message{Key: r.Key, Type: event.TypeCreated, Subject: string(r.Key),
			Schema: event.SchemaCreated, ContentType: event.ContentType, Time: r.Timestamp, Value: r.Value})
	}
	return messages
}

// copied returns the messages several times over, each with ids of its own.
func copied(originals []outbox.Message, times int) (messages []outbox.Message) {
	ids := uuidv7.NewSource(clock.System{}, 0, uuidv7.ID{})
	for range times {
		for _, m := range originals {
			id := ids.Next()
			m.Key, m.Subject, m.Value = []byte(id.String()), id.String(), append([]byte(nil), m.Value...)
			event.SetID(m.Value, id)
			messages = append(messages, m)
		}
	}
	return messages
}

// published publishes messages from a file with that codec. It returns the processor time and the time that it took.
func published(b *testing.B, address, topic, codec string, config outbox.RelayConfig, messages []outbox.Message) (
	processor, took time.Duration) {
	b.Helper()
	x := openBox(b)
	x.fill(b, messages)
	publisher, err := kafka.NewPublisher(kafka.PublisherConfig{Brokers: []string{address}, Topic: topic,
		Compression: codec}, zerolog.Nop())
	if err != nil {
		b.Fatal(err)
	}
	relay := outbox.NewRelay(x.outbox, publisher, config,
		outbox.NewMetrics(prometheus.NewRegistry(), "bench", x.outbox),
		zerolog.Nop())
	ctx, cancel := context.WithCancel(context.Background())
	before, began := processorTime(b), time.Now()
	var running sync.WaitGroup
	running.Go(func() {
		if err := relay.Run(ctx); err != nil {
			b.Error(err)
		}
	})
	clocktest.Within(b, 2*time.Minute, "nothing waits", func() bool { return x.outbox.Backlog() == 0 })
	took, processor = time.Since(began), processorTime(b)-before
	cancel()
	running.Wait()
	return processor, took
}

// processorTime returns what this process has used.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
