package kafka_test

import (
	"errors"
	"testing"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/rs/zerolog"

	"ordertally/shared/kafka"
)

func careful(t *testing.T, l *log) *kafka.Careful {
	t.Helper()
	c, err := kafka.NewCareful(kafka.ConsumerConfig{Brokers: []string{l.addr}, Topic: "orders", GroupID: "g",
		MaxRecordBytes: 1000}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// It reads past the markers of transactions, up to the end.
func TestCareful_ReadsOneBatchAtATime(t *testing.T) {
	l := newLog(t)
	l.publish("l", 1, 3) // each is a batch with a marker after it
	l.produce(confluent.Message{Value: make([]byte, 5000)})
	c := careful(t, l)
	partitions, err := c.Partitions(t.Context())
	if err != nil || len(partitions) != 1 {
		t.Fatalf("%v, %v", partitions, err)
	}
	at := kafka.Position{TopicID: "t"}
	for _, want := range []int64{0, 2, 4, 6} {
		f, err := c.Next(t.Context(), 0, at)
		if err != nil || len(f.Records) != 1 || f.Records[0].Offset != want {
			t.Fatalf("from %d: %+v, %v; want offset %d", at.Offset, f, err, want)
		}
		if large := f.Records[0].TooLarge; (large > 0) != (want == 6) {
			t.Errorf("offset %d is too large: %d", want, large)
		}
		at = f.Next[0]
		if at.Offset != want+1 || at.TopicID != "t" || len(at.Checkpoints) == 0 || at.Checkpoints[0].Offset != want {
			t.Errorf("it goes on at %+v", at)
		}
	}
	if f, err := c.Next(t.Context(), 0, at); err != nil || len(f.Records) != 0 {
		t.Errorf("at the end: %+v, %v", f, err)
	}
	if _, err := c.Next(t.Context(), 0, kafka.Position{Offset: 1000}); !errors.Is(err, kafka.ErrNotThere) {
		t.Errorf("beyond the end: %v", err)
	}
	if stands, err := c.Stands(t.Context(), 0, at); err != nil || !stands {
		t.Errorf("the last record stands: %v, %v", stands, err)
	}
	for _, other := range []kafka.Checkpoint{{Offset: 0, Identity: at.Checkpoints[0].Identity},
		{Offset: 1000, Identity: "i"}} {
		if stands, err := c.Stands(t.Context(), 0,
			kafka.Position{Offset: 7, Checkpoints: []kafka.Checkpoint{other}}); err != nil ||
			stands {
			t.Errorf("%+v stands: %v, %v", other, stands, err)
		}
	}
	// A Consumer goes on from that position.
	ahead := largeConsumer(t, l, 1000)
	l.produce(confluent.Message{Value: []byte("next")})
	if err := ahead.Assign(t.Context(), map[int32]kafka.Position{
		0: {Offset: at.Offset, LeaderEpoch: at.LeaderEpoch, Checkpoints: at.Checkpoints}}); err != nil {
		t.Fatal(err)
	}
	if f, err := ahead.Fetch(t.Context(), 1); err != nil || len(f.Repositions) > 0 || len(f.Records) != 1 ||
		string(f.Records[0].Value) != "next" {
		t.Errorf("reading ahead: %+v, %v", f, err)
	}
}
