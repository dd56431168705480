package stacktest

import (
	"slices"
	"testing"
	"time"

	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka"
	"ordertally/shared/kafka/brokertest"
)

// CheckTopic reads the whole topic as a reader of committed records. It checks that each order is there once, with
// every header.
func CheckTopic(t testing.TB, address string, want int) {
	t.Helper()
	records := brokertest.ReadAll(t, address, event.Topic)
	seen := map[string]bool{}
	ids := map[string]bool{}
	for _, r := range records {
		envelope, order := Decode(t, r)
		if seen[order.ID] || ids[envelope.ID] {
			t.Errorf("order %s stands in the topic twice", order.ID)
		}
		seen[order.ID], ids[envelope.ID] = true, true
		if string(r.Key) != order.ID || envelope.Subject != order.ID || envelope.Type != event.TypeCreated ||
			envelope.Source != event.Source || !envelope.Time.Equal(order.PlacedAt) || envelope.Lineage == "" ||
			time.Since(r.Timestamp) > time.Hour {
			t.Errorf("order %s: key %s, timestamp %s, envelope %+v", order.ID, r.Key, r.Timestamp, envelope)
		}
	}
	if len(seen) != want {
		t.Errorf("%d orders in the topic, want %d", len(seen), want)
	}
}

// Decode returns the envelope and the order of a record.
func Decode(t testing.TB, r kafka.Record) (cloudevent.Envelope, event.Order) {
	t.Helper()
	envelope, err := cloudevent.Parse(r.Headers)
	if err != nil {
		t.Fatal(err)
	}
	order, err := event.Decode(r.Value)
	if err != nil {
		t.Fatal(err)
	}
	return envelope, order
}

// WithoutLineage returns the headers of a message as a program without an outbox writes them.
func WithoutLineage(headers []cloudevent.Header) []cloudevent.Header {
	ours := []string{
		cloudevent.HeaderLineage, cloudevent.HeaderSequence, cloudevent.HeaderPrevious,
		cloudevent.HeaderPartitionPrevious,
	}
	return slices.DeleteFunc(slices.Clone(headers), func(h cloudevent.Header) bool {
		return slices.Contains(ours, h.Key)
	})
}
