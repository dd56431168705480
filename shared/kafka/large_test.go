package kafka_test

import (
	"bytes"
	"testing"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/rs/zerolog"

	"ordertally/shared/kafka"
)

// produce writes messages to the log as another program does. Our limits do not bind it.
func (l *log) produce(messages ...confluent.Message) {
	l.t.Helper()
	if _, err := l.admin().CreateTopics(l.t.Context(),
		[]confluent.TopicSpecification{{Topic: "orders", NumPartitions: 1, ReplicationFactor: 1}}); err != nil {
		l.t.Fatal(err)
	}
	producer, err := confluent.NewProducer(
		&confluent.ConfigMap{"bootstrap.servers": l.addr, "enable.metrics.push": false})
	if err != nil {
		l.t.Fatal(err)
	}
	defer producer.Close()
	topic, delivered := "orders", make(chan confluent.Event, 1)
	for i := range messages {
		messages[i].TopicPartition = confluent.TopicPartition{Topic: &topic, Partition: 0}
		if err := producer.Produce(&messages[i], delivered); err != nil {
			l.t.Fatal(err)
		}
		if report := (<-delivered).(*confluent.Message); report.TopicPartition.Error != nil {
			l.t.Fatal(report.TopicPartition.Error)
		}
	}
}

func largeConsumer(t *testing.T, l *log, limit int) *kafka.Consumer {
	t.Helper()
	c, err := kafka.NewConsumer(kafka.ConsumerConfig{Brokers: []string{l.addr}, Topic: "orders", GroupID: "g",
		MaxRecordBytes: limit}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// Of a record that is larger than allowed, only the position and the first headers come.
func TestConsumer_LeavesOutWhatIsTooLarge(t *testing.T) {
	l := newLog(t)
	many := func(s string, n int) []byte { return bytes.Repeat([]byte(s), n) }
	l.produce(
		confluent.Message{Key: []byte("a"), Value: []byte("small")},
		confluent.Message{Key: []byte("k"), Value: many("x", 5000),
			Headers: []confluent.Header{{Key: "h", Value: []byte("v")}}},
		confluent.Message{Key: many("k", 100_000), Value: []byte("v")},
		confluent.Message{Headers: []confluent.Header{{Key: "first", Value: []byte("v")},
			{Key: "big", Value: many("h", 100_000)}, {Key: "last"}}},
		confluent.Message{Key: []byte("k"), Value: many("x", 999)},
		confluent.Message{Key: []byte("k"), Value: many("x", 1000)},
	)
	c := largeConsumer(t, l, 1000)
	if err := c.Assign(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct{ size, key, value, headers int }{
		{0, 1, 5, 0}, {5003, 1, 0, 1}, {100_001, 0, 0, 0}, {100_013, 0, 0, 1}, {0, 1, 999, 0}, {1001, 1, 0, 0},
	} {
		r := fetch(t, c, 1)[0]
		if r.Offset != int64(i) || r.TooLarge != want.size || len(r.Key) != want.key || len(r.Value) != want.value ||
			len(r.Headers) != want.headers {
			t.Errorf("record %d: offset %d, too large %d, %d bytes of key, %d of value, %d headers; want %+v",
				i, r.Offset, r.TooLarge, len(r.Key), len(r.Value), len(r.Headers), want)
		}
	}
}

// The limit changes. The record before the position must not look like another log.
func TestConsumer_KnowsALargeRecordAgain(t *testing.T) {
	l := newLog(t)
	l.produce(confluent.Message{Value: bytes.Repeat([]byte("x"), 5000)}, confluent.Message{Value: []byte("next")})
	for _, limits := range [][2]int{{1000, 10_000}, {10_000, 1000}} {
		before := largeConsumer(t, l, limits[0])
		if err := before.Assign(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		f, err := before.Fetch(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		after := largeConsumer(t, l, limits[1])
		if err := after.Assign(t.Context(), f.Next); err != nil {
			t.Fatal(err)
		}
		if f, err = after.Fetch(t.Context(), 1); err != nil || len(f.Repositions) > 0 || len(f.Records) != 1 ||
			string(f.Records[0].Value) != "next" {
			t.Errorf("limits %v: %+v, %v", limits, f, err)
		}
	}
}

// The bytes limit a fetch, however many records are allowed. The records are one batch, which arrives as one.
func TestConsumer_FetchesNoMoreThanItsBytes(t *testing.T) {
	l := newLog(t)
	l.produce(confluent.Message{Value: []byte("first")})
	producer, err := confluent.NewProducer(&confluent.ConfigMap{
		"bootstrap.servers": l.addr, "enable.metrics.push": false, "compression.type": "zstd",
		"message.max.bytes": 100 << 20, "batch.size": 100 << 20, "linger.ms": 10_000,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	const records = 40
	topic, delivered := "orders", make(chan confluent.Event, records)
	for range records {
		message := confluent.Message{TopicPartition: confluent.TopicPartition{Topic: &topic, Partition: 0},
			Value: make([]byte, 900_000)}
		if err := producer.Produce(&message, delivered); err != nil {
			t.Fatal(err)
		}
	}
	if left := producer.Flush(20_000); left > 0 {
		t.Fatalf("%d are not sent", left)
	}
	c := largeConsumer(t, l, 2<<20)
	if err := c.Assign(t.Context(), map[int32]kafka.Position{0: {Offset: 1}}); err != nil {
		t.Fatal(err)
	}
	const most = 19 // 16 MiB, and the record that exceeds them
	for read := 0; read < records; {
		f, err := c.Fetch(t.Context(), 5000)
		if err != nil {
			t.Fatal(err)
		}
		if read += len(f.Records); len(f.Records) > most {
			t.Errorf("%d records of 0.9 MB were fetched at once", len(f.Records))
		}
	}
}
