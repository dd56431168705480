package kafka

import (
	"context"
	"fmt"
	"math"
	"math/bits"

	"ordertally/shared/outbox"
)

const (
	// batchOverhead is the size of a record batch without its records (format v2), in bytes.
	batchOverhead = 61
	// defaultBatchSize is librdkafka's batch.size.
	defaultBatchSize = 1_000_000
)

// topicLimit asks for the topic's max.message.bytes, which bounds a batch, not a record. If the broker does not say,
// for example for lack of a right, it returns no limit, and only a refusal tells.
func (s *session) topicLimit(ctx context.Context) int {
	config, err := describeConfig(ctx, s.admin, s.name)
	if err != nil {
		s.logger.Debug().Err(err).Msg("cannot ask for the topic's limit")
		return math.MaxInt
	}
	s.keeping = config.keeping
	return config.messageBytes
}

// tooLarge returns a rejection of the records that the topic would not accept even alone, or nil if there are none. It
// first asks for the limit again, because that may have been raised.
func (s *session) tooLarge(ctx context.Context, records []outbox.Record) *outbox.RejectedError {
	over := s.over(records)
	if over == nil {
		return nil
	}
	s.limit = s.topicLimit(ctx)
	if over = s.over(records); over == nil {
		return nil
	}
	return &outbox.RejectedError{Class: outbox.TooLarge, Slots: over, Err: fmt.Errorf(
		"larger than max.message.bytes of topic %s, %d: raise it, then retry the message", s.name, s.limit)}
}

func (s *session) over(records []outbox.Record) (slots []uint64) {
	for i := range records {
		if batchOverhead+recordSize(&records[i]) > s.limit {
			slots = append(slots, records[i].Slot)
		}
	}
	return slots
}

// recordSize returns the size of r in a batch of its own, in bytes (format v2, not compressed).
func recordSize(r *outbox.Record) int {
	size := 1 + 1 + 1 + // attributes, timestamp delta, offset delta
		varintSize(len(r.Key)) + len(r.Key) + varintSize(len(r.Value)) + len(r.Value) + varintSize(len(r.Headers))
	for _, h := range r.Headers {
		size += varintSize(len(h.Key)) + len(h.Key) + varintSize(len(h.Value)) + len(h.Value)
	}
	return varintSize(size) + size
}

// varintSize returns the length of n as a zigzag varint.
func varintSize(n int) int {
	return (bits.Len64(uint64(n)<<1|1) + 6) / 7 //nolint:gosec // lengths are not negative
}
