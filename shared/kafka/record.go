package kafka

import (
	"time"

	"ordertally/shared/event/cloudevent"
)

// Record is one message as it stands in a topic.
type Record struct {
	Partition   int32
	Offset      int64
	LeaderEpoch int32     // -1 when the broker did not say
	Timestamp   time.Time // the record's own, set by its producer
	Key         []byte
	Value       []byte // nil for a tombstone
	Headers     []cloudevent.Header
	// TooLarge is how many bytes key, value and headers have together when that is more than MaxRecordBytes; else 0. Of
	// such a record the value is left out, and so are the key and the headers past keptOfLarge bytes.
	TooLarge int

	identity string // of a record of which something was left out
}

// keptOfLarge is how many bytes of key and headers are kept of a record that is too large.
const keptOfLarge = 64 << 10

// trim leaves out what makes a record larger than limit.
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
	left -= len(r.Key)
	for i := range r.Headers {
		if left -= len(r.Headers[i].Key) + len(r.Headers[i].Value); left < 0 {
			r.Headers = r.Headers[:i:i]
			return
		}
	}
}
