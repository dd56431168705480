package broker

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/shared/cloudevent"
	"ordertally/shared/outbox"
	"ordertally/shared/uuidv7"
)

const (
	// readPatience is how long reading a topic may bring nothing before it is called an outage.
	readPatience = 15 * time.Second
	// rangeTimeout bounds one question for where a partition starts and ends.
	rangeTimeout = 5 * time.Second
	// readChunk is how many records are handed on together.
	readChunk = 1000
)

// span is where a partition's records are: from start to before end.
type span struct{ start, end int64 }

// reader reads the session's topic while nothing is published.
type reader struct {
	session *session
	client  *kafka.Consumer
}

// newReader returns a reader of committed records; the caller closes it.
func (s *session) newReader() (*reader, error) {
	client, err := newConsumer(s.brokers, s.security, s.logs.lines, kafka.ConfigMap{
		"group.id": s.lineage, "enable.auto.commit": false, "isolation.level": "read_committed",
		"auto.offset.reset": "error", "enable.partition.eof": true, "fetch.queue.backoff.ms": 10,
	})
	if err != nil {
		return nil, fmt.Errorf("make a Kafka consumer: %w", err)
	}
	return &reader{session: s, client: client}, nil
}

func (r *reader) close() { r.session.closeLater(r.client) }

// spans asks where the partitions' committed records are.
func (r *reader) spans() (map[int32]span, error) {
	spans := make(map[int32]span, r.session.topic.partitions)
	for partition := range int32(r.session.topic.partitions) { //nolint:gosec // few
		start, end, err := r.client.QueryWatermarkOffsets(r.session.name, partition, int(rangeTimeout.Milliseconds()))
		if err != nil {
			return nil, fmt.Errorf("ask where partition %d of topic %s ends: %w", partition, r.session.name, err)
		}
		spans[partition] = span{start, end}
	}
	return spans, nil
}

// assign begins to read at next.
func (r *reader) assign(next map[int32]int64) error {
	partitions := make([]kafka.TopicPartition, 0, len(next))
	for id, offset := range next {
		partitions = append(partitions, kafka.TopicPartition{Topic: &r.session.name, Partition: id, Offset: kafka.Offset(offset)})
	}
	if err := r.client.Assign(partitions); err != nil {
		return fmt.Errorf("read topic %s: %w", r.session.name, err)
	}
	return nil
}

// next waits for a record or the end of a partition. Whoever gets an end may get more of that partition later.
func (r *reader) next(ctx context.Context) (*kafka.Message, *kafka.PartitionEOF, error) {
	for deadline := time.Now().Add(readPatience); ; {
		switch event := r.client.Poll(int(pollInterval.Milliseconds())).(type) {
		case *kafka.Message:
			if err := event.TopicPartition.Error; err != nil {
				return nil, nil, fmt.Errorf("read topic %s: %w", r.session.name, err)
			}
			return event, nil, nil
		case kafka.PartitionEOF:
			return nil, &event, nil
		case kafka.Error:
			if event.IsFatal() || event.Code() == kafka.ErrAutoOffsetReset || event.Code() == kafka.ErrOffsetOutOfRange {
				return nil, nil, fmt.Errorf("read topic %s: %w", r.session.name, event)
			}
		}
		switch {
		case ctx.Err() != nil:
			return nil, nil, fmt.Errorf("read topic %s: %w", r.session.name, ctx.Err())
		case time.Now().After(deadline):
			return nil, nil, fmt.Errorf("read topic %s: nothing came for %s", r.session.name, readPatience)
		}
	}
}

// Ends implements outbox.Session.
func (s *session) Ends(context.Context) (map[int32]int64, error) {
	r, err := s.newReader()
	if err != nil {
		return nil, outage(err)
	}
	defer r.close()
	spans, err := r.spans()
	if err != nil {
		return nil, outage(err)
	}
	ends := make(map[int32]int64, len(spans))
	for partition, span := range spans {
		ends[partition] = span.end
	}
	return ends, nil
}

