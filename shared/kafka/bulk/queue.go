package bulk

// #include <stdlib.h>
// #include "bulk.h"
import "C"

import (
	"encoding/binary"
	"errors"
	"sync"
	"time"
	"unsafe"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/shared/event/cloudevent"
)

// Incoming is a record that was read. Records that one call of Poll returned share memory, so keeping one keeps them
// all.
type Incoming struct {
	Partition   int32
	Offset      int64
	LeaderEpoch int32     // -1 if the broker did not say
	Timestamp   time.Time // zero for none
	Key         []byte
	Value       []byte
	Headers     []cloudevent.Header
}

// Queue takes records from a consumer. Nobody else may poll the consumer.
type Queue struct {
	mu     sync.Mutex
	closed bool
	fetch  C.bulk_fetch // has no pointers to memory of Go, so that C may write to it
	names  []string     // of the last record's headers
	room   []cloudevent.Header
}

// NewQueue returns a Queue, which must be closed before the consumer.
func NewQueue(consumer *confluent.Consumer) (*Queue, error) {
	rk, err := handleOf(consumer)
	if err != nil {
		return nil, err
	}
	queue := C.rd_kafka_queue_get_consumer(rk)
	if queue == nil {
		return nil, errors.New("a consumer without a group.id has no queue")
	}
	return &Queue{fetch: C.bulk_fetch{queue: queue}}, nil
}

// Close waits for a Poll that is under way. Later ones return nothing.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.closed = true
	C.rd_kafka_queue_destroy(q.fetch.queue)
	C.free(unsafe.Pointer(q.fetch.data))
}

// callRecords and callBytes are about the most that one call of C takes or hands over.
const (
	callRecords = 1000
	callBytes   = 256 << 10
)

// Poll waits for a record or an event, for wait at most. It returns the records that have already arrived, limit and
// some 256 KiB at most, and the event behind them: a confluent.PartitionEOF, a confluent.Error, or nil. An error that
// is fatal ends reading.
func (q *Queue) Poll(wait time.Duration, limit int) ([]Incoming, confluent.Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, nil
	}
	whole := C.bulk_poll(&q.fetch, C.int(wait.Milliseconds()), C.int(min(limit, callRecords)), callBytes)
	event := q.event()
	if whole == 0 {
		return nil, confluent.NewError(confluent.ErrFail, "no memory for a record that was read", true)
	}
	if q.fetch.records == 0 {
		return nil, event
	}
	packed := unpacker{data: C.GoBytes(unsafe.Pointer(q.fetch.data), C.int(q.fetch.size))}
	C.bulk_trim(&q.fetch)
	records := make([]Incoming, q.fetch.records)
	for i := range records {
		if code := q.unpack(&packed, &records[i]); code != 0 {
			return records[:i], confluent.NewError(code, string(records[i].Value), true)
		}
	}
	return records, event
}

// event returns the event behind the records, or nil.
func (q *Queue) event() confluent.Event {
	event := q.fetch.event
	if event == nil {
		return nil
	}
	q.fetch.event = nil
	defer C.rd_kafka_event_destroy(event)
	code := C.rd_kafka_event_error(event)
	if code != C.RD_KAFKA_RESP_ERR__PARTITION_EOF {
		return confluent.NewError(confluent.ErrorCode(code), C.GoString(C.rd_kafka_event_error_string(event)),
			C.rd_kafka_event_error_is_fatal(event) != 0)
	}
	partition := C.rd_kafka_event_topic_partition(event)
	if partition == nil {
		return nil
	}
	defer C.rd_kafka_topic_partition_destroy(partition)
	topic := C.GoString(partition.topic)
	return confluent.PartitionEOF{Topic: &topic, Partition: int32(partition.partition),
		Offset: confluent.Offset(partition.offset)}
}

// unpack reads a bulk_incoming and what follows it. It returns the error that librdkafka had instead of a record, or 0.
func (q *Queue) unpack(from *unpacker, r *Incoming) confluent.ErrorCode {
	r.Offset = from.int64()
	timestamp := from.int64()
	if timestamp >= 0 {
		r.Timestamp = time.UnixMilli(timestamp)
	}
	r.Partition, r.LeaderEpoch = from.int32(), from.int32()
	key, value, headers, code := from.int32(), from.int32(), int(from.int32()), from.int32()
	r.Key, r.Value = from.bytes(key), from.bytes(value)
	if code != 0 || headers == 0 {
		return confluent.ErrorCode(code)
	}
	r.Headers = q.take(headers)
	for i := range r.Headers {
		name, value := from.int32(), from.int32()
		r.Headers[i] = cloudevent.Header{Key: q.name(i, from.bytes(name)), Value: from.skip(1).bytes(value)}
	}
	return 0
}

// name returns the name of header i as a string. It is most often that of the record before.
func (q *Queue) name(i int, text []byte) string {
	const most = 64
	if i < len(q.names) {
		if q.names[i] != string(text) {
			q.names[i] = string(text)
		}
		return q.names[i]
	}
	name := string(text)
	if i == len(q.names) && i < most {
		q.names = append(q.names, name)
	}
	return name
}

// take returns memory for n headers. One allocation serves many records.
func (q *Queue) take(n int) []cloudevent.Header {
	const many = 1024
	if len(q.room) < n {
		q.room = make([]cloudevent.Header, max(n, many))
	}
	taken := q.room[:n:n]
	q.room = q.room[n:]
	return taken
}

// unpacker reads what C packed, which is whole.
type unpacker struct{ data []byte }

func (u *unpacker) int64() int64 {
	return int64(binary.NativeEndian.Uint64(u.bytes(8)))
}

func (u *unpacker) int32() int32 {
	return int32(binary.NativeEndian.Uint32(u.bytes(4)))
}

// bytes returns the next n bytes, or nil if n is -1.
func (u *unpacker) bytes(n int32) []byte {
	if n < 0 {
		return nil
	}
	data := u.data[:n:n]
	u.data = u.data[n:]
	return data
}

func (u *unpacker) skip(n int) *unpacker {
	u.data = u.data[n:]
	return u
}
