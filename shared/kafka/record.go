package kafka

import (
	"bytes"
	"time"

	"ordertally/shared/event/cloudevent"
)

// Record is a message as it stands in a topic.
type Record struct {
	Partition   int32
	Offset      int64
	LeaderEpoch int32     // -1 if the broker did not say
	Timestamp   time.Time // set by the producer
	Key         []byte
	Value       []byte // nil for a tombstone
	Headers     []cloudevent.Header
	// TooLarge is the size of key, value and headers together if that is more than MaxRecordBytes; else 0. Such a
	// record has no value, and only keptOfLarge bytes of key and headers.
	TooLarge int

	identity string // of a record from which something was left out
}

// keptOfLarge is how many bytes of key and headers a record that is too large keeps.
const keptOfLarge = 64 << 10

// trim shortens a record that is larger than limit. What it keeps shares no memory with other records.
func (r *Record) trim(limit int) {
	size := len(r.Key) + len(r.Value)
	for i := range r.Headers {
		size += len(r.Headers[i].Key) + len(r.Headers[i].Value)
	}
	if size <= limit {
		return
	}
	r.identity = identityOf(r)
	r.TooLarge, r.Value = size, nil
	left := keptOfLarge
	if len(r.Key) > left {
		r.Key = nil
	}
	r.Key = bytes.Clone(r.Key)
	left -= len(r.Key)
	for i := range r.Headers {
		if left -= len(r.Headers[i].Key) + len(r.Headers[i].Value); left < 0 {
			r.Headers = r.Headers[:i:i]
			return
		}
		r.Headers[i].Value = bytes.Clone(r.Headers[i].Value)
	}
}