// Lost implements outbox.Session.
func (s *session) Lost(ctx context.Context, records []outbox.Standing) ([]outbox.Standing, error) {
	if len(records) == 0 {
		return nil, nil
	}
	r, err := s.newReader()
	if err != nil {
		return nil, outage(err)
	}
	defer r.close()
	spans, err := r.spans()
	if err != nil {
		return nil, outage(err)
	}
	gone := map[outbox.Standing]bool{}
	ask := map[int32][]outbox.Standing{}
	for _, record := range records {
		span, exists := spans[record.Partition]
		switch {
		case exists && record.Offset < span.start: // the topic's retention took it
		case !exists || record.Offset >= span.end:
			gone[record] = true
		default:
			ask[record.Partition] = append(ask[record.Partition], record)
		}
	}
	for len(ask) > 0 {
		if err := r.firsts(ctx, ask, gone); err != nil {
			return nil, outage(err)
		}
	}
	return slices.DeleteFunc(slices.Clone(records), func(record outbox.Standing) bool { return !gone[record] }), nil
}

// firsts looks at the first record that ask has of each partition, takes it from there, and notes whether it is gone.
func (r *reader) firsts(ctx context.Context, ask map[int32][]outbox.Standing, gone map[outbox.Standing]bool) error {
	at := map[int32]int64{}
	for partition, records := range ask {
		at[partition] = records[0].Offset
	}
	if err := r.assign(at); err != nil {
		return err
	}
	for len(at) > 0 {
		message, eof, err := r.next(ctx)
		if err != nil {
			return err
		}
		var found outbox.Standing
		var partition int32
		if eof != nil {
			partition = eof.Partition
		} else {
			partition = message.TopicPartition.Partition
			found, _ = r.session.standing(message)
		}
		if _, asked := at[partition]; !asked {
			continue
		}
		record := ask[partition][0]
		gone[record] = found.Place != record.Place || found.Slot != record.Slot
		delete(at, partition)
		if ask[partition] = ask[partition][1:]; len(ask[partition]) == 0 {
			delete(ask, partition)
		}
	}
	return nil
}

// standing returns a message as one of this lineage; false when it is another's.
func (s *session) standing(m *kafka.Message) (outbox.Standing, bool) {
	headers := make([]cloudevent.Header, len(m.Headers))
	for i, h := range m.Headers {
		headers[i] = cloudevent.Header(h)
	}
	envelope, err := cloudevent.Parse(headers)
	if err != nil || envelope.Lineage != s.lineage {
		return outbox.Standing{}, false
	}
	id, _ := uuidv7.Parse(envelope.ID) // zero when it is none of ours
	return outbox.Standing{
		Place: outbox.Place{Partition: m.TopicPartition.Partition, Offset: int64(m.TopicPartition.Offset)},
		Slot:  envelope.Sequence, ID: id,
	}, true
}

// Scan implements outbox.Session. It ends where the partitions ended when it began.
func (s *session) Scan(ctx context.Context, from map[int32]int64, visit func([]outbox.Standing) error) (map[int32]int64, error) {
	r, err := s.newReader()
	if err != nil {
		return nil, outage(err)
	}
	defer r.close()
	spans, err := r.spans()
	if err != nil {
		return nil, outage(err)
	}
	starts, next := make(map[int32]int64, len(spans)), map[int32]int64{}
	for partition, span := range spans {
		starts[partition] = span.start
		if first := max(from[partition], span.start); first < span.end {
			next[partition] = first
		}
	}
	if len(next) == 0 {
		return starts, visit(nil)
	}
	if err := r.assign(next); err != nil {
		return nil, outage(err)
	}
	return starts, r.scan(ctx, next, visit)
}

// scan reads the partitions in left to the ends they have now.
func (r *reader) scan(ctx context.Context, left map[int32]int64, visit func([]outbox.Standing) error) error {
	var chunk []outbox.Standing
	for read := 0; len(left) > 0; read++ {
		message, eof, err := r.next(ctx)
		if err != nil {
			return outage(err)
		}
		if eof != nil {
			delete(left, eof.Partition)
		} else if found, mine := r.session.standing(message); mine {
			chunk = append(chunk, found)
		}
		if read%readChunk == readChunk-1 || len(left) == 0 {
			if err := visit(chunk); err != nil {
				return err
			}
			chunk = chunk[:0]
		}
	}
	return nil
}
