package kafka_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"ordertally/shared/clock/clocktest"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// foreign is another program. It writes to the topic in a transaction that it leaves open.
type foreign struct {
	t        *testing.T
	producer *confluent.Producer
}

func (l *log) foreign(records int) *foreign {
	l.t.Helper()
	producer, err := confluent.NewProducer(&confluent.ConfigMap{
		"bootstrap.servers": l.addr, "transactional.id": "another-program", "transaction.timeout.ms": 60_000,
		"enable.metrics.push": false,
		"go.delivery.reports": false,
	})
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(producer.Close)
	f := &foreign{l.t, producer}
	f.must(producer.InitTransactions(l.t.Context()))
	f.must(producer.BeginTransaction())
	topic := "orders"
	for range records {
		f.must(producer.Produce(&confluent.Message{
			TopicPartition: confluent.TopicPartition{Topic: &topic, Partition: 0}, Key: []byte("x"),
			Value: []byte("{}")}, nil))
	}
	if left := producer.Flush(20_000); left > 0 {
		l.t.Fatalf("%d foreign records are not written", left)
	}
	return f
}

func (f *foreign) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *foreign) commit() { f.t.Helper(); f.must(f.producer.CommitTransaction(f.t.Context())) }
func (f *foreign) abort()  { f.t.Helper(); f.must(f.producer.AbortTransaction(f.t.Context())) }

// keep fetches until the test ends. It sends the keys that it gets.
func (r *reader) keep() <-chan string {
	keys := make(chan string, 100)
	ctx, stop := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() {
		for {
			f, err := r.c.Fetch(ctx, 100)
			if err != nil {
				done <- err
				return
			}
			for _, record := range f.Records {
				keys <- string(record.Key)
			}
		}
	}()
	r.t.Cleanup(func() {
		stop()
		if err := <-done; !errors.Is(err, context.Canceled) {
			r.t.Error(err)
		}
	})
	return keys
}

func next(t *testing.T, keys <-chan string) string {
	t.Helper()
	select {
	case key := <-keys:
		return key
	case <-time.After(20 * time.Second):
		t.Fatal("no record came")
		return ""
	}
}

// Committed records stand behind another program's open transaction. The lag counts them, and no moment is through
// before they were read. Records of an aborted transaction take offsets too.
func TestConsumer_TheEndIsBehindAnOpenTransaction(t *testing.T) {
	for _, end := range []string{"commits", "aborts"} {
		t.Run(end, func(t *testing.T) {
			l := newLog(t)
			l.publish("a", 1, 2)
			other := l.foreign(3)
			l.publish("a", 3, 4)
			written := time.Now()
			r := l.read(nil)
			if lag := r.c.Lag()[0]; lag != 11 {
				t.Errorf("before the first record the lag is %d, and the log ends at offset 11", lag)
			}
			keys := r.keep()
			for _, want := range []string{"a1", "a2"} {
				if key := next(t, keys); key != want {
					t.Fatalf("read %s, want %s", key, want)
				}
			}
			clocktest.Eventually(t, "it stands at the open transaction",
				func() bool { return r.c.Held().Partitions > 0 })
			if lag := r.c.Lag()[0]; lag != 7 {
				t.Errorf("the lag is %d; the open transaction and what is behind it take 7 offsets", lag)
			}
			clocktest.Eventually(t, "two answers about the end of the log wait",
				func() bool { return r.c.Ahead() == 2 })
			if r.c.Behind() {
				t.Error("it says that there is something to read: a liveness check would have the service started " +
					"again")
			}
			if through := r.c.Through(); !through.Before(written) {
				t.Errorf("all is through as of %s, and a3 and a4 were written before", through)
			}
			ended := time.Now()
			want := []string{"x", "x", "x", "a3", "a4"}
			if end == "commits" {
				other.commit()
			} else {
				other.abort()
				want = want[3:]
			}
			for _, want := range want {
				if key := next(t, keys); key != want {
					t.Fatalf("read %s, want %s", key, want)
				}
			}
			clocktest.Eventually(t, "all is through", func() bool { return !r.c.Through().Before(ended) })
			if lag, held := r.c.Lag()[0], r.c.Held(); lag != 0 || held.Partitions != 0 {
				t.Errorf("at the end the lag is %d, and it is held by %+v", lag, held)
			}
		})
	}
}
