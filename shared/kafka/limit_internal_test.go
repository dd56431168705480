package kafka

import (
	"context"
	"strconv"
	"testing"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/rs/zerolog"

	"ordertally/shared/event/cloudevent"
	"ordertally/shared/outbox"
	apache "ordertally/stack/kafka"
)

// Apache Kafka judges records of sizes around its limit. The session must name the same ones before it sends them.
func TestSession_KnowsTheTopicsLimitToTheByte(t *testing.T) {
	const limit = 20_000
	address := apache.ForTest(t).Addr()
	publisher, err := NewPublisher(PublisherConfig{Brokers: []string{address}, Topic: "limited",
		Compression: "none"}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	open := func() *session {
		t.Helper()
		opened, err := publisher.Open(t.Context(), outbox.Identity{Lineage: "l", MayCreate: true})
		if err != nil {
			t.Fatal(err)
		}
		return opened.(*session)
	}
	s := open()
	set := func(bytes int) {
		t.Helper()
		results, err := s.admin.IncrementalAlterConfigs(t.Context(), []confluent.ConfigResource{{
			Type: confluent.ResourceTopic, Name: "limited", Config: []confluent.ConfigEntry{{
				Name: "max.message.bytes", Value: strconv.Itoa(bytes),
				IncrementalOperation: confluent.AlterConfigOpTypeSet,
			}},
		}})
		if err != nil || results[0].Error.Code() != confluent.ErrNoError {
			t.Fatal(results, err)
		}
		for s.topicLimit(t.Context()) != bytes { // until the broker applies the limit
		}
	}
	set(limit)
	s.Close()
	record := func(slot uint64, value int) outbox.Record {
		return outbox.Record{
			Slot: slot, Key: []byte("key"), Value: make([]byte, value), Time: time.Now(),
			Headers: []cloudevent.Header{{Key: "a", Value: []byte("b")}, {Key: "long", Value: make([]byte, 200)}},
		}
	}
	fits := 0
	for value := limit - 400; value < limit; value++ {
		if r := record(1, value); batchOverhead+recordSize(&r) <= limit {
			fits = value
		}
	}
	for _, value := range []int{fits - 1, fits, fits + 1, fits + 2} {
		s := open()
		r := record(1, value)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		_, named := s.Publish(ctx, []outbox.Record{r, record(2, 10)}, outbox.Watermark{Slot: 2})
		s.limit = 1 << 30 // so that Kafka judges
		places, judged := s.Publish(ctx, []outbox.Record{r}, outbox.Watermark{Slot: 2})
		cancel()
		s.Close()
		if (judged == nil) != (value <= fits) || (named == nil) != (value <= fits) {
			t.Errorf("a value of %d bytes, where %d fit: named %v; Kafka says %v, %v", value, fits, named, places,
				judged)
		}
	}
	// Many small records in one batch of a partition fit too. The client makes no batch larger than the limit.
	s = open()
	defer s.Close()
	many := make([]outbox.Record, 200)
	for i := range many {
		many[i] = record(uint64(i+1), 900)
	}
	if _, err := s.Publish(t.Context(), many, outbox.Watermark{Slot: 200}); err != nil {
		t.Errorf("200 records of 1 KB in a topic that takes 20 KB at once: %v", err)
	}
	// An operator raises the limit. The session asks again when it matters.
	set(2 * limit)
	if _, err := s.Publish(t.Context(), []outbox.Record{record(201, limit)}, outbox.Watermark{Slot: 201}); err != nil {
		t.Errorf("after the limit was raised: %v", err)
	}
}
