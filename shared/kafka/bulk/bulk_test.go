package bulk_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka/brokertest"
	"ordertally/shared/kafka/bulk"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/shared/outbox"
)

const topic = "t"

const many = 1_000_000 // records, more than a call takes

// broker has a topic with two partitions.
func broker(t *testing.T) (address string) {
	t.Helper()
	address = devbrokertest.Start(t, devbroker.Config{}).Addr()
	brokertest.Create(t, address, topic, 2)
	return address
}

func producer(t *testing.T, address string, more confluent.ConfigMap) *confluent.Producer {
	t.Helper()
	config := confluent.ConfigMap{"bootstrap.servers": address, "enable.metrics.push": false,
		"enable.idempotence": true, "go.delivery.report.fields": "none"}
	for key, value := range more {
		config[key] = value
	}
	p, err := confluent.NewProducer(&config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func sink(t *testing.T, p *confluent.Producer) *bulk.Topic {
	t.Helper()
	s, err := bulk.NewTopic(p, topic)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// queue reads the topic from its beginning.
func queue(t *testing.T, address string) *bulk.Queue { t.Helper(); return queueFrom(t, address, 0) }

func queueFrom(t *testing.T, address string, offset confluent.Offset) *bulk.Queue {
	t.Helper()
	c, err := confluent.NewConsumer(&confluent.ConfigMap{"bootstrap.servers": address, "group.id": "g",
		"enable.auto.commit": false, "enable.partition.eof": true, "auto.offset.reset": "error",
		"enable.metrics.push": false})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	q, err := bulk.NewQueue(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	name, from := topic, []confluent.TopicPartition{}
	for partition := range int32(2) {
		from = append(from, confluent.TopicPartition{Topic: &name, Partition: partition, Offset: offset})
	}
	if err := c.Assign(from); err != nil {
		t.Fatal(err)
	}
	return q
}

// readAll reads to the ends of both partitions. It returns the records of each.
func readAll(t *testing.T, q *bulk.Queue) (all [2][]bulk.Incoming) {
	t.Helper()
	for ended := map[int32]bool{}; len(ended) < len(all); {
		records, event := q.Poll(5*time.Second, many)
		if len(records) == 0 && event == nil {
			t.Fatal("nothing came for 5 s")
		}
		for _, r := range records {
			all[r.Partition] = append(all[r.Partition], r)
		}
		switch event := event.(type) {
		case confluent.PartitionEOF:
			if *event.Topic != topic || int(event.Offset) != len(all[event.Partition]) {
				t.Errorf("partition %d of %s ended at %d after %d records", event.Partition, *event.Topic,
					event.Offset, len(all[event.Partition]))
			}
			ended[event.Partition] = true
		case confluent.Error:
			t.Fatal(event)
		}
	}
	return all
}

func offsets(t *testing.T, p *confluent.Producer, n int) map[int32][]confluent.Offset {
	t.Helper()
	all := map[int32][]confluent.Offset{}
	for range n {
		m, ok := (<-p.Events()).(*confluent.Message)
		if !ok || m.TopicPartition.Error != nil {
			t.Fatalf("%v, %+v", ok, m)
		}
		all[m.TopicPartition.Partition] = append(all[m.TopicPartition.Partition], m.TopicPartition.Offset)
	}
	return all
}

// unlike has a record of each form that C must tell apart.
func unlike(at time.Time) (records []outbox.Record) {
	header := func(key, value string) cloudevent.Header { return cloudevent.Header{Key: key, Value: []byte(value)} }
	manyHeaders := make([]cloudevent.Header, 300)
	for i := range manyHeaders {
		manyHeaders[i] = header(fmt.Sprint("h", i), fmt.Sprint("v", i))
	}
	for _, r := range []outbox.Record{
		{Key: []byte("key"), Value: []byte("value"), Headers: []cloudevent.Header{header("a", "1"), header("b", "2")}},
		{Key: []byte("key"), Value: []byte("value"), Headers: []cloudevent.Header{header("b", "1"), header("b", "")}},
		{},
		{Key: []byte{}, Value: []byte{}, Headers: []cloudevent.Header{{Key: "null"}, header("", "no name")}},
		{Key: []byte{0, 1}, Value: []byte{0}, Headers: []cloudevent.Header{header("zero", "\x00")}},
		{Value: bytes.Repeat([]byte("large"), 150_000), Headers: manyHeaders},
		{Key: []byte("last")},
	} {
		r.Time = at
		records = append(records, r)
	}
	return records
}

func TestQueue_ReadsWhatTopicWrote(t *testing.T) {
	address := broker(t)
	p := producer(t, address, confluent.ConfigMap{"message.max.bytes": 2 << 20})
	at := time.UnixMilli(1_700_000_000_123)
	var sent []outbox.Record
	var want [2][]outbox.Record
	for range 400 { // more than one call takes
		for _, r := range unlike(at) {
			if len(r.Value) > 1000 && len(sent) > 10 {
				continue
			}
			r.Partition = int32(len(sent) % 2)
			sent, want[r.Partition] = append(sent, r), append(want[r.Partition], r)
		}
	}
	if taken, err := sink(t, p).Produce(sent); taken != len(sent) || err != nil {
		t.Fatalf("%d of %d, %v", taken, len(sent), err)
	}
	for partition, offsets := range offsets(t, p, len(sent)) {
		for i, offset := range offsets {
			if int(offset) != i {
				t.Fatalf("report %d of partition %d has offset %d", i, partition, offset)
			}
		}
	}
	for partition, got := range readAll(t, queue(t, address)) {
		if len(got) != len(want[partition]) {
			t.Fatalf("partition %d has %d records, want %d", partition, len(got), len(want[partition]))
		}
		for i, r := range got {
			w := &want[partition][i]
			same := r.Offset == int64(i) && r.Timestamp.Equal(at) && reflect.DeepEqual(r.Key, w.Key) &&
				reflect.DeepEqual(r.Value, w.Value) && len(r.Headers) == len(w.Headers)
			for j := range w.Headers {
				same = same && reflect.DeepEqual(r.Headers[j], w.Headers[j])
			}
			if !same {
				t.Fatalf("partition %d, record %d: got %.300q, want %.300q", partition, i, fmt.Sprint(r),
					fmt.Sprint(*w))
			}
		}
	}
}

func TestTopic_SaysWhatWasTaken(t *testing.T) {
	p := producer(t, broker(t), confluent.ConfigMap{"queue.buffering.max.messages": 3, "message.max.bytes": 1000})
	s := sink(t, p)
	small := outbox.Record{Value: []byte("small")}
	code := func(err error) confluent.ErrorCode {
		e, _ := errors.AsType[confluent.Error](err)
		return e.Code()
	}
	taken, err := s.Produce([]outbox.Record{small, {Value: make([]byte, 2000)}, small})
	if taken != 1 || code(err) != confluent.ErrMsgSizeTooLarge {
		t.Fatalf("%d, %v", taken, err)
	}
	offsets(t, p, 1)
	clocktest.Eventually(t, "librdkafka has room for three", func() bool { return p.Len() == 0 })
	taken, err = s.Produce([]outbox.Record{small, small, small, small, small})
	if taken != 3 || code(err) != confluent.ErrQueueFull {
		t.Fatalf("%d, %v", taken, err)
	}
	offsets(t, p, 3)
}

func TestQueue_ReturnsNothingAfterClose(t *testing.T) {
	q := queue(t, broker(t))
	readAll(t, q)
	polled := make(chan struct{})
	go func() {
		defer close(polled)
		for range 100 {
			q.Poll(time.Millisecond, many)
		}
	}()
	q.Close()
	<-polled
	if records, event := q.Poll(time.Hour, many); records != nil || event != nil {
		t.Fatal(records, event)
	}
}

// A position that is not in the log is an error, which does not end reading.
func TestQueue_PassesOnErrors(t *testing.T) {
	q := queueFrom(t, broker(t), 1000)
	_, event := q.Poll(10*time.Second, many)
	if e, ok := event.(confluent.Error); !ok || e.Code() != confluent.ErrAutoOffsetReset || e.IsFatal() ||
		e.Error() == "" {
		t.Fatalf("%#v", event)
	}
}
