package kafka

import (
	"context"
	"fmt"
	"slices"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/shared/event/cloudevent"
	"ordertally/shared/outbox"
	"ordertally/shared/uuidv7"
)

const (
	// Reading a topic that brings nothing for readPatience is an outage.
	readPatience = 15 * time.Second
	// rangeTimeout bounds one request for the start and end of a partition, or for the topic's id.
	rangeTimeout = 5 * time.Second
	// readChunk is how many records are passed on together.
	readChunk = 1000
)

// span is the offsets of a partition's records: from start to before end.
type span struct{ start, end int64 }

// reader reads the session's topic while nothing is published.
type reader struct {
	session *session
	client  *bulkConsumer
}

// isolation says which records a reader sees, and what the end of a partition is for it.
type isolation string

const (
	// committed records, up to the last stable offset, where the first open transaction begins.
	committed isolation = "read_committed"
	// everything up to the high watermark, even records of open and aborted transactions.
	everything isolation = "read_uncommitted"
)

// newReader returns a reader. The caller must close it.
func (s *session) newReader(level isolation) (*reader, error) {
	settings := confluent.ConfigMap{
		"group.id": s.group, "enable.auto.commit": false, "isolation.level": string(level),
		"auto.offset.reset": "error", "enable.partition.eof": true, "fetch.queue.backoff.ms": 10,
	}
	if level == everything { // it reads single records
		settings["queued.min.messages"] = 1
	}
	client, err := newConsumer(s.brokers, s.security, s.logs.lines, settings)
	if err != nil {
		return nil, fmt.Errorf("make a Kafka consumer: %w", err)
	}
	return &reader{session: s, client: client}, nil
}

func (r *reader) close() { r.session.closeLater(r.client) }

// spans asks which offsets of the partitions the reader can see.
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

// assign starts reading at next.
func (r *reader) assign(next map[int32]int64) error {
	partitions := make([]confluent.TopicPartition, 0, len(next))
	for id, offset := range next {
		partitions = append(partitions, confluent.TopicPartition{Topic: &r.session.name, Partition: id,
			Offset: confluent.Offset(offset)})
	}
	if err := r.client.Assign(partitions); err != nil {
		return fmt.Errorf("read topic %s: %w", r.session.name, err)
	}
	return nil
}

// next waits for a record or the end of a partition. At the deadline it returns neither. After an end, more records of
// the partition may follow later. The record is the caller's until the next call.
func (r *reader) next(ctx context.Context, deadline time.Time) (*Record, *confluent.PartitionEOF, error) {
	for {
		switch event := r.client.Poll(pollInterval).(type) {
		case *Record:
			return event, nil, nil
		case confluent.PartitionEOF:
			return nil, &event, nil
		case confluent.Error:
			if event.IsFatal() || event.Code() == confluent.ErrAutoOffsetReset ||
				event.Code() == confluent.ErrOffsetOutOfRange {
				return nil, nil, fmt.Errorf("read topic %s: %w", r.session.name, event)
			}
		}
		switch {
		case ctx.Err() != nil:
			return nil, nil, fmt.Errorf("read topic %s: %w", r.session.name, ctx.Err())
		case time.Now().After(deadline):
			return nil, nil, nil
		}
	}
}

func (r *reader) silent() error {
	return fmt.Errorf("read topic %s: no records for %s", r.session.name, readPatience)
}

// firsts returns the first record at or after each of the offsets in at. A partition that ends earlier has none.
func (r *reader) firsts(ctx context.Context, at map[int32]int64) (map[int32]*Record, error) {
	if err := r.assign(at); err != nil {
		return nil, err
	}
	first, ended := map[int32]*Record{}, map[int32]bool{}
	for len(ended) < len(at) {
		record, eof, err := r.next(ctx, time.Now().Add(readPatience))
		switch {
		case err != nil:
			return nil, err
		case eof != nil:
			ended[eof.Partition] = true
		case record == nil:
			return nil, r.silent()
		default:
			if partition := record.Partition; !ended[partition] {
				kept := *record
				first[partition], ended[partition] = &kept, true
			}
		}
	}
	return first, nil
}

// Ends implements outbox.Log.
func (s *session) Ends(context.Context) (map[int32]int64, error) {
	r, err := s.newReader(everything)
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

// Lost implements outbox.Log.
func (s *session) Lost(ctx context.Context, records []outbox.StoredRecord) ([]outbox.StoredRecord, error) {
	switch same, err := s.sameTopic(ctx); {
	case err != nil:
		return nil, outage(err)
	case !same:
		return records, nil
	case len(records) == 0:
		return nil, nil
	}
	r, err := s.newReader(everything)
	if err != nil {
		return nil, outage(err)
	}
	defer r.close()
	spans, err := r.spans()
	if err != nil {
		return nil, outage(err)
	}
	gone := map[outbox.StoredRecord]bool{}
	ask := map[int32][]outbox.StoredRecord{}
	for _, record := range records {
		span, exists := spans[record.Partition]
		switch {
		case exists && record.Offset < span.start: // the topic's retention deleted it
		case !exists || record.Offset >= span.end:
			gone[record] = true
		default:
			ask[record.Partition] = append(ask[record.Partition], record)
		}
	}
	for len(ask) > 0 { // one of each partition at a time
		at := map[int32]int64{}
		for partition, records := range ask {
			at[partition] = records[0].Offset
		}
		first, err := r.firsts(ctx, at)
		if err != nil {
			return nil, outage(err)
		}
		for partition := range at {
			record := ask[partition][0]
			found, _ := s.storedRecord(first[partition])
			gone[record] = found.Position != record.Position || found.Slot != record.Slot
			if ask[partition] = ask[partition][1:]; len(ask[partition]) == 0 {
				delete(ask, partition)
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(records), func(record outbox.StoredRecord) bool { return !gone[record] }), nil
}

// envelopeOf returns the envelope of an order service's message, or false for any other record.
func envelopeOf(r *Record) (cloudevent.Envelope, bool) {
	envelope, err := cloudevent.Parse(r.Headers)
	return envelope, err == nil
}

// storedRecord returns a message of this lineage, or false if the record is nil or of another lineage. A message that
// an operator had published again is left out too: its first record, in its place among the others, is what counts.
func (s *session) storedRecord(r *Record) (outbox.StoredRecord, bool) {
	if r == nil {
		return outbox.StoredRecord{}, false
	}
	envelope, ok := envelopeOf(r)
	if !ok || envelope.Lineage != s.lineage || cloudevent.Republished(r.Headers) {
		return outbox.StoredRecord{}, false
	}
	id, _ := uuidv7.Parse(envelope.ID) // zero if it is not one of our ids
	return outbox.StoredRecord{
		Position: outbox.Position{Partition: r.Partition, Offset: r.Offset},
		Slot:     envelope.Sequence, ID: id,
	}, true
}
