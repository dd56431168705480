package kafka_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka"
	"ordertally/shared/outbox"
)

// TestSession_DoesNotTrustADeliveryWithoutAnOffset has a broker take the first records of a producer for repeated ones,
// which it does not store. librdkafka reports them as delivered.
func TestSession_DoesNotTrustADeliveryWithoutAnOffset(t *testing.T) {
	for _, idempotent := range []bool{false, true} {
		t.Run(fmt.Sprint("idempotent only: ", idempotent), func(t *testing.T) {
			cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
			if err != nil {
				t.Fatal(err)
			}
			defer cluster.Close()
			publisher, err := kafka.NewPublisher(kafka.PublisherConfig{
				Brokers: cluster.ListenAddrs(), Topic: "orders", Idempotent: idempotent,
			}, zerolog.Nop())
			if err != nil {
				t.Fatal(err)
			}
			session, err := publisher.Open(t.Context(), outbox.Identity{Lineage: "lineage", MayCreate: true})
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close()
			var repeated atomic.Int32
			cluster.ControlKey(kmsg.Produce.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
				repeated.Add(1)
				return takeForRepeated(request), nil, true
			})
			_, err = session.Publish(t.Context(), []outbox.Record{{
				Slot: 1, Key: []byte("a"), Value: []byte("one"),
				Headers: []cloudevent.Header{{Key: "ce_id", Value: []byte("one")}},
			}}, outbox.Watermark{Slot: 1})
			if _, outage := errors.AsType[*outbox.OutageError](err); !outage || repeated.Load() != 1 {
				t.Fatalf("after %d repeated records: %v, want an unknown outcome", repeated.Load(), err)
			}
		})
	}
}

// takeForRepeated answers that all records of a request stand in the log already.
func takeForRepeated(request kmsg.Request) kmsg.Response {
	response := kmsg.NewPtrProduceResponse()
	response.Version = request.GetVersion()
	produce, ok := request.(*kmsg.ProduceRequest)
	if !ok {
		return response
	}
	for i := range produce.Topics {
		topic := &produce.Topics[i]
		answer := kmsg.NewProduceResponseTopic()
		answer.Topic, answer.TopicID = topic.Topic, topic.TopicID
		for j := range topic.Partitions {
			p := kmsg.NewProduceResponseTopicPartition()
			p.Partition, p.ErrorCode = topic.Partitions[j].Partition, kerr.DuplicateSequenceNumber.Code
			p.BaseOffset = -1
			answer.Partitions = append(answer.Partitions, p)
		}
		response.Topics = append(response.Topics, answer)
	}
	return response
}
