package bulk

// #include <stdlib.h>
// #include "bulk.h"
import "C"

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/shared/outbox"
)

// Topic takes records for one topic of a producer. It is not safe for concurrent use.
type Topic struct {
	rk     *C.rd_kafka_t
	topic  *C.rd_kafka_topic_t
	packed []byte
}

// NewTopic returns a Topic, which must be closed before the producer.
func NewTopic(producer *confluent.Producer, name string) (*Topic, error) {
	rk, err := handleOf(producer)
	if err != nil {
		return nil, err
	}
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	topic := C.rd_kafka_topic_new(rk, text, nil)
	if topic == nil {
		return nil, fmt.Errorf("write to topic %s: %w", name, errorOf(C.rd_kafka_last_error()))
	}
	return &Topic{rk: rk, topic: topic}, nil
}

// Close releases the topic.
func (t *Topic) Close() { C.rd_kafka_topic_destroy(t.topic) }

// Produce hands over records until one is refused. It returns how many were taken and, if that is not all, a
// confluent.Error, which is ErrQueueFull while librdkafka has no room. The report of a record comes from the producer's
// Events. The reports of a partition come in the order of its records.
func (t *Topic) Produce(records []outbox.Record) (taken int, err error) {
	for taken < len(records) {
		t.packed = t.packed[:0]
		for i := taken; i < len(records) && i < taken+callRecords && len(t.packed) < callBytes; i++ {
			t.packed = pack(t.packed, &records[i])
		}
		var n C.int
		code := C.bulk_produce(t.rk, t.topic, address(t.packed), C.size_t(len(t.packed)), &n)
		taken += int(n)
		if code != 0 {
			return taken, errorOf(code)
		}
	}
	return taken, nil
}

// pack appends a bulk_outgoing and what follows it.
func pack(to []byte, r *outbox.Record) []byte {
	order := binary.NativeEndian
	var timestamp int64 // librdkafka takes 0 for now
	if !r.Time.IsZero() {
		timestamp = r.Time.UnixMilli()
	}
	to = order.AppendUint64(to, uint64(timestamp))
	for _, n := range [...]int32{r.Partition, sizeOf(r.Key), sizeOf(r.Value), int32(len(r.Headers))} {
		to = order.AppendUint32(to, uint32(n))
	}
	to = append(append(to, r.Key...), r.Value...)
	for i := range r.Headers {
		h := &r.Headers[i]
		to = order.AppendUint32(to, uint32(len(h.Key)))
		to = order.AppendUint32(to, uint32(sizeOf(h.Value)))
		to = append(append(append(to, h.Key...), 0), h.Value...)
	}
	return to
}

// sizeOf returns the size of a value, or -1 if it is nil.
func sizeOf(value []byte) int32 {
	if value == nil {
		return -1
	}
	return int32(len(value))
}
